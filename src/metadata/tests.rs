use proptest::prelude::*;

use super::name::wrong_name;
use super::{Metadata, is_valid_name, normalize, version_eq};
use crate::report::Code;

fn refused(bytes: &[u8]) -> String {
    let error = Metadata::parse(bytes).expect_err("must be refused");
    assert_eq!(error.code(), Code::BadMetadata);
    error.to_string()
}

#[test]
fn reads_fields_in_order_and_any_case() {
    let metadata = Metadata::parse(
        b"Metadata-Version: 2.4\nName: Zope.Interface\nVersion: 1.0\nRequires-Dist: a>=1\nrequires-dist: b ; extra == 'x'\n\nBody: no field\n",
    )
    .unwrap();
    assert_eq!(metadata.name(), "Zope.Interface");
    assert_eq!(metadata.version(), "1.0");
    assert_eq!(metadata.metadata_version(), Some((2, 4)));
    assert_eq!(metadata.get_all("REQUIRES-DIST"), ["a>=1", "b ; extra == 'x'"]);
    assert_eq!(metadata.get("Body"), None);
    assert_eq!(metadata.description(), "Body: no field\n");
    assert!(metadata.defects().is_empty());
}

#[test]
fn folded_lines_belong_to_the_field_above() {
    let metadata = Metadata::parse(
        b"Name: a\nVersion: 1\nDescription: first\n        second\n       |third\nLicense: MIT\n",
    )
    .unwrap();
    assert_eq!(metadata.description(), "first\nsecond\nthird");
    assert_eq!(metadata.get("License"), Some("MIT"));
}

#[test]
fn latin1_and_carriage_returns_are_read() {
    let metadata = Metadata::parse(b"Name: a\r\nVersion: 1\r\nAuthor: Andr\xe9\r\n\r\nx").unwrap();
    assert_eq!(metadata.get("Author"), Some("André"));
    assert_eq!(metadata.defects().len(), 1);
    assert_eq!(Metadata::parse(b"\xef\xbb\xbfName: a\rVersion: 1\r").unwrap().version(), "1");
}

#[test]
fn a_line_without_colon_ends_the_header_as_installers_see_it() {
    let metadata =
        Metadata::parse(b"Name: a\nVersion: 1\nLicense: BSD\nAll rights\nRequires-Dist: b\n").unwrap();
    assert_eq!(metadata.get_all("Requires-Dist"), Vec::<&str>::new());
    assert!(metadata.defects()[0].contains("All rights"));
}

#[test]
fn missing_double_or_wrong_names_and_versions_are_refused() {
    assert!(refused(b"").contains("no `Name`"));
    assert!(refused(b"Name: a\n").contains("no `Version`"));
    assert!(refused(b"Name: a\nName: a\nVersion: 1\n").contains("twice"));
    assert!(refused(b"Name: a\nVersion: 1\nversion: 2\n").contains("twice"));
    assert!(refused(b"Name: ../a\nVersion: 1\n").contains("project name"));
    assert!(refused(b"Name: a\n b\nVersion: 1\n").contains("project name"));
    assert!(refused(b"Name: a\nVersion: 1/../2\n").contains("valid version"));
    assert!(refused(b"Name: a\nVersion: UNKNOWN\n").contains("valid version"));
}

#[test]
fn a_newer_major_metadata_version_is_refused_and_a_newer_minor_is_not() {
    assert!(refused(b"Metadata-Version: 3.0\nName: a\nVersion: 1\n").contains("newer"));
    assert!(refused(b"Metadata-Version: x\nName: a\nVersion: 1\n").contains("metadata version"));
    assert!(Metadata::parse(b"Metadata-Version: 2.99\nName: a\nVersion: 1\n").is_ok());
}

#[test]
fn static_fields_follow_pep_643() {
    let new =
        Metadata::parse(b"Metadata-Version: 2.2\nName: a\nVersion: 1\nDynamic: requires-dist\n").unwrap();
    assert!(!new.is_static("Requires-Dist"));
    assert!(new.is_static("Requires-Python") && new.is_static("Version"));
    let old = Metadata::parse(b"Metadata-Version: 2.1\nName: a\nVersion: 1\n").unwrap();
    assert!(!old.is_static("Requires-Python") && old.is_static("Name"));
}

#[test]
fn names_are_normalized_as_pep_503_says() {
    assert_eq!(normalize("Foo__Bar.-baz"), "foo-bar-baz");
    assert_eq!(normalize("a"), "a");
    for good in ["a", "A9", "a.b-c_d", "0"] {
        assert!(is_valid_name(good), "{good}");
    }
    for bad in ["", "-a", "a-", "a b", "é", "a/b", "a\n", "."] {
        assert!(!is_valid_name(bad), "{bad}");
    }
}

#[test]
fn names_in_requirements_are_checked_before_a_library_sees_them() {
    for good in ["a", "a.b-c >= 1", "a[x,y_z] ; m", "a [ x , y ]==1", "a[]", "a@https://h.invalid/b-;c-"] {
        assert_eq!(wrong_name(good), None, "{good}");
    }
    for (bad, name) in
        [("A- x", "A-"), ("", ""), ("a_", "a_"), ("a[b,c-]", "c-"), ("a.[b]", "a."), ("-r x", "-r")]
    {
        assert_eq!(wrong_name(bad), Some(name), "{bad}");
    }
}

#[test]
fn versions_are_equal_by_value() {
    assert!(version_eq("1.0", "1.0.0"));
    assert!(version_eq("1.0RC1", "1.0rc1"));
    assert!(!version_eq("1.0", "1.0+local"));
    assert!(version_eq("odd", "odd") && !version_eq("odd", "1"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Metadata::parse(&bytes);
    }

    #[test]
    fn odd_lines_never_change_name_and_version(tail in "[ -~\\n\\t]{0,200}") {
        let text = format!("Metadata-Version: 2.1\nName: a\nVersion: 1.2\n\n{tail}");
        let metadata = Metadata::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(metadata.name(), "a");
        prop_assert_eq!(metadata.version(), "1.2");
        prop_assert_eq!(metadata.description(), tail);
    }

    #[test]
    fn normalizing_twice_changes_nothing(name in "[A-Za-z0-9._-]{0,30}") {
        prop_assert_eq!(normalize(&normalize(&name)), normalize(&name));
    }
}
