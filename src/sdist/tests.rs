use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{BuildSystem, Pyproject, Sdist};
use crate::report::{Code, Error};

/// A `.tar.gz` of `files`, under a name that says nothing.
fn archive(folder: &Path, files: &[(&str, &str)]) -> PathBuf {
    let mut builder =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, contents) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_600_000_000);
        builder.append_data(&mut header, name, contents.as_bytes()).unwrap();
    }
    let bytes = builder.into_inner().unwrap().finish().unwrap();
    let path = folder.join("input.bin");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn folder(root: &Path, files: &[(&str, &str)]) {
    for (name, contents) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(path).unwrap().write_all(contents.as_bytes()).unwrap();
    }
}

const PKG_INFO: &str = "Metadata-Version: 2.1\nName: Foo.Bar\nVersion: 1.0rc1\n";
const PYPROJECT: &str = "[build-system]\nrequires = ['hatchling>=1.2']\nbuild-backend = 'hatchling.build'\n";

#[track_caller]
fn assert_error(error: &Error, code: Code, words: &[&str]) {
    assert_eq!(error.code(), code, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "`{word}` is not in: {error}");
    }
}

#[test]
fn an_archive_of_any_name_is_identified_and_unpacked() {
    let temp = tempfile::tempdir().unwrap();
    let files = [("foo/PKG-INFO", PKG_INFO), ("foo/pyproject.toml", PYPROJECT), ("foo/src/PKG-INFO", "no")];
    let sdist = Sdist::open(&archive(temp.path(), &files)).unwrap();
    assert_eq!((sdist.name(), sdist.version(), sdist.is_folder()), (Some("Foo.Bar"), Some("1.0rc1"), false));
    assert_eq!(sdist.sha256().len(), 64);
    let tree = sdist.unpack(&temp.path().join("into")).unwrap();
    assert_eq!(tree.root, temp.path().join("into/foo"));
    assert_eq!((tree.name.as_deref(), tree.version.as_deref()), (Some("Foo.Bar"), Some("1.0rc1")));
    assert_eq!(tree.build_system.requires, ["hatchling>=1.2"]);
    assert_eq!(tree.build_system.backend, "hatchling.build");
}

#[test]
fn without_pkg_info_the_project_table_names_it() {
    let temp = tempfile::tempdir().unwrap();
    let unpack = |pyproject: &str| {
        let path = archive(temp.path(), &[("foo/pyproject.toml", pyproject)]);
        let sdist = Sdist::open(&path).unwrap();
        assert_eq!(sdist.name(), None);
        sdist.unpack(&tempfile::tempdir_in(temp.path()).unwrap().keep())
    };
    let tree = unpack("[project]\nname = 'a'\nversion = '1'\n").unwrap();
    assert_eq!((tree.name.as_deref(), tree.version.as_deref()), (Some("a"), Some("1")));
    let tree = unpack("[project]\nname = 'a'\ndynamic = ['version']\n").unwrap();
    assert_eq!((tree.name.as_deref(), tree.version), (Some("a"), None));
    let tree = unpack("").unwrap();
    assert_eq!((tree.name, tree.build_system), (None, BuildSystem::default()));
    assert_error(&unpack("[project]\nversion = '1'\n").unwrap_err(), Code::BadPyproject, &["no `name`"]);
}

#[test]
fn with_pkg_info_a_project_table_that_breaks_pep_621_is_left_to_the_backend() {
    let temp = tempfile::tempdir().unwrap();
    let files = [("foo/PKG-INFO", PKG_INFO), ("foo/pyproject.toml", "[project]\nauthors = 3\n")];
    let tree = Sdist::open(&archive(temp.path(), &files)).unwrap().unpack(&temp.path().join("into")).unwrap();
    assert_eq!(tree.name.as_deref(), Some("Foo.Bar"));
}

