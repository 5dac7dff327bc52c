//! Real environments: by the pinned uv from the user's index, and from files without either.

use std::process::Command;

use super::*;
use crate::index::{INDEX_URL, Index, Options};
use crate::python::installer::GivenWheel;
use crate::python::interpreter::{BuildPython, Search, find};
use crate::report::Report;
use crate::toolchain::tools::Tools;

fn python(version: Option<&str>) -> Result<BuildPython> {
    let wanted = version.map(|version| version.parse().unwrap());
    find(wanted.as_ref(), &Search::from_environment(None), &Report::silent())
}

/// A cache with uv in it, an index, and the scratch they live in; `None` without an index.
struct Fixture {
    _folder: tempfile::TempDir,
    cache: Cache,
    index: Index,
    report: Report,
    uv: PathBuf,
}

impl Fixture {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let report = Report::silent();
        let index = Index::of_process(false, report.clone());
        let uv = match (Tools { cache: &cache, index: &index, report: &report }).get("uv") {
            Err(error) if error.code() == Code::Network => {
                println!("SKIP: no package index is reached from here: {error}");
                return None;
            }
            other => other.unwrap().program,
        };
        Some(Self { _folder: folder, cache, index, report, uv })
    }

    fn uv(&self) -> Uv<'_> {
        Uv { program: &self.uv, index: &self.index, cache: &self.cache, report: &self.report }
    }
}

fn query<'a>(python: &'a BuildPython, requires: &'a [String]) -> Query<'a> {
    Query { python, requires, locked: None, extra_wheels: &[], exclude_newer: None }
}

fn words(requires: &[&str]) -> Vec<String> {
    requires.iter().map(|text| (*text).to_owned()).collect()
}

fn pinned(resolved: Resolved) -> Vec<Requirement> {
    match resolved {
        Resolved::Pinned(pinned) => pinned,
        Resolved::NeedsBuild(needs) => panic!("{needs:?}"),
    }
}

/// The interpreter at `root`, isolated and complaining about nothing it does with bytecode.
fn run(root: &Path, arguments: &[&str]) -> (String, String) {
    let output = Command::new(root.join("bin/python")).args(arguments).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    (out.into_owned(), err.into_owned())
}

#[test]
fn an_environment_works_wherever_it_stands() {
    let Some(fixture) = Fixture::new() else { return };
    let python = python(None).unwrap();
    let requires = words(&["setuptools>=68", "cython", "colorama; sys_platform == 'win32'"]);
    let resolved = pinned(resolve(&fixture.uv(), &query(&python, &requires)).unwrap());
    let names: Vec<&str> = resolved.iter().map(|requirement| requirement.name.as_str()).collect();
    assert_eq!(names, ["cython", "setuptools"]);
    assert!(resolved.iter().all(|requirement| requirement.sha256.len() == 64));
    assert!(unsatisfied(&requires, &python, &resolved).unwrap().is_empty());
    let missing = unsatisfied(&words(&["setuptools>=1000", "wheel"]), &python, &resolved).unwrap();
    assert_eq!(missing, ["setuptools>=1000", "wheel"]);

    let recipe =
        Recipe { python: &python, site_files: &[("ours.pth", "import sys; sys.ours = 1\n")], overlay: &[] };
    let environment = install(&fixture.uv(), &recipe, &resolved, &[]).unwrap();
    environment.verify().unwrap();
    assert_eq!(install(&fixture.uv(), &recipe, &resolved, &[]).unwrap(), environment);
    let other = Recipe { python: &python, site_files: &[], overlay: &[] };
    assert_ne!(install(&fixture.uv(), &other, &resolved, &[]).unwrap().key, environment.key);

    // Seen elsewhere, and moved in time: as after a mount.
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("build env");
    let copied = Command::new("cp").arg("-r").arg(&environment.root).arg(&moved).status().unwrap();
    assert!(copied.success());
    let (out, log) =
        run(&moved, &["-v", "-c", "import setuptools.build_meta, sys; print(sys.ours, setuptools.__file__)"]);
    assert!(out.starts_with(&format!("1 {}", moved.display())), "{out}");
    let used =
        log.lines().filter(|line| line.contains("code object from") && line.contains("build env")).count();
    let compiled = log.lines().filter(|line| line.contains("wrote") && line.contains("build env")).count();
    assert!(used > 50 && compiled == 0, "{used} used, {compiled} compiled");
    let sources = log.lines().filter(|line| {
        line.contains("code object from") && line.contains("build env") && !line.contains(".pyc")
    });
    assert_eq!(sources.count(), 0, "a module was compiled from its source");
    let version = Command::new(moved.join("bin/cython")).arg("--version").current_dir("/").output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&version.stdout), String::from_utf8_lossy(&version.stderr));
    assert!(said.contains("Cython version"), "{said}");
}

