//! Several sdists for several targets in one run.

mod common;

use common::source::Source;
use common::{Ran, Room, TARGET};

const OTHER: &str = "s390x-linux-gnu.2.28";

/// A project whose backend raises.
fn failing(name: &str) -> Source {
    Source::in_tree(name).file("backend/own.py", "def build_wheel(*a):\n    raise RuntimeError('no luck')\n")
}

fn run(room: &Room, sources: &[Source], targets: &[&str], jobs: &str) -> common::Run {
    common::cache_with_tools();
    let sdists: Vec<_> = sources.iter().map(|source| source.sdist(room)).collect();
    let targets = targets.iter().flat_map(|target| ["--target", target]);
    room.wheelbuild(["build", "-o", "out", "--no-cache", "--jobs", jobs]).args(&sdists).args(targets)
}

/// The lines of the closing table, without their times and digests.
fn table(ran: &Ran) -> Vec<String> {
    let lines = ran.stderr.lines().skip_while(|line| !line.starts_with("wheel "));
    lines.map(|line| line.split_whitespace().next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn one_that_fails_loses_none_of_the_others() {
    for jobs in ["1", "4"] {
        let room = Room::new();
        let sources = [Source::in_tree("first"), failing("second"), Source::in_tree("third")];
        let ran = run(&room, &sources, &[TARGET, OTHER], jobs).ran().failed(1, "WB0401");
        let (first, third) = ("out/first-1.0-py3-none-any.whl", "out/third-1.0-py3-none-any.whl");
        assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), [first, first, third, third], "{ran}");
        assert_eq!(ran.stderr.matches("error[WB0401]:").count(), 2, "{ran}");
        let names: Vec<String> = table(&ran).into_iter().map(|name| name.replace("out/", "")).collect();
        let second = room.join("second-1.0.tar.gz").display().to_string();
        let file = |path: &str| path.replace("out/", "");
        let rows =
            [&file(first), &file(first), &file(third), &file(third), &second, &second].map(String::clone);
        assert_eq!(names[0], "wheel");
        assert_eq!(names[1..7], rows, "{ran}");
        assert!(ran.stderr.contains("6 in "), "{ran}");
        assert!(ran.stderr.contains("4 built, 0 cached (0 %), 2 failed"), "{ran}");
    }
}

#[test]
fn what_is_typed_twice_is_built_once() {
    let room = Room::new();
    let ran = run(&room, &[Source::in_tree("twice")], &[TARGET, TARGET, "manylinux_2_28_aarch64"], "2").ran();
    assert_eq!(ran.succeeded().stdout.lines().count(), 1);
}

/// What services of continuous integration fold and mark.
fn said(service: &str) -> String {
    let room = Room::new();
    let sources = [Source::in_tree("good"), failing("bad")];
    let ran = run(&room, &sources, &[TARGET], "2").env(service, "true").ran().failed(1, "WB0401");
    let here = room.path().display().to_string();
    let text = ran.stderr.replace(&here, "ROOM").replace(&room.cache().display().to_string(), "CACHE");
    text.replace('\x1b', "ESC").replace('\r', "CR")
}

fn filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (r"\d+ min \d+ s|\d+(\.\d)? m?s\b", "TIME"),
        (r"section_(start|end):\d+", "section_$1:NOW"),
        (r"\b[0-9a-f]{64}\b", "SHA256"),
        (r"\d+(\.\d)? k?B", "SIZE"),
        (r"-[0-9a-f]{12}\.log", "-KEY.log"),
        (r" +(SHA256|TIME|failed|cached|built|size|sha256|time)", " $1"),
        (r"(?m)^  \| .*$", "  | LINE"),
        (r"(  \| LINE\n)+", "  | LINE\n"),
        // What a run makes depends on what the cache has; how wide its columns are, on the room's path.
        (r"(?m)^.*: (fetch|kit|resolve|compile) .*\n", ""),
        (r" {2,}", " "),
        (r"(?m)^[^\n]*waiting for another process.*\n", ""),
    ]
}

#[test]
fn github_folds_each_build_and_marks_errors() {
    insta::with_settings!({filters => filters()}, {
        insta::assert_snapshot!(said("GITHUB_ACTIONS"));
    });
}

#[test]
fn gitlab_folds_each_build() {
    insta::with_settings!({filters => filters()}, {
        insta::assert_snapshot!(said("GITLAB_CI"));
    });
}

/// What a failed build leaves: its log, and with `--keep` everything.
#[test]
fn a_failed_build_leaves_its_log_alone() {
    let room = Room::with_own_cache();
    let sdist = failing("leaves").sdist(&room);
    let ran = room.build(&sdist, TARGET).ran().failed(1, "WB0401").says("full log: ");
    assert_eq!(common::names(&room.cache().join("tmp")), [""; 0]);
    let log = ran.stderr.lines().find_map(|line| line.strip_prefix("full log: ")).unwrap();
    assert!(std::fs::read_to_string(log).unwrap().contains("RuntimeError: no luck"));
    // The next one's takes its place.
    room.build(&sdist, TARGET).ran().failed(1, "WB0401");
    assert_eq!(common::names(&room.cache().join("logs")).len(), 1);
}

#[test]
fn a_kept_build_can_be_replayed() {
    for isolation in ["auto", "none"] {
        let room = Room::with_own_cache();
        let sdist = failing("kept").sdist(&room);
        let build = room.build(&sdist, TARGET).args(["--keep", "--isolation", isolation]);
        let ran = build.ran().failed(1, "WB0401");
        let folder = ran.stderr.lines().find_map(|line| line.strip_prefix("build folder: ")).unwrap();
        let replay = || {
            let script = std::path::Path::new(folder).join("replay.sh");
            Ran::of(std::process::Command::new(script).current_dir("/").output().unwrap())
        };
        for _ in 0..2 {
            let again = replay().failed(1, "WB0401");
            assert_eq!(again.stdout.matches("RuntimeError: no luck").count(), 1, "{again}");
        }
        // With what was wrong put right it says so.
        let backend = std::path::Path::new(folder).join("src/kept-1.0/backend/own.py");
        std::fs::write(backend, "def build_wheel(*a):\n    print('mended'); return 'x.whl'\n").unwrap();
        assert!(replay().succeeded().stdout.contains("mended"));
    }
}
