//! Every format read from small locks written by hand; real ones are made and read by
//! `tests/scripts/locks`.

use std::path::Path;

use proptest::prelude::*;

use super::project::Pyproject;
use super::{Kind, Lock, Selection, Source};
use crate::report::{Code, Error};

const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// `HASH` in place of `@`, and `@` of ` at `.
fn hashed(text: &str) -> String {
    text.replace('@', HASH).replace(" at https", " @ https")
}

fn lock(text: &str) -> Lock {
    Lock::parse(Path::new("the.lock"), hashed(text).as_bytes(), None).unwrap()
}

fn project_lock(text: &str, pyproject: &str) -> Lock {
    let pyproject = Pyproject::of_text(Path::new("pyproject.toml"), pyproject);
    Lock::parse(Path::new("the.lock"), hashed(text).as_bytes(), Some(&pyproject)).unwrap()
}

fn refused(text: &str) -> Error {
    Lock::parse(Path::new("the.lock"), hashed(text).as_bytes(), None).expect_err("must be refused")
}

/// Asked for: `+extra`, `@group`, `=group` for only that group.
fn asked(words: &[&str]) -> Selection {
    let of = |mark: char| -> Vec<String> {
        words.iter().filter_map(|word| word.strip_prefix(mark)).map(str::to_owned).collect()
    };
    Selection::new(&of('+'), &of('@'), &of('='))
}

fn select(lock: &Lock, words: &[&str], target: &str, python: &str) -> Result<Vec<String>, Error> {
    let environment = lock.environment(target.parse().unwrap(), python.parse().unwrap(), None)?;
    let selected = lock.select(&asked(words), &environment)?;
    Ok(selected.iter().map(|selected| selected.package.describe()).collect())
}

fn names(lock: &Lock, words: &[&str]) -> String {
    select(lock, words, "x86_64-linux", "3.11").unwrap().join(", ")
}

fn path(lock: &Lock, name: &str) -> String {
    let environment =
        lock.environment("x86_64-linux".parse().unwrap(), "3.11".parse().unwrap(), None).unwrap();
    let selected = lock.select(&Selection::default(), &environment).unwrap();
    selected.iter().find(|selected| selected.package.name == name).unwrap().path.join(" → ")
}

const UV: &str = r#"
version = 1
revision = 9
requires-python = ">=3.10, <3.13"
future-key = { a = 1 }
conflicts = [[{ package = "app", extra = "old" }, { package = "app", extra = "new" }]]

[[package]]
name = "app"
source = { virtual = "." }
dependencies = [
    { name = "direct", extra = ["fast"] },
    { name = "fork", version = "1.0", source = { registry = "https://index.example.invalid/simple" }, marker = "python_full_version < '3.12'" },
    { name = "fork", version = "2.0", source = { registry = "https://index.example.invalid/simple" }, marker = "python_full_version >= '3.12'" },
    { name = "windows-only", marker = "sys_platform == 'win32'" },
]

[package.optional-dependencies]
old = [{ name = "twice", version = "1.0", source = { registry = "https://index.example.invalid/simple" } }]
new = [{ name = "twice", version = "2.0", source = { registry = "https://index.example.invalid/simple" } }]

[package.dev-dependencies]
dev = [{ name = "tester" }]

[package.metadata]
provides-extras = ["old", "new", "empty"]

[[package]]
name = "direct"
version = "3.0"
source = { registry = "https://index.example.invalid/simple" }
dependencies = [{ name = "deep" }, { name = "picky", marker = "extra == 'extra-3-app-new'" }]
wheels = [
    { url = "https://files.example.invalid/d/direct-3.0%2Bcpu-py3-none-any.whl#x", hash = "sha256:@", size = 7, upload-time = "2026-01-01T00:00:00Z" },
]

[package.optional-dependencies]
fast = [{ name = "speed" }]

[[package]]
name = "deep"
version = "1"
source = { registry = "../files" }
sdist = { path = "deep-1.tar.gz" }

[[package]]
name = "speed"
version = "1"
source = { url = "https://files.example.invalid/speed-1.tar.gz" }
sdist = { hash = "sha256:@" }

[[package]]
name = "picky"
version = "1"
source = { git = "https://git.example.invalid/picky?rev=v1#abc" }

