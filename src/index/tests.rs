//! The index against a server that misbehaves, and once against the user's own.

mod locked;
mod tls;

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::test_server::{Request, Response, Server};
use super::*;
use crate::report::{Event, Level, Sink};

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Event>>>);

impl Sink for Recorder {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Recorder {
    fn text(&self) -> String {
        format!("{:?}", self.0.lock().unwrap())
    }
}

/// An index at `url` that pauses for nothing; what it told.
fn index_at(url: &str, more: &[(&str, &str)], offline: bool) -> (Index, Recorder) {
    let recorder = Recorder::default();
    let variables = more.iter().copied().chain([(INDEX_URL, url)]).collect();
    let options = Options {
        variables,
        folder: std::env::temp_dir(),
        python: PathBuf::from("/nonexistent/python"),
        offline,
    };
    let mut index = Index::new(options, Report::new(recorder.clone()));
    let _ = index.client();
    if let Some(client) = index.client.get_mut() {
        client.pause = |_: Duration| {};
    }
    (index, recorder)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn content() -> Vec<u8> {
    (0..300_000_u32).flat_map(u32::to_le_bytes).collect()
}

fn html(body: &str) -> Response {
    Response::new(200, body).header("content-type", "text/html")
}

/// A project `demo` with one sdist of [`content`], whose download is `file`'s business.
fn demo(file: impl Fn(&Request, usize) -> Response + Send + 'static) -> Server {
    let page = format!("<a href=\"/files/demo-1.0.tar.gz#sha256={}\">x</a>", sha256(&content()));
    let downloads = std::sync::atomic::AtomicUsize::new(0);
    Server::start(move |request, _| match request.path.as_str() {
        "/simple/demo/" => html(&page),
        "/files/demo-1.0.tar.gz" => {
            file(request, downloads.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
        }
        _ => Response::new(404, ""),
    })
}

fn fetch_demo(server: &Server) -> (Result<Fetched>, tempfile::TempDir, Recorder) {
    let (index, recorder) = index_at(&server.url("/simple"), &[], false);
    let folder = tempfile::tempdir().unwrap();
    let file = index.sdist("demo", "1.0.0").unwrap();
    (index.fetch(&file, folder.path()), folder, recorder)
}

fn is_empty(folder: &tempfile::TempDir) -> bool {
    std::fs::read_dir(folder.path()).unwrap().next().is_none()
}

#[test]
fn a_file_arrives_whole_with_progress() {
    let server = demo(|_, _| Response::new(200, content()));
    let (fetched, folder, recorder) = fetch_demo(&server);
    let fetched = fetched.unwrap();
    assert_eq!(std::fs::read(folder.path().join("demo-1.0.tar.gz")).unwrap(), content());
    assert_eq!((fetched.size, fetched.sha256), (1_200_000, sha256(&content())));
    assert!(recorder.text().contains("done: 1200000, total: Some(1200000)"), "{}", recorder.text());
    let request = server.requests().into_iter().next_back().unwrap();
    assert_eq!(request.header("accept-encoding"), Some("identity"));
}

#[test]
fn passing_failures_are_tried_again() {
    let server = demo(|_, number| match number {
        0 => Response::new(503, "").header("retry-after", "1"),
        1 => Response::new(500, ""),
        _ => Response::new(200, content()),
    });
    fetch_demo(&server).0.unwrap();
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn lasting_failures_are_not() {
    let server = demo(|_, _| Response::new(403, ""));
    let (fetched, folder, _) = fetch_demo(&server);
    let error = fetched.unwrap_err();
    assert_eq!(error.code(), Code::Network);
    assert!(error.hints()[0].contains(".netrc"), "{error:?}");
    assert_eq!(server.requests().len(), 2);
    assert!(is_empty(&folder));
}

#[test]
fn a_broken_connection_is_continued_where_it_broke() {
    let server = demo(|request, number| {
        let whole = content();
        if number == 0 {
            return Response::new(200, whole).header("etag", "\"v1\"").cut(700_000);
        }
        assert_eq!(request.header("if-range"), Some("\"v1\""));
        let range = request.header("range").unwrap().to_owned();
        let from: usize = range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap();
        assert!(from > 0 && from <= 700_000);
        Response::new(206, &whole[from..])
            .header("content-range", format!("bytes {from}-{}/{}", whole.len() - 1, whole.len()))
    });
    let (fetched, folder, _) = fetch_demo(&server);
    fetched.unwrap();
    assert_eq!(std::fs::read(folder.path().join("demo-1.0.tar.gz")).unwrap(), content());
}

#[test]
fn a_server_that_ignores_ranges_starts_anew() {
    let server = demo(|_, number| match number {
        0 => Response::new(200, content()).cut(500_000),
        _ => Response::new(200, content()),
    });
    let (fetched, folder, _) = fetch_demo(&server);
    fetched.unwrap();
    assert_eq!(std::fs::read(folder.path().join("demo-1.0.tar.gz")).unwrap(), content());
}

#[test]
fn a_continuation_of_another_file_is_thrown_away() {
    let server = demo(|_, number| match number {
        0 => Response::new(200, vec![7; 1_200_000]).cut(500_000),
        1 => {
            Response::new(206, &content()[500_000..]).header("content-range", "bytes 500000-1199999/1200000")
        }
        _ => Response::new(200, content()),
    });
    let (fetched, folder, _) = fetch_demo(&server);
    // The cut may fall anywhere in transit, and then the range does not fit: either way the end is right.
    fetched.unwrap();
    assert_eq!(std::fs::read(folder.path().join("demo-1.0.tar.gz")).unwrap(), content());
}

#[test]
fn an_endlessly_broken_connection_ends_and_leaves_nothing() {
    let server = demo(|_, _| Response::new(200, content()).cut(0));
    let (fetched, folder, _) = fetch_demo(&server);
    assert_eq!(fetched.unwrap_err().code(), Code::Network);
    assert!(is_empty(&folder));
}

#[test]
fn a_wrong_file_is_refused_and_leaves_nothing() {
    let server = demo(|_, _| Response::new(200, "something else"));
    let (fetched, folder, _) = fetch_demo(&server);
    let error = fetched.unwrap_err();
    assert_eq!(error.code(), Code::HashMismatch);
    assert!(error.causes().iter().any(|cause| cause.contains(&sha256(b"something else"))));
    assert!(is_empty(&folder));
}

#[test]
fn what_is_there_already_is_not_fetched() {
    let server = demo(|_, _| Response::new(500, ""));
    let (index, _) = index_at(&server.url("/simple"), &[], false);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("demo-1.0.tar.gz"), content()).unwrap();
    let file = index.sdist("demo", "1.0").unwrap();
    index.fetch(&file, folder.path()).unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn credentials_go_to_their_host_only_and_into_no_text() {
    let seen = Server::start(|_, _| Response::new(200, content()));
    let elsewhere = seen.url_as("", "localhost", "/signed?token=t0ken");
    let page = format!("<a href=\"/files/demo-1.0.tar.gz#sha256={}\">x</a>", sha256(&content()));
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/simple/demo/" => html(&page),
        _ => Response::new(302, "").header("location", elsewhere.clone()),
    });
    let (index, recorder) = index_at(&server.url_as("me:s3cret", "127.0.0.1", "/simple"), &[], false);
    let folder = tempfile::tempdir().unwrap();
    let file = index.sdist("demo", "1.0").unwrap();
    index.fetch(&file, folder.path()).unwrap();
    assert!(server.requests().iter().all(|request| request.header("authorization").is_some()));
    assert!(seen.requests().iter().all(|request| request.header("authorization").is_none()));
    assert_eq!(seen.requests().len(), 1);
    let error = index.sdist("nothere", "1").unwrap_err();
    for text in [recorder.text(), format!("{index:?}"), format!("{file:?}"), format!("{error:?}")] {
        assert!(!text.contains("s3cret") && !text.contains("t0ken"), "{text}");
    }
}

#[test]
fn a_failing_signed_address_is_shown_without_its_token() {
    let server = demo(|_, _| Response::new(302, "").header("location", "/gone?token=t0ken"));
    let (fetched, _, recorder) = fetch_demo(&server);
    let text = format!("{:?}{}", fetched.unwrap_err(), recorder.text());
    assert!(text.contains("/gone") && !text.contains("t0ken"), "{text}");
}

#[test]
fn redirects_end() {
    let server = demo(|_, _| Response::new(301, "").header("location", "/files/demo-1.0.tar.gz"));
    let error = fetch_demo(&server).0.unwrap_err();
    assert!(error.headline().contains("redirects without end"), "{error}");
}

#[test]
fn json_is_asked_for_and_preferred_and_may_be_zipped() {
    let json = r#"{"meta": {"api-version": "1.0"}, "files": [
        {"filename": "demo-1.0.tar.gz", "url": "/f/demo-1.0.tar.gz", "hashes": {}, "yanked": "breaks things"},
        {"filename": "demo-1.0.zip", "url": "/f/demo-1.0.zip", "hashes": {}},
        {"filename": "demo-0.9.tar.gz", "url": "/f/demo-0.9.tar.gz", "hashes": {}, "yanked": true},
        {"filename": "demo-2.0-py3-none-any.whl", "url": "/f/demo-2.0-py3-none-any.whl", "hashes": {}}]}"#;
    let server = Server::start(move |request, _| {
        assert!(request.header("accept").unwrap().starts_with("application/vnd.pypi.simple.v1+json"));
        assert_eq!(request.path, "/simple/demo/");
        let mut zipper = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut zipper, json.as_bytes()).unwrap();
        Response::new(200, zipper.finish().unwrap())
            .header("content-type", "application/vnd.pypi.simple.v1+json; charset=utf-8")
            .header("content-encoding", "gzip")
    });
    let (index, recorder) = index_at(&server.url("/simple/"), &[], false);
    // A file that was not withdrawn comes first, whatever its format.
    assert_eq!(index.sdist("Demo", "1.0").unwrap().filename, "demo-1.0.zip");
    assert!(!recorder.text().contains("withdrawn"));
    assert_eq!(index.sdist("demo", "0.9").unwrap().filename, "demo-0.9.tar.gz");
    assert!(recorder.0.lock().unwrap().iter().any(|event| matches!(event,
        Event::Message { level: Level::Warning, text } if text.contains("withdrawn"))));
    // One page serves them all.
    assert_eq!(server.requests().len(), 1);

    let error = index.sdist("demo", "2.0").unwrap_err();
    assert_eq!(error.code(), Code::NotOnIndex);
    assert!(error.causes().iter().any(|cause| cause.contains("wheels only")), "{error:?}");
    let error = index.sdist("demo", "1.1").unwrap_err();
    assert!(error.hints().iter().any(|hint| hint.contains("`1.0`, `0.9`")), "{error:?}");
    let error = index.sdist("demo", "not a version").unwrap_err();
    assert_eq!(error.code(), Code::BadMetadata);
}

