//! The search, on made-up trees whose interpreters are scripts, and on this machine's own Python.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;
use crate::report::Report;

struct Machine {
    _keep: tempfile::TempDir,
    root: PathBuf,
    search: Search,
}

impl Machine {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(keep.path()).unwrap();
        Self { _keep: keep, root, search: Search::default() }
    }

    /// A program that answers the probe as a CPython of `version` whose prefix is `prefix` below the root.
    fn python(
        &self,
        prefix: &str,
        name: &str,
        version: &str,
        change: impl Fn(&mut serde_json::Value),
    ) -> PathBuf {
        let prefix = self.root.join(prefix);
        let minor: u32 = version.split('.').nth(1).unwrap().parse().unwrap();
        let stdlib = prefix.join(format!("lib/python3.{minor}"));
        let include = prefix.join(format!("include/python3.{minor}"));
        for folder in [&stdlib, &include, &prefix.join("bin")] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(include.join("Python.h"), "").unwrap();
        fs::write(include.join("patchlevel.h"), format!("#define PY_VERSION \t\"{version}\"\n")).unwrap();
        fs::write(include.join("pyconfig.h"), "#define SIZEOF_LONG 8\n").unwrap();
        let data = stdlib.join("_sysconfigdata__linux_x86_64-linux-gnu.py");
        fs::write(&data, "build_time_vars = {'SIZEOF_LONG': 8}\n").unwrap();
        let program = prefix.join("bin").join(name);
        let mut facts = serde_json::json!({
            "implementation": "cpython", "minor": minor, "full_version": version, "free_threaded": false,
            "debug": false, "executable": program, "base_prefix": prefix, "base_exec_prefix": prefix,
            "configured_prefix": "/nowhere", "stdlib": stdlib, "sysconfig_data": data,
            "include": [format!("/nowhere/include/python3.{minor}")], "config_header": "/nowhere/include/pyconfig.h",
            "platform": "linux-x86_64", "multiarch": "x86_64-linux-gnu", "machine": "x86_64", "libc": "glibc 2.36",
            "mapped": [],
        });
        change(&mut facts);
        // The real interpreters are programs; here a count of the starts stands beside the answer.
        let text =
            format!("#!/bin/sh\necho x >> '{}.starts'\ncat <<'END'\n{facts}\nEND\n", program.display());
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    fn find(&self, version: &str) -> crate::report::Result<BuildPython> {
        find(Some(&version.parse().unwrap()), &self.search, &Report::silent())
    }
}

#[test]
fn path_comes_before_pyenv_and_uv_and_the_version_must_match() {
    let mut machine = Machine::new();
    machine.python("usr", "python3", "3.11.2", |_| ());
    let pyenv = machine.python("pyenv/versions/3.12.4", "python3.12", "3.12.4", |_| ());
    machine.python("pyenv/versions/3.12.1", "python3.12", "3.12.1", |_| ());
    let uv = machine.python("uv/cpython-3.13.1-linux-x86_64-gnu", "python3.13", "3.13.1", |_| ());
    machine.search = Search {
        path: vec![machine.root.join("absent"), machine.root.join("usr/bin")],
        pyenv: Pyenv { root: Some(machine.root.join("pyenv")), ..Pyenv::default() },
        uv: vec![machine.root.join("uv")],
        memory: None,
    };
    assert_eq!(machine.find("3.11").unwrap().full_version, "3.11.2");
    assert_eq!(machine.find("3.12").unwrap().executable, pyenv);
    assert_eq!(machine.find("3.13").unwrap().executable, uv);
    let error = machine.find("3.14").unwrap_err();
    assert_eq!(error.code(), Code::InterpreterNotFound);
    assert!(error.hints().iter().any(|hint| hint.contains("uv python install 3.14")), "{:?}", error.hints());
    assert!(error.causes().iter().any(|cause| cause.contains("is Python 3.11.2")), "{:?}", error.causes());
    let default = find(None, &machine.search, &Report::silent()).unwrap();
    assert_eq!(default.version.to_string(), "3.11");
}

