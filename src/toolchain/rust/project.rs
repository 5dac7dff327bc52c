//! The cargo workspaces of a source tree: which of them the build will call, and what they ask of
//! the compiler.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use toml::{Table, Value};

use crate::report::Result;

/// Larger than any manifest there is.
const LARGEST: u64 = 4 << 20;

/// Cargo in one source tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CargoProject {
    /// Sorted by folder.
    pub workspaces: Vec<Workspace>,
    /// True when the build calls cargo for certain: its backend or a requirement is made for that.
    pub certain: bool,
}

/// One workspace, or a package that is none's member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its folder in the tree, relative; empty for the tree's own.
    pub folder: PathBuf,
    /// Whether a Cargo.lock lies there.
    pub locked: bool,
    /// Whether the build names it: what is locked but not named may be an example or a fixture.
    pub named: bool,
    /// The newest `rust-version` of its packages, as written.
    pub rust_version: Option<String>,
    /// True when cargo takes its crates from a folder of the tree itself (source replacement).
    pub vendored: bool,
}

impl CargoProject {
    /// Reads the tree at `root`. `requires` are its build requirements, `backend` its PEP 517 backend.
    ///
    /// Manifests that do not parse are left out: cargo says it better, and they may be fixtures.
    pub fn read(root: &Path, backend: &str, requires: &[String]) -> Result<Self> {
        let manifests = manifests(root);
        if manifests.is_empty() {
            return Ok(Self::default());
        }
        let asks = |name: &str| {
            requires.iter().any(|requirement| {
                let text = requirement.trim_start();
                let end = text
                    .find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
                    .unwrap_or(text.len());
                crate::metadata::normalize(&text[..end]) == name
            })
        };
        let certain =
            backend.split(['.', ':']).next() == Some("maturin") || asks("maturin") || asks("setuptools-rust");
        let named = named_manifests(root);
        let mut workspaces: BTreeMap<PathBuf, Workspace> = BTreeMap::new();
        for (folder, manifest) in &manifests {
            let home = workspace_of(folder, manifest, &manifests);
            let place = workspaces.entry(home.clone()).or_insert_with(|| Workspace {
                locked: root.join(&home).join("Cargo.lock").is_file(),
                vendored: vendored(root, &home),
                named: false,
                rust_version: None,
                folder: home.clone(),
            });
            place.named |= named.contains(folder);
            let version = rust_version(manifest, manifests.get(&home));
            if newer(version.as_deref(), place.rust_version.as_deref()) {
                place.rust_version = version;
            }
        }
        let workspaces = workspaces.into_values().filter(|place| place.locked || place.named).collect();
        Ok(Self { workspaces, certain })
    }

    /// The newest `rust-version` of what the build names.
    pub fn rust_version(&self) -> Option<&str> {
        let named = self.workspaces.iter().filter(|place| place.named);
        named
            .filter_map(|place| place.rust_version.as_deref())
            .fold(None, |best, version| if newer(Some(version), best) { Some(version) } else { best })
    }
}

/// Every manifest of the tree by its folder, without those below vendored crates.
fn manifests(root: &Path) -> BTreeMap<PathBuf, Table> {
    let mut found = BTreeMap::new();
    let walk = walkdir::WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(|entry| {
        !(entry.file_type().is_dir() && entry.path().join(".cargo-checksum.json").is_file())
    });
    for entry in walk.flatten().filter(|entry| entry.file_name() == "Cargo.toml") {
        let Some(table) = read_table(entry.path()) else { continue };
        let folder = entry.path().parent().and_then(|folder| folder.strip_prefix(root).ok());
        if let Some(folder) = folder
            && (table.contains_key("package") || table.contains_key("workspace"))
        {
            found.insert(folder.to_owned(), table);
        }
    }
    found
}

fn read_table(path: &Path) -> Option<Table> {
    let small = fs::symlink_metadata(path).ok().filter(|facts| facts.is_file() && facts.len() < LARGEST);
    small.and_then(|_| fs::read_to_string(path).ok()?.parse().ok())
}

