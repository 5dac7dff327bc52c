//! Finding, reading and merging the files.

use std::fs;
use std::path::{Path, PathBuf};

use super::Config;
use crate::report::{Code, Error, Result};

/// The merged configuration and the files it came from, nearest first.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub config: Config,
    pub files: Vec<PathBuf>,
}

/// Reads the configuration for work in `start` (an absolute folder) by a user whose configuration
/// lies in `user` (`$XDG_CONFIG_HOME` or `~/.config`). `named` replaces the search for a project file.
///
/// The project file is the first `wheelbuild.toml`, or `pyproject.toml` with a `[tool.wheelbuild]`
/// table, in `start` or a folder above it; the search stops at the root of a repository.
pub fn load(start: &Path, user: Option<&Path>, named: Option<&Path>) -> Result<Found> {
    let mut found = Found::default();
    let project = match named {
        Some(path) => Some((path.to_owned(), read(path)?)),
        None => nearest(start)?,
    };
    if let Some((path, config)) = project {
        found.files.push(path);
        found.config = config;
    }
    if let Some(path) =
        user.map(|folder| folder.join("wheelbuild/wheelbuild.toml")).filter(|path| path.is_file())
    {
        let config = read(&path)?;
        found.config = found.config.or(config);
        found.files.push(path);
    }
    Ok(found)
}

fn nearest(start: &Path) -> Result<Option<(PathBuf, Config)>> {
    for folder in start.ancestors() {
        let own = folder.join("wheelbuild.toml");
        if own.is_file() {
            let config = read(&own)?;
            return Ok(Some((own, config)));
        }
        let pyproject = folder.join("pyproject.toml");
        if pyproject.is_file() {
            // Somebody else's file: only our table in it concerns us.
            let text = fs::read_to_string(&pyproject).map_err(|e| Error::io("read", &pyproject, &e))?;
            let table = toml::from_str::<toml::Table>(&text)
                .ok()
                .and_then(|mut table| table.remove("tool"))
                .and_then(|tool| tool.as_table().and_then(|tool| tool.get("wheelbuild").cloned()));
            if let Some(table) = table {
                let mut config: Config =
                    table.try_into().map_err(|e: toml::de::Error| wrong(&pyproject, &e))?;
                config.anchor(folder);
                return Ok(Some((pyproject, config)));
            }
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<Config> {
    let text = fs::read_to_string(path).map_err(|e| {
        Error::new(Code::Config, format!("cannot read `{}`", path.display())).cause(e.to_string())
    })?;
    let mut config: Config = toml::from_str(&text).map_err(|e| wrong(path, &e))?;
    config.anchor(path.parent().unwrap_or(Path::new(".")));
    Ok(config)
}

/// serde's message names the key in backticks; the nearest known key is a better hint than its list.
fn wrong(path: &Path, error: &toml::de::Error) -> Error {
    let message = error.message();
    let place = error.to_string().lines().next().unwrap_or_default().to_owned();
    let result = Error::new(Code::Config, format!("`{}` is wrong", path.display()))
        .cause(message.split(", expected").next().unwrap_or(message).to_owned());
    let result = if place.starts_with("TOML parse error") { result.line(place) } else { result };
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    match unknown
        .and_then(|key| Config::KEYS.iter().min_by_key(|known| strsim::damerau_levenshtein(key, known)))
    {
        Some(near) => result.hint(format!("did you mean `{near}`?")),
        None => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn the_nearest_project_file_wins_over_the_users() {
        let folder = folder(&[
            (
                "a/pyproject.toml",
                "[tool.wheelbuild]\npython = '3.12'\n[tool.wheelbuild.packages.numpy]\nenv = {A='1'}",
            ),
            ("a/b/pyproject.toml", "[project]\nname='x'"),
            ("user/wheelbuild/wheelbuild.toml", "python = '3.9'\njobs = 3"),
        ]);
        let found = load(&folder.path().join("a/b"), Some(&folder.path().join("user")), None).unwrap();
        assert_eq!(found.config.python.as_deref(), Some("3.12"));
        assert_eq!(found.config.jobs, Some(3));
        assert_eq!(found.config.packages["numpy"].env["A"], "1");
        assert_eq!(found.files.len(), 2);
    }

    #[test]
    fn the_search_stops_at_the_repository() {
        let folder = folder(&[("wheelbuild.toml", "jobs = 1"), ("repo/.git/x", ""), ("repo/sub/x", "")]);
        assert!(load(&folder.path().join("repo/sub"), None, None).unwrap().files.is_empty());
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest() {
        let folder = folder(&[("wheelbuild.toml", "pyhton = '3.12'")]);
        let error = load(folder.path(), None, None).unwrap_err();
        assert_eq!(error.code(), Code::Config);
        assert_eq!(error.hints(), ["did you mean `python`?"]);
        let error = load(folder.path(), None, Some(&folder.path().join("none.toml"))).unwrap_err();
        assert_eq!(error.code(), Code::Config);
    }

    #[test]
    fn every_key_is_known_to_the_suggestions() {
        let text = "target='a'\npython='a'\noutdir='a'\ncache-dir='a'\nisolation='a'\ncc='a'\nbuild-lock='a'\njobs=1\n\
                    memory='1'\nprocesses=1\ndisk='1'\ntimeout=1\nzig='a'\nuv='a'\nrust='a'\ndebian-archives=['a']\noffline=true\nno-overrides=true\nno-cache=true\n\
                    cache='a'\ntrust-cache='a'\ncache-keys='a'\ncache-signing-key='a'\ncache-locks='a'\ncache-timeout=1\ninsecure-cache=true\nsources=[]\n\
                    [packages.a]\nconfig-settings={a=['b']}\nenv={}\nbuild-requires=[]\nnative=[]\npatches=[]\nallow-pure=true";
        assert!(toml::from_str::<Config>(text).is_ok());
        let table: toml::Table = toml::from_str(text).unwrap();
        let inner = table["packages"]["a"].as_table().unwrap();
        for key in table.keys().chain(inner.keys()) {
            assert!(Config::KEYS.contains(&key.as_str()), "{key}");
        }
    }
}
