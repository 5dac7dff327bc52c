//! What platform tags promise: `toolchains/platform_libraries.toml` and `symbol_versions.tsv`.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::target::{Libc, Target};

/// What a promised library is to the judge. The table's head says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::wheel) enum Role {
    Core,
    Runtime,
    Other,
}

/// A library that the target's platform tags promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wheel) struct Promised {
    pub role: Role,
    /// Minor of the first glibc 2.x platform that promises it; 0 when every platform does.
    pub since: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    library: Vec<LibraryRow>,
    private: Vec<PrivateRow>,
    glibc_nodes: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LibraryRow {
    libc: String,
    role: Role,
    #[serde(default)]
    since: u32,
    names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrivateRow {
    library: String,
    until: u32,
    symbols: Vec<String>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let text = include_str!("../../../toolchains/platform_libraries.toml");
    toml::from_str(text).expect("toolchains/platform_libraries.toml is checked by a test")
});

/// node → (machine or `*`, floor)
static NODES: LazyLock<HashMap<&str, Vec<(&str, u32)>>> = LazyLock::new(|| {
    let mut nodes: HashMap<&str, Vec<(&str, u32)>> = HashMap::new();
    for line in include_str!("../../../toolchains/symbol_versions.tsv").lines() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let mut fields = line.split('\t');
        let row = (fields.next(), fields.next().and_then(|floor| floor.parse().ok()), fields.next());
        let (Some(node), Some(floor), Some(machines)) = row else {
            unreachable!("toolchains/symbol_versions.tsv is checked by a test: `{line}`");
        };
        let machines = machines.split(',').map(|machine| (machine, floor));
        nodes.entry(node).or_default().extend(machines);
    }
    nodes
});

/// What `name` (as in DT_NEEDED) is to platforms of `target`'s C library; None when it is not promised.
pub(in crate::wheel) fn promised(target: &Target, name: &str) -> Option<Promised> {
    let core = match target.libc {
        Libc::Gnu { .. } => target.loader(),
        // musl is loader and library in one, and this is what musllinux tags promise it as.
        Libc::Musl => target.arch.musl_soname.clone(),
    };
    if name == core {
        return Some(Promised { role: Role::Core, since: 0 });
    }
    TABLES
        .library
        .iter()
        .find(|row| row.libc == target.libc.name() && row.names.iter().any(|known| known == name))
        .map(|row| Promised { role: row.role, since: row.since })
}

/// The minor of the first glibc 2.x platform on `target`'s machine where a library has `node`
/// (`GLIBC_2.17`, `GLIBCXX_3.4.21`, `ZLIB_1.2.9`); None for an unknown one.
pub(super) fn floor_of_node(target: &Target, node: &str) -> Option<u32> {
    if let Some(minor) = glibc_minor(node) {
        return Some(minor);
    }
    if let Some(minor) = TABLES.glibc_nodes.get(node) {
        return Some(*minor);
    }
    let rows = NODES.get(node)?;
    let of = |wanted: &str| rows.iter().find(|(machine, _)| *machine == wanted).map(|(_, floor)| *floor);
    of(&target.arch.machine).or_else(|| of("*"))
}

/// 17 of `GLIBC_2.17`, 2 of `GLIBC_2.2.5`.
pub(super) fn glibc_minor(node: &str) -> Option<u32> {
    node.strip_prefix("GLIBC_2.")?.split('.').next()?.parse().ok()
}

/// True when `symbol` of `library` is exported by some distributions only at the floor 2.`minor`.
pub(super) fn is_private(library: &str, symbol: &str, minor: u32) -> bool {
    TABLES.private.iter().any(|row| {
        row.library == library
            && (row.until == 0 || minor < row.until)
            && row.symbols.iter().any(|known| known == symbol)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn every_row_reads() {
        assert!(TABLES.library.iter().all(|row| row.libc == "gnu" || row.libc == "musl"));
        assert!(TABLES.library.iter().all(|row| row.since == 0 || (row.since > 17 && row.libc == "gnu")));
        assert!(TABLES.private.iter().all(|row| !row.symbols.is_empty()));
        assert!(NODES.len() > 90);
        for (node, rows) in NODES.iter() {
            assert!(node.contains('_') && !node.starts_with("GLIBC_"), "{node}");
            let mut machines = std::collections::HashSet::new();
            for (machine, floor) in rows {
                assert!(*machine == "*" || crate::target::Arch::find(machine).is_some(), "{machine}");
                assert!((17..=60).contains(floor), "{node}");
                assert!(machines.insert(machine), "{node} {machine} twice");
            }
        }
    }

    #[test]
    fn libraries_are_promised_by_libc() {
        let gnu = target("aarch64-linux");
        let musl = target("aarch64-linux-musl");
        assert_eq!(promised(&gnu, "libc.so.6").unwrap().role, Role::Core);
        assert_eq!(promised(&gnu, "ld-linux-aarch64.so.1").unwrap().role, Role::Core);
        assert_eq!(promised(&gnu, "libmvec.so.1").unwrap().since, 24);
        assert_eq!(promised(&gnu, "libz.so.1").unwrap().role, Role::Other);
        assert_eq!(promised(&musl, "libc.so"), None);
        assert_eq!(promised(&musl, "libc.musl-x86_64.so.1"), None);
        assert_eq!(promised(&musl, "libc.musl-aarch64.so.1").unwrap().role, Role::Core);
        for (target, name) in [
            (&gnu, "libc.so"),
            (&gnu, "ld-linux-x86-64.so.2"),
            (&gnu, "libpython3.11.so.1.0"),
            (&gnu, "libcrypt.so.1"),
            (&gnu, "libssl.so.3"),
            (&musl, "libc.so.6"),
            (&musl, "libstdc++.so.6"),
        ] {
            assert_eq!(promised(target, name), None, "{name}");
        }
    }

    #[test]
    fn nodes_have_floors_by_machine() {
        let arm = target("aarch64-linux");
        let intel = target("x86_64-linux");
        assert_eq!(floor_of_node(&arm, "GLIBC_2.17"), Some(17));
        assert_eq!(floor_of_node(&intel, "GLIBC_2.2.5"), Some(2));
        assert_eq!(floor_of_node(&intel, "GLIBC_ABI_DT_RELR"), Some(36));
        assert_eq!(floor_of_node(&intel, "GLIBCXX_3.4.21"), Some(24));
        assert_eq!(floor_of_node(&intel, "GCC_7.0.0"), Some(27));
        assert_eq!(floor_of_node(&arm, "GCC_7.0.0"), Some(26));
        assert_eq!(floor_of_node(&intel, "GLIBCXX_LDBL_3.4"), None);
        assert_eq!(floor_of_node(&intel, "GLIBC_PRIVATE"), None);
    }

    #[test]
    fn private_symbols_end_at_their_floor() {
        assert!(is_private("libz.so.1", "zcalloc", 60));
        assert!(is_private("libz.so.1", "uncompress2", 28) && !is_private("libz.so.1", "uncompress2", 34));
        assert!(!is_private("libz.so.1", "inflate", 17));
    }
}
