//! Short runs of trusted programs, and waits, that a termination signal ends.
//!
//! Hooks have a supervisor ([`super::run`]). uv, zig and an interpreter asked for its facts are
//! started here: each leads a process group of its own, so that [`halt`] reaches what it started too.
//! Whoever waits for one of them, for a lock or for the network sees that the process was halted.

use std::fs::{File, TryLockError};
use std::io;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::report::{Code, Error, Result};

/// How often a wait looks whether the process was halted.
const LOOK: Duration = Duration::from_millis(20);

static HALTED: AtomicBool = AtomicBool::new(false);
/// The leaders of the process groups that run now.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Ends every program that runs and every wait, now and from now on: the process is to end. To be
/// called by the handler of Ctrl-C and nobody else.
pub fn halt() {
    HALTED.store(true, Ordering::SeqCst);
    for leader in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        kill(*leader);
    }
}

/// Nothing while the process was not halted.
///
/// # Errors
/// [`Code::Interrupted`] once it was.
pub fn check_halted() -> Result<()> {
    if is_halted() { Err(Error::new(Code::Interrupted, "interrupted")) } else { Ok(()) }
}

pub(super) fn is_halted() -> bool {
    HALTED.load(Ordering::SeqCst)
}

fn halted() -> io::Error {
    // Not `ErrorKind::Interrupted`, which readers take for a reason to try again.
    io::Error::other("interrupted")
}

fn kill(leader: u32) {
    if let Some(group) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// The entry of one program in the list of those that run.
struct Running(u32);

impl Running {
    fn add(leader: u32) -> Self {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(leader);
        if is_halted() {
            kill(leader);
        }
        Self(leader)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = running.iter().position(|leader| *leader == self.0) {
            running.swap_remove(at);
        }
    }
}

/// Runs one program, a command that duct was given, and waits for it.
///
/// # Errors
/// What starting it gives, and an error when the process was halted.
pub fn run_program(program: duct::Expression) -> io::Result<Output> {
    wait(program, None)?.ok_or_else(|| io::Error::other("a wait without an end has ended"))
}

/// The same; `None` when it did not end within `patience` and was killed.
///
/// # Errors
/// As [`run_program`].
pub fn run_program_within(program: duct::Expression, patience: Duration) -> io::Result<Option<Output>> {
    wait(program, Some(patience))
}

fn wait(program: duct::Expression, patience: Option<Duration>) -> io::Result<Option<Output>> {
    use std::os::unix::process::CommandExt as _;
    if is_halted() {
        return Err(halted());
    }
    let own_group = |command: &mut std::process::Command| {
        command.process_group(0);
        Ok(())
    };
    let handle = program.before_spawn(own_group).start()?;
    let leader =
        handle.pids().first().copied().ok_or_else(|| io::Error::other("a program without a number"))?;
    let _running = Running::add(leader);
    let output = match patience {
        None => Some(handle.wait()?),
        Some(patience) => handle.wait_timeout(patience)?,
    };
    if is_halted() {
        return Err(halted());
    }
    if output.is_none() {
        kill(leader);
    }
    Ok(output.cloned())
}

/// Waits for the exclusive lock on `file`.
///
/// # Errors
/// What locking gives, and an error when the process was halted.
pub fn wait_for_lock(file: &File) -> io::Result<()> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if is_halted() => return Err(halted()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
        }
    }
}

/// Sleeps for `time`, or until the process is halted.
pub fn pause(time: Duration) {
    let start = Instant::now();
    while !is_halted() && start.elapsed() < time {
        std::thread::sleep(LOOK.min(time.saturating_sub(start.elapsed())));
    }
}

/// Does `work`, which may wait for the network, in a thread of its own. When the process is halted
/// the thread is left alone and goes with the process.
///
/// # Errors
/// An error when the process was halted before the work was done.
pub fn abandonable<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (give, take) = channel();
    let worker = std::thread::spawn(move || {
        // Nobody takes it when the process was halted.
        let _ = give.send(work());
    });
    loop {
        match take.recv_timeout(LOOK) {
            Ok(value) => return Ok(value),
            Err(RecvTimeoutError::Timeout) if is_halted() => return Err(halted()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => match worker.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => return Err(io::Error::other("a worker gave nothing")),
            },
        }
    }
}

/// A reader whose source may wait for the network: read ahead by a thread of its own, which is left
/// alone when the process is halted.
#[derive(Debug)]
pub struct Abandonable {
    parts: std::sync::mpsc::Receiver<io::Result<Vec<u8>>>,
    part: io::Cursor<Vec<u8>>,
}

impl Abandonable {
    /// A reader of what `source` gives.
    pub fn new(mut source: impl io::Read + Send + 'static) -> Self {
        const PART: usize = 64 << 10;
        let (give, parts) = std::sync::mpsc::sync_channel(4);
        std::thread::spawn(move || {
            loop {
                let mut part = vec![0; PART];
                let read = match source.read(&mut part) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let last = !matches!(read, Ok(1..));
                let part = read.map(|count| {
                    part.truncate(count);
                    part
                });
                if give.send(part).is_err() || last {
                    return;
                }
            }
        });
        Self { parts, part: io::Cursor::new(Vec::new()) }
    }
}

impl io::Read for Abandonable {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.part.position() == self.part.get_ref().len() as u64 {
            match self.parts.recv_timeout(LOOK) {
                Ok(part) => {
                    self.part = io::Cursor::new(part?);
                    if self.part.get_ref().is_empty() {
                        return Ok(0);
                    }
                }
                Err(RecvTimeoutError::Timeout) if is_halted() => return Err(halted()),
                Err(RecvTimeoutError::Timeout) => {}
                // After its end.
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        self.part.read(into)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_program_that_takes_too_long_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("child");
        let script = format!("sleep 1000 & echo $! > {}; wait", file.display());
        let program = duct::cmd!("/bin/sh", "-c", script).stdin_null().stdout_null().unchecked();
        assert!(run_program_within(program, Duration::from_millis(300)).unwrap().is_none());
        let child: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        let child = Pid::from_raw(child).unwrap();
        // Nobody waits for it but init, which may take a moment.
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.as_raw_nonzero()));
        assert!(
            state().is_err() || state().unwrap_or_default().contains(") Z") || {
                pause(Duration::from_millis(500));
                state().map_or(true, |text| text.contains(") Z"))
            }
        );
    }

    #[test]
    fn output_and_status_come_back() {
        let program = duct::cmd!("/bin/sh", "-c", "echo out; exit 3").stdout_capture().unchecked();
        let output = run_program(program).unwrap();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(3), &b"out\n"[..]));
        assert!(run_program(duct::cmd!("/no/such/program")).is_err());
        assert!(RUNNING.lock().unwrap().len() < 64);
    }

    #[test]
    fn work_elsewhere_gives_its_value() {
        assert_eq!(abandonable(|| 6 * 7).unwrap(), 42);
        let text = vec![7u8; 200_000];
        let mut read = Vec::new();
        Abandonable::new(io::Cursor::new(text.clone())).read_to_end(&mut read).unwrap();
        assert_eq!(read, text);
        struct Broken;
        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "reset"))
            }
        }
        let error = Abandonable::new(Broken).read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
