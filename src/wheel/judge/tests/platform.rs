//! Machine, C library, needed libraries, floors.

use super::*;

#[test]
fn every_place_and_kind_is_opened() {
    let wrong = || Sample::library("x86_64-linux");
    let good = || Trial::with_extension(extension());
    for place in [
        "pkg/_y.cpython-311-aarch64-linux-gnu.so",
        "pkg-1.data/platlib/pkg/_y.cpython-311-aarch64-linux-gnu.so",
        "pkg-1.data/scripts/tool",
        "pkg-1.data/data/lib/liby.so.1",
        "pkg/no_suffix",
        "pkg/data.bin",
    ] {
        good().file(place, wrong()).refused_with(Code::WrongMachine, &[place, "x86_64", "aarch64"]);
    }
    let object = Sample { kind: 1, ..wrong() };
    good().file("pkg/y.o", object.clone()).refused(Code::WrongMachine);
    let program = Sample { kind: 2, interpreter: Some("/lib64/ld-linux-x86-64.so.2".into()), ..wrong() };
    good().file("pkg-1.data/scripts/tool", program).refused(Code::WrongMachine);

    let body = object.bytes();
    let header = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "y.o/", 0, 0, 0, 644, body.len());
    let archive = [b"!<arch>\n", header.as_bytes(), body.as_slice()].concat();
    good().raw("pkg/liby.a", &archive).refused_with(Code::WrongMachine, &["liby.a", "`y.o`"]);
}

#[test]
fn broken_files_are_faults_and_foreign_ones_notes() {
    let good = || Trial::with_extension(extension());
    let cut = extension().bytes();
    good().raw("pkg/cut.so", &cut[..cut.len() / 2]).refused_with(Code::BrokenElf, &["pkg/cut.so"]);
    good().raw("pkg/y.a", b"!<arch>\nrubbish").refused(Code::BrokenArchive);
    good().raw("pkg/_x.dylib", &[0xcf, 0xfa, 0xed, 0xfe, 0, 0]).noted("Mach-O");
    let bpf = Sample { machine: 247, ..Sample::library("x86_64-linux") };
    let trial = good().file("pkg/probe.o", bpf);
    trial.noted("BPF");
    assert_eq!(trial.judge().unwrap().files.len(), 2);
}

#[test]
fn libc_flavours_do_not_mix() {
    let musl = Sample::library("aarch64-linux-musl").need("libc.musl-aarch64.so.1").export("PyInit__x");
    Trial::with_extension(musl.clone()).refused_with(Code::WrongMachine, &["musl"]);
    let mut trial =
        Trial::new("cp311-cp311-linux_aarch64").file("pkg/_x.cpython-311-aarch64-linux-musl.so", musl);
    trial.target = "aarch64-linux-musl".parse().unwrap();
    assert_eq!(trial.tag(), "cp311-cp311-musllinux_1_2_aarch64");
    let mut trial = Trial::with_extension(extension());
    trial.target = "aarch64-linux-musl".parse().unwrap();
    trial.refused_with(Code::WrongMachine, &["glibc"]);
}

#[test]
fn musl_goes_by_the_name_that_wheels_use() {
    for name in ["libc.so", "libc.musl-x86_64.so.1", "ld-musl-aarch64.so.1", "libc.so.6"] {
        let musl = Sample::library("aarch64-linux-musl").need(name).export("PyInit__x");
        let mut trial =
            Trial::new("cp311-cp311-linux_aarch64").file("pkg/_x.cpython-311-aarch64-linux-musl.so", musl);
        trial.target = "aarch64-linux-musl".parse().unwrap();
        let error = trial.judge().unwrap_err();
        let code = if name == "libc.so.6" { Code::WrongMachine } else { Code::ForeignLibrary };
        assert_eq!(error.code(), code, "{name}: {error}");
        if name == "libc.so" {
            assert!(error.hints().iter().any(|hint| hint.contains("libc.musl-aarch64.so.1")), "{error:?}");
        }
    }
}

#[test]
fn the_floor_is_the_highest_version_and_bounded() {
    let newer = extension().need("libm.so.6").import_of("exp", "libm.so.6", "GLIBC_2.29");
    let mut trial = Trial::with_extension(newer);
    trial.refused_with(Code::TooNewSymbol, &["glibc 2.29", "2.28", "`exp`", "GLIBC_2.29"]);
    let error = trial.refused(Code::TooNewSymbol);
    assert_eq!(error.hints(), ["ask for a higher floor: `--target aarch64-linux-gnu.2.29`"]);
    trial.target = "aarch64-linux-gnu.2.31".parse().unwrap();
    assert_eq!(trial.tag(), "cp311-cp311-manylinux_2_29_aarch64");
    assert_eq!(trial.judge().unwrap().files[0].floor_reason.as_deref(), Some("exp@GLIBC_2.29"));
}

