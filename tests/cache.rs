//! The cache: a hit starts nothing, damage heals, what is killed leaves no bad entry.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::live::{Live, endless, processes, until_gone};
use common::source::Source;
use common::{Ran, Room, TARGET, names, sha256};
use rustix::process::Signal;

/// Whether the one wheel of a run came from the cache, and its digest.
fn outcome(ran: &Ran) -> (bool, String) {
    let json = ran.json();
    let wheel = &json["wheels"][0];
    (wheel["cached"].as_bool().unwrap(), wheel["sha256"].as_str().unwrap().to_owned())
}

fn build(room: &Room, sdist: &Path, more: &[&str]) -> (bool, String) {
    outcome(&room.build(sdist, TARGET).arg("--json").args(more).ran().succeeded())
}

/// The files below a folder of the room's cache.
fn files(room: &Room, folder: &str) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(room.cache().join(folder)).into_iter().flatten();
    all.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

/// Folders of builds that are not cleaned up.
fn scratch(room: &Room) -> Vec<String> {
    names(&room.cache().join("tmp"))
}

#[test]
fn a_hit_starts_no_interpreter_no_uv_and_no_zig() {
    let room = Room::with_own_cache();
    let sdist = Source::c("hit", 1).sdist(&room);
    let (cached, digest) = build(&room, &sdist, &[]);
    assert!(!cached);
    // Everything a build would need is taken away.
    for folder in ["tools", "kits", "uv"] {
        fs::remove_file(room.cache().join(folder)).unwrap();
    }
    fs::remove_dir_all(room.cache().join("envs")).unwrap();
    let arguments = ["--offline", "--uv", "/bin/false", "--events", "events.jsonl"];
    assert_eq!(build(&room, &sdist, &arguments), (true, digest));
    let events = fs::read_to_string(room.join("events.jsonl")).unwrap();
    assert!(!events.contains("phase-started"), "{events}");
    // The kernel's word for it.
    if !common::has("strace") {
        return common::skip("no strace to see that no program is started");
    }
    let mut traced = std::process::Command::new("strace");
    traced.args(["-f", "-e", "trace=execve", "-o"]).arg(room.join("trace"));
    let run = room.build(&sdist, TARGET);
    traced.arg(run.command.get_program()).args(run.command.get_args()).current_dir(room.path());
    for (name, value) in run.command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    Ran::of(traced.output().unwrap()).succeeded().says("1 cached");
    let trace = fs::read_to_string(room.join("trace")).unwrap();
    assert_eq!(trace.matches("execve(").count(), 1, "{trace}");
}

#[test]
fn what_changes_the_bytes_misses() {
    common::cache_with_tools();
    let room = Room::with_own_cache();
    let sdist = Source::in_tree("keyed").sdist(&room);
    let (_, plain) = build(&room, &sdist, &[]);
    assert_eq!(build(&room, &sdist, &["--jobs", "1", "--timeout", "999"]), (true, plain.clone()));
    let (cached, other) = build(&room, &sdist, &["-C", "a=1"]);
    assert!(!cached && other != plain);
    assert!(!build(&room, &sdist, &["--no-cache"]).0);
    // Another target and another file under the same name.
    let ran = room.build(&sdist, "x86_64-linux").arg("--json").ran().succeeded();
    assert!(!outcome(&ran).0);
    let sdist = Source::in_tree("keyed").file("README", "new").sdist(&room);
    assert!(!build(&room, &sdist, &[]).0);
}

