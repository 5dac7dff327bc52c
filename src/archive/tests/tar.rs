use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::{Sandbox, assert_broken, assert_hostile, assert_refused, contents, refused, refused_within};
use crate::archive::{EntryKind, Limits, list, read_first};
use crate::report::Code;

/// One tar block and its data, with nothing checked.
pub(super) fn entry(kind: u8, name: &[u8], link: &[u8], data: &[u8]) -> Vec<u8> {
    sized(kind, name, link, data, data.len() as u64)
}

fn sized(kind: u8, name: &[u8], link: &[u8], data: &[u8], size: u64) -> Vec<u8> {
    let mut header = ::tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link);
    header.set_entry_type(::tar::EntryType::new(kind));
    header.set_size(size);
    header.set_mode(0o640);
    header.set_mtime(1_600_000_000);
    finish(header, data)
}

fn finish(mut header: ::tar::Header, data: &[u8]) -> Vec<u8> {
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub(super) fn file(name: &str, data: &[u8]) -> Vec<u8> {
    entry(b'0', name.as_bytes(), b"", data)
}

pub(super) fn folder(name: &str) -> Vec<u8> {
    entry(b'5', name.as_bytes(), b"", b"")
}

pub(super) fn symlink(name: &str, target: &str) -> Vec<u8> {
    entry(b'2', name.as_bytes(), target.as_bytes(), b"")
}

pub(super) fn hard_link(name: &str, target: &str) -> Vec<u8> {
    entry(b'1', name.as_bytes(), target.as_bytes(), b"")
}

/// The entries with an end mark.
pub(super) fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn pax(key: &str, value: &[u8]) -> Vec<u8> {
    let body = key.len() + value.len() + 3;
    let length = (body + 1..).find(|length| length.to_string().len() + body == *length).unwrap();
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 1).unwrap()
}

type Pack = fn(&[u8]) -> Vec<u8>;
const PACKED: [(&str, Pack); 5] =
    [("plain", |bytes| bytes.to_vec()), ("gzip", gzip), ("bzip2", bzip2), ("xz", xz), ("zstd", zstd)];

