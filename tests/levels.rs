//! The arrows between modules point one way: every `crate::` path names a module of a lower level,
//! or of the same folder.

use std::fs;
use std::path::{Path, PathBuf};

/// The levels of ARCHITECTURE.md.
const LEVELS: &[(&str, u8)] = &[
    ("main", 7),
    ("cli", 7),
    ("prefill", 6),
    ("image", 6),
    ("verify", 6),
    ("build", 5),
    ("backend", 4),
    ("plan", 4),
    ("toolchain", 3),
    ("python", 3),
    ("native", 3),
    ("wheelhouse", 3),
    ("apt", 2),
    ("cache", 2),
    ("sdist", 2),
    ("wheel", 2),
    ("lock", 2),
    ("config", 2),
    ("elf", 1),
    ("archive", 1),
    ("index", 1),
    ("metadata", 1),
    ("report", 0),
    ("target", 0),
    ("process", 0),
    ("file", 0),
];

/// Arrows inside one level, each with its reason.
const SIDEWAYS: &[(&str, &str)] = &[
    // Errors are what everything returns, targets report unknown spellings, processes both.
    ("target", "report"),
    ("process", "report"),
    ("file", "report"),
    // A wheel's judge compares its metadata and names with the index's and the sdist's spelling.
    ("archive", "metadata"),
    ("index", "metadata"),
    ("index", "archive"),
    // The files of a lock are wheels by their names.
    ("lock", "wheel"),
    // Debian packages are kept unpacked in the cache.
    ("apt", "cache"),
    // Environments are installed with pinned tools.
    ("python", "toolchain"),
    // What a build lacks is read off the compiler drivers' log.
    ("native", "toolchain"),
    ("main", "cli"),
];

fn level(module: &str) -> Option<u8> {
    LEVELS.iter().find(|(name, _)| *name == module).map(|(_, level)| *level)
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn upward_arrows(module: &str, text: &str) -> Vec<String> {
    let own = level(module).unwrap_or_else(|| panic!("`{module}` has no level"));
    let mut wrong = Vec::new();
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or_default();
        for part in code.split("crate::").skip(1) {
            let names: Vec<String> = match part.strip_prefix('{') {
                Some(list) => list
                    .split('}')
                    .next()
                    .unwrap_or_default()
                    .split(',')
                    .map(|name| name.trim().split("::").next().unwrap_or_default().to_owned())
                    .collect(),
                None => vec![
                    part.split(|c: char| !c.is_alphanumeric() && c != '_')
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                ],
            };
            for name in names.iter().filter(|name| !name.is_empty() && *name != module) {
                let Some(other) = level(name) else { continue };
                let sideways = SIDEWAYS.contains(&(module, name));
                if other > own || (other == own && !sideways) {
                    wrong
                        .push(format!("{module} (level {own}) uses {name} (level {other}): {}", line.trim()));
                }
            }
        }
    }
    wrong
}

#[test]
fn no_module_uses_a_higher_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20);
    let mut wrong = Vec::new();
    for file in &files {
        let relative = file.strip_prefix(&root).unwrap();
        let module = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        wrong.extend(upward_arrows(module, &fs::read_to_string(file).unwrap()));
    }
    assert!(wrong.is_empty(), "arrows upwards:\n{}", wrong.join("\n"));
}

#[test]
fn an_arrow_upwards_is_seen() {
    assert_eq!(upward_arrows("cache", "use crate::cli::print;").len(), 1);
    assert_eq!(upward_arrows("cache", "use crate::{cli, report::Error};").len(), 1);
    assert_eq!(upward_arrows("cache", "use crate::report::Error; let x = crate::build::run();").len(), 1);
    assert!(upward_arrows("cache", "use crate::report::Error; // crate::cli").is_empty());
}
