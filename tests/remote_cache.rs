//! Caches that machines share: what is taken and what never is, and that no store, however broken,
//! makes a build fail or its wheel another.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::live::Live;
use common::server::closed_port;
use common::source::Source;
use common::store::{Fault, Store};
use common::{Ran, Room, Run, TARGET, names, sha256};
use rustix::process::Signal;
use wheelbuild::cache::Digest;
use wheelbuild::cache::remote::{Found, Record, SigningKey};

/// Two machines, a key for both, and one project. The first has what builds need, the second nothing.
struct Machines {
    first: Room,
    second: Room,
    sdist: PathBuf,
    public: String,
}

impl Machines {
    fn new(source: &Source) -> Self {
        let (first, second) = (Room::with_own_cache(), Room::with_empty_cache());
        let sdist = source.sdist(&first);
        let ran = first.wheelbuild(["cache", "keygen", "key"]).ran().succeeded();
        Self { first, second, sdist, public: ran.stdout.trim().to_owned() }
    }

    /// A build on the first machine.
    fn build(&self, more: &[&str]) -> Ran {
        self.first.build(&self.sdist, TARGET).arg("--json").args(more).ran().succeeded()
    }

    /// A build on the second: whoever needs more than the cache fails.
    fn take(&self, more: &[&str]) -> Ran {
        self.take_run(more).ran()
    }

    fn take_run(&self, more: &[&str]) -> Run {
        let key = ["--cache-key", &self.public, "--uv", "/bin/false"];
        let run = self.second.build(&self.sdist, TARGET).arg("--json").args(key).args(more);
        // No zig can be fetched either.
        let nowhere = format!("http://{}/simple/", closed_port());
        run.env("PIP_INDEX_URL", &nowhere).env("UV_DEFAULT_INDEX", nowhere)
    }

    fn store(&self, store: &str) -> Ran {
        self.build(&["--cache", &format!("rw:{store}"), "--cache-signing-key", "key"])
    }
}

/// Whether the one wheel of a run came from a cache, and its digest.
#[track_caller]
fn outcome(ran: &Ran) -> (bool, String) {
    let json = ran.json();
    let wheel = &json["wheels"][0];
    (wheel["cached"].as_bool().unwrap(), wheel["sha256"].as_str().unwrap().to_owned())
}

/// How often standard error has `text` in it.
fn said(ran: &Ran, text: &str) -> usize {
    ran.stderr.matches(text).count()
}

/// The one entry of a store.
fn entry(files: &BTreeMap<String, Vec<u8>>) -> (String, Record) {
    let mut entries = files.iter().filter(|(path, _)| path.starts_with("ac/"));
    let (path, bytes) = entries.next().unwrap();
    assert!(entries.next().is_none());
    let key = path.strip_prefix("ac/").unwrap().parse().unwrap();
    (path.clone(), Found::read(bytes, key, &[]).unwrap().record)
}

/// The files of a store of a folder.
fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for kind in ["ac", "cas"] {
        for name in names(&folder.join(kind)) {
            files.insert(format!("{kind}/{name}"), fs::read(folder.join(kind).join(&name)).unwrap());
        }
    }
    files
}

#[test]
fn another_machine_takes_the_wheel_and_runs_nothing() {
    let machines = Machines::new(&Source::c("shared", 7));
    let folder = machines.first.join("store");
    let store = folder.to_str().unwrap();
    let (cached, digest) = outcome(&machines.store(store));
    assert!(!cached);
    assert_eq!((names(&folder.join("ac")).len(), names(&folder.join("cas")).len()), (1, 2));
    let mode = fs::metadata(folder.join("cas").join(&digest)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);

    let events = ["--cache", store, "--events", "events.jsonl"];
    assert_eq!(outcome(&machines.take(&events).succeeded()), (true, digest));
    let events = fs::read_to_string(machines.second.join("events.jsonl")).unwrap();
    assert!(!events.contains("phase-started"), "{events}");
    for made in ["tools", "kits", "envs", "views", "uv"] {
        assert_eq!(names(&machines.second.cache().join(made)), [""; 0], "{made}");
    }
    let (first, second) = (machines.first.join("out"), machines.second.join("out"));
    assert_eq!(names(&first), names(&second));
    for name in names(&first) {
        assert_eq!(sha256(&first.join(&name)), sha256(&second.join(&name)), "{name}");
    }
    // It is its own now.
    fs::remove_dir_all(&folder).unwrap();
    let (cached, _) = outcome(&machines.take(&["--offline"]).succeeded());
    assert!(cached);
}

