//! Each fault the check is there for, and an image without one.

use super::{Finding, Subject, judge};
use crate::elf::sample::Sample;
use crate::image::facts::{FileFacts, LayerFacts, PathFacts};
use crate::image::oci::RunConfig;
use crate::image::python::ImagePython;
use crate::image::root::Root;
use crate::report::Code;

const TARGET: &str = "x86_64-linux-gnu.2.36";
const SITE: &str = "usr/lib/python3.11/site-packages";

/// A system with a C library up to `newest`, an interpreter and what `more` adds.
struct System {
    layer: LayerFacts,
    config: RunConfig,
}

impl System {
    fn new() -> Self {
        let mut system = Self { layer: LayerFacts::default(), config: RunConfig::default() };
        let loader = "/lib64/ld-linux-x86-64.so.2";
        let mut program =
            Sample::library(TARGET).need("libc.so.6").import_of("puts", "libc.so.6", "GLIBC_2.2.5");
        program.interpreter = Some(loader.to_owned());
        system.elf("usr/bin/python3.11", &program);
        let mut libc = Sample::library(TARGET);
        libc.soname = Some("libc.so.6".to_owned());
        for version in ["GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.36"] {
            libc.exports.push((format!("f{}", version.len()), Some(version.to_owned()), false));
        }
        system.elf("usr/lib/x86_64-linux-gnu/libc.so.6", &libc);
        system.elf(&loader[1..], &Sample::library(TARGET));
        system.file("usr/lib/python3.11/os.py", b"");
        system.config.entrypoint = Some(vec!["/usr/bin/python3.11".to_owned()]);
        system
    }

    fn elf(&mut self, path: &str, sample: &Sample) {
        self.file(path, &sample.bytes());
    }

    fn file(&mut self, path: &str, data: &[u8]) {
        let facts = FileFacts::of_bytes(path, true, data);
        self.layer.paths.insert(path.to_owned(), PathFacts::File(facts));
    }

    fn check_for(&self, target: &str, allow: &[String]) -> Vec<Finding> {
        let root = Root::of([&self.layer]);
        let python = ImagePython::find(&root, None, &[]);
        Subject {
            root: &root,
            target: target.parse().unwrap(),
            config: &self.config,
            python: python.as_ref(),
            allow,
            applications: &["app".to_owned()],
        }
        .check()
    }

    /// The fatal findings as people see them.
    fn faults(&self) -> Vec<String> {
        self.check_for(TARGET, &[]).iter().filter(|f| f.fatal).map(ToString::to_string).collect()
    }

    #[track_caller]
    fn has_one(&self, parts: &[&str]) {
        let faults = self.faults();
        assert_eq!(faults.len(), 1, "{faults:#?}");
        for part in parts {
            assert!(faults[0].contains(part), "`{part}` is not in: {}", faults[0]);
        }
        let error = judge(&self.check_for(TARGET, &[])).unwrap_err();
        assert_eq!((error.code(), error.code().exit().number()), (Code::ImageCheck, 4));
        assert_eq!(self.check_for(TARGET, &["**".to_owned()]).iter().filter(|f| f.fatal).count(), 0);
    }
}

fn extension() -> Sample {
    Sample::library(TARGET).need("libc.so.6").import_of("puts", "libc.so.6", "GLIBC_2.34")
}

#[test]
fn nothing_is_wrong_with_an_image_that_works() {
    let mut system = System::new();
    system.elf(&format!("{SITE}/a.cpython-311-x86_64-linux-gnu.so"), &extension());
    system.elf(&format!("{SITE}/b.abi3.so"), &extension().need("libb-1.so").runpath("$ORIGIN/b.libs"));
    system.elf(&format!("{SITE}/b.libs/libb-1.so"), &extension());
    system.file("app/run", b"#!/usr/bin/python3.11\n");
    // Optional parts of a system lack their libraries everywhere.
    system.elf("usr/lib/python3.11/lib-dynload/_tkinter.so", &extension().need("libtk8.6.so"));
    assert_eq!(system.faults(), [""; 0]);
    assert_eq!(system.check_for(TARGET, &[]).len(), 1);
}

#[test]
fn an_extension_of_another_machine() {
    let mut system = System::new();
    system.elf(&format!("{SITE}/a.so"), &Sample::library("aarch64-linux"));
    system.has_one(&["/a.so", "is for aarch64", "x86_64"]);
}

#[test]
fn a_missing_library_with_the_chain() {
    let mut system = System::new();
    system.elf(&format!("{SITE}/a.so"), &extension().need("libb.so").runpath("$ORIGIN"));
    system.elf(&format!("{SITE}/libb.so"), &extension().need("libstdc++.so.6"));
    let faults = system.faults();
    assert!(faults.iter().any(|fault| fault.contains("libb.so` needs `libstdc++.so.6`")), "{faults:?}");
}

