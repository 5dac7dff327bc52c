//! Extension modules: names that Python imports, the function it calls, and the ABI they claim.

use super::Expectation;
use super::binaries::Binary;
use super::contents::{file_name_of, folder_of, import_path};
use super::punycode;
use super::verdict::{Docket, listed};
use crate::report::Code;
use crate::target::PythonVersion;

/// The first minor (of 3) that knows export hooks (PEP 793) and `.abi3t.so` (PEP 803).
const FIRST_EXPORT_HOOK: u32 = 15;

/// What the suffix of an extension says about its ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suffix {
    /// `.cpython-311-aarch64-linux-gnu.so`
    Specific,
    /// `.abi3.so`
    Abi3,
    /// `.abi3t.so`: the stable ABI of free-threaded and other builds (PEP 803)
    Abi3t,
    /// `.so`, which says nothing
    Bare,
}

impl Suffix {
    pub fn is_stable(self) -> bool {
        matches!(self, Self::Abi3 | Self::Abi3t)
    }
}

/// An extension module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extension {
    /// Position of its file among the binaries.
    pub index: usize,
    /// Dotted name.
    pub module: String,
    pub suffix: Suffix,
}

/// The extension that `binary`, the one at `index`, is; None when it is an ordinary library or a
/// program. One that Python could not load is a fault.
pub(super) fn of(
    binary: &Binary<'_>,
    index: usize,
    expectation: &Expectation<'_>,
    docket: &mut Docket,
) -> Option<Extension> {
    let path = import_path(binary.member)?;
    let (stem, suffix) = file_name_of(path).split_once('.')?;
    let python = expectation.python;
    let specific = python.extension_suffix(&expectation.target);
    let inits: Vec<&str> =
        binary.file.exports.iter().map(|export| export.name).filter(|name| is_init(name)).collect();
    let init = inits.iter().find(|name| starts(name, stem)).copied();
    let python_bound = !inits.is_empty() || binary.uses_python();
    let bad = |docket: &mut Docket, reason: String| {
        docket.fault(Code::BadExtension, binary.member, reason);
    };

    let suffix = match suffix {
        _ if specific.strip_prefix('.') == Some(suffix) => Suffix::Specific,
        "abi3.so" => Suffix::Abi3,
        "abi3t.so" => Suffix::Abi3t,
        "so" if init.is_some() => Suffix::Bare,
        "so" => return None,
        other if other.ends_with(".so") && is_python_tag(other) => {
            if python_bound {
                bad(docket, format!("is named for another Python or machine: `.{other}`, not `{specific}`"));
            }
            return None;
        }
        _ => return None,
    };
    let Some(init) = init else {
        if python_bound {
            let found = if inits.is_empty() {
                "no init function at all".to_owned()
            } else {
                format!("only {}", listed(&inits))
            };
            bad(docket, format!("exports no `PyInit_{stem}`, but {found}"));
        } else {
            docket.note(format!(
                "`{}` is named like an extension module but is an ordinary library",
                binary.member
            ));
        }
        return None;
    };
    let only_hook = init.starts_with("PyModExport") && !inits.iter().any(|name| is_classic(name, stem));
    if only_hook && python.minor < FIRST_EXPORT_HOOK {
        bad(docket, format!("exports `{init}`, which Python {python} does not look for (PEP 793)"));
    }
    match suffix {
        Suffix::Abi3 if python.free_threaded => {
            bad(docket, format!("claims the stable ABI, which Python {python} cannot load"));
        }
        Suffix::Abi3t if python.minor < FIRST_EXPORT_HOOK => {
            bad(docket, format!("claims the ABI abi3t, which Python {python} cannot load (PEP 803)"));
        }
        _ => {}
    }
    let folder = folder_of(path).replace('/', ".");
    let module = if folder.is_empty() { stem.to_owned() } else { format!("{folder}.{stem}") };
    Some(Extension { index, module, suffix })
}

/// True for `cpython-311-….so`, `pypy39-….so` and their like.
pub(super) fn is_python_tag(suffix: &str) -> bool {
    ["cpython-", "pypy", "graalpy", "abi3"].iter().any(|name| suffix.starts_with(name))
}

fn is_init(symbol: &str) -> bool {
    ["PyInit_", "PyInitU_", "PyModExport_", "PyModExportU_"].iter().any(|prefix| symbol.starts_with(prefix))
}

/// True when `symbol` makes the module `stem` (PEP 489, PEP 793).
fn starts(symbol: &str, stem: &str) -> bool {
    is_classic(symbol, stem) || is_hook(symbol, stem)
}

fn is_classic(symbol: &str, stem: &str) -> bool {
    is_named(symbol, "PyInit", stem)
}

fn is_hook(symbol: &str, stem: &str) -> bool {
    is_named(symbol, "PyModExport", stem)
}

fn is_named(symbol: &str, function: &str, stem: &str) -> bool {
    let Some(rest) = symbol.strip_prefix(function) else { return false };
    if stem.is_ascii() {
        rest.strip_prefix('_') == Some(stem)
    } else {
        let encoded = punycode::encode(stem).map(|name| name.replace('-', "_"));
        encoded.is_some() && rest.strip_prefix("U_") == encoded.as_deref()
    }
}

/// `cp311-cp311`-like claim that the specific suffix of `python` stands for.
pub(super) fn specific_tags(python: PythonVersion) -> (String, String) {
    (python.interpreter_tag(), python.abi_tag())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_functions() {
        assert!(starts("PyInit__speedups", "_speedups"));
        assert!(starts("PyModExport__speedups", "_speedups"));
        assert!(starts("PyInitU_bcher_kva", "bücher"));
        assert!(starts("PyModExportU_tda", "ü"));
        assert!(!starts("PyInit_speedups", "_speedups"));
        assert!(!starts("PyInit_bücher", "bücher"));
        assert!(!starts("initspeedups", "speedups"));
    }
}
