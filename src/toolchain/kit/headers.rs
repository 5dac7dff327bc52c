//! The part `inc`: copies of zig's header folders, under the names `clang::tail` uses.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use walkdir::WalkDir;

use crate::report::{Code, Error, Result};
use crate::target::Arch;
use crate::toolchain::Zig;

/// Folders of zig's `lib` that every target uses, and their names in `inc`.
const SHARED: &[(&str, &str)] = &[
    ("include", "clang"),
    ("libcxx/include", "libcxx"),
    ("libcxxabi/include", "libcxxabi"),
    ("libc/include/generic-glibc", "generic-glibc"),
    ("libc/include/generic-musl", "generic-musl"),
    ("libc/include/any-linux-any", "any-linux-any"),
];

/// Licence texts of what a kit carries and links into wheels.
const LICENCES: &[(&str, &str)] = &[
    ("libc/glibc/LICENSES", "glibc.txt"),
    ("libc/musl/COPYRIGHT", "musl.txt"),
    ("libcxx/LICENSE.TXT", "libcxx.txt"),
    ("libcxxabi/LICENSE.TXT", "libcxxabi.txt"),
    ("libunwind/LICENSE.TXT", "libunwind.txt"),
];

/// Fills `folder` with the headers of every target.
pub(super) fn make(zig: &Zig, folder: &Path) -> Result<()> {
    for (from, to) in SHARED {
        copy(&zig.lib.join(from), &folder.join(to))?;
    }
    let machines: BTreeSet<&String> =
        Arch::all().iter().flat_map(|arch| arch.headers.iter().chain(&arch.headers_musl)).collect();
    for name in machines {
        copy(&zig.lib.join("libc/include").join(name), &folder.join(name))?;
    }
    let licences = folder.join("licences");
    fs::create_dir(&licences).map_err(|error| Error::io("make", &licences, &error))?;
    for (from, to) in LICENCES {
        copy_file(&zig.lib.join(from), &licences.join(to))?;
    }
    Ok(())
}

/// Copies the files of a folder with what is below it. Headers come in plain files only.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry.map_err(|error| {
            Error::new(Code::InputNotFound, format!("this zig has no `{}`", from.display()))
                .cause(error.to_string())
                .hint("name a complete zig with `--zig PATH`, or leave the option out to have the pinned one fetched")
        })?;
        // walkdir gives paths below the folder it was given.
        let place = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        if entry.file_type().is_dir() {
            fs::create_dir_all(&place).map_err(|error| Error::io("make", &place, &error))?;
        } else {
            copy_file(entry.path(), &place)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).map_err(|error| Error::io("copy", from, &error))
}
