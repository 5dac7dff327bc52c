//! Any bytes as core metadata: no panic, and a name and version that are safe in a path.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelbuild::metadata::{Metadata, is_valid_name, normalize};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(metadata) = Metadata::parse(bytes) {
        assert!(is_valid_name(metadata.name()));
        assert!(!metadata.version().contains(['/', '\\', '\0', '\n']));
        assert_eq!(normalize(&normalize(metadata.name())), normalize(metadata.name()));
        let _ = metadata.description();
    }
});