#[test]
fn every_compression_is_told_by_content() {
    let plain = tar(&[folder("p/"), file("p/a", b"hello"), symlink("p/l", "a")]);
    for (name, pack) in PACKED {
        let sandbox = Sandbox::new();
        let unpacked = sandbox.unpack(&pack(&plain)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((unpacked.entries, unpacked.bytes), (3, 5), "{name}");
        assert_eq!(unpacked.top_level, ["p"]);
        assert_eq!(std::fs::read_to_string(sandbox.inside().join("p/l")).unwrap(), "hello");
    }
    assert_broken(b"no archive at all", &["neither"]);
    assert_broken(b"", &["neither"]);
    assert_broken(&[0; 2048], &["neither"]);
}

#[test]
fn streams_of_several_members_are_read_to_the_end() {
    let plain = tar(&[file("p/a", &[b'x'; 3000]), file("p/b", b"end")]);
    let (one, two) = plain.split_at(1700);
    for (name, pack) in PACKED {
        let sandbox = Sandbox::new();
        let bytes = [pack(one), pack(two)].concat();
        sandbox.unpack(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(std::fs::read_to_string(sandbox.inside().join("p/b")).unwrap(), "end", "{name}");
    }
}

#[test]
fn truncated_streams_are_broken_wherever_they_are_cut() {
    let plain = tar(&[file("p/a", &(0..=255).cycle().take(3000).collect::<Vec<u8>>())]);
    for (name, pack) in PACKED {
        let bytes = pack(&plain);
        let last = if name == "plain" { bytes.len() - 1024 } else { bytes.len() - 1 };
        for cut in (0..last).step_by(37).chain([last]) {
            let error = refused(&bytes[..cut]);
            assert_eq!(error.code(), Code::BrokenArchive, "{name} cut at {cut}: {error}");
        }
    }
}

#[test]
fn data_after_the_end_is_refused() {
    let plain = tar(&[file("p/a", b"x")]);
    for (name, pack) in PACKED {
        let error = refused(&[&pack(&plain)[..], b"more data after the end"].concat());
        assert_eq!(error.code(), Code::BrokenArchive, "{name}: {error}");
    }
    // Within the stream, after the end mark: a second archive that other readers would see.
    assert_broken(
        &gzip(&[tar(&[file("p/a", b"x")]), tar(&[file("p/b", b"y")])].concat()),
        &["after the end"],
    );
}

#[test]
fn padding_of_tape_blocks_is_no_trailing_data() {
    let mut plain = tar(&[file("p/a", b"x")]);
    plain.resize(10240, 0);
    Sandbox::new().unpack(&plain).unwrap();
    Sandbox::new().unpack(&[&gzip(&plain)[..], &[0; 100]].concat()).unwrap();
}

#[test]
fn damaged_checksums_are_broken() {
    let plain = tar(&[file("p/a", &[7; 2000])]);
    let mut header = plain.clone();
    header[0] ^= 1;
    assert_broken(&gzip(&header), &["checksum"]);
    for (name, pack) in &PACKED[1..] {
        let mut bytes = pack(&plain);
        // Of each format the last bytes hold a checksum of the contents or of the index.
        let at = bytes.len() - if *name == "xz" { 12 } else { 6 };
        bytes[at] ^= 0x55;
        if *name != "zstd" {
            assert_eq!(refused(&bytes).code(), Code::BrokenArchive, "{name}");
        }
    }
}

#[test]
fn absolute_paths_are_refused() {
    let sandbox = Sandbox::new();
    let target = sandbox.outside().join("evil");
    let error = sandbox.unpack(&tar(&[file(target.to_str().unwrap(), b"x")])).unwrap_err();
    assert_refused(&error, Code::HostileArchive, &["absolute", "evil"]);
    assert!(!target.exists());
}

#[test]
fn parent_components_are_refused() {
    assert_hostile(&tar(&[file("../evil", b"x")]), &["`../evil`", "leads out"]);
    assert_hostile(&tar(&[file("p/../../evil", b"x")]), &["`p/../../evil`"]);
    assert_hostile(&tar(&[folder("p/..")]), &["`p/..`"]);
    assert_hostile(&tar(&[symlink("../evil", "a")]), &["`../evil`"]);
}

#[test]
fn backslashes_drives_and_control_characters_are_refused() {
    assert_hostile(&tar(&[file("p\\..\\evil", b"x")]), &["backslash"]);
    assert_hostile(&tar(&[file("C:evil", b"x")]), &["drive"]);
    assert_hostile(&tar(&[file("p/a\nb", b"x")]), &["control", "a\\nb"]);
    assert_hostile(&tar(&[entry(b'x', b"x", b"", &pax("path", b"p/a\0b")), file("p/a", b"x")]), &["control"]);
    assert_hostile(&tar(&[file("p/\u{1b}[2J", b"x")]), &["control"]);
    assert_hostile(&tar(&[entry(b'0', b"p/\xff", b"", b"x")]), &["UTF-8"]);
}

#[test]
fn links_that_lead_out_are_refused() {
    for target in ["../../evil", "/etc/passwd", "..", "../..", "a/../../../evil", "./../.."] {
        assert_hostile(&tar(&[folder("p/"), symlink("p/l", target)]), &["`p/l`"]);
    }
    // Out of the top-level folder, though not out of the destination.
    assert_hostile(&tar(&[folder("p/"), symlink("p/l", "../neighbour")]), &["leads out"]);
    assert_hostile(&tar(&[symlink("p", "q")]), &["`p`", "link"]);
}

#[test]
fn chains_of_links_that_lead_out_are_refused() {
    // As a string `d/e/up/../../x` stays inside; followed through the other link it does not.
    let chain = [symlink("p/d/e/up", ".."), symlink("p/out", "d/e/up/../../x"), folder("p/d/e")];
    assert_hostile(&tar(&chain), &["`p/out`", "leads out"]);
    let two = [symlink("p/a/b", "c"), symlink("p/a/c", ".."), symlink("p/l", "a/b/../x")];
    assert_hostile(&tar(&two), &["`p/l`", "leads out"]);
}

#[test]
fn circles_of_links_are_refused() {
    assert_hostile(&tar(&[symlink("p/a", "b"), symlink("p/b", "a")]), &["circles"]);
    assert_hostile(&tar(&[symlink("p/a", "a/x")]), &["circles"]);
}

#[test]
fn entangled_links_end_in_time() {
    let fan = "x/".repeat(60) + "y";
    let mut entries = vec![symlink("p/x", ".")];
    entries.extend((0..3000).map(|n| symlink(&format!("p/l{n}"), &fan)));
    assert_hostile(&tar(&entries), &["circles"]);
}

#[test]
fn nothing_is_written_through_a_link() {
    let sandbox = Sandbox::new();
    let outside = sandbox.outside().join("neighbour");
    let through = [symlink("p/l", outside.to_str().unwrap()), file("p/l/evil", b"x")];
    let error = sandbox.unpack(&tar(&through)).unwrap_err();
    assert_refused(&error, Code::HostileArchive, &["`p/l/evil`", "through the link `p/l`"]);
    // Also not through one that stays inside, nor over one, nor if it comes later.
    assert_hostile(&tar(&[folder("p/d"), symlink("p/l", "d"), file("p/l/a", b"x")]), &["through the link"]);
    assert_hostile(&tar(&[symlink("p/l", "../../evil"), file("p/l", b"x")]), &["`p/l`", "twice"]);
    assert_hostile(&tar(&[file("p/l/a", b"x"), symlink("p/l", "../..")]), &["`p/l`", "twice"]);
}

#[test]
fn links_planted_in_the_destination_are_not_followed() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.inside()).unwrap();
    std::os::unix::fs::symlink("../neighbour", sandbox.inside().join("p")).unwrap();
    let error = sandbox.unpack(&tar(&[file("p/file", b"x")])).unwrap_err();
    assert_eq!(error.code(), Code::Io, "{error}");
    std::os::unix::fs::symlink("../neighbour/file", sandbox.inside().join("q")).unwrap();
    let error = sandbox.unpack(&tar(&[file("q", b"x")])).unwrap_err();
    assert_eq!(error.code(), Code::Io, "{error}");
}

