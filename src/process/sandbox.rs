//! What is run, in what, and how it ended: the values between the caller and the supervisor.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Isolation;
use crate::report::{Code, Error, Result};

/// How much one run may use. Going over one ends the run, with everything it started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory of all its processes together, with its temporary files in memory.
    pub memory: u64,
    /// Processes and threads at the same time.
    pub processes: u64,
    /// Bytes in its writable folders; also the largest single file.
    pub disk: u64,
    /// Time on the wall.
    pub time: Duration,
}

impl Default for Limits {
    /// Three quarters of the machine's memory (4 GiB where that is unknown), 4,096 processes,
    /// 20 GiB of files, one hour.
    fn default() -> Self {
        Self {
            memory: machine_memory().map_or(4 << 30, |bytes| bytes / 4 * 3),
            processes: 4096,
            disk: 20 << 30,
            time: Duration::from_secs(3600),
        }
    }
}

impl Limits {
    /// The error of a run that wanted more memory than [`Limits::memory`]. `what` is the subject of the
    /// headline. A program that asks faster than the watch looks is refused by the kernel first, and
    /// says so itself.
    pub fn out_of_memory(&self, what: &str) -> Error {
        let mib = self.memory >> 20;
        Error::new(Code::Limit, format!("{what} used more than {mib} MiB of memory"))
            .hint(format!("raise the limit with `--memory {}M`", mib * 2))
    }
}

#[cfg(target_os = "linux")]
#[allow(clippy::useless_conversion, reason = "some machines count memory in 32 bits")]
fn machine_memory() -> Option<u64> {
    let info = rustix::system::sysinfo();
    u64::from(info.totalram).checked_mul(u64::from(info.mem_unit))
}

#[cfg(not(target_os = "linux"))]
fn machine_memory() -> Option<u64> {
    None
}

/// A folder or file of this machine that a run sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where it is here. Symbolic links are followed once, before the run.
    pub source: PathBuf,
    /// Where the run sees it, an absolute path. Below [`Isolation::Namespaces`] nothing can be
    /// moved: it must then be the same as `source`.
    pub at: PathBuf,
    pub writable: bool,
}

impl Mount {
    /// `path`, read-only, at its own place.
    pub fn here(path: impl Into<PathBuf>) -> Self {
        let source = path.into();
        Self { at: source.clone(), source, writable: false }
    }

    /// `source`, read-only, seen at `at`.
    pub fn at(source: impl Into<PathBuf>, at: impl Into<PathBuf>) -> Self {
        Self { source: source.into(), at: at.into(), writable: false }
    }

    /// The same, writable.
    #[must_use]
    pub fn writable(mut self) -> Self {
        self.writable = true;
        self
    }
}

/// What a run is put into.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sandbox {
    /// What is in force, from [`super::choose`].
    pub isolation: Isolation,
    /// What the run sees besides the system's programs and libraries. A later mount covers an
    /// earlier one; one that lies inside another comes after it.
    pub mounts: Vec<Mount>,
    pub limits: Limits,
    /// Whether the machine's network is reachable. Hooks never get it.
    pub network: bool,
}

impl Sandbox {
    /// A sandbox with nothing but the system's programs and libraries, the default limits and no
    /// network.
    pub fn new(isolation: Isolation) -> Self {
        Self { isolation, mounts: Vec::new(), limits: Limits::default(), network: false }
    }

    /// With `mount` added.
    #[must_use]
    pub fn mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }
}

/// One program to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Command {
    /// Absolute path as the run sees it.
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// The complete environment; nothing is inherited.
    #[serde(with = "pairs")]
    pub env: BTreeMap<OsString, OsString>,
    /// Working folder as the run sees it.
    pub cwd: PathBuf,
    /// Where stdout and stderr are appended, a path of this machine. Credentials in addresses are
    /// replaced on the way.
    #[serde(skip)]
    pub log: PathBuf,
}

/// A map of texts that need not be UTF-8, as JSON: a list of pairs, since a key there is a string.
mod pairs {
    use super::{BTreeMap, OsString};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(map: &BTreeMap<OsString, OsString>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<OsString, OsString>, D::Error> {
        Ok(Vec::<(OsString, OsString)>::deserialize(from)?.into_iter().collect())
    }
}

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It ended by itself with this exit code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// A limit that was gone over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    Memory,
    Processes,
    Disk,
    Time,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub status: Status,
    /// From the start of the program to its end.
    pub elapsed: Duration,
    /// The limit for which it was ended, if it was.
    pub limit_hit: Option<Limit>,
    /// The most memory that was seen in use, bytes; looked for every few hundredths of a second.
    pub peak_memory: u64,
}

impl Outcome {
    /// Whether it ended by itself with exit code 0.
    pub fn success(&self) -> bool {
        self.status == Status::Code(0) && self.limit_hit.is_none()
    }

    /// Nothing when no limit was hit, whatever the exit code.
    ///
    /// # Errors
    ///
    /// [`Code::Timeout`] or [`Code::Limit`] with the flag that raises the limit. `what` is the
    /// subject of the headline, for example "the build of `msgpack`".
    pub fn within(&self, limits: &Limits, what: &str) -> Result<()> {
        const MIB: u64 = 1 << 20;
        let (code, text, hint) = match self.limit_hit {
            None => return Ok(()),
            Some(Limit::Time) => {
                let seconds = limits.time.as_secs();
                (Code::Timeout, format!("did not end in {seconds} s"), format!("--timeout {}", seconds * 2))
            }
            Some(Limit::Memory) => return Err(limits.out_of_memory(what)),
            Some(Limit::Processes) => {
                let count = limits.processes;
                (
                    Code::Limit,
                    format!("started more than {count} processes"),
                    format!("--processes {}", count * 2),
                )
            }
            Some(Limit::Disk) => {
                let mib = limits.disk / MIB;
                (Code::Limit, format!("wrote more than {mib} MiB of files"), format!("--disk {}M", mib * 2))
            }
        };
        Err(Error::new(code, format!("{what} {text}")).hint(format!("raise the limit with `{hint}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reaches_the_supervisor_as_it_is() {
        use std::os::unix::ffi::OsStringExt;
        let odd = OsString::from_vec(b"odd \xff".to_vec());
        let command = Command {
            program: "/bin/true".into(),
            args: vec![odd.clone()],
            env: BTreeMap::from([("A".into(), odd.clone()), (odd, "x=y".into())]),
            cwd: "/".into(),
            log: PathBuf::new(),
        };
        let there: Command = serde_json::from_slice(&serde_json::to_vec(&command).unwrap()).unwrap();
        assert_eq!(there.args, command.args);
        assert_eq!(there.env, command.env);
    }

    #[test]
    fn a_limit_becomes_an_error_that_names_the_flag() {
        let mut outcome =
            Outcome { status: Status::Signal(9), elapsed: Duration::ZERO, limit_hit: None, peak_memory: 0 };
        let limits = Limits { memory: 1 << 30, processes: 7, disk: 5 << 20, time: Duration::from_secs(3) };
        outcome.within(&limits, "the build").unwrap();
        for (limit, code, flag) in [
            (Limit::Memory, Code::Limit, "`--memory 2048M`"),
            (Limit::Processes, Code::Limit, "`--processes 14`"),
            (Limit::Disk, Code::Limit, "`--disk 10M`"),
            (Limit::Time, Code::Timeout, "`--timeout 6`"),
        ] {
            outcome.limit_hit = Some(limit);
            let error = outcome.within(&limits, "the build").unwrap_err();
            assert_eq!(error.code(), code);
            assert!(error.hints()[0].contains(flag), "{error} {:?}", error.hints());
        }
    }
}
