//! A prefill and the world against it: whatever happens, no wheelhouse lists what is not there or is
//! wrong, and a later run without the fault ends with the bytes of one that nobody disturbed.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::house::{contents, index_is_whole, listed_but_absent, noise, wheel};
use common::live::Live;
use common::server::closed_port;
use common::source::Source;
use common::store::{Fault, Store};
use common::{Ran, Room, Run, TARGET, sha256};

const SDISTS: [&str; 3] = ["part0", "part1", "part2"];
const WHEELS: [&str; 2] = ["ready", "steady"];
/// Bytes in every file that cannot be compressed.
const BALLAST: usize = 200_000;

type Behaviour = dyn Fn(&str, usize) -> Option<Fault> + Send + Sync;

/// Locked files on a server that can be told to misbehave.
struct Scene {
    room: Room,
    store: Store,
    /// What it does for a path, asked for the n-th time from 0.
    behaviour: Arc<Mutex<Box<Behaviour>>>,
    /// `pylock.toml` with `@` for the server's address.
    lock: String,
    calm: BTreeMap<String, Vec<u8>>,
}

impl Scene {
    fn new() -> Self {
        let room = Room::with_own_cache();
        let behaviour: Arc<Mutex<Box<Behaviour>>> = Arc::new(Mutex::new(Box::new(|_, _| None)));
        let (told, counts) = (behaviour.clone(), Mutex::new(BTreeMap::<String, usize>::new()));
        let store = Store::with(move |_, path| {
            let mut counts = counts.lock().unwrap();
            let count = counts.entry(path.to_owned()).or_default();
            *count += 1;
            told.lock().unwrap()(path, *count - 1)
        });
        let mut lock = String::from("lock-version = \"1.0\"\ncreated-by = \"test\"\n");
        let mut add = |name: &str, open: &str, path: PathBuf, close: &str| {
            let file = path.file_name().unwrap().to_str().unwrap();
            lock.push_str(&format!(
                "[[packages]]\nname = \"{name}\"\nversion = \"1.0\"\n{open}{{ name = \"{file}\", url = \"@/{file}\", \
                 hashes = {{ sha256 = \"{}\" }} }}{close}\n",
                sha256(&path)
            ));
            store.set(file, fs::read(&path).unwrap());
        };
        for name in SDISTS {
            let source = Source::in_tree(name).file("ballast.bin", noise(name, BALLAST));
            add(name, "sdist = ", source.sdist(&room), "");
        }
        for name in WHEELS {
            add(name, "wheels = [", wheel(&room, name, BALLAST), "]");
        }
        let mut scene = Self { room, store, behaviour, lock, calm: BTreeMap::new() };
        scene.run("calm", "calm-cache", &scene.store.url()).ran().succeeded();
        scene.calm = contents(&scene.room.join("calm"));
        assert_eq!(index_is_whole(&scene.room.join("calm")), 5);
        scene
    }

    /// From here on the server does this; it counts anew.
    fn server_does(&self, behaviour: impl Fn(&str, usize) -> Option<Fault> + Send + Sync + 'static) {
        *self.behaviour.lock().unwrap() = Box::new(behaviour);
    }

    /// A run with a cache of this name, which has the tools and nothing else to begin with.
    fn run(&self, house: &str, cache: &str, address: &str) -> Run {
        let cache = self.room.join(cache);
        if !cache.exists() {
            fs::create_dir(&cache).unwrap();
            for tools in ["tools", "kits", "uv"] {
                std::os::unix::fs::symlink(self.room.cache().join(tools), cache.join(tools)).unwrap();
            }
        }
        self.room.write("pylock.toml", self.lock.replace('@', address));
        let words =
            ["prefill", "pylock.toml", "--target", TARGET, "--python", "3.11", "--jobs", "2", "-k", "-vv"];
        // The index of the machine is none of this.
        let index = format!("{address}/simple");
        let run = self.room.wheelbuild(words).args(["-o", house]).env("WHEELBUILD_CACHE_DIR", cache);
        let run = run.env("PIP_INDEX_URL", &index).env("UV_DEFAULT_INDEX", index);
        run.env("PIP_RETRIES", "2")
            .env("PIP_TIMEOUT", "2")
            .env("UV_HTTP_TIMEOUT", "2")
            .env("UV_HTTP_RETRIES", "2")
    }

    /// Every file that is there is one of an undisturbed run, and so is every listed one.
    #[track_caller]
    fn is_sound(&self, house: &str) {
        let house = self.room.join(house);
        index_is_whole(&house);
        assert_eq!(listed_but_absent(&house), [""; 0]);
        for (name, bytes) in contents(&house) {
            if name.starts_with("files/") {
                assert!(self.calm.get(&name) == Some(&bytes), "{name} is another");
            }
        }
    }

    /// The fault is over: the next run has what an undisturbed one has.
    #[track_caller]
    fn ends_well(&self, house: &str, cache: &str) -> Ran {
        self.server_does(|_, _| None);
        let ran = self.run(house, cache, &self.store.url()).ran().succeeded();
        self.is_the_same(house);
        ran
    }

