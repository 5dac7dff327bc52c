//! A run that is watched and ended while it works.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::source::Source;
use super::{Ran, Run};

/// How long anything may take before the test fails; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(300);

/// A run in the background, with its events in a file.
pub struct Live {
    child: Child,
    events: PathBuf,
}

impl Live {
    pub fn start(run: Run, events: &Path) -> Self {
        let mut run = run.arg("--events").arg(events);
        let child =
            run.command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn().unwrap();
        Self { child, events: events.to_owned() }
    }

    /// Waits until an event holds `text`.
    #[track_caller]
    pub fn until(&mut self, text: &str) {
        let events = self.events.clone();
        self.wait_for(text, || std::fs::read_to_string(&events).is_ok_and(|all| all.contains(text)));
    }

    /// Waits until a process of this machine has `mark` in its command line.
    #[track_caller]
    pub fn until_process(&mut self, mark: &str) {
        self.wait_for(mark, || !processes(mark).is_empty());
    }

    #[track_caller]
    fn wait_for(&mut self, what: &str, there: impl Fn() -> bool) {
        let start = Instant::now();
        while !there() {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended before `{what}`");
            assert!(start.elapsed() < PATIENCE, "`{what}` never came");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the file of events has `size` bytes; true when the run ended before.
    pub fn until_size(&mut self, events: &Path, size: u64) -> bool {
        let start = Instant::now();
        loop {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            if std::fs::metadata(events).is_ok_and(|meta| meta.len() >= size) {
                return false;
            }
            assert!(start.elapsed() < PATIENCE, "{size} bytes of events never came");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Its end, however it came.
    pub fn wait(self) {
        self.child.wait_with_output().unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The whole group ends at once, and nobody has a last word.
    pub fn kill_group(&self) {
        kill_process_group(Pid::from_child(&self.child), Signal::KILL).unwrap();
    }

    /// Ctrl-C at a terminal: the run and what it started in the same group are told at once.
    pub fn ctrl_c(&self) {
        kill_process_group(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Its end. None as code: a signal ended it.
    pub fn end(self) -> Ran {
        let output = self.child.wait_with_output().unwrap();
        assert!(output.status.code().is_some() || output.status.signal().is_some());
        Ran::of(output)
    }
}

/// The processes of this machine with `mark` in their command line.
pub fn processes(mark: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(mark)
        })
        .collect()
}

/// Waits until no process has `mark` in its command line: the kernel ends them one by one.
#[track_caller]
pub fn until_gone(mark: &str) {
    let start = Instant::now();
    while !processes(mark).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(20), "still running: {:?}", processes(mark));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A project whose build never ends and starts a child with `mark` in its command line.
pub fn endless(name: &str, mark: &str) -> Source {
    let child = format!("import time; time.sleep(3600) # {mark}");
    let setup = format!("import subprocess, sys\nsubprocess.check_call([sys.executable, '-c', {child:?}])\n");
    Source::with_setup(name, &setup)
}