/// The kernel's word for it: with the facts of the interpreter at hand, no program is started at all;
/// without them, the interpreter alone, to be asked who it is.
#[test]
fn a_taken_wheel_starts_no_compiler() {
    if !common::has("strace") {
        return common::skip("no strace to see that no program is started");
    }
    let machines = Machines::new(&Source::c("traced", 8));
    let store = machines.first.join("store");
    machines.store(store.to_str().unwrap());
    let trace = |name: &str| {
        let run = machines.take_run(&["--cache", store.to_str().unwrap()]);
        let mut traced = std::process::Command::new("strace");
        traced.args(["-f", "-e", "trace=execve", "-o"]).arg(machines.second.join(name));
        traced.arg(run.command.get_program()).args(run.command.get_args());
        traced.current_dir(machines.second.path());
        for (name, value) in run.command.get_envs() {
            match value {
                Some(value) => traced.env(name, value),
                None => traced.env_remove(name),
            };
        }
        Ran::of(traced.output().unwrap()).succeeded().says("1 cached");
        let text = fs::read_to_string(machines.second.join(name)).unwrap();
        let started = text.lines().filter(|line| line.contains("execve(") && !line.contains("ENOENT"));
        started.map(str::to_owned).collect::<Vec<_>>()
    };
    let started = trace("empty");
    assert!(started.iter().skip(1).all(|line| line.contains("python")), "{started:#?}");
    // Everything is forgotten again but who the interpreter is.
    for folder in ["blobs", "results", "requests"] {
        fs::remove_dir_all(machines.second.cache().join(folder)).unwrap();
    }
    let started = trace("known");
    assert_eq!(started.len(), 1, "{started:#?}");
}

#[test]
fn over_http_content_comes_before_the_entry_and_only_what_is_missing_is_sent() {
    let machines = Machines::new(&Source::in_tree("http"));
    let store = Store::start();
    let (_, digest) = outcome(&machines.store(&store.url()));
    let puts: Vec<String> = store.seen().into_iter().filter(|seen| seen.starts_with("PUT")).collect();
    assert_eq!(puts.len(), 3);
    assert_eq!(puts[0], format!("PUT cas/{digest}"));
    assert!(puts[1].starts_with("PUT cas/") && puts[2].starts_with("PUT ac/"), "{puts:?}");
    assert_eq!(outcome(&machines.take(&["--cache", &store.url()]).succeeded()), (true, digest.clone()));
    // A machine that built it too sends nothing that is there.
    let before = store.seen().len();
    fs::remove_dir_all(machines.first.cache().join("requests")).unwrap();
    let ran = machines.build(&["--cache", &format!("rw:{}", store.url()), "--no-cache"]);
    assert!(!outcome(&ran).0);
    assert_eq!(store.seen().len(), before, "--no-cache leaves shared ones alone too");
    assert!(outcome(&machines.store(&store.url())).0);
    assert!(!store.seen()[before..].iter().any(|seen| seen.starts_with("PUT")), "{:?}", store.seen());
}

/// What was built before there was the shared cache is given to it when it is wanted again.
#[test]
fn what_the_local_cache_has_is_given_to_one_that_does_not_have_it() {
    let machines = Machines::new(&Source::in_tree("earlier"));
    let (_, digest) = outcome(&machines.build(&[]));
    let store = Store::start();
    let gives = |store: &Store| -> Vec<String> {
        let before = store.seen().len();
        assert_eq!(outcome(&machines.store(&store.url())), (true, digest.clone()));
        store.seen().split_off(before)
    };
    let seen = gives(&store);
    let puts: Vec<&String> = seen.iter().filter(|seen| seen.starts_with("PUT")).collect();
    assert_eq!(puts.len(), 3, "{seen:?}");
    assert!(puts[2].starts_with("PUT ac/"), "{puts:?}");
    assert_eq!(outcome(&machines.take(&["--cache", &store.url()]).succeeded()), (true, digest.clone()));
    // Once is enough, and who may only be read is not asked.
    let seen = gives(&store);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen[0].starts_with("HEAD ac/"), "{seen:?}");
    let before = store.seen().len();
    machines.build(&["--cache", &store.url()]);
    assert_eq!(store.seen().len(), before, "{:?}", store.seen());
    // One that takes nothing costs a warning.
    let broken = Store::with(|_, _| Some(Fault::Status(500)));
    let ran = machines.store(&broken.url());
    assert_eq!(outcome(&ran), (true, digest.clone()));
    assert_eq!((said(&ran, "warning:"), said(&ran, "is not written any more")), (1, 1), "{ran}");
}

