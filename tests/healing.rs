//! What a cache keeps made is looked over before it is used: a cut, changed or lost file is noticed,
//! and what it belongs to is made anew.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::source::Source;
use common::{Room, TARGET};

/// A cache of the room's own, whose kits and environments may be damaged.
fn room() -> Room {
    let room = Room::with_own_cache();
    let kits = room.cache().join("kits");
    let shared = fs::canonicalize(&kits).unwrap();
    // A build makes what is missing in the shared one, so that this copy is all there is to make.
    fs::remove_file(&kits).unwrap();
    copy(&shared, &kits);
    room
}

fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().flatten() {
        let path = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(path).unwrap();
        } else if !entry.file_name().to_string_lossy().starts_with('.') {
            fs::copy(entry.path(), path).unwrap();
        }
    }
}

/// The file called `name` below `folder`.
fn find(folder: &Path, name: &str) -> PathBuf {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .flatten()
        .map(walkdir::DirEntry::into_path)
        .find(|path| path.ends_with(name))
        .unwrap_or_else(|| panic!("no {name} below {}", folder.display()))
}

fn writable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for path in [path.parent().unwrap(), path] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn cut(path: &Path) {
    writable(path);
    let half = fs::read(path).unwrap();
    fs::write(path, &half[..half.len() / 2]).unwrap();
}

fn change(path: &Path) {
    writable(path);
    let mut bytes = fs::read(path).unwrap();
    bytes.iter_mut().for_each(|byte| *byte = b'!');
    fs::write(path, bytes).unwrap();
}

fn remove(path: &Path) {
    writable(path);
    fs::remove_file(path).unwrap();
}

const DAMAGES: [fn(&Path); 3] = [cut, change, remove];

#[test]
fn a_damaged_environment_is_made_anew() {
    let room = room();
    let sdist = Source::c("healenv", 1).sdist(&room);
    let build = || room.build(&sdist, TARGET).arg("--no-cache").ran().succeeded();
    let first = common::sha256(&build().wheel(&room));
    for damage in DAMAGES {
        damage(&find(&room.cache().join("envs"), "setuptools/build_meta.py"));
        let healed = build().says("is damaged");
        assert_eq!(common::sha256(&healed.wheel(&room)), first);
        assert!(!build().stderr.contains("is damaged"), "once made anew it is whole");
    }
}

#[test]
fn a_damaged_kit_is_made_anew() {
    let room = room();
    let sdist = Source::c("healkit", 1).sdist(&room);
    let build = || room.build(&sdist, TARGET).arg("--no-cache").ran().succeeded();
    let first = common::sha256(&build().wheel(&room));
    let (sys, base) = (format!("sys/{TARGET}"), "base/aarch64-linux-gnu".to_owned());
    let files = [("inc".to_owned(), "stdlib.h"), (sys, "crti.o"), (base, "libclang_rt.builtins.a")];
    for (damage, (part, file)) in DAMAGES.into_iter().zip(files) {
        damage(&find(&used_kit(&room).join(part), file));
        let healed = build().says("is damaged and made anew");
        assert_eq!(common::sha256(&healed.wheel(&room)), first, "{file}");
        assert!(!build().stderr.contains("is damaged"), "once made anew it is whole");
    }
}

/// The kit that the last build used: the one that was sealed.
fn used_kit(room: &Room) -> PathBuf {
    let kits = room.cache().join("kits");
    let sealed = |name: &String| kits.join(name).join(".inc.seal").is_file();
    kits.join(common::names(&kits).into_iter().find(sealed).expect("a sealed kit"))
}