[[package]]
name = "fork"
version = "1.0"
source = { registry = "https://index.example.invalid/simple" }
resolution-markers = ["python_full_version < '3.12'"]

[[package]]
name = "fork"
version = "2.0"
source = { registry = "https://index.example.invalid/simple" }
resolution-markers = ["python_full_version >= '3.12'"]

[[package]]
name = "windows-only"
version = "1"
source = { path = "vendor/windows_only-1-py3-none-any.whl" }
wheels = [{ filename = "windows_only-1-py3-none-any.whl", hash = "sha256:@" }]

[[package]]
name = "twice"
version = "1.0"
source = { registry = "https://index.example.invalid/simple" }

[[package]]
name = "twice"
version = "2.0"
source = { registry = "https://index.example.invalid/simple" }

[[package]]
name = "tester"
version = "9"
source = { editable = "tools/tester" }
"#;

#[test]
fn uv_is_walked_from_the_project() {
    let lock = lock(UV);
    assert_eq!(names(&lock, &[]), "deep 1, direct 3.0, fork 1.0, speed 1");
    assert_eq!(
        select(&lock, &[], "aarch64-macos", "3.12").unwrap().join(", "),
        "deep 1, direct 3.0, fork 2.0, speed 1"
    );
    assert_eq!(names(&lock, &["@dev"]), "deep 1, direct 3.0, fork 1.0, speed 1, tester 9");
    assert_eq!(names(&lock, &["=dev"]), "tester 9");
    assert_eq!(names(&lock, &["+empty"]), names(&lock, &[]));
    assert_eq!(path(&lock, "speed"), "direct 3.0 → speed 1");
}

#[test]
fn uv_extras_that_exclude_each_other_choose_by_edges() {
    let lock = lock(UV);
    assert_eq!(names(&lock, &["+old"]), "deep 1, direct 3.0, fork 1.0, speed 1, twice 1.0");
    // An extra of the project decides the marker of another package's edge.
    assert_eq!(names(&lock, &["+new"]), "deep 1, direct 3.0, fork 1.0, picky 1, speed 1, twice 2.0");
    let error = select(&lock, &["+old", "+new"], "x86_64-linux", "3.11").unwrap_err();
    assert_eq!(error.code(), Code::UnknownPart);
    assert!(error.headline().contains("exclude each other"));
}

#[test]
fn uv_files_come_from_every_kind_of_source() {
    let lock = lock(UV);
    let of = |name: &str| lock.packages.iter().find(|package| package.name == name).unwrap();
    // Another version in its name than the lock says: reported and left out.
    assert!(of("direct").files.is_empty() && lock.notes[0].contains("direct-3.0+cpu-py3-none-any.whl"));
    assert_eq!(of("deep").files[0].path.as_deref(), Some("../files/deep-1.tar.gz"));
    assert_eq!(of("deep").files[0].sha256(), None);
    assert_eq!(of("speed").files[0].name, "speed-1.tar.gz");
    assert_eq!(of("speed").files[0].url.as_deref(), Some("https://files.example.invalid/speed-1.tar.gz"));
    assert_eq!(of("windows-only").files[0].path.as_deref(), Some("vendor/windows_only-1-py3-none-any.whl"));
    assert!(matches!(&of("picky").source, Source::Git { revision: Some(r), .. } if r == "abc"));
}

#[test]
fn outside_of_the_lock_is_said() {
    let lock = lock(UV);
    for python in ["3.9", "3.13"] {
        let error = select(&lock, &[], "x86_64-linux", python).unwrap_err();
        assert_eq!(error.code(), Code::OutsideLock);
        assert_eq!(error.code().exit().number(), 2);
    }
    let only_linux = UV.replace("conflicts", "supported-markers = [\"sys_platform == 'linux'\"]\nconflicts");
    let lock = self::lock(&only_linux);
    assert!(select(&lock, &[], "aarch64-linux-musl", "3.11").is_ok());
    assert_eq!(select(&lock, &[], "x86_64-macos", "3.11").unwrap_err().code(), Code::OutsideLock);
}

