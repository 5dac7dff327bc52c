//! The caller's side of a run: starts the supervisor, keeps its lifeline, writes the log.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::{Answer, Command, Interrupt, Isolation, Order, Outcome, Redacted, SUPERVISOR_ARGUMENT, Sandbox};
use super::{broken_sandbox, not_started};
use crate::process::isolation::supervisor_executable;
use crate::report::{Error, Result};

/// Runs `command` under a supervisor; its output goes to `log`.
pub fn supervise(command: &Command, sandbox: &Sandbox, interrupt: &Interrupt, log: File) -> Result<Outcome> {
    let order = Order { sandbox: sandbox.clone(), command: Some(command.clone()) };
    let mut log = Redacted::new(log);
    let mut log_failure = None;
    let answer = ask(&order, Some(interrupt), |bytes| {
        // The run goes on without a log: it is told at the end, and the program must not block.
        if log_failure.is_none() {
            log_failure = log.push(bytes).err();
        }
    });
    let log_failure = log_failure.or(log.finish().err());
    interrupt.check()?;
    match answer {
        Ok(Answer::Ended(outcome)) => match log_failure {
            None => Ok(outcome),
            Some(error) => Err(Error::io("write", &command.log, &error)),
        },
        Ok(Answer::NoSandbox(cause)) => Err(broken_sandbox(sandbox, cause)),
        Ok(Answer::NotStarted(cause)) => Err(not_started(command, cause)),
        Err(cause) => Err(Error::bug("the supervisor of a build failed").cause(cause).log(&command.log)),
    }
}

/// Enters the sandbox with nothing to run. The error says why it does not work here.
pub fn probe(isolation: Isolation) -> std::result::Result<(), String> {
    let order = Order { sandbox: Sandbox::new(isolation), command: None };
    let mut said = Vec::new();
    match ask(&order, None, |bytes| said.extend_from_slice(bytes)) {
        Ok(Answer::Ended(outcome)) if outcome.success() => Ok(()),
        Ok(Answer::Ended(outcome)) => Err(format!("the trial run ended with {}", outcome.status)),
        Ok(Answer::NoSandbox(cause) | Answer::NotStarted(cause)) => {
            Err(match (isolation == Isolation::Namespaces).then(forbidden_by).flatten() {
                Some(setting) => format!("{cause} ({setting})"),
                None => cause,
            })
        }
        Err(cause) => Err(format!("{cause} {}", String::from_utf8_lossy(&said).trim())),
    }
}

/// The setting of this machine that usually is the reason, if one of them is set.
fn forbidden_by() -> Option<String> {
    let settings = [
        ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
        ("/proc/sys/user/max_user_namespaces", "0"),
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
    ];
    for (file, forbidding) in settings {
        if std::fs::read_to_string(file).is_ok_and(|value| value.trim() == forbidding) {
            return Some(format!("`{file}` is {forbidding}"));
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let filtered = status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"]));
    filtered.then(|| "a container or sandbox around this process filters system calls".to_owned())
}

/// Gives the order to a new supervisor, hands what the run prints to `output`, and waits.
///
/// The error, for what should not happen, says how the supervisor ended.
fn ask(
    order: &Order,
    interrupt: Option<&Interrupt>,
    mut output: impl FnMut(&[u8]),
) -> std::result::Result<Answer, String> {
    let mut supervisor = start().map_err(|error| format!("cannot start the supervisor: {error}"))?;
    let mut lifeline = supervisor.stdin.take();
    let told = tell(order, lifeline.as_mut());
    if told.is_err() {
        lifeline = None;
    }
    // Both were asked for as pipes.
    let (Some(mut answers), Some(mut prints)) = (supervisor.stdout.take(), supervisor.stderr.take()) else {
        return Err("the supervisor has no pipes".to_owned());
    };
    let mut answer = Vec::new();
    let mut buffer = [0; 64 << 10];
    let (mut answering, mut printing) = (true, true);
    while answering || printing {
        let mut fds = Vec::with_capacity(3);
        fds.push(PollFd::from_borrowed_fd(
            if answering { answers.as_fd() } else { prints.as_fd() },
            PollFlags::IN,
        ));
        fds.push(PollFd::from_borrowed_fd(
            if printing { prints.as_fd() } else { answers.as_fd() },
            PollFlags::IN,
        ));
        if let (Some(interrupt), true) = (interrupt, lifeline.is_some()) {
            fds.push(PollFd::from_borrowed_fd(interrupt.wake(), PollFlags::IN));
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(format!("cannot wait for the supervisor: {error}")),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        if ready.get(2) == Some(&true) {
            // The supervisor ends the run and then itself, which closes the other pipes.
            lifeline = None;
        }
        if answering && ready[0] {
            let count = answers.read(&mut buffer).unwrap_or(0);
            answer.extend_from_slice(&buffer[..count]);
            answering = count > 0;
        }
        if printing && ready[1] {
            let count = prints.read(&mut buffer).unwrap_or(0);
            output(&buffer[..count]);
            printing = count > 0;
        }
    }
    drop(lifeline);
    let status = supervisor.wait().map_err(|error| format!("cannot wait for the supervisor: {error}"))?;
    told.and_then(|()| serde_json::from_slice(&answer).map_err(|error| error.to_string()))
        .map_err(|error| format!("the supervisor ended with {status}: {error}"))
}

fn start() -> std::io::Result<Child> {
    let itself = Path::new("/proc/self/exe");
    let executable = match supervisor_executable() {
        Some(named) => named.to_owned(),
        // Also right when the file was replaced since we started.
        None if itself.exists() => itself.to_owned(),
        None => std::env::current_exe()?,
    };
    std::process::Command::new(executable)
        .arg0("wheelbuild")
        .arg(SUPERVISOR_ARGUMENT)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C reaches the caller, who closes the lifeline.
        .process_group(0)
        .spawn()
}

fn tell(order: &Order, lifeline: Option<&mut ChildStdin>) -> std::result::Result<(), String> {
    let json = serde_json::to_vec(order).map_err(|error| error.to_string())?;
    let length = u32::try_from(json.len()).map_err(|error| error.to_string())?;
    let lifeline = lifeline.ok_or("no pipe")?;
    lifeline
        .write_all(&length.to_le_bytes())
        .and_then(|()| lifeline.write_all(&json))
        .map_err(|error| error.to_string())
}
