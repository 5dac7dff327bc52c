//! The hooks' view is believed: every build interpreter found here, shown every target, says what a
//! Python of that target would say, in the process itself and in one it starts with `-I`.
//!
//! The interpreters are the ones of this machine and, if `WHEELBUILD_PYROOT` names a folder of
//! `scripts/pyroot`, the ones in it. setuptools, wheel and packaging come through pip.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use wheelbuild::python::interpreter::{BuildPython, Search, find};
use wheelbuild::python::view::{self, ViewPaths};
use wheelbuild::report::Report;
use wheelbuild::target::{Arch, Endian, Interpreter, Libc, PythonVersion, Target};

/// Printed by a Python that sees a view: what the tools around wheels ask.
const ASK: &str = r#"
import ctypes, json, os, platform, struct, sys, sysconfig
deep = len(sys.argv) > 1
def answers():
    found = {
        "get_platform": sysconfig.get_platform(),
        "EXT_SUFFIX": sysconfig.get_config_var("EXT_SUFFIX"),
        "SOABI": sysconfig.get_config_var("SOABI"),
        "SIZEOF_VOID_P": sysconfig.get_config_var("SIZEOF_VOID_P"),
        "CC": sysconfig.get_config_var("CC"),
        "include": sysconfig.get_path("include"),
        "config_h": sysconfig.get_config_h_filename(),
        "has_config_h": os.path.isfile(sysconfig.get_config_h_filename()),
        "machine": platform.machine(),
        "uname": os.uname().machine,
        "processor": platform.processor(),
        "bits": platform.architecture()[0],
        "libc": list(platform.libc_ver()),
        "multiarch": sys.implementation._multiarch,
        "cache_tag": sys.implementation.cache_tag,
        "maxsize": sys.maxsize.bit_length() + 1,
        "byteorder": sys.byteorder,
        "pointer": struct.calcsize("P") * 8,
        "word": ctypes.sizeof(ctypes.c_size_t) * 8,
        # Python asks for itself, as it is.
        "own order": "little" if ctypes.LittleEndianStructure is ctypes.Structure else "big",
    }
    if deep:
        import packaging.tags
        # Since 26 packaging gives the bare linux tag first.
        first = lambda tags: str(next(tag for tag in tags.sys_tags() if not tag.platform.startswith("linux_")))
        found["tag"] = first(packaging.tags)
        import setuptools, distutils.sysconfig, distutils.util
        found["python_inc"] = distutils.sysconfig.get_python_inc()
        found["python_inc_plat"] = distutils.sysconfig.get_python_inc(plat_specific=True)
        found["host_platform"] = distutils.util.get_platform()
        found["distutils_suffix"] = distutils.sysconfig.get_config_var("EXT_SUFFIX")
        from setuptools.command.bdist_wheel import get_platform, get_abi_tag
        found["bdist_wheel"] = get_platform(None)
        found["abi_tag"] = get_abi_tag()
        from setuptools.dist import Distribution
        from setuptools.command.build_ext import build_ext
        command = build_ext(Distribution({"name": "x", "ext_modules": []}))
        command.ensure_finalized()
        found["ext_filename"] = command.get_ext_filename("a.b")
        from wheel._bdist_wheel import get_platform
        found["wheel"] = get_platform(None)
        import pip._vendor.packaging.tags as tags
        found["pip_tag"] = first(tags)
        found["any"] = sorted({tag.platform for tag in tags.sys_tags()})
        import ssl, hashlib
    return found
print(json.dumps(answers()))
"#;

/// An environment made by hand, as the builds' own: an interpreter link, packages, the switch.
struct Environment {
    folder: PathBuf,
}

impl Environment {
    fn new(folder: PathBuf, python: &BuildPython, packages: Option<&Path>) -> Self {
        let site = folder.join(format!("lib/{}/site-packages", python.version.program()));
        fs::create_dir_all(&site).unwrap();
        fs::create_dir_all(folder.join("bin")).unwrap();
        let home = python.executable.parent().unwrap().display();
        let marker = format!(
            "home = {home}\ninclude-system-site-packages = false\nversion = {}\n",
            python.full_version
        );
        fs::write(folder.join("pyvenv.cfg"), marker).unwrap();
        symlink(&python.executable, folder.join("bin/python")).unwrap();
        for (name, text) in view::SITE_FILES {
            fs::write(site.join(name), text).unwrap();
        }
        if let Some(packages) = packages {
            fs::write(site.join("packages.pth"), format!("{}\n", packages.display())).unwrap();
        }
        Self { folder }
    }

