//! Wheels made here, installed by the real code and imported by a real interpreter.

use std::collections::BTreeMap;

use base64::Engine as _;
use sha2::Digest as _;

use super::*;
use crate::archive::{ZipMember, ZipOptions, write_zip};

/// The bytes of a wheel with a right RECORD, but for what `wrong` puts in its place.
fn wheel_bytes(stem: &str, files: &[(&str, &str)], wrong: Option<(&str, &str)>) -> Vec<u8> {
    let (name, version) = stem.split_once('-').unwrap();
    let mut all: BTreeMap<String, String> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let info = format!("{stem}.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    all.entry(format!("{info}/METADATA")).or_insert(metadata);
    all.entry(format!("{info}/WHEEL"))
        .or_insert("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned());
    let mut record = String::new();
    for (path, text) in &all {
        let hash = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(text));
        record.push_str(&format!("{path},sha256={hash},{}\n", text.len()));
    }
    record.push_str(&format!("{info}/RECORD,,\n"));
    all.insert(format!("{info}/RECORD"), record);
    if let Some((path, text)) = wrong {
        all.insert(path.to_owned(), text.to_owned());
    }
    let members: Vec<ZipMember<'_>> =
        all.iter().map(|(name, text)| ZipMember { name, data: text.as_bytes(), executable: false }).collect();
    let mut out = Vec::new();
    write_zip(&members, &ZipOptions::default(), &mut out).unwrap();
    out
}

pub(crate) struct Wheels(pub tempfile::TempDir);

impl Wheels {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn add(&self, stem: &str, tag: &str, files: &[(&str, &str)]) -> GivenWheel {
        self.add_wrong(stem, tag, files, None)
    }

    fn add_wrong(
        &self,
        stem: &str,
        tag: &str,
        files: &[(&str, &str)],
        wrong: Option<(&str, &str)>,
    ) -> GivenWheel {
        let path = self.0.path().join(format!("{stem}-{tag}.whl"));
        std::fs::write(&path, wheel_bytes(stem, files, wrong)).unwrap();
        GivenWheel::open(&path).unwrap()
    }
}

fn files_below(root: &Path) -> Vec<String> {
    walkdir::WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn every_scheme_has_its_place_in_an_environment() {
    let wheels = Wheels::new();
    let wheel = wheels.add(
        "Demo-1.0",
        "py3-none-any",
        &[
            ("demo/__init__.py", "x = 1\n"),
            ("Demo-1.0.data/platlib/demo/native.py", ""),
            ("Demo-1.0.data/scripts/run", "#!python\nimport demo; print(demo.x)\n"),
            ("Demo-1.0.data/headers/demo.h", ""),
            ("Demo-1.0.data/data/share/man/demo.1", ""),
            ("Demo-1.0.dist-info/entry_points.txt", "[console_scripts]\ndemo-tool = demo:x.bit_length\n"),
        ],
    );
    let root = tempfile::tempdir().unwrap();
    let layout = Layout::Environment("3.11".parse().unwrap());
    install(&[wheel], layout, Some("3.11.7"), root.path()).unwrap();
    let packages = "lib/python3.11/site-packages";
    let mut expected = vec![
        "bin/demo-tool".to_owned(),
        "bin/run".to_owned(),
        "include/site/python3.11/demo/demo.h".to_owned(),
        "share/man/demo.1".to_owned(),
    ];
    expected.extend(
        ["INSTALLER", "METADATA", "RECORD", "WHEEL", "entry_points.txt"]
            .map(|name| format!("{packages}/Demo-1.0.dist-info/{name}")),
    );
    expected.extend(["__init__.py", "native.py"].map(|name| format!("{packages}/demo/{name}")));
    expected.sort();
    let mut found = files_below(root.path());
    found.sort();
    assert_eq!(found, expected);
    let record =
        std::fs::read_to_string(root.path().join(packages).join("Demo-1.0.dist-info/RECORD")).unwrap();
    for row in ["../../../bin/demo-tool,sha256=", "demo/__init__.py,sha256=", "Demo-1.0.dist-info/RECORD,,"] {
        assert!(record.contains(row), "{record}");
    }
    assert_eq!(record.lines().count(), expected.len());

    let python = which::which("python3").unwrap();
    std::os::unix::fs::symlink(python, root.path().join("bin/python")).unwrap();
    let output = std::process::Command::new(root.path().join("bin/run"))
        .env("PYTHONPATH", root.path().join(packages))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1\n", "{output:?}");
}

#[test]
fn a_folder_is_importable_as_it_is() {
    let wheels = Wheels::new();
    let wheel = wheels.add("demo-1.0", "py3-none-any", &[("demo.py", "x = 2\n")]);
    let root = tempfile::tempdir().unwrap();
    install(&[wheel], Layout::Folder, None, &root.path().join("new")).unwrap();
    let output = std::process::Command::new("python3")
        .args(["-c", "import demo, importlib.metadata as m; print(demo.x, m.version('demo'))"])
        .env("PYTHONPATH", root.path().join("new"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2 1.0\n", "{output:?}");
}

fn refused(wheels: &[GivenWheel]) -> (Error, Vec<String>) {
    let root = tempfile::tempdir().unwrap();
    let layout = Layout::Environment("3.11".parse().unwrap());
    let error = install(wheels, layout, Some("3.11.7"), root.path()).unwrap_err();
    assert_eq!(error.code(), Code::BuildDependency, "{error}");
    (error, files_below(root.path()))
}

#[test]
fn two_wheels_that_want_one_path_are_refused_before_anything_is_written() {
    let wheels = Wheels::new();
    let one = wheels.add("a-1", "py3-none-any", &[("shared/x.py", "same")]);
    let two = wheels.add("b-1", "py3-none-any", &[("shared/x.py", "same")]);
    let (error, left) = refused(&[one, two]);
    assert!(error.headline().contains("shared/x.py"), "{error}");
    assert!(error.causes()[0].contains("`a` and `b`"), "{error}");
    assert!(left.is_empty());
    let file = wheels.add("c-1", "py3-none-any", &[("thing", "")]);
    let folder = wheels.add("d-1", "py3-none-any", &[("thing/x.py", "")]);
    refused(&[file.clone(), folder.clone()]);
    refused(&[folder, file]);
}

#[test]
fn a_launcher_collides_like_any_file() {
    let wheels = Wheels::new();
    let wheel = wheels.add(
        "a-1",
        "py3-none-any",
        &[
            ("a-1.data/scripts/tool", "#!python\n"),
            ("a-1.dist-info/entry_points.txt", "[console_scripts]\ntool = a:b\n"),
        ],
    );
    assert!(refused(&[wheel]).0.causes()[0].contains("`a` twice"));
}

#[test]
fn broken_wheels_are_refused_with_their_name() {
    let wheels = Wheels::new();
    let changed = wheels.add_wrong("a-1", "py3-none-any", &[("a.py", "right")], Some(("a.py", "wrong")));
    let (error, _) = refused(&[changed]);
    assert!(error.headline().contains("a-1-py3-none-any.whl"), "{error}");
    let scheme = wheels.add("b-1", "py3-none-any", &[("b-1.data/nonsense/x", "")]);
    refused(&[scheme]);
    let entry = [("c-1.dist-info/entry_points.txt", "[console_scripts]\n../../x = a:b\n")];
    refused(&[wheels.add("c-1", "py3-none-any", &entry)]);
    let metadata = "Metadata-Version: 2.1\nName: d\nVersion: 1\nRequires-Python: >=3.12\n";
    let (error, _) = refused(&[wheels.add("d-1", "py3-none-any", &[("d-1.dist-info/METADATA", metadata)])]);
    assert!(error.causes()[0].contains(">=3.12"), "{error}");
    let late = wheels.add("e-1", "py3-none-any", &[]);
    std::fs::write(&late.path, "something else").unwrap();
    refused(&[late]);
}

#[test]
fn foreign_wheels_and_twins_are_refused_by_name_alone() {
    let wheels = Wheels::new();
    let tags = BuildTags::new("3.11".parse().unwrap(), "linux-x86_64", None);
    let fits = wheels.add("a-1", "py3-none-any", &[]);
    check(std::slice::from_ref(&fits), &tags).unwrap();
    let foreign = wheels.add("b-1", "cp311-cp311-manylinux_2_17_aarch64", &[]);
    let error = check(&[fits.clone(), foreign], &tags).unwrap_err();
    assert_eq!(error.code(), Code::BuildDependency);
    assert!(error.causes()[0].contains("aarch64"), "{error}");
    let twin = wheels.add("a-2", "py3-none-any", &[]);
    assert!(check(&[fits, twin], &tags).unwrap_err().causes()[0].contains("a-1-py3"));
    let other = tempfile::NamedTempFile::with_suffix(".zip").unwrap();
    let error = GivenWheel::open(other.path()).unwrap_err();
    assert_eq!(error.code(), Code::BuildDependency);
    let error = GivenWheel::open(Path::new("/nonexistent/a-1-py3-none-any.whl")).unwrap_err();
    assert_eq!(error.code(), Code::InputNotFound);
}
