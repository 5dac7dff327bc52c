//! Turns: how many programs of a kind run at once, over everything that one run starts.
//!
//! A number for each build (`-j`, MAKEFLAGS) is only a wish: some packages count the cores themselves,
//! and several builds together have more programs than any of them knows of. So whoever starts a
//! compiler takes a turn first: the lock of one of a few files, which is given back when its holder
//! ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::program::is_halted;
use crate::report::{Error, Result};

/// Set for the programs that somebody with a turn starts: they run in that turn.
pub const IN_TURN: &str = "WHEELBUILD_IN_TURN";

/// How often one who waits looks: at first, and at last.
const LOOK: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(16));

/// The turns of one run.
#[derive(Debug)]
pub struct Turns {
    folder: PathBuf,
    _scratch: tempfile::TempDir,
}

impl Turns {
    /// As many turns as `count`, at least one, in a folder of `scratch`.
    ///
    /// # Errors
    /// [`crate::report::Code::Io`].
    pub fn new(scratch: tempfile::TempDir, count: usize) -> Result<Self> {
        // One that others may look into: builds run as somebody else.
        let folder = scratch.path().join("turns");
        fs::create_dir(&folder).map_err(|error| Error::io("make", &folder, &error))?;
        for number in 0..count.max(1) {
            let path = folder.join(number.to_string());
            File::create(&path).map_err(|error| Error::io("make", &path, &error))?;
        }
        Ok(Self { folder, _scratch: scratch })
    }

    /// Where the files are that [`turn`] locks.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A turn, until it is dropped or its process ends.
#[derive(Debug)]
pub struct Turn(File);

impl Turn {
    /// The program that this process becomes, and what that starts, keep the turn.
    pub fn leave_to_program(self) {
        if rustix::io::fcntl_setfd(&self.0, rustix::io::FdFlags::empty()).is_ok() {
            std::mem::forget(self);
        }
    }
}

/// Waits for one of the turns in `folder`. None where there are none to take, or the process was
/// halted: what was to be started then runs without one.
pub fn turn(folder: &Path) -> Option<Turn> {
    let mut files = Vec::new();
    let mut pause = LOOK.0;
    loop {
        for number in 0.. {
            if number == files.len() {
                let Ok(file) = File::open(folder.join(number.to_string())) else { break };
                files.push(file);
            }
            match files[number].try_lock() {
                Ok(()) => return Some(Turn(files.swap_remove(number))),
                Err(TryLockError::WouldBlock) => {}
                // A file system without locks.
                Err(TryLockError::Error(_)) => return None,
            }
        }
        if files.is_empty() || is_halted() {
            return None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LOOK.1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn no_more_run_at_once_than_there_are_turns() {
        let turns = Turns::new(tempfile::tempdir().unwrap(), 3).unwrap();
        let (running, most, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    let turn = turn(turns.folder()).unwrap();
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                    drop(turn);
                });
            }
        });
        assert!(most.into_inner() <= 3);
        assert_eq!(done.into_inner(), 12);
    }

    #[test]
    fn a_turn_outlives_its_value_only_when_it_is_left_to_a_program() {
        let turns = Turns::new(tempfile::tempdir().unwrap(), 1).unwrap();
        drop(turn(turns.folder()).unwrap());
        turn(turns.folder()).unwrap().leave_to_program();
        let file = File::open(turns.folder().join("0")).unwrap();
        assert!(matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
    }

    #[test]
    fn without_files_nobody_waits() {
        assert!(turn(Path::new("/nonexistent")).is_none());
    }
}
