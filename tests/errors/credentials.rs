//! Credentials in the address of an index are used, and shown nowhere.

use std::collections::BTreeMap;
use std::fs;

use crate::common::server::Server;
use crate::common::source::Source;
use crate::common::{self, Room, TARGET};

const SECRET: &str = "s3cret-t0ken";

/// Fails if the secret is in any file below `folder`.
fn not_below(folder: &std::path::Path) {
    for entry in
        walkdir::WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file())
    {
        let bytes = fs::read(entry.path()).unwrap();
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "the secret is in {}", entry.path().display());
    }
}

#[test]
fn credentials_of_an_index_are_shown_nowhere() {
    let room = Room::with_own_cache();
    // The index has the sdist, and says so on a page that asks for nothing.
    let path = Source::in_tree("private").sdist(&room);
    let (bytes, digest) = (fs::read(&path).unwrap(), common::sha256(&path));
    let mut pages = crate::common::server::one_file("private", "private-1.0.tar.gz", &digest, &bytes);
    pages.insert(
        "/simple/broken/".to_owned(),
        ("text/html", b"<a href='/files/broken-1.0.tar.gz'>broken-1.0.tar.gz</a>".to_vec()),
    );
    let server = Server::start(pages);
    let index = server.url(&format!("user:{SECRET}@"), "/simple/");
    let build = |what: &str, more: &[&str]| {
        room.wheelbuild(["build", what, "--target", TARGET, "-vv", "--events", "events.jsonl", "--keep"])
            .args(more)
            .env("PIP_INDEX_URL", &index)
            .env("UV_DEFAULT_INDEX", &index)
            .env("PIP_CONFIG_FILE", "/dev/null")
            .env("UV_HTTP_RETRIES", "0")
            .without("PIP_FIND_LINKS")
            .ran()
    };
    let mut runs = vec![build("private==1.0", &["--json"]).succeeded()];
    // Each way to fail with the address at hand: absent, gone, and by way of the resolver.
    runs.push(build("absent==1.0", &[]).failed(5, "WB0602"));
    runs.push(build("broken==1.0", &[]).failed(5, "WB0602"));
    let needs = Source::pure("needsabsent").requires(&["wheelbuild-nonexistent==1"]).sdist(&room);
    runs.push(build(needs.to_str().unwrap(), &["--json"]));
    assert_eq!(runs[3].code, Some(1), "{}", runs[3]);
    for ran in &runs {
        assert!(!ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET), "{ran}");
    }
    for folder in [
        "dist",
        "cache/tmp",
        "cache/downloads",
        "cache/locks",
        "cache/results",
        "cache/requests",
        "cache/blobs",
    ] {
        not_below(&room.join(folder));
    }
    assert!(!fs::read_to_string(room.join("events.jsonl")).unwrap().contains(SECRET));
    assert!(server.seen().iter().any(|path| path.ends_with("private-1.0.tar.gz")), "{:?}", server.seen());
}

#[test]
fn credentials_in_the_address_of_a_closed_port() {
    let room = Room::with_empty_cache();
    let index = format!("http://user:{SECRET}@{}/simple/", crate::common::server::closed_port());
    let ran = room
        .wheelbuild(["build", "tiny==1.0", "--target", TARGET, "-vv", "--json"])
        .env("WHEELBUILD_INDEX_URL", &index)
        .env("PIP_RETRIES", "0")
        .ran()
        .failed(5, "WB0601");
    assert!(!ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET), "{ran}");
    let _: BTreeMap<String, serde_json::Value> = serde_json::from_str(&ran.stdout).unwrap();
}
