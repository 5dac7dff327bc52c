//! Silent loss: a package that goes on without its extension when compiling fails.

use super::Expectation;
use super::binaries::Opened;
use super::contents::{file_name_of, folder_of};
use super::verdict::{Docket, listed};
use crate::report::Code;

/// Compares what was to be compiled with what is there.
pub(super) fn check(opened: &Opened<'_>, expectation: &Expectation<'_>, docket: &mut Docket) {
    let present: Vec<String> = opened.loadable.iter().map(|path| dotted(path)).collect();
    let mut absent: Vec<&str> = Vec::new();
    // A build may install an extension under another name than it declared: then all are there.
    let declared = expectation.declared_extensions;
    let declared = if present.len() < declared.len() { declared } else { &[] };
    let withdrawn = if opened.native { expectation.withdrawn_extensions } else { &[] };
    let declared = declared.iter().filter(|name| !withdrawn.contains(name));
    for name in declared.chain(expectation.lost_extensions) {
        let wanted = wanted(name);
        let found = present.iter().any(|module| is_same(module, &wanted));
        if !found && !absent.contains(&name.as_str()) {
            absent.push(name);
        }
    }
    let reason = if !absent.is_empty() {
        format!("compiled extensions are missing: {}", listed(&absent))
    } else if !opened.native && !expectation.against_pure.is_empty() {
        let reasons: Vec<&str> = expectation.against_pure.iter().map(String::as_str).collect();
        format!("nothing in the wheel is compiled, but {}", reasons.join("; "))
    } else if !opened.native
        && let Some((member, format)) = opened.foreign.first()
    {
        format!(
            "nothing in the wheel is for Linux, but `{member}` is an extension module in the {format} format"
        )
    } else {
        return;
    };
    if expectation.allow_pure {
        docket.note(format!("{reason} (allowed by `--allow-pure`)"));
    } else {
        docket
            .general(Code::LostExtension, reason)
            .hint("the compiler's messages in the build log say why; `--allow-pure` accepts the wheel");
    }
}

/// The module name that an ELF file's path stands for: `pkg/_x.cpython-311-….so` is `pkg._x`.
fn dotted(path: &str) -> String {
    let stem = file_name_of(path).split('.').next().unwrap_or_default();
    match folder_of(path) {
        "" => stem.to_owned(),
        folder => format!("{}.{stem}", folder.replace('/', ".")),
    }
}

/// A module name, from one or from a path as a compiler's log has it.
fn wanted(name: &str) -> String {
    if name.contains('/') || name.ends_with(".so") || name.ends_with(".o") {
        file_name_of(name).split('.').next().unwrap_or_default().to_owned()
    } else {
        name.to_owned()
    }
}

/// True when one dotted name is the other or its tail: sdists declare `src.pkg._x` or `_x`, and
/// install `pkg._x`.
fn is_same(present: &str, wanted: &str) -> bool {
    let is_tail = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|head| head.is_empty() || head.ends_with('.'))
    };
    is_tail(present, wanted) || is_tail(wanted, present)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_meet() {
        assert_eq!(dotted("pkg/_x.cpython-311-aarch64-linux-gnu.so"), "pkg._x");
        assert_eq!(dotted("_x.abi3.so"), "_x");
        assert_eq!(wanted("build/lib.linux-aarch64/pkg/_x.cpython-311-aarch64-linux-gnu.so"), "_x");
        assert_eq!(wanted("build/temp/src/_x.o"), "_x");
        assert!(is_same("pkg._x", "pkg._x") && is_same("pkg._x", "_x") && is_same("pkg._x", "src.pkg._x"));
        assert!(!is_same("pkg._x", "x") && !is_same("pkg._x", "pkg._y"));
    }
}