#[test]
fn a_c_library_too_old_for_one_symbol() {
    let mut system = System::new();
    let sample = extension().import_of("__isoc23_strtol", "libc.so.6", "GLIBC_2.38");
    system.elf(&format!("{SITE}/a.so"), &sample);
    system.has_one(&["GLIBC_2.38 of `libc.so.6`", "GLIBC_2.36 at most"]);
}

#[test]
fn an_extension_for_another_python() {
    let mut system = System::new();
    system.elf(&format!("{SITE}/a.cpython-310-x86_64-linux-gnu.so"), &extension());
    system.has_one(&["a.cpython-310-x86_64-linux-gnu.so", "a.cpython-311-x86_64-linux-gnu.so"]);
    // With the right one beside it, it is only dead weight.
    system.elf(&format!("{SITE}/a.cpython-311-x86_64-linux-gnu.so"), &extension());
    assert_eq!(system.faults(), [""; 0]);
}

#[test]
fn a_missing_interpreter() {
    let mut system = System::new();
    system.layer.paths.remove("usr/bin/python3.11");
    system.has_one(&["`/usr/bin/python3.11` is what the container starts"]);
}

#[test]
fn a_missing_loader() {
    let mut system = System::new();
    system.layer.paths.remove("lib64/ld-linux-x86-64.so.2");
    system.has_one(&["`/usr/bin/python3.11` is loaded by `/lib64/ld-linux-x86-64.so.2`"]);
}

#[test]
fn a_dangling_shebang() {
    let mut system = System::new();
    system.file("app/run.sh", b"#!/bin/bash\n");
    system.has_one(&["`/app/run.sh` is run by `/bin/bash`"]);
}

#[test]
fn a_program_that_env_does_not_find() {
    let mut system = System::new();
    system.elf("usr/bin/env", &Sample::library(TARGET));
    system.file("app/run", b"#!/usr/bin/env -S ruby -w\n");
    system.has_one(&["`ruby`", "PATH"]);
}

#[test]
fn search_paths_of_the_loader_are_its_own() {
    let library = || Sample::library(TARGET);
    let found = |rpath: Option<&str>, runpath: Option<&str>, at: &str| {
        let mut system = System::new();
        let mut sample = extension().need("libx.so");
        sample.rpath = rpath.map(str::to_owned);
        sample.runpath = runpath.map(str::to_owned);
        system.elf(&format!("{SITE}/a.so"), &sample);
        system.elf(at, &library());
        system.faults().is_empty()
    };
    assert!(found(None, None, "usr/lib/libx.so"));
    assert!(found(None, None, "lib/x86_64-linux-gnu/libx.so"));
    assert!(!found(None, None, "opt/lib/libx.so"));
    assert!(found(Some("/opt/lib"), None, "opt/lib/libx.so"));
    assert!(found(None, Some("/none:/opt/lib"), "opt/lib/libx.so"));
    assert!(found(None, Some("${ORIGIN}/../../../../opt/lib"), "opt/lib/libx.so"));
    // RUNPATH takes RPATH's place.
    assert!(!found(Some("/opt/lib"), Some("/none"), "opt/lib/libx.so"));

    let mut system = System::new();
    system.elf(&format!("{SITE}/a.so"), &extension().need("libx.so"));
    system.elf("opt/lib/libx.so", &library());
    system.config.set_variable("LD_LIBRARY_PATH", "/opt/lib");
    assert_eq!(system.faults(), [""; 0]);
    system.config = System::new().config;
    system.file("etc/ld.so.conf", b"include ld.so.conf.d/*.conf\n");
    system.file("etc/ld.so.conf.d/a.conf", b"# mine\n/opt/lib\n");
    assert_eq!(system.faults(), [""; 0]);
    assert!(system.check_for(TARGET, &[]).iter().any(|finding| finding.what.contains("ldconfig")));
    // A library of another machine is passed by.
    system.elf("usr/lib/x86_64-linux-gnu/libx.so", &Sample::library("i686-linux"));
    assert!(system.faults().iter().all(|fault| fault.contains("is for i686")));
}

#[test]
fn symbols_without_versions_are_looked_for_by_name() {
    let target = "x86_64-linux-musl";
    let mut layer = LayerFacts::default();
    let mut put = |path: &str, sample: &Sample| {
        let facts = FileFacts::of_bytes(path, true, &sample.bytes());
        layer.paths.insert(path.to_owned(), PathFacts::File(facts));
    };
    let mut libc = Sample::library(target).export("puts");
    libc.soname = Some("libc.musl-x86_64.so.1".to_owned());
    put("lib/ld-musl-x86_64.so.1", &libc);
    let own = Sample::library(target).need("libc.musl-x86_64.so.1");
    put("opt/site-packages/good.so", &own.clone().import("puts").export("x"));
    put("opt/site-packages/bad.so", &own.import("qsort_r").export("x"));
    let root = Root::of([&layer]);
    let config = RunConfig::default();
    let subject = Subject {
        root: &root,
        target: target.parse().unwrap(),
        config: &config,
        python: None,
        allow: &[],
        applications: &[],
    };
    let findings = subject.check();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].path.ends_with("bad.so") && findings[0].what.contains("qsort_r"));
}
