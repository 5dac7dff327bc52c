//! The C++ runtime stays private: our libc++, libc++abi and unwinder are linked static and hidden.
//! One that is exported would be bound by other extensions of the same process, and one that is
//! imported is found on no user's machine.

use super::binaries::Binary;
use super::verdict::{Docket, listed};
use crate::report::Code;

/// Libraries that are a C++ runtime, and so may be one: shipped as a whole, under their own name.
const RUNTIMES: [&str; 6] = ["libc++", "libunwind", "libstdc++", "libgcc_s", "libsupc++", "libcxxrt"];

/// Exported by a C++ ABI library or an unwinder only. `operator new` and `delete` would replace those
/// of the whole process.
const RUNTIME_PREFIXES: [&str; 12] = [
    "__cxa_",
    "_Unwind_",
    "__gxx_personality_",
    "__register_frame",
    "__deregister_frame",
    "__unw_",
    "unw_",
    "_Znwm",
    "_Znam",
    "_ZdlPv",
    "_ZdaPv",
    "__gcc_personality_",
];

/// Not of a whole C++ runtime: glibc's own, and what GCC's toolsets for old systems add to each file.
const NOT_RUNTIME: [&str; 4] =
    ["__cxa_finalize", "__cxa_atexit", "__cxa_thread_atexit_impl", "__cxa_call_terminate"];

pub(super) fn check(binary: &Binary<'_>, docket: &mut Docket) {
    let name = binary.file.soname.unwrap_or(super::contents::file_name_of(binary.path));
    if RUNTIMES.iter().any(|runtime| name.starts_with(runtime)) {
        return;
    }
    let imported: Vec<&str> =
        binary.file.imports.iter().map(|import| import.name).filter(|name| is_libcxx(name)).collect();
    let exported: Vec<&str> = binary
        .file
        .exports
        .iter()
        .map(|export| export.name)
        .filter(|name| is_libcxx(name) || is_runtime(name))
        .collect();
    for (symbols, verb) in [(imported, "imports"), (exported, "exports")] {
        if !symbols.is_empty() {
            docket.fault(
                Code::LeakedRuntime,
                binary.member,
                format!("{verb} {} of the C++ runtime, which must stay private", listed(&symbols)),
            );
        }
    }
}

fn is_runtime(symbol: &str) -> bool {
    RUNTIME_PREFIXES.iter().any(|prefix| symbol.starts_with(prefix)) && !NOT_RUNTIME.contains(&symbol)
}

/// True when what `symbol` names lies in libc++'s namespace `std::__1` (Itanium C++ ABI 5.1), not
/// when only its arguments do: a library's own function may well take a `std::string`.
fn is_libcxx(symbol: &str) -> bool {
    let Some(rest) = symbol.strip_prefix("_Z") else { return false };
    // Special names: virtual tables, type infos, guards, thunks, thread-local wrappers.
    let entity = ["TV", "TT", "TI", "TS", "GV", "GR", "TW", "TH", "TC"]
        .iter()
        .find_map(|special| rest.strip_prefix(special))
        .or_else(|| rest.strip_prefix("Th").or_else(|| rest.strip_prefix("Tv")).and_then(after_thunk))
        .unwrap_or(rest);
    let Some(nested) = entity.strip_prefix('N') else { return false };
    nested.trim_start_matches(['r', 'V', 'K', 'R', 'O']).starts_with("St3__1")
}

/// Skips a thunk's offsets: `n24_`, `0_n24_`.
fn after_thunk(rest: &str) -> Option<&str> {
    rest.find('N').map(|at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libcxx_entities_and_nothing_else() {
        for name in [
            "_ZNSt3__112basic_stringIcNS_11char_traitsIcEENS_9allocatorIcEEE6appendEPKc",
            "_ZNKSt3__16locale9has_facetERNS0_2idE",
            "_ZTVNSt3__18ios_baseE",
            "_ZTINSt3__113basic_ostreamIcNS_11char_traitsIcEEEE",
            "_ZTSNSt3__18ios_baseE",
            "_ZGVNSt3__14coutE",
            "_ZTv0_n24_NSt3__113basic_istreamIcNS_11char_traitsIcEEED0Ev",
            "_ZThn16_NSt3__114basic_iostreamIcNS_11char_traitsIcEEED0Ev",
        ] {
            assert!(is_libcxx(name), "{name}");
        }
        for name in [
            "_ZNSt6vectorIiSaIiEE9push_backERKi",
            "_ZNSt7__cxx1112basic_stringIcE6appendEPKc",
            "_Z5greetRKNSt3__112basic_stringIcNS_11char_traitsIcEENS_9allocatorIcEEEE",
            "_ZN3own4funcENSt3__112basic_stringIcEE",
            "PyInit_x",
            "_Z",
        ] {
            assert!(!is_libcxx(name), "{name}");
        }
    }

    #[test]
    fn the_abi_library_and_the_unwinder_are_runtime() {
        for name in ["__cxa_throw", "_Unwind_Resume", "__gxx_personality_v0", "_Znwm", "_ZdlPvm", "unw_step"]
        {
            assert!(is_runtime(name), "{name}");
        }
        for name in ["__cxa_finalize", "PyInit_x", "unwind", "_ZN3fooC1Ev"] {
            assert!(!is_runtime(name), "{name}");
        }
    }
}
