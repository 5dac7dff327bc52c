//! Asks the user's pip for its configuration and for the index it asks when nothing is configured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::Settings;
use crate::index::Variables;
use crate::report::{Code, Error, Result};

/// Prints pip's merged configuration (files in their order, then `PIP_` variables) and its default.
///
/// Importing from the current folder is switched off first: it may be one somebody else filled.
const SCRIPT: &str = r#"
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import json
from pip._internal.configuration import Configuration
from pip._internal.models.index import PyPI
configuration = Configuration(isolated=False)
configuration.load()
values = {}
for key, value in configuration.items():
    values.update(value if isinstance(value, dict) else {key: value})
print(json.dumps({"default": PyPI.simple_url, "values": values}))
"#;

/// Sections in which later ones win, as for `pip install` and `pip download`.
const SECTIONS: [&str; 4] = ["global", "install", "download", ":env:"];

#[derive(Deserialize)]
struct Answer {
    default: String,
    /// `section.key` → value.
    values: BTreeMap<String, String>,
}

/// Starts `python` once and asks its pip.
pub(super) fn ask(python: &Path, variables: &Variables) -> Result<Settings> {
    let failed = || {
        Error::new(Code::IndexConfig, format!("cannot ask the pip of `{}` for its index", python.display()))
            .hint(format!("name the index with `{}=URL`", super::INDEX_URL))
            .hint(format!("or install pip for it: `{} -m ensurepip`", python.display()))
    };
    // As a name, not as a path: a path without a folder would be sought in the current one.
    let command = duct::cmd(python.as_os_str(), ["-c", SCRIPT])
        .full_env(variables.iter())
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .unchecked();
    let output = crate::process::run_program(command).map_err(|error| failed().cause(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed().cause(said.trim().lines().next_back().unwrap_or("no output").to_owned()));
    }
    let answer: Answer =
        serde_json::from_slice(&output.stdout).map_err(|error| failed().cause(error.to_string()))?;
    Ok(settings(&answer))
}

/// What the `PIP_` variables say, without starting anything.
pub(super) fn from_variables(variables: &Variables) -> Settings {
    let values = variables.iter().filter_map(|(name, value)| {
        let key = name.strip_prefix("PIP_")?.to_ascii_lowercase().replace('_', "-");
        Some((format!(":env:.{key}"), value.to_owned()))
    });
    settings(&Answer { default: String::new(), values: values.collect() })
}

fn settings(answer: &Answer) -> Settings {
    let get = |key: &str| {
        let of = |section: &&str| answer.values.get(&format!("{section}.{key}"));
        SECTIONS.iter().rev().find_map(of).map(|value| value.trim()).filter(|value| !value.is_empty())
    };
    let list = |key: &str| -> Vec<String> {
        get(key).into_iter().flat_map(str::split_whitespace).map(str::to_owned).collect()
    };
    let yes = |key: &str| {
        get(key).is_some_and(|value| {
            ["1", "true", "yes", "on", "y", "t"].contains(&value.to_ascii_lowercase().as_str())
        })
    };
    Settings {
        default_index: Some(get("index-url").unwrap_or(&answer.default).to_owned()),
        extra_indexes: list("extra-index-url"),
        find_links: list("find-links"),
        no_index: yes("no-index"),
        any_index: Some(true),
        certificates: get("cert").map(PathBuf::from),
        client_certificate: get("client-cert").map(PathBuf::from),
        trusted_hosts: list("trusted-host"),
        proxy: get("proxy").map(str::to_owned),
        timeout: get("timeout")
            .or_else(|| get("default-timeout"))
            .and_then(|value| value.parse::<f64>().ok())
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|timeout| !timeout.is_zero()),
        retries: get("retries").and_then(|value| value.parse().ok()),
        keyring: get("keyring-provider") == Some("subprocess"),
        credentials: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(values: &[(&str, &str)]) -> Answer {
        Answer {
            default: "https://default.test/simple".to_owned(),
            values: values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        }
    }

    #[test]
    fn later_sections_win_and_lists_split_at_white_space() {
        let settings = settings(&answer(&[
            ("global.index-url", "https://a.test/"),
            ("install.index-url", "https://b.test/"),
            (":env:.index-url", "https://c.test/"),
            ("global.extra-index-url", "https://d.test/\nhttps://e.test/"),
            ("global.timeout", "2.5"),
            ("global.no-index", "0"),
            (":env:.find-links", "/one two"),
            ("global.trusted-host", "d.test e.test:8080"),
        ]));
        assert_eq!(settings.default_index.as_deref(), Some("https://c.test/"));
        assert_eq!(settings.extra_indexes, ["https://d.test/", "https://e.test/"]);
        assert_eq!(settings.find_links, ["/one", "two"]);
        assert_eq!(settings.trusted_hosts, ["d.test", "e.test:8080"]);
        assert_eq!(settings.timeout, Some(Duration::from_millis(2500)));
        assert!(!settings.no_index);
    }

    #[test]
    fn with_nothing_configured_pips_own_default_is_used() {
        let settings = settings(&answer(&[("global.no-index", "true")]));
        assert_eq!(settings.default_index.as_deref(), Some("https://default.test/simple"));
        assert!(settings.no_index);
    }

    #[test]
    fn the_real_pip_answers_and_reads_its_variables() {
        let mut variables: BTreeMap<String, String> =
            Variables::of_process().iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        variables.insert("PIP_EXTRA_INDEX_URL".to_owned(), "https://extra.test/simple".to_owned());
        variables.remove("PIP_INDEX_URL");
        let settings = ask(Path::new("python3"), &variables.into_iter().collect()).unwrap();
        assert!(settings.default_index.unwrap().starts_with("http"));
        assert_eq!(settings.extra_indexes, ["https://extra.test/simple"]);
    }

    #[test]
    fn no_interpreter_is_an_error_that_names_the_way_out() {
        let error = ask(Path::new("/nonexistent/python"), &Variables::of_process()).unwrap_err();
        assert_eq!(error.code(), Code::IndexConfig);
        assert!(error.hints()[0].contains("WHEELBUILD_INDEX_URL"), "{error:?}");
    }
}
