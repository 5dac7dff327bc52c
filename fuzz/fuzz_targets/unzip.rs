//! Any bytes as a zip: no panic, and what opens reads to the sizes it claims or fails.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelbuild::archive::{Limits, ZipReader};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { bytes: 1 << 20, entry_bytes: 1 << 20, entries: 200, ..Limits::default() };
    let Ok(zip) = ZipReader::from_bytes(bytes.to_vec(), &limits) else { return };
    for entry in zip.entries().iter().filter(|entry| !entry.folder) {
        if let Ok(contents) = zip.read_entry(entry) {
            assert_eq!(contents.len() as u64, entry.size);
        }
    }
});
