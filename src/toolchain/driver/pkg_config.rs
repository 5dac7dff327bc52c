//! `pkg-config` that sees the target's libraries only.

use std::path::Path;

use super::config::Driver;
use super::folders::Folders;

/// What to do for a call of `pkg-config`.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Run the machine's own with these variables set or removed.
    Run(Vec<(String, Option<String>)>),
    /// There is none: an answer and its exit code.
    Answer { stdout: String, stderr: String, code: i32 },
}

/// Plans a call made in `cwd`; `installed` says whether the machine has a pkg-config.
///
/// Folders that a package names itself (`PKG_CONFIG_PATH`, for libraries it has just built) are kept
/// unless they are the build machine's.
pub fn plan(driver: &Driver, cwd: &Path, args: &[String], installed: bool) -> Plan {
    if !installed {
        return absent(args);
    }
    let own =
        std::env::var("PKG_CONFIG_PATH").ok().and_then(|path| Folders::new(driver, cwd).filter_list(&path));
    let set = |name: &str, value: Option<String>| (name.to_owned(), value);
    Plan::Run(vec![
        // An empty value would mean the built-in folders, so a folder that does not exist stands for none.
        set(
            "PKG_CONFIG_LIBDIR",
            Some(match driver.pkg_config_folders.as_slice() {
                [] => "/nonexistent".to_owned(),
                folders => folders.join(":"),
            }),
        ),
        set("PKG_CONFIG_PATH", own),
        set("PKG_CONFIG_SYSROOT_DIR", driver.pkg_config_sysroot.clone()),
        set("PKG_CONFIG_SYSTEM_INCLUDE_PATH", None),
        set("PKG_CONFIG_SYSTEM_LIBRARY_PATH", None),
    ])
}

/// What a pkg-config says that knows no package.
fn absent(args: &[String]) -> Plan {
    let answer =
        |stdout: &str, stderr: String, code| Plan::Answer { stdout: stdout.to_owned(), stderr, code };
    if args.iter().any(|arg| arg == "--version") {
        return answer("0.29.2\n", String::new(), 0);
    }
    if args.iter().any(|arg| arg.starts_with("--atleast-pkgconfig-version")) {
        return answer("", String::new(), 0);
    }
    let missing: Vec<String> = args
        .iter()
        .filter(|arg| !arg.starts_with('-'))
        .map(|name| {
            format!("Package '{name}' not found: this machine has no pkg-config to look it up with\n")
        })
        .collect();
    answer("", missing.concat(), i32::from(!missing.is_empty()))
}