#[test]
fn setup_py_alone_means_the_legacy_backend() {
    let temp = tempfile::tempdir().unwrap();
    let tree = Sdist::open(&archive(temp.path(), &[("foo/setup.py", "")]))
        .unwrap()
        .unpack(&temp.path().join("into"));
    let build_system = tree.unwrap().build_system;
    assert_eq!(build_system.backend, "setuptools.build_meta:__legacy__");
    assert_eq!(build_system.requires, ["setuptools>=40.8.0"]);
}

#[test]
fn what_is_no_sdist_is_told_by_what_it_holds() {
    let temp = tempfile::tempdir().unwrap();
    let fails = |files: &[(&str, &str)], words: &[&str]| {
        let sdist = Sdist::open(&archive(temp.path(), files)).unwrap();
        let into = tempfile::tempdir_in(temp.path()).unwrap();
        assert_error(&sdist.unpack(into.path()).unwrap_err(), Code::NotAnSdist, words);
    };
    fails(&[("a/setup.py", ""), ("b/setup.py", "")], &["2 top-level entries", "`a`", "`b`"]);
    fails(&[("a/setup.py", ""), ("stray", "")], &["2 top-level entries", "`stray`"]);
    fails(&[("setup.py", "")], &["one file, `setup.py`"]);
    fails(&[("a/README", "")], &["neither pyproject.toml nor setup.py"]);
    fails(&[("a/__init__.py", ""), ("a-1.dist-info/METADATA", "")], &["look like a wheel"]);
    fails(&[], &["empty"]);
    let nowhere = Sdist::open(&temp.path().join("none")).unwrap_err();
    assert_error(&nowhere, Code::InputNotFound, &["none"]);
    let text = temp.path().join("text");
    std::fs::write(&text, "no archive").unwrap();
    assert_error(&Sdist::open(&text).unwrap_err(), Code::BrokenArchive, &["neither a tar nor a zip"]);
    let empty = tempfile::tempdir().unwrap();
    assert_error(&Sdist::open(empty.path()).unwrap_err(), Code::NotAnSdist, &["neither pyproject.toml"]);
}

#[test]
fn bad_pkg_info_is_refused_at_once() {
    let temp = tempfile::tempdir().unwrap();
    let path = archive(temp.path(), &[("foo/PKG-INFO", "Name: ../evil\nVersion: 1\n"), ("foo/setup.py", "")]);
    assert_error(&Sdist::open(&path).unwrap_err(), Code::BadMetadata, &["PKG-INFO", "../evil"]);
}

#[test]
fn a_second_pkg_info_is_found_when_unpacking() {
    let temp = tempfile::tempdir().unwrap();
    let other = PKG_INFO.replace("Foo.Bar", "Other");
    let files = [("foo/PKG-INFO", PKG_INFO), ("foo/setup.py", ""), ("foo/PKG-INFO", &*other)];
    let sdist = Sdist::open(&archive(temp.path(), &files)).unwrap();
    assert_error(&sdist.unpack(&temp.path().join("into")).unwrap_err(), Code::HostileArchive, &["twice"]);
}

#[test]
fn an_input_that_changes_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let sdist = Sdist::open(&archive(temp.path(), &[("foo/setup.py", "1")])).unwrap();
    archive(temp.path(), &[("foo/setup.py", "2")]);
    assert_error(&sdist.unpack(&temp.path().join("one")).unwrap_err(), Code::HashMismatch, &["changed"]);

    let project = temp.path().join("project");
    folder(&project, &[("setup.py", "1")]);
    let sdist = Sdist::open(&project).unwrap();
    folder(&project, &[("setup.py", "2")]);
    assert_error(&sdist.unpack(&temp.path().join("two")).unwrap_err(), Code::HashMismatch, &["changed"]);
}

