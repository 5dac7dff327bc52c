//! Why a build failed, and what it silently left out: read off the drivers' call log.
//!
//! A backend reports a failed compile as its own traceback, or not at all. The call log knows which
//! source failed and what the compiler said, so that a build can name the header, library or symbol.

mod log;
pub mod programs;

use std::collections::HashSet;

use crate::report::{Code, Error};
use crate::target::{Libc, Target};

use super::driver::{self, Call, Kind, Probe, Tool, missing_library_reason};

/// What helps a build that runs what it made for the target.
pub const BUILD_COMPILER: &str = "a program that the build runs must be made by the build machine's compiler: \
    `build-cc`, or $CC_FOR_BUILD, $BUILD_CC, $HOSTCC";

/// How many lines of a compiler's output go with a cause.
const LINES: usize = 5;

/// The causes found in `calls` and in the hook's own output `log`, the most likely first; empty when
/// nothing points to a compiler.
///
/// `first_glibc` tells the minor of the first glibc 2.x that has a function, `None` for one that none has.
pub fn causes(calls: &[Call], log: &str, first_glibc: impl Fn(&str) -> Option<u32>) -> Vec<Error> {
    let mut found: Vec<Error> = Vec::new();
    let mut seen = HashSet::new();
    let mut add = |error: Error| {
        if seen.insert((error.code(), error.headline().to_owned())) {
            found.push(error);
        }
    };
    // The last failure is what stopped the build; those before it may have been worked around. A small
    // generated file looks like a probe: asked only when nothing else failed.
    let failed = |sure: bool| {
        calls.iter().rev().filter(move |call| counts_as(call, if sure { Probe::No } else { Probe::Likely }))
    };
    let certain = failed(true).next().is_some();
    for call in failed(certain) {
        for error in of_call(call, &first_glibc) {
            add(error);
        }
    }
    for error in log::causes(calls, log) {
        add(error);
    }
    super::rust::diagnosis::causes(log).into_iter().for_each(&mut add);
    // Compilers that are not called through a driver (cargo's own) still print.
    let lines: Vec<&str> = log.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        match Finding::of(line) {
            // A driver's own output is in the log, too.
            Some(Finding::Header(name)) if OF_C_LIBRARY.contains(&name) && !said(calls, line) => {
                add(with_lines(foreign_compiler(name), &lines[at..], 1));
            }
            Some(finding @ (Finding::Header(_) | Finding::Library(_))) => {
                add(with_lines(finding.error(None, &first_glibc), &lines[at..], 1));
            }
            _ => {}
        }
    }
    found
}

/// Headers that every C library has, and Python.h begins with.
const OF_C_LIBRARY: [&str; 8] =
    ["assert.h", "errno.h", "limits.h", "math.h", "stddef.h", "stdio.h", "stdlib.h", "string.h"];

/// Whether a call of a driver printed `line`.
fn said(calls: &[Call], line: &str) -> bool {
    calls.iter().flat_map(|call| &call.stderr).any(|known| known == line)
}

/// The error of a package that calls the build machine's compiler by a path or name of its own.
fn foreign_compiler(header: &str) -> Error {
    Error::new(Code::MissingHeader, format!("a compiler of the build machine looked for `{header}`"))
        .cause("the package does not call what CC and CXX name, and another compiler has nothing of the target")
        .hint("have it call `cc` and `c++` of PATH: its own setting (`--env`, `-C`), or a patch of `[packages.NAME]`")
}

/// What a call of the target's tools did not find.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Missing {
    /// A header, as the source names it.
    Header(String),
    /// A library, as after `-l`.
    Library(String),
}

