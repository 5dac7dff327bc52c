use super::*;
use crate::report::Code;

fn read(members: Vec<Member>) -> crate::report::Result<RawWheel> {
    RawWheel::from_members(file_name(), members)
}

fn replace(name: &str, data: &str) -> Vec<Member> {
    let mut members = demo();
    let name = format!("{DIST_INFO}/{name}");
    members.iter_mut().find(|member| member.name == name).unwrap().data = data.into();
    members
}

#[test]
fn a_good_wheel_is_read() {
    let wheel = read(demo()).unwrap();
    assert_eq!(wheel.stem(), "Demo.Pkg-1.0");
    assert_eq!(wheel.metadata().name(), "Demo.Pkg");
    assert_eq!(wheel.wheel().generator.as_deref(), Some("demo"));
    assert!(wheel.dist_info("METADATA").is_some() && wheel.dist_info("x").is_none());
    assert!(wheel.notes().is_empty(), "{:?}", wheel.notes());
}

#[test]
fn a_changed_missing_or_unlisted_file_is_seen() {
    let mut members = demo();
    members[0].data.push(b'!');
    let error = read(members).unwrap_err();
    assert_eq!(error.code(), Code::BadWheel);
    assert!(error.headline().contains("demo/__init__.py"), "{error}");

    let mut members = demo();
    members.remove(0);
    assert!(read(members).unwrap_err().headline().contains("not in the wheel"));

    let mut members = demo();
    members.push(Member::file("extra.py", ""));
    assert_eq!(read(members).unwrap().notes(), ["RECORD does not list `extra.py`"]);

    let wrong_size = String::from_utf8(demo().pop().unwrap().data).unwrap().replace(",6\n", ",7\n");
    assert!(read(replace("RECORD", &wrong_size)).unwrap_err().headline().contains("6 bytes"));
}

#[test]
fn missing_parts_are_named() {
    for part in ["METADATA", "WHEEL", "RECORD"] {
        let mut members = demo();
        members.retain(|member| !member.name.ends_with(part));
        let error = read(members).unwrap_err();
        assert_eq!(error.code(), Code::BadWheel);
        assert!(error.headline().contains(part), "{error}");
    }
    assert!(read(vec![Member::file("a.py", "")]).unwrap_err().headline().contains("no .dist-info"));
}

#[test]
fn parts_that_name_another_project_are_refused() {
    let metadata = "Metadata-Version: 2.4\nName: other\nVersion: 1.0\n";
    assert_eq!(read(replace("METADATA", metadata)).unwrap_err().code(), Code::BadWheel);
    let metadata = "Metadata-Version: 2.4\nName: demo-pkg\nVersion: 1.0.1\n";
    assert_eq!(read(replace("METADATA", metadata)).unwrap_err().code(), Code::BadWheel);

    let mut members = demo();
    members.push(Member::file("other-1.0.dist-info/METADATA", ""));
    assert!(read(members).unwrap_err().headline().contains("several .dist-info"));

    let mut members = demo();
    members.push(Member::file("other-1.0.data/scripts/x", ""));
    assert!(read(members).unwrap_err().headline().contains("other-1.0.data"));

    let other = "other-1.0-cp311-cp311-linux_x86_64.whl".parse().unwrap();
    assert!(RawWheel::from_members(other, demo()).unwrap_err().headline().contains("is not of other-1.0"));
}

#[test]
fn tags_that_do_not_agree_are_noted() {
    let name = "demo_pkg-1.0-py3-none-any.whl".parse().unwrap();
    let notes = RawWheel::from_members(name, demo()).unwrap().notes().to_vec();
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("cp311-cp311-linux_x86_64") && notes[0].contains("py3-none-any"));
}

#[test]
fn what_is_no_zip_is_refused() {
    for bytes in [&b""[..], b"PK", b"hello world, this is no archive at all"] {
        assert_eq!(
            RawWheel::from_bytes(file_name(), bytes.to_vec()).unwrap_err().code(),
            Code::BrokenArchive
        );
    }
    assert_eq!(
        RawWheel::read(std::path::Path::new("/nowhere/a-1-py3-none-any.whl")).unwrap_err().code(),
        Code::Io
    );
}