#[test]
fn an_unknown_project_names_who_was_asked() {
    let server = Server::start(|_, _| Response::new(404, ""));
    let (index, _) = index_at(&server.url("/simple"), &[], false);
    let error = index.sdist("typo", "1.0").unwrap_err();
    assert_eq!(error.code(), Code::NotOnIndex);
    assert!(error.causes()[0].contains(&server.url("/simple/")), "{error:?}");
    assert_eq!(index.files("typo").unwrap_err().code(), Code::NotOnIndex);
}

#[test]
fn the_first_index_that_has_the_project_decides() {
    let first = Server::start(|_, _| html("<a href='demo-1.0.tar.gz'>"));
    let second = Server::start(|_, _| html("<a href='demo-2.0.tar.gz'>"));
    let variables = [
        ("UV_INDEX", first.url("/")),
        ("UV_DEFAULT_INDEX", second.url("/")),
        ("UV_NO_CONFIG", "1".to_owned()),
    ];
    for (strategy, found) in [("first-index", false), ("unsafe-best-match", true)] {
        let with = variables.clone().into_iter().chain([("UV_INDEX_STRATEGY", strategy.to_owned())]);
        let options = Options { variables: with.collect(), ..Options::of_process(false) };
        let index = Index::new(options, Report::silent());
        assert_eq!(index.sdist("demo", "2.0").is_ok(), found, "{strategy}");
        assert_eq!(index.files("demo").unwrap().len(), if found { 2 } else { 1 });
    }
}

