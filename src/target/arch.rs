//! The table of machines, `toolchains/targets.toml`.

use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;

/// Byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endian {
    Little,
    Big,
}

/// One machine. The fields are described at the top of `toolchains/targets.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arch {
    pub machine: String,
    pub aliases: Vec<String>,
    pub bits: u8,
    pub endian: Endian,
    pub elf_machine: u16,
    pub page_size: u64,
    pub glibc_floor: u32,
    pub legacy_tag: Option<String>,
    pub clang: String,
    pub zig: String,
    pub musl: bool,
    pub musl_arch: String,
    pub musl_soname: String,
    pub multiarch: String,
    pub loader: String,
    pub rust: String,
    pub debian: String,
    pub oci: String,
    pub oci_variant: Option<String>,
    pub headers: Vec<String>,
    pub headers_musl: Vec<String>,
    pub clang_flags: Vec<String>,
    #[serde(default)]
    pub clang_flags_musl: Vec<String>,
    pub zig_cpu: Option<String>,
    pub emulation: String,
    pub loader_folder: String,
    pub cpuinfo: Vec<String>,
}

#[derive(Deserialize)]
struct Table {
    arch: Vec<Arch>,
}

static TABLE: LazyLock<Vec<Arch>> = LazyLock::new(|| {
    let text = include_str!("../../toolchains/targets.toml");
    // A row that does not parse fails the test below, so a released binary cannot get here.
    toml::from_str::<Table>(text).expect("toolchains/targets.toml is checked by a test").arch
});

impl Arch {
    /// Every machine, in the order of the table.
    pub fn all() -> &'static [Arch] {
        &TABLE
    }

    /// The machine that `name` or one of its aliases means, case ignored.
    pub fn find(name: &str) -> Option<&'static Arch> {
        let name = name.to_ascii_lowercase();
        TABLE.iter().find(|arch| arch.machine == name || arch.aliases.contains(&name))
    }

    /// The machine of an ELF header's `e_machine`.
    pub fn of_elf(machine: u16) -> Option<&'static Arch> {
        TABLE.iter().find(|arch| arch.elf_machine == machine)
    }
}

impl PartialEq for Arch {
    fn eq(&self, other: &Self) -> bool {
        self.machine == other.machine
    }
}
impl Eq for Arch {}
impl std::hash::Hash for Arch {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.machine.hash(state);
    }
}
impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_reads_and_no_name_means_two_machines() {
        let mut names = std::collections::HashSet::new();
        for arch in Arch::all() {
            for name in arch.aliases.iter().chain([&arch.machine]) {
                assert!(names.insert(name.clone()), "{name} twice");
                assert_eq!(Arch::find(name), Some(arch));
            }
            assert_eq!(Arch::of_elf(arch.elf_machine), Some(arch));
            assert!(arch.bits == 32 || arch.bits == 64);
            assert!(arch.page_size.is_power_of_two() && arch.page_size >= 4096);
            assert!(arch.glibc_floor >= 17);
            assert!(arch.multiarch.contains("{libc}") && arch.rust.contains("{libc}"));
            assert_eq!(arch.legacy_tag.is_some(), arch.glibc_floor == 17);
        }
    }
}
