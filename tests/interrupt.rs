//! Termination signals while something other than a hook runs: the program ends with 130, what it
//! started ends with it, and nothing half-made is left in the cache.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use common::live::{Live, until_gone};
use common::source::Source;
use common::{Room, TARGET, names};
use rustix::process::Signal;

/// Names in the cache that only something under way has.
fn under_way(room: &Room) -> Vec<String> {
    let marks = [".making-", ".fetching-", ".discarded-", ".kit-"];
    let mut left = names(&room.cache().join("tmp"));
    for entry in walkdir::WalkDir::new(room.cache()).into_iter().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if marks.iter().any(|mark| name.starts_with(mark)) {
            left.push(entry.path().display().to_string());
        }
    }
    left
}

#[track_caller]
fn ends(run: Live, room: &Room, mark: &str) {
    run.end().failed(130, "WB0901");
    until_gone(mark);
    assert_eq!(under_way(room), [""; 0]);
    assert_eq!(room.names("out"), [""; 0]);
}

#[test]
fn while_uv_resolves() {
    let room = Room::with_own_cache();
    let mark = format!("uv-that-waits-{}", std::process::id());
    // Its child is what must not be left behind.
    let uv = room.write(&mark, format!("#!/bin/sh\nsh -c 'sleep 300; : {mark}'\n"));
    fs::set_permissions(&uv, fs::Permissions::from_mode(0o755)).unwrap();
    let run = room.build(&Source::pure("resolves").sdist(&room), TARGET).arg("--uv").arg(&uv);
    let mut run = Live::start(run, &room.join("events.jsonl"));
    run.until_process(&format!(": {mark}"));
    run.signal(Signal::TERM);
    ends(run, &room, &format!(": {mark}"));
    assert_eq!(names(&room.cache().join("envs")), [""; 0]);
}

#[test]
fn while_zig_makes_a_kit() {
    let room = Room::with_own_cache();
    let kits = room.cache().join("kits");
    fs::remove_file(&kits).unwrap();
    let run = room.wheelbuild(["toolchain", "kit", "--target", "aarch64-linux-gnu.2.28"]);
    let mut run = Live::start(run, &room.join("events.jsonl"));
    let mark = kits.display().to_string();
    run.until_process(&mark);
    run.signal(Signal::INT);
    ends(run, &room, &mark);
}

#[test]
fn while_an_image_is_packed() {
    use common::scene::{ALL, noise, scene};
    let room = scene();
    room.write("src/large.bin", noise(96 << 20));
    for (out, signal) in [("oci:out", Signal::INT), ("docker:out", Signal::TERM), ("dir:out", Signal::INT)] {
        let run = room.wheelbuild(["image", "--target", "linux/amd64", "-o", out]).args(ALL);
        let run = Live::start(run, &room.join("events.jsonl"));
        let tmp = room.cache().join("tmp");
        let is_packing = || {
            let files = fs::read_dir(&tmp).into_iter().flatten().flatten();
            files.filter_map(|file| file.metadata().ok()).any(|facts| facts.len() > 1 << 20)
        };
        let begun = std::time::Instant::now();
        while !is_packing() {
            assert!(begun.elapsed().as_secs() < 300, "nothing is packed");
            std::thread::yield_now();
        }
        run.signal(signal);
        run.end().failed(130, "WB0901");
        assert_eq!(under_way(&room), [""; 0]);
        assert!(!room.join("out").exists(), "{out}");
        assert!(room.names(".").iter().all(|name| !name.starts_with(".wheelbuild-")));
    }
}

/// A server that sends the beginning of a file and then nothing.
#[test]
fn while_a_download_hangs() {
    let room = Room::with_own_cache();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().flatten() {
            let first = BufReader::new(&stream).lines().next().unwrap().unwrap();
            let (kind, length, body) = match first.contains("/files/") {
                true => ("application/gzip", 10 << 20, vec![0; 3 << 20]),
                false => {
                    let page =
                        b"<!DOCTYPE html><a href=\"/files/hangs-1.0.tar.gz\">hangs-1.0.tar.gz</a>".to_vec();
                    ("text/html", page.len(), page)
                }
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
            );
            let _ = (&stream).write_all(head.as_bytes()).and_then(|()| (&stream).write_all(&body));
            held.push(stream);
        }
    });
    let run = room
        .wheelbuild(["build", "hangs==1.0", "--target", TARGET, "-o", "out"])
        .env("PIP_INDEX_URL", format!("http://{address}/simple"))
        .without("PIP_EXTRA_INDEX_URL")
        .without("UV_INDEX_URL")
        .without("UV_DEFAULT_INDEX")
        .without("UV_INDEX");
    let mut run = Live::start(run, &room.join("events.jsonl"));
    run.until(r#""event":"progress","what":"hangs-1.0.tar.gz""#);
    run.signal(Signal::TERM);
    ends(run, &room, "no process has this");
    assert_eq!(names(&room.cache().join("downloads")), [""; 0]);
}