#[test]
fn a_pinned_file_is_found_by_name_and_content() {
    let (right, wrong) = (sha256(b"right"), sha256(b"wrong"));
    let page = format!("<a href='a.whl#sha256={right}'>");
    let server = Server::start(move |_, _| html(&page));
    let (index, _) = index_at(&server.url("/"), &[], false);
    assert_eq!(index.file("p", "a.whl", &right).unwrap().sha256, Some(right.clone()));
    assert_eq!(index.file("p", "a.whl", &wrong).unwrap_err().code(), Code::HashMismatch);
    assert_eq!(index.file("p", "b.whl", &right).unwrap_err().code(), Code::NotOnIndex);
}

#[test]
fn plain_http_to_another_machine_needs_trust() {
    let (index, _) = index_at("http://index.invalid/simple", &[], false);
    let error = index.sdist("demo", "1.0").unwrap_err();
    assert!(error.hints()[0].contains("PIP_TRUSTED_HOST=index.invalid"), "{error:?}");
}

#[test]
fn offline_folders_serve_and_the_rest_is_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("demo-1.0.tar.gz"), b"sdist").unwrap();
    std::fs::write(folder.path().join("other-1.0.tar.gz"), b"sdist").unwrap();
    let options = Options {
        variables: [
            ("UV_DEFAULT_INDEX", "https://index.invalid/simple"),
            ("UV_FIND_LINKS", folder.path().to_str().unwrap()),
        ]
        .into_iter()
        .collect(),
        ..Options::of_process(true)
    };
    let index = Index::new(options, Report::silent());
    let file = index.sdist("demo", "1.0").unwrap();
    let into = tempfile::tempdir().unwrap();
    let fetched = index.fetch(&file, into.path()).unwrap();
    assert_eq!(
        (std::fs::read(&fetched.path).unwrap(), fetched.sha256),
        (b"sdist".to_vec(), sha256(b"sdist"))
    );
    let error = index.sdist("demo", "2.0").unwrap_err();
    assert_eq!(error.code(), Code::Offline);
    assert!(error.headline().contains("`demo==2.0`"), "{error}");
}

