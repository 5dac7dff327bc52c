//! The first process of the run. It gives up every right, starts the program, reaps what the
//! program leaves behind, and tells the supervisor how the program ended. In namespaces it is
//! PID 1: when it ends, the kernel kills everything else in there.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit, Signal, WaitOptions};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::{Command, Isolation, Order, Status, Step, Trying, Word, kernel, landlock, root};

/// Leads the run to its end. Never returns to the supervisor's code.
pub fn lead(order: &Order, voice: std::fs::File) -> ! {
    let last = match prepare(order) {
        Err(cause) => Word::NoSandbox(cause),
        Ok(()) => {
            say(&voice, &Word::Ready);
            match &order.command {
                None => Word::Ended(Status::Code(0)),
                Some(command) => run(command).unwrap_or_else(Word::NotStarted),
            }
        }
    };
    say(&voice, &last);
    std::process::exit(0);
}

fn say(mut voice: &std::fs::File, word: &Word) {
    if let Ok(mut line) = serde_json::to_vec(word) {
        line.push(b'\n');
        // A supervisor that does not listen any more has already decided.
        let _ = voice.write_all(&line);
    }
}

fn prepare(order: &Order) -> Step<()> {
    let sandbox = &order.sandbox;
    rustix::process::setsid().trying(|| "leave the terminal".to_owned())?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .trying(|| "follow the supervisor".to_owned())?;
    // When memory runs out, the build goes before anything else on the machine.
    let _ = std::fs::write("/proc/self/oom_score_adj", "800");
    if sandbox.isolation == Isolation::Namespaces {
        root::finish()?;
        rustix::system::sethostname(b"build").trying(|| "name the host".to_owned())?;
        rustix::system::setdomainname(b"localdomain").trying(|| "name the domain".to_owned())?;
        if !sandbox.network {
            kernel::loopback_up().trying(|| "turn on the loopback".to_owned())?;
        }
    }
    if sandbox.isolation != Isolation::None {
        kernel::leave_session_keyring().trying(|| "leave the login's keys".to_owned())?;
        drop_capabilities()?;
        rustix::thread::set_no_new_privs(true).trying(|| "forbid new privileges".to_owned())?;
    }
    if sandbox.isolation == Isolation::Landlock {
        landlock::restrict(sandbox)?;
    }
    limit(order)?;
    // The program has the same user: it may not trace us or read our memory.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .trying(|| "hide the leader".to_owned())
}

fn drop_capabilities() -> Step<()> {
    for bit in 0..u64::BITS {
        // One that the kernel does not know, or, without the right to, cannot be dropped. Without
        // new privileges none of those can ever be got.
        let _ =
            rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit));
    }
    let _ = rustix::thread::clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(
        None,
        CapabilitySets { effective: none, permitted: none, inheritable: none },
    )
    .trying(|| "give up capabilities".to_owned())
}

/// Limits that the kernel keeps by itself. They are the backstop of the watch, which sees the whole
/// run and ends it.
fn limit(order: &Order) -> Step<()> {
    let limits = &order.sandbox.limits;
    let set = |resource, most: u64| {
        let now = rustix::process::getrlimit(resource);
        let most = now.maximum.map_or(most, |hard| hard.min(most));
        rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
            .trying(|| format!("set the limit {resource:?}"))
    };
    set(Resource::Fsize, limits.disk)?;
    // One process alone cannot outrun the watch by much.
    set(Resource::Data, limits.memory.saturating_add(limits.memory / 4))?;
    // 1 and not 0: with 1 the kernel also starts no helper for the core, which would be a
    // program of the machine at work on data of the build.
    set(Resource::Core, 1)?;
    // Each user namespace counts by itself since Linux 5.14; before, everything of the user on
    // the machine would count.
    if order.sandbox.isolation == Isolation::Namespaces && kernel_is_at_least(5, 14) {
        set(Resource::Nproc, limits.processes.saturating_add(limits.processes / 4 + 8))?;
    }
    Ok(())
}

fn kernel_is_at_least(major: u32, minor: u32) -> bool {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
}

fn run(command: &Command) -> Step<Word> {
    let log = || std::io::stderr().as_fd().try_clone_to_owned().map(Stdio::from);
    let child = std::process::Command::new(&command.program)
        .args(&command.args)
        .env_clear()
        .envs(&command.env)
        .current_dir(&command.cwd)
        .stdin(Stdio::null())
        .stdout(log().trying(|| "open the log".to_owned())?)
        .stderr(log().trying(|| "open the log".to_owned())?)
        .spawn()
        .map_err(|error| error.to_string())?;
    let program = Pid::from_child(&child);
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == program => {
                let status = ExitStatus::from_raw(status.as_raw());
                return Ok(Word::Ended(match (status.code(), status.signal()) {
                    (Some(code), _) => Status::Code(code),
                    (None, signal) => Status::Signal(signal.unwrap_or(0)),
                }));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(format!("cannot wait for it: {error}")),
        }
    }
}