#[test]
fn links_within_the_top_folder_are_kept() {
    let sandbox = Sandbox::new();
    let entries = [
        symlink("p/docs/readme", "../README"),
        file("p/README", b"read me"),
        symlink("p/self", "."),
        symlink("p/later", "self/self/docs/readme"),
        symlink("p/dangling", "docs/none"),
    ];
    sandbox.unpack(&tar(&entries)).unwrap();
    assert_eq!(std::fs::read_to_string(sandbox.inside().join("p/later")).unwrap(), "read me");
    assert_eq!(std::fs::read_link(sandbox.inside().join("p/dangling")).unwrap(), Path::new("docs/none"));
    assert_eq!(std::fs::symlink_metadata(sandbox.inside().join("p/self")).unwrap().mtime(), 1_600_000_000);
}

#[test]
fn hard_links_become_copies_of_earlier_files_only() {
    let sandbox = Sandbox::new();
    sandbox.unpack(&tar(&[file("p/a", b"data"), hard_link("p/b", "p/a")])).unwrap();
    let (a, b) = (sandbox.inside().join("p/a"), sandbox.inside().join("p/b"));
    assert_eq!(std::fs::read(&b).unwrap(), b"data");
    assert_ne!(std::fs::metadata(a).unwrap().ino(), std::fs::metadata(b).unwrap().ino());

    let neighbour = Sandbox::new();
    let path = neighbour.outside().join("neighbour/file");
    assert_hostile(&tar(&[hard_link("p/b", path.to_str().unwrap())]), &["absolute"]);
    assert_hostile(&tar(&[hard_link("p/b", "../neighbour/file")]), &["`..`"]);
    assert_hostile(&tar(&[hard_link("p/b", "p/a"), file("p/a", b"x")]), &["`p/b`", "hard link"]);
    assert_hostile(&tar(&[symlink("p/a", "b"), hard_link("p/c", "p/a")]), &["`p/c`", "hard link"]);
    assert_hostile(&tar(&[folder("p/a"), hard_link("p/c", "p/a")]), &["`p/c`", "hard link"]);
    assert_hostile(&tar(&[hard_link("p/c", "p/c")]), &["`p/c`", "hard link"]);
}