#[test]
fn what_nobody_signed_is_not_used_and_that_is_said_once() {
    let machines = Machines::new(&Source::in_tree("unsigned"));
    let second = Source::in_tree("unsigned2").sdist(&machines.first);
    let store = Store::start();
    let rw = format!("rw:{}", store.url());
    let run = machines.first.build(&machines.sdist, TARGET).arg(&second).args(["--cache", &rw]);
    run.ran().succeeded();
    let other = Room::with_own_cache();
    let run = || other.build(&machines.sdist, TARGET).arg(&second).arg("--json");
    let ran = run().args(["--cache", &store.url(), "--cache-key", &machines.public]).ran().succeeded();
    assert_eq!((said(&ran, "2 built"), said(&ran, "no known key signed")), (1, 1), "{ran}");
    assert!(!store.seen().iter().any(|seen| seen.starts_with("GET cas/")), "{:?}", store.seen());
    // Believed as a whole, it is.
    let ran = machines.take(&["--trust-cache", &store.url()]).succeeded();
    assert!(outcome(&ran).0);
    assert_eq!(said(&ran, "warning"), 0, "{ran}");
}

/// The same file name and metadata, other content.
fn two_contents(
    machines: &Machines,
    folder: &Path,
) -> (BTreeMap<String, Vec<u8>>, BTreeMap<String, Vec<u8>>) {
    let (one, other) = (folder.join("one"), folder.join("other"));
    machines.store(one.to_str().unwrap());
    let more = ["-C", "other=1", "--cache", &format!("rw:{}", other.display()), "--cache-signing-key", "key"];
    machines.build(&more);
    (files_of(&one), files_of(&other))
}

#[test]
fn a_valid_wheel_of_other_content_is_never_used() {
    let machines = Machines::new(&Source::in_tree("swapped"));
    let (one, other) = two_contents(&machines, machines.first.path());
    let ((path, mut forged), (_, real)) = (entry(&one), entry(&other));
    let own = forged.entry.wheel.to_string();
    assert_ne!(forged.entry.wheel, real.entry.wheel);
    assert_eq!(forged.entry.file, real.entry.file);
    let right = one.clone();
    (forged.entry.wheel, forged.entry.size) = (real.entry.wheel, real.entry.size);
    let stranger = SigningKey::generate().unwrap();
    let mut both = one.clone();
    both.extend(other.clone());
    let with = |message: Vec<u8>| {
        let mut files = both.clone();
        files.insert(path.clone(), message);
        files
    };
    let mut content_swapped = right.clone();
    content_swapped.insert(format!("cas/{own}"), other[&format!("cas/{}", real.entry.wheel)].clone());
    let signed_for_other = {
        let entry = other.iter().find(|(path, _)| path.starts_with("ac/")).unwrap().1.clone();
        with(entry)
    };
    forged.provenance_size = real.provenance_size;
    let mut with_its_provenance = forged.clone();
    with_its_provenance.entry.provenance = real.entry.provenance;
    let cases = [
        ("unsigned", with(forged.encode(None).unwrap()), false),
        ("signed by a stranger", with(forged.encode(Some(&stranger)).unwrap()), false),
        ("the signed entry of another request", signed_for_other, true),
        ("other bytes under a signed digest", content_swapped, true),
    ];
    let store = Store::start();
    for (what, files, left) in cases {
        store.set_all(files);
        // It can build for itself, and has to.
        let room = Room::with_own_cache();
        let run = room.build(&machines.sdist, TARGET).args(["--json", "--cache", &store.url()]);
        let ran = run.args(["--cache-key", &machines.public]).ran().succeeded();
        assert_eq!(outcome(&ran), (false, own.clone()), "{what}");
        assert_eq!(said(&ran, "is left alone") == 1, left, "{what}: {ran}");
        assert_eq!(said(&ran, "warning:"), 1, "{what}: {ran}");
    }
    // Trusting the store does not make what contradicts itself right.
    for (what, record) in [("wheel", &forged), ("wheel and provenance", &with_its_provenance)] {
        store.set_all(with(record.encode(None).unwrap()));
        let room = Room::with_own_cache();
        let run = room.build(&machines.sdist, TARGET).args(["--json", "--trust-cache", &store.url()]);
        let ran = run.ran().succeeded();
        assert_eq!(outcome(&ran), (false, own.clone()), "{what}");
        assert_eq!(said(&ran, "is left alone"), 1, "{what}: {ran}");
    }
    // The case that all of these are held against.
    store.set_all(right);
    assert_eq!(outcome(&machines.take(&["--cache", &store.url()]).succeeded()), (true, own));
}

