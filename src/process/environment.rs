//! The environment of a hook: the same on every machine, nothing inherited by accident.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;

/// HOME inside the namespaces: empty, in memory, gone after the run.
pub const BUILD_HOME: &str = "/build/home";

/// Where a run in namespaces is given the file that it shall see as `/proc/cpuinfo`, by a mount of its own.
pub const CPUINFO: &str = "/etc/cpuinfo";

/// What every hook gets, whoever starts it and wherever.
///
/// `path` is PATH, `home` and `tmp` are HOME and TMPDIR as the run sees them (in namespaces
/// [`BUILD_HOME`] and `/tmp`), `epoch` is SOURCE_DATE_EPOCH in seconds since 1970.
pub fn base_environment(path: &str, home: &Path, tmp: &Path, epoch: u64) -> BTreeMap<OsString, OsString> {
    let fixed = [
        // One locale and one time zone: messages, sort orders and dates are the same everywhere.
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("TERM", "dumb"),
        // Code generators that walk a set or dict must walk it the same way each time.
        ("PYTHONHASHSEED", "0"),
        // Nothing of the user's own site folder, and no bytecode into read-only environments.
        ("PYTHONNOUSERSITE", "1"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        // Lines reach the log in the order they were printed.
        ("PYTHONUNBUFFERED", "1"),
        ("PYTHONUTF8", "1"),
        ("USER", "build"),
        ("LOGNAME", "build"),
        ("SHELL", "/bin/sh"),
    ];
    let mut environment: BTreeMap<OsString, OsString> =
        fixed.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    environment.insert("PATH".into(), path.into());
    environment.insert("HOME".into(), home.into());
    for name in ["TMPDIR", "TEMP", "TMP"] {
        environment.insert(name.into(), tmp.into());
    }
    environment.insert("SOURCE_DATE_EPOCH".into(), epoch.to_string().into());
    environment
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    variable: Vec<Variable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    /// A name, or with `*` at its end the start of names.
    name: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "read by people and by the test"))]
    why: String,
}

static PASSTHROUGH: LazyLock<Vec<Variable>> = LazyLock::new(|| {
    let text = include_str!("../../toolchains/environment.toml");
    // The table is part of this program and the tests read it.
    toml::from_str::<Table>(text).expect("toolchains/environment.toml is valid").variable
});

/// Whether the user's variable `name` reaches the hooks. Such a variable is part of the key of a
/// build. The list, with a reason for each, is `toolchains/environment.toml`.
pub fn passthrough(name: &str) -> bool {
    PASSTHROUGH.iter().any(|variable| match variable.name.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == variable.name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_a_name_with_a_reason() {
        assert!(!PASSTHROUGH.is_empty());
        for variable in PASSTHROUGH.iter() {
            let name = variable.name.trim_end_matches('*');
            assert!(
                name.len() > 3
                    && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            );
            assert!(variable.why.len() > 10, "{} has no reason", variable.name);
            assert!(passthrough(name));
        }
    }

    #[test]
    fn secrets_and_paths_of_the_user_do_not_pass() {
        for name in [
            "HOME",
            "PATH",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "SSH_AUTH_SOCK",
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "UV_INDEX_URL",
            "PIP_INDEX_URL",
            "DOCKER_HOST",
            "CC",
            "HTTP_PROXY",
        ] {
            assert!(!passthrough(name), "{name}");
        }
    }

    #[test]
    fn the_environment_is_complete_and_takes_what_is_given() {
        let environment =
            base_environment("/build/bin:/usr/bin", Path::new(BUILD_HOME), Path::new("/tmp"), 315_532_800);
        for (name, value) in [
            ("PATH", "/build/bin:/usr/bin"),
            ("HOME", BUILD_HOME),
            ("TMPDIR", "/tmp"),
            ("TZ", "UTC"),
            ("SOURCE_DATE_EPOCH", "315532800"),
            ("PYTHONHASHSEED", "0"),
        ] {
            assert_eq!(environment[&OsString::from(name)], OsString::from(value));
        }
    }
}
