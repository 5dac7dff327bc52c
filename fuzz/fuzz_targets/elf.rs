//! Any bytes as an ELF file or an archive of them: no panic, and what an edit gives is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelbuild::elf::{ElfFile, SearchPath, objects, set_search_path};

fuzz_target!(|bytes: &[u8]| {
    let _ = objects(bytes);
    let Ok(file) = ElfFile::parse(bytes) else { return };
    let _ = file.search_path();
    for which in [SearchPath::Runpath, SearchPath::Rpath] {
        if let Ok(edited) = set_search_path(bytes, which, &["$ORIGIN"]) {
            let edited = ElfFile::parse(&edited).expect("what was edited is read");
            assert_eq!(edited.needed, file.needed);
        }
    }
});