#[test]
fn unknown_extras_and_groups_are_named_with_what_there_is() {
    let error = select(&lock(UV), &["+emty"], "x86_64-linux", "3.11").unwrap_err();
    assert_eq!(error.code(), Code::UnknownPart);
    assert!(error.hints()[0].contains("--extra empty"), "{error}");
    assert!(select(&lock(UV), &["@nope"], "x86_64-linux", "3.11").is_err());
}

#[test]
fn uv_edges_that_lead_nowhere_are_an_error_with_line_and_package() {
    let broken = UV.replace("name = \"speed\"\nversion", "name = \"spede\"\nversion");
    let error = select(&lock(&broken), &[], "x86_64-linux", "3.11").unwrap_err();
    assert_eq!(error.code(), Code::BadLock);
    assert!(
        error.to_string().contains("package `direct`") && error.to_string().contains("`speed`"),
        "{error}"
    );
}

const PDM: &str = r#"
[metadata]
groups = ["default", "dev"]
strategy = ["inherit_metadata"]
lock_version = "4.5.0"
content_hash = "sha256:@"

[[metadata.targets]]
requires_python = ">=3.10,<3.12"

[[package]]
name = "coverage"
version = "7.0"
requires_python = ">=3.8"
groups = ["dev"]
files = [{ file = "coverage-7.0.tar.gz", hash = "sha256:@" }]

[[package]]
name = "coverage"
version = "7.0"
extras = ["toml"]
groups = ["dev"]
dependencies = ["coverage==7.0", "tomli; python_full_version <= \"3.11.0a6\""]
files = [{ file = "coverage-7.0.tar.gz", hash = "sha256:@" }]

[[package]]
name = "Direct.Pkg"
version = "1.0"
groups = ["default"]
dependencies = ["deep>=1"]
files = [{ url = "https://files.example.invalid/direct_pkg-1.0-py3-none-any.whl#sha256=x", hash = "sha256:@" }]

[[package]]
name = "deep"
version = "1.5"
groups = ["default", "dev"]
marker = "sys_platform == \"linux\""
files = [
    { file = "deep-1.5-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", hash = "sha256:@" },
    { file = "deep-1.5-odd.whl", hash = "sha256:@" },
    { file = "deep-1.5.win32.exe", hash = "sha256:@" },
]

[[package]]
name = "tomli"
version = "2.0"
groups = ["dev"]
marker = "python_full_version <= \"3.11.0a6\""
files = []

[[package]]
name = "local"
version = "0.1"
path = "./local"
groups = ["default"]
"#;

#[test]
fn pdm_packages_say_themselves_when_they_are_wanted() {
    let lock = lock(PDM);
    assert_eq!(names(&lock, &[]), "deep 1.5, direct-pkg 1.0, local 0.1");
    assert_eq!(names(&lock, &["@dev"]), "coverage 7.0, deep 1.5, direct-pkg 1.0, local 0.1");
    assert_eq!(
        select(&lock, &["=dev"], "x86_64-linux", "3.10").unwrap().join(", "),
        "coverage 7.0, deep 1.5, tomli 2.0"
    );
    assert_eq!(select(&lock, &[], "x86_64-macos", "3.10").unwrap().join(", "), "direct-pkg 1.0, local 0.1");
    assert_eq!(select(&lock, &[], "x86_64-linux", "3.12").unwrap_err().code(), Code::OutsideLock);
    assert_eq!(path(&lock, "deep"), "direct-pkg 1.0 → deep 1.5");
}

#[test]
fn pdm_files_and_extras() {
    let lock = lock(PDM);
    assert_eq!(lock.packages.iter().filter(|package| package.name == "coverage").count(), 1);
    let of = |name: &str| lock.packages.iter().find(|package| package.name == name).unwrap();
    assert_eq!(of("direct-pkg").files[0].name, "direct_pkg-1.0-py3-none-any.whl");
    let kinds: Vec<bool> = of("deep").files.iter().map(|file| matches!(file.kind, Kind::Wheel(_))).collect();
    assert_eq!(kinds, [true, false]);
    assert!(
        lock.notes.iter().any(|note| note.contains("deep-1.5-odd.whl") && note.contains("line ")),
        "{:?}",
        lock.notes
    );
    assert_eq!(of("local").source, Source::Directory("./local".to_owned()));
}

