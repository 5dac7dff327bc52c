//! What may be built, and with what: sdist formats, backends, build requirements given, locked and
//! built.

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::source::Source;
use common::{Room, TARGET, member};

/// The module that a backend in the tree writes, out of the one wheel.
fn module(wheel: &Path, name: &str) -> String {
    String::from_utf8(member(wheel, name)).unwrap()
}

/// The version of `name` among the build requirements that the provenance of `wheel` names.
fn required(wheel: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("{}.intoto.json", wheel.display())).unwrap();
    let statement: serde_json::Value = serde_json::from_str(&text).unwrap();
    let all = statement["predicate"]["buildDefinition"]["resolvedDependencies"].as_array().unwrap().clone();
    let found = all.into_iter().find(|dependency| dependency["name"] == name)?;
    Some(found["annotations"]["version"].as_str().unwrap().to_owned())
}

/// A wheel of setuptools in the room, or None where the index has none to give.
fn setuptools(room: &Room, requirement: &str) -> Option<PathBuf> {
    let output = Command::new("python3")
        .args(["-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d"])
        .arg(room.join("wheels"))
        .arg(requirement)
        .output()
        .unwrap();
    if !output.status.success() {
        common::skip(&format!("no {requirement}: {}", String::from_utf8_lossy(&output.stderr).trim()));
        return None;
    }
    Some(room.join("wheels").join(&room.names("wheels")[0]))
}

#[test]
fn every_sdist_format() {
    common::cache_with_tools();
    let room = Room::new();
    let source = Source::in_tree("formats");
    let tar = source.tar();
    let xz = {
        let options = lzma_rust2::XzOptions::with_preset(1);
        let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        writer.write_all(&tar).unwrap();
        writer.finish().unwrap()
    };
    let bz2 = {
        let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        writer.write_all(&tar).unwrap();
        writer.finish().unwrap()
    };
    let zip = {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let mut entries = tar::Archive::new(tar.as_slice());
        for entry in entries.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::copy(&mut entry, &mut writer).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    source.sdist(&room);
    room.write("formats-1.0.tar.zst", zstd::encode_all(tar.as_slice(), 1).unwrap());
    room.write("formats-1.0.tar.xz", xz);
    room.write("formats-1.0.tar.bz2", bz2);
    room.write("formats-1.0.zip", zip);
    // The content decides, not the name.
    room.write("any name at all", &tar);
    source.folder(&room, "tree");
    for sdist in [
        "formats-1.0.tar.gz",
        "formats-1.0.tar.bz2",
        "formats-1.0.tar.xz",
        "formats-1.0.tar.zst",
        "formats-1.0.zip",
        "any name at all",
        "tree",
    ] {
        let ran = room.build(Path::new(sdist), TARGET).ran().succeeded();
        assert_eq!(ran.stdout, "out/formats-1.0-py3-none-any.whl\n", "{sdist}");
        assert_eq!(module(&ran.wheel(&room), "formats.py"), "settings = {}\n", "{sdist}");
    }
    assert_eq!(
        common::names(&room.join("tree")),
        ["PKG-INFO", "backend", "pyproject.toml"],
        "it was built elsewhere"
    );
}

#[test]
fn an_old_sdist_with_nothing_but_setup_py() {
    common::cache_with_tools();
    let room = Room::new();
    let sdist = Source::c("legacy", 1).without("PKG-INFO").without("pyproject.toml").sdist(&room);
    let wheel = room.build(&sdist, TARGET).ran().succeeded().wheel(&room);
    let name = wheel.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("legacy-1.0-cp3") && name.ends_with("_aarch64.whl"), "{name}");
    assert!(required(&wheel, "setuptools").is_some());
}

#[test]
fn flit_core() {
    common::cache_with_tools();
    let room = Room::new();
    let text = "[build-system]\nrequires = ['flit_core>=3.8']\nbuild-backend = 'flit_core.buildapi'\n\
                [project]\nname = 'flits'\nversion = '1.0'\ndescription = 'tiny'\nrequires-python = '>=3.9'\n";
    let sdist =
        Source::new("flits").file("pyproject.toml", text).file("flits.py", "answer = 42\n").sdist(&room);
    let ran = room.build(&sdist, TARGET).ran().succeeded();
    assert_eq!(ran.stdout, "out/flits-1.0-py3-none-any.whl\n");
    assert_eq!(required(&ran.wheel(&room), "setuptools"), None);
}

