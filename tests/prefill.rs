//! `prefill`: from a lock on a loopback index to a wheelhouse.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use common::house::{contents, index_is_whole, wheel};
use common::live::{Live, endless};
use common::server::Server;
use common::source::Source;
use common::{Ran, Room, TARGET, names, sha256};
use serde_json::Value;

const HERE: &str = "x86_64-linux-gnu.2.28";

/// Projects on a server, and a pylock.toml that names their files.
struct Locked {
    room: Room,
    server: Server,
}

impl Locked {
    /// `sources` as sdists, `wheels` as published pure wheels.
    fn new(sources: &[(&str, Source)], wheels: &[&str]) -> Self {
        let room = Room::with_own_cache();
        let mut pages = BTreeMap::new();
        let mut lock = String::from("lock-version = \"1.0\"\ncreated-by = \"test\"\n");
        let mut add = |name: &str, key: (&str, &str), path: &Path| {
            let file = path.file_name().unwrap().to_str().unwrap().to_owned();
            let digest = sha256(path);
            lock.push_str(&format!(
                "[[packages]]\nname = \"{name}\"\nversion = \"1.0\"\n{}{{ name = \"{file}\", url = \"@/{file}\", \
                 hashes = {{ sha256 = \"{digest}\" }} }}{}\n",
                key.0, key.1
            ));
            pages.insert(format!("/{file}"), ("application/octet-stream", fs::read(path).unwrap()));
        };
        for (name, source) in sources {
            add(name, ("sdist = ", ""), &source.sdist(&room));
        }
        for name in wheels {
            add(name, ("wheels = [", "]"), &wheel(&room, name, 0));
        }
        let server = Server::start(pages);
        room.write("pylock.toml", lock.replace('@', &server.url("", "")));
        Self { room, server }
    }

    fn prefill(&self, words: &[&str]) -> common::Run {
        let words = words.iter().copied();
        self.room.wheelbuild(["prefill", "pylock.toml", "--python", "3.11"].into_iter().chain(words))
    }

    /// The last run's lines about packages.
    fn record(&self, house: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.room.join(house).join("run.jsonl")).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["line"], &lines[lines.len() - 1]["line"]), (&"run".into(), &"end".into()));
        let lines: Vec<Value> = lines.into_iter().filter(|line| line["line"] == "package").collect();
        // The page says the same.
        let page = fs::read_to_string(self.room.join(house).join("report.html")).unwrap();
        for line in &lines {
            let shown = line["file"].as_str().unwrap_or_else(|| line["name"].as_str().unwrap());
            assert!(page.contains(shown), "{shown} is not in report.html");
        }
        lines
    }

    /// What ended how, by name, over all cells.
    fn outcomes(&self, house: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut outcomes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in self.record(house) {
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            outcomes.entry(text("name")).or_default().insert(text("outcome"));
        }
        outcomes
    }
}

fn failing(name: &str) -> Source {
    Source::in_tree(name).file("backend/own.py", "def build_wheel(*a):\n    raise RuntimeError('no luck')\n")
}

fn counts(ran: &Ran) -> Value {
    ran.json()["counts"].clone()
}

