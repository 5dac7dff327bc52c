//! Any bytes as pyproject.toml: no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelbuild::sdist::Pyproject;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(pyproject) = Pyproject::parse(bytes.to_vec()) {
        let _ = pyproject.build_system();
        let _ = pyproject.project();
    }
});