#[test]
fn a_wheel_for_another_machine_is_not_used_though_it_is_trusted() {
    let machines = Machines::new(&Source::c("machine", 3));
    let folder = machines.first.join("store");
    machines.store(folder.to_str().unwrap());
    let right = files_of(&folder);
    let elsewhere = machines.first.join("elsewhere");
    let run = machines.first.build(&machines.sdist, "x86_64-linux-gnu.2.28");
    run.args(["--cache", &format!("rw:{}", elsewhere.display())]).ran().succeeded();
    let other = files_of(&elsewhere);
    let ((path, mut record), (_, real)) = (entry(&right), entry(&other));
    let parts = record.entry.parts.clone();
    record.entry = real.entry.clone();
    record.entry.parts = parts;
    record.provenance_size = real.provenance_size;
    let store = Store::start();
    // Under its own name, and under the name of the right one.
    for name in [real.entry.file.clone(), real.entry.file.replace("x86_64", "aarch64")] {
        record.entry.file = name.clone();
        let mut files = other.clone();
        files.insert(path.clone(), record.encode(None).unwrap());
        store.set_all(files);
        let room = Room::with_own_cache();
        let run = room.build(&machines.sdist, TARGET).args(["--json", "--trust-cache", &store.url()]);
        let ran = run.ran().succeeded();
        assert!(!outcome(&ran).0, "{name}: {ran}");
        assert_eq!(said(&ran, "is left alone"), 1, "{name}: {ran}");
    }
    // What all that is held against: the right one, which no known key signed, stands the judgement.
    store.set_all(right);
    let room = Room::with_own_cache();
    let run = room.build(&machines.sdist, TARGET).args(["--json", "--trust-cache", &store.url()]);
    let ran = run.ran().succeeded();
    assert_eq!((outcome(&ran).0, said(&ran, "warning:")), (true, 0), "{ran}");
}

#[test]
fn a_lock_that_names_the_digest_is_enough() {
    let machines = Machines::new(&Source::in_tree("locked"));
    let store = machines.first.join("store");
    let rw = format!("rw:{}", store.display());
    let (_, digest) = outcome(&machines.build(&["--cache", &rw]));
    let lock = |digest: &str| {
        machines.second.write("requirements.txt", format!("locked==1.0 --hash=sha256:{digest}\n"))
    };
    let arguments = ["--cache", store.to_str().unwrap(), "--cache-lock", "requirements.txt"];
    lock(&Digest::of("another").to_string());
    // The second machine cannot build, so that what is not taken fails.
    assert_ne!(machines.take(&arguments).code, Some(0));
    lock(&digest);
    assert_eq!(outcome(&machines.take(&arguments).succeeded()), (true, digest));
}

/// Every way to answer wrongly, and none: the wheel is built, and one warning names the store.
#[test]
fn a_broken_store_costs_one_warning_and_is_left_alone() {
    let machines = Machines::new(&Source::in_tree("broken"));
    let second = Source::in_tree("broken2").sdist(&machines.first);
    let (_, digest) = outcome(&machines.build(&[]));
    let faults = [
        Fault::Silent,
        Fault::Dripping,
        Fault::Endless,
        Fault::CutShort,
        Fault::Circle,
        Fault::Status(500),
        Fault::Status(403),
        Fault::Page,
    ];
    for fault in faults {
        let store = Store::with(move |_, _| Some(fault));
        let room = Room::with_own_cache();
        let rw = format!("rw:{}", store.url());
        let run = room.build(&machines.sdist, TARGET).arg(&second).args(["--json", "--jobs", "1"]);
        let ran = run.args(["--cache", &rw, "--cache-timeout", "1"]).ran().succeeded();
        assert_eq!(outcome(&ran), (false, digest.clone()), "{fault:?}");
        assert_eq!((said(&ran, "warning:"), said(&ran, "is left alone")), (1, 1), "{fault:?}: {ran}");
        let asked: std::collections::BTreeSet<String> =
            store.seen().into_iter().filter(|seen| !seen.contains("circle")).collect();
        assert_eq!(asked.len(), 1, "{fault:?}: {asked:?}");
    }
    let nobody = format!("http://{}/", closed_port());
    let room = Room::with_own_cache();
    let run = room.build(&machines.sdist, TARGET).arg(&second).args(["--json", "--cache", &nobody]);
    let ran = run.ran().succeeded();
    assert_eq!(outcome(&ran), (false, digest));
    assert_eq!(said(&ran, "warning:"), 1, "{ran}");
}