#[test]
fn a_free_threaded_build_is_another_version() {
    let mut machine = Machine::new();
    machine.python("plain", "python3.13", "3.13.0", |_| ());
    machine.python("free", "python3.13t", "3.13.0", |facts| facts["free_threaded"] = true.into());
    machine.search.path = vec![machine.root.join("plain/bin"), machine.root.join("free/bin")];
    assert!(machine.find("3.13").unwrap().executable.ends_with("plain/bin/python3.13"));
    assert!(machine.find("3.13t").unwrap().executable.ends_with("free/bin/python3.13t"));
    machine.search.path.pop();
    assert_eq!(machine.find("3.13t").unwrap_err().code(), Code::InterpreterNotFound);
}

#[test]
fn one_with_headers_is_preferred_and_one_without_will_do() {
    let mut machine = Machine::new();
    let bare = machine.python("bare", "python3.11", "3.11.2", |_| ());
    fs::remove_file(machine.root.join("bare/include/python3.11/Python.h")).unwrap();
    machine.search.path = vec![machine.root.join("bare/bin")];
    assert_eq!(machine.find("3.11").unwrap().headers, None);
    let whole = machine.python("whole", "python3.11", "3.11.9", |_| ());
    machine.search.path.push(machine.root.join("whole/bin"));
    let found = machine.find("3.11").unwrap();
    assert_eq!((found.executable, found.headers.is_some()), (whole, true));
    // Named by its path it is what was asked for.
    let named = find(Some(&Interpreter::Path(bare.clone())), &machine.search, &Report::silent()).unwrap();
    assert_eq!(named.executable, bare);
}

#[test]
fn what_builds_no_wheels_is_refused_with_its_reason() {
    let machine = Machine::new();
    let path = |name: &str, version: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let program = machine.python(name, "python3", version, change);
        find(Some(&Interpreter::Path(program)), &machine.search, &Report::silent()).unwrap_err()
    };
    for (error, reason) in [
        (path("pypy", "3.11.1", &|facts| facts["implementation"] = "pypy".into()), "pypy"),
        (path("old", "3.7.1", &|_| ()), "3.7.1"),
        (path("debug", "3.12.0", &|facts| facts["debug"] = true.into()), "debug"),
    ] {
        assert_eq!(error.code(), Code::InterpreterNotFound);
        assert!(error.causes()[0].contains(reason), "{error}");
    }
    let absent = Interpreter::Path("/nowhere/python3".into());
    let error = find(Some(&absent), &machine.search, &Report::silent()).unwrap_err();
    assert!(error.headline().contains("/nowhere/python3") && !error.hints().is_empty());
    let cat = Interpreter::Path("/bin/cat".into());
    assert!(find(Some(&cat), &machine.search, &Report::silent()).is_err());
}

#[test]
fn debian_keeps_pyconfig_apart_and_a_moved_tree_still_says_where_it_was() {
    let machine = Machine::new();
    let program = machine.python("root/usr", "python3.14", "3.14.0", |_| ());
    let include = machine.root.join("root/usr/include");
    let apart = include.join("x86_64-linux-gnu/python3.14");
    fs::create_dir_all(&apart).unwrap();
    fs::rename(include.join("python3.14/pyconfig.h"), apart.join("pyconfig.h")).unwrap();
    fs::write(include.join("python3.14/pyconfig.h"), "#include <x86_64-linux-gnu/python3.14/pyconfig.h>\n")
        .unwrap();
    let found = BuildPython::inspect(&program, &machine.search).unwrap();
    let headers = found.headers.unwrap();
    assert_eq!((headers.folder, headers.config), (include.join("python3.14"), apart.join("pyconfig.h")));
}

