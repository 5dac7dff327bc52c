//! A machine with something to steal: secrets, services and a process, all made for the test.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use tempfile::TempDir;
use wheelbuild::process::{BUILD_HOME, Command, Interrupt, Isolation, Limits, Mount, Outcome, Sandbox};
use wheelbuild::process::{base_environment, run, set_supervisor};

/// Where the source is in namespaces.
const SOURCE: &str = "/build/src";

pub struct World {
    folder: TempDir,
    variables: BTreeMap<&'static str, String>,
    victim: Child,
    python: PathBuf,
    /// Open, and not closed when a program is started.
    _leaked: File,
    shared: tempfile::NamedTempFile,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.victim.kill();
        let _ = self.victim.wait();
    }
}

/// The supervisor; another path when these tests were copied for another user.
pub fn use_supervisor() {
    let given = std::env::var_os("WHEELBUILD_TEST_SUPERVISOR");
    set_supervisor(Path::new(&given.unwrap_or_else(|| env!("CARGO_BIN_EXE_wheelbuild").into())));
}

/// A Python that is there for every user of the machine, else the one on PATH.
fn python() -> PathBuf {
    let system = PathBuf::from("/usr/bin/python3");
    if system.exists() {
        return system;
    }
    let output = std::process::Command::new("python3")
        .args([
            "-c",
            "import os, sys; print(os.path.realpath(getattr(sys, '_base_executable', sys.executable)))",
        ])
        .output()
        .expect("the tests need a python3");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

fn plain(python: &Path, script: &str) -> String {
    let output = std::process::Command::new(python).args(["-c", script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn answer(mut stream: impl Write) {
    let _ = stream.write_all(b"secret");
}

impl World {
    pub fn new() -> Self {
        use_supervisor();
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["home/.ssh", "home/.aws", "cache", "environment", "victim", "sockets"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        for name in [
            "home/.ssh/id_ed25519",
            "home/.netrc",
            "home/.aws/credentials",
            "victim/file",
            "environment/module.py",
            "leaked",
        ] {
            fs::write(at(name), "secret").unwrap();
        }
        let python = python();

        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let abstract_name = format!("wheelbuild-test-{}", folder.path().display());
        let mut variables = BTreeMap::from([
            ("USER_HOME", at("home").display().to_string()),
            ("CACHE", at("cache").display().to_string()),
            ("ENVIRONMENT", at("environment").display().to_string()),
            ("VICTIM", at("victim").display().to_string()),
            ("SOCKETS", at("sockets").display().to_string()),
            ("ABSTRACT", abstract_name.clone()),
            ("TCP_PORT", tcp.local_addr().unwrap().port().to_string()),
            ("UDP_PORT", udp.local_addr().unwrap().port().to_string()),
            ("HARNESS_PID", std::process::id().to_string()),
        ]);

        std::thread::spawn(move || tcp.incoming().flatten().for_each(answer));
        std::thread::spawn(move || {
            while let Ok((_, from)) = udp.recv_from(&mut [0; 16]) {
                let _ = udp.send_to(b"secret", from);
            }
        });
        let listeners = [
            UnixListener::bind_addr(&SocketAddr::from_abstract_name(&abstract_name).unwrap()).unwrap(),
            UnixListener::bind(at("sockets/docker.sock")).unwrap(),
            UnixListener::bind(at("sockets/agent.1")).unwrap(),
        ];
        for listener in listeners {
            std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
        }

        let victim = std::process::Command::new("/bin/sleep").arg("600").spawn().unwrap();
        variables.insert("VICTIM_PID", victim.id().to_string());
        let keyring = "import ctypes, os; print(ctypes.CDLL(None).syscall({'x86_64': 250, 'aarch64': 219}[os.uname().machine], 0, -3, 0))";
        variables.insert("KEYRING", plain(&python, keyring));
        variables.insert("SESSION", plain(&python, "import os; print(os.getsid(0))"));
        let interfaces = "import socket; print(','.join(n for _, n in socket.if_nameindex()))";
        variables.insert("INTERFACES", plain(&python, interfaces));
        let mut shared = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
        shared.write_all(b"secret").unwrap();
        variables.insert("SHM", shared.path().display().to_string());

        let leaked = File::open(at("leaked")).unwrap();
        rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
        Self { folder, variables, victim, python, _leaked: leaked, shared }
    }

    /// Limits that a test machine survives.
    pub fn limits() -> Limits {
        Limits { memory: 512 << 20, processes: 64, disk: 256 << 20, time: Duration::from_secs(60) }
    }

    /// Runs `script` as a setup.py in a fresh source folder. Gives how it ended, what it printed,
    /// and that folder.
    pub fn attempt(&self, isolation: Isolation, limits: &Limits, script: &str) -> (Outcome, String, TempDir) {
        let source = tempfile::tempdir_in(self.folder.path()).unwrap();
        fs::write(source.path().join("setup.py"), include_str!("prelude.py")).unwrap();
        fs::write(source.path().join("attempt.py"), script).unwrap();
        // Nothing mounted twice or replaced: an attempt must not change the next one's world.
        fs::set_permissions(
            self.folder.path().join("environment/module.py"),
            fs::Permissions::from_mode(0o644),
        )
        .unwrap();
        let (place, home, tmp) = if isolation.moves_paths() {
            (PathBuf::from(SOURCE), PathBuf::from(BUILD_HOME), PathBuf::from("/tmp"))
        } else {
            (source.path().to_owned(), source.path().to_owned(), source.path().to_owned())
        };
        let mut sandbox = Sandbox::new(isolation)
            .mount(Mount::at(source.path(), &place).writable())
            .mount(Mount::here(self.folder.path().join("environment")));
        sandbox.limits = limits.clone();
        if !self.python.starts_with("/usr") {
            sandbox = sandbox.mount(Mount::here(self.python.ancestors().nth(2).unwrap()));
        }
        let mut env = base_environment("/usr/bin:/bin", &home, &tmp, 0);
        for (name, value) in &self.variables {
            env.insert(OsString::from(format!("WORLD_{name}")), value.into());
        }
        let log = tempfile::NamedTempFile::new().unwrap();
        let command = Command {
            program: self.python.clone(),
            args: vec!["setup.py".into()],
            env,
            cwd: place,
            log: log.path().to_owned(),
        };
        let outcome = run(&command, &sandbox, &Interrupt::new().unwrap()).unwrap();
        (outcome, fs::read_to_string(log.path()).unwrap(), source)
    }

    /// Panics when something of the world was changed, or its process was hurt.
    pub fn assert_unharmed(&mut self) {
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap();
        assert_eq!(read("victim/file"), "secret");
        assert_eq!(read("environment/module.py"), "secret");
        let names = |name: &str| fs::read_dir(self.folder.path().join(name)).unwrap().count();
        assert_eq!((names("victim"), names("cache"), names("environment")), (1, 0, 1));
        assert_eq!(fs::read_to_string(self.shared.path()).unwrap(), "secret");
        assert!(self.victim.try_wait().unwrap().is_none(), "the other process was ended");
    }
}
