//! The processes of a run: which they are, and how to end them all.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait, waitpid};

use super::Status;

/// The leader and everything that comes from it.
pub struct Tree {
    leader: Pid,
    /// Whether the leader is PID 1 of a namespace, and /proc shows that namespace.
    namespace: bool,
}

impl Tree {
    pub fn new(leader: Pid, namespace: bool) -> Self {
        Self { leader, namespace }
    }

    /// The numbers in /proc of every process of the run, without the supervisor.
    pub fn processes(&self) -> Vec<u32> {
        let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let all: Vec<u32> = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        if self.namespace { all } else { descendants(&all, rustix::process::getpid().as_raw_pid() as u32) }
    }

    /// Ends everything and waits until it is gone. Gives how the leader ended.
    pub fn end(&self) -> Status {
        let _ = kill_process(self.leader, Signal::KILL);
        // In a namespace this returns only when every process in it is gone.
        let leader = match waitpid(Some(self.leader), WaitOptions::empty()) {
            Ok(Some((_, status))) => {
                let status = ExitStatus::from_raw(status.as_raw());
                status.code().map_or_else(|| Status::Signal(status.signal().unwrap_or(0)), Status::Code)
            }
            Ok(None) | Err(_) => Status::Signal(Signal::KILL.as_raw()),
        };
        if !self.namespace {
            self.end_descendants();
        }
        leader
    }

    /// What loses its parent becomes our child, so everything is found by descent, and nothing is
    /// left when we have no child. All are stopped before any is killed, again and again:
    /// otherwise a fork bomb outruns us.
    fn end_descendants(&self) {
        // One that cannot be killed (it waits for a device, or has become another user's) must
        // not hold the caller for ever.
        for _ in 0..5000 {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => continue,
                Err(_) => return,
                Ok(None) => {}
            }
            let found = self.processes();
            for signal in [Signal::STOP, Signal::KILL] {
                for pid in found.iter().filter_map(|pid| Pid::from_raw(*pid as i32)) {
                    let _ = kill_process(pid, signal);
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Those of `all` that descend from `root`.
fn descendants(all: &[u32], root: u32) -> Vec<u32> {
    let parents: HashMap<u32, u32> = all.iter().filter_map(|pid| Some((*pid, parent(*pid)?))).collect();
    let comes_from_root = |pid: &u32| {
        let mut at = *pid;
        // A chain is no longer than there are processes, even while they change under us.
        for _ in 0..=parents.len() {
            match parents.get(&at) {
                Some(parent) if *parent == root => return true,
                Some(parent) => at = *parent,
                None => return false,
            }
        }
        false
    };
    all.iter().copied().filter(comes_from_root).collect()
}

/// The parent of `pid`, from /proc/PID/stat, where it follows the name in parentheses and the
/// state (proc(5)).
fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
    std::str::from_utf8(&stat[after_name..]).ok()?.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_descends_from_us_and_we_do_not_from_it() {
        let mut child = std::process::Command::new("/bin/sleep").arg("60").spawn().unwrap();
        let (us, it) = (std::process::id(), child.id());
        assert_eq!(parent(it), Some(us));
        let all = [us, it];
        assert!(descendants(&all, us).contains(&it));
        assert!(descendants(&all, it).is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
