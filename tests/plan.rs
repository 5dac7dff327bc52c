//! `plan`: what the real binary says of a lock, and how it ends.

mod common;

use std::collections::BTreeMap;

use common::server::Server;
use common::{Ran, Room};
use serde_json::Value;

const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A lock in uv's format: `app` needs one package of every kind.
const LOCK: &str = r#"
version = 1
requires-python = ">=3.9, <3.13"

[[package]]
name = "app"
source = { virtual = "." }
dependencies = [
    { name = "native" },
    { name = "pure" },
    { name = "sources" },
    { name = "vague" },
    { name = "foreign", marker = "platform_machine == 'aarch64'" },
    { name = "windows", marker = "sys_platform == 'win32'" },
]

[package.dev-dependencies]
dev = [{ name = "tester" }]

[[package]]
name = "native"
version = "1.0"
source = { registry = "https://index.example.invalid/simple" }
dependencies = [{ name = "deep" }]
sdist = { url = "https://files.example.invalid/native-1.0.tar.gz", hash = "sha256:@", size = 10 }
wheels = [
    { url = "https://files.example.invalid/native-1.0-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", hash = "sha256:@", size = 11 },
    { url = "https://files.example.invalid/native-1.0-cp310-cp310-manylinux_2_28_x86_64.whl", hash = "sha256:@", size = 12 },
    { url = "https://files.example.invalid/native-1.0-cp310-cp310-macosx_11_0_arm64.whl", hash = "sha256:@", size = 13 },
    { url = "https://files.example.invalid/native-1.0-cp310-cp310-macosx_14_0_arm64.whl", hash = "sha256:@", size = 14 },
]

[[package]]
name = "pure"
version = "2.0"
source = { registry = "https://index.example.invalid/simple" }
sdist = { url = "https://files.example.invalid/pure-2.0.tar.gz", hash = "sha256:@", size = 10 }
wheels = [{ url = "https://files.example.invalid/pure-2.0-py3-none-any.whl", hash = "sha256:@", size = 11 }]

[[package]]
name = "sources"
version = "3.0"
source = { registry = "https://index.example.invalid/simple" }
sdist = { url = "https://files.example.invalid/sources-3.0.tar.gz", hash = "sha256:@", size = 10 }

[[package]]
name = "vague"
version = "4.0"
source = { registry = "https://index.example.invalid/simple" }
wheels = [{ url = "https://files.example.invalid/vague-4.0%2Bcpu-cp310-cp310-linux_x86_64.whl", hash = "sha256:@" }, { url = "https://files.example.invalid/vague-4.0-cp310-cp310-linux_x86_64.whl", hash = "sha256:@" }]

[[package]]
name = "foreign"
version = "5.0"
source = { registry = "https://index.example.invalid/simple" }
wheels = [{ url = "https://files.example.invalid/foreign-5.0-cp310-cp310-manylinux_2_35_aarch64.whl", hash = "sha256:@" }]

[[package]]
name = "deep"
version = "6.0"
source = { registry = "https://index.example.invalid/simple" }
wheels = [
    { url = "https://files.example.invalid/deep-6.0-py3-none-any.whl", hash = "sha256:@" },
    { url = "https://files.example.invalid/deep-6.0-1-py3-none-any.whl", hash = "sha256:@" },
]

[[package]]
name = "windows"
version = "7.0"
source = { registry = "https://index.example.invalid/simple" }
wheels = [{ url = "https://files.example.invalid/windows-7.0-cp310-cp310-win_amd64.whl", hash = "sha256:@" }]

[[package]]
name = "tester"
version = "8.0"
source = { registry = "https://index.example.invalid/simple" }
wheels = [{ url = "https://files.example.invalid/tester-8.0-py3-none-any.whl", hash = "sha256:@" }]
"#;

fn room() -> Room {
    let room = Room::with_empty_cache();
    room.write("some.toml", LOCK.replace('@', HASH));
    room
}

fn plan(room: &Room, words: &[&str]) -> Ran {
    room.wheelbuild(["plan", "some.toml", "--offline"]).args(words).ran()
}

