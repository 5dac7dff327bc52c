//! Files as locks name them, and what a second run makes of a first one's parts.

use std::collections::HashSet;
use std::sync::Mutex;

use sha2::{Digest as _, Sha512};

use super::*;
use crate::index::LockedFile;
use crate::process::Interrupt;

fn locked(url: Option<String>, hashes: &[(&str, String)]) -> LockedFile {
    LockedFile {
        project: "demo".to_owned(),
        filename: "demo-1.0.tar.gz".to_owned(),
        hashes: hashes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        url,
        size: None,
    }
}

fn by_sha256(url: Option<String>) -> LockedFile {
    locked(url, &[("sha256", sha256(&content()))])
}

#[test]
fn the_address_of_the_lock_is_tried_first_and_the_index_knows_the_rest() {
    let server = demo(|_, _| Response::new(200, content()));
    let (index, _) = index_at(&server.url("/simple"), &[], false);
    for (url, asked) in [
        (Some(server.url("/files/demo-1.0.tar.gz")), 1),
        (Some(server.url("/gone/demo-1.0.tar.gz")), 3),
        // Nobody listens there: found out once, whatever else is locked from that host.
        (Some("http://127.0.0.2:9/demo-1.0.tar.gz".to_owned()), 1),
        (Some("http://127.0.0.2:9/demo-1.0.tar.gz".to_owned()), 1),
        (None, 1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let before = server.requests().len();
        let fetched = index.fetch_locked(&by_sha256(url.clone()), folder.path()).unwrap();
        assert_eq!(std::fs::read(fetched.path).unwrap(), content());
        assert_eq!(server.requests().len() - before, asked, "{url:?}");
    }
}

#[test]
fn every_hash_that_can_be_checked_is_and_no_other_will_do() {
    let server = demo(|_, _| Response::new(200, content()));
    let (index, _) = index_at(&server.url("/simple"), &[], false);
    let folder = tempfile::tempdir().unwrap();
    let sha512: String = Sha512::digest(content()).iter().map(|byte| format!("{byte:02x}")).collect();
    let url = server.url("/files/demo-1.0.tar.gz");
    index.fetch_locked(&locked(Some(url.clone()), &[("sha512", sha512.clone())]), folder.path()).unwrap();
    std::fs::remove_file(folder.path().join("demo-1.0.tar.gz")).unwrap();
    let wrong = locked(Some(url.clone()), &[("sha512", sha512.replace('a', "b"))]);
    assert_eq!(index.fetch_locked(&wrong, folder.path()).unwrap_err().code(), Code::HashMismatch);
    assert!(is_empty(&folder));
    for hashes in [&[][..], &[("md5", "00".repeat(16))][..]] {
        let error = index.fetch_locked(&locked(Some(url.clone()), hashes), folder.path()).unwrap_err();
        assert_eq!(error.code(), Code::NoUsableHash);
    }
}

#[test]
fn a_wrong_file_at_the_address_is_not_looked_for_elsewhere() {
    let server = demo(|_, _| Response::new(200, "something else"));
    let (index, _) = index_at(&server.url("/simple"), &[], false);
    let folder = tempfile::tempdir().unwrap();
    let file = by_sha256(Some(server.url("/files/demo-1.0.tar.gz")));
    assert_eq!(index.fetch_locked(&file, folder.path()).unwrap_err().code(), Code::HashMismatch);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_later_run_goes_on_where_an_earlier_one_was_stopped() {
    let server = demo(|request, _| {
        let whole = content();
        match request.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')) {
            None => Response::new(200, whole).cut(800_000),
            Some(from) => {
                let from: usize = from.parse().unwrap();
                Response::new(206, &whole[from..])
                    .header("content-range", format!("bytes {from}-{}/{}", whole.len() - 1, whole.len()))
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let interrupt = Interrupt::new().unwrap();
    let (index, _) = index_at(&server.url("/simple"), &[], false);
    let index = index.stopped_by(&interrupt);
    let file = by_sha256(Some(server.url("/files/demo-1.0.tar.gz")));
    // What an earlier process left.
    let part = folder.path().join(format!(".fetching-{}", sha256(&content())));
    std::fs::write(&part, &content()[..300_000]).unwrap();
    index.fetch_locked(&file, folder.path()).unwrap();
    assert_eq!(server.requests()[0].header("range"), Some("bytes=300000-"));
    assert!(!part.exists());
    assert_eq!(std::fs::read(folder.path().join("demo-1.0.tar.gz")).unwrap(), content());
    // A part of other content is found out by the hash of the whole.
    std::fs::remove_file(folder.path().join("demo-1.0.tar.gz")).unwrap();
    std::fs::write(&part, vec![7; 500_000]).unwrap();
    index.fetch_locked(&file, folder.path()).unwrap();
    assert_eq!(std::fs::read(folder.path().join("demo-1.0.tar.gz")).unwrap(), content());
    // A whole one is put in its place without a request.
    std::fs::rename(folder.path().join("demo-1.0.tar.gz"), &part).unwrap();
    let before = server.requests().len();
    index.fetch_locked(&file, folder.path()).unwrap();
    assert_eq!(server.requests().len(), before);
    // An interrupt ends it, and keeps what is there.
    std::fs::rename(folder.path().join("demo-1.0.tar.gz"), &part).unwrap();
    std::fs::write(&part, &content()[..300_000]).unwrap();
    interrupt.set();
    assert_eq!(index.fetch_locked(&file, folder.path()).unwrap_err().code(), Code::Interrupted);
    assert_eq!(std::fs::read(&part).unwrap().len(), 300_000);
}

#[test]
fn many_files_come_at_once_and_each_is_told_of() {
    let server = Server::start(|request, _| match request.path.strip_prefix("/f/") {
        Some("file7") => Response::new(404, ""),
        Some(name) => Response::new(200, name.repeat(1000)),
        None => Response::new(404, ""),
    });
    let (index, _) = index_at(&server.url("/simple"), &[], false);
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<LockedFile> = (0..40)
        .map(|number| {
            let name = format!("file{number}");
            LockedFile {
                project: "many".to_owned(),
                hashes: vec![("sha256".to_owned(), sha256(name.repeat(1000).as_bytes()))],
                url: Some(server.url(&format!("/f/{name}"))),
                filename: name,
                size: None,
            }
        })
        .collect();
    let told = Mutex::new(HashSet::new());
    let answers = index.fetch_all_locked(&files, folder.path(), 6, &|at, _| {
        assert!(told.lock().unwrap().insert(at));
    });
    assert_eq!(told.into_inner().unwrap().len(), 40);
    for (number, answer) in answers.iter().enumerate() {
        match (number, answer) {
            (7, Err(error)) => assert_eq!(error.code(), Code::NotOnIndex),
            (_, Ok(fetched)) => assert!(fetched.path.ends_with(format!("file{number}"))),
            (_, Err(error)) => panic!("{number}: {error}"),
        }
    }
    let interrupt = Interrupt::new().unwrap();
    interrupt.set();
    let (index, _) = index_at(&server.url("/simple"), &[], false);
    let empty = tempfile::tempdir().unwrap();
    let answers = index.stopped_by(&interrupt).fetch_all_locked(&files, empty.path(), 6, &|_, _| {});
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|e| e.code() == Code::Interrupted)));
}