#[test]
fn copies_by_hard_links_count_towards_the_limit() {
    let mut entries = vec![file("p/a", &[0; 1000])];
    entries.extend((0..100).map(|n| hard_link(&format!("p/{n}"), "p/a")));
    let limits = Limits { bytes: 50_000, ..Limits::default() };
    assert_refused(&refused_within(&tar(&entries), &limits), Code::HostileArchive, &["limit of 50000 bytes"]);
}

#[test]
fn devices_and_pipes_are_refused() {
    assert_hostile(&tar(&[entry(b'3', b"p/tty", b"", b"")]), &["`p/tty`", "device"]);
    assert_hostile(&tar(&[entry(b'4', b"p/sda", b"", b"")]), &["`p/sda`", "device"]);
    assert_hostile(&tar(&[entry(b'6', b"p/pipe", b"", b"")]), &["`p/pipe`", "pipe"]);
    for kind in [b'7', b'V', b'M', b'D', b'A', b'z', 200] {
        assert_hostile(&tar(&[entry(kind, b"p/odd", b"", b"")]), &["`p/odd`"]);
    }
}

#[test]
fn duplicates_are_refused_and_repeated_folders_are_not() {
    assert_hostile(&tar(&[file("p/a", b"1"), file("p/a", b"2")]), &["`p/a`", "twice"]);
    assert_hostile(&tar(&[file("p/a", b"1"), file("./p//a", b"2")]), &["`p/a`", "twice"]);
    assert_hostile(&tar(&[file("p/a", b"1"), symlink("p/a", "b")]), &["`p/a`", "twice"]);
    Sandbox::new().unpack(&tar(&[folder("p"), file("p/a", b"1"), folder("p/"), folder("./")])).unwrap();
}

#[test]
fn names_that_collide_elsewhere_are_refused() {
    assert_hostile(
        &tar(&[file("p/Readme", b"1"), file("p/README", b"2")]),
        &["`p/README`", "`p/Readme`", "case"],
    );
    assert_hostile(&tar(&[file("p/Dir/a", b"1"), file("p/dir/b", b"2")]), &["`p/Dir`", "case"]);
    assert_hostile(&tar(&[file("p/caf\u{e9}", b"1"), file("p/cafe\u{301}", b"2")]), &["Unicode form"]);
}

#[test]
fn a_file_is_no_folder() {
    assert_hostile(&tar(&[file("p/a", b"1"), file("p/a/b", b"2")]), &["`p/a/b`", "below the file `p/a`"]);
    assert_hostile(&tar(&[file("p/a/b", b"1"), file("p/a", b"2")]), &["`p/a`", "twice"]);
    assert_hostile(&tar(&[folder("p/a"), file("p/a", b"2")]), &["`p/a`", "twice"]);
    assert_hostile(&tar(&[file("p/a/", b"2")]), &["`p/a/`", "called a folder"]);
    assert_hostile(&tar(&[file("./", b"2")]), &["own folder"]);
    assert_hostile(&tar(&[entry(b'5', b"p/a", b"", b"contents")]), &["folder with contents"]);
    assert_hostile(&tar(&[entry(b'2', b"p/a", b"b", b"contents")]), &["link with contents"]);
}

