//! Any bytes as a lock: no panic, and whatever is selected is one version of each package.
#![no_main]

use std::collections::BTreeSet;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use wheelbuild::lock::{Lock, Selection};

fuzz_target!(|bytes: &[u8]| {
    // A requirements file may include others: nothing of this machine is to be read.
    if bytes.windows(2).any(|pair| pair == b"-r" || pair == b"-c") {
        return;
    }
    let Ok(lock) = Lock::parse(Path::new("/nonexistent/the.lock"), bytes, None) else { return };
    for platform in ["x86_64-linux", "aarch64-linux-musl", "aarch64-macos"] {
        let platform = platform.parse().expect("a known spelling");
        let python = "3.11".parse().expect("a known version");
        let Ok(environment) = lock.environment(platform, python, None) else { continue };
        let Ok(selected) = lock.select(&Selection::default(), &environment) else { continue };
        let names: BTreeSet<&str> = selected.iter().map(|one| one.package.name.as_str()).collect();
        assert_eq!(names.len(), selected.len());
    }
});
