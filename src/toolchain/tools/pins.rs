//! The table of pinned tools and the host they run on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::cache::Digest;
use crate::report::{Code, Error, Result};

/// A pinned tool: one version of one package.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// `zig`.
    pub name: String,
    /// The name on the index.
    pub package: String,
    pub version: String,
    /// What it is for, in one sentence.
    pub why: String,
    /// The program, below the unpacked folder.
    pub program: String,
    /// Wheel members to unpack → their names then; folders end with a slash. `{version}` stands for
    /// the version.
    keep: BTreeMap<String, String>,
    #[serde(rename = "file")]
    files: Vec<PinnedFile>,
}

/// The wheel of a tool for one kind of machine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedFile {
    /// `x86_64-linux-gnu`, `aarch64-macos`.
    pub host: String,
    pub name: String,
    pub sha256: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    tool: Vec<Pin>,
}

static TABLE: LazyLock<Vec<Pin>> = LazyLock::new(|| {
    let text = include_str!("../../../toolchains/tools.toml");
    // A test reads the whole table, so it parses.
    toml::from_str::<Table>(text).expect("toolchains/tools.toml is well-formed").tool
});

impl Pin {
    /// Every pinned tool.
    pub fn all() -> &'static [Pin] {
        &TABLE
    }

    /// The tool called `name`.
    ///
    /// # Errors
    /// [`Code::Usage`] with the names there are.
    pub fn named(name: &str) -> Result<&'static Pin> {
        Self::all().iter().find(|pin| pin.name == name).ok_or_else(|| {
            let names: Vec<String> = Self::all().iter().map(|pin| format!("`{}`", pin.name)).collect();
            Error::new(Code::Usage, format!("no tool is called `{name}`"))
                .hint(format!("there are {}", names.join(" and ")))
        })
    }

    /// The wheel for `host`.
    ///
    /// # Errors
    /// [`Code::ToolMissing`] when there is none.
    pub fn file(&self, host: &str) -> Result<&PinnedFile> {
        self.files.iter().find(|file| file.host == host).ok_or_else(|| {
            let Pin { name, version, .. } = self;
            Error::new(Code::ToolMissing, format!("{name} {version} is not published for `{host}`"))
                .hint(format!("give your own: `--{name} /path/to/{name}`"))
        })
    }

    /// What a wheel member is called when unpacked; `None` when it is left out.
    pub(super) fn place_of(&self, member: &str) -> Option<String> {
        self.keep.iter().find_map(|(from, to)| {
            let from = from.replace("{version}", &self.version);
            match from.ends_with('/') {
                true => member.strip_prefix(&from).map(|rest| format!("{to}{rest}")),
                false => (member == from).then(|| to.clone()),
            }
        })
    }
}

/// The kind of machine we run on, as the table spells it.
pub fn host() -> String {
    let machine = match std::env::consts::ARCH {
        "x86" => "i686",
        "arm" => "armv7l",
        "powerpc64" => "ppc64le",
        other => other,
    };
    match std::env::consts::OS {
        "linux" => format!("{machine}-linux-{}", libc_of(Path::new("/"))),
        other => format!("{machine}-{other}"),
    }
}

/// `gnu` or `musl`, told by the loader that is there: this program itself is static and may run on
/// a system of either kind.
fn libc_of(root: &Path) -> &'static str {
    let loaders = ["lib", "lib64"].iter().flat_map(|folder| std::fs::read_dir(root.join(folder)));
    let names = loaders.flat_map(|entries| entries.flatten().map(|entry| entry.file_name()));
    let (mut gnu, mut musl) = (false, false);
    for name in names {
        let name = name.to_string_lossy();
        musl |= name.starts_with("ld-musl-");
        gnu |= name.starts_with("ld-linux") || (name.starts_with("ld64.so") || name == "ld.so.1");
    }
    // A glibc system may have musl besides, and a musl system a stand-in for glibc's loader; what
    // runs on both is the static build for musl.
    if gnu && !musl { "gnu" } else { "musl" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_whole() {
        for pin in Pin::all() {
            assert!(!pin.why.is_empty() && pin.keep.values().any(|place| *place == pin.program), "{pin:?}");
            let mut hosts = std::collections::HashSet::new();
            for file in &pin.files {
                assert!(hosts.insert(&file.host), "{} twice", file.host);
                assert!(file.name.starts_with(&format!("{}-{}-", pin.package, pin.version)), "{file:?}");
                assert!(file.name.ends_with(".whl"), "{file:?}");
            }
            for host in ["x86_64-linux-gnu", "x86_64-linux-musl", "aarch64-linux-gnu", "aarch64-macos"] {
                pin.file(host).unwrap();
            }
        }
    }

    #[test]
    fn members_find_their_place() {
        let zig = Pin::named("zig").unwrap();
        assert_eq!(zig.place_of("ziglang/zig").as_deref(), Some("zig"));
        assert_eq!(zig.place_of("ziglang/lib/std/a.zig").as_deref(), Some("lib/std/a.zig"));
        assert_eq!(zig.place_of("ziglang/__main__.py"), None);
        let uv = Pin::named("uv").unwrap();
        let member = format!("uv-{}.data/scripts/uv", uv.version);
        assert_eq!(uv.place_of(&member).as_deref(), Some("uv"));
    }

    #[test]
    fn what_is_not_there_says_what_to_do() {
        let error = Pin::named("uv").unwrap().file("sparc-solaris").unwrap_err();
        assert_eq!(error.code(), Code::ToolMissing);
        assert!(error.hints()[0].contains("--uv"), "{error:?}");
        assert_eq!(Pin::named("zag").unwrap_err().code(), Code::Usage);
    }

    #[test]
    fn the_loader_tells_the_c_library() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(libc_of(root.path()), "musl");
        std::fs::create_dir(root.path().join("lib64")).unwrap();
        std::fs::write(root.path().join("lib64/ld-linux-x86-64.so.2"), "").unwrap();
        assert_eq!(libc_of(root.path()), "gnu");
        std::fs::create_dir(root.path().join("lib")).unwrap();
        std::fs::write(root.path().join("lib/ld-musl-x86_64.so.1"), "").unwrap();
        assert_eq!(libc_of(root.path()), "musl");
    }
}
