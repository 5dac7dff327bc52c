//! Which wheels the build interpreter takes, and which it prefers (PEP 425, 600, 656).

use crate::python::interpreter::BuildPython;
use crate::target::{Arch, CompatibleTags, Libc, MacMachine, MacOs, Platform, PythonVersion, Target};
use crate::wheel::WheelFileName;

/// The newest macOS that wheels are tagged for; a wheel for a newer one than the machine's is the
/// resolver's business, which knows the machine.
const NEWEST_MACOS: u32 = 26;

/// What one interpreter on one machine takes, preferred first.
#[derive(Clone, Debug)]
pub struct BuildTags(CompatibleTags);

impl BuildTags {
    /// The tags of CPython `version` where `sysconfig.get_platform()` says `platform`
    /// (`linux-x86_64`) and the C library is `libc`.
    pub fn new(version: PythonVersion, platform: &str, libc: Option<Libc>) -> Self {
        let (system, machine) = platform.split_once('-').unwrap_or((platform, ""));
        let known = match (system, libc, Arch::find(machine)) {
            ("macosx", ..) => Some(macos(machine)),
            (_, Some(libc), Some(arch)) => Some(Platform::Linux(Target { arch, libc })),
            _ => None,
        };
        let tags = match &known {
            Some(platform) => CompatibleTags::new(version, platform),
            None => CompatibleTags::of_platforms(version, Vec::new()),
        };
        // A wheel made for this very machine, for example by the user's own index.
        Self(if system == "linux" { tags.with_bare_linux(&machine.replace(['-', '.'], "_")) } else { tags })
    }

    /// The tags of `python` on the machine it runs on.
    pub fn of(python: &BuildPython) -> Self {
        Self::new(python.version, &python.platform, python.libc)
    }

    /// How well a wheel fits, lower is better; `None` when it does not.
    pub fn rank(&self, wheel: &WheelFileName) -> Option<usize> {
        self.0.best(&wheel.tags().expand())
    }

    /// The best tag, for people: `cp311-cp311-manylinux_2_36_x86_64` and lesser ones.
    pub fn describe(&self) -> String {
        let best = self.0.iter().next().map_or_else(String::new, |tag| tag.to_string());
        format!("{best} and what it is compatible with")
    }
}

/// `rest` is `11.0-arm64` or `10.9-universal2`.
fn macos(rest: &str) -> Platform {
    let name = match rest.rsplit('-').next() {
        Some("universal2") | None => std::env::consts::ARCH,
        Some(machine) => machine,
    };
    let machine = if matches!(name, "arm64" | "aarch64") { MacMachine::Arm64 } else { MacMachine::X86_64 };
    Platform::MacOs(MacOs { machine, version: (NEWEST_MACOS, 0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(version: &str, platform: &str, libc: Option<Libc>) -> BuildTags {
        BuildTags::new(version.parse().unwrap(), platform, libc)
    }

    fn rank(tags: &BuildTags, tag: &str) -> Option<usize> {
        tags.rank(&format!("a-1-{tag}.whl").parse().unwrap())
    }

    #[test]
    fn better_tags_come_first_and_foreign_ones_not_at_all() {
        let tags = tags("3.11", "linux-x86_64", Some(Libc::Gnu { minor: 36 }));
        let best_first = [
            "cp311-cp311-manylinux_2_36_x86_64",
            "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
            "cp311-cp311-manylinux1_x86_64",
            "cp311-cp311-linux_x86_64",
            "cp311-abi3-manylinux_2_28_x86_64",
            "cp39-abi3-manylinux_2_28_x86_64",
            "py3-none-manylinux_2_28_x86_64",
            "cp311-none-any",
            "py2.py3-none-any",
            "py39-none-any",
        ];
        let ranks: Vec<usize> = best_first.iter().map(|tag| rank(&tags, tag).unwrap()).collect();
        assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
        for foreign in [
            "cp311-cp311-manylinux_2_39_x86_64",
            "cp311-cp311-musllinux_1_2_x86_64",
            "cp311-cp311-manylinux_2_17_aarch64",
            "cp310-cp310-manylinux_2_17_x86_64",
            "cp312-abi3-manylinux_2_17_x86_64",
            "cp313-cp313t-manylinux_2_17_x86_64",
            "py2-none-any",
            "py312-none-any",
            "cp311-cp311-any",
        ] {
            assert_eq!(rank(&tags, foreign), None, "{foreign}");
        }
    }

    #[test]
    fn free_threaded_builds_take_no_plain_stable_abi() {
        let tags = tags("3.13t", "linux-aarch64", Some(Libc::Musl));
        assert!(rank(&tags, "cp313-cp313t-musllinux_1_2_aarch64").is_some());
        assert!(rank(&tags, "cp313-none-any").is_some());
        assert_eq!(rank(&tags, "cp313-cp313-musllinux_1_2_aarch64"), None);
        assert_eq!(rank(&tags, "cp39-abi3-musllinux_1_1_aarch64"), None);
    }

    #[test]
    fn macos_is_a_build_machine_too() {
        let tags = tags("3.12", "macosx-11.0-arm64", None);
        assert!(rank(&tags, "cp312-cp312-macosx_11_0_arm64").is_some());
        assert!(rank(&tags, "cp312-cp312-macosx_12_0_universal2").is_some());
        assert_eq!(rank(&tags, "cp312-cp312-macosx_10_9_x86_64"), None);
    }
}
