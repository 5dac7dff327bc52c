//! Which wheels an interpreter takes on a platform, and which it prefers (PEP 425, 600, 656).
//!
//! The order is that of pip and uv: `packaging.tags.cpython_tags` followed by `compatible_tags`. A
//! bare `linux_*` tag says nothing of the C library and is never in the list; who knows better adds
//! it ([`CompatibleTags::with_bare_linux`]).

use super::{Libc, MacMachine, MacOs, Platform, PythonVersion, Tag};

/// The first glibc minor of manylinux on the two machines that had it before 2.17 (PEP 513, PEP 571).
const FIRST_GLIBC_OF_X86: u32 = 5;
/// The same for every other machine (PEP 599).
const FIRST_GLIBC: u32 = 17;
/// The first minor whose stable ABI counts, as installers have it (PEP 384).
const FIRST_STABLE_ABI: u32 = 2;

/// The tags one interpreter takes on one platform, best first.
#[derive(Clone, Debug)]
pub struct CompatibleTags {
    /// (python, abi) of wheels with a platform.
    native: Vec<(String, String)>,
    /// The same for the platform `any`, after all of `native`.
    pure: Vec<(String, String)>,
    platforms: Vec<String>,
}

impl CompatibleTags {
    /// The tags of CPython `version` on `platform`.
    pub fn new(version: PythonVersion, platform: &Platform) -> Self {
        Self::of_platforms(version, platform_tags(platform))
    }

    /// The tags of CPython `version` on a system that takes these platform tags, best first.
    pub fn of_platforms(version: PythonVersion, platforms: Vec<String>) -> Self {
        let cp = version.interpreter_tag();
        let minor = version.minor;
        // Free-threaded builds have a stable ABI of their own (PEP 803).
        let stable = if version.free_threaded { "abi3t" } else { "abi3" };
        let mut native = vec![
            (cp.clone(), version.abi_tag()),
            (cp.clone(), stable.to_owned()),
            (cp.clone(), "none".to_owned()),
        ];
        native
            .extend((FIRST_STABLE_ABI..minor).rev().map(|minor| (format!("cp3{minor}"), stable.to_owned())));
        let generic: Vec<(String, String)> = std::iter::once(format!("py3{minor}"))
            .chain(["py3".to_owned()])
            .chain((0..minor).rev().map(|minor| format!("py3{minor}")))
            .map(|python| (python, "none".to_owned()))
            .collect();
        native.extend(generic.iter().cloned());
        let pure = std::iter::once((cp, "none".to_owned())).chain(generic).collect();
        Self { native, pure, platforms }
    }

    /// The same with `linux_MACHINE` after every other platform, for an interpreter whose C library
    /// such wheels were made for.
    #[must_use]
    pub fn with_bare_linux(mut self, machine: &str) -> Self {
        self.platforms.push(format!("linux_{machine}"));
        self
    }

    /// How well one tag fits, lower is better; `None` when it does not fit.
    pub fn rank(&self, tag: &Tag) -> Option<usize> {
        let find = |list: &[(String, String)]| {
            list.iter().position(|(python, abi)| *python == tag.python && *abi == tag.abi)
        };
        if tag.platform == "any" {
            return Some(self.native.len() * self.platforms.len() + find(&self.pure)?);
        }
        let platform = self.platforms.iter().position(|platform| *platform == tag.platform)?;
        Some(find(&self.native)? * self.platforms.len() + platform)
    }

    /// The best of the ranks of `tags`.
    pub fn best<'t>(&self, tags: impl IntoIterator<Item = &'t Tag>) -> Option<usize> {
        tags.into_iter().filter_map(|tag| self.rank(tag)).min()
    }

    /// Every tag, best first.
    pub fn iter(&self) -> impl Iterator<Item = Tag> {
        let tag = |(python, abi): &(String, String), platform: &str| Tag {
            python: python.clone(),
            abi: abi.clone(),
            platform: platform.to_owned(),
        };
        let native = self
            .native
            .iter()
            .flat_map(move |pair| self.platforms.iter().map(move |platform| tag(pair, platform)));
        native.chain(self.pure.iter().map(move |pair| tag(pair, "any")))
    }
}

/// The platform tags of `platform`, best first.
fn platform_tags(platform: &Platform) -> Vec<String> {
    match platform {
        Platform::MacOs(macos) => macos_tags(*macos),
        Platform::Linux(target) => {
            let machine = &target.arch.machine;
            match target.libc {
                Libc::Musl => (0..=super::MUSL.1)
                    .rev()
                    .map(|minor| format!("musllinux_{}_{minor}_{machine}", super::MUSL.0))
                    .collect(),
                Libc::Gnu { minor } => manylinux(machine, minor),
            }
        }
    }
}

/// manylinux tags down from glibc 2.`minor`, each perennial name after its number (PEP 600).
fn manylinux(machine: &str, minor: u32) -> Vec<String> {
    let first = if matches!(machine, "x86_64" | "i686") { FIRST_GLIBC_OF_X86 } else { FIRST_GLIBC };
    let mut out = Vec::new();
    for minor in (first..=minor).rev() {
        out.push(format!("manylinux_2_{minor}_{machine}"));
        let legacy = match minor {
            17 => "manylinux2014",
            12 => "manylinux2010",
            5 => "manylinux1",
            _ => continue,
        };
        out.push(format!("{legacy}_{machine}"));
    }
    out
}