#[test]
fn headers_of_packages_are_not_cpythons() {
    let machine = Machine::new();
    let program = machine.python("p", "python3.11", "3.11.1", |_| ());
    let include = machine.root.join("p/include/python3.11");
    for name in ["cpython/object.h", "internal/mimalloc/mimalloc.h", "greenlet/greenlet.h", "README"] {
        let path = include.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    let files = BuildPython::inspect(&program, &machine.search).unwrap().headers.unwrap().files().unwrap();
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Python.h", "cpython/object.h", "internal/mimalloc/mimalloc.h", "patchlevel.h"]);
}

#[test]
fn headers_of_another_release_are_not_its_own() {
    let machine = Machine::new();
    let program = machine.python("p", "python3.11", "3.11.9", |_| ());
    fs::write(machine.root.join("p/include/python3.11/patchlevel.h"), "#define PY_VERSION \"3.11.2\"\n")
        .unwrap();
    assert_eq!(BuildPython::inspect(&program, &machine.search).unwrap().headers, None);
}

#[test]
fn facts_are_asked_once_and_again_when_the_file_changes() {
    let machine = Machine::new();
    let memory = machine.root.join("memory");
    let program = |version: &str| machine.python("p", "python3.11", version, |_| ());
    let ask = |program: &Path| {
        let identify = |facts: &Facts| Ok(facts.full_version.clone());
        facts::facts(program, Some(&memory), identify).unwrap().1
    };
    let starts = || fs::read_to_string(machine.root.join("p/bin/python3.11.starts")).unwrap().lines().count();
    let first = program("3.11.1");
    assert_eq!((ask(&first), ask(&first), starts()), ("3.11.1".into(), "3.11.1".into(), 1));
    let kept = fs::read_dir(&memory).unwrap().next().unwrap().unwrap().path();
    fs::write(&kept, "{broken").unwrap();
    assert_eq!((ask(&first), starts()), ("3.11.1".into(), 2));
    let second = program("3.11.10");
    assert_eq!((ask(&second), ask(&second), starts()), ("3.11.10".into(), "3.11.10".into(), 3));
    // Headers may be installed later, without a change of the program: until then it is asked each time.
    fs::remove_file(machine.root.join("p/include/python3.11/Python.h")).unwrap();
    fs::remove_file(&kept).unwrap();
    assert_eq!((ask(&second), ask(&second), starts()), ("3.11.10".into(), "3.11.10".into(), 5));
}

#[test]
fn identity_is_of_the_content_not_of_the_place() {
    let machine = Machine::new();
    let identity = |prefix: &str, version: &str| {
        let program = machine.python(prefix, "python3.11", version, |_| ());
        BuildPython::inspect(&program, &machine.search).unwrap().identity
    };
    let first = identity("a", "3.11.1");
    assert_eq!(first, identity("b", "3.11.1"));
    assert_ne!(first, identity("b", "3.11.2"));
    fs::write(machine.root.join("a/lib/python3.11/zipfile.py"), "# another").unwrap();
    assert_ne!(first, identity("a", "3.11.1"));
}

#[test]
fn what_must_be_mounted_is_what_lies_outside_the_system() {
    let machine = Machine::new();
    let program = machine.python("p", "python3.11", "3.11.1", |facts| {
        facts["mapped"] =
            serde_json::json!(["/usr/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
    });
    let found = BuildPython::inspect(&program, &machine.search).unwrap();
    assert_eq!(found.mounts, [machine.root.join("p")]);
    assert_eq!(found.c_api_library(), program);
    assert_eq!(found.build_target().unwrap().to_string(), "x86_64-linux-gnu.2.36");
}

#[test]
fn this_machines_own_python_is_found_and_described() {
    let search = Search::from_environment(None);
    let python = match find(None, &search, &Report::silent()) {
        Ok(python) => python,
        Err(error) => {
            println!("SKIP: {error}");
            return;
        }
    };
    assert!(python.executable.is_absolute() && !python.executable.is_symlink());
    assert!(python.stdlib.join("os.py").is_file() && python.sysconfig_data.is_file());
    assert!(python.full_version.starts_with(&format!("3.{}.", python.version.minor)));
    assert!(python.c_api_library().is_file());
    assert_eq!(python.identity.len(), 64);
    // The same one again, through its own path.
    let again =
        find(Some(&Interpreter::Path(python.executable.clone())), &search, &Report::silent()).unwrap();
    assert_eq!(again, python);
}
