//! Extensions that claim the stable ABI and were compiled without it.
//!
//! `.abi3.so` is a name that a project gives. Only sources compiled with `Py_LIMITED_API` keep it: without,
//! the headers of one Python version inline its structs, which no symbol tells (PEP 384).

use std::path::{Path, PathBuf};

use super::layout::Place;
use crate::report::{Code, Error, Result};
use crate::toolchain::driver::{Call, Kind};
use crate::wheel::RawWheel;

const MACRO: &str = "Py_LIMITED_API";

/// Holds each `.abi3.so` of `raw` to the calls that made it. What was made without the compiler drivers, as
/// Rust does, is not known here; a source that is nowhere found speaks for itself.
///
/// # Errors
/// [`Code::BadExtension`].
pub(super) fn check(raw: &RawWheel, calls: &[Call], source: &Place) -> Result<()> {
    let names: Vec<&str> = raw.members().iter().filter_map(|member| member.name.rsplit('/').next()).collect();
    let links = calls.iter().filter(|call| call.is_link() && call.shared && call.succeeded());
    let mut by_header = None;
    for link in links {
        let Some(name) = link.output.as_deref().and_then(Path::file_name).and_then(|name| name.to_str())
        else {
            continue;
        };
        if !name.ends_with(".abi3.so") || !names.contains(&name) {
            continue;
        }
        let compiled = calls.iter().filter(|call| {
            call.kind == Kind::Compile
                && call.succeeded()
                && call.output.as_ref().is_some_and(|output| link.objects.contains(output))
        });
        for call in compiled.chain([link]) {
            if call.argv.iter().any(|arg| arg.contains(MACRO)) {
                continue;
            }
            let unlimited = call.sources.iter().find(|path| uses_python(path, source) == Some(true));
            if let Some(unlimited) = unlimited
                && !*by_header.get_or_insert_with(|| a_header_defines_it(source))
            {
                let shown = unlimited.strip_prefix(&call.cwd).unwrap_or(unlimited).display();
                return Err(Error::new(
                    Code::BadExtension,
                    format!("`{name}` claims the stable ABI, and `{shown}` was compiled without `{MACRO}`"),
                )
                .cause("what the headers inline then fits one version of Python, and crashes in a later one")
                .hint(format!(
                    "compile it so: `--env CFLAGS=-D{MACRO}=0x03090000`, with the version of the wheel's tag"
                )));
            }
        }
    }
    Ok(())
}

/// Whether a source includes Python.h and does not itself ask for the stable ABI; None when it is not there.
fn uses_python(path: &Path, source: &Place) -> Option<bool> {
    let below = path.strip_prefix(&source.inside).ok()?;
    let text = std::fs::read(source.host.join(below)).ok()?;
    let text = String::from_utf8_lossy(&text);
    Some(text.contains("Python.h") && !defines_it(&text))
}

fn defines_it(text: &str) -> bool {
    text.lines().any(|line| line.contains("define") && line.contains(MACRO))
}

/// Whether any header of the project asks for the stable ABI, for whoever includes it.
fn a_header_defines_it(source: &Place) -> bool {
    let is_header = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("h" | "hh" | "hpp" | "hxx"))
    };
    let files = walkdir::WalkDir::new(&source.host).into_iter().flatten().map(walkdir::DirEntry::into_path);
    files
        .filter(is_header)
        .any(|path| std::fs::read(path).is_ok_and(|text| defines_it(&String::from_utf8_lossy(&text))))
}
