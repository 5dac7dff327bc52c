//! What the builds of one `prefill` have in common: compilers that take turns, and requirements that
//! are built once for all of them.

mod common;

use std::fs;

use common::server::{Server, one_file};
use common::source::Source;
use common::{Room, TARGET, sha256};

/// A pylock.toml of `sources` as sdists that lie beside it.
fn lock(room: &Room, sources: &[(String, Source)]) {
    let mut lock = String::from("lock-version = \"1.0\"\ncreated-by = \"test\"\n");
    for (name, source) in sources {
        let path = source.sdist(room);
        lock.push_str(&format!(
            "[[packages]]\nname = \"{name}\"\nversion = \"1.0\"\nsdist = {{ path = \"{}\", hashes = {{ sha256 = \
             \"{}\" }} }}\n",
            path.file_name().unwrap().to_str().unwrap(),
            sha256(&path)
        ));
    }
    room.write("pylock.toml", lock);
}

fn prefill(room: &Room, target: &str) -> common::Run {
    room.wheelbuild(["prefill", "pylock.toml", "--python", "3.11", "-o", "house", "--target", target])
}

/// Before setup.py begins, starts `count` compilers at once, whatever it was told.
fn greedy(name: &str, count: usize) -> Source {
    let setup = format!(
        "import subprocess\nfrom setuptools import setup\n\
         open('big.c', 'w').write('\\n'.join('int f%d(int a) {{ return a * %d; }}' % (n, n) for n in range(200)))\n\
         running = [subprocess.Popen(['cc', '-c', 'big.c', '-o', '%d.o' % n]) for n in range({count})]\n\
         assert not any([one.wait() for one in running])\n\
         setup(name={name:?}, version='1.0', py_modules=['{name}'])\n"
    );
    Source::with_setup(name, &setup).file(&format!("{name}.py"), "")
}

#[test]
fn compilers_of_all_builds_take_turns() {
    let cache = common::cache_with_tools();
    let room = Room::with_own_cache();
    let log = room.write("log", "");
    // The user's compiler, which notes when it begins and ends. Who it is, wheelbuild itself asks.
    let zig = (common::names(&cache.join("tools")).into_iter())
        .find(|name| name.starts_with("zig-"))
        .map(|name| cache.join("tools").join(name).join("zig"))
        .unwrap();
    let text = format!(
        "#!/bin/sh\n[ \"$*\" = --version ] && exec {zig} cc -target {arch}-linux-gnu --version\necho \"+ $$ $PPID $*\" >>{log}\n{zig} cc -target {arch}-linux-gnu \"$@\"\ncode=$?\necho \"- $$\" >>{log}\nexit $code\n",
        arch = std::env::consts::ARCH,
        zig = zig.display(),
        log = log.display()
    );
    let counting = room.write("compilers/cc", text);
    fs::set_permissions(&counting, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let sources: Vec<_> =
        (0..3).map(|n| format!("greedy{n}")).map(|name| (name.clone(), greedy(&name, 6))).collect();
    lock(&room, &sources);
    let here = format!("{}-linux", std::env::consts::ARCH);
    let run = prefill(&room, &here).args(["--cc", "system", "--isolation", "none", "--jobs", "2"]);
    run.env("CC", &counting).env("CXX", &counting).ran().succeeded();
    let (mut now, mut most, mut begun) = (0, 0, 0);
    for line in fs::read_to_string(&log).unwrap().lines() {
        (now, begun) = if line.starts_with('+') { (now + 1, begun + 1) } else { (now - 1, begun) };
        most = most.max(now);
    }
    assert!(begun >= 18, "all of them ran: {begun}");
    assert!(most <= 2, "{most} compilers at once: {}", fs::read_to_string(&log).unwrap());
}

#[test]
fn what_several_builds_require_is_built_once() {
    let room = Room::with_own_cache();
    // Nobody has a wheel of it.
    let needed = Source::in_tree("needed").sdist(&room);
    let server =
        Server::start(one_file("needed", "needed-1.0.tar.gz", &sha256(&needed), &fs::read(&needed).unwrap()));
    let dependent = |name: &str| {
        let text =
            "[build-system]\nrequires = ['needed==1.0']\nbuild-backend = 'own'\nbackend-path = ['backend']\n";
        Source::in_tree(name).file("pyproject.toml", text)
    };
    let sources: Vec<_> = ["one", "two", "three"].map(|name| (name.to_owned(), dependent(name))).into();
    lock(&room, &sources);
    let index = server.url("", "/simple/");
    let run = prefill(&room, TARGET).args(["--jobs", "3", "--events", "events.jsonl"]);
    run.env("PIP_INDEX_URL", &index).env("UV_DEFAULT_INDEX", &index).ran().succeeded();
    let events = fs::read_to_string(room.join("events.jsonl")).unwrap();
    let hooks = |name: &str| {
        let start = format!(r#""phase-started","subject":"{name} 1.0","phase":"hooks""#);
        events.lines().filter(|line| line.contains(&start)).count()
    };
    assert_eq!((hooks("one"), hooks("two"), hooks("three")), (1, 1, 1));
    assert_eq!(hooks("needed"), 1);
}

#[test]
fn a_wheel_that_several_targets_make_at_once_is_one() {
    // Its published wheel is for one platform, so a build for each target begins; what comes out is pure.
    let published = format!(
        "wheels = [{{ name = \"turned-1.0-cp311-cp311-win_amd64.whl\", url = \"https://example.invalid/x.whl\", \
         hashes = {{ sha256 = \"{}\" }} }}]\n",
        "0".repeat(64)
    );
    let source = Source::pure("turned");
    let mut houses = Vec::new();
    for jobs in ["1", "2", "2"] {
        let room = Room::with_own_cache();
        lock(&room, &[("turned".to_owned(), source.clone())]);
        room.write("pylock.toml", fs::read_to_string(room.join("pylock.toml")).unwrap() + &published);
        let run = prefill(&room, TARGET).args(["--target", "x86_64-linux-musl", "--jobs", jobs]);
        run.ran().succeeded();
        let files = common::names(&room.join("house/files"));
        let read = |name: &String| (name.clone(), fs::read(room.join("house/files").join(name)).unwrap());
        houses.push(files.iter().map(read).collect::<Vec<_>>());
    }
    assert!(houses[0].iter().any(|(name, _)| name == "turned-1.0-py3-none-any.whl"));
    assert!(houses.iter().all(|house| *house == houses[0]), "the same, with its provenance");
}
