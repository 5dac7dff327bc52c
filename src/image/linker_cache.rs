//! `/etc/ld.so.cache`: where glibc's loader looks before its default folders.

const OLD: &[u8] = b"ld.so-1.7.0\0";
const NEW: &[u8] = b"glibc-ld.so.cache1.1";

/// Bytes of the header and of an entry of the new format (glibc, `sysdeps/generic/dl-cache.h`).
const HEADER: usize = 48;
const ENTRY: usize = 24;
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;

/// The cache as lines `NAME PATH`; `None` when it is none. Byte order is that of the machine the cache
/// is for, which the count of entries tells.
pub(super) fn read(data: &[u8]) -> Option<String> {
    let start = match data.starts_with(OLD) {
        // The new format follows the old one, aligned.
        true => {
            let count = u32::from_le_bytes(data.get(12..16)?.try_into().ok()?) as usize;
            (OLD_HEADER + count.checked_mul(OLD_ENTRY)?).next_multiple_of(8)
        }
        false => 0,
    };
    let data = data.get(start..)?;
    if !data.starts_with(NEW) {
        return None;
    }
    let word = |at: usize, little: bool| -> Option<usize> {
        let bytes: [u8; 4] = data.get(at..at + 4)?.try_into().ok()?;
        let value = if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
        usize::try_from(value).ok()
    };
    let room = data.len().saturating_sub(HEADER) / ENTRY;
    let fits = |little: bool| word(20, little).is_some_and(|count| count <= room);
    let little = fits(true);
    if !little && !fits(false) {
        return None;
    }
    let text = |at: usize| -> Option<&str> {
        let bytes = data.get(at..)?;
        std::str::from_utf8(&bytes[..bytes.iter().position(|&byte| byte == 0)?]).ok()
    };
    let mut lines = String::new();
    for at in 0..word(20, little)? {
        let entry = HEADER + at * ENTRY;
        let (name, path) = (text(word(entry + 4, little)?)?, text(word(entry + 8, little)?)?);
        lines.push_str(&format!("{name} {path}\n"));
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machines_cache_reads_like_ldconfig_prints_it() {
        let Ok(data) = std::fs::read("/etc/ld.so.cache") else {
            println!("SKIP: this machine has no ld.so.cache");
            return;
        };
        let lines = read(&data).unwrap();
        assert!(lines.lines().any(|line| line.starts_with("libc.so.6 /")), "{lines}");
    }

    #[test]
    fn what_is_none_is_not_read() {
        assert_eq!(read(b""), None);
        assert_eq!(read(b"glibc-ld.so.cache1.1"), None);
        let mut cut = [NEW, &[1, 0, 0, 0], &[0; 24]].concat();
        cut.extend([0; 24]);
        assert_eq!(read(&cut[..60]), None);
    }
}
