//! Runs the real tool, passes its error output on, and ends as it ended.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::response;
use crate::process::{IN_TURN, Turn, turn};
use crate::report::{Code, Error, Result};

/// How many lines of a failed tool's error output are kept, and how many bytes at most.
const KEPT_LINES: usize = 40;
const KEPT_BYTES: usize = 16 << 10;

/// Longer command lines are handed over in a response file. Linux takes 2 MiB with the environment.
const LINE_BYTES: usize = 1 << 20;

/// How a tool ended.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; 128 + the signal's number after a signal.
    pub code: i32,
    pub signal: Option<i32>,
    pub elapsed: Duration,
    /// The first lines of the error output; empty after success.
    pub stderr: Vec<String>,
}

/// What a tool is run with.
pub struct Job<'a> {
    /// Program and arguments. A program without a slash is looked up in PATH, `own_folder` left out.
    pub words: &'a [String],
    /// The folder of the drivers, which must not find themselves.
    pub own_folder: &'a Path,
    /// Variables to set (`Some`) or remove.
    pub env: &'a [(String, Option<String>)],
    /// Whether the tool reads response files.
    pub response_files: bool,
    /// Where it takes a turn, unless it runs in somebody's.
    pub turns: Option<&'a Path>,
}

/// Runs a tool to its end. Standard input and output are the caller's; error output is passed on as it comes.
///
/// # Errors
/// `Code::Compiler` when the program does not exist or cannot be started.
pub fn run(job: &Job) -> Result<Outcome> {
    let (program, args) = job.words.split_first().ok_or_else(|| Error::bug("a driver has no command"))?;
    let mut command = Command::new(find(program, job.own_folder)?);
    let long = args.iter().map(String::len).sum::<usize>() > LINE_BYTES;
    let mut scratch = None;
    if long && job.response_files {
        let file = tempfile::NamedTempFile::new()
            .and_then(|mut file| file.write_all(response::quote(args).as_bytes()).map(|()| file))
            .map_err(|error| Error::io("write", &std::env::temp_dir(), &error))?;
        command.arg(format!("@{}", file.path().display()));
        scratch = Some(file);
    } else {
        command.args(args);
    }
    for (name, value) in job.env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let turn = take_turn(job.turns);
    if turn.is_some() {
        command.env(IN_TURN, "1");
    }
    let start = Instant::now();
    let failed = |error: std::io::Error| {
        Error::new(Code::Compiler, format!("cannot run `{program}`")).cause(error.to_string())
    };
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(failed)?;
    let mut kept = Vec::new();
    if let Some(mut pipe) = child.stderr.take() {
        let mut buffer = [0; 8192];
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    // Whoever reads our error output may have gone; the tool goes on all the same.
                    let _ = std::io::stderr().write_all(&buffer[..read]);
                    let room = KEPT_BYTES.saturating_sub(kept.len());
                    kept.extend_from_slice(&buffer[..read.min(room)]);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
    let status = child.wait().map_err(failed)?;
    drop((turn, scratch));
    let signal = status.signal();
    let code = status.code().unwrap_or(128 + signal.unwrap_or(0));
    let stderr = if code == 0 { Vec::new() } else { lines(&kept) };
    Ok(Outcome { code, signal, elapsed: start.elapsed(), stderr })
}

/// Waits for a turn where there are any, unless this process runs in somebody's: who has one may not
/// wait for another.
pub fn take_turn(turns: Option<&Path>) -> Option<Turn> {
    turns.filter(|_| std::env::var_os(IN_TURN).is_none()).and_then(turn)
}

/// The lines of an error output that are worth keeping.
pub fn lines(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).lines().take(KEPT_LINES).map(str::to_owned).collect()
}

/// The program's file: as given when it has a slash, else the first in PATH outside `own_folder`.
///
/// # Errors
/// `Code::Compiler` when PATH has none.
pub fn find(program: &str, own_folder: &Path) -> Result<PathBuf> {
    if program.contains('/') {
        return Ok(PathBuf::from(program));
    }
    find_in(program, &std::env::var_os("PATH").unwrap_or_default(), own_folder)
        .ok_or_else(|| Error::new(Code::Compiler, format!("`{program}` is not on this machine")))
}

fn find_in(program: &str, path: &OsStr, own_folder: &Path) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|folder| folder != own_folder)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Ends this process by `signal`, as the tool ended.
pub fn die_by(signal: i32) {
    let Some(signal) = rustix::process::Signal::from_named_raw(signal) else { return };
    // Rust's own handler of SIGSEGV and SIGBUS only takes itself away when the first one comes.
    for _ in 0..2 {
        let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
    }
}