#[test]
fn bombs_are_refused_before_they_unfold() {
    let zeros = vec![0; 1 << 20];
    let small = Limits { bytes: 1 << 19, ..Limits::default() };
    let bytes = gzip(&tar(&[file("p/a", &zeros)]));
    assert_refused(&refused_within(&bytes, &small), Code::HostileArchive, &["`p/a`", "limit of 524288"]);
    let small = Limits { entry_bytes: 1000, ..Limits::default() };
    assert_refused(&refused_within(&bytes, &small), Code::HostileArchive, &["`p/a`", "limit of 1000"]);
    // By ratio: 70 MiB of zeros out of 70 KiB.
    let bytes = gzip(&tar(&[file("p/a", &vec![0; 70 << 20])]));
    assert_hostile(&bytes, &["250 times"]);
    assert_hostile(&xz(&tar(&[file("p/a", &vec![0; 70 << 20])])), &["250 times"]);
    // A size that is only claimed takes neither memory nor disk.
    assert_hostile(&tar(&[sized(b'0', b"p/a", b"", b"", 7 << 30)]), &["`p/a`", "limit"]);
    assert_broken(&tar(&[sized(b'0', b"p/a", b"", b"", 1 << 30)]), &["cut short"]);
}

#[test]
fn too_many_and_too_long_entries_are_refused() {
    let few = Limits { entries: 3, ..Limits::default() };
    let entries: Vec<_> = (0..4).map(|n| file(&format!("{n}"), b"")).collect();
    assert_refused(
        &refused_within(&tar(&entries), &few),
        Code::HostileArchive,
        &["`3`", "one more than the 3"],
    );
    // Folders that are only parents count too.
    assert_refused(&refused_within(&tar(&[file("a/b/c/d", b"")]), &few), Code::HostileArchive, &["one more"]);
    let long = "a/".repeat(600);
    assert_hostile(&tar(&[entry(b'L', b"x", b"", long.as_bytes()), file("x", b"")]), &["longer than 1024"]);
    assert_hostile(&tar(&[file(&"a/".repeat(49), b"")]), &["called a folder"]);
    let deep = "a/".repeat(70);
    assert_hostile(&tar(&[entry(b'L', b"x", b"", deep.as_bytes()), folder("x")]), &["64 folders deep"]);
}

#[test]
fn a_header_of_gigabytes_is_refused_unread() {
    for kind in [b'L', b'K', b'x', b'g'] {
        assert_hostile(&tar(&[sized(kind, b"x", b"", b"", 3 << 30)]), &["bytes long"]);
    }
}

#[test]
fn sparse_files_are_refused_in_every_spelling() {
    assert_hostile(&tar(&[entry(b'S', b"p/hole", b"", b"")]), &["`p/hole`"]);
    let gnu1 = pax("GNU.sparse.major", b"1");
    assert_hostile(&tar(&[entry(b'x', b"x", b"", &gnu1), file("p/a", b"x")]), &["sparse"]);
}

#[test]
fn contradicting_headers_are_refused() {
    let path = |name: &[u8]| entry(b'x', b"x", b"", &pax("path", name));
    let long = |name: &[u8]| entry(b'L', b"x", b"", name);
    assert_hostile(&tar(&[path(b"p/a"), path(b"p/b"), file("c", b"")]), &["two headers"]);
    assert_hostile(&tar(&[long(b"p/a"), long(b"p/b"), file("c", b"")]), &["two headers"]);
    assert_hostile(&tar(&[long(b"p/a\0"), path(b"p/b"), file("c", b"")]), &["two names"]);
    let size = entry(b'x', b"x", b"", &pax("size", b"9"));
    assert_hostile(&tar(&[size, file("p/a", b"1")]), &["`p/a`", "two sizes"]);
    assert_broken(&tar(&[path(b"p/a")]), &["describes a further entry"]);
    let global = entry(b'g', b"x", b"", &pax("path", b"evil"));
    assert_hostile(&tar(&[global, file("p/a", b"1")]), &["global header"]);
}

