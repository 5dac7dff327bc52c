use std::path::Path;

use super::*;
use crate::index::{Options, Variables};

const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A pylock.toml of one package with these files.
fn lock(name: &str, version: &str, files: &[&str]) -> Lock {
    let hash = format!("hashes = {{ sha256 = \"{HASH}\" }}");
    let (wheels, sdists): (Vec<&&str>, Vec<&&str>) = files.iter().partition(|file| file.ends_with(".whl"));
    let wheels: Vec<String> = wheels.iter().map(|file| format!("{{ name = \"{file}\", {hash} }}")).collect();
    let sdist =
        sdists.first().map_or(String::new(), |file| format!("sdist = {{ name = \"{file}\", {hash} }}\n"));
    let text = format!(
        "lock-version = \"1.0\"\ncreated-by = \"hand\"\n[[packages]]\nname = \"{name}\"\nversion = \"{version}\"\n{sdist}wheels = [{}]\n",
        wheels.join(", ")
    );
    Lock::parse(Path::new("pylock.toml"), text.as_bytes(), None).unwrap()
}

fn plan_with(lock: &Lock, target: &str, python: &str, policy: &Policy, places: &Places<'_>) -> Decision {
    let wanted = Wanted {
        target: target.to_owned(),
        platform: target.parse().unwrap(),
        python: python.parse().unwrap(),
        patch: None,
    };
    make(lock, &Selection::default(), &[wanted], policy, places).unwrap().decisions.remove(0)
}

fn plan(lock: &Lock, target: &str, python: &str) -> Decision {
    let report = Report::silent();
    let places = Places { index: None, built: &NothingBuilt, downloads: Vec::new(), report: &report };
    plan_with(lock, target, python, &Policy::default(), &places)
}

fn file(decision: &Decision) -> &str {
    decision.file.as_ref().map_or("", |file| file.name.as_str())
}

#[test]
fn the_best_wheel_is_taken_whatever_the_order_of_the_lock() {
    let mut files = [
        "a-1-cp39-abi3-manylinux_2_17_x86_64.whl",
        "a-1-cp311-cp311-linux_x86_64.whl",
        "a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "a-1-2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "a-1-10-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "a-1-py3-none-any.whl",
        "a-1.tar.gz",
    ];
    for turn in 0..files.len() {
        files.rotate_left(turn);
        let decision = plan(&lock("a", "1", &files), "x86_64-linux", "3.11");
        assert_eq!(file(&decision), "a-1-10-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl");
        assert_eq!(decision.verdict, Verdict::Wheel);
        let musl = plan(&lock("a", "1", &files), "x86_64-linux-musl", "3.11");
        assert_eq!(file(&musl), "a-1-py3-none-any.whl");
    }
}

#[test]
fn impossible_says_on_which_fact_it_rests() {
    let decision = plan(&lock("a", "1", &["a-1-cp311-cp311-win_amd64.whl"]), "x86_64-linux", "3.11");
    assert_eq!(decision.verdict, Verdict::Impossible);
    assert_eq!(
        decision.reason,
        "the one wheel that is listed in the lock does not fit (for win_amd64), and no sdist is listed in the lock"
    );
    assert!(decision.hints[0].contains("--refresh-files"));
}

#[test]
fn what_is_published_is_told_from_what_is_listed() {
    let server = crate::index::test_server::Server::start(|_, _| {
        let body = format!("<a href=\"a-1-cp311-cp311-win_amd64.whl#sha256={HASH}\">x</a>");
        crate::index::test_server::Response::new(200, body).header("content-type", "text/html")
    });
    let index = Index::new(
        Options {
            variables: Variables::from_iter([("UV_DEFAULT_INDEX", server.url("/simple/"))]),
            folder: std::env::temp_dir(),
            python: PathBuf::from("python3"),
            offline: false,
        },
        Report::silent(),
    );
    let report = Report::silent();
    let places = Places { index: Some(&index), built: &NothingBuilt, downloads: Vec::new(), report: &report };
    let policy = Policy { refresh: true, ..Policy::default() };
    let decision = plan_with(&lock("a", "1", &[]), "x86_64-linux", "3.11", &policy, &places);
    assert_eq!(
        decision.reason,
        "the one wheel that is published does not fit (for win_amd64), and no sdist is published"
    );
}

#[test]
fn a_bare_linux_tag_is_never_taken_unseen() {
    let only = lock("a", "1", &["a-1-cp311-cp311-linux_x86_64.whl"]);
    for target in ["x86_64-linux", "x86_64-linux-musl"] {
        assert_eq!(plan(&only, target, "3.11").verdict, Verdict::Check);
    }
    assert_eq!(plan(&only, "aarch64-linux", "3.11").verdict, Verdict::Impossible);
    let with_sdist = lock("a", "1", &["a-1-cp311-cp311-linux_x86_64.whl", "a-1.tar.gz"]);
    assert_eq!(plan(&with_sdist, "x86_64-linux", "3.11").verdict, Verdict::Build);
}

#[test]
fn a_wheel_that_was_built_is_found_by_its_sdist() {
    struct One;
    impl BuiltWheels for One {
        fn find(
            &self,
            sdist: &str,
            _: (&str, &str),
            target: &Target,
            python: PythonVersion,
        ) -> Option<BuiltWheel> {
            let same = sdist == HASH && target.to_string() == "x86_64-linux-musl" && python.minor == 11;
            same.then(|| BuiltWheel { file: "a-1-built.whl".to_owned(), sha256: HASH.to_owned(), size: 1 })
        }
    }
    let report = Report::silent();
    let places = Places { index: None, built: &One, downloads: Vec::new(), report: &report };
    let lock = lock("a", "1", &["a-1.tar.gz"]);
    let verdict = |target| plan_with(&lock, target, "3.11", &Policy::default(), &places).verdict;
    assert_eq!(verdict("x86_64-linux-musl"), Verdict::Cached);
    assert_eq!(verdict("x86_64-linux"), Verdict::Build);
}

#[test]
fn an_sdist_that_is_here_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a-1.tar.gz");
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
        std::fs::File::create(&path).unwrap(),
        flate2::Compression::fast(),
    ));
    for (name, text) in [
        ("a-1/pyproject.toml", "[build-system]\nrequires = []\nbuild-backend = 'mesonpy'\n"),
        ("a-1/src/x.pyx", ""),
        ("a-1/src/x.rs", ""),
        ("a-1/tests/x.f90", ""),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
    let mut sdist = File::named("a-1.tar.gz");
    let folders = [folder.path().to_owned()];
    let unknown = sdist::of_archive(&sdist, &[], &folders);
    assert_eq!((unknown.backend, unknown.risk), (None, Risk::Unknown));
    let digest = crate::cache::Digest::of_file(&path).unwrap();
    sdist.hashes.push(("sha256".to_owned(), digest.to_string()));
    let known = sdist::of_archive(&sdist, &[], &folders);
    assert_eq!(known.backend.as_deref(), Some("mesonpy"));
    assert_eq!((known.risk, known.describe()), (Risk::Native, "mesonpy, compiles Cython, Rust".to_owned()));
}

#[test]
fn names_for_the_policy_are_read_in_any_spelling() {
    let typed = ["Zope.Interface, numpy".to_owned(), ":all:".to_owned(), String::new()];
    assert_eq!(Policy::names(&typed).into_iter().collect::<Vec<_>>(), [":all:", "numpy", "zope-interface"]);
}
