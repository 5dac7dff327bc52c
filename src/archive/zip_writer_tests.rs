use std::io::{Cursor, Read};
use std::process::Command;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

fn zip_of(members: &[ZipMember<'_>], jobs: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let size = write_zip(members, &ZipOptions { jobs, ..Default::default() }, &mut out).unwrap();
    assert_eq!(size, out.len() as u64);
    out
}

/// Bytes that look like neither text nor noise, the same everywhere.
fn sample(length: usize, mut seed: u32) -> Vec<u8> {
    let mut data = Vec::with_capacity(length);
    while data.len() < length {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let word = [b"import ", b"return ", b"static ", b"self.x ", b"\x00\x01\x02\x03\xff\xfe\xfd"]
            [(seed >> 16) as usize % 5];
        data.extend(word);
        data.push((seed >> 24) as u8);
    }
    data.truncate(length);
    data
}

#[test]
fn the_format_is_this_to_the_byte() {
    let members = [
        ZipMember { name: "a", data: b"", executable: true },
        ZipMember { name: "\u{e9}", data: b"aaaaaaaaaaaaaaaa", executable: false },
    ];
    let hex: String = zip_of(&members, 1).iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = concat!(
        "504b0304",
        "1400",
        "0000",
        "0000",
        "0000",
        "2100",
        "00000000",
        "00000000",
        "00000000",
        "0100",
        "0000",
        "61",
        "504b0304",
        "1400",
        "0008",
        "0800",
        "0000",
        "2100",
        "d568d6cf",
        "05000000",
        "10000000",
        "0200",
        "0000",
        "c3a9",
        "4b4c440500",
        "504b0102",
        "1403",
        "1400",
        "0000",
        "0000",
        "0000",
        "2100",
        "00000000",
        "00000000",
        "00000000",
        "0100",
        "0000",
        "000000000000",
        "0000ed81",
        "00000000",
        "61",
        "504b0102",
        "1403",
        "1400",
        "0008",
        "0800",
        "0000",
        "2100",
        "d568d6cf",
        "05000000",
        "10000000",
        "0200",
        "0000",
        "000000000000",
        "0000a481",
        "1f000000",
        "c3a9",
        "504b0506",
        "00000000",
        "0200",
        "0200",
        "5f000000",
        "44000000",
        "0000"
    );
    assert_eq!(hex, expected);
}

/// Another version of the compressor, or another machine, must not change wheels unnoticed.
#[test]
fn deflate_gives_these_bytes_everywhere() {
    let digest = |data: &[u8]| {
        let packed = deflate(data).unwrap().unwrap();
        let hash: String = Sha256::digest(&packed).iter().map(|byte| format!("{byte:02x}")).collect();
        (packed.len(), hash)
    };
    assert_eq!(
        digest(&sample(3_000_000, 1)),
        (723_770, "321678326487a4fb920bdbf8cdbc5d888766b36536b2fdcefdbc498c4f1c6bb8".to_owned())
    );
    assert_eq!(
        digest(&vec![7; 1_000_000]),
        (986, "2793e7aeec47cfa633d96769c5ceda0e96557d0f2c11cde5dce9e34b9364b632".to_owned())
    );
}

#[test]
fn what_does_not_shrink_is_stored() {
    let mut noise = Vec::new();
    let mut state = Sha256::digest(b"noise").to_vec();
    while noise.len() < 100_000 {
        noise.extend(&state);
        state = Sha256::digest(&state).to_vec();
    }
    for data in [&b""[..], b"x", b"ab", &noise] {
        assert!(deflate(data).unwrap().is_none(), "{} bytes", data.len());
    }
    let bytes = zip_of(&[ZipMember { name: "noise", data: &noise, executable: false }], 1);
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut file = archive.by_index(0).unwrap();
    assert_eq!(file.compression(), zip::CompressionMethod::Stored);
    let mut read = Vec::new();
    file.read_to_end(&mut read).unwrap();
    assert_eq!(read, noise);
}

#[test]
fn unsafe_and_double_names_are_refused() {
    let long = "x".repeat(70_000);
    for name in ["", "/etc/passwd", "a/../b", "..", "a//b", "a/", "./a", "a\\b", "a\0b", "a\nb", "c:b", &long]
    {
        let members = [ZipMember { name, data: b"x", executable: false }];
        let error = write_zip(&members, &ZipOptions::default(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.code(), Code::HostileArchive, "{name:?}");
    }
    let member = ZipMember { name: "a", data: b"x", executable: false };
    assert!(write_zip(&[member, member], &ZipOptions::default(), &mut Vec::new()).is_err());
}

#[test]
fn more_members_than_the_short_record_counts() {
    for count in [65_534, 65_535, 65_536] {
        let names: Vec<String> = (0..count).map(|number| format!("d/{number}")).collect();
        let members: Vec<_> =
            names.iter().map(|name| ZipMember { name, data: b"", executable: false }).collect();
        let bytes = zip_of(&members, 1);
        let has_long_record = bytes.windows(4).any(|window| window == END_64.to_le_bytes());
        assert_eq!(has_long_record, count >= 65_535);
        let archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(archive.len(), count);
    }
}

#[test]
fn a_writer_that_fails_ends_it_with_its_reason() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let data = sample(PARALLEL_FROM, 2);
    let members =
        [("a", &data), ("b", &data)].map(|(name, data)| ZipMember { name, data, executable: false });
    for jobs in [1, 2] {
        let options = ZipOptions { jobs, ..Default::default() };
        assert_eq!(write_zip(&members, &options, &mut Full).unwrap_err().code(), Code::DiskFull);
    }
}

#[test]
fn times() {
    let stamp = |seconds| DosTime::from_epoch(seconds).to_string();
    assert_eq!(stamp(0), "1980-01-01 00:00:00");
    assert_eq!(stamp(315_532_799), "1980-01-01 00:00:00");
    assert_eq!(stamp(315_532_801), "1980-01-01 00:00:00");
    assert_eq!(stamp(951_782_400), "2000-02-29 00:00:00");
    assert_eq!(stamp(1_700_000_001), "2023-11-14 22:13:20");
    assert_eq!(stamp(4_107_542_399), "2100-02-28 23:59:58");
    assert_eq!(stamp(4_107_542_400), "2100-03-01 00:00:00");
    assert_eq!(stamp(4_354_819_199), "2107-12-31 23:59:58");
    assert_eq!(stamp(u64::MAX), "2107-12-31 23:59:58");
}

/// Python's own reader, the one installers use, reads it and finds nothing wrong.
#[test]
fn python_reads_it() {
    let Ok(version) = Command::new("python3").arg("--version").output() else {
        println!("SKIP: no python3 on PATH");
        return;
    };
    assert!(version.status.success());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    let data = sample(300_000, 3);
    let members =
        [("pkg/\u{fc}.txt", &data[..], false), ("run", b"#!/bin/sh\n", true), ("empty", b"", false)]
            .map(|(name, data, executable)| ZipMember { name, data, executable });
    let time = DosTime::from_epoch(1_700_000_000);
    let mut file = std::fs::File::create(&path).unwrap();
    write_zip(&members, &ZipOptions { time, jobs: 2 }, &mut file).unwrap();
    let script = "import sys, zipfile\n\
        z = zipfile.ZipFile(sys.argv[1])\n\
        assert z.testzip() is None\n\
        for i in z.infolist(): print(ascii(i.filename), i.file_size, oct(i.external_attr >> 16), i.date_time, i.extra, i.comment, i.create_system, i.flag_bits, i.compress_type)";
    let output = Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "'pkg/\\xfc.txt' 300000 0o100644 (2023, 11, 14, 22, 13, 20) b'' b'' 3 2048 8\n\
         'run' 10 0o100755 (2023, 11, 14, 22, 13, 20) b'' b'' 3 0 0\n\
         'empty' 0 0o100644 (2023, 11, 14, 22, 13, 20) b'' b'' 3 0 0\n"
    );
    let test = Command::new("python3").args(["-m", "zipfile", "-t"]).arg(&path).output().unwrap();
    assert!(test.status.success());
}