/// Verdict and file by name, for one target.
fn verdicts(json: &Value, target: &str) -> BTreeMap<String, (String, Option<String>)> {
    let rows = json["packages"].as_array().unwrap();
    let of_target = rows.iter().filter(|row| row["target"] == target);
    of_target
        .map(|row| {
            let text = |key: &str| row[key].as_str().map(str::to_owned);
            (text("name").unwrap(), (text("verdict").unwrap(), text("file")))
        })
        .collect()
}

#[test]
fn every_verdict_with_its_file() {
    let room = room();
    let words = ["--target", "x86_64-linux", "--target", "aarch64-macos", "--python", "3.10", "--json"];
    let ran = plan(&room, &words).succeeded();
    let json = ran.json();
    assert_eq!((&json["version"], &json["format"]), (&1.into(), &"uv.lock".into()));
    let linux = verdicts(&json, "x86_64-linux");
    let is =
        |of: &BTreeMap<String, (String, Option<String>)>, name: &str, verdict: &str, file: Option<&str>| {
            assert_eq!(of[name], (verdict.to_owned(), file.map(str::to_owned)), "{name}\n{ran}");
        };
    is(&linux, "native", "wheel", Some("native-1.0-cp310-cp310-manylinux_2_28_x86_64.whl"));
    is(&linux, "pure", "wheel", Some("pure-2.0-py3-none-any.whl"));
    is(&linux, "sources", "build", Some("sources-3.0.tar.gz"));
    is(&linux, "vague", "check", Some("vague-4.0-cp310-cp310-linux_x86_64.whl"));
    is(&linux, "deep", "wheel", Some("deep-6.0-1-py3-none-any.whl"));
    for name in ["foreign", "windows", "tester"] {
        is(&linux, name, "inactive", None);
    }
    let mac = verdicts(&json, "aarch64-macos");
    is(&mac, "native", "wheel", Some("native-1.0-cp310-cp310-macosx_11_0_arm64.whl"));
    is(&mac, "sources", "impossible", None);
    is(&mac, "vague", "impossible", None);
    // What cannot be right is said: a file of another version was left out.
    assert!(json["notes"][0].as_str().unwrap().contains("vague-4.0+cpu"), "{ran}");
    let row = json["packages"].as_array().unwrap().iter().find(|row| row["name"] == "native").unwrap();
    for key in ["name", "version", "target", "python", "verdict", "file", "sha256", "reason"] {
        assert!(row[key].is_string(), "{key}: {row}");
    }
    assert_eq!((&row["sha256"], &row["platform"]), (&HASH.into(), &"x86_64-linux-gnu.2.28".into()));
}

#[test]
fn the_table_is_what_a_person_reads() {
    let room = room();
    let ran =
        plan(&room, &["--target", "x86_64-linux-gnu.2.17", "--target", "aarch64-linux", "--python", "3.10"]);
    let ran = ran.succeeded();
    insta::assert_snapshot!(format!("{}--- standard error\n{}", ran.stdout, ran.stderr));
}

#[test]
fn verdicts_do_not_decide_the_exit_code_unless_asked() {
    let room = room();
    let words = ["--target", "aarch64-macos", "--python", "3.10"];
    plan(&room, &words).succeeded();
    plan(&room, &[&words[..], &["--strict"]].concat())
        .failed(1, "WB0430")
        .says("sources for aarch64-macos with Python 3.10");
    plan(&room, &["--target", "x86_64-linux", "--python", "3.10", "--strict"]).succeeded();
}

#[test]
fn outside_of_the_lock_ends_with_two() {
    let room = room();
    plan(&room, &["--target", "x86_64-linux", "--python", "3.13"])
        .failed(2, "WB0131")
        .says("it was made for Python >=3.9")
        .hints("requires-python");
    plan(&room, &["--target", "x86_64-linux", "--python", "3.10", "--group", "nope"]).failed(2, "WB0132");
    plan(&room, &["--target", "x86_64-windows", "--python", "3.10"]).failed(4, "WB0508");
    plan(&room, &["--target", "x86_64-linux", "--python", "3.10", "--exclude-newer", "yesterday"])
        .failed(2, "WB0101");
}

