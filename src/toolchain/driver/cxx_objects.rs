//! Does an object need the C++ runtime?
//!
//! Old setuptools and hand-written setup.py link C++ objects with `cc`. On a native gcc the missing
//! libstdc++ is found in the process that loads the extension; a wheel must bring its own, so such a
//! link is made by the C++ compiler.

use std::path::Path;

use object::read::archive::ArchiveFile;
use object::{Object, ObjectSymbol, ReadCache, ReadRef};

/// Undefined symbols that only the C++ runtime defines begin with one of these: the personality
/// routine, operators new and delete, type information and names of namespace std.
const MARKS: &[&[u8]] = &[
    b"__gxx_personality_v0",
    b"__cxa_throw",
    b"__cxa_begin_catch",
    b"__cxa_guard_acquire",
    b"__cxa_pure_virtual",
    b"_Zn",
    b"_Zd",
    b"_ZSt",
    b"_ZNSt",
    b"_ZNKSt",
    b"_ZTVN10__cxxabiv",
    b"_ZTISt",
    b"_ZTVSt",
];

/// True if the object, or a member of the archive, refers to the C++ runtime. False for other files.
pub fn needs_runtime(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !(name.ends_with(".o") || name.ends_with(".a") || name.ends_with(".obj")) {
        return false;
    }
    let Ok(file) = std::fs::File::open(path) else { return false };
    let cache = ReadCache::new(file);
    match ArchiveFile::parse(&cache) {
        Ok(archive) => {
            archive.members().flatten().any(|member| member.data(&cache).is_ok_and(object_needs_runtime))
        }
        Err(_) => object_needs_runtime(&cache),
    }
}

fn object_needs_runtime<'data>(data: impl ReadRef<'data>) -> bool {
    let Ok(file) = object::File::parse(data) else { return false };
    file.symbols().any(|symbol| {
        symbol.is_undefined()
            && symbol.name_bytes().is_ok_and(|name| MARKS.iter().any(|mark| name.starts_with(mark)))
    })
}