/// The entry is right and signed; what it names is not what comes.
#[test]
fn broken_content_behind_a_good_entry_is_not_used() {
    let machines = Machines::new(&Source::in_tree("content"));
    let folder = machines.first.join("store");
    let (_, digest) = outcome(&machines.store(folder.to_str().unwrap()));
    let good = files_of(&folder);
    for fault in [Fault::Silent, Fault::Dripping, Fault::Endless, Fault::CutShort, Fault::Page] {
        let store = Store::with(move |_, path| path.starts_with("cas/").then_some(fault));
        store.set_all(good.clone());
        let room = Room::with_own_cache();
        let run = room.build(&machines.sdist, TARGET).args(["--json", "--cache", &store.url()]);
        let ran = run.args(["--cache-key", &machines.public, "--cache-timeout", "1"]).ran().succeeded();
        assert_eq!(outcome(&ran), (false, digest.clone()), "{fault:?}");
        assert_eq!((said(&ran, "warning:"), said(&ran, "is left alone")), (1, 1), "{fault:?}: {ran}");
    }
    // Content that was thrown away is no fault.
    let store = Store::start();
    store.set_all(good.into_iter().filter(|(path, _)| path.starts_with("ac/")).collect());
    let room = Room::with_own_cache();
    let run = room.build(&machines.sdist, TARGET).args(["--json", "--cache", &store.url()]);
    let ran = run.args(["--cache-key", &machines.public]).ran().succeeded();
    assert_eq!((outcome(&ran), said(&ran, "warning:")), ((false, digest), 0), "{ran}");
}

#[test]
fn a_full_store_is_not_written_any_more_and_still_read() {
    let machines = Machines::new(&Source::in_tree("full"));
    let second = Source::in_tree("full2").sdist(&machines.first);
    let folder = machines.first.join("store");
    let store = Store::with(|method, _| (method == "PUT").then_some(Fault::Status(507)));
    let rw = format!("rw:{}", store.url());
    let run =
        machines.first.build(&machines.sdist, TARGET).arg(&second).args(["--cache", &rw, "--jobs", "1"]);
    let ran = run.ran().succeeded();
    assert_eq!((said(&ran, "warning:"), said(&ran, "is not written any more")), (1, 1), "{ran}");
    assert_eq!(store.seen().iter().filter(|seen| seen.starts_with("PUT")).count(), 1);
    assert_eq!(store.seen().iter().filter(|seen| seen.starts_with("GET ac/")).count(), 2);
    // A folder that cannot be made is as little a failure.
    fs::write(&folder, "a file").unwrap();
    let room = Room::with_own_cache();
    let run = room.build(&machines.sdist, TARGET).args(["--cache", &format!("rw:{}", folder.display())]);
    let ran = run.ran().succeeded();
    assert_eq!(said(&ran, "warning:"), 1, "{ran}");
}

#[test]
fn the_first_that_has_it_is_asked_last() {
    let machines = Machines::new(&Source::in_tree("order"));
    let (empty, full, third) = (Store::start(), Store::start(), Store::start());
    machines.store(&full.url());
    let before = full.seen().len();
    let caches = ["--cache", &empty.url(), "--cache", &full.url(), "--cache", &third.url()];
    assert!(outcome(&machines.take(&caches).succeeded()).0);
    assert_eq!(empty.seen().len(), 1);
    assert_eq!(full.seen().len() - before, 3);
    assert_eq!(third.seen(), [""; 0]);
    // Stored locally, no store is asked for it again.
    assert!(outcome(&machines.take(&caches).succeeded()).0);
    assert_eq!((empty.seen().len(), third.seen().len()), (1, 0));
}

