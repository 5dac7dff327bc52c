//! Which libraries a build needs.

use super::catalogue::Library;
use crate::toolchain::diagnosis::{self, Missing};
use crate::toolchain::driver::{Call, Tool, called_as};

/// The libraries that an sdist says it needs: the identifiers of `[external] host-requires` and
/// `build-requires` (PEP 725: `dep:generic/libffi`, `pkg:generic/libffi@3`, `dep:virtual/…`). What the
/// catalogue does not know (compilers, programs, other libraries) is left out.
pub fn of_external<'a>(identifiers: impl IntoIterator<Item = &'a str>) -> Vec<&'static Library> {
    let mut found: Vec<&'static Library> = Vec::new();
    for identifier in identifiers {
        let Some((_, path)) = identifier.split_once(':') else { continue };
        let name = path.rsplit('/').next().unwrap_or(path);
        let name = name.split(['@', '?', '#', ';', ' ']).next().unwrap_or(name);
        if let Some(library) = Library::find(name)
            && !found.iter().any(|known| known.name == library.name)
        {
            found.push(library);
        }
    }
    found
}

/// The libraries of the catalogue that a run of the hooks looked for and did not find, from the calls
/// of the drivers and the hooks' own output. `asked_by_name` leaves out what only a compile or link
/// missed: such a question may be one of many, while pkg-config and configuration programs are asked
/// for what a package can use.
pub fn wanted(calls: &[Call], log: &str, asked_by_name: bool) -> Vec<&'static Library> {
    let mut found: Vec<&'static Library> = Vec::new();
    let mut add = |library: Option<&'static Library>| {
        if let Some(library) = library.filter(|library| library.on_demand)
            && !found.iter().any(|known| known.name == library.name)
        {
            found.push(library);
        }
    };
    for call in calls.iter().filter(|call| !call.succeeded()) {
        match called_as(call.tool.as_ref()) {
            // Every module of the call: the answer is the first one that is missing.
            Some(Tool::PkgConfig) => {
                call.argv
                    .iter()
                    .flat_map(|arg| arg.split([' ', ',', '<', '>', '=']))
                    .for_each(|word| add(Library::of_module(word)));
            }
            Some(Tool::LibraryConfig) => add(Library::of_program(&call.tool)),
            _ => {}
        }
    }
    if !asked_by_name {
        for missing in diagnosis::missing(calls, log) {
            add(match missing {
                Missing::Header(name) => Library::of_header(&name),
                Missing::Library(name) => Library::of_link(&name),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(libraries: Vec<&Library>) -> Vec<&str> {
        libraries.into_iter().map(|library| library.name.as_str()).collect()
    }

    #[test]
    fn external_tables() {
        let identifiers = [
            "dep:generic/libxml2",
            "pkg:generic/zlib@1.2",
            "dep:virtual/compiler/c",
            "dep:generic/none",
            "zlib",
        ];
        assert_eq!(names(of_external(identifiers)), ["libxml2", "zlib"]);
    }

    #[test]
    fn what_was_missed() {
        let call = |tool: &str, argv: &str, stderr: &str, code| Call {
            tool: tool.into(),
            argv: argv.split_whitespace().map(str::to_owned).collect(),
            stderr: vec![stderr.to_owned()],
            code,
            ..Call::default()
        };
        let calls = [
            call("pkg-config", "--libs zlib", "", 0),
            call("aarch64-linux-gnu-pkg-config", "--exists libxslt>=1.1", "", 1),
            call("pg_config", "--version", "", 1),
            call("cc", "a.c", "a.c:1:10: fatal error: 'ffi.h' file not found", 1),
            call("cc", "a.o -lyaml", "ld.lld: error: unable to find library -lyaml", 1),
            call("cc", "a.c", "a.c:1:10: fatal error: 'own.h' file not found", 1),
            call("pkg-config", "--libs imagequant", "", 1),
        ];
        assert_eq!(names(wanted(&calls, "", true)), ["libxslt", "libpq"]);
        let log = "x.c:1:1: fatal error: openssl/ssl.h: No such file or directory\n";
        assert_eq!(names(wanted(&calls, log, false)), ["libxslt", "libpq", "libffi", "libyaml", "openssl"]);
    }
}