#[test]
fn the_lock_is_enforced() {
    let Some(fixture) = Fixture::new() else { return };
    let python = python(None).unwrap();
    let requires = words(&["flit_core"]);
    let old = words(&["flit_core==3.9.0"]);
    let locked_to = pinned(resolve(&fixture.uv(), &query(&python, &old)).unwrap());
    let mut locked = Locked { requirements: locked_to.clone(), sources: Vec::new(), same_host: true };
    let again = resolve(&fixture.uv(), &Query { locked: Some(&locked), ..query(&python, &requires) });
    assert_eq!(pinned(again.unwrap()), locked_to);

    let grown = words(&["flit_core", "editables"]);
    let error =
        resolve(&fixture.uv(), &Query { locked: Some(&locked), ..query(&python, &grown) }).unwrap_err();
    assert_eq!(error.code(), Code::BuildLock);
    assert!(error.causes()[0].contains("`editables`"), "{error}");
    let newer = words(&["flit_core>=3.10"]);
    let error =
        resolve(&fixture.uv(), &Query { locked: Some(&locked), ..query(&python, &newer) }).unwrap_err();
    assert_eq!(error.code(), Code::BuildLock);

    locked.requirements[0].sha256 = "0".repeat(64);
    let error =
        resolve(&fixture.uv(), &Query { locked: Some(&locked), ..query(&python, &requires) }).unwrap_err();
    assert_eq!(error.code(), Code::BuildLock);
    let recipe = Recipe { python: &python, site_files: &[], overlay: &[] };
    let error = install(&fixture.uv(), &recipe, &locked.requirements, &[]).unwrap_err();
    assert!(matches!(error.code(), Code::HashMismatch | Code::Resolution), "{error:?}");
}

#[test]
fn what_has_no_wheel_is_named_with_its_sdist_and_then_taken_as_built() {
    let Some(fixture) = Fixture::new() else { return };
    let python = python(None).unwrap();
    let requires = words(&["crcmod<1.7.1"]);
    let Resolved::NeedsBuild(needs) = resolve(&fixture.uv(), &query(&python, &requires)).unwrap() else {
        panic!("crcmod has a wheel");
    };
    assert_eq!((needs[0].name.as_str(), needs[0].version.as_str()), ("crcmod", "1.7"));
    assert_eq!(needs[0].sdist.filename, "crcmod-1.7.tar.gz");

    let wheels = crate::python::installer::tests::Wheels::new();
    let built = wheels.add("crcmod-1.7", "py3-none-any", &[("crcmod.py", "x = 5\n")]);
    let extra = [built.path.clone()];
    let resolved =
        pinned(resolve(&fixture.uv(), &Query { extra_wheels: &extra, ..query(&python, &requires) }).unwrap());
    assert_eq!(resolved, [built.requirement]);
    let recipe = Recipe { python: &python, site_files: &[], overlay: &[] };
    let environment = install(&fixture.uv(), &recipe, &resolved, &extra).unwrap();
    assert_eq!(run(&environment.root, &["-c", "import crcmod; print(crcmod.x)"]).0, "5\n");

    // A wheel that does not help is not built for ever.
    let other = words(&["crcmod<1.7"]);
    let error =
        resolve(&fixture.uv(), &Query { extra_wheels: &extra, ..query(&python, &other) }).unwrap_err();
    assert_eq!(error.code(), Code::Resolution);
}

