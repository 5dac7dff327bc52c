//! Random trees and mutated archives: never a panic, never a byte outside.

use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::tar::{file, folder, gzip, hard_link, symlink, tar};
use super::zip_bytes::{deflated, stored, zip};
use super::{Sandbox, contents};
use crate::archive::{Limits, copy_folder, digest_folder, unpack, unpack_deb};

fn small() -> Limits {
    Limits { bytes: 1 << 20, entry_bytes: 1 << 20, entries: 200, ..Limits::default() }
}

/// Names that meet each other and try to leave.
fn name() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![4 => "[a-c]", 1 => Just("..".to_owned()), 1 => Just(".".to_owned())],
        1..5,
    )
    .prop_map(|parts| parts.join("/"))
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => name().prop_map(|name| file(&format!("p/{name}"), b"data")),
        2 => name().prop_map(|name| folder(&format!("p/{name}"))),
        4 => (name(), name()).prop_map(|(name, target)| symlink(&format!("p/{name}"), &target)),
        1 => (name(), name()).prop_map(|(name, target)| hard_link(&format!("p/{name}"), &format!("p/{target}"))),
        1 => name().prop_map(|name| file(&name, b"data")),
    ]
}

/// Every link that was made, followed by the system itself, ends inside or nowhere.
fn assert_links_stay_inside(sandbox: &Sandbox) {
    let Ok(inside) = sandbox.inside().canonicalize() else { return };
    for entry in walkdir::WalkDir::new(&inside).into_iter().filter_map(Result::ok) {
        if entry.path_is_symlink() {
            if let Ok(real) = entry.path().canonicalize() {
                assert!(real.starts_with(&inside), "{} leads to {}", entry.path().display(), real.display());
            }
            // A dangling one must not let a later build write outside either.
            let target = entry.path().parent().unwrap().join(std::fs::read_link(entry.path()).unwrap());
            if let Some(Ok(parent)) = target.parent().map(std::path::Path::canonicalize) {
                assert!(
                    parent.starts_with(&inside),
                    "{} leads to {}",
                    entry.path().display(),
                    parent.display()
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn random_tars_stay_inside(members in proptest::collection::vec(member(), 1..8)) {
        let sandbox = Sandbox::new();
        let _ = sandbox.run(&tar(&members), |archive, into| unpack(archive, into, &small()));
        assert_links_stay_inside(&sandbox);
    }

    #[test]
    fn mutated_tars_stay_inside(
        members in proptest::collection::vec(member(), 1..6),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        fix in any::<bool>(),
    ) {
        let mut bytes = tar(&members);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if fix {
                let block = at / 512 * 512;
                let mut header = ::tar::Header::from_byte_slice(&bytes[block..block + 512]).clone();
                header.set_cksum();
                bytes[block..block + 512].copy_from_slice(header.as_bytes());
            }
        }
        let sandbox = Sandbox::new();
        let _ = sandbox.run(&bytes, |archive, into| unpack(archive, into, &small()));
        assert_links_stay_inside(&sandbox);
    }

    #[test]
    fn mutated_zips_stay_inside(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = zip(&[stored("p/", b""), stored("p/a", b"data"), deflated("p/b", &[5; 400]), stored("p/../../c", b"x")]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        let sandbox = Sandbox::new();
        let _ = sandbox.run(&bytes, |archive, into| unpack(archive, into, &small()));
    }

    #[test]
    fn random_bytes_behind_every_magic_stay_inside(
        magic in prop::sample::select(vec![
            &b"PK\x03\x04"[..], b"PK\x05\x06", b"!<arch>\n", b"\x1f\x8b\x08\0", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"",
        ]),
        rest in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let sandbox = Sandbox::new();
        let bytes = [magic, &rest].concat();
        prop_assert!(sandbox.run(&bytes, |archive, into| unpack(archive, into, &small())).is_err());
        prop_assert!(sandbox.run(&bytes, |archive, into| unpack_deb(archive, into, &small())).is_err());
    }

    /// An archive of files is unpacked to exactly these files, and its folder has one digest
    /// wherever it lies.
    #[test]
    fn good_trees_are_unpacked_whole(
        files in proptest::collection::btree_map("p/[a-c]{1,3}/[d-f]{1,3}", proptest::collection::vec(any::<u8>(), 0..2000), 1..8),
    ) {
        let members: Vec<_> = files.iter().map(|(name, data)| file(name, data)).collect();
        let sandbox = Sandbox::new();
        sandbox.unpack(&gzip(&tar(&members))).unwrap();
        let found = walkdir::WalkDir::new(sandbox.inside()).into_iter().filter(|e| e.as_ref().unwrap().file_type().is_file()).count();
        prop_assert_eq!(found, files.len());
        for (name, data) in &files {
            prop_assert_eq!(&std::fs::read(sandbox.inside().join(name)).unwrap(), data);
        }
        let digest = digest_folder(&sandbox.inside(), &Limits::default(), &|_, _| true).unwrap();
        let copy = Sandbox::new();
        let (_, copied) = copy_folder(&sandbox.inside(), &copy.inside(), "t", &Limits::default(), &|_, _| true).unwrap();
        prop_assert_eq!(digest, copied);
        prop_assert_eq!(digest, digest_folder(&copy.inside().join("t"), &Limits::default(), &|_, _| true).unwrap());
    }
}

#[test]
fn the_digest_of_a_folder_sees_names_contents_and_modes_only() {
    let digest = |change: &dyn Fn(&std::path::Path)| {
        let sandbox = Sandbox::new();
        let root = sandbox.inside();
        std::fs::create_dir_all(root.join("d")).unwrap();
        std::fs::write(root.join("d/a"), "one").unwrap();
        std::fs::write(root.join("d/b"), "two").unwrap();
        change(&root);
        digest_folder(&root, &Limits::default(), &|path, _| path != "ignored").unwrap()
    };
    let plain = digest(&|_| {});
    let same: [&dyn Fn(&std::path::Path); 4] = [
        &|root| std::fs::write(root.join("ignored"), "x").unwrap(),
        &|root| std::fs::create_dir(root.join("empty")).unwrap(),
        &|root| std::fs::set_permissions(root.join("d/a"), PermissionsExt::from_mode(0o600)).unwrap(),
        &|root| {
            let file = std::fs::File::options().write(true).open(root.join("d/a")).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        },
    ];
    for change in same {
        assert_eq!(digest(change), plain);
    }
    let other: [&dyn Fn(&std::path::Path); 5] = [
        &|root| std::fs::write(root.join("d/a"), "1ne").unwrap(),
        &|root| std::fs::rename(root.join("d/a"), root.join("d/c")).unwrap(),
        &|root| std::fs::set_permissions(root.join("d/a"), PermissionsExt::from_mode(0o755)).unwrap(),
        &|root| std::os::unix::fs::symlink("a", root.join("d/l")).unwrap(),
        &|root| {
            std::fs::write(root.join("d/a"), "onetwo").unwrap();
            std::fs::write(root.join("d/b"), "").unwrap();
        },
    ];
    for change in other {
        assert_ne!(digest(change), plain);
    }
}

#[test]
fn a_folder_with_a_link_that_leads_out_or_a_pipe_is_refused() {
    let sandbox = Sandbox::new();
    let folder = sandbox.outside().join("project");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink("../neighbour", folder.join("l")).unwrap();
    let copy = || copy_folder(&folder, &sandbox.inside(), "t", &Limits::default(), &|_, _| true);
    super::assert_refused(&copy().unwrap_err(), crate::report::Code::HostileArchive, &["`t/l`", "leads out"]);
    let digest = digest_folder(&folder, &Limits::default(), &|_, _| true).unwrap_err();
    super::assert_refused(&digest, crate::report::Code::HostileArchive, &["`source/l`", "leads out"]);
    std::fs::remove_file(folder.join("l")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    super::assert_refused(&copy().unwrap_err(), crate::report::Code::HostileArchive, &["pipe"]);
    assert_eq!(contents(&sandbox.inside(), "").len(), 1);
}
