//! SBOM and provenance of a wheel against the schemas that others publish.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use wheelbuild::wheel::{
    Artefact, BuildRecord, Crate, Library, Member, Provenance, PythonRecord, RawWheel, SourceFile, Tool,
    WheelBuilder,
};

const FILE: &str = "demo-1.0+local.1-cp311-cp311-manylinux_2_28_aarch64.whl";

/// A record with two of everything, and with what could trip a schema: odd characters, empty maps.
fn record() -> BuildRecord {
    let text = str::to_owned;
    let sha256 = |digit: &str| digit.repeat(64);
    let artefact = |name, version, file, digit| Artefact {
        name: text(name),
        version: text(version),
        file: text(file),
        sha256: sha256(digit),
    };
    let tool =
        |name, version, digit| Tool { name: text(name), version: text(version), sha256: sha256(digit) };
    let library = |name, licence, digit| Library {
        name: text(name),
        version: text("22.1.8"),
        licence: text(licence),
        sha256: sha256(digit),
        ..Library::default()
    };
    BuildRecord {
        sdist: artefact("demo", "1.0+local.1", "demo-1.0+local.1.tar.gz", "1"),
        target: text("aarch64-linux-gnu.2.28"),
        python: PythonRecord { version: text("3.11"), full: text("3.11.7"), identity: sha256("2") },
        requirements: vec![
            artefact("setuptools", "82.0.1", "setuptools-82.0.1-py3-none-any.whl", "3"),
            artefact("cython", "3.2.1", "cython-3.2.1-cp311-cp311-manylinux_2_17_x86_64.whl", "4"),
        ],
        sources: vec![SourceFile {
            name: "qhull".into(),
            url: "https://example.org/qhull-2020.tgz".into(),
            file: "qhull-2020.tgz".into(),
            sha256: "8".repeat(64),
        }],
        tools: vec![tool("zig", "0.17.1", "5"), tool("wheelbuild", "0.1.0", "6")],
        libraries: vec![
            library("compiler-rt", "Apache-2.0 WITH LLVM-exception", "7"),
            library("libc++", "Apache-2.0 WITH LLVM-exception", "8"),
        ],
        crates: vec![
            Crate {
                name: text("pyo3"),
                version: text("0.28.0"),
                licence: Some(text("MIT OR Apache-2.0")),
                sha256: Some(sha256("a")),
                source: None,
            },
            Crate {
                name: text("checkout"),
                version: text("1.0.0+x"),
                licence: None,
                sha256: None,
                source: Some(text("git+https://example.invalid/a?rev=1#0123")),
            },
        ],
        options: BTreeMap::new(),
        config_settings: BTreeMap::from([(text("--build-option"), vec![text("a=\u{e4} \"b\""), text("")])]),
        isolation: text("namespaces"),
        source_date_epoch: Some(1_700_000_000),
        recipe_digest: sha256("9"),
    }
    .checked()
    .unwrap()
}

/// Writes the wheel and its provenance into `folder`.
fn write(folder: &Path) -> String {
    let info = "demo-1.0+local.1.dist-info";
    let members = vec![
        Member::file("demo/__init__.py", "x = 1\n"),
        Member::file(format!("{info}/METADATA"), "Metadata-Version: 2.4\nName: demo\nVersion: 1.0+local.1\n"),
        Member::file(format!("{info}/WHEEL"), "Wheel-Version: 1.0\nRoot-Is-Purelib: false\n"),
        Member::file(format!("{info}/RECORD"), ""),
    ];
    let raw = RawWheel::from_members(FILE.parse().unwrap(), members).unwrap();
    let tags = raw.file_name().tags().clone();
    let wheel = WheelBuilder::new(raw, tags).record(record()).build().unwrap();
    assert_eq!(wheel.file_name.to_string(), FILE);
    let provenance = Provenance::of(&record(), FILE, &wheel.sha256).to_json().unwrap();
    let path = folder.join(FILE);
    std::fs::write(&path, &wheel.bytes).unwrap();
    std::fs::write(folder.join(Provenance::file_name(FILE)), provenance).unwrap();
    path.to_string_lossy().into_owned()
}

fn check(wheel: &str) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/check-documents");
    Command::new(script).arg(wheel).output().unwrap()
}

#[test]
fn both_documents_are_valid_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let wheel = write(folder.path());
    let output = check(&wheel);
    if output.status.code() == Some(3) {
        println!("SKIP: the validators cannot be installed: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 2, "{said}");

    // The judge must be able to say no.
    let provenance = format!("{wheel}.intoto.json");
    let good = std::fs::read_to_string(&provenance).unwrap();
    for (from, to) in [
        ("\"buildDefinition\"", "\"buildDefinitions\""),
        ("\"subject\"", "\"subjects\""),
        ("\"resolvedDependencies\": [", "\"resolvedDependencies\": [{\"nam\": \"x\"},"),
        ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0"),
    ] {
        std::fs::write(&provenance, good.replace(from, to)).unwrap();
        let output = check(&wheel);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{from}: {said}");
        assert!(said.contains("ok SBOM") && said.contains("wrong provenance"), "{said}");
    }
}
