//! What the tests of the real binary share: a folder to work in, tiny sdists, a run and what it said.
//!
//! Tools, kits and environments lie in one cache for all tests (`WHEELBUILD_CACHE_DIR`, else
//! `target/test/cache`), so that they are fetched and made once.

#![allow(dead_code, reason = "each test program uses its own part")]

pub mod answering;
pub mod house;
pub mod live;
pub mod scene;
pub mod server;
pub mod source;
pub mod store;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// A target that no build machine of the tests is.
pub const TARGET: &str = "aarch64-linux-gnu.2.28";

/// Prints why a test does not run here.
pub fn skip(reason: &str) {
    println!("SKIP: {reason}");
}

/// The cache that all tests share.
pub fn shared_cache() -> PathBuf {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE
        .get_or_init(|| {
            let place = std::env::var_os("WHEELBUILD_CACHE_DIR").map_or_else(
                || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test/cache"),
                PathBuf::from,
            );
            fs::create_dir_all(&place).unwrap();
            fs::canonicalize(place).unwrap()
        })
        .clone()
}

/// The shared cache with every pinned tool in it.
pub fn cache_with_tools() -> PathBuf {
    static FETCHED: OnceLock<()> = OnceLock::new();
    FETCHED.get_or_init(|| {
        let room = Room::new();
        room.wheelbuild(["toolchain", "fetch", "-q"]).ran().succeeded();
    });
    shared_cache()
}

/// A folder to stand in, with a home of its own, removed at the end.
pub struct Room {
    folder: tempfile::TempDir,
    cache: PathBuf,
}

impl Room {
    /// A room that uses the shared cache.
    pub fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        // Ends the search for a configuration file.
        fs::create_dir(folder.path().join(".git")).unwrap();
        Self { folder, cache: shared_cache() }
    }

    /// A room with a cache of its own that starts with the tools, kits and packages of the shared one.
    pub fn with_own_cache() -> Self {
        let shared = cache_with_tools();
        let mut room = Self::new();
        room.cache = room.path().join("cache");
        fs::create_dir(&room.cache).unwrap();
        for folder in ["tools", "kits", "uv"] {
            fs::create_dir_all(shared.join(folder)).unwrap();
            std::os::unix::fs::symlink(shared.join(folder), room.cache.join(folder)).unwrap();
        }
        room
    }

    /// A room with a cache that has nothing in it.
    pub fn with_empty_cache() -> Self {
        let mut room = Self::new();
        room.cache = room.path().join("cache");
        room
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn cache(&self) -> &Path {
        &self.cache
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// Writes `name`, with the folders above it.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// The binary, standing in the room, with the arguments `words` and none of the user's settings
    /// but those of the index.
    pub fn wheelbuild<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelbuild"));
        command.args(words).current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WHEELBUILD_") {
                command.env_remove(name);
            }
        }
        for name in [
            "GITHUB_ACTIONS",
            "GITLAB_CI",
            "NO_COLOR",
            "CLICOLOR_FORCE",
            "SOURCE_DATE_EPOCH",
            "XDG_CONFIG_HOME",
            "CC",
            "CXX",
        ] {
            command.env_remove(name);
        }
        command.env("WHEELBUILD_CACHE_DIR", &self.cache).env("XDG_CONFIG_HOME", self.join("home/.config"));
        Run { command }
    }

    /// `build SDIST --target T -o out`.
    pub fn build(&self, sdist: &Path, target: &str) -> Run {
        self.wheelbuild([OsStr::new("build"), sdist.as_os_str()]).args(["--target", target, "-o", "out"])
    }

    /// The names in `folder`, sorted; nothing when it is not there.
    pub fn names(&self, folder: &str) -> Vec<String> {
        names(&self.join(folder))
    }
}

/// The names in `folder`, sorted; nothing when it is not there.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A run that is being put together.
pub struct Run {
    pub command: Command,
}

impl Run {
    pub fn args<S: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.command.args(words);
        self
    }

    pub fn arg(self, word: impl AsRef<OsStr>) -> Self {
        self.args([word])
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn stand_in(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it to its end.
    pub fn ran(mut self) -> Ran {
        Ran::of(self.command.output().unwrap())
    }
}

/// How a run ended and what it said.
#[derive(Debug)]
pub struct Ran {
    /// None when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// It ended with `code`, and its one error has the class `error` (`WB0403`). Whatever failed, a
    /// bug of ours was not it.
    #[track_caller]
    pub fn failed(self, code: i32, error: &str) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        assert!(self.stderr.contains(&format!("error[{error}]:")), "no {error}\n{self}");
        assert!(!self.stderr.contains("panicked") && !self.stderr.contains("WB0970"), "{self}");
        self
    }

    /// Standard error has `text` in it.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "it does not say `{text}`\n{self}");
        self
    }

    /// A line of standard error that starts with `hint:` has `text` in it.
    #[track_caller]
    pub fn hints(self, text: &str) -> Self {
        let hint = self.stderr.lines().any(|line| line.starts_with("hint: ") && line.contains(text));
        assert!(hint, "no hint says `{text}`\n{self}");
        self
    }

    /// A deciding line of a log (`  | …`) has `text` in it.
    #[track_caller]
    pub fn shows(self, text: &str) -> Self {
        let shown = self.stderr.lines().any(|line| line.starts_with("  | ") && line.contains(text));
        assert!(shown, "no line of the log says `{text}`\n{self}");
        self
    }

    /// Standard output is one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }

    /// The paths on standard output, seen from `room`.
    #[track_caller]
    pub fn wheels(&self, room: &Room) -> Vec<PathBuf> {
        self.stdout.lines().map(|line| room.join(line)).collect()
    }

    /// The one wheel that was built.
    #[track_caller]
    pub fn wheel(&self, room: &Room) -> PathBuf {
        let mut wheels = self.wheels(room);
        assert_eq!(wheels.len(), 1, "{self}");
        wheels.remove(0)
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, stdout, stderr } = self;
        write!(f, "ended with {code:?}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}

/// The sha256 of a file, as `sha256sum` prints it.
pub fn sha256(path: &Path) -> String {
    sha256_of(&fs::read(path).unwrap())
}

/// The sha256 of `data` in hexadecimal.
pub fn sha256_of(data: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A member of a zip archive.
pub fn member(archive: &Path, name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(fs::File::open(archive).unwrap()).unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_name(name).unwrap(), &mut bytes).unwrap();
    bytes
}

/// The names of the members of a zip archive, in order.
pub fn members(archive: &Path) -> Vec<String> {
    let archive = zip::ZipArchive::new(fs::File::open(archive).unwrap()).unwrap();
    archive.file_names().map(|name| name.unwrap().into_owned()).collect()
}

/// Whether this process is root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether `program` is on PATH.
pub fn has(program: &str) -> bool {
    which::which(program).is_ok()
}
