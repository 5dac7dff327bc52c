//! The log of a run: what the program printed, without credentials, and not without end.

use std::io::Write;

use crate::report::redact;

/// A line longer than this is written in pieces. Far above what a person reads, far below what
/// hurts.
const LONGEST_LINE: usize = 256 << 10;

/// Bytes after which the rest of a log is dropped.
const LONGEST_LOG: u64 = 256 << 20;

/// Takes bytes as they come and writes them line by line, each redacted.
pub struct Redacted<W> {
    out: W,
    line: Vec<u8>,
    written: u64,
    most: u64,
}

impl<W: Write> Redacted<W> {
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new(), written: 0, most: LONGEST_LOG }
    }

    /// Takes the next bytes; whole lines are written.
    pub fn push(&mut self, mut bytes: &[u8]) -> std::io::Result<()> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end + 1);
            self.line.extend_from_slice(line);
            self.flush_line()?;
            bytes = rest;
        }
        self.line.extend_from_slice(bytes);
        if self.line.len() > LONGEST_LINE { self.flush_line() } else { Ok(()) }
    }

    /// Writes what is left.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.flush_line()?;
        self.out.flush()
    }

    fn flush_line(&mut self) -> std::io::Result<()> {
        if self.written > self.most {
            self.line.clear();
            return Ok(());
        }
        self.written += self.line.len() as u64;
        if self.line.windows(3).any(|window| window == b"://") {
            self.out.write_all(redact(&String::from_utf8_lossy(&self.line)).as_bytes())?;
        } else {
            self.out.write_all(&self.line)?;
        }
        self.line.clear();
        if self.written > self.most {
            self.out.write_all(b"\n[the rest of the log was dropped: it is too long]\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(pieces: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut log = Redacted::new(&mut out);
        for piece in pieces {
            log.push(piece).unwrap();
        }
        log.finish().unwrap();
        out
    }

    #[test]
    fn credentials_are_hidden_even_when_they_come_in_pieces() {
        let out = log(&[b"GET https://me:s3", b"cret@host/x\nplain \xff byte\nend"]);
        assert_eq!(out, b"GET https://***@host/x\nplain \xff byte\nend");
    }

    #[test]
    fn a_log_without_end_is_cut() {
        let mut out = Vec::new();
        let mut log = Redacted::new(&mut out);
        log.most = 1000;
        for _ in 0..100 {
            log.push(&[b'x'; 99]).unwrap();
            log.push(b"\n").unwrap();
        }
        log.finish().unwrap();
        assert!(out.len() < 1300, "{}", out.len());
        assert!(out.ends_with(b"too long]\n"));
    }
}