/// The folder of the workspace that the package in `folder` belongs to: its own, the one it names,
/// or the nearest above it that does not exclude it (The Cargo Book, "Workspaces").
fn workspace_of(folder: &Path, manifest: &Table, all: &BTreeMap<PathBuf, Table>) -> PathBuf {
    if manifest.contains_key("workspace") {
        return folder.to_owned();
    }
    let package = manifest.get("package").and_then(Value::as_table);
    if let Some(named) = package.and_then(|package| package.get("workspace")).and_then(Value::as_str)
        && let Some(folder) = joined(folder, named)
        && all.contains_key(&folder)
    {
        return folder;
    }
    for above in folder.ancestors().skip(1) {
        let Some(workspace) =
            all.get(above).and_then(|manifest| manifest.get("workspace")).and_then(Value::as_table)
        else {
            continue;
        };
        let excluded = strings(workspace.get("exclude"))
            .any(|path| joined(above, path).is_some_and(|excluded| folder.starts_with(excluded)));
        let listed = strings(workspace.get("members"))
            .any(|path| joined(above, path).is_some_and(|member| member == folder));
        if listed || !excluded {
            return above.to_owned();
        }
    }
    folder.to_owned()
}

fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// `path` from `folder`, both within the tree; None when it leads out.
fn joined(folder: &Path, path: &str) -> Option<PathBuf> {
    let mut result = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            Component::Normal(name) => result.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !result.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(result)
}

/// Folders of the manifests that a backend is told of, or takes when it is told of none.
fn named_manifests(root: &Path) -> BTreeSet<PathBuf> {
    let mut paths = vec!["Cargo.toml".to_owned()];
    if let Some(pyproject) = read_table(&root.join("pyproject.toml")) {
        let tool = |name: &str| pyproject.get("tool")?.get(name);
        paths.extend(
            tool("maturin")
                .and_then(|table| table.get("manifest-path"))
                .and_then(Value::as_str)
                .map(str::to_owned),
        );
        for kind in ["ext-modules", "bins"] {
            let modules = tool("setuptools-rust")
                .and_then(|table| table.get(kind))
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            paths.extend(
                modules.filter_map(|module| module.get("path")).filter_map(Value::as_str).map(str::to_owned),
            );
        }
    }
    // maturin looks into these when the tree's own folder has no manifest.
    paths.extend(["rust", "native", "src"].map(|folder| format!("{folder}/Cargo.toml")));
    if let Ok(script) = fs::read_to_string(root.join("setup.py")) {
        paths
            .extend(script.split(['"', '\'']).filter(|word| word.ends_with("Cargo.toml")).map(str::to_owned));
    }
    paths.iter().filter_map(|path| joined(Path::new(""), path)?.parent().map(Path::to_owned)).collect()
}

/// `rust-version` of a manifest, which may say that its workspace has it.
fn rust_version(manifest: &Table, workspace: Option<&Table>) -> Option<String> {
    let value = manifest.get("package")?.get("rust-version")?;
    let inherited = value.get("workspace").and_then(Value::as_bool) == Some(true);
    let value =
        if inherited { workspace?.get("workspace")?.get("package")?.get("rust-version")? } else { value };
    value.as_str().map(str::to_owned)
}

/// Whether the first of two dotted versions is the later one.
pub(super) fn newer(version: Option<&str>, than: Option<&str>) -> bool {
    match (version.map(numbers), than.map(numbers)) {
        (Some(version), Some(than)) => version > than,
        (version, None) => version.is_some(),
        (None, _) => false,
    }
}

/// `1.97.1-beta.2` as `[1, 97, 1]`, three numbers whatever is left out.
fn numbers(version: &str) -> [u64; 3] {
    let mut numbers = [0; 3];
    let plain = version.split(['-', '+', ' ']).next().unwrap_or_default();
    for (place, part) in numbers.iter_mut().zip(plain.split('.')) {
        *place = part.parse().unwrap_or(0);
    }
    numbers
}

