//! The Rust toolchain that is pinned: Debian's, for machines that have none for the target.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::RustToolchain;
use super::project::newer;
use crate::apt::{Packages, Pinned, read_table};
use crate::cache::{Cache, Digest};
use crate::report::{Error, Report, Result};
use crate::target::{Libc, Target};

/// The folder of the cache with toolchains joined from packages.
const FOLDER: &str = "rust";

/// The package with a standard library.
const LIBRARY: &str = "libstd-rust-dev";

static PINS: LazyLock<Vec<Pinned>> = LazyLock::new(|| {
    let text = include_str!("../../../toolchains/rust.tsv");
    // A test reads the whole table.
    read_table(text).expect("toolchains/rust.tsv is well-formed")
});

/// What is pinned for one target on this kind of build machine.
#[derive(Clone, Debug)]
pub struct Provided {
    host: Vec<&'static Pinned>,
    library: &'static Pinned,
    /// `1.97.1`.
    pub release: String,
}

impl Provided {
    /// The toolchain for `target`; None when none is pinned for this machine or the target, or it is
    /// older than `rust_version`.
    pub fn of(target: &Target, rust_version: Option<&str>) -> Option<Self> {
        let host = match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => "amd64",
            ("linux", "aarch64") => "arm64",
            _ => return None,
        };
        Self::on(host, target, rust_version)
    }

    /// The same on a build machine that Debian calls `host`.
    fn on(host: &str, target: &Target, rust_version: Option<&str>) -> Option<Self> {
        // Debian's standard libraries are for its own C library.
        let Libc::Gnu { .. } = target.libc else { return None };
        let pins = |architecture: &str| -> Vec<&'static Pinned> {
            PINS.iter().filter(|pin| pin.architecture == architecture).collect()
        };
        let library = pins(&target.arch.debian).into_iter().find(|pin| pin.package == LIBRARY)?;
        let host = pins(host);
        let compiler = host.iter().find(|pin| pin.package == "rustc")?;
        let release = compiler.version.split(['+', '-', '~']).next().unwrap_or_default().to_owned();
        (!newer(rust_version, Some(&release))).then_some(Self { host, library, release })
    }

    /// What tells its output from another toolchain's; the same on every build machine.
    pub fn digest(&self) -> Digest {
        Digest::of(format!("{} {}", self.release, self.library.sha256))
    }

    /// The toolchain, fetched and unpacked if it is not here.
    ///
    /// # Errors
    /// As [`Packages::file`]; those of [`RustToolchain::at`].
    pub fn get(&self, packages: &Packages<'_>, cache: &Cache, report: &Report) -> Result<RustToolchain> {
        let mut name: Vec<String> = self.host.iter().map(|pin| pin.sha256.to_string()).collect();
        name.push(self.library.sha256.to_string());
        let name = Digest::of(name.join("\n")).to_string();
        let root = cache.made_once(FOLDER, &name[..32], report, |place| {
            let (host, library) = report.phase("Rust", "fetch", || -> Result<(PathBuf, PathBuf)> {
                Ok((packages.tree(&self.host)?, packages.tree(&[self.library])?))
            })?;
            // Documents apart, which packages of two machines have under one name.
            for folder in ["usr/bin", "usr/lib", "usr/lib64", "usr/libexec", "lib", "lib64"] {
                join(&host.join(folder), &place.join(folder))?;
            }
            join(&library.join("usr/lib/rustlib"), &place.join("usr/lib/rustlib"))
        })?;
        let mut toolchain = RustToolchain::at(&root)?;
        toolchain.pinned = Some(self.digest());
        Ok(toolchain)
    }
}

/// Adds the tree `from` to `to`: files as further names of the same, where the file system can.
fn join(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() || from.is_symlink() {
        return Ok(());
    }
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.map_err(|error| Error::io("read", from, &error.into()))?;
        let place = to.join(entry.path().strip_prefix(from).unwrap_or(Path::new("")));
        let failed = |error: std::io::Error| Error::io("make", &place, &error);
        let kind = entry.file_type();
        if kind.is_dir() {
            fs::create_dir_all(&place).map_err(failed)?;
        } else if place.symlink_metadata().is_ok() {
            // The same file of the same package.
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path()).map_err(failed)?;
            std::os::unix::fs::symlink(target, &place).map_err(failed)?;
        } else if fs::hard_link(entry.path(), &place).is_err() {
            fs::copy(entry.path(), &place).map_err(failed)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_one_toolchain() {
        let versions: std::collections::BTreeSet<&str> = PINS
            .iter()
            .filter(|pin| pin.package == LIBRARY || pin.package == "rustc")
            .map(|pin| pin.version.as_str())
            .collect();
        assert_eq!(versions.len(), 1, "rustc and every standard library must be of one build: {versions:?}");
        for host in ["amd64", "arm64"] {
            for package in ["rustc", "cargo", LIBRARY, "libc6", "libgcc-s1"] {
                assert!(
                    PINS.iter().any(|pin| pin.package == package && pin.architecture == host),
                    "{package} {host}"
                );
            }
        }
        let mut seen = std::collections::HashSet::new();
        assert!(PINS.iter().all(|pin| seen.insert((&pin.package, &pin.architecture))));
    }

    #[test]
    fn glibc_targets_have_one_and_the_rest_a_refusal() {
        for target in [
            "x86_64-linux",
            "aarch64-linux",
            "armv7-linux",
            "i686-linux",
            "ppc64le-linux",
            "s390x-linux",
            "riscv64-linux",
        ] {
            let provided = Provided::on("amd64", &target.parse().unwrap(), Some("1.85")).unwrap();
            assert_eq!(provided.library.package, LIBRARY, "{target}");
        }
        assert!(Provided::on("amd64", &"x86_64-linux-musl".parse().unwrap(), None).is_none());
        assert!(Provided::on("amd64", &"x86_64-linux".parse().unwrap(), Some("7.0")).is_none());
        assert!(Provided::on("sparc", &"x86_64-linux".parse().unwrap(), None).is_none());
    }

    #[test]
    fn the_digest_is_the_same_from_every_build_machine() {
        let target = "s390x-linux".parse().unwrap();
        let digest = |host: &str| Provided::on(host, &target, None).unwrap().digest();
        assert_eq!(digest("amd64"), digest("arm64"));
    }

    #[test]
    fn trees_are_joined_with_their_links() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        fs::create_dir_all(one.join("a")).unwrap();
        fs::write(one.join("a/file"), "x").unwrap();
        std::os::unix::fs::symlink("file", one.join("a/link")).unwrap();
        join(&one, &two).unwrap();
        join(&one, &two).unwrap();
        join(&folder.path().join("none"), &two).unwrap();
        assert_eq!(fs::read_to_string(two.join("a/link")).unwrap(), "x");
    }
}
