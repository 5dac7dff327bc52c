//! Real lines of clang, gcc, lld, zig and GNU ld, and what they mean.

use std::path::PathBuf;

use super::*;

fn call(kind: Kind, code: i32, stderr: &[&str]) -> Call {
    Call {
        tool: "cc".into(),
        target: "aarch64-linux-gnu.2.17".into(),
        cwd: "/build/src".into(),
        kind,
        code,
        shared: kind == Kind::Link,
        sources: if kind == Kind::Compile { vec!["/build/src/src/a.c".into()] } else { Vec::new() },
        output: Some(PathBuf::from(if kind == Kind::Link {
            "/build/src/b/a.so"
        } else {
            "/build/src/b/a.o"
        })),
        stderr: stderr.iter().map(|line| (*line).to_owned()).collect(),
        ..Call::default()
    }
}

fn glibc(name: &str) -> Option<u32> {
    [("memfd_create", 27), ("getrandom", 25), ("sin", 17)]
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, v)| *v)
}

fn first(kind: Kind, line: &str) -> (Code, String) {
    let errors = causes(&[call(kind, 1, &["In file included from x.c:1:", line])], "", glibc);
    let [error] = errors.as_slice() else { panic!("{line}: {errors:?}") };
    (error.code(), error.headline().to_owned())
}

#[test]
fn every_compiler_says_it_its_own_way() {
    for (kind, line, code, name) in [
        (
            Kind::Compile,
            "src/c/_cffi_backend.c:15:10: fatal error: 'ffi.h' file not found",
            Code::MissingHeader,
            "`ffi.h`",
        ),
        (
            Kind::Compile,
            "a.c:1:10: fatal error: libxslt/xsltconfig.h: No such file or directory",
            Code::MissingHeader,
            "`libxslt/xsltconfig.h`",
        ),
        (Kind::Link, "ld.lld: error: unable to find library -lpq", Code::MissingLibrary, "`pq`"),
        (
            Kind::Link,
            "error: unable to find dynamic system library \"gomp\" using strategy paths_first. searched paths: none",
            Code::MissingLibrary,
            "`gomp`",
        ),
        (
            Kind::Link,
            "/usr/bin/ld: cannot find -lyaml: No such file or directory",
            Code::MissingLibrary,
            "`yaml`",
        ),
        (
            Kind::Link,
            "cc: error: `/usr/lib/libpq.so` is a library of the build machine",
            Code::MissingLibrary,
            "`/usr/lib/libpq.so`",
        ),
        (Kind::Link, "ld.lld: error: undefined symbol: foo_init", Code::Link, "`foo_init`"),
        (Kind::Link, "a.c:(.text+0x5): undefined reference to `foo_init'", Code::Link, "`foo_init`"),
        (Kind::Link, "ld.lld: error: undefined symbol: sin", Code::Link, "`sin`"),
        (Kind::Link, "ld.lld: error: undefined symbol: memfd_create", Code::FloorTooLow, "2.27"),
        (
            Kind::Compile,
            "a.c:3:5: error: call to undeclared function 'getrandom'; ISO C99 and later do not support implicit function declarations [-Wimplicit-function-declaration]",
            Code::FloorTooLow,
            "2.25",
        ),
        (
            Kind::Compile,
            "usr/include/stdio.h:205:27: error: use of undeclared identifier 'L_tmpnam'",
            Code::Compiler,
            "`L_tmpnam`",
        ),
        (
            Kind::Link,
            "ld.lld: error: usr/lib/x86_64-linux-gnu/libpq.so is incompatible with aarch64linux",
            Code::ForeignObject,
            "libpq.so",
        ),
        (
            Kind::Compile,
            "a.c:9:1: error: expected ';' after expression",
            Code::Compiler,
            "`src/a.c` does not compile",
        ),
        (Kind::Link, "ld.lld: error: duplicate symbol: f", Code::Linker, "`b/a.so` does not link"),
    ] {
        let (found, headline) = first(kind, line);
        assert_eq!(found, code, "{line}");
        assert!(headline.contains(name), "{line}: {headline}");
    }
}

#[test]
fn a_floor_error_says_what_to_paste() {
    let failed =
        call(Kind::Link, 1, &["ld.lld: error: undefined symbol: memfd_create", ">>> referenced by a.c"]);
    let error = &causes(&[failed], "", glibc)[0];
    assert_eq!(error.hints(), ["--target aarch64-linux-gnu.2.27"]);
    assert_eq!(error.lines().len(), 2);
}

#[test]
fn probes_queries_and_build_programs_are_no_causes() {
    let line = ["a.c:1:1: fatal error: 'x.h' file not found"];
    let probe = Call { probe: Probe::Sure, ..call(Kind::Compile, 1, &line) };
    let build = Call { target: "build".into(), ..call(Kind::Compile, 1, &line) };
    let query = call(Kind::Query, 1, &line);
    let calls = [probe, build, query];
    assert!(causes(&calls, "", glibc).is_empty() && lost_extensions(&calls).is_empty());
}

#[test]
fn a_small_generated_source_is_a_cause_when_nothing_else_is() {
    let likely = || Call {
        probe: Probe::Likely,
        ..call(Kind::Compile, 1, &["a.c:1:1: fatal error: 'x.h' file not found"])
    };
    assert_eq!(causes(&[likely()], "", glibc)[0].code(), Code::MissingHeader);
    let sure =
        causes(&[likely(), call(Kind::Link, 1, &["ld.lld: error: unable to find library -lz"])], "", glibc);
    assert!(sure.len() == 1 && sure[0].code() == Code::MissingLibrary);
}

#[test]
fn the_log_tells_of_programs_that_ran_on_the_wrong_machine() {
    let log = "meson…\nOSError: [Errno 8] Exec format error: './conftest'\n";
    let errors = causes(&[], log, glibc);
    assert_eq!(errors[0].code(), Code::TargetProgram);
    assert!(errors[0].lines()[0].contains("conftest"));
    let cargo = "  src/x.c:1:10: fatal error: 'openssl/ssl.h' file not found\n";
    assert_eq!(causes(&[], cargo, glibc)[0].code(), Code::MissingHeader);
}

#[test]
fn an_extension_is_lost_unless_it_succeeds_later() {
    let failed = || call(Kind::Compile, 1, &["error: x"]);
    let passed = || call(Kind::Compile, 0, &[]);
    assert_eq!(lost_extensions(&[failed()]), ["src/a.c"]);
    assert_eq!(lost_extensions(&[passed(), failed(), failed()]), ["src/a.c"]);
    assert!(lost_extensions(&[failed(), passed()]).is_empty());
    assert_eq!(lost_extensions(&[passed(), call(Kind::Link, 1, &[])]), ["b/a.so"]);
    let program = Call { shared: false, ..call(Kind::Link, 1, &[]) };
    assert!(lost_extensions(&[program]).is_empty());
}