/// macOS tags: every earlier version, and of each the thin format before the fat ones.
fn macos_tags(macos: MacOs) -> Vec<String> {
    let formats: &[&str] = match macos.machine {
        MacMachine::Arm64 => &["arm64", "universal2"],
        MacMachine::X86_64 => &["x86_64", "intel", "fat64", "fat32", "universal2", "universal"],
    };
    let mut out = Vec::new();
    let mut add = |major: u32, minor: u32, formats: &[&str]| {
        out.extend(formats.iter().map(|format| format!("macosx_{major}_{minor}_{format}")));
    };
    let (major, minor) = macos.version;
    for major in (11..=major).rev() {
        add(major, 0, formats);
    }
    // 10.16 is what 11 calls itself to old programs. A fat binary for arm64 may name an older system
    // for its other half.
    let newest = if major == 10 { minor } else { 16 };
    let old = if macos.machine == MacMachine::Arm64 { &["universal2"][..] } else { formats };
    for minor in (4..=newest).rev() {
        add(10, minor, old);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(version: &str, platform: &str) -> CompatibleTags {
        CompatibleTags::new(version.parse().unwrap(), &platform.parse().unwrap())
    }

    fn ascending(tags: &CompatibleTags, list: &[&str]) {
        let ranks: Vec<usize> = list.iter().map(|tag| tags.rank(&tag.parse().unwrap()).expect(tag)).collect();
        assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
    }

    #[test]
    fn better_tags_come_first_and_foreign_ones_not_at_all() {
        let tags = tags("3.11", "x86_64-linux-gnu.2.36");
        ascending(
            &tags,
            &[
                "cp311-cp311-manylinux_2_36_x86_64",
                "cp311-cp311-manylinux_2_17_x86_64",
                "cp311-cp311-manylinux2014_x86_64",
                "cp311-cp311-manylinux1_x86_64",
                "cp311-abi3-manylinux_2_28_x86_64",
                "cp311-none-manylinux_2_28_x86_64",
                "cp39-abi3-manylinux_2_28_x86_64",
                "py311-none-manylinux_2_28_x86_64",
                "py3-none-manylinux_2_28_x86_64",
                "py310-none-manylinux_2_28_x86_64",
                "cp311-none-any",
                "py311-none-any",
                "py3-none-any",
                "py39-none-any",
            ],
        );
        for foreign in [
            "cp311-cp311-linux_x86_64",
            "cp311-cp311-manylinux_2_39_x86_64",
            "cp311-cp311-musllinux_1_2_x86_64",
            "cp311-cp311-manylinux_2_17_aarch64",
            "cp310-cp310-manylinux_2_17_x86_64",
            "cp312-abi3-manylinux_2_17_x86_64",
            "cp313-cp313t-manylinux_2_17_x86_64",
            "cp311-cp311-macosx_11_0_universal2",
            "py2-none-any",
            "py312-none-any",
            "cp311-cp311-any",
            "pp311-none-any",
        ] {
            assert_eq!(tags.rank(&foreign.parse().unwrap()), None, "{foreign}");
        }
        let trusted = tags.with_bare_linux("x86_64");
        ascending(
            &trusted,
            &[
                "cp311-cp311-manylinux1_x86_64",
                "cp311-cp311-linux_x86_64",
                "cp311-abi3-manylinux_2_36_x86_64",
            ],
        );
    }

    #[test]
    fn musl_takes_its_older_levels_and_other_machines_begin_at_2_17() {
        ascending(
            &tags("3.12", "aarch64-linux-musl"),
            &["cp312-cp312-musllinux_1_2_aarch64", "cp312-cp312-musllinux_1_0_aarch64"],
        );
        let tags = tags("3.12", "aarch64-linux-gnu.2.17");
        assert_eq!(tags.platforms, ["manylinux_2_17_aarch64", "manylinux2014_aarch64"]);
    }

    #[test]
    fn free_threaded_builds_have_a_stable_abi_of_their_own() {
        let free = tags("3.15t", "x86_64-linux");
        assert!(free.rank(&"cp315-cp315t-manylinux_2_28_x86_64".parse().unwrap()).is_some());
        assert!(free.rank(&"cp315-abi3t-manylinux_2_28_x86_64".parse().unwrap()).is_some());
        assert!(free.rank(&"cp315-none-any".parse().unwrap()).is_some());
        for foreign in ["cp315-cp315-manylinux_2_28_x86_64", "cp39-abi3-manylinux_2_28_x86_64"] {
            assert_eq!(free.rank(&foreign.parse().unwrap()), None, "{foreign}");
        }
        let gil = tags("3.15", "x86_64-linux");
        assert_eq!(gil.rank(&"cp315-abi3t-manylinux_2_28_x86_64".parse().unwrap()), None);
    }

    #[test]
    fn macos_prefers_newer_systems_and_thin_binaries() {
        ascending(
            &tags("3.12", "aarch64-macos.14.0"),
            &[
                "cp312-cp312-macosx_14_0_arm64",
                "cp312-cp312-macosx_14_0_universal2",
                "cp312-cp312-macosx_11_0_arm64",
                "cp312-cp312-macosx_10_9_universal2",
            ],
        );
        let old = tags("3.12", "x86_64-macos.10.15");
        ascending(&old, &["cp312-cp312-macosx_10_15_x86_64", "cp312-cp312-macosx_10_9_x86_64"]);
        assert_eq!(old.rank(&"cp312-cp312-macosx_11_0_x86_64".parse().unwrap()), None);
        assert_eq!(
            tags("3.12", "aarch64-macos").rank(&"cp312-cp312-macosx_14_0_arm64".parse().unwrap()),
            None
        );
    }
}
