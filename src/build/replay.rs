//! `--keep`: what the hooks were run with, kept beside their folders so that it can be run again.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::layout::Layout;
use crate::process::{self, Command, Interrupt, Outcome, Sandbox};
use crate::report::{Code, Error, Result};

/// The program's own record of the run.
const RECORD: &str = "replay.json";
/// What a person starts.
const SCRIPT: &str = "replay.sh";
/// What the repeated run prints.
const LOG: &str = "replay.log";

#[derive(Deserialize, Serialize)]
struct Replay {
    command: Command,
    sandbox: Sandbox,
}

/// Writes `replay.sh` into the build's folder.
///
/// # Errors
/// [`Code::Io`] and [`Code::DiskFull`].
pub(super) fn write(layout: &Layout, subject: &str, command: &Command, sandbox: &Sandbox) -> Result<()> {
    let replay = Replay { command: command.clone(), sandbox: sandbox.clone() };
    let text = serde_json::to_vec_pretty(&replay)
        .map_err(|error| Error::bug(format!("a run does not serialise: {error}")))?;
    let program = std::env::current_exe().map_err(|e| Error::io("find", Path::new("wheelbuild"), &e))?;
    let script = format!(
        "#!/bin/sh\n# Runs the hooks of {} once more, isolated as they were (`{}`), on the sources as they left them.\n\
         exec {} replay \"$(dirname \"$0\")\"\n",
        subject.replace('\n', " "),
        sandbox.isolation,
        quoted(&program.to_string_lossy()),
    );
    put(&layout.root().join(RECORD), &text, 0o600)?;
    put(&layout.root().join(SCRIPT), script.as_bytes(), 0o755)
}

fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let failed = |error: std::io::Error| Error::io("write", path, &error);
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    // The user's umask is no part of what was asked for.
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Runs the hooks of the kept build `folder` once more, isolated as they were; what they print is in
/// the returned text, and in `replay.log`.
///
/// # Errors
/// [`Code::InputNotFound`] when `folder` is no kept build; those of [`process::run`].
pub fn replay(folder: &Path, interrupt: &Interrupt) -> Result<(Outcome, String)> {
    let record = folder.join(RECORD);
    let text = fs::read(&record).map_err(|error| {
        Error::new(Code::InputNotFound, format!("`{}` is no kept build folder", folder.display()))
            .cause(error.to_string())
            .hint("keep one with `--keep`")
    })?;
    let Replay { mut command, sandbox } = serde_json::from_slice(&text).map_err(|error| {
        Error::new(Code::InputNotFound, format!("`{}` cannot be read", record.display()))
            .cause(error.to_string())
    })?;
    command.log = folder.join(LOG);
    // Each run has a log of its own.
    let _ = fs::remove_file(&command.log);
    for left in ["support/answer.json", "log/calls.jsonl"] {
        let _ = fs::remove_file(folder.join(left));
    }
    let outcome = process::run(&command, &sandbox, interrupt)?;
    let said = fs::read(&command.log).map_err(|error| Error::io("read", &command.log, &error))?;
    Ok((outcome, String::from_utf8_lossy(&said).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_quotes_stays_one_word() {
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
