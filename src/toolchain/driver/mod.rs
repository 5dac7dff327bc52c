//! wheelbuild as the compiler: what it does when it is called `cc`, `ar`, `ld`, `pkg-config` or `uname`.
//!
//! A build's `bin/` holds links to wheelbuild under these names and a `driver.toml` beside them
//! ([`install`]). Called through such a link, the program reads that file, translates the arguments by
//! the rules in `toolchains/flags.toml`, runs the real tool, and appends one line to the call log
//! ([`read_log`]), from which [`crate::toolchain::diagnosis`] tells why a build failed and what it lost.
//!
//! The configuration is looked for in the folder of the name the program was called by; links are not
//! followed, and a name without a slash is looked up in PATH. Builds scrub their environment, so that
//! file is the truth. Two variables override it, for whoever debugs a build by hand:
//! `WHEELBUILD_DRIVER_CONFIG` names another `driver.toml` (with `build-driver.toml` beside it), `WHEELBUILD_DRIVER_LOG` another log folder.
//!
//! What is a target's own affair stays with the package: nothing here adds `-fPIC`, include folders of
//! Python or language standards.

mod archiver;
mod calls;
mod child;
mod command;
mod config;
mod cxx_objects;
mod direct;
mod file;
mod folders;
mod install;
mod invocation;
mod linker_command;
mod pkg_config;
mod probe;
mod query;
mod response;
mod rules;
mod run;
mod strip;
mod symbols;
mod system;
mod translate;

use std::ffi::OsStr;
use std::path::Path;

pub use calls::{Call, Kind, read_log};
pub use config::{Archives, Compiler, Driver, DriverConfig, SystemCompiler, Toolset};
pub use install::install;
pub use probe::Probe;
pub use rules::{Dialect, missing_library_reason};
pub use run::run;

/// The configuration beside the links.
pub const CONFIG_FILE: &str = "driver.toml";

/// Beside it: the version script of links by a compiler that is not the kit's and that bring none.
const PRIVATE_SYMBOLS: &str = "private.map";

/// The same for the tools of the build machine, in the same folder.
pub const BUILD_CONFIG_FILE: &str = "build-driver.toml";

/// The name of [`Tool::InTurn`].
pub const IN_TURN_PROGRAM: &str = "wheelbuild-in-turn";

/// What the program can be called as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tool {
    Cc,
    Cxx,
    /// The preprocessor, `cc -E`.
    Cpp,
    /// The assembler, `cc -c -x assembler`.
    As,
    /// The linker as a package calls it: for the target's machine, searching its libraries.
    Ld,
    /// The linker as clang calls it, with a command line that is complete.
    Lld,
    Ar,
    Ranlib,
    Nm,
    Strip,
    Objcopy,
    PkgConfig,
    /// `pg_config`, `xml2-config` and the like.
    LibraryConfig,
    /// `uname`, `getconf`, `python3-config` and the like.
    System,
    BuildCc,
    BuildCxx,
    BuildAr,
    /// Runs a compiler that is none of ours, rustc, when it is its turn.
    InTurn,
}

impl Tool {
    /// Every name and the tool it means.
    pub const NAMES: &[(&str, Tool)] = &[
        ("cc", Tool::Cc),
        ("gcc", Tool::Cc),
        ("clang", Tool::Cc),
        ("c++", Tool::Cxx),
        ("g++", Tool::Cxx),
        ("clang++", Tool::Cxx),
        ("cpp", Tool::Cpp),
        ("as", Tool::As),
        ("ld", Tool::Ld),
        ("ld.lld", Tool::Lld),
        ("ar", Tool::Ar),
        ("ranlib", Tool::Ranlib),
        ("nm", Tool::Nm),
        ("strip", Tool::Strip),
        ("objcopy", Tool::Objcopy),
        ("pkg-config", Tool::PkgConfig),
        ("build-cc", Tool::BuildCc),
        ("build-c++", Tool::BuildCxx),
        ("build-ar", Tool::BuildAr),
        (IN_TURN_PROGRAM, Tool::InTurn),
    ];

    /// True for the compilers of programs that run during the build.
    pub fn is_for_build_machine(self) -> bool {
        matches!(self, Self::BuildCc | Self::BuildCxx | Self::BuildAr | Self::InTurn)
    }
}

/// True if a link failed only because the kit has no C++ runtime for the target yet: it is to be made
/// and the build run again, whether the hook failed or went on without. Most packages never ask for it, and it costs half a minute.
pub fn needs_cxx_runtime(calls: &[Call]) -> bool {
    calls.iter().any(|call| call.stderr.iter().any(|line| line.contains(translate::NO_CXX_RUNTIME)))
}

/// The names of configuration programs that every build's `bin/` has.
pub fn config_programs() -> impl Iterator<Item = &'static str> {
    pkg_config::PROGRAMS.iter().map(|(name, _)| *name)
}

/// The tool that the program was called as, if any: by file name, a triple in front allowed
/// (`aarch64-linux-gnu-gcc`). Costs nothing: to be asked before anything else of a start.
pub fn called_as(argv0: &OsStr) -> Option<Tool> {
    let name = Path::new(argv0).file_name()?.to_str()?;
    let is_config = |name: &str| pkg_config::PROGRAMS.iter().any(|(known, _)| *known == name);
    let find = |name: &str| {
        let tool = Tool::NAMES.iter().find(|(known, _)| *known == name).map(|(_, tool)| *tool);
        let is_system = |name: &str| {
            system::PROGRAMS.iter().any(|(known, _)| *known == name) || system::is_python_config(name)
        };
        tool.or_else(|| is_config(name).then_some(Tool::LibraryConfig))
            .or_else(|| is_system(name).then_some(Tool::System))
    };
    find(name).or_else(|| {
        let after_triple = name.match_indices('-').map(|(at, _)| name.split_at(at));
        after_triple.filter(|(triple, _)| triple.contains("-linux")).find_map(|(_, rest)| find(&rest[1..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_tools() {
        let of = |name: &str| called_as(OsStr::new(name));
        assert_eq!(of("cc"), Some(Tool::Cc));
        assert_eq!(of("/build/bin/g++"), Some(Tool::Cxx));
        assert_eq!(of("bin/aarch64-linux-gnu-gcc"), Some(Tool::Cc));
        assert_eq!(of("armv7-linux-gnueabihf-pkg-config"), Some(Tool::PkgConfig));
        assert_eq!(of("x86_64-linux-musl-ld.lld"), Some(Tool::Lld));
        assert_eq!(of("/build/bin/pg_config"), Some(Tool::LibraryConfig));
        assert_eq!(of("x86_64-linux-gnu-xml2-config"), Some(Tool::LibraryConfig));
        assert_eq!(of("/build/bin/uname"), Some(Tool::System));
        assert_eq!(of("python3.11-config"), Some(Tool::System));
        assert_eq!(of("aarch64-linux-gnu-python3.11-config"), Some(Tool::System));
        for other in ["wheelbuild", "my-cc", "ccx", "", "/"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
