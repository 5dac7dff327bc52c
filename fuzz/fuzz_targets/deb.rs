//! Any bytes as a Debian package: no panic, and nothing beside the destination.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelbuild::archive::{Limits, unpack_deb};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { bytes: 1 << 20, entry_bytes: 1 << 20, entries: 200, ..Limits::default() };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let archive = folder.path().join("archive");
    std::fs::write(&archive, bytes).expect("the folder is new");
    let _ = unpack_deb(&archive, &folder.path().join("into"), &limits);
    let beside = std::fs::read_dir(folder.path()).expect("the folder is there").count();
    assert!(beside <= 2, "something was written outside");
});
