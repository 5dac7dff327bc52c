//! The table of differences, `toolchains/sysconfig.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::target::{Libc, Target};

/// A number, or `false` for "not defined".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Setting {
    Number(i64),
    /// Only ever `false`; a test reads every row.
    Undefined(bool),
}

impl Setting {
    /// As pyconfig.h says it: none is `#undef`.
    pub fn number(self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Undefined(_) => None,
        }
    }
}

type Row = BTreeMap<String, Setting>;

/// The compiler flags of CPython from one minor on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flags {
    pub since: u32,
    pub basecflags: String,
    pub opt: String,
}

/// A name in which a real pyconfig.h may differ from the view.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Explained {
    pub name: String,
    /// The machines it concerns; none means all.
    pub machines: Vec<String>,
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the table; a test wants it filled"))]
    pub why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    default: Row,
    bits: BTreeMap<String, Row>,
    machine: BTreeMap<String, Row>,
    libc: BTreeMap<String, Row>,
    glibc: BTreeMap<String, u32>,
    makefile: BTreeMap<String, String>,
    flags: Vec<Flags>,
    explained: Vec<Explained>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // A row that does not parse fails the tests below, so a released binary cannot get here.
    toml::from_str(include_str!("../../../toolchains/sysconfig.toml"))
        .expect("toolchains/sysconfig.toml is checked by a test")
});

/// Every number that the target decides, by name.
pub(super) fn settings(target: &Target) -> BTreeMap<&'static str, Setting> {
    let table = &*TABLE;
    let machine = &target.arch.machine;
    let libc = target.libc.name();
    let rows = [
        Some(&table.default),
        table.bits.get(&target.arch.bits.to_string()),
        table.machine.get(machine),
        table.libc.get(libc),
        table.libc.get(&format!("{libc}-{machine}")),
    ];
    let mut settings: BTreeMap<&str, Setting> = BTreeMap::new();
    for row in rows.into_iter().flatten() {
        settings.extend(row.iter().map(|(name, setting)| (name.as_str(), *setting)));
    }
    if let Libc::Gnu { minor } = target.libc {
        let newer = table.glibc.iter().filter(|(_, first)| **first > minor);
        settings.extend(newer.map(|(name, _)| (name.as_str(), Setting::Undefined(false))));
    }
    settings
}

/// The strings of the sysconfig data, with `{placeholders}`.
pub(super) fn makefile() -> &'static BTreeMap<String, String> {
    &TABLE.makefile
}

/// The flags of CPython 3.`minor`.
pub(super) fn flags(minor: u32) -> &'static Flags {
    let known = TABLE.flags.iter().filter(|flags| flags.since <= minor);
    known
        .max_by_key(|flags| flags.since)
        .expect("the first row of `flags` is older than every version, tested")
}

/// Whether a real interpreter of the target may differ from the view in `name`.
pub(super) fn is_explained(name: &str, target: &Target) -> bool {
    TABLE.explained.iter().any(|row| {
        row.name == name && (row.machines.is_empty() || row.machines.contains(&target.arch.machine))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{Arch, PythonVersion};

    #[test]
    fn every_row_reads_and_is_used() {
        let table = &*TABLE;
        let machines: Vec<&str> = Arch::all().iter().map(|arch| arch.machine.as_str()).collect();
        for (name, row) in &table.machine {
            assert!(machines.contains(&name.as_str()), "no machine {name}");
            // A machine overrides what all state; it brings no name of its own.
            for key in row.keys() {
                assert!(
                    table.default.contains_key(key) || table.bits["64"].contains_key(key),
                    "{name}.{key}"
                );
            }
        }
        for machine in &machines {
            assert!(table.machine.contains_key(*machine), "no row for {machine}");
        }
        assert_eq!(table.bits.keys().collect::<Vec<_>>(), ["32", "64"]);
        let of = |bits: &str| table.bits[bits].keys().cloned().collect::<Vec<_>>();
        assert_eq!(of("32"), of("64"));
        for libc in table.libc.keys() {
            let (name, machine) = libc.split_once('-').unwrap_or((libc, "s390x"));
            assert!(name == "musl" && machines.contains(&machine), "{libc}");
        }
        let rows = [&table.default].into_iter().chain(table.bits.values()).chain(table.machine.values());
        for (name, setting) in rows.chain(table.libc.values()).flatten() {
            assert_ne!(*setting, Setting::Undefined(true), "{name}: `true` means nothing");
        }
        for (name, minor) in &table.glibc {
            assert!((18..60).contains(minor) && name.starts_with("HAVE_"), "{name}");
        }
        for row in &table.explained {
            assert!(!row.why.is_empty());
            assert!(row.machines.iter().all(|machine| machines.contains(&machine.as_str())), "{}", row.name);
        }
        for version in PythonVersion::all() {
            assert!(flags(version.minor).opt.contains("-O2"));
        }
    }

    #[test]
    fn sizes_follow_the_machine() {
        let value = |target: &str, name: &str| {
            let target: Target = target.parse().unwrap();
            assert_eq!(settings(&target)["SIZEOF_VOID_P"].number(), Some(i64::from(target.arch.bits) / 8));
            settings(&target)[name].number()
        };
        assert_eq!(value("x86_64-linux", "SIZEOF_LONG_DOUBLE"), Some(16));
        assert_eq!(value("i686-linux", "SIZEOF_LONG_DOUBLE"), Some(12));
        assert_eq!(value("ppc64le-linux-musl", "SIZEOF_LONG_DOUBLE"), Some(8));
        assert_eq!(value("armv7-linux", "SIZEOF_TIME_T"), Some(4));
        assert_eq!(value("armv7-linux-musl", "SIZEOF_TIME_T"), Some(8));
        assert_eq!(value("s390x-linux", "WORDS_BIGENDIAN"), Some(1));
        assert_eq!(value("aarch64-linux", "WORDS_BIGENDIAN"), None);
        assert_eq!(value("x86_64-linux-gnu.2.17", "HAVE_GETRANDOM"), None);
        assert!(!settings(&"x86_64-linux-gnu.2.28".parse().unwrap()).contains_key("HAVE_GETRANDOM"));
    }

    #[test]
    fn byte_order_and_size_agree_with_the_table_of_machines() {
        for arch in Arch::all() {
            let target = Target { arch, libc: Libc::Musl };
            let big = settings(&target)["WORDS_BIGENDIAN"].number().is_some();
            assert_eq!(big, arch.endian == crate::target::Endian::Big);
            assert_eq!(settings(&target)["DOUBLE_IS_BIG_ENDIAN_IEEE754"].number().is_some(), big);
            assert_eq!(settings(&target)["DOUBLE_IS_LITTLE_ENDIAN_IEEE754"].number().is_none(), big);
            assert_eq!(settings(&target)["SIZEOF_LONG"].number(), Some(i64::from(arch.bits / 8)));
        }
    }
}
