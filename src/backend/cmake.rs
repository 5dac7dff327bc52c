//! What CMake must know, whoever calls it: scikit-build-core, scikit-build or a setup.py.

use super::Paths;
use crate::target::Target;

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
         set(CMAKE_FIND_ROOT_PATH {sysroots}{env} {view})\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)\n",
        machine = target.arch.machine,
        sysroots = paths.sysroots.iter().map(|root| format!("{} ", root.display())).collect::<String>(),
        env = paths.env.display(),
        view = paths.view.display(),
    )
}

/// The program CMake runs target programs with. CMake also runs the build machine's Python through
/// it (policy CMP0190), so that runs and anything the build made is refused.
pub(super) fn emulator(paths: &Paths) -> String {
    format!(
        "#!/bin/sh\n\
         case $1 in\n\
         {source}/*|{tmp}/*) echo \"$1: a program of the target does not run here\" >&2; exit 126;;\n\
         esac\n\
         exec \"$@\"\n",
        source = paths.source.display(),
        tmp = paths.tmp.display(),
    )
}

pub(super) fn variables(paths: &Paths) -> Vec<(String, String)> {
    vec![
        ("CMAKE_TOOLCHAIN_FILE".to_owned(), paths.support.join("toolchain.cmake").display().to_string()),
        // Without the policy, a project that asks for CMake below 4.1 gets an empty Python_SOABI and
        // extension modules called `.so`; it can only be set from outside the project.
        ("CMAKE_ARGS".to_owned(), "-DCMAKE_POLICY_DEFAULT_CMP0190=NEW".to_owned()),
    ]
}