#[test]
fn credentials_go_to_their_host_and_nowhere_else() {
    let machines = Machines::new(&Source::in_tree("secret"));
    let other = Store::start();
    machines.store(&other.url());
    // The first sends readers to the other one.
    let elsewhere = other.url();
    let first = RedirectTo::start(elsewhere);
    let address = first.url.replace("http://", "http://me:pa55word@");
    let arguments = ["-vv", "--cache", &address, "--events", "events.jsonl"];
    let ran = machines.take(&arguments).succeeded();
    assert!(outcome(&ran).0);
    let sent = |heads: &[String]| {
        heads.iter().filter(|head| head.to_ascii_lowercase().contains("\r\nauthorization: basic")).count()
    };
    assert_eq!(sent(&first.heads.lock().unwrap()), 3);
    assert_eq!(sent(&other.heads()), 0);
    // The same from a netrc file.
    let netrc = machines.second.write("netrc", "machine 127.0.0.1 login me password pa55word\n");
    fs::remove_dir_all(machines.second.cache()).unwrap();
    let run = machines.take_run(&["--cache", &other.url()]).env("NETRC", netrc);
    assert!(outcome(&run.ran().succeeded()).0);
    assert_eq!(sent(&other.heads()), 3);
    // Nothing that stays tells it.
    assert!(!ran.stdout.contains("pa55word") && !ran.stderr.contains("pa55word"), "{ran}");
    for folder in [machines.second.cache().to_owned(), machines.second.join("out")] {
        for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
            let bytes = fs::read(entry.path()).unwrap_or_default();
            assert!(!bytes.windows(8).any(|window| window == b"pa55word"), "{}", entry.path().display());
        }
    }
    let events = fs::read_to_string(machines.second.join("events.jsonl")).unwrap();
    assert!(!events.contains("pa55word"), "{events}");
    let ran = machines.second.wheelbuild(["cache", "info", "--cache", &address]).ran().succeeded();
    assert!(ran.stdout.contains("answers") && !ran.stdout.contains("pa55word"), "{ran}");
}

/// A server that sends every reader to another address.
struct RedirectTo {
    url: String,
    heads: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
}

impl RedirectTo {
    fn start(to: String) -> Self {
        use std::io::{BufRead, BufReader, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/wheels", listener.local_addr().unwrap());
        let heads: std::sync::Arc<std::sync::Mutex<Vec<String>>> = std::sync::Arc::default();
        let seen = heads.clone();
        // It ends with the test program.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let lines: Vec<String> = BufReader::new(&stream)
                    .lines()
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .collect();
                let path = lines[0].split(' ').nth(1).unwrap().replace("/wheels", "");
                seen.lock().unwrap().push(lines.join("\r\n"));
                let _ = write!(
                    &stream,
                    "HTTP/1.1 307 X\r\nconnection: close\r\nlocation: {to}{path}\r\ncontent-length: 0\r\n\r\n"
                );
            }
        });
        Self { url, heads }
    }
}

#[test]
fn without_tls_only_this_machine_is_spoken_to() {
    let machines = Machines::new(&Source::in_tree("plain"));
    let ran = machines.build(&["--cache", "http://cache.invalid/wheels"]);
    assert!(!outcome(&ran).0);
    ran.says("without TLS").says("--insecure-cache");
}

#[test]
fn caches_are_named_by_flag_variable_and_file() {
    let machines = Machines::new(&Source::in_tree("named"));
    let store = machines.first.join("store");
    machines.store(store.to_str().unwrap());
    let fresh = || drop(fs::remove_dir_all(machines.second.cache()));
    let run = machines.take_run(&[]).env("WHEELBUILD_CACHE", &store);
    assert!(outcome(&run.ran().succeeded()).0);
    fresh();
    let text = format!("cache = {:?}\ncache-keys = [{:?}]\n", store.display().to_string(), machines.public);
    machines.second.write("wheelbuild.toml", text);
    let ran = machines.second.build(&machines.sdist, TARGET).arg("--json").ran().succeeded();
    assert!(outcome(&ran).0);
    let writes = names(&store.join("ac")).len();
    assert_eq!(writes, 1);
    fresh();
    // What is typed is meant.
    let ran = machines.take(&["--cache", "nowhere"]);
    assert_ne!(ran.code, Some(0), "{ran}");
    machines.second.build(&machines.sdist, TARGET).args(["--cache", "ftp://host/"]).ran().failed(2, "WB0101");
    let run = machines.second.build(&machines.sdist, TARGET).args(["--cache-key", "ed25519:AAAA"]);
    run.ran().failed(2, "WB0160");
}

