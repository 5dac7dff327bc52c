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

/// The record in a message; servers may have added fields. None when it is no such message.
pub(super) fn decode(message: &[u8]) -> Option<&[u8]> {
    let (mut rest, mut record) = (message, None);
    while !rest.is_empty() {
        let tag = take_varint(&mut rest)?;
        match tag & 7 {
            0 => drop(take_varint(&mut rest)?),
            1 => drop(take(&mut rest, 8)?),
            BYTES => {
                let length = take_varint(&mut rest)?;
                let value = take(&mut rest, usize::try_from(length).ok()?)?;
                if tag >> 3 == STDOUT_RAW {
                    record = Some(value);
                }
            }
            5 => drop(take(&mut rest, 4)?),
            _ => return None,
        }
    }
    record
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

    /// Made by `protoc --encode` from
    /// `output_files {path: "a.whl" digest {hash: "e3b0…b855" size_bytes: 300}} stdout_raw: "{}"`.
    #[test]
    fn the_message_is_the_one_that_protobuf_makes() {
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
        }

        #[test]
        fn no_bytes_break_it(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&message);
        }
    }
}