    #[track_caller]
    fn is_the_same(&self, house: &str) {
        let there = contents(&self.room.join(house));
        assert!(there == self.calm, "{:?}\n{:?}", there.keys(), self.calm.keys());
    }
}

#[test]
fn a_server_that_is_down() {
    let scene = Scene::new();
    let nobody = format!("http://{}", closed_port());
    let ran = scene.run("house", "its-cache", &nobody).ran().failed(5, "WB0601");
    assert_eq!(ran.stderr.matches("error[WB0601]:").count(), 5, "{ran}");
    scene.is_sound("house");
    assert!(!scene.room.join("house/pylock.toml").exists());
    scene.ends_well("house", "its-cache");
}

#[test]
fn what_passes_makes_it_slower() {
    let scene = Scene::new();
    // Once each, for every file.
    for (name, fault) in [("busy", Fault::Status(503)), ("cut", Fault::CutShort), ("silent", Fault::Silent)] {
        let seen = Mutex::new(BTreeMap::<String, usize>::new());
        scene.server_does(move |path, _| {
            let mut seen = seen.lock().unwrap();
            let count = seen.entry(path.to_owned()).or_default();
            *count += 1;
            (*count == 1).then_some(fault)
        });
        let ran = scene.run(name, &format!("cache-{name}"), &scene.store.url()).ran().succeeded();
        assert!(ran.stderr.matches("trying again").count() >= 5, "{name}: {ran}");
        scene.is_the_same(name);
    }
    // A slow one takes its time, longer than any silence may be.
    scene.server_does(|_, _| Some(Fault::Slow));
    scene.run("slow", "cache-slow", &scene.store.url()).ran().succeeded();
    scene.is_the_same("slow");
}

#[test]
fn what_lasts_is_an_error_and_nothing_wrong_is_kept() {
    let scene = Scene::new();
    let faults = [
        ("busy", Fault::Status(503), 5, "WB0601"),
        ("gone", Fault::Status(404), 5, "WB0602"),
        ("cut", Fault::CutShort, 5, "WB0601"),
        ("silent", Fault::Silent, 5, "WB0601"),
        ("page", Fault::Page, 5, "WB0603"),
        ("changed", Fault::Changed, 5, "WB0603"),
    ];
    for (name, fault, exit, code) in faults {
        // Half of the files come as they should.
        let ill =
            |path: &str| path.starts_with("part1") || path.starts_with("ready") || path.starts_with("simple");
        scene.server_does(move |path, _| ill(path).then_some(fault));
        let cache = format!("cache-{name}");
        let ran = scene.run(name, &cache, &scene.store.url()).ran().failed(exit, code);
        assert_eq!(ran.stderr.matches("error[WB").count(), 2, "{name}: {ran}");
        scene.is_sound(name);
        assert_eq!(index_is_whole(&scene.room.join(name)), 3, "{name}: {ran}");
        let downloads = scene.room.join(&cache).join("downloads");
        let kept = common::names(&downloads);
        assert!(
            !kept.iter().any(|file| file.starts_with("part1") || file.starts_with("ready")),
            "{name}: {kept:?}"
        );
        scene.ends_well(name, &cache);
    }
}

/// `program` in a mount namespace of its own, where a file system of `size` lies at `place`.
fn with_small_disk(scene: &Scene, run: &Run, place: &str, script: &str) -> Option<Ran> {
    let ways: [&[&str]; 2] = [&["-m"], &["-r", "-m"]];
    let way = ways.into_iter().find(|way| {
        let mut tried = std::process::Command::new("unshare");
        tried.args(*way).args(["sh", "-c", "mount -t tmpfs -o size=64k none /mnt"]);
        tried.output().is_ok_and(|output| output.status.success())
    })?;
    let mut command = std::process::Command::new("unshare");
    command.args(way).args(["sh", "-c", script, "sh", place]);
    command.arg(run.command.get_program()).args(run.command.get_args()).current_dir(scene.room.path());
    for (name, value) in run.command.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Some(Ran::of(command.output().unwrap()))
}

