//! How a refusal is worded: the entry is named, printable whatever it is called.

use std::path::Path;

use crate::report::{Code, Error};

/// More of a name than this helps nobody.
const SHOWN: usize = 160;

/// The entry `name` would do harm; `why` continues the sentence.
pub(super) fn hostile(name: &str, why: impl std::fmt::Display) -> Error {
    Error::new(Code::HostileArchive, format!("entry `{}` {why}", shown(name)))
}

/// The archive as a whole would do harm.
pub(super) fn hostile_archive(why: impl Into<String>) -> Error {
    Error::new(Code::HostileArchive, why)
}

/// The archive is damaged or cut short.
pub(super) fn broken(why: impl Into<String>) -> Error {
    Error::new(Code::BrokenArchive, why)
}

/// Says which archive a refusal is about.
pub(super) fn within(archive: &Path) -> impl FnOnce(Error) -> Error + '_ {
    move |error| error.cause(format!("in `{}`", archive.display()))
}

/// `name` without control characters and not longer than a line or two.
pub(super) fn shown(name: &str) -> String {
    let mut out: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if name.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}