#[test]
fn a_key_is_its_owners_alone_and_never_replaced() {
    let room = Room::with_empty_cache();
    let public = room.wheelbuild(["cache", "keygen", "key"]).ran().succeeded().stdout;
    assert!(public.starts_with("ed25519:"));
    let mode = fs::metadata(room.join("key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let secret = fs::read_to_string(room.join("key")).unwrap();
    room.wheelbuild(["cache", "keygen", "key"]).ran().failed(6, "WB0701");
    assert_eq!(fs::read_to_string(room.join("key")).unwrap(), secret);
    // A variable of a CI service holds the key itself; no help shows it.
    let sdist = Source::in_tree("variable").sdist(&room);
    let run = room.build(&sdist, TARGET).arg("--help").env("WHEELBUILD_CACHE_SIGNING_KEY", secret.trim());
    let ran = run.ran().succeeded();
    assert!(!ran.stdout.contains(secret.trim()), "{ran}");
}

#[test]
fn info_says_which_answer() {
    let room = Room::with_empty_cache();
    let store = Store::start();
    let nobody = format!("http://{}/", closed_port());
    let words = ["cache", "info", "--json", "--cache", &format!("rw:{}", store.url()), "--cache", &nobody];
    let json = room.wheelbuild(words).ran().succeeded().json();
    assert_eq!(json["shared"][0]["address"], store.url());
    assert_eq!((&json["shared"][0]["answers"], &json["shared"][0]["writable"]), (&true.into(), &true.into()));
    assert_eq!(
        (&json["shared"][1]["answers"], &json["shared"][1]["writable"]),
        (&false.into(), &false.into())
    );
    assert!(json["shared"][1]["fault"].as_str().unwrap().starts_with("WB0760"));
}

#[test]
fn ctrl_c_ends_the_wait_for_a_store() {
    let machines = Machines::new(&Source::in_tree("halted"));
    let (told, asked) = std::sync::mpsc::channel();
    let store = Store::with(move |_, _| {
        let _ = told.send(());
        Some(Fault::Silent)
    });
    let run = machines.first.build(&machines.sdist, TARGET);
    let run = run.args(["--cache", &store.url(), "--cache-timeout", "3600"]);
    let live = Live::start(run, &machines.first.join("events"));
    asked.recv().unwrap();
    live.signal(Signal::INT);
    live.end().failed(130, "WB0901");
    assert_eq!(machines.first.names("out"), [""; 0]);
}

/// A wheelhouse on the first machine with the wheel that was just built.
fn wheelhouse(machines: &Machines) -> PathBuf {
    let house = machines.first.join("house");
    fs::create_dir_all(house.join("files")).unwrap();
    for name in machines.first.names("out").iter().filter(|name| name.ends_with(".whl")) {
        fs::copy(machines.first.join("out").join(name), house.join("files").join(name)).unwrap();
    }
    machines.first.wheelbuild(["index", "house"]).ran().succeeded();
    house
}

fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let all = walkdir::WalkDir::new(folder).into_iter().flatten();
    all.filter(|entry| entry.file_type().is_file())
        .map(|entry| (entry.path().strip_prefix(folder).unwrap().to_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}

#[test]
fn a_wheelhouse_is_moved_and_gone_on_with() {
    let machines = Machines::new(&Source::in_tree("moved"));
    machines.build(&[]);
    let house = wheelhouse(&machines);
    let store = Store::start();
    let rw = format!("rw:{}", store.url());
    let push = || machines.first.wheelbuild(["cache", "push", "house", "--cache", &rw, "--json"]).ran();
    let json = push().succeeded().json();
    let digest = json["digest"].as_str().unwrap().to_owned();
    let files = tree(&house);
    // The files, and the result of the one wheel that was built here.
    assert_eq!(json["all"], files.len() + 1);
    assert_eq!(push().succeeded().json()["sent"], 0);

    let url = store.url();
    let pull = |room: &Room| {
        room.wheelbuild(["cache", "pull", &digest, "-o", "house", "--cache", &url, "--json"]).ran()
    };
    pull(&machines.second).succeeded();
    assert_eq!(tree(&machines.second.join("house")), files);
    assert_eq!(pull(&machines.second).succeeded().json()["received"], 0);
    // What was lost or damaged comes again, and nothing else.
    let one = machines.second.join("house/simple/index.html");
    fs::write(&one, "damaged").unwrap();
    assert_eq!(pull(&machines.second).succeeded().json()["received"], 1);
    assert_eq!(tree(&machines.second.join("house")), files);

    // Cut short after two answers, and gone on with by the next run.
    let third = Room::with_empty_cache();
    let left = std::sync::atomic::AtomicUsize::new(3);
    let cut = Store::with(move |_, _| {
        use std::sync::atomic::Ordering;
        let over = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err();
        over.then_some(Fault::Status(500))
    });
    cut.set_all(store.files());
    let words = ["cache", "pull", &digest, "-o", "house", "--cache", &cut.url()];
    third.wheelbuild(words).ran().failed(6, "WB0760");
    assert!(!third.join("house/simple/index.html").exists());
    let all = json["all"].as_u64().unwrap();
    let received = pull(&third).succeeded().json()["received"].as_u64().unwrap();
    assert!(received < all, "{received} of {all}");
    assert_eq!(tree(&third.join("house")), files);
}

#[test]
fn the_results_of_a_cache_are_moved() {
    let machines = Machines::new(&Source::in_tree("results"));
    let (_, digest) = outcome(&machines.build(&[]));
    let store = machines.first.join("store");
    let rw = format!("rw:{}", store.display());
    let list = machines.first.wheelbuild(["cache", "push", "--cache", &rw]).ran().succeeded().stdout;
    let words = ["cache", "pull", list.trim(), "--cache", store.to_str().unwrap()];
    machines.second.wheelbuild(words).ran().succeeded();
    // No store and no key: what was asked for by its digest is the machine's own.
    assert_eq!(outcome(&machines.take(&["--offline"]).succeeded()), (true, digest));
    // Without one that may be written there is nowhere to push to.
    let words = ["cache", "push", "--cache", store.to_str().unwrap()];
    machines.first.wheelbuild(words).ran().failed(2, "WB0101").hints("rw:");
}

#[test]
fn a_list_is_what_its_digest_says_and_stays_in_its_folder() {
    let room = Room::with_empty_cache();
    let store = Store::start();
    let content = Digest::of("content").to_string();
    store.set(&format!("cas/{content}"), "content");
    let list = |path: &str| {
        let text = format!(
            r#"{{"version":1,"files":[{{"path":"{path}","sha256":"{content}","size":7}}],"records":[]}}"#
        );
        let digest = Digest::of(&text).to_string();
        store.set(&format!("cas/{digest}"), text);
        digest
    };
    let pull = |digest: &str| {
        room.wheelbuild(["cache", "pull", digest, "-o", "in/house", "--cache", &store.url()]).ran()
    };
    let good = list("files/a.whl");
    pull(&good).succeeded();
    assert_eq!(fs::read(room.join("in/house/files/a.whl")).unwrap(), b"content");
    for bad in ["../evil", "/tmp/evil-wheelbuild", "a/../../evil", "", "."] {
        pull(&list(bad)).failed(6, "WB0703");
    }
    assert_eq!(
        (room.names("in"), Path::new("/tmp/evil-wheelbuild").exists()),
        (vec!["house".to_owned()], false)
    );
    // Another list under the digest that was asked for, other content under one that it names.
    let other = list("files/b.whl");
    store.set(&format!("cas/{good}"), store.files()[&format!("cas/{other}")].clone());
    pull(&good).failed(6, "WB0703");
    store.set(&format!("cas/{content}"), "CONTENT");
    pull(&other).failed(6, "WB0703");
    assert_eq!(room.names("in/house/files"), ["a.whl"]);
    pull("sha256:xyz").failed(2, "WB0101");
}

#[test]
fn a_bucket_is_reached_as_the_variables_say() {
    let machines = Machines::new(&Source::in_tree("bucket"));
    // A server that looks at no signature: what is asked of it is what counts.
    let store = Store::start();
    let endpoint = format!("http://{}", store.address());
    let secret = "s3cret-of-the-test";
    let aws = |run: Run| {
        let run = run.env("AWS_ENDPOINT_URL", &endpoint).env("AWS_ACCESS_KEY_ID", "me");
        run.env("AWS_SECRET_ACCESS_KEY", secret)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_SESSION_TOKEN", "")
    };
    let run = machines.first.build(&machines.sdist, TARGET).args(["--cache", "rw:s3://wheels/team/a"]);
    aws(run.args(["--cache-signing-key", "key", "-vv"])).ran().succeeded();
    let puts: Vec<String> = store.seen().into_iter().filter(|seen| seen.starts_with("PUT")).collect();
    assert_eq!(puts.len(), 3);
    assert!(
        puts[0].starts_with("PUT /wheels/team/a/cas/") || puts[0].starts_with("PUT team/a/cas/"),
        "{puts:?}"
    );
    for part in ["X-Amz-Algorithm=AWS4-HMAC-SHA256", "eu-central-1%2Fs3%2Faws4_request", "X-Amz-Signature="] {
        assert!(puts.iter().all(|put| put.contains(part)), "{part}: {puts:?}");
    }
    // A store that is in the way: its warning tells no signature.
    let run = aws(machines.take_run(&["-vv", "--cache", "s3://wheels/team/a", "--cache-timeout", "5"]));
    let ran = run.env("AWS_ENDPOINT_URL", format!("http://{}", closed_port())).ran();
    assert!(ran.stderr.contains("s3://wheels/team/a"), "{ran}");
    assert!(!ran.stderr.contains("X-Amz") && !ran.stderr.contains(secret), "{ran}");
}
