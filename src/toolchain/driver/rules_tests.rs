//! Every row of `toolchains/flags.toml`, tried on its own examples.

use std::path::Path;

use super::super::command::{self, Arg};
use super::super::config::{Compiler, Driver, DriverConfig, Toolset};
use super::super::translate::Translator;
use super::*;
use crate::target::Target;

/// A driver for `machine` whose only rules are those of `dialect` and `machine`.
fn driver(dialect: Dialect, machine: &str) -> Driver {
    let target: Target = format!("{machine}-linux").parse().unwrap();
    let config = DriverConfig::new(target, Compiler::ZigCc { zig: "/zig".into() });
    let mut driver = config.resolve().unwrap().0;
    driver.tools.rules = Rules::for_target(dialect, machine).to_lines();
    driver
}

fn filtered(driver: &Driver, line: &str, probe: bool) -> crate::report::Result<String> {
    let translator = Translator { driver, toolset: &driver.tools, cwd: Path::new("/build/src"), cross: true };
    let words = line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    translator.filter(command::parse(words)?, probe).map(|(args, _)| command::words(&args).join(" "))
}

#[test]
fn every_rule_does_what_its_examples_say() {
    let mut examples = 0;
    for row in &table().rule {
        assert!(!row.examples.is_empty() && !row.reason.is_empty(), "{:?}", row.flags);
        assert_eq!(
            row.with.is_some(),
            matches!(row.action, Action::Replace | Action::Lift),
            "{:?}: `with` belongs to replace and lift",
            row.flags
        );
        for name in row.machines.iter().chain(&row.except).flatten() {
            let arch = crate::target::Arch::find(name);
            assert!(arch.is_some_and(|arch| arch.machine == *name), "no machine {name}");
        }
        for example in &row.examples {
            examples += 1;
            let driver = driver(example.dialect, &example.machine);
            match filtered(&driver, &example.given, example.probe) {
                Ok(left) => {
                    assert!(!example.error, "{} was not refused", example.given);
                    assert_eq!(left, example.left, "given {}", example.given);
                }
                Err(error) => assert!(example.error, "{}: {error}", example.given),
            }
        }
    }
    assert!(examples >= table().rule.len());
}

/// The row must decide its own flags: an earlier row that matches them makes it dead.
#[test]
fn no_rule_is_hidden_by_an_earlier_one() {
    for dialect in [Dialect::Kit, Dialect::Zig, Dialect::Clang, Dialect::Gcc] {
        for arch in crate::target::Arch::all() {
            let rules = Rules::for_target(dialect, &arch.machine).0;
            for (at, rule) in rules.iter().enumerate() {
                let hidden = rules[..at].iter().find(|earlier| {
                    earlier.level == rule.level
                        && matches(&earlier.pattern, &rule.pattern).is_some()
                        && earlier.action == rule.action
                });
                assert!(hidden.is_none(), "{rule:?} is hidden by {hidden:?}");
            }
        }
    }
}

#[test]
fn rules_survive_being_written() {
    let rules = Rules::for_target(Dialect::Zig, "aarch64");
    assert_eq!(Rules::from_lines(&rules.to_lines()), Some(rules));
    assert_eq!(Rules::from_lines("compiler\tfly\t-x\t"), None);
}

#[test]
fn every_default_reads_and_can_be_overridden() {
    for row in &table().default {
        assert!(!row.reason.is_empty() && !row.args.is_empty());
        // Written with blanks between and read back by splitting.
        assert!(row.args.iter().all(|arg| !arg.contains(' ')));
        command::parse(row.args.clone()).unwrap();
    }
    let words = |set: &Toolset, step, place, given: &str| {
        let args = command::parse(given.split(' ').map(str::to_owned).collect()).unwrap();
        let given: Vec<String> = args.iter().map(Arg::canonical).collect();
        set.default_words(step, place, &given).join(" ")
    };
    let zig = driver(Dialect::Zig, "aarch64").tools;
    let first = words(&zig, Step::Compile, Place::First, "-c a.c");
    assert!(
        first.contains("-O2")
            && first.contains("-fno-sanitize=undefined")
            && first.contains("_FORTIFY_SOURCE=2")
    );
    let first =
        words(&zig, Step::Compile, Place::First, "-Os -D_FORTIFY_SOURCE=3 -fno-stack-protector -c a.c");
    assert!(!first.contains("-O2") && !first.contains("FORTIFY") && !first.contains("stack-protector"));
    assert!(!words(&zig, Step::Compile, Place::First, "-O0 -c a.c").contains("FORTIFY"));
    assert!(words(&zig, Step::Compile, Place::Last, "-g -c a.c").contains("-g0"));
    assert!(words(&zig, Step::Link, Place::Last, "-shared a.o").contains("-Wl,-s"));
    assert!(!words(&zig, Step::Link, Place::Last, "-r a.o").contains("-Wl,-s"));
}

