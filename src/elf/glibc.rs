//! When glibc got its functions, `toolchains/glibc_since.tsv`: an old stub library can say only that a
//! name is missing, not that a later version has it.

use std::collections::HashMap;
use std::sync::LazyLock;

static SINCE: LazyLock<HashMap<&str, u32>> = LazyLock::new(|| {
    include_str!("../../toolchains/glibc_since.tsv")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let row = line.split_once("\t2.").and_then(|(name, minor)| Some((name, minor.parse().ok()?)));
            row.unwrap_or_else(|| unreachable!("toolchains/glibc_since.tsv is checked by a test: `{line}`"))
        })
        .collect()
});

/// The minor of the first glibc 2.x with `function`, where that is above 17; None for older ones and
/// for names that no glibc has.
///
/// ```
/// assert_eq!(wheelbuild::elf::glibc_since("getrandom"), Some(25));
/// ```
pub fn glibc_since(function: &str) -> Option<u32> {
    SINCE.get(function).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_reads() {
        assert!(SINCE.len() > 1000);
        assert!(SINCE.iter().all(|(name, minor)| !name.is_empty() && (18..=60).contains(minor)));
        assert_eq!(glibc_since("memfd_create"), Some(27));
        assert_eq!(glibc_since("__isoc23_strtol"), Some(38));
        assert_eq!((glibc_since("malloc"), glibc_since("frobnicate")), (None, None));
    }
}