/// Whether a `.cargo/config.toml` of the tree replaces a source by a folder of the tree.
fn vendored(root: &Path, workspace: &Path) -> bool {
    workspace.ancestors().any(|folder| {
        ["config.toml", "config"].iter().any(|name| {
            let config = read_table(&root.join(folder).join(".cargo").join(name));
            let sources = config.as_ref().and_then(|config| config.get("source")?.as_table());
            sources.is_some_and(|sources| {
                sources.values().any(|source| {
                    let replacement = source.get("replace-with").and_then(Value::as_str);
                    replacement
                        .and_then(|name| sources.get(name)?.get("directory")?.as_str())
                        .and_then(|path| joined(folder, path))
                        .is_some_and(|path| root.join(path).is_dir())
                })
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn read(files: &[(&str, &str)]) -> CargoProject {
        CargoProject::read(tree(files).path(), "maturin", &[]).unwrap()
    }

    #[test]
    fn members_belong_to_the_workspace_above_and_the_excluded_do_not() {
        let found = read(&[
            (
                "Cargo.toml",
                "[workspace]\nmembers=['a']\nexclude=['b']\n[workspace.package]\nrust-version='1.83'",
            ),
            ("Cargo.lock", ""),
            ("a/Cargo.toml", "[package]\nname='a'\nrust-version.workspace=true"),
            ("b/Cargo.toml", "[package]\nname='b'\nrust-version='1.99'"),
            ("c/Cargo.toml", "[package]\nname='c'\nrust-version='1.84.1'"),
            ("vendor/x/Cargo.toml", "[package]\nname='x'\nrust-version='2.0'"),
            ("vendor/x/.cargo-checksum.json", "{}"),
            ("broken/Cargo.toml", "[package"),
        ]);
        let [only] = &found.workspaces[..] else { panic!("{found:?}") };
        assert_eq!((only.folder.as_path(), only.locked, only.named), (Path::new(""), true, true));
        assert_eq!(found.rust_version(), Some("1.84.1"));
        assert!(found.certain && !only.vendored);
    }

    #[test]
    fn what_setup_py_and_pyproject_name_counts_without_a_lock() {
        let package = "[package]\nname='a'\nversion='1'";
        let found = read(&[
            ("pyproject.toml", "[[tool.setuptools-rust.ext-modules]]\ntarget='x'\npath='one/Cargo.toml'"),
            ("setup.py", "RustExtension('x', path=\"src/two/Cargo.toml\")"),
            ("one/Cargo.toml", package),
            ("src/two/Cargo.toml", package),
            ("examples/three/Cargo.toml", package),
            ("examples/four/Cargo.toml", package),
            ("examples/four/Cargo.lock", ""),
        ]);
        let folders: Vec<_> =
            found.workspaces.iter().map(|place| (place.folder.to_str().unwrap(), place.named)).collect();
        assert_eq!(folders, [("examples/four", false), ("one", true), ("src/two", true)]);
    }

    #[test]
    fn a_tree_without_cargo_has_none_and_a_requirement_makes_it_certain() {
        let folder = tree(&[("setup.py", "")]);
        assert_eq!(
            CargoProject::read(folder.path(), "setuptools.build_meta", &[]).unwrap(),
            CargoProject::default()
        );
        let folder = tree(&[("Cargo.toml", "[package]\nname='a'")]);
        let read = |requires: &[&str]| {
            let requires: Vec<String> = requires.iter().map(|text| (*text).to_owned()).collect();
            CargoProject::read(folder.path(), "setuptools.build_meta", &requires).unwrap().certain
        };
        assert!(read(&["setuptools", "Setuptools_Rust>=1.7,<2"]));
        assert!(!read(&["setuptools-rustic", "wheel"]));
    }

    #[test]
    fn crates_inside_the_tree_are_seen() {
        let config = "[source.crates-io]\nreplace-with='v'\n[source.v]\ndirectory='vendor'";
        let package = ("sub/Cargo.toml", "[package]\nname='a'");
        let setup = ("setup.py", "'sub/Cargo.toml'");
        let found = read(&[package, setup, (".cargo/config.toml", config), ("vendor/a/x", "")]);
        assert!(found.workspaces[0].vendored);
        let found = read(&[package, setup, (".cargo/config.toml", config)]);
        assert!(!found.workspaces[0].vendored, "the folder is not there");
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(newer(Some("1.100"), Some("1.99.2")) && newer(Some("1.83.1"), Some("1.83")));
        assert!(!newer(Some("1.83"), Some("1.83.0")) && !newer(None, Some("1")) && newer(Some("1"), None));
    }
}
