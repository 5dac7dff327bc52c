//! The same image from other folders, users, umasks, numbers of jobs and caches: not only its digest, but
//! every byte that is written, in each form.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::Ran;
use common::scene::*;

/// Each form of output, and what it is called.
const FORMS: [(&str, &[&str]); 7] = [
    ("layout", &["-o", "oci:out:1"]),
    ("archive", &["-o", "docker:out:app:1"]),
    ("split", &["--split", "-o", "oci:out:1"]),
    ("lazy", &["--estargz", "-o", "oci:out:1"]),
    ("lazy archive, split", &["--estargz", "--split=3", "-o", "docker:out:app:1"]),
    ("zstd", &["--compression", "zstd", "-o", "oci:out:1"]),
    ("root", &["-o", "dir:out"]),
];

/// Who makes the image, and how.
#[derive(Clone, Copy)]
struct Way {
    umask: &'static str,
    jobs: &'static str,
    user: Option<&'static str>,
}

/// Everything below `path` by its path, with its mode where `with_modes`: an unpacked image has modes of its
/// own, other outputs those of their user's umask.
fn everything(path: &Path, with_modes: bool) -> BTreeMap<PathBuf, (u32, String)> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(path) {
        let entry = entry.unwrap();
        let facts = entry.metadata().unwrap();
        let what = if facts.is_file() {
            common::sha256(entry.path())
        } else {
            format!("{:?}", fs::read_link(entry.path()).ok())
        };
        let below = entry.path().strip_prefix(path).unwrap().to_owned();
        let mode = if with_modes { facts.mode() } else { 0 };
        found.insert(below, (mode, what));
    }
    found
}

/// Makes the image in the folder `place`, which holds its parts, and the program if another user needs it.
fn image(place: &Path, form: &[&str], way: Way) -> Ran {
    let program = match way.user {
        Some(_) => place.join("program"),
        None => PathBuf::from(env!("CARGO_BIN_EXE_wheelbuild")),
    };
    let mut command = Command::new("sh");
    command.args(["-c", "umask \"$0\" && exec \"$@\"", way.umask]);
    if let Some(user) = way.user {
        command.args(["setpriv", &format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]);
    }
    command.arg(program).args(["image", "--target", "linux/amd64", "--json", "--jobs", way.jobs]);
    command.args(ALL).args(form).current_dir(place).stdin(Stdio::null());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("HOME", place.join("home")).env("WHEELBUILD_CACHE_DIR", place.join("cache"));
    Ran::of(command.output().unwrap())
}

/// Owner and digest of an image in one form, and mode and digest of each of its files.
type Made = (u32, String, BTreeMap<PathBuf, (u32, String)>);

/// The image in each form, made in the folder `place` with the cache that is there; and who owns it.
fn all(place: &Path, way: Way, cached: bool) -> Vec<Made> {
    let mut made = Vec::new();
    for (name, form) in FORMS {
        let _ = fs::remove_dir_all(place.join("out"));
        let _ = fs::remove_file(place.join("out"));
        if !cached {
            let _ = fs::remove_dir_all(place.join("cache"));
        }
        let said = image(place, form, way).succeeded().json();
        for layer in said["images"][0]["layers"].as_array().unwrap() {
            assert_eq!(layer["cached"], cached, "{name}: {layer}");
        }
        let owner = fs::metadata(place.join("out")).unwrap().uid();
        made.push((owner, said["digest"].to_string(), everything(&place.join("out"), name == "root")));
    }
    made
}

fn assert_same(what: &str, made: &[Made], expected: &[Made]) {
    for ((name, _), ((_, digest, files), (_, other, others))) in FORMS.iter().zip(made.iter().zip(expected)) {
        assert_eq!(digest, other, "{what}: {name}");
        assert_eq!(files, others, "{what}: {name}");
    }
}

/// Copies the parts of the image, with modes and dates of their own, to a folder that anybody can reach.
fn elsewhere(from: &Path) -> tempfile::TempDir {
    let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for part in ALL.iter().filter(|part| !part.starts_with("--")) {
        for entry in walkdir::WalkDir::new(from.join(part)) {
            let entry = entry.unwrap();
            let to = folder.path().join(entry.path().strip_prefix(from).unwrap());
            if entry.file_type().is_dir() {
                fs::create_dir(&to).unwrap();
            } else if entry.path_is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), &to).unwrap();
            } else {
                fs::write(&to, fs::read(entry.path()).unwrap()).unwrap();
                let mode = if entry.metadata().unwrap().mode() & 0o100 != 0 { 0o711 } else { 0o604 };
                fs::set_permissions(&to, fs::Permissions::from_mode(mode)).unwrap();
                fs::File::options().append(true).open(&to).unwrap().set_modified(old).unwrap();
            }
        }
    }
    fs::create_dir(folder.path().join("home")).unwrap();
    folder
}

#[test]
fn every_byte_is_the_same_whatever_is_around() {
    let room = scene();
    let plain = Way { umask: "022", jobs: "1", user: None };
    let expected = all(room.path(), plain, false);
    let digests: std::collections::BTreeSet<&String> = expected.iter().map(|(_, digest, _)| digest).collect();
    assert_eq!(digests.len(), 5, "the forms differ, and archive and root hold the image of the layout");

    // The caches of all forms, one after the other in one folder.
    let _ = fs::remove_dir_all(room.join("cache"));
    for (_, form) in FORMS {
        let _ = fs::remove_dir_all(room.join("out"));
        let _ = fs::remove_file(room.join("out"));
        image(room.path(), form, plain).succeeded();
    }
    assert_same("cached", &all(room.path(), Way { jobs: "2", ..plain }, true), &expected);

    for (umask, jobs) in [("077", "2"), ("000", "5")] {
        let folder = elsewhere(room.path());
        let way = Way { umask, jobs, user: None };
        assert_same(&format!("umask {umask}"), &all(folder.path(), way, false), &expected);
    }

    if !common::is_root() || !common::has("setpriv") {
        return common::skip("only root may become another user, by setpriv");
    }
    let folder = elsewhere(room.path());
    fs::copy(env!("CARGO_BIN_EXE_wheelbuild"), folder.path().join("program")).unwrap();
    for entry in walkdir::WalkDir::new(folder.path()) {
        let path = entry.unwrap().into_path();
        std::os::unix::fs::lchown(path, Some(65534), Some(65534)).unwrap();
    }
    let made = all(folder.path(), Way { user: Some("65534"), jobs: "2", ..plain }, false);
    assert_same("another user", &made, &expected);
    // The files' owners show that these were two users.
    assert!(expected.iter().all(|(owner, ..)| *owner == 0) && made.iter().all(|(owner, ..)| *owner == 65534));
}
