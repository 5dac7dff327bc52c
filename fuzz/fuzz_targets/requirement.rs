//! Any text as a requirement and as a marker: no panic, and what is read is written as it is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelbuild::metadata::{marker, requirement};

fuzz_target!(|text: &str| {
    if let Ok(read) = requirement(text) {
        let again = requirement(&read.to_string()).expect("what was written is read");
        assert_eq!(again, read);
    }
    let _ = marker(text);
});