/// The headers and libraries that were looked for and not found, in the order they were missed: by the
/// drivers, probes included, and by compilers that are called some other way and print into `log`.
pub fn missing(calls: &[Call], log: &str) -> Vec<Missing> {
    let of_calls = calls.iter().filter(|call| !call.succeeded() && call.target != "build");
    let lines = of_calls.flat_map(|call| call.stderr.iter().map(String::as_str)).chain(log.lines());
    let mut found = Vec::new();
    for line in lines {
        let missing = match Finding::of(line) {
            Some(Finding::Header(name)) => Missing::Header(name.to_owned()),
            Some(Finding::Library(name)) => Missing::Library(name.to_owned()),
            _ => continue,
        };
        if !found.contains(&missing) {
            found.push(missing);
        }
    }
    found
}

/// Sources that failed to compile, and shared objects that failed to link, without ever succeeding
/// later: what a package that goes on without its extension has lost. Probes do not count.
///
/// Paths are relative to the folder of the call where they lie below it.
pub fn lost_extensions(calls: &[Call]) -> Vec<String> {
    let mut lost = Vec::new();
    for (at, call) in calls.iter().enumerate().filter(|(_, call)| counts(call)) {
        let later = || calls[at + 1..].iter().filter(|later| later.succeeded());
        let failed: Vec<_> = match call.kind {
            Kind::Compile => call.sources.iter().collect(),
            Kind::Link if call.shared => call.output.iter().collect(),
            _ => continue,
        };
        for path in failed {
            if later().any(|later| later.sources.contains(path) || later.output.as_ref() == Some(path)) {
                continue;
            }
            let shown = path.strip_prefix(&call.cwd).unwrap_or(path).display().to_string();
            if !lost.contains(&shown) {
                lost.push(shown);
            }
        }
    }
    lost
}

/// What a build looked for before it decided what to compile, and what is not there, as parts of a
/// sentence: headers and libraries by a small source or a link of nothing else, modules of pkg-config.
/// The hooks' view asks so, too, for ctypes.util.find_library and for what is below /usr/include.
pub fn asked_for(calls: &[Call]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |what: String| {
        if !found.contains(&what) {
            found.push(what);
        }
    };
    for call in calls.iter().filter(|call| !call.succeeded()) {
        if call.is_link() && call.sources.is_empty() && call.objects.is_empty() {
            let names = call.argv.iter().filter_map(|arg| arg.strip_prefix("-l"));
            names.for_each(|name| add(format!("the library `{name}`")));
        }
        for line in call.stderr.iter().filter(|_| call.target != "build") {
            match Finding::of(line) {
                Some(Finding::Header(name)) => add(format!("the header `{name}`")),
                Some(Finding::Library(name)) => add(format!("the library `{name}`")),
                _ => {}
            }
        }
        if driver::called_as(call.tool.as_ref()) == Some(Tool::PkgConfig) {
            let words = call.argv.iter().filter(|word| !word.starts_with('-'));
            let words: Vec<&str> = words.map(String::as_str).collect();
            if !words.is_empty() {
                add(format!("`{}` of pkg-config", words.join(" ")));
            }
        }
    }
    found
}

/// Build systems that gave up, as the hooks' output has it: something that a package with nothing
/// compiled in it went on without.
pub fn gave_up(log: &str) -> Option<String> {
    const MARKS: [&str; 3] = ["ninja: build stopped", "error: could not compile", "make: *** ["];
    let stopped = || log.lines().find(|line| MARKS.iter().any(|mark| line.contains(mark)));
    log::stopped(log).or_else(|| stopped().map(|line| line.trim().to_owned()))
}

/// What the calls say against a wheel that has nothing compiled in it: shared objects that were linked
/// and are nowhere now, and small generated sources that did not compile. A package asks its questions
/// with such sources, too, but one with nothing to compile has none to ask.
pub fn against_pure(calls: &[Call]) -> Vec<String> {
    let shown = |call: &Call, path: &std::path::Path| {
        path.strip_prefix(&call.cwd).unwrap_or(path).display().to_string()
    };
    let mut reasons = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        if counts_as(call, Probe::Likely) {
            let worked =
                |path| calls[at + 1..].iter().any(|later| later.succeeded() && later.sources.contains(path));
            if let Some(source) = call.sources.first().filter(|source| !worked(source)) {
                reasons.push(format!("`{}` did not compile", shown(call, source)));
            }
        }
        if call.is_link()
            && call.shared
            && call.succeeded()
            && call.probe == Probe::No
            && call.target != "build"
            && let Some(output) = &call.output
        {
            reasons.push(format!("`{}` was linked, and is not in the wheel", shown(call, output)));
        }
    }
    reasons.dedup();
    reasons
}

