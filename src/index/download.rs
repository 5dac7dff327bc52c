//! Files fetched whole or not at all: streamed into a hidden file beside their place, hashed on the
//! way, continued where a connection broke, and renamed when everything is right.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::client::{Client, Failure, Trust, disk, refusal, shown};
use super::page::{RemoteFile, is_filename};
use super::partial_file::PartialFile;
use crate::process::Interrupt;
use crate::report::{Code, Error, Report, Result};

const BUFFER: usize = 128 << 10;
/// Bytes between two progress events.
const STEP: u64 = 1 << 20;

/// A file that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub path: PathBuf,
    /// Of the content, lower-case hex; what the index said where it said something.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// The file in `into`, if it is there with the content it should have.
pub(super) fn already_there(file: &RemoteFile, into: &Path) -> Option<Fetched> {
    let expected = file.sha256.as_deref()?;
    let path = into.join(&file.filename);
    let mut content = std::fs::File::open(&path).ok()?;
    let mut hasher = HashingSink(Sha256::new());
    let size = std::io::copy(&mut content, &mut hasher).ok()?;
    let sha256 = hex(hasher.0);
    sha256.eq_ignore_ascii_case(expected).then_some(Fetched { path, sha256, size })
}

/// A writer that keeps the digest only.
struct HashingSink(Sha256);

impl Write for HashingSink {
    fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
        self.0.update(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Fetches `file` into the folder `into`. What an earlier run fetched of it is continued.
pub(super) fn fetch(
    client: &Client,
    file: &RemoteFile,
    into: &Path,
    trust: Trust,
    report: &Report,
    interrupt: Option<&Interrupt>,
) -> Result<Fetched> {
    if !is_filename(&file.filename) {
        return Err(Error::bug(format!("`{}` is no file name", file.filename.escape_default())));
    }
    std::fs::create_dir_all(into).map_err(|error| Error::io("create", into, &error))?;
    let mut partial = Partial::new(file, into, report, interrupt)?;
    loop {
        if partial.received > 0 && partial.check().is_ok() {
            return partial.finish();
        }
        if file.url.scheme() == "file" {
            partial.copy()?;
        } else {
            client.retrying(&file.filename, || partial.attempt(client, trust))?;
        }
        match partial.check() {
            // The remote file may have changed between two parts of ours.
            Err(_) if partial.resumed => partial.restart()?,
            Err(error) => {
                partial.scratch.forget();
                return Err(error);
            }
            Ok(()) => return partial.finish(),
        }
    }
}

/// A download under way. Dropped before its end it leaves nothing but what a later run can continue.
struct Partial<'a> {
    file: &'a RemoteFile,
    place: PathBuf,
    scratch: PartialFile,
    report: &'a Report,
    interrupt: Option<&'a Interrupt>,
    hasher: Sha256,
    received: u64,
    told: u64,
    total: Option<u64>,
    /// What must be unchanged for a continuation (ETag or Last-Modified).
    validator: Option<String>,
    resumed: bool,
}

impl<'a> Partial<'a> {
    fn new(
        file: &'a RemoteFile,
        into: &Path,
        report: &'a Report,
        interrupt: Option<&'a Interrupt>,
    ) -> Result<Self> {
        let mut scratch = PartialFile::open(into, file.sha256.as_deref())?;
        let mut hasher = HashingSink(Sha256::new());
        let received = scratch.read(&mut hasher)?;
        Ok(Self {
            file,
            place: into.join(&file.filename),
            scratch,
            report,
            interrupt,
            hasher: hasher.0,
            received,
            told: received,
            total: file.size,
            validator: None,
            resumed: received > 0,
        })
    }

    fn check_interrupt(&self) -> Result<(), Failure> {
        self.interrupt.map_or(Ok(()), Interrupt::check).map_err(Failure::lasting)
    }

