//! CPython's stable ABI, `toolchains/stable_abi.tsv` (PEP 384, PEP 652).

use std::collections::HashMap;
use std::sync::LazyLock;

static SINCE: LazyLock<HashMap<&str, u32>> = LazyLock::new(|| {
    include_str!("../../../toolchains/stable_abi.tsv")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let row = line.split_once("\t3.").and_then(|(name, minor)| Some((name, minor.parse().ok()?)));
            row.unwrap_or_else(|| unreachable!("toolchains/stable_abi.tsv is checked by a test: `{line}`"))
        })
        .collect()
});

/// The minor (of 3) of the first CPython whose stable ABI has `symbol`; None when none has.
pub(super) fn since(symbol: &str) -> Option<u32> {
    SINCE.get(symbol).copied()
}

/// True for names that only CPython may define.
pub(super) fn is_python_name(symbol: &str) -> bool {
    symbol.starts_with("Py") || symbol.starts_with("_Py")
}

/// Why `symbols` cannot be used by an extension that claims the stable ABI of 3.`minimum`: one
/// sentence a symbol.
pub(super) fn breaches<'a>(symbols: impl Iterator<Item = &'a str>, minimum: u32) -> Vec<String> {
    symbols
        .filter(|symbol| is_python_name(symbol))
        .filter_map(|symbol| match since(symbol) {
            None => Some(format!("`{symbol}` is not in the stable ABI")),
            Some(minor) if minor > minimum => {
                Some(format!("`{symbol}` is in the stable ABI since 3.{minor}"))
            }
            Some(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_reads_and_known_ones_are_right() {
        assert!(SINCE.len() > 900);
        assert!(SINCE.iter().all(|(name, minor)| is_python_name(name) && (2..=15).contains(minor)));
        assert_eq!(since("PyLong_FromLong"), Some(2));
        assert_eq!(since("PyObject_Vectorcall"), Some(12));
        assert_eq!(since("PyType_GetModuleByDef"), Some(13));
        assert_eq!(since("PyUnicode_AsUTF8AndSize"), Some(10));
        assert_eq!(since("PyTuple_SET_ITEM"), None);
    }

    #[test]
    fn breaches_name_the_symbol() {
        let symbols = ["PyLong_FromLong", "PyUnicode_AsUTF8AndSize", "_PyLong_Sign", "memcpy"];
        assert_eq!(breaches(symbols.into_iter(), 10).len(), 1);
        let all = breaches(symbols.into_iter(), 9);
        assert_eq!(all.len(), 2);
        assert!(all[0].contains("since 3.10") && all[1].contains("_PyLong_Sign"));
    }
}
