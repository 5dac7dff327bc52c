//! Arguments made ready: flag, variable, project file, user file and default merged into one value
//! each, and every spelling read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::typed::{Compiling, Global};
use crate::config::{self, Config, Found};
use crate::report::{Code, Error, Result};
use crate::toolchain::tools::Tools;

/// Reads the configuration that applies in the working directory.
pub fn configuration(global: &Global) -> Result<Found> {
    if global.hermetic && global.config.is_none() {
        return Ok(Found::default());
    }
    let here = std::env::current_dir().map_err(|e| Error::io("open", Path::new("."), &e))?;
    let user = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".config")));
    config::load(&here, user.as_deref(), global.config.as_deref())
}

/// The cache folder: flag or variable, configuration, XDG, home.
pub fn cache_dir(global: &Global, config: &Config) -> Result<PathBuf> {
    if let Some(folder) = global.cache_dir.clone().or_else(|| config.cache_dir.clone()) {
        return Ok(folder);
    }
    if let Some(folder) =
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute())
    {
        return Ok(folder.join("wheelbuild"));
    }
    std::env::home_dir()
        .filter(|home| home.is_absolute())
        .map(|home| home.join(".cache/wheelbuild"))
        .ok_or_else(|| {
            Error::new(Code::Config, "there is no home folder to keep the cache in")
                .hint("name one with `--cache-dir DIR` or WHEELBUILD_CACHE_DIR")
        })
}

/// `--zig`, else the configured one. The wheel of the pinned zig is unpacked into the cache, where
/// the pinned one is looked for, so that none is named any more.
pub fn zig(typed: Option<&PathBuf>, config: &Config, tools: &Tools<'_>) -> Result<Option<PathBuf>> {
    match typed.or(config.zig.as_ref()) {
        Some(wheel) if wheel.extension().is_some_and(|extension| extension == "whl") => {
            tools.adopt("zig", wheel)?;
            Ok(None)
        }
        Some(zig) if !zig.is_file() => {
            Err(Error::new(Code::InputNotFound, format!("there is no zig at `{}`", zig.display())))
        }
        other => Ok(other.cloned()),
    }
}

/// The wheels of `--build-dep`, each of which has to be there.
pub fn build_deps(typed: &[PathBuf]) -> Result<Vec<PathBuf>> {
    match typed.iter().find(|wheel| !wheel.is_file()) {
        Some(wheel) => {
            Err(Error::new(Code::InputNotFound, format!("there is no file `{}`", wheel.display()))
                .hint("`--build-dep` takes wheels; a name is taken by `--build-requires`"))
        }
        None => Ok(typed.to_vec()),
    }
}

/// `--jobs`, else the number of cores this process may use.
pub fn jobs(how: &Compiling, config: &Config) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    how.jobs.or(config.jobs).map_or(cores, |jobs| usize::try_from(jobs.max(1)).unwrap_or(cores))
}

/// The targets of `--target` or the configuration, in order, as typed.
pub fn targets(typed: &[String], config: &Config) -> Result<Vec<String>> {
    let typed = if typed.is_empty() {
        config.target.as_ref().map(config::OneOrMany::values).unwrap_or_default()
    } else {
        typed.to_vec()
    };
    if typed.is_empty() {
        return Err(Error::new(Code::Usage, "no target is given")
            .hint("say what to build for, for example `--target x86_64-linux`"));
    }
    Ok(typed)
}

/// Reads the size of a limit. Nothing starts within less than `least` MiB.
///
/// # Errors
/// As [`size`].
pub fn limit(flag: &str, text: &str, least: u64) -> Result<u64> {
    match size(flag, text)? {
        bytes if bytes < least << 20 => {
            Err(Error::new(Code::Usage, format!("`{flag} {text}` is too little to start a build"))
                .hint(format!("give at least `{flag} {least}MiB`")))
        }
        bytes => Ok(bytes),
    }
}

/// Reads `4GiB`, `512M`, `1000000` as bytes; units are powers of 1024.
pub fn size(flag: &str, text: &str) -> Result<u64> {
    let bad = || {
        Error::new(Code::Usage, format!("`{text}` is no size for `{flag}`"))
            .hint("write it like `4GiB` or `512MiB`")
    };
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return Err(bad()),
    };
    let number: f64 = number.parse().map_err(|_| bad())?;
    let bytes = number * factor as f64;
    if !(1.0..=1e18).contains(&bytes) {
        return Err(bad());
    }
    Ok(bytes as u64)
}

/// Reads `KEY=VALUE`.
pub fn setting(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Error::new(Code::Usage, format!("`{text}` is no `KEY=VALUE`"))),
    }
}

/// `--timeout` in seconds.
pub fn timeout(how: &Compiling, config: &Config) -> Option<Duration> {
    how.timeout.or(config.timeout).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("--memory", "4GiB").unwrap(), 4 << 30);
        assert_eq!(size("--memory", "1.5k").unwrap(), 1536);
        assert_eq!(size("--memory", "100").unwrap(), 100);
        assert_eq!(limit("--disk", "1MiB", 1).unwrap(), 1 << 20);
        assert!(limit("--memory", "63M", 64).unwrap_err().hints()[0].contains("--memory 64MiB"));
        for bad in ["", "4XB", "-1", "GiB", "0", "1e400"] {
            assert_eq!(size("--memory", bad).unwrap_err().code(), Code::Usage, "{bad}");
        }
    }

    #[test]
    fn settings() {
        assert_eq!(setting("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
        assert!(setting("a").is_err());
        assert!(setting("=a").is_err());
    }
}