#[test]
fn what_does_not_resolve_says_why() {
    let Some(fixture) = Fixture::new() else { return };
    let python = python(None).unwrap();
    let error = resolve(&fixture.uv(), &query(&python, &words(&["setuptools>60,<50"]))).unwrap_err();
    assert_eq!(error.code(), Code::Resolution);
    assert!(error.lines().iter().any(|line| line.contains("setuptools")), "{error:?}");
    let error = resolve(&fixture.uv(), &query(&python, &words(&["-r /etc/passwd"]))).unwrap_err();
    assert_eq!(error.code(), Code::BadPyproject);
    assert!(pinned(resolve(&fixture.uv(), &query(&python, &[])).unwrap()).is_empty());

    // An index that is not there, and one that must not be asked.
    let unreachable = |offline| {
        let variables = [(INDEX_URL, "http://me:s3cret@127.0.0.1:9/"), ("UV_HTTP_RETRIES", "0")];
        let variables = variables.into_iter().collect();
        Index::new(Options { variables, ..Options::of_process(offline) }, Report::silent())
    };
    for (offline, code) in [(false, Code::Network), (true, Code::Offline)] {
        let index = unreachable(offline);
        let uv = Uv { index: &index, ..fixture.uv() };
        let error = resolve(&uv, &query(&python, &words(&["surely-not-cached"]))).unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}

#[test]
fn given_wheels_need_neither_uv_nor_network() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let python = python(None).unwrap();
    let wheels = crate::python::installer::tests::Wheels::new();
    let given: Vec<GivenWheel> = vec![
        wheels.add(
            "backend-1",
            "py3-none-any",
            &[("backend.py", "import helper\n"), ("bad.py", "print 1\n")],
        ),
        wheels.add("helper-2", "py3-none-any", &[("helper.py", "x = 3\n")]),
    ];
    let recipe = Recipe { python: &python, site_files: &[], overlay: &[] };
    let make = |given: &[GivenWheel]| install_given(&cache, &Report::silent(), &recipe, given).unwrap();
    let environment = make(&given);
    let (out, _) =
        run(&environment.root, &["-c", "import backend, sys; print(backend.helper.x, backend.__cached__)"]);
    let cached = out.trim().strip_prefix("3 ").unwrap();
    assert!(Path::new(cached).is_file(), "{out}");
    let reversed: Vec<GivenWheel> = given.iter().rev().cloned().collect();
    assert_eq!(make(&reversed), environment, "the order of wheels decides nothing");

    // Somebody wrote into it all the same.
    let module = environment.site_packages().join("helper.py");
    std::fs::set_permissions(&module, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::write(&module, "x = 4\n").unwrap();
    assert_eq!(environment.verify().unwrap_err().code(), Code::CacheEntry);
    environment.discard(&cache).unwrap();
    let environment = make(&given);
    environment.verify().unwrap();
    assert_eq!(run(&environment.root, &["-c", "import helper; print(helper.x)"]).0, "3\n");
}

#[test]
fn every_interpreter_of_this_machine_gets_its_environment() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let wheels = crate::python::installer::tests::Wheels::new();
    let given =
        [wheels.add("demo-1", "py3-none-any", &[("demo.py", "import sys\nv = sys.version_info[1]\n")])];
    let mut tried = Vec::new();
    for version in crate::target::PythonVersion::all() {
        let Ok(python) = python(Some(&version.to_string())) else {
            println!("SKIP: no Python {version} on this machine");
            continue;
        };
        let recipe = Recipe { python: &python, site_files: &[], overlay: &[] };
        let environment = install_given(&cache, &Report::silent(), &recipe, &given).unwrap();
        let (out, _) = run(&environment.root, &["-I", "-c", "import demo; print(demo.v, demo.__cached__)"]);
        assert!(out.starts_with(&format!("{} ", version.minor)) && out.contains(".pyc"), "{version}: {out}");
        tried.push(version.to_string());
    }
    println!("environments made for {}", tried.join(", "));
    assert!(!tried.is_empty());
}
