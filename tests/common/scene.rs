//! Made-up wheels, a made-up interpreter and an application, the image of them, and what is in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use base64::Engine;
use serde_json::Value;
use sha2::Digest;

use super::{Ran, Room};

pub const AMD64: u16 = 62;
pub const ARM64: u16 = 183;

/// An ELF file of a machine that says nothing else.
pub fn elf(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    bytes[16] = 2;
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[20] = 1;
    bytes[52] = 64;
    bytes[54] = 56;
    bytes[58] = 64;
    bytes
}

/// A prefix with a Python of `machine`, in `opt/py` of the folder `name`.
pub fn interpreter(room: &Room, name: &str, machine: u16) -> PathBuf {
    let program = [&elf(machine)[..], b"\x003.11.4\0"].concat();
    let path = room.write(&format!("{name}/opt/py/bin/python3.11"), program);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    symlink("python3.11", room.join(format!("{name}/opt/py/bin/python3"))).unwrap();
    room.write(&format!("{name}/opt/py/lib/python3.11/os.py"), "");
    room.write(&format!("{name}/opt/py/lib/python3.11/__pycache__/os.cpython-311.pyc"), "old");
    room.join(name)
}

/// Writes the wheel `file` with `members`; RECORD and the like are made.
pub fn wheel(room: &Room, file: &str, members: &[(&str, &[u8])]) -> PathBuf {
    let mut fields = file.splitn(3, '-');
    let (name, version) = (fields.next().unwrap(), fields.next().unwrap());
    let tag = fields.next().unwrap().trim_end_matches(".whl");
    let info = format!("{name}-{version}.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    let wheel = format!("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n");
    let mut all: Vec<(String, Vec<u8>)> =
        members.iter().map(|(path, data)| ((*path).to_owned(), data.to_vec())).collect();
    all.push((format!("{info}/METADATA"), metadata.into_bytes()));
    all.push((format!("{info}/WHEEL"), wheel.into_bytes()));
    let mut record = String::new();
    for (path, data) in &all {
        let hash = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(data));
        record.push_str(&format!("{path},sha256={hash},{}\n", data.len()));
    }
    record.push_str(&format!("{info}/RECORD,,\n"));
    all.push((format!("{info}/RECORD"), record.into_bytes()));
    let path = room.join(file);
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for (name, data) in all {
        let mode = if name.ends_with(".so") { 0o755 } else { 0o644 };
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .unix_permissions(mode);
        zip.start_file(name, options).unwrap();
        zip.write_all(&data).unwrap();
    }
    zip.finish().unwrap();
    path
}

/// Bytes that do not compress to nothing.
pub fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 & 0x3f
    };
    (0..size).map(|_| next()).collect()
}

/// A room with an interpreter `tree`, the wheels `one` (programs, data, a large member) and `two`, and
/// an application `src`.
pub fn scene() -> Room {
    let room = Room::with_empty_cache();
    interpreter(&room, "tree", AMD64);
    wheel(
        &room,
        "one-1.0-py3-none-any.whl",
        &[
            ("one/__init__.py", b"x = 1\n"),
            ("one/large.bin", &noise(3_000_000)),
            ("one-1.0.data/scripts/tool", b"#!python -E\nprint(1)\n"),
            ("one-1.0.data/data/share/one.txt", b"data"),
            ("one-1.0.data/headers/one.h", b"int one;"),
            ("one-1.0.dist-info/entry_points.txt", b"[console_scripts]\nrun-one = one:main\n"),
            ("one-1.0.dist-info/direct_url.json", b"{}"),
        ],
    );
    wheel(&room, "two-2.0-py3-none-any.whl", &[("two.py", b"y = 2\n")]);
    room.write("src/main.py", "import one, two\n");
    room.write("src/.git/config", "secret");
    room.write("src/empty/.keep", "");
    room
}

pub fn image(room: &Room, words: &[&str]) -> Ran {
    room.wheelbuild(["image", "--target", "linux/amd64", "--json"]).args(words).ran()
}

pub const ALL: [&str; 6] =
    ["one-1.0-py3-none-any.whl", "two-2.0-py3-none-any.whl", "--app", "src", "--interpreter", "tree"];

pub fn made(room: &Room, more: &[&str]) -> Value {
    image(room, &[&ALL[..], more].concat()).succeeded().json()
}

pub fn blob(layout: &Path, digest: &str) -> Vec<u8> {
    let path = layout.join("blobs/sha256").join(digest.strip_prefix("sha256:").unwrap());
    assert_eq!(format!("sha256:{}", super::sha256(&path)), digest);
    fs::read(path).unwrap()
}

pub struct Found {
    pub data: Vec<u8>,
    pub mode: u32,
    pub link: Option<String>,
}

/// The entries of a gzip layer by path, read by others' code.
pub fn entries(layer: &[u8]) -> BTreeMap<String, Found> {
    let mut stream = Vec::new();
    flate2::read::MultiGzDecoder::new(layer).read_to_end(&mut stream).unwrap();
    let mut archive = tar::Archive::new(&stream[..]);
    let mut found = BTreeMap::new();
    let mut last = String::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        assert!(last < path, "`{path}` comes after `{last}`");
        last = path.trim_end_matches('/').to_owned();
        let header = entry.header().clone();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
        let link = entry.link_name().unwrap().map(|link| link.to_str().unwrap().to_owned());
        let mut data = Vec::new();
        entry.read_to_end(&mut data).unwrap();
        found.insert(path, Found { data, mode: header.mode().unwrap(), link });
    }
    found
}

pub fn document(layout: &Path, digest: &str) -> Value {
    serde_json::from_slice(&blob(layout, digest)).unwrap()
}
