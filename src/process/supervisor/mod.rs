//! The supervisor on Linux: what it is told, what it answers, and what it does.
//!
//! | file | what |
//! |---|---|
//! | `client` | the caller's side: starts the supervisor, keeps its lifeline, writes the log |
//! | `identity` | whom the run becomes: its user, and the namespaces |
//! | `root`, `mountinfo` | the empty root and what is mounted in it |
//! | `landlock` | the allow list where there is no root of our own |
//! | `leader` | the first process of the run: gives up every right, starts the program, waits |
//! | `watch`, `usage` | the limits |
//! | `tree` | the processes of the run, and how to end them |
//! | `kernel` | system calls that no library wraps; the only unsafe code |

mod client;
mod identity;
mod kernel;
mod landlock;
mod leader;
mod mountinfo;
mod root;
mod tree;
mod usage;
mod watch;

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

pub use client::{probe, supervise};
pub use root::hidden;

use super::log::Redacted;
use super::run::{broken_sandbox, not_started};
use super::{Command, Interrupt, Isolation, Limit, Outcome, Sandbox, Status};
use tree::Tree;
use watch::Watch;

/// The first argument that makes this executable a supervisor. Not for people.
pub const SUPERVISOR_ARGUMENT: &str = "__sandbox";

/// A step of the set-up that failed: which, and why.
type Step<T> = std::result::Result<T, String>;

/// Adds what was tried to a failed system call.
trait Trying<T> {
    fn trying(self, what: impl FnOnce() -> String) -> Step<T>;
}

impl<T, E: std::fmt::Display> Trying<T> for std::result::Result<T, E> {
    fn trying(self, what: impl FnOnce() -> String) -> Step<T> {
        self.map_err(|error| format!("cannot {}: {error}", what()))
    }
}

/// What the supervisor is told: on standard input, the length in 4 bytes, then this as JSON.
#[derive(Serialize, Deserialize)]
struct Order {
    sandbox: Sandbox,
    /// Nothing only finds out whether the sandbox can be made.
    command: Option<Command>,
}

/// What the supervisor answers: on standard output, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// The run is over and nothing of it is left.
    Ended(Outcome),
    /// The sandbox could not be made.
    NoSandbox(String),
    /// The program could not be started.
    NotStarted(String),
}

/// What the leader tells the supervisor, one JSON value a line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    /// All rights are given up; the program is started next.
    Ready,
    /// The program ended.
    Ended(Status),
    NoSandbox(String),
    NotStarted(String),
}

/// Acts as the supervisor when this process was started as one. `main` calls it first.
///
/// Nothing when it was not. The exit code says only whether an answer was written.
pub fn sandbox_entry() -> Option<ExitCode> {
    if std::env::args_os().nth(1)? != SUPERVISOR_ARGUMENT {
        return None;
    }
    let answer = match read_order() {
        Ok(order) => obey(&order),
        Err(cause) => Answer::NoSandbox(cause),
    };
    let told = serde_json::to_vec(&answer).is_ok_and(|json| std::io::stdout().write_all(&json).is_ok());
    Some(if told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read_order() -> Step<Order> {
    kernel::close_on_exec_from(3).trying(|| "keep files private".to_owned())?;
    let mut input = std::io::stdin().lock();
    let mut length = [0; 4];
    input.read_exact(&mut length).trying(|| "read the order".to_owned())?;
    let mut json = vec![0; u32::from_le_bytes(length) as usize];
    input.read_exact(&mut json).trying(|| "read the order".to_owned())?;
    serde_json::from_slice(&json).trying(|| "understand the order".to_owned())
}

/// Makes the sandbox, runs the command in it and waits for the end of everything.
fn obey(order: &Order) -> Answer {
    match start(order) {
        Ok(mut run) => run.attend(),
        Err(cause) => Answer::NoSandbox(cause),
    }
}

/// The leader, and what is needed to watch and end the run.
struct Run {
    tree: Tree,
    watch: Watch,
    words: std::fs::File,
    time: Duration,
}

fn start(order: &Order) -> Step<Run> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let isolation = order.sandbox.isolation;
    if isolation == Isolation::Namespaces {
        identity::enter(&order.sandbox)?;
    } else {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .trying(|| "become the parent of what is left behind".to_owned())?;
    }
    let (words, voice) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).trying(|| "make a pipe".to_owned())?;
    let child = kernel::fork().trying(|| "fork".to_owned())?;
    let Some(leader) = child else {
        drop(words);
        leader::lead(order, std::fs::File::from(voice));
    };
    drop(voice);
    Ok(Run {
        tree: Tree::new(leader, isolation == Isolation::Namespaces),
        watch: Watch::new(&order.sandbox),
        words: std::fs::File::from(words),
        time: order.sandbox.limits.time,
    })
}

impl Run {
    /// Watches the run to its end, then ends what is left of it.
    fn attend(&mut self) -> Answer {
        let mut started = Instant::now();
        let mut limit_hit = None;
        let mut said = String::new();
        let mut end = None;
        while end.is_none() && limit_hit.is_none() {
            let left = self.time.saturating_sub(started.elapsed());
            match self.wait(left.min(watch::TICK)) {
                Heard::Nothing => limit_hit = self.over(started),
                Heard::CallerGone => break,
                Heard::Words => match self.listen(&mut said) {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                },
            }
            while let Some((line, rest)) = said.split_once('\n') {
                match serde_json::from_str(line) {
                    Ok(Word::Ready) => {
                        started = Instant::now();
                        self.watch.begin();
                    }
                    Ok(word) => end = Some(word),
                    Err(error) => end = Some(Word::NoSandbox(format!("the leader babbles: {error}"))),
                }
                said = rest.to_owned();
            }
        }
        let elapsed = started.elapsed();
        let leader = self.tree.end();
        let peak_memory = self.watch.peak_memory();
        match end {
            Some(Word::NoSandbox(cause)) => Answer::NoSandbox(cause),
            Some(Word::NotStarted(cause)) => Answer::NotStarted(cause),
            Some(Word::Ended(status)) => Answer::Ended(Outcome { status, elapsed, limit_hit, peak_memory }),
            Some(Word::Ready) | None => {
                Answer::Ended(Outcome { status: leader, elapsed, limit_hit, peak_memory })
            }
        }
    }

    fn over(&mut self, started: Instant) -> Option<Limit> {
        if started.elapsed() >= self.time { Some(Limit::Time) } else { self.watch.over(&self.tree) }
    }

    fn listen(&mut self, said: &mut String) -> std::io::Result<usize> {
        let mut buffer = [0; 4096];
        let count = self.words.read(&mut buffer)?;
        said.push_str(&String::from_utf8_lossy(&buffer[..count]));
        Ok(count)
    }

    fn wait(&self, at_most: Duration) -> Heard {
        let lifeline = std::io::stdin();
        let mut fds = [
            PollFd::new(&self.words, PollFlags::IN),
            PollFd::from_borrowed_fd(lifeline.as_fd(), PollFlags::IN),
        ];
        let timeout =
            Timespec { tv_sec: at_most.as_secs() as i64, tv_nsec: i64::from(at_most.subsec_nanos()) };
        match poll(&mut fds, Some(&timeout)) {
            // The caller never writes again: readable means closed.
            Ok(_) if !fds[1].revents().is_empty() => Heard::CallerGone,
            Ok(_) if !fds[0].revents().is_empty() => Heard::Words,
            Ok(_) | Err(_) => Heard::Nothing,
        }
    }
}

enum Heard {
    Nothing,
    Words,
    CallerGone,
}