/// A failure of the target's tools that is no answer to a question.
fn counts(call: &Call) -> bool {
    counts_as(call, Probe::No)
}

fn counts_as(call: &Call, probe: Probe) -> bool {
    !call.succeeded() && call.probe == probe && call.target != "build" && call.kind != Kind::Query
}

fn of_call(call: &Call, first_glibc: &impl Fn(&str) -> Option<u32>) -> Vec<Error> {
    let lines: Vec<&str> = call.stderr.iter().map(String::as_str).collect();
    let target = call.target.parse::<Target>().ok();
    let mut errors: Vec<Error> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(finding) = Finding::of(line) else { continue };
        let error = finding.error(target.as_ref(), first_glibc);
        if !errors.iter().any(|known| known.headline() == error.headline()) {
            errors.push(with_lines(error, &lines[at..], LINES));
        }
    }
    if errors.is_empty() {
        errors.push(plain(call, &lines));
    }
    errors
}

/// A failure with no known pattern: the first line that says `error`.
fn plain(call: &Call, lines: &[&str]) -> Error {
    let at = lines.iter().position(|line| line.contains("error")).unwrap_or(0);
    let linking = call.kind == Kind::Link;
    let subject = if linking { call.output.as_ref() } else { call.sources.first() };
    let subject = subject.map_or_else(
        || call.tool.clone(),
        |path| path.strip_prefix(&call.cwd).unwrap_or(path).display().to_string(),
    );
    let error = if linking {
        Error::new(Code::Linker, format!("`{subject}` does not link"))
    } else {
        Error::new(Code::Compiler, format!("`{subject}` does not compile"))
    };
    with_lines(error, &lines[at.min(lines.len())..], LINES)
}

fn with_lines(error: Error, lines: &[&str], most: usize) -> Error {
    lines
        .iter()
        .take(most)
        .filter(|line| !line.trim().is_empty())
        .fold(error, |error, line| error.line(*line))
}

