//! What a wheel is built for: machine, C library with its floor, Python version.
//!
//! The facts about machines are data (`toolchains/targets.toml`); this module reads spellings and
//! answers questions about a target. It knows nothing about compilers or files.

mod arch;
mod compatible;
mod parse;
mod platform;
mod python;
mod tags;

pub use arch::{Arch, Endian};
pub use compatible::CompatibleTags;
pub use platform::{MacMachine, MacOs, Platform};
pub use python::{Interpreter, PythonVersion};
pub use tags::{PlatformTag, Tag};

use std::fmt;

/// The upper bound of glibc when a target names none.
pub const DEFAULT_GLIBC_MINOR: u32 = 28;

/// What `uname` says of the target besides its machine: host name, release and version of the kernel. The same
/// for everybody: the build machine's own would be a difference between two builds.
pub const KERNEL: [&str; 3] = ["localhost", "5.10.0", "#1 SMP"];

/// The one musl line wheels are built for (PEP 656).
pub const MUSL: (u32, u32) = (1, 2);

/// A C library and the lowest version of it that the result may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Libc {
    /// glibc 2.`minor`
    Gnu { minor: u32 },
    /// musl 1.2
    Musl,
}

impl Libc {
    /// `gnu` or `musl`, as triples spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gnu { .. } => "gnu",
            Self::Musl => "musl",
        }
    }

    /// `glibc 2.28` or `musl 1.2`, as people say it.
    pub fn describe(self) -> String {
        match self {
            Self::Gnu { minor } => format!("glibc 2.{minor}"),
            Self::Musl => "musl 1.2".to_owned(),
        }
    }
}

/// A machine and the C library a wheel may rely on there.
///
/// ```
/// use wheelbuild::target::Target;
/// let target: Target = "manylinux_2_17_aarch64".parse().unwrap();
/// assert_eq!(target.to_string(), "aarch64-linux-gnu.2.17");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    pub arch: &'static Arch,
    pub libc: Libc,
}

impl Target {
    /// The canonical spelling without the floor: `aarch64-linux-gnu`, `armv7l-linux-musl`.
    pub fn family(&self) -> String {
        format!("{}-linux-{}", self.arch.machine, self.libc.name())
    }

    /// Clang's triple: `aarch64-linux-gnu`, `armv7-linux-musleabihf`.
    pub fn clang_triple(&self) -> String {
        self.in_libc(&self.arch.clang)
    }

    /// zig's triple with the glibc version: `aarch64-linux-gnu.2.28`, `x86_64-linux-musl`.
    pub fn zig_triple(&self) -> String {
        let triple = self.in_libc(&self.arch.zig);
        match self.libc {
            Libc::Gnu { minor } => format!("{triple}.2.{minor}"),
            Libc::Musl => triple,
        }
    }

    /// The Rust triple.
    pub fn rust_triple(&self) -> String {
        self.arch.rust.replace("{libc}", self.libc.name())
    }

    /// The multiarch triplet of the platform: `aarch64-linux-gnu`. What a CPython goes by there is
    /// [`PythonVersion::multiarch`].
    pub fn multiarch(&self) -> String {
        self.arch.multiarch.replace("{libc}", self.libc.name())
    }

    /// The `--host` of configure scripts.
    pub fn gnu_triple(&self) -> String {
        self.clang_triple()
    }

    /// File name of the program loader, without folder.
    pub fn loader(&self) -> String {
        match self.libc {
            Libc::Gnu { .. } => self.arch.loader.clone(),
            Libc::Musl => format!("ld-musl-{}.so.1", self.arch.musl_arch),
        }
    }

    /// The OCI platform: `linux/arm64`, `linux/arm/v7`.
    pub fn oci_platform(&self) -> String {
        match &self.arch.oci_variant {
            Some(variant) if self.arch.oci == "arm" => format!("linux/{}/{variant}", self.arch.oci),
            _ => format!("linux/{}", self.arch.oci),
        }
    }

    /// What `sysconfig.get_platform()` says there: `linux-aarch64`.
    pub fn python_platform(&self) -> String {
        format!("linux-{}", self.arch.machine)
    }

    fn in_libc(&self, gnu_triple: &str) -> String {
        match self.libc {
            Libc::Gnu { .. } => gnu_triple.to_owned(),
            Libc::Musl => gnu_triple.replace("-gnu", "-musl"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.family())?;
        match self.libc {
            Libc::Gnu { minor } => write!(f, ".2.{minor}"),
            Libc::Musl => Ok(()),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

impl serde::Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
