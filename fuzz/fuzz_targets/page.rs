//! Any bytes as a page of an index, in both forms: no panic, and file names that are safe in a path.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelbuild::index::Page;

fuzz_target!(|bytes: &[u8]| {
    let base = "http://127.0.0.1/simple/a/".parse().expect("an address");
    let html = Page::from_html(&String::from_utf8_lossy(bytes), &base);
    for page in [Page::from_json(bytes, &base), html].into_iter().flatten() {
        for file in page.files {
            let name = &file.filename;
            assert!(!name.contains(['/', '\\', '\0']) && name != ".." && name != ".", "{name:?}");
        }
    }
});