#[test]
fn pdm_without_inherited_metadata_needs_the_project() {
    let text = PDM
        .replace("[\"inherit_metadata\"]", "[]")
        .lines()
        .filter(|line| !line.starts_with("groups = [\"de") && !line.starts_with("marker"))
        .collect::<Vec<_>>()
        .join("\n");
    let error = refused(&text);
    assert_eq!(error.code(), Code::LockProject);
    assert!(error.hints()[0].contains("--project"));
    let project = "[project]\nname = 'app'\nrequires-python = '>=3.10'\ndependencies = ['direct-pkg', 'local; os_name==\"nt\"']\n\
         [dependency-groups]\ndev = ['coverage[toml]', {include-group = 'more'}]\nmore = ['deep']\n";
    let lock = project_lock(&text, project);
    assert_eq!(names(&lock, &[]), "deep 1.5, direct-pkg 1.0");
    assert_eq!(
        select(&lock, &["=dev"], "x86_64-linux", "3.10").unwrap().join(", "),
        "coverage 7.0, deep 1.5, tomli 2.0"
    );
    assert_eq!(names(&lock, &["=dev"]), "coverage 7.0, deep 1.5");
    assert_eq!(names(&lock, &["=more"]), "deep 1.5");
}

#[test]
fn pdm_targets_are_loose_names_of_platforms() {
    let text = PDM.replace(
        "requires_python = \">=3.10,<3.12\"\n",
        "requires_python = \">=3.10,<3.12\"\nplatform = \"manylinux_2_28_aarch64\"\n\
         [[metadata.targets]]\nrequires_python = \">=3.10,<3.12\"\nplatform = \"macos_arm64\"\n",
    );
    let lock = lock(&text);
    for target in ["aarch64-linux", "aarch64-linux-gnu.2.17", "aarch64-linux-gnu.2.36", "aarch64-macos"] {
        assert!(select(&lock, &[], target, "3.11").is_ok(), "{target}");
    }
    for target in ["x86_64-linux", "aarch64-linux-musl", "x86_64-macos"] {
        assert_eq!(select(&lock, &[], target, "3.11").unwrap_err().code(), Code::OutsideLock, "{target}");
    }
}

const POETRY: &str = r#"
[[package]]
name = "direct"
version = "1.0"
description = ""
optional = false
python-versions = ">=3.8"
groups = ["main"]
files = [{file = "direct-1.0.tar.gz", hash = "sha256:@"}]

[package.dependencies]
deep = [
    {version = ">=1,<2", markers = "python_version < \"3.11\""},
    {version = "^2.0", markers = "python_version >= \"3.11\""},
]
speed = {version = "*", optional = true, markers = "extra == \"fast\""}

[package.extras]
fast = ["speed (>=1)"]

[[package]]
name = "deep"
version = "1.9"
optional = false
python-versions = "*"
groups = ["main", "dev"]
markers = {main = "python_version < \"3.11\"", dev = "python_version < \"3.10\""}
files = []

[[package]]
name = "deep"
version = "2.1"
optional = false
python-versions = "*"
groups = ["main"]
markers = "python_version >= \"3.11\""
files = []

[[package]]
name = "speed"
version = "1.0"
optional = true
python-versions = "*"
groups = ["main"]
markers = "extra == \"gpu\" and platform_machine == \"x86_64\""
files = []

[package.source]
type = "url"
url = "https://files.example.invalid/speed-1.0-py3-none-any.whl"

[extras]
gpu = ["speed"]

[metadata]
lock-version = "2.1"
python-versions = "^3.10"
content-hash = "x"
"#;

#[test]
fn poetry_packages_say_themselves_when_they_are_wanted() {
    let lock = lock(POETRY);
    assert_eq!(names(&lock, &[]), "deep 2.1, direct 1.0");
    assert_eq!(names(&lock, &["+gpu"]), "deep 2.1, direct 1.0, speed 1.0");
    assert_eq!(select(&lock, &["+gpu"], "aarch64-linux", "3.10").unwrap().join(", "), "deep 1.9, direct 1.0");
    assert_eq!(select(&lock, &["=dev"], "aarch64-linux", "3.10").unwrap().join(", "), "");
    assert_eq!(select(&lock, &[], "aarch64-linux", "3.9").unwrap_err().code(), Code::OutsideLock);
    assert_eq!(path(&lock, "deep"), "direct 1.0 → deep 2.1");
    let speed = lock.packages.iter().find(|package| package.name == "speed").unwrap();
    assert_eq!(speed.files[0].name, "speed-1.0-py3-none-any.whl");
}

