//! Reads /proc/PID/mountinfo, the table of what is mounted where.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::mount::MountFlags;

/// Place and flags of a line of /proc/PID/mountinfo (proc(5)): the fifth and sixth field. The
/// flags must be given again when a mount is changed, or a less privileged namespace is refused.
pub fn parse(line: &str) -> Option<(PathBuf, MountFlags)> {
    let mut fields = line.split(' ').skip(4);
    let (place, options) = (fields.next()?, fields.next()?);
    let mut flags = MountFlags::empty();
    for option in options.split(',') {
        flags |= match option {
            "ro" => MountFlags::RDONLY,
            "nosuid" => MountFlags::NOSUID,
            "nodev" => MountFlags::NODEV,
            "noexec" => MountFlags::NOEXEC,
            "noatime" => MountFlags::NOATIME,
            "nodiratime" => MountFlags::NODIRATIME,
            "relatime" => MountFlags::RELATIME,
            _ => MountFlags::empty(),
        };
    }
    Some((unescape(place), flags))
}

/// Blank, tab, newline and backslash are written as `\` and three octal digits there.
fn unescape(text: &str) -> PathBuf {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let octal = bytes
            .get(at + 1..at + 4)
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match (bytes[at], octal) {
            (b'\\', Some(byte)) => {
                out.push(byte);
                at += 4;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    OsString::from_vec(out).into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_line_of_mountinfo_gives_place_and_flags() {
        let line = r"36 35 98:0 /mnt1 /new/a\040b\134c ro,nosuid,noatime master:1 - ext3 /dev/root rw,errors=continue";
        let (place, flags) = parse(line).unwrap();
        assert_eq!(place, Path::new(r"/new/a b\c"));
        assert_eq!(flags, MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NOATIME);
    }

    #[test]
    fn a_line_that_is_none_is_nothing() {
        assert!(parse("").is_none() && parse("36 35 98:0 /").is_none());
        assert_eq!(unescape(r"\9 \").as_os_str(), r"\9 \");
    }
}
