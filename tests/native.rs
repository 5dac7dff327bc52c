//! Native libraries of the target: found out, provided, recorded, kept private.

mod common;

use std::path::PathBuf;

use common::source::{REQUIRES, Source, c_module, setup_py};
use common::{Ran, Room, TARGET, member, members, skip};

/// An extension that asks libyaml for its version, as a package does that never heard of us.
fn asks_yaml(name: &str) -> Source {
    let setup = format!("ext_modules=[Extension({name:?}, ['{name}.c'], libraries=['yaml'])]");
    let head = "#include <yaml.h>\nstatic long version(void) { int a, b, c; yaml_get_version(&a, &b, &c); return b; }";
    Source::new(name)
        .requires(&[REQUIRES])
        .file("setup.py", setup_py(name, &setup))
        .file(&format!("{name}.c"), c_module(name, head, "version()"))
}

/// The run, unless no Debian archive is within reach of this machine.
fn reached(ran: Ran) -> Option<Ran> {
    let text = ran.stderr.clone();
    if ["WB0601", "WB0660"].iter().any(|code| text.contains(code)) {
        skip("no Debian archive is within reach");
        return None;
    }
    Some(ran)
}

#[test]
fn a_missing_header_brings_its_library() {
    let room = Room::with_own_cache();
    let sdist = asks_yaml("asksyaml").sdist(&room);
    let Some(ran) = reached(room.build(&sdist, TARGET).ran()) else { return };
    let ran = ran.succeeded().says("providing libyaml");
    let wheel: PathBuf = ran.wheel(&room);

    let names = members(&wheel);
    let extension = names.iter().find(|name| name.ends_with(".so")).unwrap();
    let file = member(&wheel, extension);
    let file = wheelbuild::elf::ElfFile::parse(&file).unwrap();
    assert!(!file.needed.iter().any(|needed| needed.contains("yaml")), "{:?}", file.needed);
    assert!(!file.exports.iter().any(|export| export.name.starts_with("yaml_")), "exports of the archive");
    assert!(file.exports.iter().any(|export| export.name == "PyInit_asksyaml"));

    let sbom = names.iter().find(|name| name.contains("/sboms/")).unwrap();
    let sbom = String::from_utf8(member(&wheel, sbom)).unwrap();
    assert!(sbom.contains("\"libyaml\"") && sbom.contains("0.2.5-1"), "{sbom}");

    // What was learnt serves the next build: the hooks run once, and the bytes are the same.
    let first = std::fs::read(&wheel).unwrap();
    std::fs::remove_file(&wheel).unwrap();
    let again = room.build(&sdist, TARGET).arg("--no-cache").ran().succeeded();
    assert!(!again.stderr.contains("providing"), "{}", again.stderr);
    assert!(std::fs::read(again.wheel(&room)).unwrap() == first);
}

#[test]
fn nothing_is_provided_that_was_forbidden() {
    let room = Room::new();
    let sdist = asks_yaml("forbidsyaml").sdist(&room);
    let ran = room.build(&sdist, TARGET).args(["--native", "none"]).ran();
    ran.failed(1, "WB0403").says("yaml.h").hints("--native libyaml");
}

#[test]
fn an_unknown_library_is_a_usage_error() {
    let room = Room::new();
    let sdist = asks_yaml("misspells").sdist(&room);
    room.build(&sdist, TARGET).args(["--native", "libyamll"]).ran().failed(2, "WB0101").hints("libyaml");
}
