use super::*;
use crate::report::Code;

const WHEEL: &str = "demo_pkg-1.0+x-cp311-cp311-manylinux_2_17_aarch64.whl";

fn documents(record: &BuildRecord) -> (Sbom, Provenance) {
    (Sbom::of(record, &WHEEL.parse().unwrap()), Provenance::of(record, WHEEL, &"9".repeat(64)))
}

#[test]
fn both_documents_are_these() {
    let (sbom, provenance) = documents(&build_record::tests::sample());
    let without_version = |text: String| text.replace(env!("CARGO_PKG_VERSION"), "[version]");
    insta::assert_snapshot!("sbom", without_version(sbom.to_json().unwrap()));
    insta::assert_snapshot!("provenance", without_version(provenance.to_json().unwrap()));
}

#[test]
fn both_are_read_back_and_the_record_with_them() {
    let record = build_record::tests::sample();
    let (sbom, provenance) = documents(&record);
    assert_eq!(Sbom::from_json(&sbom.to_json().unwrap()).unwrap(), sbom);
    let read = Provenance::from_json(&provenance.to_json().unwrap()).unwrap();
    assert_eq!(read, provenance);
    assert_eq!(read.record().unwrap(), record);
    assert_eq!(read.subject(), (WHEEL, &*"9".repeat(64)));
    assert_eq!(read.builder_version(), env!("CARGO_PKG_VERSION"));
}

/// Neither document can name less than what went in: each input is dropped once from what the
/// documents are made of, and each time the check against the whole record has to fail twice.
#[test]
fn a_dropped_input_is_found_missing_in_both() {
    let whole = build_record::tests::sample();
    let (sbom, provenance) = documents(&whole);
    check_complete(&whole, &sbom, &provenance).unwrap();

    let mut poorer = Vec::new();
    for index in 0..whole.requirements.len() {
        let mut record = whole.clone();
        poorer.push((record.requirements.remove(index).name, record));
    }
    for index in 0..whole.tools.len() {
        let mut record = whole.clone();
        poorer.push((record.tools.remove(index).name, record));
    }
    for index in 0..whole.libraries.len() {
        let mut record = whole.clone();
        poorer.push((record.libraries.remove(index).name, record));
    }
    assert_eq!(poorer.len(), 5);
    for (name, record) in poorer {
        let (poor_sbom, poor_provenance) = documents(&record);
        for (sbom, provenance, document) in
            [(&poor_sbom, &provenance, "SBOM"), (&sbom, &poor_provenance, "provenance")]
        {
            let error = check_complete(&whole, sbom, provenance).unwrap_err();
            assert_eq!(error.code(), Code::Bug);
            assert_eq!(error.causes().len(), 1, "{error}");
            assert!(error.causes()[0].contains(&format!("the {document} lacks")), "{error}");
            assert!(error.causes()[0].contains(&name), "{error}");
        }
        // And what was never there is not to be invented.
        assert!(check_complete(&record, &sbom, &provenance).unwrap_err().to_string().contains("invents"));
    }
}

#[test]
fn another_digest_or_parameter_is_found() {
    let whole = build_record::tests::sample();
    let (sbom, provenance) = documents(&whole);
    let changes: [fn(&mut BuildRecord); 6] = [
        |record| record.sdist.sha256 = "0".repeat(64),
        |record| record.requirements[0].sha256 = "0".repeat(64),
        |record| record.tools[0].sha256 = "0".repeat(64),
        |record| record.python.identity = "0".repeat(64),
        |record| record.target = "x86_64-linux-gnu.2.28".into(),
        |record| drop(record.options.insert("jobs".into(), "1".into())),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut record = whole.clone();
        change(&mut record);
        assert!(check_complete(&record, &sbom, &provenance).is_err(), "change {number}");
    }
}

/// The SBOM is part of the wheel, so nothing in it may tell one build machine from another.
#[test]
fn the_sbom_is_the_same_from_another_machine() {
    let here = build_record::tests::sample();
    let mut there = here.clone();
    there.python.full = "3.11.14".into();
    there.python.identity = "0".repeat(64);
    there.isolation = "none".into();
    there.tools.iter_mut().for_each(|tool| tool.sha256 = "0".repeat(64));
    let cython = there.requirements.iter_mut().find(|item| item.name == "Cython").unwrap();
    cython.file = "cython-3.2.1-cp311-cp311-manylinux_2_17_aarch64.whl".into();
    cython.sha256 = "0".repeat(64);
    assert_eq!(documents(&here).0, documents(&there).0);
    assert_ne!(documents(&here).1, documents(&there).1);
}

#[test]
fn no_clock_no_random_id() {
    let (sbom, provenance) = documents(&build_record::tests::sample());
    let text = sbom.to_json().unwrap() + &provenance.to_json().unwrap();
    for word in ["timestamp", "serialNumber", "uuid", "startedOn", "finishedOn", "invocationId"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn foreign_documents_are_refused() {
    let (sbom, provenance) = documents(&build_record::tests::sample());
    let (sbom, provenance) = (sbom.to_json().unwrap(), provenance.to_json().unwrap());
    for text in ["", "{}", &provenance, &sbom.replace("formulation", "formula")] {
        assert_eq!(Sbom::from_json(text).unwrap_err().code(), Code::BadWheel);
    }
    for text in [
        "",
        "[]",
        &sbom,
        &provenance.replace("Statement/v1", "Statement/v2"),
        &provenance.replace("sdist-to-wheel:1", "sdist-to-wheel:2"),
        &provenance
            .replace("\"subject\": [", "\"subject\": [{\"name\": \"x\", \"digest\": {\"sha256\": \"x\"}},"),
    ] {
        assert_eq!(Provenance::from_json(text).unwrap_err().code(), Code::BadMetadata);
    }
    for (from, to) in [
        ("\"role\": \"sdist\"", "\"role\": \"tool\""),
        ("\"role\": \"interpreter\"", "\"role\": \"tool\""),
        ("\"sha256\": \"222", "\"sha256\": \"xyz"),
        ("\"file\": \"setuptools-", "\"file\": \"../setuptools-"),
    ] {
        let changed = provenance.replacen(from, to, 1);
        assert_ne!(changed, provenance);
        let error = Provenance::from_json(&changed).unwrap().record().unwrap_err();
        assert_eq!(error.code(), Code::BadMetadata, "{from}");
    }
}