#[test]
fn damage_heals() {
    let room = Room::with_own_cache();
    let sdist = Source::in_tree("healed").sdist(&room);
    let (_, digest) = build(&room, &sdist, &[]);
    for (folder, damage) in [
        ("blobs", &(|bytes: &mut Vec<u8>| bytes[10] ^= 1) as &dyn Fn(&mut Vec<u8>)),
        ("blobs", &|bytes| bytes.truncate(100)),
        ("blobs", &|bytes| bytes.clear()),
        ("requests", &|bytes| bytes.truncate(20)),
        ("results", &|bytes| bytes.truncate(20)),
        ("requests", &|bytes| *bytes = b"{}".to_vec()),
    ] {
        let damaged = files(&room, folder);
        assert!(!damaged.is_empty());
        for path in &damaged {
            let mut bytes = fs::read(path).unwrap();
            damage(&mut bytes);
            fs::write(path, bytes).unwrap();
        }
        assert_eq!(build(&room, &sdist, &[]), (false, digest.clone()), "damaged {folder}");
        assert_eq!(build(&room, &sdist, &[]), (true, digest.clone()), "healed {folder}");
    }
    // Entries whose blobs are gone, and blobs whose entries are.
    for folder in ["blobs", "requests", "results"] {
        fs::remove_dir_all(room.cache().join(folder)).unwrap();
        assert_eq!(build(&room, &sdist, &[]), (false, digest.clone()), "lost {folder}");
    }
}

#[test]
fn two_at_once_on_one_cache_agree() {
    let room = Room::with_own_cache();
    let sdist = Source::c("together", 1).sdist(&room);
    let start = |number: usize| {
        let words = [format!("out{number}")];
        let run = room.wheelbuild(["build", "--json", "--target", TARGET]).arg(&sdist).arg("-o").args(words);
        Live::start(run, &room.join(format!("events{number}")))
    };
    let runs: Vec<Live> = (0..3).map(start).collect();
    let digests: Vec<String> = runs.into_iter().map(|run| outcome(&run.end().succeeded()).1).collect();
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    assert_eq!(scratch(&room), [""; 0]);
    assert_eq!(build(&room, &sdist, &[]), (true, digests[0].clone()));
}

#[test]
fn killed_at_any_stage_it_leaves_no_bad_entry_and_the_next_run_works() {
    let undisturbed = Room::with_own_cache();
    let sdist = Source::c("killed", 1).sdist(&undisturbed);
    let (_, digest) = build(&undisturbed, &sdist, &[]);
    let room = Room::with_own_cache();
    for phase in ["unpack", "resolve", "hooks", "judge"] {
        let events = room.join(format!("events-{phase}"));
        let mut run = Live::start(room.build(&sdist, TARGET).arg("--no-cache"), &events);
        run.until(&format!("\"phase\":\"{phase}\""));
        run.signal(Signal::KILL);
        let ended = run.end();
        assert_eq!(ended.code, None, "{phase}: {ended}");
        assert!(
            room.names("out").iter().all(|name| name.starts_with('.')),
            "{phase}: {:?}",
            room.names("out")
        );
        until_gone(room.cache().to_str().unwrap());
        // The recorded requirements of an earlier round would skip the resolver.
        fs::remove_dir_all(room.cache().join("locks")).ok();
    }
    assert_eq!(build(&room, &sdist, &[]), (false, digest.clone()));
    assert_eq!(
        sha256(&room.join("out").join(room.names("out").iter().find(|name| name.ends_with(".whl")).unwrap())),
        digest
    );
    for path in files(&room, "blobs") {
        assert_eq!(sha256(&path), path.file_name().unwrap().to_str().unwrap());
    }
}

/// A build that is in the middle of its hooks, interrupted by `signal`.
fn interrupted(name: &str, signal: Signal) {
    let room = Room::with_own_cache();
    let mark = format!("wheelbuild-test-{name}-{}", std::process::id());
    let sdist = endless(name, &mark).sdist(&room);
    let other = Source::in_tree("after").sdist(&room);
    let run = room.build(&sdist, TARGET).arg(&other).args(["--jobs", "1"]);
    let mut run = Live::start(run, &room.join("events"));
    run.until_process(&mark);
    run.signal(signal);
    let ended = run.end().failed(130, "WB0901");
    assert_eq!(ended.stdout, "", "the source after it is not begun");
    until_gone(&mark);
    assert_eq!(scratch(&room), [""; 0], "no scratch is left");
    assert!(!room.join("out").exists() || room.names("out").is_empty());
    assert!(files(&room, "results").is_empty() && files(&room, "requests").is_empty());
}

#[test]
fn ctrl_c_ends_everything_and_leaves_nothing() {
    interrupted("ctrlc", Signal::INT);
}