#[test]
fn older_poetry_is_walked_from_the_project() {
    let old = POETRY
        .replace("2.1\"\npython", "2.0\"\npython")
        .lines()
        .filter(|line| !line.starts_with("groups") && !line.starts_with("markers"))
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(refused(&old).code(), Code::LockProject);
    let project = "[tool.poetry]\nname = 'app'\n[tool.poetry.dependencies]\npython = '^3.10'\n\
         direct = {version = '^1.0', extras = ['fast']}\nspeed = {version = '*', optional = true}\n\
         [tool.poetry.group.dev.dependencies]\ndeep = {version = '<2', python = '<3.11'}\n\
         [tool.poetry.extras]\ngpu = ['speed']\n";
    let lock = project_lock(&old, project);
    assert_eq!(names(&lock, &[]), "deep 2.1, direct 1.0, speed 1.0");
    assert_eq!(
        select(&lock, &[], "x86_64-linux", "3.10").unwrap().join(", "),
        "deep 1.9, direct 1.0, speed 1.0"
    );
    assert_eq!(select(&lock, &["=dev"], "x86_64-linux", "3.10").unwrap().join(", "), "deep 1.9");
    assert_eq!(names(&lock, &["=dev"]), "");
    let without = project.replace(", extras = ['fast']", "");
    assert_eq!(names(&project_lock(&old, &without), &[]), "deep 2.1, direct 1.0");
    assert_eq!(names(&project_lock(&old, &without), &["+gpu"]), "deep 2.1, direct 1.0, speed 1.0");
}

#[test]
fn poetry_1_1_lists_files_of_all_versions_under_the_name() {
    let text = r#"
[[package]]
name = "Two.Names"
version = "1.0"
category = "main"
optional = false
python-versions = "*"

[metadata]
lock-version = "1.1"
python-versions = ">=3.6"
content-hash = "x"

[metadata.files]
two-names = [
    {file = "two_names-1.0-py3-none-any.whl", hash = "sha256:@"},
    {file = "two_names-2.0-py3-none-any.whl", hash = "sha256:@"},
    {file = "Two.Names-1.0.zip", hash = "sha256:@"},
    {file = "Two.Names-2.0.zip", hash = "sha256:@"},
]
"#;
    let lock = project_lock(text, "[tool.poetry.dependencies]\ntwo-names = '*'\n");
    let files: Vec<&str> = lock.packages[0].files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(files, ["two_names-1.0-py3-none-any.whl", "Two.Names-1.0.zip"]);
    assert_eq!(names(&lock, &[]), "two-names 1.0");
}

const PYLOCK: &str = r#"
lock-version = "1.0"
created-by = "hand"
requires-python = ">=3.10"
environments = ["sys_platform == 'linux'", "sys_platform == 'darwin' and platform_machine == 'arm64'"]
extras = ["x"]
dependency-groups = ["dev", "base"]
default-groups = ["base"]

[[packages]]
name = "plain"
version = "1.0"
dependencies = [{ name = "of-base" }]
wheels = [{ url = "https://files.example.invalid/plain-1.0-py3-none-any.whl", hashes = { sha256 = "@", sha512 = "@@" }, size = 3, upload-time = 2026-01-01T00:00:00Z }]

[[packages]]
name = "of-extra"
version = "1.0"
marker = "'x' in extras"
sdist = { name = "of_extra-1.0.tar.gz", path = "files/of_extra-1.0.tar.gz", hashes = { md5 = "0123456789abcdef0123456789abcdef" } }

[[packages]]
name = "of-base"
version = "1.0"
marker = "'base' in dependency_groups or 'dev' in dependency_groups"
archive = { url = "https://files.example.invalid/of_base-1.0.tar.gz", hashes = { sha256 = "@" } }

[[packages]]
name = "of-dev"
marker = "'dev' in dependency_groups"
directory = { path = "tools/dev", editable = true }
"#;