/// The disk gets full at many places of a run, by its size; with room again the next run is right.
#[test]
fn a_disk_that_is_full() {
    let scene = Scene::new();
    // $1: where the small disk is; the rest is the run. What the small disk had when it was full, and
    // what it has in the end, is copied out, since it goes with the namespace.
    let script = r#"
        place=$1; shift
        mount -t tmpfs -o size=$SIZE none "$place" || exit 99
        [ -z "$TOOLS" ] || for each in tools kits uv; do ln -s "$TOOLS/$each" "$place/$each"; done
        "$@" >first.out 2>first.err; echo $? >first.code
        rm -rf full; cp -a house full
        mount -o remount,size=400m "$place" || exit 98
        "$@"; code=$?
        rm -rf final; cp -a house final
        exit $code
    "#;
    // Each run writes less than half a megabyte of wheels, and a few megabytes into its cache.
    let sizes: [(&str, &[&str]); 2] = [
        ("house", &["16k", "40k", "100k", "150k", "250k", "320k", "40m"]),
        ("small-cache", &["40k", "200k", "500k", "900k", "1500k", "2500k", "40m"]),
    ];
    for (place, sizes) in sizes {
        let mut ended = Vec::new();
        for size in sizes {
            let tools =
                if place == "house" { String::new() } else { scene.room.cache().display().to_string() };
            for folder in ["house", "small-cache"] {
                let _ = fs::remove_dir_all(scene.room.join(folder));
            }
            let run = scene.run("house", "small-cache", &scene.store.url());
            let run = run.env("SIZE", size).env("TOOLS", tools);
            fs::create_dir_all(scene.room.join("house")).unwrap();
            if place == "small-cache" {
                fs::remove_dir_all(scene.room.join(place)).unwrap();
                fs::create_dir(scene.room.join(place)).unwrap();
            }
            let Some(ran) = with_small_disk(&scene, &run, place, script) else {
                return common::skip("no small disk can be mounted: neither root nor user namespaces");
            };
            let ran = ran.succeeded();
            let code = fs::read_to_string(scene.room.join("first.code")).unwrap();
            let said = fs::read_to_string(scene.room.join("first.err")).unwrap();
            assert!(!said.contains("panicked") && !said.contains("WB0970"), "{place}, {size}: {said}");
            match code.trim() {
                "0" => assert_eq!(contents(&scene.room.join("full")), scene.calm, "{place}, {size}"),
                "6" => assert!(said.contains("No space left"), "{place}, {size}: {said}"),
                other => panic!("{place}, {size}: ended with {other}: {said}"),
            }
            scene.is_sound("full");
            let there = contents(&scene.room.join("final"));
            assert!(there == scene.calm, "{place}, {size}: {:?}\n{ran}", there.keys());
            ended.push(code.trim().to_owned());
        }
        assert!(ended.iter().filter(|code| *code == "6").count() >= 3, "{place}: {ended:?}");
        assert_eq!(ended.last().map(String::as_str), Some("0"), "{place}: {ended:?}");
    }
}

/// A small generator (xorshift), so that a failing run can be had again by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

/// Killed with everything it started, at any moment, while somebody reads the wheelhouse.
#[test]
fn killed_at_any_moment() {
    let scene = Scene::new();
    let seed = std::process::id().into();
    let mut dice = Dice(seed);
    // How long an undisturbed run takes, with an empty cache and a full one.
    let lengths = ["fresh", "again"].map(|_| {
        let start = Instant::now();
        scene.run("timed", "timed-cache", &scene.store.url()).ran().succeeded();
        start.elapsed()
    });
    let house = scene.room.join("house");
    let over = AtomicBool::new(false);
    let mut killed = 0;
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut looks = 0;
            while !over.load(Ordering::Relaxed) {
                let absent = listed_but_absent(&house);
                // A house that is taken away under the reader is another matter.
                if !absent.is_empty() && house.join("kept").exists() {
                    return Err(absent);
                }
                looks += 1;
            }
            Ok(looks)
        });
        for round in 0..50 {
            // A full cache leaves little to kill: every few rounds begin anew.
            let fresh = round % 5 == 0;
            if fresh {
                let _ = fs::remove_file(house.join("kept"));
                let _ = fs::remove_dir_all(&house);
                let _ = fs::remove_dir_all(scene.room.join("its-cache"));
            }
            fs::create_dir_all(&house).unwrap();
            fs::write(house.join("kept"), "").unwrap();
            let run = scene.run("house", "its-cache", &scene.store.url());
            let length = lengths[usize::from(!fresh)].as_micros() as u64;
            let moment = Duration::from_micros(dice.below(length));
            let run = Live::start(run, &scene.room.join("events"));
            let start = Instant::now();
            while start.elapsed() < moment {
                std::thread::sleep(Duration::from_micros(100));
            }
            run.kill_group();
            killed += usize::from(run.end().code.is_none());
            index_is_whole(&house);
        }
        over.store(true, Ordering::Relaxed);
        let looks = reader.join().unwrap();
        assert!(looks.as_ref().is_ok_and(|looks| *looks > 50), "seed {seed}: {looks:?}");
    });
    assert!(killed >= 35, "only {killed} were killed");
    fs::remove_file(house.join("kept")).unwrap();
    scene.is_sound("house");
    scene.ends_well("house", "its-cache");
    // Nothing half written stays, in the wheelhouse or in the cache.
    for folder in ["house", "its-cache/requests", "its-cache/results"] {
        let all = walkdir::WalkDir::new(scene.room.join(folder)).into_iter().flatten();
        let hidden: Vec<_> =
            all.filter(|entry| entry.file_name().to_string_lossy().starts_with('.')).collect();
        assert!(hidden.is_empty(), "{hidden:?}");
    }
}
