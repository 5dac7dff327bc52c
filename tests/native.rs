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

/// A project that links a shared library and ships it, with another one that it loads. Our own compilers
/// make both.
fn makes_libraries() -> Source {
    let setup = r#"
import os, subprocess
from setuptools import setup
from setuptools.command.build_py import build_py

class build_libraries(build_py):
    def run(self):
        super().run()
        os.makedirs(self.build_lib, exist_ok=True)
        for name, more in (("libdeep.so.2", []), ("libmade.so.1", [os.path.join(self.build_lib, "libdeep.so.2")])):
            source = name.split(".")[0] + ".c"
            command = [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-Wl,-soname," + name, source, *more]
            subprocess.check_call(command + ["-Wl,-rpath,$ORIGIN", "-o", os.path.join(self.build_lib, name)])

setup(name="makes", version="1.0", py_modules=["makes"], cmdclass={"build_py": build_libraries})
"#;
    Source::new("makes")
        .requires(&[REQUIRES])
        .file("setup.py", setup)
        .file("makes.py", "")
        .file("libdeep.c", "#include <stdlib.h>\nint deep(void) { return abs(-40); }\n")
        .file("libmade.c", "int deep(void);\nint made(void) { return deep() + 2; }\n")
}

#[test]
fn shared_libraries_of_a_sysroot_are_copied_into_the_wheel() {
    let room = Room::new();
    let target = format!("{}-linux-gnu.2.28", std::env::consts::ARCH);
    let made = room.build(&makes_libraries().sdist(&room), &target).ran().succeeded().wheel(&room);
    for name in ["libdeep.so.2", "libmade.so.1"] {
        room.write(&format!("tree/usr/lib/{name}"), member(&made, name));
    }
    std::os::unix::fs::symlink("libmade.so.1", room.join("tree/usr/lib/libmade.so")).unwrap();
    room.write("tree/usr/include/made.h", "int made(void);\n");
    std::fs::remove_dir_all(room.join("out")).unwrap();

    let setup = "packages=['user'], ext_modules=[Extension('user.inner', ['inner.c'], libraries=['made'])]";
    let sdist = Source::new("usesmade")
        .requires(&[REQUIRES])
        .file("setup.py", setup_py("usesmade", setup))
        .file("user/__init__.py", "")
        .file("inner.c", c_module("inner", "#include <made.h>", "made()"))
        .sdist(&room);
    let build =
        || room.build(&sdist, &target).arg("--no-cache").arg("--sysroot").arg(room.join("tree")).ran();
    let wheel = build().succeeded().says("grafting libdeep.so.2, libmade.so.1").wheel(&room);

    let names = members(&wheel);
    let grafted = |name: &str| names.iter().find(|member| member.contains(name)).unwrap().clone();
    let (deep, outer) = (grafted("usesmade.libs/libdeep-"), grafted("usesmade.libs/libmade-"));
    let bytes = member(&wheel, &outer);
    let file = wheelbuild::elf::ElfFile::parse(&bytes).unwrap();
    assert_eq!(file.soname, outer.strip_prefix("usesmade.libs/"));
    assert!(file.needed.contains(&deep.strip_prefix("usesmade.libs/").unwrap()), "{:?}", file.needed);
    assert_eq!(file.search_path(), ["$ORIGIN"]);
    for document in ["/RECORD", "/sboms/"] {
        let text = String::from_utf8(member(&wheel, &grafted(document))).unwrap();
        assert!(text.contains(&deep) && text.contains(&outer), "{document} names them not: {text}");
    }

    // It runs without the tree.
    std::fs::rename(room.join("tree"), room.join("gone")).unwrap();
    let zip = std::fs::File::open(&wheel).unwrap();
    zip::ZipArchive::new(zip).unwrap().extract(room.join("site")).unwrap();
    let program = "import user.inner; print(user.inner.answer())";
    let ran = std::process::Command::new("python3")
        .args(["-c", program])
        .env("PYTHONPATH", room.join("site"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "42\n", "{}", String::from_utf8_lossy(&ran.stderr));

    std::fs::rename(room.join("gone"), room.join("tree")).unwrap();
    let first = std::fs::read(&wheel).unwrap();
    std::fs::remove_file(&wheel).unwrap();
    assert!(std::fs::read(build().succeeded().wheel(&room)).unwrap() == first, "other bytes");
}

#[test]
fn the_distribution_s_shared_library_is_grafted_when_asked_for() {
    let room = Room::with_own_cache();
    let sdist = asks_yaml("graftsyaml").sdist(&room);
    let Some(ran) = reached(room.build(&sdist, TARGET).args(["--native", "libyaml=graft"]).ran()) else {
        return;
    };
    let wheel = ran.succeeded().says("grafting libyaml-0.so.2").wheel(&room);
    let names = members(&wheel);
    let grafted = names.iter().find(|name| name.starts_with("graftsyaml.libs/libyaml-0-")).unwrap();
    let bytes = member(&wheel, grafted);
    let file = wheelbuild::elf::ElfFile::parse(&bytes).unwrap();
    assert_eq!(file.soname, grafted.strip_prefix("graftsyaml.libs/"));
    assert!(file.exports_name("yaml_get_version"));
    let sbom = names.iter().find(|name| name.contains("/sboms/")).unwrap();
    let sbom = String::from_utf8(member(&wheel, sbom)).unwrap();
    assert!(
        sbom.contains("pkg:deb/debian/libyaml-0-2@0.2.5-1?arch=arm64") && sbom.contains("\"MIT\""),
        "{sbom}"
    );
}