#[test]
fn a_lock_becomes_a_wheelhouse_and_a_second_run_builds_nothing() {
    let sources = [("compiled", Source::c("compiled", 5)), ("plain", Source::in_tree("plain"))];
    let locked = Locked::new(&sources, &["ready"]);
    let targets = ["--target", HERE, "--target", TARGET, "-o", "house"];
    let summary = locked.room.join("summary.md");
    let ran = locked.prefill(&targets).env("GITHUB_STEP_SUMMARY", &summary).ran().succeeded();
    let house = locked.room.join("house");
    let wheels: Vec<String> =
        names(&house.join("files")).into_iter().filter(|name| name.ends_with(".whl")).collect();
    let printed: Vec<String> = wheels.iter().map(|name| format!("house/files/{name}")).collect();
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), printed);
    assert_eq!(wheels.len(), 4, "{wheels:?}");
    assert_eq!(index_is_whole(&house), 4);
    let ran = ran.says("match no hash of the original lock");
    assert!(ran.stderr.contains("1 taken, 3 built, 1 shared"), "{ran}");
    let text = fs::read_to_string(summary).unwrap();
    assert!(text.contains("3 built, 1 shared, 1 taken") && text.contains("| compiled-1.0-cp311"), "{text}");

    // What it names is what lies there, for every installer that looks at hashes.
    let requirements = fs::read_to_string(house.join("requirements.txt")).unwrap();
    let lock = fs::read_to_string(house.join("pylock.toml")).unwrap();
    for name in &wheels {
        let digest = sha256(&house.join("files").join(name));
        assert!(requirements.contains(&digest) && lock.contains(&digest), "{name}");
    }
    let replan =
        locked.room.wheelbuild(["plan", "house/pylock.toml", "--python", "3.11", "--offline", "--json"]);
    let replan = replan.args(["--target", TARGET]).ran().succeeded().json();
    let verdicts: Vec<&str> =
        replan["packages"].as_array().unwrap().iter().map(|row| row["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["wheel", "wheel", "wheel"]);

    let before = contents(&house);
    let asked = locked.server.seen().len();
    let again = locked.prefill(&targets).args(["--json", "--offline"]).ran().succeeded();
    assert_eq!(counts(&again), serde_json::json!({"taken": 1, "cached": 3, "shared": 1}));
    assert_eq!(locked.server.seen().len(), asked, "nothing is fetched again");
    assert!(contents(&house) == before, "the same bytes");
    // Another wheelhouse, all from the cache.
    locked.prefill(&targets[..4]).args(["-o", "other", "--offline"]).ran().succeeded();
    assert!(contents(&locked.room.join("other")) == before);
}

#[test]
fn a_failure_ends_the_run_or_not_as_was_said() {
    let sources = [("a", failing("a")), ("b", Source::in_tree("b"))];
    let locked = Locked::new(&sources, &["ready"]);
    let common = ["--target", TARGET, "--target", HERE, "-o", "house", "--jobs", "1"];
    let ran = locked.prefill(&common).ran().failed(1, "WB0401");
    // It is tried for one target, and for the other one nothing is begun any more.
    assert_eq!(
        locked.outcomes("house")["a"],
        BTreeSet::from(["failed".to_owned(), "skipped".to_owned()]),
        "{ran}"
    );
    assert_eq!(ran.stderr.matches("error[WB0401]:").count(), 1, "{ran}");
    index_is_whole(&locked.room.join("house"));
    let ran = locked.prefill(&common).args(["--keep-going"]).ran().failed(1, "WB0401");
    let outcomes = locked.outcomes("house");
    assert_eq!(outcomes["a"], BTreeSet::from(["failed".to_owned()]), "{ran}");
    assert!(outcomes["b"].contains("shared") && outcomes["ready"].contains("taken"), "{ran}");
    assert_eq!(ran.stderr.matches("error[WB0401]:").count(), 2, "{ran}");
    let ran = ran.says("something is missing for every target and Python");
    assert_eq!(index_is_whole(&locked.room.join("house")), 2);
    assert!(!locked.room.join("house/pylock.toml").exists(), "{ran}");
}

#[test]
fn what_is_impossible_is_said_and_the_rest_is_had() {
    let locked = Locked::new(&[("compiled", Source::c("compiled", 1))], &["ready"]);
    let ran = locked.prefill(&["--target", "aarch64-macos", "--target", TARGET, "-o", "house"]).ran();
    let ran = ran.failed(1, "WB0450").shows("nothing is built for macOS");
    assert!(ran.stderr.contains("1 taken, 1 built, 1 impossible"), "{ran}");
    // The lock covers the target for which nothing is missing, and that alone.
    let lock = fs::read_to_string(locked.room.join("house/pylock.toml")).unwrap();
    assert!(lock.contains("aarch64") && !lock.contains("darwin"), "{lock}");
    let nowhere = locked.prefill(&["--target", TARGET, "--shard", "3/2"]).ran();
    nowhere.failed(2, "WB0101");
}

#[test]
fn shards_build_each_wheel_once_and_together_the_same() {
    let named: Vec<String> = (0..8).map(|number| format!("part{number}")).collect();
    let sources: Vec<(&str, Source)> = named.iter().map(|name| (&**name, Source::in_tree(name))).collect();
    let locked = Locked::new(&sources, &["ready"]);
    let targets = ["--target", HERE, "--target", TARGET];
    let mut built = Vec::new();
    let mut union = BTreeMap::new();
    for number in [3, 1, 2] {
        let (house, shard) = (format!("house{number}"), format!("{number}/3"));
        let cache = locked.room.join(format!("cache{number}"));
        fs::create_dir(&cache).unwrap();
        for tools in ["tools", "kits", "uv"] {
            std::os::unix::fs::symlink(locked.room.cache().join(tools), cache.join(tools)).unwrap();
        }
        let run = locked.prefill(&targets).args(["-o", &house, "--shard", &shard]);
        run.env("WHEELBUILD_CACHE_DIR", &cache).ran().succeeded();
        let of = |wanted: &str| -> Vec<String> {
            let lines = locked.record(&house).into_iter().filter(|line| line["outcome"] == wanted);
            lines.map(|line| line["name"].as_str().unwrap().to_owned()).collect()
        };
        let (mine, left) = (of("built"), of("left").into_iter().collect::<BTreeSet<_>>());
        assert_eq!(mine.len() + left.len(), named.len());
        built.extend(mine);
        index_is_whole(&locked.room.join(&house));
        union.extend(
            contents(&locked.room.join(&house)).into_iter().filter(|(name, _)| name.starts_with("files/")),
        );
    }
    built.sort();
    assert_eq!(built, named, "each exactly once");
    locked.prefill(&targets).args(["-o", "whole"]).ran().succeeded();
    let whole: BTreeMap<_, _> = contents(&locked.room.join("whole"))
        .into_iter()
        .filter(|(name, _)| name.starts_with("files/"))
        .collect();
    assert!(union == whole, "{:?}\n{:?}", union.keys(), whole.keys());
    // With the cache of them all, a shard has everything without building.
    let run = locked.prefill(&targets).args(["-o", "again", "--shard", "2/3", "--json"]).ran().succeeded();
    assert_eq!(counts(&run), serde_json::json!({"taken": 1, "cached": 8, "shared": 8}));
}

#[test]
fn ctrl_c_leaves_a_valid_wheelhouse() {
    let mark = format!("prefill-that-waits-{}", std::process::id());
    let sources = [("fine", Source::in_tree("fine")), ("waits", endless("waits", &mark))];
    let locked = Locked::new(&sources, &["ready"]);
    let run = locked.prefill(&["--target", TARGET, "-o", "house", "--jobs", "2", "-v"]);
    let mut run = Live::start(run, &locked.room.join("events.jsonl"));
    run.until("taken: ready");
    run.until("built: fine");
    run.until_process(&mark);
    run.ctrl_c();
    let ran = run.end().failed(130, "WB0901");
    common::live::until_gone(&mark);
    assert_eq!(index_is_whole(&locked.room.join("house")), 2, "{ran}");
    let hidden = walkdir::WalkDir::new(locked.room.join("house")).into_iter().flatten();
    assert_eq!(hidden.filter(|e| e.file_name().to_string_lossy().starts_with('.')).count(), 0);
    assert_eq!(locked.outcomes("house")["waits"], BTreeSet::from(["skipped".to_owned()]));
}
