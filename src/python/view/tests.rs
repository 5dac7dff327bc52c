//! Views of this machine's own Python for every target, and against real Pythons where there are some.

use std::fs;

use super::*;
use crate::cache::Cache;
use crate::python::interpreter::{self, Search};
use crate::report::Report;
use crate::target::{Arch, Libc};

fn inside() -> ViewPaths {
    ViewPaths { root: "/build/target".into(), bin: "/build/bin".into() }
}

/// This machine's own Python, with the few headers that matter here (all of them for every target take a while).
fn own() -> Option<(BuildPython, tempfile::TempDir)> {
    let mut python = match interpreter::find(None, &Search::from_environment(None), &Report::silent()) {
        Ok(python) => python,
        Err(error) => {
            println!("SKIP: {error}");
            return None;
        }
    };
    let Some(headers) = &python.headers else {
        println!("SKIP: `{}` has no C headers", python.executable.display());
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    for name in ["Python.h", "patchlevel.h"] {
        fs::copy(headers.folder.join(name), folder.path().join(name)).unwrap();
    }
    let config = folder.path().join("pyconfig.h");
    fs::copy(&headers.config, &config).unwrap();
    python.headers = Some(interpreter::Headers { folder: folder.path().to_owned(), config });
    Some((python, folder))
}

fn targets() -> impl Iterator<Item = Target> {
    Arch::all().iter().flat_map(|arch| {
        [Libc::Gnu { minor: arch.glibc_floor }, Libc::Gnu { minor: 39 }, Libc::Musl]
            .map(|libc| Target { arch, libc })
    })
}

fn text<'a>(files: &'a BTreeMap<String, Vec<u8>>, end: &str) -> &'a str {
    let (_, content) =
        files.iter().find(|(name, _)| name.ends_with(end)).unwrap_or_else(|| panic!("no {end}"));
    std::str::from_utf8(content).unwrap()
}

#[test]
fn nothing_of_the_build_machine_is_in_a_view() {
    let Some((python, _keep)) = own() else { return };
    let prefix = python.prefix.display().to_string();
    for target in targets() {
        let (view, files) = compose(&python, &target, &inside(), None).unwrap();
        let data = text(&files, &format!("{}.py", lie::data_module(view.version, &target)));
        for (name, value) in literal::parse(data).unwrap() {
            let Value::Str(value) = value else { continue };
            assert!(!value.contains(&prefix) || prefix == "/usr", "{target}: {name} = {value}");
            let foreign =
                !python.multiarch.is_empty() && python.version.multiarch(&target) != python.multiarch;
            assert!(!(foreign && value.contains(&python.multiarch)), "{target}: {name} = {value}");
            // Absolute paths are the view's, the drivers', the shell or the zone tables.
            for word in value.split([' ', '=', ':', '\'']).filter(|word| word.starts_with('/')) {
                let known = [
                    "/build/target",
                    "/build/bin",
                    "/bin/sh",
                    "/usr/share/",
                    "/usr/lib/zoneinfo",
                    "/etc/zoneinfo",
                ];
                assert!(known.iter().any(|known| word.starts_with(known)), "{target}: {name} = {value}");
            }
        }
        let config = config_header::values(text(&files, "/pyconfig.h"));
        assert_eq!(config["SIZEOF_VOID_P"], Some((target.arch.bits / 8).to_string()));
        assert_eq!(tree::disagreements(&config, &target), Vec::<String>::new());
    }
}

#[test]
fn data_and_pyconfig_say_the_same() {
    let Some((python, _keep)) = own() else { return };
    for target in targets() {
        let (view, files) = compose(&python, &target, &inside(), None).unwrap();
        let data = text(&files, &format!("{}.py", lie::data_module(view.version, &target)));
        let variables = literal::parse(data).unwrap();
        for (name, value) in config_header::values(text(&files, "/pyconfig.h")) {
            let number = value.as_deref().map_or(Some(0), |value| value.parse().ok());
            if let (Some(number), Some(Value::Int(found))) = (number, variables.get(&name)) {
                assert_eq!(*found, number, "{target}: {name}");
            }
        }
    }
}

