//! A shared cache on the loopback interface that can be told to misbehave.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a store does instead of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It takes the connection and says nothing.
    Silent,
    /// It says that bytes come, and sends one now and then.
    Dripping,
    /// It sends bytes without end.
    Endless,
    /// It closes in the middle of the body.
    CutShort,
    /// It sends what was asked for, a little now and then.
    Slow,
    /// It sends what was asked for with one byte changed.
    Changed,
    /// It sends the reader in a circle.
    Circle,
    /// It answers with this status.
    Status(u16),
    /// It answers with a page for people.
    Page,
}

type Behaviour = dyn Fn(&str, &str) -> Option<Fault> + Send + Sync;

/// GET, HEAD and PUT of bytes by path; ends when dropped.
pub struct Store {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    seen: Mutex<Vec<String>>,
    heads: Mutex<Vec<String>>,
    ending: AtomicBool,
    behaviour: Box<Behaviour>,
}

impl Store {
    pub fn start() -> Self {
        Self::with(|_, _| None)
    }

    /// A store that does what `behaviour` says for a method and path.
    pub fn with(behaviour: impl Fn(&str, &str) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            files: Mutex::default(),
            seen: Mutex::default(),
            heads: Mutex::default(),
            ending: AtomicBool::new(false),
            behaviour: Box::new(behaviour),
        });
        let own = shared.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.ending.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), shared) = (stream, own.clone()) else { continue };
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}/wheels", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `METHOD path` of every request, below the folder of [`Self::url`].
    pub fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The header lines of every request.
    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap().clone()
    }

    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.shared.files.lock().unwrap().clone()
    }

    pub fn set(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.shared.files.lock().unwrap().insert(path.to_owned(), bytes.into());
    }

    pub fn set_all(&self, files: BTreeMap<String, Vec<u8>>) {
        *self.shared.files.lock().unwrap() = files;
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let path = path.strip_prefix("/wheels/").unwrap_or(path).to_owned();
        self.seen.lock().unwrap().push(format!("{method} {path}"));
        self.heads.lock().unwrap().push(head.clone());
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
            .unwrap_or(0);
        if head.to_ascii_lowercase().contains("expect: 100-continue") {
            let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        if let Some(fault) = (self.behaviour)(method, &path) {
            let stored = self.files.lock().unwrap().get(&path).cloned().unwrap_or_default();
            return self.misbehave(fault, stream, stored);
        }
        let stored = self.files.lock().unwrap().get(&path).cloned();
        match (method, stored) {
            ("PUT", _) => {
                self.files.lock().unwrap().insert(path, body);
                answer(&mut stream, 201, b"");
            }
            ("GET", Some(bytes)) => answer(&mut stream, 200, &bytes),
            ("HEAD", Some(_)) => answer(&mut stream, 200, b""),
            _ => answer(&mut stream, 404, b""),
        }
    }

    fn misbehave(&self, fault: Fault, mut stream: TcpStream, mut stored: Vec<u8>) {
        let head = |length: &str| format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{length}\r\n");
        match fault {
            Fault::Status(status) => answer(&mut stream, status, b"no"),
            Fault::Page => answer(&mut stream, 200, b"<html><body>Please log in</body></html>"),
            Fault::Circle => {
                let _ = stream.write_all(b"HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: /wheels/ac/circle\r\ncontent-length: 0\r\n\r\n");
            }
            Fault::CutShort => {
                let half = if stored.is_empty() { b"half of it" } else { &stored[..stored.len() / 2] };
                let text = head(&format!("content-length: {}\r\n", stored.len().max(1000)));
                let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(half));
            }
            Fault::Slow => {
                let text = head(&format!("content-length: {}\r\n", stored.len()));
                let _ = stream.write_all(text.as_bytes());
                for part in stored.chunks(stored.len().div_ceil(20).max(1)) {
                    let _ = stream.write_all(part);
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            Fault::Changed => {
                if let Some(byte) = stored.last_mut() {
                    *byte ^= 1;
                }
                answer(&mut stream, 200, &stored);
            }
            Fault::Endless => {
                let _ = stream.write_all(head("").as_bytes());
                let sends = |stream: &mut TcpStream| stream.write_all(&[b'x'; 65536]).is_ok();
                while !self.ending.load(Ordering::SeqCst) && sends(&mut stream) {
                    std::hint::spin_loop();
                }
            }
            Fault::Silent => {
                // Until the other side has enough of it.
                let _ = stream.read(&mut [0]);
            }
            Fault::Dripping => {
                let _ = stream.write_all(head("content-length: 1000\r\n").as_bytes());
                while !self.ending.load(Ordering::SeqCst) && stream.write_all(b"x").is_ok() {
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }
}

fn answer(stream: &mut TcpStream, status: u16, body: &[u8]) {
    let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    // A client that hangs up early is its own affair.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it sees the flag.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