fn any_member() -> impl Strategy<Value = (String, Vec<u8>, bool)> {
    let data = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        (0usize..200_000, any::<u32>()).prop_map(|(length, seed)| sample(length, seed)),
    ];
    ("[a-z\u{e4}]{1,6}(/[a-z._-]{0,4}[a-z]){0,2}", data, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever goes in comes out, and the number of threads leaves no trace.
    #[test]
    fn round_trip_and_thread_count(files in prop::collection::btree_map("[a-z]{1,4}", any_member(), 0..12)) {
        let files: Vec<_> = files.iter().map(|(key, (name, data, executable))| (format!("{key}/{name}"), data, *executable)).collect();
        let members: Vec<_> = files.iter().map(|(name, data, executable)| ZipMember { name, data, executable: *executable }).collect();
        let bytes = zip_of(&members, 1);
        for jobs in [2, 3, 16] {
            prop_assert_eq!(&zip_of(&members, jobs), &bytes);
        }
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        prop_assert_eq!(archive.len(), members.len());
        for (index, member) in members.iter().enumerate() {
            let mut file = archive.by_index(index).unwrap();
            prop_assert_eq!(file.name().unwrap(), member.name);
            prop_assert_eq!(file.unix_mode(), Some(if member.executable { 0o100_755 } else { 0o100_644 }));
            prop_assert!(file.extra_data().as_deref().is_none_or(<[u8]>::is_empty) && file.comment().is_empty());
            let mut read = Vec::new();
            file.read_to_end(&mut read).unwrap();
            prop_assert_eq!(&read[..], member.data);
        }
    }
}
