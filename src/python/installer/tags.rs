//! Which wheels the build interpreter takes, and which it prefers (PEP 425, 600, 656).

use crate::python::interpreter::BuildPython;
use crate::target::{Libc, PythonVersion};
use crate::wheel::WheelFileName;

/// The newest macOS that wheels are tagged for; a wheel for a newer one than the machine's is the
/// resolver's business, which knows the machine.
const NEWEST_MACOS: u32 = 26;

/// What one interpreter on one machine takes, preferred first.
#[derive(Clone, Debug)]
pub struct BuildTags {
    /// (python, abi) for wheels with binaries.
    native: Vec<(String, String)>,
    /// The same for wheels without, after all of `native`.
    pure: Vec<(String, String)>,
    platforms: Vec<String>,
}

impl BuildTags {
    /// The tags of CPython `version` where `sysconfig.get_platform()` says `platform`
    /// (`linux-x86_64`) and the C library is `libc`.
    pub fn new(version: PythonVersion, platform: &str, libc: Option<Libc>) -> Self {
        let cp = version.interpreter_tag();
        let abi = version.abi_tag();
        let minor = version.minor;
        let mut native = vec![(cp.clone(), abi)];
        let stable = |abi: &str, minors: &mut dyn Iterator<Item = u32>| -> Vec<(String, String)> {
            minors.map(|minor| (format!("cp3{minor}"), abi.to_owned())).collect()
        };
        if version.free_threaded {
            // PEP 803: the stable ABI of free-threaded builds begins with 3.15.
            native.extend(stable("abi3t", &mut (15..=minor).rev()));
            native.push((cp.clone(), "none".to_owned()));
        } else {
            native.push((cp.clone(), "abi3".to_owned()));
            native.push((cp.clone(), "none".to_owned()));
            native.extend(stable("abi3", &mut (2..minor).rev()));
        }
        let generic: Vec<(String, String)> = std::iter::once(format!("py3{minor}"))
            .chain(["py3".to_owned()])
            .chain((0..minor).rev().map(|minor| format!("py3{minor}")))
            .map(|python| (python, "none".to_owned()))
            .collect();
        native.extend(generic.iter().cloned());
        let pure = std::iter::once((cp, "none".to_owned())).chain(generic).collect();
        Self { native, pure, platforms: platforms(platform, libc) }
    }

    /// The tags of `python` on the machine it runs on.
    pub fn of(python: &BuildPython) -> Self {
        Self::new(python.version, &python.platform, python.libc)
    }

    /// How well a wheel fits, lower is better; `None` when it does not.
    pub fn rank(&self, wheel: &WheelFileName) -> Option<usize> {
        let tags = wheel.tags().expand().into_iter();
        tags.filter_map(|tag| {
            let find = |list: &[(String, String)]| {
                list.iter().position(|(python, abi)| *python == tag.python && *abi == tag.abi)
            };
            if tag.platform == "any" {
                return Some(self.native.len() * self.platforms.len() + find(&self.pure)?);
            }
            let platform = self.platforms.iter().position(|platform| *platform == tag.platform)?;
            Some(find(&self.native)? * self.platforms.len() + platform)
        })
        .min()
    }

    /// The best tag, for people: `cp311-cp311-manylinux_2_36_x86_64` and lesser ones.
    pub fn describe(&self) -> String {
        let (python, abi) = &self.native[0];
        format!("{python}-{abi}-{} and what it is compatible with", self.platforms[0])
    }
}

/// Platform tags, best first, never empty.
fn platforms(platform: &str, libc: Option<Libc>) -> Vec<String> {
    let (system, rest) = platform.split_once('-').unwrap_or((platform, ""));
    if system == "macosx" {
        return macos(rest);
    }
    let machine = rest;
    let mut out = Vec::new();
    match libc {
        Some(Libc::Gnu { minor }) => {
            let first = if matches!(machine, "x86_64" | "i686") { 5 } else { 17 };
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
        }
        Some(Libc::Musl) => out.extend((0..=2).rev().map(|minor| format!("musllinux_1_{minor}_{machine}"))),
        None => {}
    }
    out.push(format!("{system}_{machine}").replace(['-', '.'], "_"));
    out
}

/// `rest` is `11.0-arm64` or `10.9-universal2`.
fn macos(rest: &str) -> Vec<String> {
    let machine = match rest.rsplit('-').next() {
        Some("universal2") | None => match std::env::consts::ARCH {
            "aarch64" => "arm64",
            other => other,
        },
        Some(machine) => machine,
    };
    let mut out = Vec::new();
    for major in (11..=NEWEST_MACOS).rev() {
        out.extend([machine, "universal2"].map(|machine| format!("macosx_{major}_0_{machine}")));
    }
    if machine == "x86_64" {
        for minor in (4..=16).rev() {
            let machines = [machine, "universal2", "intel"];
            out.extend(machines.map(|machine| format!("macosx_10_{minor}_{machine}")));
        }
    }
    out
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
