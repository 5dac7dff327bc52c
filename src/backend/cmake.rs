//! What CMake must know, whoever calls it: scikit-build-core, scikit-build or a setup.py.

use std::path::Path;

use super::Paths;
use crate::target::Target;

/// The script that gives projects the sources they fetch (`CMAKE_PROJECT_TOP_LEVEL_INCLUDES`).
pub(super) const PROVIDER: &str = include_str!("provider.cmake");

/// The file `CMAKE_TOOLCHAIN_FILE` names (cmake-toolchains(7), cross compiling).
pub(super) fn toolchain_file(paths: &Paths, target: &Target) -> String {
    let bin = paths.bin.display();
    let support = paths.support.display();
    format!(
        "set(CMAKE_SYSTEM_NAME Linux)\n\
         set(CMAKE_SYSTEM_PROCESSOR {machine})\n\
         set(CMAKE_C_COMPILER {bin}/cc)\n\
         set(CMAKE_CXX_COMPILER {bin}/c++)\n\
         set(CMAKE_ASM_COMPILER {bin}/cc)\n\
         set(CMAKE_AR {bin}/ar CACHE FILEPATH \"\")\n\
         set(CMAKE_RANLIB {bin}/ranlib CACHE FILEPATH \"\")\n\
         set(CMAKE_NM {bin}/nm CACHE FILEPATH \"\")\n\
         set(CMAKE_STRIP {bin}/strip CACHE FILEPATH \"\")\n\
         set(CMAKE_LINKER {bin}/ld CACHE FILEPATH \"\")\n\
         set(CMAKE_CROSSCOMPILING_EMULATOR {support}/emulator)\n\
         # What is below these is the build's own; the build machine's folders are not searched.\n\
         list(APPEND CMAKE_FIND_ROOT_PATH {sysroots}{env} {view} {source} {tmp})\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)\n\
         # For a CMake that is not called with our arguments; never inside a check of CMake's own.\n\
         get_property(wheelbuild_checking GLOBAL PROPERTY IN_TRY_COMPILE)\n\
         if(NOT wheelbuild_checking AND NOT CMAKE_PROJECT_TOP_LEVEL_INCLUDES)\n  \
         set(CMAKE_PROJECT_TOP_LEVEL_INCLUDES {support}/provider.cmake)\n\
         endif()\n",
        machine = target.arch.machine,
        sysroots = paths.sysroots.iter().map(|root| format!("{} ", root.display())).collect::<String>(),
        env = paths.env.display(),
        view = paths.view.display(),
        source = paths.source.display(),
        tmp = paths.tmp.display(),
    )
}

/// Where the emulator notes what it refused, in the support folder.
const REFUSED: &str = "refused";

/// The programs of the target that CMake's checks wanted to run in the last run of the hooks; such a
/// check takes the refusal for a no.
pub fn refused_programs(support: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(support.join(REFUSED)).unwrap_or_default();
    let mut programs: Vec<String> = text.lines().map(str::to_owned).collect();
    programs.sort();
    programs.dedup();
    programs
}

/// Whether a refused program was a check of CMake's (`try_run`), which has an answer for that, and not a
/// step of the build.
pub fn is_check(program: &str) -> bool {
    program.contains("/CMakeFiles/CMakeScratch/") || program.contains("/CMakeFiles/CMakeTmp/")
}

/// The program CMake runs target programs with. CMake also runs the build machine's Python through
/// it (policy CMP0190), so that runs and anything the build made is refused.
pub(super) fn emulator(paths: &Paths) -> String {
    format!(
        "#!/bin/sh\n\
         case $1 in\n\
         /*) program=$1;;\n\
         */*) program=$PWD/$1;;\n\
         *) program=$(command -v \"$1\");;\n\
         esac\n\
         case $program in\n\
         {source}/*|{tmp}/*)\n  \
         echo \"$1: a program of the target does not run here\" >&2\n  \
         echo \"$program\" >>{support}/{REFUSED}\n  \
         exit 126;;\n\
         esac\n\
         exec \"$@\"\n",
        source = paths.source.display(),
        tmp = paths.tmp.display(),
        support = paths.support.display(),
    )
}

pub(super) fn variables(paths: &Paths) -> Vec<(String, String)> {
    vec![
        ("CMAKE_TOOLCHAIN_FILE".to_owned(), paths.support.join("toolchain.cmake").display().to_string()),
        // Without the policy, a project that asks for CMake below 4.1 gets an empty Python_SOABI and
        // extension modules called `.so`; it can only be set from outside the project.
        (
            "CMAKE_ARGS".to_owned(),
            format!(
                "-DCMAKE_POLICY_DEFAULT_CMP0190=NEW -DCMAKE_PROJECT_TOP_LEVEL_INCLUDES={}",
                paths.support.join("provider.cmake").display()
            ),
        ),
    ]
}