#[test]
fn pylock_is_chosen_by_marker_alone() {
    let lock = lock(PYLOCK);
    assert_eq!(names(&lock, &[]), "of-base 1.0, plain 1.0");
    assert_eq!(names(&lock, &["+x"]), "of-base 1.0, of-extra 1.0, plain 1.0");
    assert_eq!(names(&lock, &["=dev"]), "of-base 1.0, of-dev, plain 1.0");
    assert!(select(&lock, &[], "aarch64-macos", "3.11").is_ok());
    assert_eq!(select(&lock, &[], "x86_64-macos", "3.11").unwrap_err().code(), Code::OutsideLock);
    let extra = lock.packages.iter().find(|package| package.name == "of-extra").unwrap();
    assert_eq!(extra.files[0].hashes[0].0, "md5");
    assert_eq!(extra.files[0].sha256(), None);
    assert_eq!(lock.packages[0].files[0].upload_time.as_deref(), Some("2026-01-01T00:00:00Z"));
}

#[test]
fn two_versions_at_once_are_an_error() {
    let twice = PYLOCK.replace(
        "name = \"of-base\"\nversion = \"1.0\"\nmarker",
        "name = \"plain\"\nversion = \"2.0\"\nmarker",
    );
    let error = select(&lock(&twice), &[], "x86_64-linux", "3.11").unwrap_err();
    assert_eq!(error.code(), Code::AmbiguousLock);
    assert!(error.causes().iter().any(|cause| cause.contains("plain 2.0 in line")), "{error}");
}

const REQUIREMENTS: &str = "\u{feff}# made by hand
--index-url https://index.example.invalid/simple
--only-binary some-Wheels

Direct[fast,x]==1.0 ; python_version < '3.12' \\
    --hash=sha256:@ \\
    --hash=sha512:@@ \\
    # via nothing, as pip-tools writes it \\
deep==2.0+cpu --hash sha256:@  # trailing
direct==2.0 ; python_version >= '3.12' --hash=sha256:@
url-one at https://files.example.invalid/url_one-3-py3-none-any.whl#sha256=@
https://files.example.invalid/bare-4.tar.gz#sha256=@
";

#[test]
fn requirements_with_hashes() {
    let lock = lock(REQUIREMENTS);
    assert_eq!(names(&lock, &[]), "bare 4, deep 2.0+cpu, direct 1.0, url-one 3");
    assert_eq!(
        select(&lock, &[], "x86_64-linux", "3.12").unwrap().join(", "),
        "bare 4, deep 2.0+cpu, direct 2.0, url-one 3"
    );
    let direct = &lock.packages[0];
    assert_eq!((direct.bare_hashes.len(), direct.line), (2, 5));
    assert!(lock.no_build.contains("some-wheels"));
}

#[test]
fn requirements_without_pin_or_hash_are_refused_with_line_and_package() {
    for (text, word) in [
        ("a==1 --hash=sha256:@\nb>=2 --hash=sha256:@\n", "line 2"),
        ("a==1 --hash=sha256:@\nb==2\n", "package `b`"),
        ("a==1.* --hash=sha256:@\n", "pinned"),
        ("a==1 --hash=sha256:zz\n", "no hash"),
        ("a==1 --hash=crc:00\n", "hash algorithm"),
        ("a==1 --frobnicate --hash=sha256:@\n", "--frobnicate"),
        ("--frobnicate\n", "--frobnicate"),
        ("-r not-there.txt\n", "not-there.txt"),
        ("not a requirement\n", "line 1"),
        ("a==1 ; nonsense --hash=sha256:@\n", "line 1"),
    ] {
        let error = refused(text);
        assert_eq!(error.code(), Code::BadLock, "{text}");
        assert!(error.to_string().contains(word), "{text}: {error}");
    }
}