#[test]
fn wheels_and_builds_can_be_forbidden() {
    let room = room();
    let of = |words: &[&str]| {
        let base = ["--target", "x86_64-linux", "--target", "aarch64-macos", "--python", "3.10", "--json"];
        let json = plan(&room, &[&base[..], words].concat()).succeeded().json();
        (verdicts(&json, "x86_64-linux"), verdicts(&json, "aarch64-macos"))
    };
    let (linux, mac) = of(&["--no-binary", "Pure,native"]);
    assert_eq!(linux["pure"], ("build".into(), Some("pure-2.0.tar.gz".into())));
    assert_eq!(linux["native"].0, "build");
    // A pure wheel that is built for Linux serves everywhere; a compiled one does not.
    assert_eq!((mac["pure"].0.as_str(), mac["native"].0.as_str()), ("build", "impossible"));
    let (linux, _) = of(&["--no-binary", ":all:"]);
    assert_eq!(linux["deep"].0, "impossible");
    let (linux, _) = of(&["--no-build", "sources"]);
    assert_eq!(linux["sources"].0, "impossible");
}

#[test]
fn groups_are_counted_when_asked_for() {
    let room = room();
    let of = |words: &[&str]| {
        let base = ["--target", "x86_64-linux", "--python", "3.10", "--json"];
        verdicts(&plan(&room, &[&base[..], words].concat()).succeeded().json(), "x86_64-linux")
    };
    assert_eq!(of(&["--group", "dev"])["tester"].0, "wheel");
    let only = of(&["--only", "dev"]);
    assert_eq!((only["tester"].0.as_str(), only["pure"].0.as_str()), ("wheel", "inactive"));
}

#[test]
fn why_shows_the_way() {
    let room = room();
    let base = ["--target", "x86_64-linux", "--python", "3.10", "--why"];
    let ran = plan(&room, &[&base[..], &["Deep"]].concat()).succeeded();
    assert_eq!(ran.stdout, "deep 6.0 for x86_64-linux with Python 3.10: wheel\n  native 1.0 → deep 6.0\n");
    let ran = plan(&room, &[&base[..], &["windows"]].concat()).succeeded();
    assert!(ran.stdout.contains("inactive\n  nothing that was asked for needs it"), "{ran}");
    plan(&room, &[&base[..], &["dep"]].concat()).failed(2, "WB0101").hints("--why deep");
}

#[test]
fn a_lock_of_unknown_content_is_refused() {
    let room = Room::with_empty_cache();
    room.write("some.toml", "answer = 42\n");
    plan(&room, &["--target", "x86_64-linux", "--python", "3.10"]).failed(2, "WB0130");
    room.write("some.toml", LOCK.replace("version = 1\n", "version = 1\nversion = 1\n"));
    plan(&room, &["--target", "x86_64-linux", "--python", "3.10"]).failed(1, "WB0230").says("some.toml");
    room.wheelbuild(["plan", "absent.lock", "--target", "x86_64-linux"]).ran().failed(2, "WB0106");
}