    /// One request for what is still missing.
    fn attempt(&mut self, client: &Client, trust: Trust) -> Result<(), Failure> {
        self.check_interrupt()?;
        if self.received > 0 && self.validator.is_none() && self.file.sha256.is_none() {
            // Nothing would show that both parts belong together.
            self.restart().map_err(Failure::lasting)?;
        }
        let range = format!("bytes={}-", self.received);
        let mut headers = vec![("accept-encoding", "identity")];
        if self.received > 0 {
            headers.push(("range", range.as_str()));
            headers.extend(self.validator.as_deref().map(|validator| ("if-range", validator)));
        }
        let answer = client.get(&self.file.url, &headers, trust)?;
        match answer.status {
            206 if self.received > 0 && starts_at(answer.header("content-range"), self.received) => {
                self.resumed = true;
            }
            200 => {
                if self.received > 0 {
                    self.restart().map_err(Failure::lasting)?;
                }
                let length = answer.header("content-length").and_then(|value| value.parse().ok());
                self.total = length.or(self.file.size);
                let strong = answer.header("etag").filter(|tag| tag.starts_with('"'));
                self.validator = strong.or_else(|| answer.header("last-modified")).map(str::to_owned);
            }
            206 | 416 if self.received > 0 => {
                self.restart().map_err(Failure::lasting)?;
                let headline = format!("{} cannot be continued", shown(&self.file.url));
                return Err(Failure::passing(Error::new(Code::Network, headline)));
            }
            404 | 410 => {
                let headline = format!("{} is not there", shown(&answer.url));
                return Err(Failure::lasting(Error::new(Code::NotOnIndex, headline)));
            }
            _ => return Err(refusal(&answer)),
        }
        let before = self.received;
        self.stream(answer.body).map_err(|failure| Failure { progressed: self.received > before, ..failure })
    }

    fn copy(&mut self) -> Result<()> {
        let wrong = || Error::new(Code::Network, format!("{} is no path", shown(&self.file.url)));
        let path = self.file.url.to_file_path().map_err(|()| wrong())?;
        self.restart()?;
        let content = std::fs::File::open(&path).map_err(|error| Error::io("read", &path, &error))?;
        self.total = content.metadata().ok().map(|metadata| metadata.len());
        self.stream(content).map_err(|failure| failure.error)
    }

    fn stream(&mut self, mut body: impl Read) -> Result<(), Failure> {
        let broke_off = |cause: String| {
            let headline = format!("{} broke off", shown(&self.file.url));
            Failure::passing(Error::new(Code::Network, headline).cause(cause))
        };
        let mut buffer = vec![0; BUFFER];
        loop {
            self.check_interrupt()?;
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(broke_off(error.to_string())),
            };
            let part = &buffer[..count];
            self.scratch.write_all(part).map_err(|error| disk("write", &self.place, &error))?;
            self.hasher.update(part);
            self.received += count as u64;
            if self.received - self.told >= STEP {
                self.tell();
            }
            if self.total.is_some_and(|total| self.received > total) {
                // More than announced: the check says what is wrong, a second try would not help.
                break;
            }
        }
        match self.total {
            Some(total) if self.received < total => {
                Err(broke_off(format!("{} of {total} bytes arrived", self.received)))
            }
            _ => {
                self.tell();
                Ok(())
            }
        }
    }

    fn tell(&mut self) {
        self.told = self.received;
        self.report.progress(&self.file.filename, self.received, self.total);
    }

    fn restart(&mut self) -> Result<()> {
        self.scratch.restart().map_err(|error| Error::io("write", &self.place, &error))?;
        self.hasher = Sha256::new();
        (self.received, self.told, self.resumed, self.validator) = (0, 0, false, None);
        self.total = self.file.size;
        Ok(())
    }

    /// Whether all of it is what the index promised.
    fn check(&self) -> Result<()> {
        let found = hex(self.hasher.clone());
        let wrong = || {
            Error::new(
                Code::HashMismatch,
                format!("`{}` is not the file that was promised", self.file.filename),
            )
            .cause(format!("from {}", shown(&self.file.url)))
        };
        match (&self.file.sha256, self.total) {
            (Some(expected), _) if !expected.eq_ignore_ascii_case(&found) => {
                Err(wrong().cause(format!("expected sha256 {expected}, found {found}")))
            }
            (None, Some(total)) if total != self.received => {
                Err(wrong().cause(format!("expected {total} bytes, found {}", self.received)))
            }
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<Fetched> {
        self.scratch.persist(&self.place).map_err(|error| Error::io("write", &self.place, &error))?;
        Ok(Fetched { path: self.place, sha256: hex(self.hasher), size: self.received })
    }
}

/// Whether `Content-Range` (`bytes 5-9/10`) begins at `at`.
fn starts_at(header: Option<&str>, at: u64) -> bool {
    header
        .and_then(|value| value.trim().strip_prefix("bytes ")?.split_once('-')?.0.trim().parse::<u64>().ok())
        == Some(at)
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