#[test]
fn a_folder_is_copied_without_what_is_no_source() {
    let source = [
        ("setup.py", ""),
        ("pkg/a.py", "a"),
        ("pkg/build/x.py", "x"),
        ("build/own.py", "b"),
        ("src/target/t.rs", ""),
    ];
    let leftovers = [
        (".git/HEAD", "x"),
        ("pkg/__pycache__/a.cpython-311.pyc", "x"),
        ("pkg/a.pyc", "x"),
        ("build/temp.linux-x86_64-cpython-311/a.o", "x"),
        ("build/lib.linux-x86_64-cpython-311/pkg/a.py", "x"),
        ("pkg/_a.cpython-311-x86_64-linux-gnu.so", "x"),
        ("dist/foo-1.0-py3-none-any.whl", "x"),
        ("foo.egg-info/SOURCES.txt", "x"),
        ("target/CACHEDIR.TAG", "x"),
        ("target/debug/a.rlib", "x"),
        ("env/pyvenv.cfg", "x"),
        ("env/bin/python", "x"),
    ];
    let temp = tempfile::tempdir().unwrap();
    let project = temp.path().join("any name");
    folder(&project, &source);
    let clean = Sdist::open(&project).unwrap().sha256().to_owned();
    folder(&project, &leftovers);
    let sdist = Sdist::open(&project).unwrap();
    assert!(sdist.is_folder());
    assert_eq!(sdist.sha256(), clean, "leftovers must not change the digest");
    let tree = sdist.unpack(&temp.path().join("into")).unwrap();
    assert_eq!(tree.root, temp.path().join("into/source"), "the folder's own name must not matter");
    let mut found: Vec<String> = walkdir::WalkDir::new(&tree.root)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(&tree.root).unwrap().to_str().unwrap().to_owned())
        .collect();
    found.sort();
    assert_eq!(found, ["build/own.py", "pkg/a.py", "pkg/build/x.py", "setup.py", "src/target/t.rs"]);
}

#[test]
fn an_unpacked_sdist_keeps_its_egg_info() {
    let temp = tempfile::tempdir().unwrap();
    folder(temp.path(), &[("p/PKG-INFO", PKG_INFO), ("p/setup.py", ""), ("p/foo.egg-info/SOURCES.txt", "x")]);
    let sdist = Sdist::open(&temp.path().join("p")).unwrap();
    assert_eq!(sdist.name(), Some("Foo.Bar"));
    let tree = sdist.unpack(&temp.path().join("into")).unwrap();
    assert!(tree.root.join("foo.egg-info/SOURCES.txt").is_file());
}

fn build_system(text: &str) -> Result<BuildSystem, Error> {
    Pyproject::parse(text.as_bytes().to_vec()).and_then(|pyproject| pyproject.build_system())
}

#[test]
fn build_systems_get_the_defaults_of_the_peps() {
    assert_eq!(build_system("[tool.x]\na = 1\n").unwrap(), BuildSystem::default());
    let no_backend = build_system("[build-system]\nrequires = []\n").unwrap();
    assert_eq!((no_backend.requires.len(), &*no_backend.backend), (0, "setuptools.build_meta:__legacy__"));
    let inline = build_system("build-system = { requires = ['a @ https://example.org/a.zip', 'b[x]>1; python_version<\"4\"'], build-backend = 'a.b:c.d', backend-path = ['.', 'tools'] }").unwrap();
    assert_eq!(inline.requires.len(), 2);
    assert_eq!((&*inline.backend, inline.backend_path.len()), ("a.b:c.d", 2));
}