/// An index with `native 1.0`: a wheel that the lock lacks, one that was withdrawn, and another version.
fn index(marked: &str) -> Server {
    let file = |name: &str, more: &str| {
        format!(
            r#"{{"filename": "{name}", "url": "/files/{name}", "hashes": {{"sha256": "{marked}"}}{more}}}"#
        )
    };
    let files = [
        file(
            "native-1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
            r#", "upload-time": "2026-05-01T00:00:00Z""#,
        ),
        file("native-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", r#", "yanked": "broken""#),
        file("native-1.0-cp39-cp39-manylinux_2_17_x86_64.whl", r#", "requires-python": ">=3.10""#),
        file("native-1.1-cp311-cp311-manylinux_2_17_x86_64.whl", ""),
        file("native-1.0.tar.gz", ""),
    ];
    let page =
        format!(r#"{{"meta": {{"api-version": "1.1"}}, "name": "native", "files": [{}]}}"#, files.join(", "));
    let kind = "application/vnd.pypi.simple.v1+json";
    Server::start(BTreeMap::from([("/simple/native/".to_owned(), (kind, page.into_bytes()))]))
}

fn with_index(room: &Room, server: &Server, words: &[&str]) -> Ran {
    room.wheelbuild(["plan"])
        .args(words)
        .env("UV_DEFAULT_INDEX", server.url("", "/simple/"))
        .without("PIP_FIND_LINKS")
        .ran()
}

#[test]
fn the_index_is_asked_for_what_a_lock_does_not_list() {
    let room = room();
    let server = index(HASH);
    let of = |python: &str, words: &[&str]| {
        let base = ["some.toml", "--refresh-files", "--target", "x86_64-linux", "--json", "--python", python];
        let ran = with_index(&room, &server, &[&base[..], words].concat()).succeeded();
        let json = ran.json();
        json["packages"].as_array().unwrap().iter().find(|row| row["name"] == "native").unwrap().clone()
    };
    let row = of("3.11", &[]);
    assert_eq!(row["file"], "native-1.0-cp311-cp311-manylinux_2_17_x86_64.whl");
    assert_eq!((&row["verdict"], &row["locked"]), (&"wheel".into(), &false.into()));
    let row = of("3.12", &[]);
    assert_eq!((&row["verdict"], &row["yanked"]), (&"wheel".into(), &"broken".into()));
    // For a Python that the file is not for, and after the date that was named, nothing is left but the sdist.
    assert_eq!(of("3.9", &[])["verdict"], "build");
    assert_eq!(of("3.11", &["--exclude-newer", "2026-04-30"])["verdict"], "build");
    assert_eq!(of("3.11", &["--exclude-newer", "2026-05-01"])["verdict"], "wheel");
}

#[test]
fn requirements_take_what_their_hashes_name() {
    let room = Room::with_empty_cache();
    room.write("pinned.txt", format!("native==1.0 --hash=sha256:{HASH}\n"));
    let base = ["pinned.txt", "--target", "x86_64-linux", "--python", "3.11", "--json"];
    let server = index(HASH);
    let json = with_index(&room, &server, &base).succeeded().json();
    assert_eq!(verdicts(&json, "x86_64-linux")["native"].0, "wheel");
    let server = index(&HASH.replace('0', "f"));
    let json = with_index(&room, &server, &base).succeeded().json();
    assert_eq!(verdicts(&json, "x86_64-linux")["native"].0, "impossible");
    let json = with_index(&room, &server, &[&base[..], &["--offline"]].concat()).succeeded().json();
    assert_eq!(verdicts(&json, "x86_64-linux")["native"].0, "check");
    with_index(&room, &server, &[&base[..], &["--offline", "--refresh-files"]].concat()).failed(5, "WB0604");
}

#[test]
fn what_was_built_here_is_taken_from_the_cache() {
    common::cache_with_tools();
    let room = Room::new();
    let sdist = common::source::Source::pure("planned").sdist(&room);
    let sha256 = common::sha256(&sdist);
    room.write(
        "pylock.toml",
        format!(
            "lock-version = '1.0'\ncreated-by = 'hand'\n[[packages]]\nname = 'planned'\nversion = '1.0'\n\
             sdist = {{ path = 'planned-1.0.tar.gz', hashes = {{ sha256 = '{sha256}' }} }}\n"
        ),
    );
    let words = ["plan", "pylock.toml", "--target", common::TARGET, "--json", "--offline"];
    let verdict = |room: &Room| {
        let json = room.wheelbuild(words).ran().succeeded().json();
        (json["packages"][0]["verdict"].clone(), json["packages"][0]["file"].clone())
    };
    let before = verdict(&room).0;
    assert!(before == "build" || before == "cached", "{before}");
    room.build(&sdist, common::TARGET).ran().succeeded();
    let file = "planned-1.0-py3-none-any.whl";
    assert_eq!(verdict(&room), ("cached".into(), file.into()));
    // What a build would have to make again is none that is there.
    let room = Room::with_own_cache();
    std::fs::copy(&sdist, room.join("planned-1.0.tar.gz")).unwrap();
    std::fs::copy(sdist.with_file_name("pylock.toml"), room.join("pylock.toml")).unwrap();
    room.build(&sdist, common::TARGET).ran().succeeded();
    assert_eq!(verdict(&room), ("cached".into(), file.into()));
    std::fs::remove_dir_all(room.cache().join("blobs")).unwrap();
    assert_eq!(verdict(&room).0, "build");
}
