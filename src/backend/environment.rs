//! The environment variables of the hooks.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::{Paths, Subject, cmake, rust, wanted};

/// What every hook sees, complete: nothing is inherited from the user's environment.
///
/// Compiler flags are not set here: the drivers add them, because CFLAGS in the environment replaces
/// what a package would have chosen for itself.
pub fn hook_environment(paths: &Paths, subject: &Subject<'_>) -> BTreeMap<OsString, OsString> {
    let mut all: BTreeMap<OsString, OsString> = BTreeMap::new();
    let mut set = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        all.insert(name.into(), value.as_ref().to_owned());
    };
    let search =
        format!("{}:{}:/usr/local/bin:/usr/bin:/bin", paths.bin.display(), paths.env.join("bin").display());
    set("PATH", &search);
    set("HOME", &paths.home);
    set("TMPDIR", &paths.tmp);
    set("VIRTUAL_ENV", &paths.env);
    // A build must not depend on who runs it, where and when.
    set("LANG", &"C.UTF-8");
    set("LC_ALL", &"C.UTF-8");
    set("TZ", &"UTC");
    set("USER", &"build");
    set("LOGNAME", &"build");
    set("PYTHONHASHSEED", &"0");
    set("SOURCE_DATE_EPOCH", &subject.source_date_epoch.to_string());
    set("PYTHONNOUSERSITE", &"1");
    set("PYTHONDONTWRITEBYTECODE", &"1");
    set("PIP_NO_INDEX", &"1");
    for (names, program) in [
        (&["CC"][..], "cc"),
        (&["CXX"], "c++"),
        (&["AR"], "ar"),
        (&["RANLIB"], "ranlib"),
        (&["STRIP"], "strip"),
        (&["NM"], "nm"),
        (&["PKG_CONFIG"], "pkg-config"),
        // Programs that run during the build (GNU, autoconf-archive, Linux kernel style names).
        (&["BUILD_CC", "CC_FOR_BUILD", "HOSTCC"], "build-cc"),
        (&["BUILD_CXX", "CXX_FOR_BUILD", "HOSTCXX"], "build-c++"),
    ] {
        for name in names {
            set(name, &paths.bin.join(program));
        }
    }
    // Our pkg-config knows the target's libraries only; the `pkg-config` crate would refuse to ask it.
    set("PKG_CONFIG_ALLOW_CROSS", &"1");
    set("CONFIG_SITE", &paths.support.join("config.site"));
    let jobs = subject.jobs.to_string();
    // A vendored library's `make check` would run programs of the target: automake's list of tests is
    // empty, its programs are still built, so that a link that fails is still seen.
    set("MAKEFLAGS", &format!("-j{jobs} -- TESTS="));
    set("CMAKE_BUILD_PARALLEL_LEVEL", &jobs);
    set("MAX_JOBS", &jobs);
    let tools = [cmake::variables(paths), rust::variables(paths, subject), wanted::variables(paths)];
    for (name, value) in tools.into_iter().flatten() {
        set(&name, &value);
    }
    all
}