#[test]
fn ctrl_c_at_a_terminal_at_any_stage() {
    let room = Room::with_own_cache();
    let sdist = Source::c("stopped", 1).sdist(&room);
    for phase in ["unpack", "resolve", "hooks"] {
        let mut run = Live::start(room.build(&sdist, TARGET), &room.join(format!("events-{phase}")));
        run.until(&format!("\"phase\":\"{phase}\""));
        run.ctrl_c();
        run.end().failed(130, "WB0901");
        assert_eq!(scratch(&room), [""; 0], "no scratch is left by {phase}");
        assert!(files(&room, "results").is_empty());
    }
}

#[test]
fn a_termination_signal_ends_everything_and_leaves_nothing() {
    interrupted("terminated", Signal::TERM);
}

#[test]
fn killed_in_the_hooks_no_process_is_left() {
    let room = Room::with_own_cache();
    let mark = format!("wheelbuild-test-orphan-{}", std::process::id());
    let sdist = endless("orphan", &mark).sdist(&room);
    let mut run = Live::start(room.build(&sdist, TARGET), &room.join("events"));
    run.until_process(&mark);
    run.signal(Signal::KILL);
    assert_eq!(run.end().code, None);
    until_gone(&mark);
    assert!(processes(&mark).is_empty());
}

#[test]
fn explain_says_what_a_wheel_depends_on_and_what_changed() {
    let room = Room::with_own_cache();
    let sdist = Source::in_tree("explained").sdist(&room);
    build(&room, &sdist, &[]);
    let wheel = room.join("out/explained-1.0-py3-none-any.whl");
    let explain = |words: &[&str]| room.wheelbuild(["explain"]).arg(&wheel).args(words).ran().succeeded();
    let text = explain(&[]).stdout;
    assert!(text.contains(&format!("sdist: {}", sha256(&sdist))), "{text}");
    assert!(text.contains(&format!("target: {TARGET}")), "{text}");
    assert!(text.ends_with("no other build of this sdist is in the cache\n"), "{text}");
    build(&room, &sdist, &["-C", "colour=red"]);
    let text = explain(&[]).stdout;
    assert!(text.ends_with("different from the build before it:\n  config.colour: (none) → red\n"), "{text}");
    let json = explain(&["--json"]).json();
    assert_eq!(
        json["changed"],
        serde_json::json!([{ "part": "config.colour", "before": null, "now": "red" }])
    );
    assert_eq!(json["parts"]["config.colour"], "red");
    // A wheel from elsewhere.
    fs::write(&wheel, "other").unwrap();
    room.wheelbuild(["explain"]).arg(&wheel).ran().failed(2, "WB0106").hints("--cache-dir DIR");
}

#[test]
fn prune_empties_the_cache_and_the_next_run_builds() {
    let room = Room::with_own_cache();
    let sdist = Source::in_tree("pruned").sdist(&room);
    let (_, digest) = build(&room, &sdist, &[]);
    // What belongs to all tests must not be pruned.
    for folder in ["tools", "kits", "uv"] {
        fs::remove_file(room.cache().join(folder)).unwrap();
    }
    room.wheelbuild(["cache", "prune", "--older-than", "1"]).ran().succeeded();
    assert_eq!(build(&room, &sdist, &["--offline"]), (true, digest.clone()), "it is not that old");
    let info = || room.wheelbuild(["cache", "info", "--json"]).ran().succeeded().json();
    let before = info()["size"].as_u64().unwrap();
    let removed = room.wheelbuild(["cache", "prune", "--json"]).ran().succeeded().json();
    assert!(removed["removed"]["files"].as_u64().unwrap() > 3, "{removed}");
    assert!(before > 1000 && info()["size"].as_u64().unwrap() == 0, "{}", info());
    room.build(&sdist, TARGET).arg("--offline").ran().failed(5, "WB0604");
    let shared = common::cache_with_tools();
    for folder in ["tools", "kits", "uv"] {
        fs::remove_dir_all(room.cache().join(folder)).ok();
        std::os::unix::fs::symlink(shared.join(folder), room.cache().join(folder)).unwrap();
    }
    assert_eq!(build(&room, &sdist, &[]), (false, digest));
}