/// What one line of a compiler's or linker's output says is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding<'a> {
    Header(&'a str),
    Library(&'a str),
    /// A symbol that the link needs.
    Symbol(&'a str),
    /// A function or name that no header declares.
    Undeclared(&'a str),
    /// An input for another machine.
    Foreign(&'a str),
    /// An option that the compiler does not know, or not for this machine.
    Option(&'a str),
    /// A library of the build machine, refused by the driver.
    Host(&'a str),
}

impl<'a> Finding<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let line = line.trim();
        if let Some(rest) = after(line, "fatal error: ") {
            // clang: 'ffi.h' file not found · gcc: ffi.h: No such file or directory
            let clang = rest.strip_suffix(" file not found").map(unquote);
            let gcc = rest.strip_suffix(": No such file or directory");
            return clang.or(gcc).map(Self::Header);
        }
        if let Some(rest) = after(line, "unable to find library -l") {
            return Some(Self::Library(word(rest)));
        }
        if let Some(rest) = after(line, "system library ") {
            // zig: unable to find dynamic system library "foo" using strategy …
            return line.contains("unable to find").then(|| Self::Library(unquote(word(rest))));
        }
        if let Some(rest) = after(line, "cannot find -l") {
            return Some(Self::Library(word(rest).trim_end_matches(':')));
        }
        if let Some(path) = line.strip_suffix(" is a library of the build machine") {
            return after(path, "error: ").map(|path| Self::Host(unquote(path)));
        }
        if let Some(rest) =
            after(line, "undefined symbol: ").or_else(|| after(line, "undefined hidden symbol: "))
        {
            return Some(Self::Symbol(rest));
        }
        if let Some(rest) = after(line, "undefined reference to ") {
            return Some(Self::Symbol(unquote(rest)));
        }
        for mark in [
            "call to undeclared function ",
            "call to undeclared library function ",
            "implicit declaration of function ",
            "use of undeclared identifier ",
        ] {
            if let Some(rest) = after(line, mark).filter(|_| line.contains("error: ")) {
                return Some(Self::Undeclared(unquote(word(rest))));
            }
        }
        for mark in [
            "unknown argument: ",
            "unknown argument '",
            "unsupported option '",
            "unrecognized command-line option ",
            "unrecognized option ",
        ] {
            if let Some(rest) = after(line, mark).filter(|_| line.contains("error: ")) {
                return Some(Self::Option(unquote(word(rest))));
            }
        }
        let (path, _) = line.split_once(" is incompatible with ")?;
        after(path, "error: ").map(Self::Foreign)
    }

    fn error(self, target: Option<&Target>, first_glibc: &impl Fn(&str) -> Option<u32>) -> Error {
        let sysroot = "give the target's copy with `--sysroot DIR`";
        match self {
            Self::Header(name) => {
                Error::new(Code::MissingHeader, format!("the header `{name}` is missing")).hint(sysroot)
            }
            Self::Library(name) => {
                let error = Error::new(Code::MissingLibrary, format!("the library `{name}` is missing"));
                match missing_library_reason(name) {
                    Some(reason) => error.cause(reason),
                    None => error.hint(sysroot),
                }
            }
            Self::Host(path) => {
                Error::new(Code::MissingLibrary, format!("`{path}` is a library of the build machine"))
                    .hint(sysroot)
            }
            Self::Foreign(path) => {
                let error = Error::new(
                    Code::ForeignObject,
                    format!("`{path}` is made for another machine than the target"),
                );
                match path.split_once("/site-packages/") {
                    Some((_, inside)) => error.cause(format!(
                        "it comes with the build requirement that holds `{}`, installed for the build machine",
                        inside.split('/').next().unwrap_or(inside)
                    )),
                    None => error.hint(sysroot),
                }
            }
            Self::Option(flag) => Error::new(
                Code::UnsupportedFlag,
                format!("the compiler does not take the option `{flag}`"),
            )
            .hint(
                "build with a compiler that does: `--cc system`, with CC and CXX naming one for the target",
            ),
            Self::Symbol(name) | Self::Undeclared(name) => {
                if let Some(error) = target.and_then(|target| floor_too_low(name, target, first_glibc)) {
                    return error;
                }
                match self {
                    Self::Symbol(_) => {
                        Error::new(Code::Link, format!("the symbol `{name}` is nowhere defined"))
                    }
                    _ => Error::new(Code::Compiler, format!("`{name}` is nowhere declared")),
                }
            }
        }
    }
}

/// The error for a function that the C library has only above the floor.
fn floor_too_low(name: &str, target: &Target, first_glibc: &impl Fn(&str) -> Option<u32>) -> Option<Error> {
    let Libc::Gnu { minor: floor } = target.libc else { return None };
    let needed = first_glibc(name).filter(|needed| *needed > floor)?;
    let raised = Target { libc: Libc::Gnu { minor: needed }, ..*target };
    Some(
        Error::new(Code::FloorTooLow, format!("`{name}` needs glibc 2.{needed}"))
            .cause(format!("the target's floor is {}", target.libc.describe()))
            .hint(format!("--target {raised}")),
    )
}

/// The text behind `mark`.
fn after<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    line.find(mark).map(|at| &line[at + mark.len()..])
}

fn word(text: &str) -> &str {
    text.split(|c: char| c.is_whitespace() || c == ';').next().unwrap_or_default()
}

/// Without the quotes that compilers of every locale put around names.
fn unquote(text: &str) -> &str {
    text.trim_matches(['\'', '"', '`', '‘', '’'])
}

#[cfg(test)]
#[path = "diagnosis_tests.rs"]
mod tests;
