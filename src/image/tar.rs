//! Headers of tar entries (POSIX.1-2001 ustar, with pax records only where ustar has no room).
//!
//! Written here rather than by a library, so that every field is ours: no owner, no name of an owner,
//! one date, two modes.

/// Bytes of a block.
pub const BLOCK: usize = 512;

/// What ends a tar stream.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    Folder,
    /// `size` in bytes.
    File {
        size: u64,
        executable: bool,
    },
    /// A symbolic link.
    Link {
        target: &'a str,
    },
    /// The same file as the entry `target` that came before.
    HardLink {
        target: &'a str,
    },
}

/// The header blocks of the entry `path` (no slash at either end), dated `mtime` in seconds since 1970.
pub fn header(path: &str, kind: Kind<'_>, mtime: u64) -> Vec<u8> {
    let name = match kind {
        Kind::Folder => format!("{path}/"),
        _ => path.to_owned(),
    };
    let (mode, size, kind_byte, target) = match kind {
        Kind::Folder => (folder_mode(path), 0, b'5', ""),
        Kind::File { size, executable: true } => (0o755, size, b'0', ""),
        Kind::File { size, executable: false } => (0o644, size, b'0', ""),
        Kind::Link { target } => (0o777, 0, b'2', target),
        Kind::HardLink { target } => (0o644, 0, b'1', target),
    };
    let mut records = Vec::new();
    let fits = if name.is_ascii() { split(&name) } else { None };
    if fits.is_none() {
        record(&mut records, "path", &name);
    }
    let link_fits = target.is_ascii() && target.len() <= 100;
    if !link_fits {
        record(&mut records, "linkpath", target);
    }
    if size >= 1 << 33 {
        record(&mut records, "size", &size.to_string());
    }
    if mtime >= 1 << 33 {
        record(&mut records, "mtime", &mtime.to_string());
    }
    let mut out = Vec::with_capacity(BLOCK);
    if !records.is_empty() {
        // Readers without pax see this name only; it need not be unique.
        out.extend_from_slice(&block(("", "PaxHeaders/entry"), 0o644, records.len() as u64, 0, b'x', ""));
        let padding = padding(records.len() as u64);
        out.append(&mut records);
        out.resize(out.len() + padding, 0);
    }
    let short = if link_fits { target } else { "" };
    out.extend_from_slice(&block(fits.unwrap_or(("", "entry")), mode, size, mtime, kind_byte, short));
    out
}

/// The mode of the folder `path`. Whoever a container runs as writes temporary files.
pub const fn folder_mode(path: &str) -> u32 {
    match path.as_bytes() {
        b"tmp" | b"var/tmp" => 0o1777,
        _ => 0o755,
    }
}

/// Zeros after `size` bytes of a file up to the next block.
pub fn padding(size: u64) -> usize {
    // Below 512.
    (size.next_multiple_of(BLOCK as u64) - size) as usize
}

/// `name` as prefix and name of a ustar header; `None` when it has no room there.
fn split(name: &str) -> Option<(&str, &str)> {
    if name.len() <= 100 {
        return Some(("", name));
    }
    name.match_indices('/')
        .map(|(at, _)| (&name[..at], &name[at + 1..]))
        .find(|(prefix, rest)| prefix.len() <= 155 && !rest.is_empty() && rest.len() <= 100)
        .filter(|(prefix, _)| !prefix.is_empty())
}

fn block(
    (prefix, name): (&str, &str),
    mode: u32,
    size: u64,
    mtime: u64,
    kind: u8,
    target: &str,
) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000");
    put(116, b"0000000");
    // What has no room here stands in a pax record.
    put(124, format!("{:011o}", if size < 1 << 33 { size } else { 0 }).as_bytes());
    put(136, format!("{:011o}", if mtime < 1 << 33 { mtime } else { 0 }).as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(157, target.as_bytes());
    put(257, b"ustar\x0000");
    put(329, b"0000000");
    put(337, b"0000000");
    put(345, prefix.as_bytes());
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// `LENGTH KEY=VALUE\n`, where LENGTH counts itself.
fn record(out: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length += 1;
    }
    out.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn stream(entries: &[(String, Kind<'_>)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (path, kind) in entries {
            out.extend(header(path, *kind, 7));
            if let Kind::File { size, .. } = kind {
                out.resize(out.len() + *size as usize, b'x');
                out.resize(out.len() + padding(*size), 0);
            }
        }
        out.extend_from_slice(&END);
        out
    }

    #[test]
    fn another_reader_sees_what_was_written() {
        let long = format!("{}/{}", "d".repeat(99), "f".repeat(99));
        let longer = format!("{}/{}", "d".repeat(160), "f".repeat(120));
        let entries = [
            ("usr".to_owned(), Kind::Folder),
            ("usr/a".to_owned(), Kind::File { size: 513, executable: true }),
            ("usr/é".to_owned(), Kind::File { size: 0, executable: false }),
            ("usr/l".to_owned(), Kind::Link { target: "a" }),
            ("usr/m".to_owned(), Kind::Link { target: &longer }),
            (long.clone(), Kind::File { size: 1, executable: false }),
            (longer.clone(), Kind::File { size: 512, executable: false }),
        ];
        let bytes = stream(&entries);
        assert_eq!(bytes.len() % BLOCK, 0);
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 7));
            let path = entry.path().unwrap().to_string_lossy().trim_end_matches('/').to_owned();
            let link = entry.link_name().unwrap().map(|link| link.to_string_lossy().into_owned());
            let mode = entry.header().mode().unwrap();
            let mut data = Vec::new();
            entry.read_to_end(&mut data).unwrap();
            seen.push((path, link, mode, data.len()));
        }
        assert_eq!(seen[0], ("usr".into(), None, 0o755, 0));
        assert_eq!(seen[1], ("usr/a".into(), None, 0o755, 513));
        assert_eq!(seen[2], ("usr/é".into(), None, 0o644, 0));
        assert_eq!(seen[4], ("usr/m".into(), Some(longer.clone()), 0o777, 0));
        assert_eq!(seen[5].0, long);
        assert_eq!(seen[6], (longer, None, 0o644, 512));
        // Only what has no room costs an extended header.
        assert_eq!(header(&long, Kind::Folder, 0).len(), BLOCK);
        assert_eq!(header("é", Kind::Folder, 0).len(), 3 * BLOCK);
    }

    proptest! {
        #[test]
        fn any_path_comes_back(path in "[a-zé]{1,60}(/[a-zé]{1,60}){0,6}", target in "[a-zü/]{1,200}") {
            let mut bytes = header(&path, Kind::Link { target: &target }, 0);
            bytes.extend_from_slice(&END);
            let mut archive = tar::Archive::new(&bytes[..]);
            let entry = archive.entries().unwrap().next().unwrap().unwrap();
            prop_assert_eq!(entry.path_bytes().into_owned(), path.into_bytes());
            prop_assert_eq!(entry.link_name_bytes().unwrap().into_owned(), target.into_bytes());
        }
    }
}
