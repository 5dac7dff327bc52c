use std::io::{Cursor, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use proptest::prelude::*;

use super::zip_bytes::{End, LINK, Local, Raw, crc32, deflate, deflated, stored, zip, zip_with};
use super::{Sandbox, assert_broken, assert_hostile, assert_refused, refused_within};
use crate::archive::{Limits, ZipMember, ZipMethod, ZipOptions, ZipReader, list, read_first, write_zip};
use crate::report::Code;

fn open(bytes: &[u8]) -> ZipReader {
    ZipReader::from_bytes(bytes.to_vec(), &Limits::default()).unwrap()
}

fn extra(id: u16, data: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
}

#[test]
fn members_are_read_by_name_and_unpacked() {
    let bytes = zip(&[
        stored("p/", b""),
        Raw { attributes: 0o100_755 << 16, ..deflated("p/run", &[b'x'; 5000]) },
        stored("p/é", b"data"),
    ]);
    let reader = open(&bytes);
    let run = reader.entry("p/run").unwrap();
    assert_eq!((run.size, run.executable, run.method), (5000, true, ZipMethod::Deflated));
    assert_eq!(reader.read("p/run").unwrap(), [b'x'; 5000]);
    assert_eq!(reader.read("p/é").unwrap(), b"data");
    assert!(reader.entry("p").unwrap().folder);
    for missing in ["p", "P/RUN", "none"] {
        assert_eq!(reader.read(missing).unwrap_err().code(), Code::BrokenArchive);
    }
    let mut packed = Vec::new();
    reader.packed(run).read_to_end(&mut packed).unwrap();
    assert_eq!(packed, deflate(&[b'x'; 5000]));

    let sandbox = Sandbox::new();
    let unpacked = sandbox.unpack(&bytes).unwrap();
    assert_eq!((unpacked.entries, unpacked.bytes), (3, 5004));
    let facts = std::fs::metadata(sandbox.inside().join("p/run")).unwrap();
    assert_eq!((facts.permissions().mode() & 0o7777, facts.mtime()), (0o755, 315_619_200));
}

#[test]
fn an_empty_zip_is_read() {
    assert_eq!(open(&zip(&[])).entries(), []);
    assert_hostile(&[&b"PK\x03\x04prefix"[..], &zip(&[])].concat(), &["before"]);
}

#[test]
fn listing_and_reading_one_file_work_as_for_tar() {
    let bytes = zip(&[stored("p/PKG-INFO", b"Name: a"), deflated("p/b", b"")]);
    Sandbox::new()
        .run(&bytes, |archive, into| {
            assert_eq!(list(archive, &Limits::default())?.len(), 2);
            let found = read_first(archive, &Limits::default(), 100, &mut |path| path == "p/PKG-INFO")?;
            assert_eq!(found.unwrap().1, b"Name: a");
            assert!(!into.exists());
            Ok(())
        })
        .unwrap();
}

#[test]
fn dangerous_names_are_refused() {
    for name in ["/abs", "../up", "p/../../up", "p\\up", "C:/p", "p//a", "./p", "p/a\nb", "p/a\0b"] {
        let error = super::refused(&zip(&[stored(name, b"x")]));
        assert_eq!(error.code(), Code::HostileArchive, "{name:?}: {error}");
    }
    assert_hostile(&zip(&[Raw { name: b"p/\xff".to_vec(), flags: 1 << 11, ..stored("x", b"") }]), &["UTF-8"]);
    // Without the flag a reader may take the bytes for code page 437.
    assert_hostile(&zip(&[Raw { flags: 0, ..stored("p/é", b"") }]), &["not marked as UTF-8"]);
    let other = extra(0x7075, b"\x01\0\0\0\0other");
    assert_hostile(&zip(&[Raw { extra: other, ..stored("p/a", b"") }]), &["another name in an extra field"]);
}

#[test]
fn duplicate_and_colliding_names_are_refused() {
    assert_hostile(&zip(&[stored("p/a", b"1"), stored("p/a", b"2")]), &["`p/a`", "twice"]);
    assert_hostile(&zip(&[stored("p/", b""), stored("p/", b"")]), &["`p`", "twice"]);
    assert_hostile(&zip(&[stored("p/a", b"1"), stored("P/b", b"2")]), &["case"]);
    assert_hostile(&zip(&[stored("p/a", b"1"), stored("p/a/b", b"2")]), &["below the file"]);
    assert_hostile(&zip(&[stored("p/a", b"1"), stored("p/a/", b"")]), &["`p/a`", "twice"]);
}

#[test]
fn links_and_devices_are_refused() {
    assert_hostile(&zip(&[Raw { attributes: LINK, ..stored("p/l", b"/etc/passwd") }]), &["`p/l`", "link"]);
    for kind in [0o020_000u32, 0o060_000, 0o010_000, 0o140_000, 0o040_000] {
        assert_hostile(&zip(&[Raw { attributes: kind << 16, ..stored("p/d", b"") }]), &["`p/d`", "neither"]);
    }
    assert_hostile(&zip(&[Raw { attributes: 0o100_644 << 16, ..stored("p/", b"") }]), &["disagree"]);
    assert_hostile(&zip(&[stored("p/", b"contents")]), &["folder with contents"]);
    // A writer that is no unix has no modes: nothing is read into its attributes.
    open(&zip(&[Raw { attributes: LINK, made_by: 20, ..stored("p/l", b"x") }]));
}

#[test]
fn encrypted_members_are_refused() {
    for bit in [0, 5, 6, 13] {
        assert_hostile(&zip(&[Raw { flags: 1 << bit, ..stored("p/a", b"x") }]), &["`p/a`", "encrypted"]);
    }
}

#[test]
fn other_methods_are_refused() {
    for method in [1, 6, 9, 12, 14, 93, 95, 99] {
        assert_hostile(&zip(&[Raw { method, ..stored("p/a", b"x") }]), &["`p/a`", "method"]);
    }
}

#[test]
fn a_local_header_that_differs_is_refused() {
    let with = |local: Local| zip(&[Raw { local, ..stored("p/a", b"data") }]);
    assert_hostile(
        &with(Local { name: Some(b"p/b".to_vec()), ..Local::default() }),
        &["`p/a`", "another name"],
    );
    assert_hostile(&with(Local { flags: Some(1 << 11), ..Local::default() }), &["other flags"]);
    assert_hostile(&with(Local { method: Some(8), ..Local::default() }), &["another method"]);
    assert_hostile(&with(Local { crc32: Some(1), ..Local::default() }), &["another size or checksum"]);
    assert_hostile(&with(Local { packed: Some(3), ..Local::default() }), &["another size or checksum"]);
    assert_hostile(&with(Local { size: Some(3), ..Local::default() }), &["another size or checksum"]);
    let other = extra(0x7075, b"\x01\0\0\0\0other");
    assert_hostile(&with(Local { extra: other, ..Local::default() }), &["another name in an extra field"]);
    assert_hostile(&zip(&[Raw { offset: Some(9999), ..stored("p/a", b"x") }]), &["place outside"]);
    let wrong_place = [stored("p/a", b"data data"), Raw { offset: Some(3), ..stored("p/b", b"x") }];
    assert_hostile(&zip(&wrong_place), &["wrong signature"]);
}

#[test]
fn overlapping_members_are_refused() {
    // Two names for one body, the trick of the densest bombs.
    let first = stored("p/a", b"body");
    let again = Raw { offset: Some(0), central_only: true, ..stored("p/a", b"body") };
    assert_hostile(&zip(&[first.clone(), again]), &["twice"]);
    // A member whose data is the next one, headers and all.
    let inner = zip(&[stored("p/b", b"inner")]);
    let local = &inner[..30 + 3 + 5];
    let outer = stored("p/a", local);
    let hidden = Raw { offset: Some(33), central_only: true, ..stored("p/b", b"inner") };
    assert_hostile(&zip(&[outer, hidden]), &["`p/b`", "overlaps `p/a`"]);
}

#[test]
fn gaps_between_members_are_fine() {
    let reader = open(&zip(&[stored("p/a", b"1"), Raw { gap: 500, ..stored("p/b", b"2") }]));
    assert_eq!(reader.read("p/b").unwrap(), b"2");
}

#[test]
fn data_around_the_archive_is_refused() {
    let bytes = zip(&[stored("p/a", b"1")]);
    assert_hostile(&[&bytes[..], b"more"].concat(), &["after the end"]);
    // Before it: offsets as they were, or moved so that most readers do not notice.
    let prefix = b"PK\x03\x04 something before";
    assert_hostile(&[&prefix[..], &bytes].concat(), &["before"]);
    let mut moved = bytes.clone();
    let at = bytes.len() - 22;
    let start = u32::from_le_bytes(bytes[at + 16..at + 20].try_into().unwrap());
    let shift = prefix.len() as u32;
    moved[at + 16..at + 20].copy_from_slice(&(start + shift).to_le_bytes());
    moved[start as usize + 42..start as usize + 46].copy_from_slice(&shift.to_le_bytes());
    assert_hostile(&[&prefix[..], &moved].concat(), &["before the first member"]);
    // Between the directory and its end record.
    assert_hostile(
        &zip_with(&[stored("p/a", b"1")], &End { before: vec![0; 9], ..End::default() }),
        &["does not end"],
    );
}

#[test]
fn two_end_records_are_refused_and_a_comment_is_not() {
    let comment = End { comment: b"a comment".to_vec(), ..End::default() };
    open(&zip_with(&[stored("p/a", b"1")], &comment));
    let second = End { comment: zip(&[stored("p/evil", b"2")]), ..End::default() };
    assert_hostile(&zip_with(&[stored("p/a", b"1")], &second), &["two end records"]);
}

#[test]
fn wrong_counts_are_refused() {
    let members = [stored("p/a", b"1"), stored("p/b", b"2")];
    assert_hostile(&zip_with(&members, &End { count: Some(1), ..End::default() }), &["does not count"]);
    assert_broken(&zip_with(&members, &End { count: Some(3), ..End::default() }), &["damaged"]);
    assert_hostile(&zip_with(&members, &End { start: Some(0), ..End::default() }), &["does not end"]);
    assert_hostile(&zip_with(&members, &End { size: Some(0), ..End::default() }), &["does not end"]);
    assert_broken(&zip(&[Raw { disk: 1, ..stored("p/a", b"1") }]), &["several files"]);
}

#[test]
fn zip64_is_read_and_its_contradictions_are_refused() {
    let members = [stored("p/a", b"1")];
    let wide = |end: End| zip_with(&members, &End { zip64: true, ..end });
    assert_eq!(open(&wide(End::default())).read("p/a").unwrap(), b"1");
    assert_hostile(&wide(End { count: Some(7), ..End::default() }), &["contradict"]);
    assert_hostile(&wide(End { size: Some(7), ..End::default() }), &["contradict"]);
    assert_hostile(&wide(End { start: Some(7), ..End::default() }), &["contradict"]);
    assert_hostile(&wide(End { skew: 1, ..End::default() }), &["does not end"]);
    let mut moved = wide(End::default());
    let locator = moved.len() - 22 - 20;
    moved[locator + 8] ^= 1;
    assert_hostile(&moved, &["not where its locator says"]);

    // Sizes of a member in its extra field, in the directory or in the local header alone.
    let size = |size: u64, packed: u64| extra(1, &[size.to_le_bytes(), packed.to_le_bytes()].concat());
    let long = Raw {
        local: Local { size: Some(u32::MAX), packed: Some(u32::MAX), extra: size(4, 4), ..Local::default() },
        ..stored("p/a", b"data")
    };
    assert_eq!(open(&zip(std::slice::from_ref(&long))).read("p/a").unwrap(), b"data");
    let lies = Raw { local: Local { extra: size(5, 4), ..long.local.clone() }, ..long.clone() };
    assert_hostile(&zip(&[lies]), &["another size"]);
    let short = Raw { local: Local { extra: extra(1, &[0; 4]), ..long.local.clone() }, ..long.clone() };
    assert_hostile(&zip(&[short]), &["too short"]);
    let twice =
        Raw { local: Local { extra: [size(4, 4), size(4, 4)].concat(), ..long.local.clone() }, ..long };
    assert_hostile(&zip(&[twice]), &["two ZIP64 fields"]);
    let huge = Raw { size: u32::MAX, extra: extra(1, &(9u64 << 30).to_le_bytes()), ..deflated("p/a", b"x") };
    assert_hostile(&zip(&[huge]), &["`p/a`"]);
}

#[test]
fn data_descriptors_must_agree() {
    let member = |descriptor: Vec<u8>| {
        let local = Local { crc32: Some(0), packed: Some(0), size: Some(0), ..Local::default() };
        zip(&[Raw { flags: 1 << 3, descriptor, local, ..stored("p/a", b"data") }, stored("p/b", b"")])
    };
    let crc = crc32(b"data").to_le_bytes();
    let short = [&crc[..], &[4, 0, 0, 0, 4, 0, 0, 0]].concat();
    let long = [&crc[..], &[4, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]].concat();
    for body in [short.clone(), long] {
        assert_eq!(open(&member(body.clone())).read("p/a").unwrap(), b"data");
        assert_eq!(open(&member([b"PK\x07\x08".to_vec(), body].concat())).read("p/a").unwrap(), b"data");
    }
    let mut wrong = short;
    wrong[4] = 5;
    assert_hostile(&member(wrong), &["`p/a`", "descriptor"]);
    assert_hostile(&member(Vec::new()), &["`p/a`", "descriptor"]);
}

#[test]
fn damaged_contents_are_broken_and_named() {
    let cases = [
        (Raw { crc32: 1, ..stored("p/a", b"data") }, "checksum"),
        (Raw { size: 5, ..deflated("p/a", b"data") }, "shorter"),
        (Raw { size: 3, ..deflated("p/a", b"data") }, "longer"),
        (Raw { data: b"\xff\xff\xff".to_vec(), ..deflated("p/a", b"data") }, "p/a"),
        (
            Raw { data: [deflate(b"data"), b"tail".to_vec()].concat(), ..deflated("p/a", b"data") },
            "after its end",
        ),
    ];
    for (member, why) in cases {
        let bytes = zip(&[member]);
        let error = open(&bytes).read("p/a").unwrap_err();
        assert_refused(&error, Code::BrokenArchive, &["`p/a`", why]);
        assert_broken(&bytes, &["`p/a`", why]);
    }
    assert_hostile(&zip(&[Raw { size: 3, ..stored("p/a", b"data") }]), &["two sizes"]);
}

#[test]
fn bombs_are_refused_by_what_they_claim_and_by_what_they_hold() {
    let zeros = vec![0; 70 << 20];
    assert_hostile(&zip(&[deflated("p/a", &zeros)]), &["`p/a`", "250 times"]);
    // Small claims, much data: reading ends at the claim.
    let liar = Raw { size: 10, ..deflated("p/a", &zeros) };
    assert_broken(&zip(&[liar]), &["`p/a`", "longer"]);
    let small = Limits { entry_bytes: 100, ..Limits::default() };
    assert_refused(
        &refused_within(&zip(&[stored("p/a", &[0; 101])]), &small),
        Code::HostileArchive,
        &["limit of 100"],
    );
    let small = Limits { bytes: 150, ..Limits::default() };
    let two = zip(&[stored("p/a", &[0; 100]), stored("p/b", &[0; 100])]);
    assert_refused(&refused_within(&two, &small), Code::HostileArchive, &["`p/b`", "limit of 150"]);
    let few = Limits { entries: 1, ..Limits::default() };
    assert_refused(&refused_within(&two, &few), Code::HostileArchive, &["too many"]);
}

#[test]
fn truncated_files_are_refused_wherever_they_are_cut() {
    let bytes = zip(&[stored("p/a", b"data"), deflated("p/b", &[1; 300])]);
    for cut in 0..bytes.len() {
        let error = super::refused(&bytes[..cut]);
        assert_eq!(error.code(), Code::BrokenArchive, "cut at {cut}: {error}");
    }
}

#[test]
fn what_our_writer_writes_is_read() {
    let data = vec![b'y'; 10_000];
    let members = [
        ZipMember { name: "a/b.py", data: &data, executable: false },
        ZipMember { name: "a/run", data: b"x", executable: true },
    ];
    let mut bytes = Vec::new();
    write_zip(&members, &ZipOptions::default(), &mut bytes).unwrap();
    let reader = open(&bytes);
    assert_eq!(reader.read("a/b.py").unwrap(), data);
    assert!(reader.entry("a/run").unwrap().executable);
}

proptest! {
    /// The zip crate as a second opinion: what it writes is read alike.
    #[test]
    fn what_the_zip_crate_writes_is_read(
        files in proptest::collection::btree_map("[a-z]{1,8}/[a-z]{1,8}\\.py", proptest::collection::vec(any::<u8>(), 0..3000), 0..8),
        deflate in any::<bool>(),
        large in any::<bool>(),
    ) {
        let method = if deflate { ::zip::CompressionMethod::Deflated } else { ::zip::CompressionMethod::Stored };
        let options = ::zip::write::SimpleFileOptions::default().compression_method(method).large_file(large).unix_permissions(0o755);
        let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, data) in &files {
            writer.start_file(name.as_str(), options).unwrap();
            writer.write_all(data).unwrap();
        }
        let bytes = writer.finish().unwrap().into_inner();
        let reader = ZipReader::from_bytes(bytes, &Limits::default()).unwrap();
        prop_assert_eq!(reader.entries().len(), files.len());
        for (name, data) in &files {
            prop_assert_eq!(&reader.read(name).unwrap(), data);
            prop_assert!(reader.entry(name).unwrap().executable);
        }
    }
}
