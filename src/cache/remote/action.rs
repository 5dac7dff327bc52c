//! What stands under a key: an `ActionResult` of the Remote Execution API.
//!
//! Bazel's HTTP cache gives `/ac/` a format, and servers check it: bazel-remote refuses what is none,
//! and answers only with those whose files it still has. So the files are named as output files, and
//! our own record is what the action printed.
//!
//! <https://github.com/bazelbuild/remote-apis>, `build/bazel/remote/execution/v2`; the encoding is
//! <https://protobuf.dev/programming-guides/encoding/>.

use crate::cache::Digest;

/// A file that the entry speaks of.
pub(super) struct OutputFile<'a> {
    pub name: &'a str,
    pub digest: Digest,
    pub size: u64,
}

const BYTES: u64 = 2;
/// `ActionResult.output_files`
const OUTPUT_FILES: u64 = 2;
/// `ActionResult.stdout_raw`
const STDOUT_RAW: u64 = 5;

/// The message that names `files` and holds `record`.
pub(super) fn encode(files: &[OutputFile<'_>], record: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    for file in files {
        let mut digest = Vec::new();
        bytes(&mut digest, 1, file.digest.to_string().as_bytes());
        varint(&mut digest, 2 << 3);
        varint(&mut digest, file.size);
        let mut output = Vec::new();
        bytes(&mut output, 1, file.name.as_bytes());
        bytes(&mut output, 2, &digest);
        bytes(&mut message, OUTPUT_FILES, &output);
    }
    bytes(&mut message, STDOUT_RAW, record);
    message
}

/// The files that a message names, with their sizes. None when it is no such message.
pub(super) fn files(message: &[u8]) -> Option<Vec<(Digest, u64)>> {
    let mut files = Vec::new();
    for (_, file) in fields(message)?.into_iter().filter(|(field, _)| *field == OUTPUT_FILES) {
        let (mut digest, mut size) = (None, 0);
        for (_, value) in fields(file)?.into_iter().filter(|(field, _)| *field == 2) {
            for (field, value) in numbers_and_fields(value)? {
                match (field, value) {
                    (1, Value::Bytes(text)) => digest = std::str::from_utf8(text).ok()?.parse().ok(),
                    (2, Value::Number(number)) => size = number,
                    _ => {}
                }
            }
        }
        files.push((digest?, size));
    }
    Some(files)
}

/// The record in a message; servers may have added fields. None when it is no such message.
pub(super) fn decode(message: &[u8]) -> Option<&[u8]> {
    fields(message)?.into_iter().rev().find(|(field, _)| *field == STDOUT_RAW).map(|(_, value)| value)
}

enum Value<'m> {
    Number(u64),
    Bytes(&'m [u8]),
}

/// The fields of a message that hold bytes.
fn fields(message: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let all = numbers_and_fields(message)?.into_iter();
    let bytes = all.filter_map(|(field, value)| match value {
        Value::Bytes(bytes) => Some((field, bytes)),
        Value::Number(_) => None,
    });
    Some(bytes.collect())
}

fn numbers_and_fields(message: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let (mut rest, mut found) = (message, Vec::new());
    while !rest.is_empty() {
        let tag = take_varint(&mut rest)?;
        match tag & 7 {
            0 => found.push((tag >> 3, Value::Number(take_varint(&mut rest)?))),
            1 => drop(take(&mut rest, 8)?),
            BYTES => {
                let length = take_varint(&mut rest)?;
                let value = take(&mut rest, usize::try_from(length).ok()?)?;
                found.push((tag >> 3, Value::Bytes(value)));
            }
            5 => drop(take(&mut rest, 4)?),
            _ => return None,
        }
    }
    Some(found)
}

fn bytes(message: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(message, field << 3 | BYTES);
    varint(message, value.len() as u64);
    message.extend_from_slice(value);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Written by hand after the encoding's description; tests/scripts/caches has protobuf itself read one.
    #[test]
    fn the_message_is_as_protobuf_encodes_it() {
        let files = [OutputFile { name: "a.whl", digest: Digest::of(""), size: 300 }];
        let mut expected = vec![0x12, 0x4e, 0x0a, 0x05];
        expected.extend_from_slice(b"a.whl");
        expected.extend_from_slice(&[0x12, 0x45, 0x0a, 0x40]);
        expected.extend_from_slice(b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        expected.extend_from_slice(&[0x10, 0xac, 0x02, 0x2a, 0x02]);
        expected.extend_from_slice(b"{}");
        assert_eq!(encode(&files, b"{}"), expected);
    }

    #[test]
    fn fields_of_others_are_passed_over() {
        let mut message = encode(&[], b"record");
        // exit_code, a fixed64, execution_metadata and a fixed32.
        message.extend_from_slice(&[
            0x20, 0x01, 0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x4a, 0x01, 0x00, 0x0d, 1, 2, 3, 4,
        ]);
        assert_eq!(decode(&message), Some(&b"record"[..]));
        assert_eq!(decode(&message[..message.len() - 1]), None);
        assert_eq!(decode(b""), None);
        assert_eq!(decode(b"{\"json\": 1}"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(record in proptest::collection::vec(any::<u8>(), 0..300), size: u64) {
            let files = [OutputFile { name: "x", digest: Digest::of("x"), size }];
            let message = encode(&files, &record);
            prop_assert_eq!(decode(&message), Some(&record[..]));
            prop_assert_eq!(super::files(&message), Some(vec![(Digest::of("x"), size)]));
        }

        #[test]
        fn no_bytes_break_it(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (decode(&message), super::files(&message));
        }
    }
}
