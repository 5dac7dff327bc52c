use super::super::compare;
use super::*;
use crate::archive::{DosTime, ZipMember, ZipOptions, write_zip};

fn zip_at(members: &[(&str, &[u8], bool)], time: DosTime) -> Vec<u8> {
    let members: Vec<_> = members
        .iter()
        .map(|(name, data, executable)| ZipMember { name, data, executable: *executable })
        .collect();
    let mut out = Vec::new();
    write_zip(&members, &ZipOptions { time, jobs: 1 }, &mut out).unwrap();
    out
}

fn zip(members: &[(&str, &[u8], bool)]) -> Vec<u8> {
    zip_at(members, DosTime::FIRST)
}

fn said(first: &[u8], second: &[u8]) -> Vec<String> {
    compare(first, second).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn the_same_bytes_have_no_difference() {
    let wheel = zip(&[("a", b"x", false)]);
    assert!(compare(&wheel, &wheel).unwrap().is_empty());
    assert!(compare(b"", b"").unwrap().is_empty());
    assert!(compare(&wheel, b"no zip").is_err());
}

#[test]
fn every_kind_of_difference_is_named() {
    let first = zip(&[("a", b"same", false), ("b", b"abcd", false), ("c", b"", true), ("only1", b"", false)]);
    let second =
        zip(&[("a", b"same", false), ("b", b"abXd!", false), ("c", b"", false), ("only2", b"", false)]);
    assert_eq!(
        said(&first, &second),
        [
            "`b` differs from byte 2 on (4 and 5 bytes)",
            "`c` has the mode 0755 and 0644",
            "`only1` is only in the first",
            "`only2` is only in the second",
        ]
    );
    let (a, b): (&[u8], &[u8]) = (b"1", b"2");
    let first = zip(&[("a", a, false), ("b", b, false), ("c", b, false)]);
    let second = zip(&[("a", a, false), ("c", b, false), ("b", b, false)]);
    assert_eq!(said(&first, &second), ["the order of members differs from `b` on"]);
    let later =
        zip_at(&[("a", a, false), ("b", b, false), ("c", b, false)], DosTime::from_epoch(1_000_000_000));
    let times = said(&first, &later);
    assert_eq!(times.len(), 3);
    assert!(times[0].contains("2001-09-09"), "{times:?}");
}

#[test]
fn other_compression_is_told_from_other_content() {
    let data = b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".repeat(100);
    let ours = zip(&[("a", &data, false)]);
    let theirs = |level: Option<i64>, method| {
        use std::io::Write;
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(method)
            .compression_level(level)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o644);
        writer.start_file("a", options).unwrap();
        writer.write_all(&data).unwrap();
        writer.finish().unwrap().into_inner()
    };
    assert_eq!(
        compare(&ours, &theirs(None, zip::CompressionMethod::Stored)).unwrap(),
        [Difference::Compression { member: "a".into() }]
    );
    assert_eq!(
        compare(&ours, &theirs(Some(1), zip::CompressionMethod::Deflated)).unwrap(),
        [Difference::Container]
    );
}