#[test]
fn wrong_build_systems_are_refused_with_line_and_column() {
    let cases = [
        ("[build-system\n", "not valid TOML", "line 1"),
        ("a = 1\na = 2\n", "not valid TOML", "line 2"),
        ("x = 1\n[build-system]\nbuild-backend = 'a'\n", "no `requires`", "line 2"),
        ("build-system = 3\n", "`build-system` is no table", "line 1, column 16"),
        ("[build-system]\nrequires = 'a'\n", "no list", "line 2, column 12"),
        ("[build-system]\nrequires = ['a', 1]\n", "no string", "line 2, column 18"),
        (
            "[build-system]\nrequires = [\n  'a',\n  'not a requirement',\n]\n",
            "`not a requirement`",
            "line 4, column 3",
        ),
        ("[build-system]\nrequires = []\nbuild-backend = 3\n", "no string", "line 3, column 17"),
        ("[build-system]\nrequires = []\nbuild-backend = 'a; import os'\n", "no build backend", "line 3"),
        ("[build-system]\nrequires = []\nbuild-backend = ''\n", "no build backend", "line 3"),
        ("[build-system]\nrequires = []\nbuild-backend = 'a:b:c'\n", "no build backend", "line 3"),
        (
            "[build-system]\nrequires = []\nbuild-backnd = 'a'\n",
            "did the authors mean `build-backend`",
            "line 3, column 1",
        ),
        ("[build-system]\nrequires = []\nbackend-path = '.'\n", "no list", "line 3"),
    ];
    for (text, what, place) in cases {
        assert_error(&build_system(text).unwrap_err(), Code::BadPyproject, &[what, place]);
    }
    let not_utf8 = Pyproject::parse(b"# ok\na = '\xff'".to_vec()).unwrap_err();
    assert_error(&not_utf8, Code::BadPyproject, &["not UTF-8", "line 2, column 6"]);
}

#[test]
fn backend_paths_stay_within_the_tree() {
    let temp = tempfile::tempdir().unwrap();
    let attempt = |entry: &str| {
        let pyproject =
            format!("[build-system]\nrequires = []\nbuild-backend = 'b'\nbackend-path = ['{entry}']\n");
        let path = archive(temp.path(), &[("foo/pyproject.toml", &*pyproject), ("foo/tools/b.py", "")]);
        Sdist::open(&path).unwrap().unpack(&tempfile::tempdir_in(temp.path()).unwrap().keep())
    };
    for inside in [".", "tools", "./tools/", "tools/.."] {
        attempt(inside).unwrap_or_else(|error| panic!("{inside}: {error}"));
    }
    for (outside, why) in [
        ("..", "leads out"),
        ("tools/../..", "leads out"),
        ("/usr", "not relative"),
        ("none", "no folder"),
        ("tools/b.py", "no folder"),
    ] {
        assert_error(&attempt(outside).unwrap_err(), Code::BadPyproject, &[outside, why]);
    }
}

#[test]
fn project_tables_are_held_to_pep_621() {
    let project = |text: &str| Pyproject::parse(text.as_bytes().to_vec()).unwrap().project();
    assert_eq!(project("[tool.x]\n").unwrap(), None);
    for (text, what) in [
        ("[project]\nname = 'a b'\nversion = '1'\n", "`a b`"),
        ("[project]\nname = 'a'\nversion = 'one'\n", "`one`"),
        ("[project]\nname = 'a'\n", "neither `version`"),
        ("[project]\nname = 'a'\nversion = '1'\ndynamic = ['version']\n", "both"),
        ("[project]\nname = 'a'\nversion = 1.0\n", "no string"),
        ("[project]\nname = 'a'\ndynamic = 'version'\n", "no list"),
        ("project = 1\n", "no table"),
    ] {
        assert_error(&project(text).unwrap_err(), Code::BadPyproject, &[what, "line"]);
    }
}

proptest! {
    #[test]
    fn any_pyproject_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Pyproject::parse(bytes).and_then(|pyproject| pyproject.build_system());
    }

    #[test]
    fn any_build_system_is_read_without_panic(body in "(requires|build-backend|backend-path|name|version|dynamic|\\[|\\]|=|'|\"|,|\\n|é|[a-z:.]| ){0,40}") {
        for table in ["[build-system]\n", "[project]\n", ""] {
            let text = format!("{table}{body}");
            if let Ok(pyproject) = Pyproject::parse(text.into_bytes()) {
                let _ = pyproject.build_system();
                let _ = pyproject.project();
            }
        }
    }
}
