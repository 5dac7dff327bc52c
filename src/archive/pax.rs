//! Extended headers of tar (POSIX.1-2001 pax): records `LENGTH KEY=VALUE\n` about the next entry.

use super::refusal::{broken, hostile_archive};
use crate::report::Result;

/// What the records say about an entry, where it matters here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    /// Seconds and nanoseconds.
    pub modified: Option<(i64, u32)>,
}

impl Pax {
    /// Reads the data of an `x` header.
    ///
    /// # Errors
    /// Broken when a record is malformed; hostile for sparse files, whose size and holes are told
    /// in so many ways that readers disagree, and for a key that stands twice.
    pub fn read(mut data: &[u8]) -> Result<Self> {
        let mut pax = Self::default();
        while !data.is_empty() {
            let (key, value, rest) =
                record(data).ok_or_else(|| broken("an extended header of the tar archive is malformed"))?;
            data = rest;
            let fresh = match key {
                b"path" => pax.path.replace(value.to_vec()).is_none(),
                b"linkpath" => pax.link.replace(value.to_vec()).is_none(),
                b"size" => {
                    let size =
                        number(value).ok_or_else(|| broken("an extended header has a size that is none"))?;
                    pax.size.replace(size).is_none()
                }
                b"mtime" => {
                    pax.modified = time(value);
                    true
                }
                _ if key.starts_with(b"GNU.sparse.") || key == b"SCHILY.realsize" => {
                    return Err(hostile_archive("the archive holds a sparse file"));
                }
                _ => true,
            };
            if !fresh {
                let key = String::from_utf8_lossy(key);
                return Err(hostile_archive(format!(
                    "an extended header of the archive gives `{key}` twice"
                )));
            }
        }
        Ok(pax)
    }

    /// Reads the data of a `g` header, which would hold for every entry that follows.
    ///
    /// # Errors
    /// As [`Pax::read`]; hostile when it names or sizes entries.
    pub fn read_global(data: &[u8]) -> Result<()> {
        let pax = Self::read(data)?;
        if pax.path.is_some() || pax.link.is_some() || pax.size.is_some() {
            return Err(hostile_archive("a global header of the archive names or sizes all entries at once"));
        }
        Ok(())
    }
}

fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = data.iter().take(20).position(|&byte| byte == b' ')?;
    let length = usize::try_from(number(&data[..blank])?).ok()?;
    let body = data.get(blank + 1..length)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|&byte| byte == b'=')?;
    (equals > 0).then(|| (&body[..equals], &body[equals + 1..], &data[length..]))
}

fn number(digits: &[u8]) -> Option<u64> {
    // `parse` alone would take a sign.
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// `1700000000.25` as seconds and nanoseconds; before 1970 only whole seconds are told.
fn time(value: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if seconds < 0 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((seconds, 0));
    }
    let nine: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    Some((seconds, nine.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Pax;
    use crate::report::Code;

    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let body = key.len() + value.len() + 3;
        let length = (body + 1..).find(|length| length.to_string().len() + body == *length).unwrap();
        [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
    }

    #[test]
    fn records_are_read_by_length_not_by_line() {
        let data = [
            record("comment", b"x\n99 path=evil"),
            record("path", "é/b".as_bytes()),
            record("mtime", b"12.5"),
            record("size", b"7"),
        ]
        .concat();
        let pax = Pax::read(&data).unwrap();
        assert_eq!(pax.path.as_deref(), Some("é/b".as_bytes()));
        assert_eq!((pax.size, pax.modified), (Some(7), Some((12, 500_000_000))));
    }

    #[test]
    fn malformed_records_are_broken() {
        for data in [
            &b"x"[..],
            b"5 a=b",
            b"99 a=b\n",
            b"0 a=b\n",
            b"3 \n",
            b"6 =ab\n",
            b"+6 a=b\n",
            b"18446744073709551615 a=\n",
        ] {
            assert_eq!(Pax::read(data).unwrap_err().code(), Code::BrokenArchive, "{data:?}");
        }
        assert_eq!(Pax::read(&record("size", b"-1")).unwrap_err().code(), Code::BrokenArchive);
    }

    #[test]
    fn sparse_and_double_keys_are_hostile() {
        for data in [
            record("GNU.sparse.major", b"1"),
            [record("path", b"a"), record("path", b"b")].concat(),
            [record("size", b"1"), record("size", b"1")].concat(),
        ] {
            assert_eq!(Pax::read(&data).unwrap_err().code(), Code::HostileArchive);
        }
    }

    #[test]
    fn a_global_header_may_only_comment() {
        Pax::read_global(&record("comment", b"a commit")).unwrap();
        assert_eq!(Pax::read_global(&record("path", b"a")).unwrap_err().code(), Code::HostileArchive);
        assert_eq!(Pax::read_global(&record("linkpath", b"a")).unwrap_err().code(), Code::HostileArchive);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Pax::read(&data);
        }

        #[test]
        fn what_is_written_is_read(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(Pax::read(&record("path", &value)).unwrap().path, Some(value));
        }
    }
}