    fn python(&self, variables: &[(String, String)]) -> Command {
        let mut command = Command::new(self.folder.join("bin/python"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("PYTHONDONTWRITEBYTECODE", "1");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn ask(&self, variables: &[(String, String)], arguments: &[&str]) -> BTreeMap<String, serde_json::Value> {
        let output = self.python(variables).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{arguments:?}\n{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn interpreters() -> Vec<BuildPython> {
    let mut search = Search::from_environment(None);
    if let Some(cache) = std::env::var_os("WHEELBUILD_PYROOT") {
        let own = fs::read_dir(Path::new(&cache).join("roots")).into_iter().flatten();
        let mut own: Vec<PathBuf> = own.map(|entry| entry.unwrap().path().join("usr/bin")).collect();
        own.sort();
        search.path.extend(own.into_iter().filter(|folder| folder.to_string_lossy().contains("-amd64-")));
    }
    let mut found = Vec::new();
    for version in PythonVersion::all() {
        match find(Some(&Interpreter::Version(version)), &search, &Report::silent()) {
            Ok(python) => found.push(python),
            Err(_) => println!("SKIP: no Python {version} on this machine"),
        }
    }
    found
}

/// setuptools, wheel, packaging and pip, pure Python, for every interpreter.
fn packages(folder: &Path) -> Option<PathBuf> {
    let site = folder.join("packages");
    let pip = Command::new("python3")
        .args(["-m", "pip", "install", "-q", "--disable-pip-version-check", "--root-user-action=ignore"])
        .args(["--python-version", "3.9", "--only-binary", ":all:", "--target"])
        .arg(&site)
        .args(["setuptools>=77", "wheel>=0.46", "packaging>=24", "pip>=24"])
        .output();
    match pip {
        Ok(output) if output.status.success() => Some(site),
        Ok(output) => {
            println!("SKIP: setuptools and wheel: {}", String::from_utf8_lossy(&output.stderr).trim());
            None
        }
        Err(error) => {
            println!("SKIP: setuptools and wheel: {error}");
            None
        }
    }
}

fn targets() -> impl Iterator<Item = Target> {
    Arch::all().iter().flat_map(|arch| {
        [Libc::Gnu { minor: 28.max(arch.glibc_floor) }, Libc::Musl].map(|libc| Target { arch, libc })
    })
}

fn expected(
    python: &BuildPython,
    target: &Target,
    root: &Path,
    deep: bool,
) -> BTreeMap<String, serde_json::Value> {
    let version = python.version;
    let (machine, suffix) = (target.arch.machine.clone(), version.extension_suffix(target));
    let include = root.join("include").join(version.program()).display().to_string();
    let libc = match target.libc {
        Libc::Gnu { minor } => ["glibc".to_owned(), format!("2.{minor}")],
        Libc::Musl => ["musl".to_owned(), "1.2".to_owned()],
    };
    let mut expected = serde_json::json!({
        "get_platform": target.python_platform(),
        "EXT_SUFFIX": suffix,
        "SOABI": version.soabi(target),
        "SIZEOF_VOID_P": target.arch.bits / 8,
        "CC": "/build/bin/cc",
        "include": include,
        "config_h": format!("{include}/pyconfig.h"),
        "has_config_h": true,
        "machine": machine,
        "uname": machine,
        "processor": "",
        "bits": format!("{}bit", target.arch.bits),
        "libc": libc,
        "multiarch": version.multiarch(target),
        "cache_tag": format!("cpython-3{}", version.minor),
        "maxsize": target.arch.bits,
        "byteorder": if target.arch.endian == Endian::Big { "big" } else { "little" },
        "pointer": target.arch.bits, "word": target.arch.bits,
        "own order": if cfg!(target_endian = "big") { "big" } else { "little" },
    });
    if deep {
        let platform = target.python_platform().replace('-', "_");
        let tag = format!(
            "{}-{}-{}",
            version.interpreter_tag(),
            version.abi_tag(),
            target.platform_tag().spellings()[0]
        );
        let more = serde_json::json!({
            "python_inc": include, "python_inc_plat": include,
            "host_platform": target.python_platform(), "distutils_suffix": suffix,
            "bdist_wheel": platform, "wheel": platform,
            "abi_tag": version.abi_tag(), "ext_filename": format!("a/b{suffix}"),
            "tag": tag, "pip_tag": tag,
        });
        expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    }
    serde_json::from_value(expected).unwrap()
}

#[test]
fn every_interpreter_says_it_is_every_target() {
    let folder = tempfile::tempdir().unwrap();
    let folder = fs::canonicalize(folder.path()).unwrap();
    let packages = packages(&folder);
    let script = folder.join("ask.py");
    fs::write(&script, ASK).unwrap();
    let (script, mut checked) = (script.display().to_string(), 0);
    for python in interpreters() {
        if python.headers.is_none() {
            println!("SKIP: Python {} has no C headers", python.full_version);
            continue;
        }
        let place = folder.join(python.version.to_string());
        let environment = Environment::new(place.clone(), &python, packages.as_deref());
        let untold = environment.ask(&[], &["-I", &script]);
        assert_eq!(untold["multiarch"], python.multiarch, "without the variable nothing is shown");
        assert_ne!(untold["CC"], "/build/bin/cc");
        for target in targets() {
            let root = place.join(target.to_string());
            let inside = ViewPaths { root: root.clone(), bin: "/build/bin".into() };
            let view = view::write_view(&python, &target, &inside, None, &root).unwrap();
            let variables = view.hook_environment();
            let what = format!("Python {} shown {target}", python.full_version);
            // setuptools takes its time: three targets tell 64 bits, 32 bits and musl apart.
            let deep = packages.is_some()
                && ["aarch64-linux-gnu.2.28", "armv7l-linux-gnu.2.28", "x86_64-linux-musl"]
                    .contains(&&*target.to_string());
            let arguments: &[&str] = if deep { &["-I", &script, "deep"] } else { &["-I", &script] };
            let mut said = environment.ask(&variables, arguments);
            if let Some(any) = said.remove("any") {
                assert!(
                    !any.to_string().contains("_x86_64") || target.arch.machine == "x86_64",
                    "{what}: {any}"
                );
                let other = if target.libc == Libc::Musl { "manylinux" } else { "musllinux" };
                assert!(!any.to_string().contains(other), "{what}: {any}");
            }
            assert_eq!(said, expected(&python, &target, &root, deep), "{what}");
            checked += 1;
        }
        println!(
            "Python {} ({}) believed {} targets",
            python.full_version,
            python.executable.display(),
            targets().count()
        );
    }
    println!("{checked} pairs of interpreter and target");
}

#[test]
fn a_started_python_believes_it_too_and_a_missing_view_stops_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = fs::canonicalize(folder.path()).unwrap();
    let Some(python) = interpreters().into_iter().find(|python| python.headers.is_some()) else {
        println!("SKIP: no Python with C headers");
        return;
    };
    let environment = Environment::new(folder.join("environment"), &python, None);
    let target: Target = "s390x-linux".parse().unwrap();
    let root = folder.join("view");
    let inside = ViewPaths { root: root.clone(), bin: "/build/bin".into() };
    let variables = view::write_view(&python, &target, &inside, None, &root).unwrap().hook_environment();
    let start = "import subprocess, sys; \
                 sys.exit(subprocess.call([sys.executable, '-I', '-c', 'import json, platform, sysconfig; \
                 print(json.dumps({\"m\": platform.machine(), \"s\": sysconfig.get_config_var(\"EXT_SUFFIX\")}))']))";
    let said = environment.ask(&variables, &["-c", start]);
    assert_eq!(said["m"], "s390x");
    assert_eq!(said["s"], python.version.extension_suffix(&target));
    // What describes the running process stays true, for Python's own code the byte order, too.
    let truth = "import ctypes, json, struct, importlib.machinery as m; \
                 print(json.dumps({\"order\": ctypes.LittleEndianStructure is ctypes.Structure, \
                 \"data\": struct.pack('@H', 1)[0], \"suffix\": m.EXTENSION_SUFFIXES[0]}))";
    assert_eq!(environment.ask(&variables, &["-I", "-c", truth]), environment.ask(&[], &["-I", "-c", truth]));

    fs::remove_file(root.join("lie.py")).unwrap();
    let output = environment.python(&variables).args(["-I", "-c", "print('went on')"]).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no view of the target"));
}

/// zig has headers of every target: its compiler checks each size the view states.
#[test]
fn every_view_says_what_the_targets_compiler_says() {
    let Some(zig) = std::env::var_os("WHEELBUILD_ZIG") else {
        println!("SKIP: WHEELBUILD_ZIG names no zig");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/layout.c");
    let mut compiled = 0;
    for python in interpreters().into_iter().filter(|python| python.headers.is_some()) {
        for target in targets() {
            let root = folder.path().join(format!("{}-{target}", python.version));
            let inside = ViewPaths { root: root.clone(), bin: "/build/bin".into() };
            let view = view::write_view(&python, &target, &inside, None, &root).unwrap();
            let output = Command::new(&zig)
                .args([
                    "cc",
                    "-target",
                    &target.zig_triple(),
                    "-O1",
                    "-Werror",
                    "-c",
                    "-o",
                    "/dev/null",
                    "-I",
                ])
                .arg(view.include_dir())
                .arg(&source)
                .current_dir(folder.path())
                .env("ZIG_GLOBAL_CACHE_DIR", folder.path().join("cache"))
                .env("ZIG_LOCAL_CACHE_DIR", folder.path().join("cache"))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "Python {} for {target}:\n{said}", python.full_version);
            compiled += 1;
        }
    }
    println!("{compiled} pairs of interpreter and target compiled");
}