#[test]
fn a_requirement_that_has_only_an_sdist_is_built_first() {
    common::cache_with_tools();
    let room = Room::new();
    // The check value of CRC-32, by the extension of the required package itself.
    let setup = "import crcmod, crcmod._crcfunext\nfrom setuptools import setup\n\
                 crc = crcmod.mkCrcFun(0x104c11db7, initCrc=0, xorOut=0xffffffff)(b'123456789')\n\
                 open('needsbuilt.py', 'w').write('crc = %#x\\n' % crc)\n\
                 setup(name='needsbuilt', version='1.0', py_modules=['needsbuilt'])\n";
    let sdist =
        Source::with_setup("needsbuilt", setup).requires(&["setuptools>=77", "crcmod==1.7"]).sdist(&room);
    let ran = room.build(&sdist, TARGET).arg("--no-cache").ran().succeeded();
    assert_eq!(module(&ran.wheel(&room), "needsbuilt.py"), "crc = 0xcbf43926\n");
    assert_eq!(required(&ran.wheel(&room), "crcmod").as_deref(), Some("1.7"));
}

#[test]
fn given_requirements_need_no_network() {
    common::cache_with_tools();
    let room = Room::new();
    let Some(wheel) = setuptools(&room, "setuptools>=77") else { return };
    let sdist = Source::c("given", 1).sdist(&room);
    // Every index is one that nobody serves, and uv would fail.
    let closed = format!("http://{}/simple", common::server::closed_port());
    let build = |sdist: &Path| {
        room.build(sdist, TARGET)
            .args(["--no-cache", "--uv", "/bin/false", "--build-dep"])
            .arg(&wheel)
            .env("PIP_INDEX_URL", &closed)
            .env("UV_DEFAULT_INDEX", &closed)
            .env("WHEELBUILD_INDEX_URL", &closed)
            .without("PIP_FIND_LINKS")
            .ran()
    };
    let built = build(&sdist).succeeded().wheel(&room);
    assert!(required(&built, "setuptools").is_some());
    // A backend that needs more than was given says what.
    let more = Source::c("morethan", 1)
        .file("setup.py", "from setuptools import setup\nsetup(name='morethan', version='1.0', setup_requires=['crcmod==1.7'])\n")
        .sdist(&room);
    build(&more).failed(1, "WB0302").says("crcmod==1.7").hints("--build-dep WHEEL");
}

#[test]
fn a_build_lock_is_written_enforced_and_upgraded() {
    common::cache_with_tools();
    let room = Room::new();
    let sdist = Source::c("locked", 1).sdist(&room);
    let lock = room.join("wheelbuild.lock");
    let build = |more: &[&str]| {
        let ran = room
            .build(&sdist, TARGET)
            .args(["--no-cache", "--build-lock", "wheelbuild.lock"])
            .args(more)
            .ran();
        required(&ran.succeeded().wheel(&room), "setuptools").unwrap()
    };
    // Locked at an old version, which stays although the requirement would allow a later one.
    let old = build(&["--build-requires", "setuptools==78.1.1"]);
    assert_eq!(old, "78.1.1");
    let written = fs::read_to_string(&lock).unwrap();
    assert!(
        written.contains("setuptools-78.1.1-py3-none-any.whl") && written.contains("locked 1.0"),
        "{written}"
    );
    assert_eq!(build(&[]), "78.1.1");
    assert_eq!(fs::read_to_string(&lock).unwrap(), written, "it does not change by being used");
    let new = build(&["--upgrade"]);
    assert_ne!(new, "78.1.1");
    assert!(fs::read_to_string(&lock).unwrap().contains(&format!("setuptools-{new}-")));
}

#[test]
fn a_build_lock_that_names_another_file_stops_the_build() {
    common::cache_with_tools();
    let room = Room::new();
    let sdist = Source::c("mislocked", 1).sdist(&room);
    let build = || room.build(&sdist, TARGET).args(["--no-cache", "--build-lock", "wheelbuild.lock"]).ran();
    build().succeeded();
    fs::remove_dir_all(room.join("out")).unwrap();
    let text = fs::read_to_string(room.join("wheelbuild.lock")).unwrap();
    let (before, after) = text.rsplit_once("sha256 = \"").unwrap();
    let (_, after) = after.split_once('"').unwrap();
    let digest = "0".repeat(64);
    room.write("wheelbuild.lock", format!("{before}sha256 = \"{digest}\"{after}"));
    build().failed(5, "WB0603").says("setuptools");
    assert!(room.names("out").is_empty());
    // And one that is no lock at all.
    room.write("wheelbuild.lock", "version = 99\n");
    build().failed(1, "WB0303").says("wheelbuild.lock");
}