#[test]
fn requirements_include_and_constrain() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), hashed(text)).unwrap();
    write("main.txt", "-r more.txt\n-cconstraints.txt\na==1\n");
    write("more.txt", "b==2 --hash=sha256:@\n");
    write("constraints.txt", "a==1 --hash=sha256:@\nunused==9\n");
    let lock = Lock::read(&folder.path().join("main.txt"), None).unwrap();
    assert_eq!(names(&lock, &[]), "a 1, b 2");
    write("constraints.txt", "a==2 --hash=sha256:@\n");
    let error = Lock::read(&folder.path().join("main.txt"), None).unwrap_err();
    assert!(error.to_string().contains("constrained to 2"), "{error}");
    write("more.txt", "-r main.txt\n");
    assert_eq!(Lock::read(&folder.path().join("main.txt"), None).unwrap_err().code(), Code::BadLock);
}

#[test]
fn what_is_no_lock_is_said_to_be_none() {
    for text in [
        "",
        "  \n",
        "{\"_meta\": {}}",
        "<html>",
        "[project]\nname = 'a'\n",
        "version = 4\n[[package]]\nname = 'serde'\nversion = '1'\nsource = 'registry+https://example.invalid'\n",
        "[metadata]\ncontent-hash = 'x'\n",
        "answer = 42\n",
    ] {
        assert_eq!(refused(text).code(), Code::UnknownLock, "{text}");
    }
    assert_eq!(Lock::parse(Path::new("x"), b"\xff\xfe", None).unwrap_err().code(), Code::UnknownLock);
}

#[test]
fn unsupported_versions_and_wrong_content_name_file_and_line() {
    for (text, words) in [
        (UV.replace("version = 1\n", "version = 2\n"), ["version 2", "the.lock"]),
        (PDM.replace("4.5.0", "4.2"), ["lock_version `4.2`", "the.lock"]),
        (POETRY.replace("\"2.1\"", "\"3.0\""), ["lock-version `3.0`", "the.lock"]),
        (PYLOCK.replace("\"1.0\"\ncreated", "\"2.0\"\ncreated"), ["lock-version `2.0`", "the.lock"]),
        (UV.replace("sha256:@", "sha256:x"), ["no hash", "package `direct`"]),
        (UV.replace("sys_platform == 'win32'", "nonsense"), ["marker", "package `app`"]),
        (PDM.replace("deep>=1", "deep >=< 1"), ["dependencies", "package `Direct.Pkg`"]),
        (POETRY.replace("\"^2.0\"", "\"^x\""), ["`x`", "package `direct`"]),
        (
            PYLOCK.replace("version = \"1.0\"\nmarker = \"'x'", "version = 1\nmarker = \"'x'"),
            ["no string", "package `of-extra`"],
        ),
        (
            UV.replace("[[package]]\nname = \"deep\"", "[[package]\nname = \"deep\""),
            ["not valid TOML", "line "],
        ),
    ] {
        let error = refused(&text);
        assert_eq!(error.code(), Code::BadLock, "{error}");
        assert!(words.iter().all(|word| error.to_string().contains(word)), "{words:?}: {error}");
        assert!(error.causes().iter().any(|cause| cause.contains("line ")), "{error}");
    }
}

/// Damages a lock: cuts it, or puts text in the middle.
fn damaged() -> impl Strategy<Value = String> {
    let locks = prop::sample::select(vec![UV, PDM, POETRY, PYLOCK, REQUIREMENTS]);
    (locks, 0usize..4000, 0usize..60, "[ -~\\n]{0,12}").prop_map(|(text, at, cut, with)| {
        let text = hashed(text);
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let end = (at + cut).min(text.len());
        let end = (end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        format!("{}{with}{}", &text[..at], &text[end..])
    })
}

proptest! {
    #[test]
    fn damaged_locks_are_read_or_refused_without_panic(text in damaged()) {
        if let Ok(lock) = Lock::parse(Path::new("the.lock"), text.as_bytes(), None) {
            for file in lock.packages.iter().flat_map(|package| &package.files) {
                prop_assert!(!file.name.is_empty());
            }
            let environment = lock.environment("x86_64-linux".parse().unwrap(), "3.11".parse().unwrap(), None);
            if let Ok(environment) = environment && let Ok(selected) = lock.select(&Selection::default(), &environment) {
                let names: std::collections::BTreeSet<&str> =
                    selected.iter().map(|selected| selected.package.name.as_str()).collect();
                prop_assert_eq!(names.len(), selected.len());
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Lock::parse(Path::new("the.lock"), &bytes, None);
    }
}
