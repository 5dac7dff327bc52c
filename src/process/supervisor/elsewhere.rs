//! Where there is no Linux: a process group of its own, a time limit, and no isolation.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::log::Redacted;
use super::run::not_started;
use super::{Command, Interrupt, Isolation, Limit, Outcome, Sandbox, Status};
use crate::report::{Error, Result};

/// The first argument that would make this executable a supervisor on Linux.
pub const SUPERVISOR_ARGUMENT: &str = "__sandbox";

/// How long the end of the program or an interrupt may go unnoticed.
const TICK: Duration = Duration::from_millis(20);

/// Never the supervisor.
pub fn sandbox_entry() -> Option<ExitCode> {
    None
}

/// Nothing is hidden.
pub fn hidden(_: &Path) -> Option<PathBuf> {
    None
}

pub fn probe(isolation: Isolation) -> Result<(), String> {
    match isolation {
        Isolation::None => Ok(()),
        Isolation::Namespaces | Isolation::Landlock => Err("only Linux has it".to_owned()),
    }
}

pub fn supervise(command: &Command, sandbox: &Sandbox, interrupt: &Interrupt, log: File) -> Result<Outcome> {
    let (mut reader, writer) = std::io::pipe().map_err(|error| not_started(command, error.to_string()))?;
    let mut process = std::process::Command::new(&command.program);
    process
        .args(&command.args)
        .env_clear()
        .envs(&command.env)
        .current_dir(&command.cwd)
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(|error| not_started(command, error.to_string()))?)
        .stderr(writer)
        .process_group(0);
    let start = Instant::now();
    let mut child = process.spawn().map_err(|error| not_started(command, error.to_string()))?;
    // The ends of the pipe that it holds would keep the reader waiting for ever.
    drop(process);
    let group = Pid::from_child(&child);
    let logged = std::thread::spawn(move || -> std::io::Result<()> {
        let mut log = Redacted::new(log);
        let mut buffer = [0; 64 << 10];
        loop {
            match reader.read(&mut buffer)? {
                0 => return log.finish(),
                count => log.push(&buffer[..count])?,
            }
        }
    });
    let mut limit_hit = None;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| Error::bug(error.to_string()))? {
            break status;
        }
        if start.elapsed() > sandbox.limits.time {
            limit_hit = Some(Limit::Time);
        }
        if limit_hit.is_some() || interrupt.is_set() {
            let _ = kill_process_group(group, Signal::KILL);
        }
        std::thread::sleep(TICK);
    };
    // What it left behind in its group goes with it.
    let _ = kill_process_group(group, Signal::KILL);
    let written = logged.join().map_err(|_| Error::bug("the thread that writes the log ended"))?;
    interrupt.check()?;
    written.map_err(|error| Error::io("write", &command.log, &error))?;
    let status = match (status.code(), status.signal()) {
        (Some(code), _) => Status::Code(code),
        (None, signal) => Status::Signal(signal.unwrap_or(0)),
    };
    Ok(Outcome { status, elapsed: start.elapsed(), limit_hit, peak_memory: 0 })
}