#[test]
fn long_names_of_both_kinds_are_read() {
    let sandbox = Sandbox::new();
    let long = format!("p/{}/{}", "d".repeat(120), "f".repeat(200));
    let entries = [
        entry(b'g', b"pax_global_header", b"", &pax("comment", b"a commit")),
        entry(b'L', b"././@LongLink", b"", format!("{long}1\0").as_bytes()),
        file("cut", b"1"),
        entry(
            b'x',
            b"x",
            b"",
            &[pax("path", format!("{long}2").as_bytes()), pax("mtime", b"1600000001.5")].concat(),
        ),
        file("cut", b"2"),
        entry(b'K', b"././@LongLink", b"", format!("{}/{}1\0", "d".repeat(120), "f".repeat(200)).as_bytes()),
        symlink("p/link", "cut"),
    ];
    sandbox.unpack(&tar(&entries)).unwrap();
    assert_eq!(std::fs::read(sandbox.inside().join(format!("{long}1"))).unwrap(), b"1");
    assert_eq!(std::fs::read(sandbox.inside().join("p/link")).unwrap(), b"1");
    let two = std::fs::metadata(sandbox.inside().join(format!("{long}2"))).unwrap();
    assert_eq!((two.mtime(), two.mtime_nsec()), (1_600_000_001, 500_000_000));
}

#[test]
fn modes_are_normalised_and_dates_keep_their_order() {
    let dated = |name: &str, mode: u32, time: u64| {
        let mut header = ::tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_mode(mode);
        header.set_mtime(time);
        header.set_size(0);
        finish(header, b"")
    };
    let sandbox = Sandbox::new();
    let entries = [
        dated("p/a", 0o000, 0),
        dated("p/b", 0o7777, 1_000_000_000),
        dated("p/c", 0o001, 1_000_000_001),
        dated("p/d", 0o666, 8_000_000_000),
        entry(b'5', b"p/", b"", b""),
    ];
    sandbox.unpack(&tar(&entries)).unwrap();
    let facts = |name: &str| {
        let facts = std::fs::metadata(sandbox.inside().join(name)).unwrap();
        (facts.permissions().mode() & 0o7777, facts.mtime())
    };
    assert_eq!(facts("p/a"), (0o644, 315_619_200));
    assert_eq!(facts("p/b"), (0o755, 1_000_000_000));
    assert_eq!(facts("p/c"), (0o755, 1_000_000_001));
    assert_eq!(facts("p/d"), (0o644, 4_102_444_799));
    assert_eq!(facts("p"), (0o755, 1_600_000_000));
}

#[test]
fn listing_and_reading_one_file_write_nothing() {
    let sandbox = Sandbox::new();
    let bytes = gzip(&tar(&[
        folder("p"),
        file("p/PKG-INFO", b"Name: a"),
        hard_link("p/b", "p/PKG-INFO"),
        symlink("p/l", "b"),
    ]));
    sandbox
        .run(&bytes, |archive, into| {
            let kinds: Vec<_> =
                list(archive, &Limits::default())?.into_iter().map(|e| (e.path, e.kind)).collect();
            let file = EntryKind::File { size: 7, executable: false };
            assert_eq!(
                kinds,
                [
                    ("p".to_owned(), EntryKind::Folder),
                    ("p/PKG-INFO".to_owned(), file.clone()),
                    ("p/b".to_owned(), file),
                    ("p/l".to_owned(), EntryKind::Link { target: "b".to_owned() }),
                ]
            );
            let found =
                read_first(archive, &Limits::default(), 100, &mut |path| path.ends_with("/PKG-INFO"))?;
            assert_eq!(found, Some(("p/PKG-INFO".to_owned(), b"Name: a".to_vec())));
            assert_eq!(read_first(archive, &Limits::default(), 100, &mut |path| path == "PKG-INFO")?, None);
            let error = read_first(archive, &Limits::default(), 3, &mut |_| true).unwrap_err();
            assert_refused(&error, Code::HostileArchive, &["larger than 3"]);
            assert!(!into.exists());
            Ok(())
        })
        .unwrap();
    assert_eq!(contents(sandbox.outside(), "archive").len(), 2);
}

#[test]
fn nothing_that_exists_is_overwritten() {
    let sandbox = Sandbox::new();
    let bytes = tar(&[file("p/a", b"1")]);
    sandbox.unpack(&bytes).unwrap();
    assert_eq!(sandbox.unpack(&bytes).unwrap_err().code(), Code::Io);
}