#[test]
fn libraries_that_no_target_has_are_explained() {
    assert!(missing_library_reason("gomp").unwrap().contains("OpenMP"));
    assert_eq!(missing_library_reason("z"), None);
    for row in &table().missing_library {
        assert!(!row.name.starts_with("lib") && !row.reason.is_empty());
    }
}

/// What asks nobody where a library's headers are still finds those of the target.
#[test]
fn a_folder_below_the_machines_headers_is_that_of_a_sysroot() {
    let sysroot = tempfile::tempdir().unwrap();
    let root = sysroot.path().display().to_string();
    std::fs::create_dir_all(sysroot.path().join("usr/include/freetype2")).unwrap();
    let mut driver = driver(Dialect::Kit, "aarch64");
    driver.pkg_config_sysroots = vec!["/no/sysroot".into(), root.clone()];
    for (given, left) in [
        ("-I/usr/include/freetype2 -c a.c", format!("-I{root}/usr/include/freetype2 -c a.c")),
        ("-isystem /usr/include//freetype2/ -c a.c", format!("-isystem {root}/usr/include/freetype2 -c a.c")),
        ("-I/usr/include -I/usr/include/libxml2 -I/usr/local/include/freetype2 -c a.c", "-c a.c".to_owned()),
    ] {
        assert_eq!(filtered(&driver, given, false).unwrap(), left, "{given}");
    }
}

/// Regression: include and library folders of the build machine reached the target (pillow, psycopg2).
#[test]
fn folders_of_the_build_machine_never_pass() {
    let mut driver = driver(Dialect::Kit, "aarch64");
    driver.hide = vec!["/opt/python/include".into(), "/opt/python/lib".into()];
    driver.keep = vec!["/usr/lib/target-sysroot".into()];
    for (given, left) in [
        ("-I/usr/include -I /usr/local/include -isystem /usr/include/libxml2 -c a.c", "-c a.c"),
        ("-I/opt/python/include/python3.11 -Iinclude -c a.c", "-Iinclude -c a.c"),
        (
            "-I/opt/python/lib/python3.11/site-packages/numpy/include -c a.c",
            "-I/opt/python/lib/python3.11/site-packages/numpy/include -c a.c",
        ),
        ("-I../../usr/include -I//usr//include -c a.c", "-c a.c"),
        ("-shared a.o -L/usr/lib/x86_64-linux-gnu -L/lib -L/opt/python/lib -Lsub", "-shared a.o -Lsub"),
        (
            "-shared a.o -Wl,-rpath,/opt/python/lib:$ORIGIN/x -Wl,-rpath-link=/usr/lib",
            "-shared a.o -Wl,-rpath,$ORIGIN/x",
        ),
        ("-shared a.o -Xlinker -rpath -Xlinker /usr/local/lib -Wl,-L/usr/lib", "-shared a.o"),
        ("-I/usr/lib/target-sysroot/usr/include -c a.c", "-I/usr/lib/target-sysroot/usr/include -c a.c"),
        ("-I/usr/includes -c a.c", "-I/usr/includes -c a.c"),
    ] {
        assert_eq!(filtered(&driver, given, false).unwrap(), left, "given {given}");
    }
    let error = filtered(&driver, "-shared a.o /usr/lib/x86_64-linux-gnu/libpq.so", false).unwrap_err();
    assert_eq!(error.code(), crate::report::Code::MissingLibrary);
    assert!(filtered(&driver, "-shared a.o sub/libpq.a", false).is_ok());
}

/// Regression: cc-rs passes Rust's triple, which zig does not read (orjson, blake3).
#[test]
fn a_triple_for_the_same_machine_is_dropped_and_another_refused() {
    let driver = driver(Dialect::Zig, "aarch64");
    assert_eq!(filtered(&driver, "--target=aarch64-unknown-linux-gnu -c a.c", false).unwrap(), "-c a.c");
    assert_eq!(filtered(&driver, "-target arm64-linux -c a.c", false).unwrap(), "-c a.c");
    let error = filtered(&driver, "--target=x86_64-unknown-linux-gnu -c a.c", false).unwrap_err();
    assert!(error.headline().contains("aarch64-linux-gnu.2.28"), "{error}");
}
