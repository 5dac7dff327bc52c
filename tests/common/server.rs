//! A package index on the loopback interface.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Answers each path with its page, anything else with 404; ends when dropped.
pub struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    ending: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// `pages` are content types and bodies by path.
    pub fn start(pages: BTreeMap<String, (&'static str, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, ending) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (requests, end) = (seen.clone(), ending.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let lines: Vec<String> = BufReader::new(&stream)
                    .lines()
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .collect();
                let Some(path) = lines.first().and_then(|line| line.split(' ').nth(1)) else { continue };
                requests.lock().unwrap().push(path.to_owned());
                let missing = ("text/plain", b"no such page".to_vec());
                let (status, (kind, body)) = pages.get(path).map_or((404, &missing), |page| (200, page));
                let head = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                // A client that hangs up early is its own affair.
                let _ = (&stream).write_all(head.as_bytes()).and_then(|()| (&stream).write_all(body));
            }
        });
        Self { address, seen, ending, thread: Some(thread) }
    }

    /// `http://USERINFO@127.0.0.1:PORT` + `path`; `userinfo` ends in `@` or is empty.
    pub fn url(&self, userinfo: &str, path: &str) -> String {
        format!("http://{userinfo}{}{path}", self.address)
    }

    /// The paths that were asked for.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it sees the flag.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The pages of an index with one project that has one file, said to have the digest `sha256`.
pub fn one_file(
    name: &str,
    file: &str,
    sha256: &str,
    bytes: &[u8],
) -> BTreeMap<String, (&'static str, Vec<u8>)> {
    let page = format!("<!DOCTYPE html><a href=\"/files/{file}#sha256={sha256}\">{file}</a>\n");
    BTreeMap::from([
        (format!("/simple/{name}/"), ("text/html", page.into_bytes())),
        (format!("/files/{file}"), ("application/octet-stream", bytes.to_vec())),
    ])
}

/// An address where nobody listens.
pub fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