#[test]
fn the_floor_is_over_all_files() {
    let trial = Trial::with_extension(extension()).file(
        "pkg-1.data/scripts/tool",
        Sample {
            interpreter: Some("/lib/ld-linux-aarch64.so.1".into()),
            ..Sample::library("aarch64-linux").need("libc.so.6").import_of(
                "getrandom",
                "libc.so.6",
                "GLIBC_2.25",
            )
        },
    );
    assert_eq!(trial.tag(), "cp311-cp311-manylinux_2_25_aarch64");
    assert_eq!(trial.judge().unwrap().files[1].kind, FileKind::Program);
}

#[test]
fn compiler_runtimes_set_floors_too() {
    let cxx =
        |version: &str| extension().need("libstdc++.so.6").import_of("_ZSt4cout", "libstdc++.so.6", version);
    assert_eq!(
        Trial::with_extension(cxx("GLIBCXX_3.4")).tag().split('-').nth(2),
        Some("manylinux_2_17_aarch64.manylinux2014_aarch64")
    );
    assert!(Trial::with_extension(cxx("GLIBCXX_3.4.21")).tag().ends_with("manylinux_2_24_aarch64"));
    Trial::with_extension(cxx("GLIBCXX_3.4.30"))
        .refused_with(Code::TooNewSymbol, &["2.35", "GLIBCXX_3.4.30"]);
    Trial::with_extension(cxx("GLIBCXX_9.9")).refused_with(Code::TooNewSymbol, &["no platform promises"]);
    assert!(
        Trial::with_extension(extension().need("libmvec.so.1")).tag().ends_with("manylinux_2_24_aarch64")
    );
}

#[test]
fn needed_libraries_are_promised_or_inside() {
    for (library, word) in [
        ("libssl.so.3", "manylinux"),
        ("libpython3.11.so.1.0", "interpreter"),
        ("libcrypt.so.1", "manylinux"),
        ("ld-linux-x86-64.so.2", "manylinux"),
    ] {
        Trial::with_extension(extension().need(library)).refused_with(Code::ForeignLibrary, &[library, word]);
    }
    let library = || Sample { soname: Some("liby.so.1".into()), ..Sample::library("aarch64-linux") };
    let inside = |runpath: &str| {
        Trial::with_extension(extension().need("liby.so.1").runpath(runpath))
            .file("pkg.libs/liby.so.1", library())
    };
    assert!(inside("$ORIGIN/../pkg.libs").judge().is_ok());
    // In the wheel, but nobody finds it there.
    inside("/build").refused_with(Code::ForeignLibrary, &["pkg.libs/liby.so.1", "RUNPATH"]);
    let error = inside("/build").refused(Code::ForeignLibrary);
    assert_eq!(error.hints(), ["link it with `-Wl,-rpath,$ORIGIN/../pkg.libs`"]);
    // Another file that finds it has it loaded.
    let first = extension().need("liby.so.1").need("libz_own.so").runpath("$ORIGIN/../pkg.libs");
    let second = Sample::library("aarch64-linux").need("liby.so.1");
    Trial::with_extension(first)
        .file("pkg.libs/liby.so.1", library())
        .file("pkg.libs/libz_own.so", second)
        .judge()
        .unwrap();
}

#[test]
fn static_programs_need_nothing() {
    let program = Sample { kind: 1, ..Sample::library("aarch64-linux") };
    let mut bytes = program.bytes();
    // ET_EXEC without a dynamic segment.
    bytes[16] = 2;
    let trial = Trial::new("py3-none-linux_aarch64").raw("pkg-1.data/scripts/tool", &bytes);
    assert_eq!(trial.tag(), "py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64");
    assert_eq!(trial.judge().unwrap().files[0].kind, FileKind::Program);
}

#[test]
fn one_floor_is_hinted_for_all_files() {
    let newer = |version| extension().need("libm.so.6").import_of("exp", "libm.so.6", version);
    let error = Trial::with_extension(newer("GLIBC_2.29"))
        .file("pkg-1.data/platlib/pkg/_x.cpython-311-aarch64-linux-gnu.so", newer("GLIBC_2.31"))
        .refused(Code::TooNewSymbol);
    assert_eq!(error.causes().len(), 2);
    assert_eq!(error.hints(), ["ask for a higher floor: `--target aarch64-linux-gnu.2.31`"]);
}

#[test]
fn an_executable_stack_is_refused_and_small_pages_noted() {
    let stack = Sample { executable_stack: true, ..extension() };
    Trial::with_extension(stack).refused_with(Code::BadExtension, &["executable stack", "2.41"]);
    let small = Sample { page_alignment: 4096, ..extension() };
    Trial::with_extension(small).noted("pages of 64 KiB");
}

#[test]
fn native_files_do_not_lie_in_purelib() {
    Trial::new("cp311-cp311-linux_aarch64")
        .file("pkg-1.data/purelib/pkg/_x.cpython-311-aarch64-linux-gnu.so", extension())
        .refused_with(Code::BadWheel, &["purelib"]);
}