#[test]
fn an_unknown_authority_names_the_variable_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("roots.pem");
    std::fs::write(&empty, "").unwrap();
    let (index, _) =
        index_at("https://127.0.0.1:1/simple", &[("SSL_CERT_FILE", empty.to_str().unwrap())], false);
    let error = index.sdist("demo", "1.0").unwrap_err();
    assert_eq!(error.code(), Code::IndexConfig);
    assert!(error.hints()[0].contains("SSL_CERT_FILE"), "{error:?}");
}

#[test]
fn the_users_own_index_gives_an_sdist() {
    let index = Index::of_process(false, Report::silent());
    let folder = tempfile::tempdir().unwrap();
    let file = match index.sdist("grpclib", "0.4.9") {
        Err(error) if error.code() == Code::Network => {
            println!("SKIP: no package index is reached from here: {error}");
            return;
        }
        other => other.unwrap(),
    };
    assert_eq!(file.filename, "grpclib-0.4.9.tar.gz");
    let fetched = index.fetch(&file, folder.path()).unwrap();
    assert_eq!(Some(fetched.sha256), file.sha256);
    assert_eq!(&std::fs::read(&fetched.path).unwrap()[..2], b"\x1f\x8b");
}

#[test]
fn the_keyring_completes_a_user_without_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("keyring");
    std::fs::write(
        &program,
        "#!/bin/sh\necho \"$2\" >> \"$LOG\"\n[ \"$1 $2 $3\" = 'get 127.0.0.1 me' ] && echo s3cret\n",
    )
    .unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let server = Server::start(|_, _| html("<a href='demo-1.0.tar.gz'>"));
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let log = folder.path().join("log");
    let variables = [("UV_KEYRING_PROVIDER", "subprocess"), ("PATH", &path), ("LOG", log.to_str().unwrap())];
    let (index, _) = index_at(&server.url_as("me", "127.0.0.1", "/simple"), &variables, false);
    index.files("demo").unwrap();
    index.files("other").unwrap();
    let expected = credentials::basic("me", "s3cret");
    assert!(server.requests().iter().all(|request| request.header("authorization") == Some(&expected)));
    // Asked for the origin and then the host, once.
    assert_eq!(std::fs::read_to_string(log).unwrap().lines().count(), 2);
}
