//! Ctrl-C: one flag that ends every run at once.

use std::fmt;
use std::os::fd::OwnedFd;
#[cfg(target_os = "linux")]
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::report::{Code, Error, Result, ResultExt};

/// A flag that is set once, by the handler of Ctrl-C, and is seen by every run and every stage.
///
/// Setting it also wakes those who wait in [`super::run`]: it is a pipe that becomes readable and
/// is never read.
#[derive(Clone)]
pub struct Interrupt(Arc<Inner>);

struct Inner {
    set: AtomicBool,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "keeps the pipe open"))]
    readable: OwnedFd,
    writable: OwnedFd,
}

impl Interrupt {
    /// A flag that is not set.
    ///
    /// # Errors
    ///
    /// [`Code::Io`] when this process has no file descriptors left.
    pub fn new() -> Result<Self> {
        let (readable, writable) =
            rustix::pipe::pipe().or_code(Code::Io, || "cannot make a pipe".to_owned())?;
        for end in [&readable, &writable] {
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)
                .or_code(Code::Io, || "cannot keep a pipe private".to_owned())?;
        }
        Ok(Self(Arc::new(Inner { set: AtomicBool::new(false), readable, writable })))
    }

    /// Sets the flag and wakes every run.
    pub fn set(&self) {
        if !self.0.set.swap(true, Ordering::SeqCst) {
            // One byte in an empty pipe: it cannot block, and cannot fail while we hold both ends.
            let _ = rustix::io::write(&self.0.writable, &[1]);
        }
    }

    /// Whether it was set.
    pub fn is_set(&self) -> bool {
        self.0.set.load(Ordering::SeqCst)
    }

    /// Nothing while the flag is not set.
    ///
    /// # Errors
    ///
    /// [`Code::Interrupted`] once it is.
    pub fn check(&self) -> Result<()> {
        if self.is_set() { Err(Error::new(Code::Interrupted, "interrupted")) } else { Ok(()) }
    }

    /// The same, of a failure that was just seen. At Ctrl-C a terminal signals the programs that were
    /// started too, and the end of one may be noticed a moment before the flag is set.
    ///
    /// # Errors
    ///
    /// [`Code::Interrupted`] once it is set, or if it is within a tenth of a second.
    pub fn check_after_failure(&self) -> Result<()> {
        let moment = rustix::event::Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        let mut ends = [rustix::event::PollFd::new(&self.0.readable, rustix::event::PollFlags::IN)];
        // A poll that fails tells nothing new: the flag itself decides.
        let _ = rustix::event::poll(&mut ends, Some(&moment));
        self.check()
    }

    /// Becomes readable when the flag is set.
    #[cfg(target_os = "linux")]
    pub(super) fn wake(&self) -> BorrowedFd<'_> {
        self.0.readable.as_fd()
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interrupt").field(&self.is_set()).finish()
    }
}