#[test]
fn a_view_is_the_same_every_time_and_is_written_as_composed() {
    let Some((python, _keep)) = own() else { return };
    let target = "aarch64-linux".parse().unwrap();
    let (first, files) = compose(&python, &target, &inside(), None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = write_view(&python, &target, &inside(), None, folder.path()).unwrap();
    assert_eq!(first, written);
    for (name, content) in &files {
        assert_eq!(&fs::read(folder.path().join(name)).unwrap(), content, "{name}");
    }
    let count = walkdir::WalkDir::new(folder.path())
        .into_iter()
        .filter(|e| e.as_ref().unwrap().file_type().is_file());
    assert_eq!(count.count(), files.len());
    let elsewhere = ViewPaths { root: "/other".into(), ..inside() };
    assert_ne!(compose(&python, &target, &elsewhere, None).unwrap().1, files);
    let other = "aarch64-linux-gnu.2.17".parse().unwrap();
    assert_ne!(compose(&python, &other, &inside(), None).unwrap().1, files);
}

#[test]
fn a_kept_view_is_the_one_that_would_be_written_and_each_target_has_its_own() {
    let Some((python, _keep)) = own() else { return };
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let keep = |target: &str, inside: &ViewPaths| {
        keep_view(&cache, &Report::silent(), &python, &target.parse().unwrap(), inside).unwrap()
    };
    let (view, place) = keep("aarch64-linux", &inside());
    let (fresh, files) = compose(&python, &"aarch64-linux".parse().unwrap(), &inside(), None).unwrap();
    assert_eq!(view, fresh);
    for (name, content) in &files {
        assert_eq!(&fs::read(place.join(name)).unwrap(), content, "{name}");
    }
    assert_eq!(keep("aarch64-linux", &inside()).1, place);
    assert_ne!(keep("aarch64-linux-gnu.2.17", &inside()).1, place);
    assert_ne!(keep("aarch64-linux", &ViewPaths { root: "/other".into(), ..inside() }).1, place);
}

#[test]
fn without_headers_the_compiler_says_how_to_get_them() {
    let Some((mut python, _keep)) = own() else { return };
    python.headers = None;
    let (view, files) = compose(&python, &"riscv64-linux".parse().unwrap(), &inside(), None).unwrap();
    assert!(!view.has_headers);
    assert!(
        text(&files, "/Python.h").starts_with("#error")
            && !files.keys().any(|name| name.ends_with("pyconfig.h"))
    );
}

#[test]
fn only_the_hooks_variables_are_set() {
    let view = |version: &str| View {
        version: version.parse().unwrap(),
        target: "armv7-linux-musl".parse().unwrap(),
        has_headers: true,
        root: "/build/target".into(),
    };
    for version in ["3.9", "3.13t", "3.14"] {
        let names: Vec<_> = view(version).hook_environment().into_iter().map(|(name, _)| name).collect();
        assert!(names.iter().all(|name| HOOK_VARIABLES.contains(&name.as_str())), "{names:?}");
        assert_eq!(names.contains(&"_PYTHON_SYSCONFIGDATA_PATH".to_owned()), version == "3.14");
    }
    let variables: BTreeMap<_, _> = view("3.13t").hook_environment().into_iter().collect();
    assert_eq!(variables["_PYTHON_HOST_PLATFORM"], "linux-armv7l");
    assert_eq!(variables["_PYTHON_SYSCONFIGDATA_NAME"], "_sysconfigdata_t_linux_arm-linux-musleabihf");
}

/// A written view is laid out as a prefix, so it serves as a `--target-python` tree.
#[test]
fn a_real_tree_is_taken_and_a_foreign_one_refused() {
    let Some((python, _keep)) = own() else { return };
    let target: Target = "s390x-linux".parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("python");
    write_view(&python, &target, &inside(), None, &root).unwrap();
    let config = root.join(format!("include/{}/pyconfig.h", python.version.program()));
    // What only a real configure run could know is kept.
    let real =
        fs::read_to_string(&config).unwrap().replace("#define HAVE_ACCEPT4 1", "/* #undef HAVE_ACCEPT4 */");
    fs::write(&config, &real).unwrap();
    let (_, files) = compose(&python, &target, &inside(), Some(folder.path())).unwrap();
    assert_eq!(text(&files, "/pyconfig.h"), real);
    assert!(text(&files, "_s390x-linux-gnu.py").contains("'CC': '/build/bin/cc'"));

    let other = "aarch64-linux".parse().unwrap();
    let error = compose(&python, &other, &inside(), Some(folder.path())).unwrap_err();
    assert_eq!(error.code(), Code::TargetPython);
    fs::write(&config, real.replace("#define SIZEOF_LONG 8", "#define SIZEOF_LONG 4")).unwrap();
    let error = compose(&python, &target, &inside(), Some(folder.path())).unwrap_err();
    assert_eq!(error.code(), Code::TargetPython);
    assert!(error.lines()[0].starts_with("SIZEOF_LONG: 4 there, 8 on s390x"), "{:?}", error.lines());
}

/// Debian's own builds of other machines (`scripts/check-view` unpacks them) say what the view says.
#[test]
fn the_view_agrees_with_real_pythons_of_the_target() {
    let roots = std::env::var_os("WHEELBUILD_PYROOT").map(|cache| PathBuf::from(cache).join("roots"));
    let Some(entries) = roots.as_ref().and_then(|roots| fs::read_dir(roots).ok()) else {
        println!("SKIP: WHEELBUILD_PYROOT names no folder of scripts/pyroot");
        return;
    };
    let mut roots: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    roots.sort();
    let mut compared = 0;
    for root in &roots {
        let name = root.file_name().unwrap().to_string_lossy().into_owned();
        let [suite, debian, version, "dev"] = name.split('-').collect::<Vec<_>>()[..] else { continue };
        let own = roots.iter().find(|root| root.ends_with(format!("{suite}-amd64-{version}-dev")));
        let Some(own) = own.filter(|own| *own != root) else { continue };
        let arch = Arch::find(debian).unwrap();
        // Debian's glibc is newer than every row of the table.
        let target = Target { arch, libc: Libc::Gnu { minor: 99 } };
        let python =
            BuildPython::inspect(&own.join(format!("usr/bin/python{version}")), &Search::default()).unwrap();
        let real = tree::Tree::read(root, python.version, &target).unwrap();
        let (_, files) = compose(&python, &target, &inside(), None).unwrap();
        let differ = differences(&real, &files, &target);
        println!("{name}: {} names compared, {} differ unexplained", differ.0, differ.1.len());
        assert!(differ.1.is_empty(), "{name}:\n{}", differ.1.join("\n"));
        assert!(differ.0 > 500);
        compared += 1;
    }
    if compared == 0 {
        println!("SKIP: no pair of roots in WHEELBUILD_PYROOT");
    }
}

/// How many names were compared, and which differ without a reason in the table.
fn differences(
    real: &tree::Tree,
    files: &BTreeMap<String, Vec<u8>>,
    target: &Target,
) -> (usize, Vec<String>) {
    let theirs = config_header::values(&fs::read_to_string(&real.headers.config).unwrap());
    let ours = config_header::values(text(files, "/pyconfig.h"));
    assert_eq!(theirs.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>());
    let mut differ = Vec::new();
    for (name, value) in &theirs {
        if ours[name] != *value && !table::is_explained(name, target) {
            differ.push(format!("pyconfig.h {name}: theirs {value:?}, ours {:?}", ours[name]));
        }
    }
    let data = literal::parse(text(files, &format!("_linux_{}.py", target.multiarch()))).unwrap();
    // Strings that are facts of the target, not choices of who built it.
    let facts = [
        "ABIFLAGS",
        "CCSHARED",
        "EXT_SUFFIX",
        "LDVERSION",
        "MACHDEP",
        "MULTIARCH",
        "SHLIB_SUFFIX",
        "SOABI",
        "VERSION",
    ];
    let is_fact = |name: &str, value: &Value| matches!(value, Value::Int(_)) || facts.contains(&name);
    let mut compared = 0;
    for (name, value) in real.variables.iter().filter(|(name, value)| is_fact(name, value)) {
        compared += 1;
        if data.get(name) != Some(value) && !table::is_explained(name, target) {
            differ.push(format!("data {name}: theirs {value:?}, ours {:?}", data.get(name)));
        }
    }
    (theirs.len() + compared, differ)
}
