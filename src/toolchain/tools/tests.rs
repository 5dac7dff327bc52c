//! A small tool on a loopback index, and the real uv once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::archive::{ZipMember, ZipOptions, write_zip};
use crate::index::test_server::{Response, Server};
use crate::index::{INDEX_URL, Options};

fn wheel() -> Vec<u8> {
    let members = [
        ("demo_tool/run", b"#!/bin/sh\necho ran\n".as_slice()),
        ("demo_tool/lib/a/b.txt", b"data"),
        ("demo_tool/__init__.py", b"import left_out"),
    ];
    let members: Vec<ZipMember<'_>> =
        members.iter().map(|(name, data)| ZipMember { name, data, executable: false }).collect();
    let mut out = Vec::new();
    write_zip(&members, &ZipOptions::default(), &mut out).unwrap();
    out
}

/// A pin of [`wheel`], or of another file when `sha256` is given.
fn pin(sha256: Option<Digest>) -> &'static Pin {
    let sha256 = sha256.unwrap_or_else(|| Digest::of(wheel()));
    let text = format!(
        "name = 'demo'\npackage = 'demo-tool'\nversion = '1.0'\nwhy = 'a test'\nprogram = 'run'\n\
         keep = {{ 'demo_tool/run' = 'run', 'demo_tool/lib/' = 'lib/' }}\n\
         [[file]]\nhost = '{}'\nname = 'demo_tool-1.0-py3-none-any.whl'\nsha256 = '{sha256}'\n",
        host()
    );
    Box::leak(Box::new(toml::from_str(&text).unwrap()))
}

struct Fixture {
    _server: Server,
    folder: tempfile::TempDir,
    index: Index,
    downloads: Arc<AtomicUsize>,
    body: Arc<Mutex<Vec<u8>>>,
}

impl Fixture {
    fn new(offline: bool) -> Self {
        let downloads = Arc::new(AtomicUsize::new(0));
        let body = Arc::new(Mutex::new(wheel()));
        let (count, content) = (downloads.clone(), body.clone());
        let server = Server::start(move |request, _| match request.path.as_str() {
            "/demo-tool/" => Response::new(200, "<a href='demo_tool-1.0-py3-none-any.whl'>"),
            _ => {
                count.fetch_add(1, Ordering::SeqCst);
                Response::new(200, content.lock().unwrap().clone())
            }
        });
        let options = Options {
            variables: [(INDEX_URL, server.url("/"))].into_iter().collect(),
            ..Options::of_process(offline)
        };
        let index = Index::new(options, Report::silent());
        Self { _server: server, folder: tempfile::tempdir().unwrap(), index, downloads, body }
    }

    fn with<T>(&self, act: impl FnOnce(&Tools<'_>) -> T) -> T {
        let cache = Cache::open(self.folder.path()).unwrap();
        act(&Tools { cache: &cache, index: &self.index, report: &Report::silent() })
    }
}

#[test]
fn a_tool_is_fetched_once_and_runs() {
    let fixture = Fixture::new(false);
    let first = fixture.with(|tools| tools.get_pin(pin(None)).unwrap());
    let again = fixture.with(|tools| tools.get_pin(pin(None)).unwrap());
    assert_eq!(first, again);
    assert_eq!(fixture.downloads.load(Ordering::SeqCst), 1);
    let said = std::process::Command::new(&first.program).output().unwrap().stdout;
    assert_eq!(said, b"ran\n");
    let place = first.program.parent().unwrap();
    assert!(place.join("lib/a/b.txt").is_file() && !place.join("__init__.py").exists());
    assert_eq!(first.sha256, Digest::of_file(&first.program).unwrap());
}

#[test]
fn another_file_of_that_name_is_refused_and_leaves_nothing() {
    let fixture = Fixture::new(false);
    *fixture.body.lock().unwrap() = b"something else".to_vec();
    let error = fixture.with(|tools| tools.get_pin(pin(None)).unwrap_err());
    assert_eq!(error.code(), Code::HashMismatch);
    let left = std::fs::read_dir(fixture.folder.path().join("tools")).unwrap().flatten();
    assert!(left.map(|entry| entry.file_name()).all(|name| name.to_string_lossy().ends_with(".lock")));
}

#[test]
fn a_wheel_without_its_program_is_refused() {
    let fixture = Fixture::new(false);
    let mut other = Vec::new();
    write_zip(&[ZipMember { name: "x", data: b"", executable: false }], &ZipOptions::default(), &mut other)
        .unwrap();
    let digest = Digest::of(&other);
    *fixture.body.lock().unwrap() = other;
    let error = fixture.with(|tools| tools.get_pin(pin(Some(digest))).unwrap_err());
    assert_eq!(error.code(), Code::BrokenArchive);
}

#[test]
fn offline_names_everything_that_is_missing() {
    let fixture = Fixture::new(true);
    let error = fixture.with(|tools| tools.fetch(&[]).unwrap_err());
    assert_eq!(error.code(), Code::Offline);
    let causes = error.causes().join("\n");
    assert!(causes.contains("zig: ziglang-") && causes.contains("uv: uv-"), "{causes}");
    assert!(error.hints()[0].contains("toolchain fetch"));
    assert_eq!(fixture.with(|tools| tools.get("zag").unwrap_err().code()), Code::Usage);
}

#[test]
fn the_list_says_what_is_here() {
    let fixture = Fixture::new(true);
    let list = fixture.with(|tools| tools.list());
    assert_eq!(list.iter().map(|tool| tool.name).collect::<Vec<_>>(), ["zig", "uv"]);
    assert!(list.iter().all(|tool| tool.program.is_none()));
}

#[test]
fn the_real_uv_is_fetched_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let index = Index::of_process(false, Report::silent());
    let tools = Tools { cache: &cache, index: &index, report: &Report::silent() };
    let uv = match tools.get("uv") {
        Err(error) if error.code() == Code::Network => {
            println!("SKIP: no package index is reached from here: {error}");
            return;
        }
        other => other.unwrap(),
    };
    let said = std::process::Command::new(&uv.program).arg("--version").output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.starts_with(&format!("uv {}", uv.version)), "{said}");
}
