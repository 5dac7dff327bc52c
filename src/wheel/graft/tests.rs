use std::fs;
use std::path::Path;

use super::*;
use crate::elf::sample::Sample;
use crate::wheel::WheelFileName;
use crate::wheel::judge::{Contents, Expectation, judge};

const TARGET: &str = "aarch64-linux-gnu.2.28";

fn target() -> Target {
    TARGET.parse().unwrap()
}

fn library(soname: &str) -> Sample {
    let mut sample = Sample::library(TARGET).need("libc.so.6").export("call");
    sample.soname = Some(soname.into());
    sample
}

fn wheel(extension: &Sample) -> RawWheel {
    let name: WheelFileName = "My_Pkg-1.0-cp311-cp311-linux_aarch64.whl".parse().unwrap();
    let text = |name: &str, text: &str| Member::file(name, text);
    let members = vec![
        text("My_Pkg-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: My_Pkg\nVersion: 1.0\n"),
        text(
            "My_Pkg-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-linux_aarch64\n",
        ),
        text("My_Pkg-1.0.dist-info/RECORD", ""),
        Member::file("pkg/sub/_x.cpython-311-aarch64-linux-gnu.so", extension.bytes()),
    ];
    RawWheel::from_members(name, members).unwrap()
}

fn put(root: &Path, path: &str, sample: &Sample) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, sample.bytes()).unwrap();
}

fn libraries(root: &Path) -> Libraries {
    Libraries::new(vec![root.to_owned()], "aarch64-linux-gnu".into())
}

fn extension() -> Sample {
    Sample::library(TARGET)
        .need("libpq.so.5")
        .need("libc.so.6")
        .import_of("PQping", "libpq.so.5", "RHPG_9.6")
        .export("PyInit__x")
}

#[test]
fn libraries_are_copied_with_what_they_need() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let mut pq = library("libpq.so.5").need("libssl.so.3").need("libz.so.1").runpath("/usr/lib/private");
    pq.exports.push(("PQping".into(), Some("RHPG_9.6".into()), false));
    put(root, "usr/lib/aarch64-linux-gnu/libpq.so.5.15", &pq);
    std::os::unix::fs::symlink("libpq.so.5.15", root.join("usr/lib/aarch64-linux-gnu/libpq.so.5")).unwrap();
    // Found only where libpq itself searches.
    put(root, "usr/lib/private/libssl.so.3", &library("libssl.so.3"));
    // Of another machine: passed over.
    put(root, "usr/local/lib/libpq.so.5", &Sample::library("x86_64-linux"));

    let mut raw = wheel(&extension());
    let grafted = graft(&mut raw, &libraries(root), &target()).unwrap();
    let names: Vec<&str> = grafted.iter().map(|library| library.name.as_str()).collect();
    assert_eq!(names, ["libpq.so.5", "libssl.so.3"]);
    assert_eq!(grafted[0].path, Path::new("usr/lib/aarch64-linux-gnu/libpq.so.5.15"));
    let data = |member: &str| &raw.members().iter().find(|other| other.name == member).unwrap().data;

    let ssl = ElfFile::parse(data(&grafted[1].member)).unwrap();
    let ssl_name = format!("libssl-{}.so.3", &grafted[1].sha256[..8]);
    assert_eq!(grafted[1].member, format!("My_Pkg.libs/{ssl_name}"));
    assert_eq!((ssl.soname, ssl.search_path().len()), (Some(ssl_name.as_str()), 0));
    let pq = ElfFile::parse(data(&grafted[0].member)).unwrap();
    let pq_name = pq.soname.unwrap();
    assert!(pq_name.starts_with("libpq-") && pq_name.ends_with(".so.5"));
    assert_eq!(pq.needed, ["libc.so.6", ssl_name.as_str(), "libz.so.1"]);
    assert_eq!(pq.search_path(), ["$ORIGIN"]);
    let own = ElfFile::parse(data("pkg/sub/_x.cpython-311-aarch64-linux-gnu.so")).unwrap();
    assert_eq!(own.needed, [pq_name, "libc.so.6"]);
    assert_eq!(own.search_path(), ["$ORIGIN/../../My_Pkg.libs"]);
    assert_eq!(own.version_needs[0].library, pq_name);

    let expectation = Expectation::new(target(), "3.11".parse().unwrap());
    let verdict = judge(&Contents::from(&raw), &expectation).unwrap();
    assert_eq!(verdict.files.len(), 3);
    // Nothing is left to graft.
    assert!(graft(&mut raw, &libraries(root), &target()).unwrap().is_empty());
}

#[test]
fn a_library_too_new_is_refused_by_its_name() {
    let scratch = tempfile::tempdir().unwrap();
    let new = library("libpq.so.5").import_of("pidfd_getpid", "libc.so.6", "GLIBC_2.39");
    put(scratch.path(), "usr/lib/libpq.so.5", &new);
    let mut raw = wheel(&Sample::library(TARGET).need("libpq.so.5").need("libc.so.6").export("PyInit__x"));
    graft(&mut raw, &libraries(scratch.path()), &target()).unwrap();
    let expectation = Expectation::new(target(), "3.11".parse().unwrap());
    let error = judge(&Contents::from(&raw), &expectation).unwrap_err();
    assert_eq!(error.code(), crate::report::Code::TooNewSymbol);
    let text = format!("{error:?}");
    assert!(text.contains("My_Pkg.libs/libpq-") && text.contains("2.39"), "{text}");
}

#[test]
fn the_name_is_of_the_library_and_all_it_brings() {
    let name = |ssl: &Sample| {
        let scratch = tempfile::tempdir().unwrap();
        put(scratch.path(), "usr/lib/libpq.so.5", &library("libpq.so.5").need("libssl.so.3"));
        // A circle, as some libraries have.
        put(scratch.path(), "usr/lib/libssl.so.3", &ssl.clone().need("libpq.so.5"));
        let mut raw = wheel(&Sample::library(TARGET).need("libpq.so.5"));
        let grafted = graft(&mut raw, &libraries(scratch.path()), &target()).unwrap();
        (grafted[0].member.clone(), grafted[1].member.clone())
    };
    let one = name(&library("libssl.so.3"));
    assert_eq!(one, name(&library("libssl.so.3")));
    let other = name(&library("libssl.so.3").export("more"));
    assert!(one.0 != other.0 && one.1 != other.1, "a clash: {one:?}");
}

#[test]
fn the_c_library_and_python_are_never_grafted() {
    let scratch = tempfile::tempdir().unwrap();
    for name in ["libpython3.11.so.1.0", "libnss_files.so.2", "libanl.so.1"] {
        put(scratch.path(), &format!("usr/lib/{name}"), &library(name));
    }
    let mut raw = wheel(
        &Sample::library(TARGET).need("libpython3.11.so.1.0").need("libnss_files.so.2").need("libm.so.6"),
    );
    assert!(graft(&mut raw, &libraries(scratch.path()), &target()).unwrap().is_empty());
}

#[test]
fn digits_stand_before_the_ending() {
    for (name, new) in [
        ("libpq.so.5", "libpq-12345678.so.5"),
        ("libfoo-2.1.so", "libfoo-2.1-12345678.so"),
        ("libstdc++.so.6", "libstdc++-12345678.so.6"),
        ("odd", "odd-12345678"),
    ] {
        assert_eq!(with_digits(name, "12345678"), new);
    }
}
