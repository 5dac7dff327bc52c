//! Tests of reading, writing and comparing wheels, all in memory.

mod canonical;
mod compare;
mod documents;
mod raw;

use super::*;

/// A file of a small wheel called `Demo.Pkg-1.0-cp311-cp311-linux_x86_64.whl`, as an old setuptools
/// would name its folders.
pub(super) const DIST_INFO: &str = "Demo.Pkg-1.0.dist-info";

pub(super) fn file_name() -> WheelFileName {
    "Demo.Pkg-1.0-cp311-cp311-linux_x86_64.whl".parse().unwrap()
}

/// The members with METADATA, WHEEL and a RECORD that lists all of them.
pub(super) fn with_dist_info(mut members: Vec<Member>) -> Vec<Member> {
    let wheel =
        "Wheel-Version: 1.0\nGenerator: demo\nRoot-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n";
    let metadata = "Metadata-Version: 2.4\nName: Demo.Pkg\nVersion: 1.0\n\nText\n";
    members.push(Member::file(format!("{DIST_INFO}/METADATA"), metadata));
    members.push(Member::file(format!("{DIST_INFO}/WHEEL"), wheel));
    let name = format!("{DIST_INFO}/RECORD");
    let record = record_file::write(&members, &name);
    members.push(Member::file(name, record));
    members
}

pub(super) fn demo() -> Vec<Member> {
    with_dist_info(vec![
        Member::file("demo/__init__.py", "x = 1\n"),
        Member { executable: true, ..Member::file("demo/_c.so", b"\x7fELF".repeat(50)) },
        Member::file("Demo.Pkg-1.0.data/scripts/demo", "#!/build/env/bin/python3.11 -E\nimport demo\n"),
        Member::file("Demo.Pkg-1.0.data/purelib/other.py", ""),
    ])
}

pub(super) fn tags() -> TagSet {
    "cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64".parse().unwrap()
}

/// What a zip holds, as the `zip` crate reads it: name, data, mode.
pub(super) fn unzip(bytes: &[u8]) -> Vec<(String, Vec<u8>, u32)> {
    use std::io::Read;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut data = Vec::new();
            file.read_to_end(&mut data).unwrap();
            (file.name().unwrap().into_owned(), data, file.unix_mode().unwrap())
        })
        .collect()
}
