//! RECORD: the list of a wheel's files with their hashes (PEP 376, PEP 427), read and written.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::Member;
use crate::report::{Code, Error, Result};

/// One line of RECORD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub path: String,
    /// `sha256=…`; empty for RECORD itself.
    pub hash: String,
    /// In bytes; empty where unknown.
    pub size: String,
}

/// The rows of a RECORD file: comma separated values as Python's csv module writes them.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Row>> {
    let bad = |line: usize, why: &str| Error::new(Code::BadWheel, format!("line {line} of RECORD {why}"));
    let text = std::str::from_utf8(bytes).map_err(|_| Error::new(Code::BadWheel, "RECORD is not UTF-8"))?;
    let mut rows = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let start = line;
        let mut fields = Vec::new();
        loop {
            let (field, after) = field(rest).ok_or_else(|| bad(start, "has a quote in the wrong place"))?;
            line += field.matches('\n').count();
            fields.push(field);
            rest = after;
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None => break,
            }
        }
        rest = rest.strip_prefix('\r').unwrap_or(rest);
        rest = rest.strip_prefix('\n').unwrap_or(rest);
        line += 1;
        match &mut fields[..] {
            [only] if only.is_empty() => {}
            // Old writers end a row early when they know neither hash nor size.
            [path, others @ ..] if others.len() <= 2 => {
                let mut next = others.iter_mut().map(std::mem::take);
                rows.push(Row {
                    hash: next.next().unwrap_or_default(),
                    size: next.next().unwrap_or_default(),
                    path: std::mem::take(path),
                });
            }
            _ => return Err(bad(start, "has more than three fields")),
        }
    }
    Ok(rows)
}

/// The first field of `text` and what follows it; none when its quotes are wrong.
fn field(text: &str) -> Option<(String, &str)> {
    let ends = |c: char| matches!(c, ',' | '\n' | '\r');
    let Some(mut rest) = text.strip_prefix('"') else {
        let (field, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
        return (!field.contains('"')).then(|| (field.to_owned(), rest));
    };
    let mut field = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return (after.is_empty() || after.starts_with(ends)).then_some((field, after)),
        }
    }
}

/// RECORD of a wheel that holds `members` in this order and then RECORD itself, called `name`.
pub(super) fn write(members: &[Member], name: &str) -> Vec<u8> {
    let mut out = String::new();
    for member in members {
        quote(&member.name, &mut out);
        out.push_str(",sha256=");
        URL_SAFE_NO_PAD.encode_string(Sha256::digest(&member.data), &mut out);
        out.push_str(&format!(",{}\n", member.data.len()));
    }
    quote(name, &mut out);
    out.push_str(",,\n");
    out.into_bytes()
}

fn quote(field: &str, out: &mut String) {
    if field.contains([',', '"', '\r', '\n']) {
        out.push('"');
        out.push_str(&field.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(field);
    }
}

/// Whether `hash` (`sha256=…`) is the hash of `data`. Weak or unknown algorithms are errors: a
/// wheel may use SHA-256 or better (PEP 427).
pub(super) fn matches(hash: &str, data: &[u8]) -> Result<bool> {
    let (algorithm, value) = hash.split_once('=').unwrap_or((hash, ""));
    let actual = match algorithm {
        "sha256" => URL_SAFE_NO_PAD.encode(Sha256::digest(data)),
        "sha384" => URL_SAFE_NO_PAD.encode(Sha384::digest(data)),
        "sha512" => URL_SAFE_NO_PAD.encode(Sha512::digest(data)),
        _ => {
            let algorithm = algorithm.escape_default();
            return Err(Error::new(Code::BadWheel, format!("RECORD uses the hash `{algorithm}`"))
                .cause("a wheel's RECORD takes sha256 or better (PEP 427)"));
        }
    };
    Ok(actual == value.trim_end_matches('='))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_of_all_kinds() {
        let text = b"a.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\r\n\"b,\"\"c\"\".py\",,\nshort\n\nx/RECORD,,";
        let rows = parse(text).unwrap();
        let paths: Vec<&str> = rows.iter().map(|row| row.path.as_str()).collect();
        assert_eq!(paths, ["a.py", "b,\"c\".py", "short", "x/RECORD"]);
        assert!(matches(&rows[0].hash, b"").unwrap());
        assert!(!matches(&rows[0].hash, b"x").unwrap());
        assert_eq!(rows[0].size, "0");
    }

    #[test]
    fn broken_rows_are_refused() {
        for text in [&b"a,b,c,d"[..], b"\"a,b,c", b"a\"b,,", b"\"a\"b,,", b"\xff,,"] {
            assert_eq!(parse(text).unwrap_err().code(), Code::BadWheel);
        }
        assert!(matches("md5=abc", b"").is_err());
        assert!(matches("", b"").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(names in prop::collection::vec("[ -~\n\r\u{e4}]{1,12}", 0..8)) {
            let members: Vec<_> = names.iter().map(|name| Member::file(name.clone(), name.as_bytes())).collect();
            let rows = parse(&write(&members, "RECORD")).unwrap();
            prop_assert_eq!(rows.len(), members.len() + 1);
            for (row, member) in rows.iter().zip(&members) {
                prop_assert_eq!(&row.path, &member.name);
                prop_assert_eq!(&row.size, &member.data.len().to_string());
                prop_assert!(matches(&row.hash, &member.data).unwrap());
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[a\",\r\n]{0,20}") {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
        }
    }
}
