use proptest::prelude::*;

use super::*;
use crate::report::Code;

fn build(members: Vec<Member>) -> Wheel {
    let raw = RawWheel::from_members(file_name(), members).unwrap();
    WheelBuilder::new(raw, tags()).build().unwrap()
}

#[test]
fn the_whole_wheel() {
    let wheel = build(demo());
    assert_eq!(
        wheel.file_name.to_string(),
        "demo_pkg-1.0-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl"
    );
    let files = unzip(&wheel.bytes);
    let listing: String = files.iter().map(|(name, _, mode)| format!("{mode:o} {name}\n")).collect();
    assert_eq!(
        listing,
        "100644 demo/__init__.py\n\
         100755 demo/_c.so\n\
         100644 demo_pkg-1.0.data/purelib/other.py\n\
         100755 demo_pkg-1.0.data/scripts/demo\n\
         100644 demo_pkg-1.0.dist-info/METADATA\n\
         100644 demo_pkg-1.0.dist-info/WHEEL\n\
         100644 demo_pkg-1.0.dist-info/RECORD\n"
    );
    let text = |name: &str| {
        let (_, data, _) = files.iter().find(|(path, ..)| path.ends_with(name)).unwrap();
        String::from_utf8(data.clone()).unwrap()
    };
    assert_eq!(
        text("/WHEEL"),
        format!(
            "Wheel-Version: 1.0\nGenerator: wheelbuild {}\nRoot-Is-Purelib: false\n\
             Tag: cp311-cp311-manylinux2014_aarch64\nTag: cp311-cp311-manylinux_2_17_aarch64\n",
            env!("CARGO_PKG_VERSION")
        )
    );
    assert_eq!(text("/scripts/demo"), "#!python -E\nimport demo\n");
    assert_eq!(wheel.notes, ["`demo_pkg-1.0.data/scripts/demo` now starts with `#!python`"]);
    let record = text("/RECORD");
    let paths: Vec<&str> = record.lines().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(paths, files.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>());
    // The hash of the rewritten script, from Python's hashlib.
    let script = "demo_pkg-1.0.data/scripts/demo,sha256=nuoCx9gy6Mg05Lc3BdckOTQEHb2FQpUR5eaH8jIjHB8,24\n";
    assert!(record.contains(script), "{record}");
    assert!(record.ends_with("demo_pkg-1.0.dist-info/RECORD,,\n"), "{record}");
}

#[test]
fn a_second_time_changes_nothing() {
    let once = build(demo());
    let raw = RawWheel::from_bytes(once.file_name.clone(), once.bytes.clone()).unwrap();
    assert!(raw.notes().is_empty(), "{:?}", raw.notes());
    let twice = WheelBuilder::new(raw, once.file_name.tags().clone()).build().unwrap();
    assert_eq!(twice.sha256, once.sha256);
    assert!(twice.notes.is_empty(), "{:?}", twice.notes);
}

#[test]
fn volatile_files_and_signatures_go_with_a_note() {
    let plain = build(demo());
    let mut members = demo();
    let extra = ["demo/__pycache__/__init__.cpython-311.pyc", "demo/__init__.pyc", ".DS_Store"];
    members.extend(extra.map(|name| Member::file(name, "x")));
    let in_dist_info = ["INSTALLER", "direct_url.json", "RECORD.jws"];
    members.extend(in_dist_info.map(|name| Member::file(format!("{DIST_INFO}/{name}"), "x")));
    let wheel = build(members);
    assert_eq!(wheel.sha256, plain.sha256);
    for name in extra.iter().chain(&in_dist_info) {
        assert!(wheel.notes.iter().any(|note| note.contains(name) && note.contains("left out")), "{name}");
    }
}

#[test]
fn the_record_becomes_an_sbom_and_the_epoch_the_time() {
    let raw = || RawWheel::from_members(file_name(), demo()).unwrap();
    let record = build_record::tests::sample();
    let with = WheelBuilder::new(raw(), tags()).record(record.clone()).build().unwrap();
    let files = unzip(&with.bytes);
    let (_, sbom, _) =
        files.iter().find(|(name, ..)| name == "demo_pkg-1.0.dist-info/sboms/wheelbuild.cdx.json").unwrap();
    let sbom = Sbom::from_json(std::str::from_utf8(sbom).unwrap()).unwrap();
    assert_eq!(with.sbom.as_ref(), Some(&sbom));
    let provenance = Provenance::of(&record, &with.file_name.to_string(), &with.sha256);
    check_complete(&record, &sbom, &provenance).unwrap();
    let (record_file, data, _) = files.last().unwrap();
    assert_eq!(record_file, "demo_pkg-1.0.dist-info/RECORD");
    assert!(String::from_utf8_lossy(data).contains("sboms/wheelbuild.cdx.json,sha256="));

    let later = WheelBuilder::new(raw(), tags()).source_date_epoch(Some(1_700_000_000)).build().unwrap();
    let plain = build(demo());
    let differences = super::super::compare(&plain.bytes, &later.bytes).unwrap();
    assert_eq!(differences.len(), unzip(&plain.bytes).len());
    assert!(differences.iter().all(
        |difference| matches!(difference, Difference::Time { second, .. } if second.contains("2023-11-14"))
    ));
}

