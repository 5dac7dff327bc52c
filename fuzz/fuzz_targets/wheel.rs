//! Any members as a raw wheel: no panic, and a canonical wheel is a fixed point.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelbuild::wheel::{Member, RawWheel, WheelBuilder, WheelFileName};

const NAME: &str = "a-1.0-py3-none-any.whl";

fuzz_target!(|bytes: &[u8]| {
    // Names and contents in turn, divided by NUL.
    let mut parts = bytes.split(|byte| *byte == 0);
    let mut members = Vec::new();
    while let (Some(name), Some(data)) = (parts.next(), parts.next()) {
        let Ok(name) = std::str::from_utf8(name) else { return };
        members.push(Member::file(name, data));
    }
    let name: WheelFileName = NAME.parse().expect("a valid name");
    let Ok(raw) = RawWheel::from_members(name.clone(), members) else { return };
    let Ok(wheel) = WheelBuilder::new(raw, name.tags().clone()).build() else { return };
    let raw = RawWheel::from_bytes(wheel.file_name.clone(), wheel.bytes.clone()).expect("a canonical wheel is read");
    let again = WheelBuilder::new(raw, wheel.file_name.tags().clone()).build().expect("and written again");
    assert!(again.bytes == wheel.bytes, "the same bytes");
});