#[test]
fn a_wheel_for_a_platform_has_no_pure_root() {
    let mut members = demo();
    for member in &mut members {
        if member.name.ends_with("/WHEEL") {
            member.data = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\nBuild: 2\n".into();
        }
    }
    members.retain(|member| !member.name.ends_with("/RECORD"));
    let name = format!("{DIST_INFO}/RECORD");
    let rows = record_file::write(&members, &name);
    members.push(Member::file(name, rows));
    let built = |file: &str, tags: &str| {
        let raw = RawWheel::from_members(file.parse().unwrap(), members.clone()).unwrap();
        let wheel = WheelBuilder::new(raw, tags.parse().unwrap()).build().unwrap();
        let files = unzip(&wheel.bytes);
        let (_, data, _) = files.into_iter().find(|(name, ..)| name.ends_with("/WHEEL")).unwrap();
        (wheel.file_name.to_string(), String::from_utf8(data).unwrap())
    };
    let (name, text) = built("demo_pkg-1.0-2-py3-none-any.whl", "py3-none-any");
    assert_eq!(name, "demo_pkg-1.0-2-py3-none-any.whl");
    assert!(text.contains("Root-Is-Purelib: true\n") && text.ends_with("Build: 2\n"), "{text}");
    let (_, text) = built("demo_pkg-1.0-2-py3-none-any.whl", "py3-none-manylinux_2_28_aarch64");
    assert!(text.contains("Root-Is-Purelib: false\n"), "{text}");
}

#[test]
fn two_members_of_one_name_are_refused() {
    let mut raw = RawWheel::from_members(file_name(), demo()).unwrap();
    raw.members_mut().push(Member::file("demo/__init__.py", "other"));
    assert_eq!(WheelBuilder::new(raw, tags()).build().unwrap_err().code(), Code::HostileArchive);
}

fn any_members() -> impl Strategy<Value = Vec<Member>> {
    let file = (prop::collection::vec(any::<u8>(), 0..2000), any::<bool>());
    prop::collection::btree_map("[a-z\u{e4},\" _-]{0,6}[a-z]/[a-z0-9]{1,6}\\.(py|so|txt)", file, 0..10)
        .prop_map(|files| {
            files.into_iter().map(|(name, (data, executable))| Member { name, data, executable }).collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The order in which a backend wrote, and the number of threads, leave no trace; and everything
    /// is in the wheel that went in.
    #[test]
    fn any_order_gives_the_same_bytes(members in any_members(), seed in any::<u64>(), jobs in 1usize..4) {
        let members = with_dist_info(members);
        let expected = build(members.clone());
        let mut shuffled = members.clone();
        shuffled.sort_by_key(|member| sha2_of(&member.name, seed));
        let raw = RawWheel::from_members(file_name(), shuffled).unwrap();
        let wheel = WheelBuilder::new(raw, tags()).jobs(jobs).build().unwrap();
        prop_assert_eq!(&wheel.sha256, &expected.sha256);

        let files = unzip(&wheel.bytes);
        prop_assert_eq!(files.len(), members.len());
        for member in members.iter().filter(|member| !member.name.starts_with(DIST_INFO)) {
            let (_, data, mode) = files.iter().find(|(name, ..)| *name == member.name).unwrap();
            prop_assert_eq!(data, &member.data);
            prop_assert_eq!(mode & 0o777, if member.executable { 0o755 } else { 0o644 });
        }
        // The strict reader accepts what we write.
        let again = RawWheel::from_bytes(wheel.file_name, wheel.bytes).unwrap();
        prop_assert!(again.notes().is_empty(), "{:?}", again.notes());
    }
}

fn sha2_of(name: &str, seed: u64) -> String {
    member::sha256_hex(format!("{seed}{name}").as_bytes())
}
