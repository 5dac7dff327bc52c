//! Causes that only the output of the build tells: programs of the target that were run, downloads
//! that were tried, modules that a child process could not import.

use std::path::Path;

use crate::report::{Code, Error};
use crate::toolchain::driver::{Call, Kind};

use super::with_lines;

/// How many lines go with a cause.
const LINES: usize = 4;

/// The causes in `log`, the most likely first.
pub(super) fn causes(calls: &[Call], log: &str) -> Vec<Error> {
    let lines: Vec<&str> = log.lines().collect();
    let found = [
        target_program(calls, &lines),
        download(&lines),
        missing_module(&lines),
        configuration(&lines),
        super::programs::cause(&lines),
    ];
    found.into_iter().flatten().collect()
}

/// What shells, interpreters and our emulator say of a program that is for another machine; the
/// program stands in front of it or behind it.
const NOT_EXECUTABLE: &[&str] =
    &["Exec format error", "cannot execute binary file", "a program of the target does not run here"];

/// What build systems say that know it beforehand, and what each is asked to do instead.
const CANNOT_RUN: &[(&str, &str)] = &[
    (
        "cannot run test program while cross compiling",
        "answer the check beforehand: `--env ac_cv_NAME=yes`, with the variable that config.log names",
    ),
    (
        "Can not run test applications in this cross environment",
        "answer what `run()` asks: `-C setup-args=-DNAME=VALUE`",
    ),
    (
        "An exe_wrapper is needed for",
        "build it for the build machine: `executable(…, native: true)` in meson.build",
    ),
    ("Could not invoke sanity check executable", "name the machine files: `-C setup-args=--cross-file=FILE`"),
    ("TRY_RUN() invoked in cross-compiling mode", "answer it beforehand: `-C cmake.define.NAME=VALUE`"),
];

/// A build step that ran a program of the target: which, and what asked for it.
fn target_program(calls: &[Call], lines: &[&str]) -> Option<Error> {
    for (mark, hint) in CANNOT_RUN {
        if let Some(at) = lines.iter().position(|line| line.contains(mark)) {
            let error = Error::new(Code::TargetProgram, "a check runs a program compiled for the target");
            return Some(with_lines(error, &lines[at..], 2).hint(*hint));
        }
    }
    let at = lines.iter().position(|line| {
        // An interpreter that takes the program for a script of its own stumbles over its first bytes.
        NOT_EXECUTABLE.iter().any(|mark| line.contains(mark)) || line.contains(": 1: \u{7f}ELF")
    })?;
    let linked = linked_program(calls, lines[at]);
    let headline = match &linked {
        Some((name, _)) => format!("a build step ran `{name}`, a program compiled for the target"),
        None => "a build step ran a program compiled for the target".to_owned(),
    };
    let mut error = Error::new(Code::TargetProgram, headline);
    if let Some((_, call)) = linked {
        let how = call.argv.join(" ");
        let how: String = how.chars().take(160).collect();
        error = error.cause(format!("it was linked in `{}` by `{} {how}`", call.cwd.display(), call.tool));
    }
    // What make says of the rule, or Python of the command, comes behind.
    let asked = lines[at..].iter().take(40).find(|line| {
        line.contains("*** [") || line.starts_with("FAILED: ") || line.contains("CalledProcessError")
    });
    error = with_lines(error, &lines[at..], 2);
    error = asked.into_iter().fold(error, |error, line| error.line(*line));
    Some(error.hint(super::BUILD_COMPILER))
}

/// The program that `line` names and the call that linked it.
fn linked_program<'a>(calls: &'a [Call], line: &str) -> Option<(String, &'a Call)> {
    let programs = calls
        .iter()
        .rev()
        .filter(|call| call.kind == Kind::Link && !call.shared && call.succeeded() && call.target != "build");
    programs.into_iter().find_map(|call| {
        let output = call.output.as_deref()?;
        let name = output.file_name()?.to_str()?;
        let named = line
            .split(|c: char| c.is_whitespace() || matches!(c, ':' | '\'' | '"'))
            .any(|word| Path::new(word).file_name().and_then(|word| word.to_str()) == Some(name));
        named.then(|| (name.to_owned(), call))
    })
}

/// What programs say when there is no network.
const NO_NETWORK: &[&str] = &[
    "Temporary failure in name resolution",
    "Could not resolve host",
    "Couldn't resolve host",
    "Name or service not known",
    "Network is unreachable",
    "Could not resolve hostname",
    "unable to resolve host",
];

/// A download that the build tried by itself.
fn download(lines: &[&str]) -> Option<Error> {
    let at = lines.iter().position(|line| NO_NETWORK.iter().any(|mark| line.contains(mark)))?;
    let around = &lines[at.saturating_sub(20)..(at + 20).min(lines.len())];
    let behind = lines[at..].iter().take(20);
    let before = lines[at.saturating_sub(20)..at].iter().rev();
    let address = before.chain(behind).find_map(|line| address_in(line));
    let headline = match address {
        Some(address) => format!("the build tries to download `{address}`"),
        None => "the build tries to use the network".to_owned(),
    };
    let first = around.iter().position(|line| NO_NETWORK.iter().any(|mark| line.contains(mark)));
    Some(
        with_lines(Error::new(Code::Download, headline), &around[first.unwrap_or(0)..], LINES)
            .cause("a build has no network, so that it gives the same wheel again")
            .hint("look for a setting of the package that takes a copy, and give it: `-C KEY=VALUE` or `--sysroot DIR`"),
    )
}

/// The first http address of a line.
fn address_in(line: &str) -> Option<&str> {
    let at = line.find("https://").or_else(|| line.find("http://"))?;
    let rest = &line[at..];
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '>' | ')' | ';' | ','));
    Some(rest[..end.unwrap_or(rest.len())].trim_end_matches(['.', ':']))
}

/// A module that a child process of the build imports and the environment lacks.
fn missing_module(lines: &[&str]) -> Option<Error> {
    const MARK: &str = "ModuleNotFoundError: No module named ";
    let at = lines.iter().rposition(|line| line.contains(MARK))?;
    let name = lines[at].split(MARK).nth(1)?.trim().trim_matches(['\'', '"']);
    let top = name.split('.').next().unwrap_or(name);
    let headline = format!("a program of the build imports the module `{name}`, which is not there");
    let error = Error::new(Code::MissingBuildRequirement, headline);
    Some(
        with_lines(error, &lines[at.saturating_sub(2)..=at], 3)
            .hint(format!("add what provides it: `--build-requires {top}`")),
    )
}

/// What CMake or meson stopped at, as a sentence.
pub(super) fn stopped(log: &str) -> Option<String> {
    configuration(&log.lines().collect::<Vec<_>>()).map(|error| error.headline().to_owned())
}

/// What ended the configuration of CMake or meson, in its own words.
fn configuration(lines: &[&str]) -> Option<Error> {
    if let Some(at) = lines.iter().rposition(|line| line.starts_with("CMake Error at ")) {
        let said = lines[at + 1..].iter().map(|line| line.trim()).filter(|line| !line.is_empty());
        let first = said.clone().next().unwrap_or_default();
        let error = Error::new(Code::Backend, format!("CMake stops: {first}"));
        return Some(with_lines(error, &lines[at..], 6));
    }
    let at = lines.iter().rposition(|line| line.contains(": ERROR: ") && line.contains("meson.build:"))?;
    let said = lines[at].split(": ERROR: ").nth(1).unwrap_or_default();
    Some(with_lines(Error::new(Code::Backend, format!("meson stops: {said}")), &lines[at..], 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(output: &str) -> Call {
        Call {
            tool: "cc".into(),
            target: "aarch64-linux-gnu.2.28".into(),
            cwd: "/build/src/x/vendored".into(),
            argv: vec!["gen.c".into(), "-o".into(), "gen".into()],
            kind: Kind::Link,
            output: Some(output.into()),
            ..Call::default()
        }
    }

    #[test]
    fn programs_of_the_target_are_named_with_who_ran_them() {
        let calls = [link("/build/src/x/vendored/gen")];
        for line in [
            "/bin/sh: 1: ./gen: Exec format error",
            "bash: ./gen: cannot execute binary file: Exec format error",
            "OSError: [Errno 8] Exec format error: '/build/src/x/vendored/gen'",
            "/build/src/x/vendored/gen: a program of the target does not run here",
            "./gen: 1: \u{7f}ELF\u{2}: not found",
        ] {
            let log = format!("cc gen.c -o gen\n{line}\nmake: *** [Makefile:3: table.h] Error 126\n");
            let error = causes(&calls, &log).remove(0);
            assert_eq!(error.code(), Code::TargetProgram, "{line}");
            assert!(error.headline().contains("`gen`"), "{line}");
            assert!(error.causes()[0].contains("cc gen.c -o gen"), "{line}");
            assert!(error.lines().iter().any(|line| line.contains("Makefile:3")), "{line}");
        }
        assert!(causes(&[], "a: Exec format error").remove(0).causes().is_empty());
    }

    #[test]
    fn downloads_are_named_by_their_address() {
        let log =
            "-- Using src='https://h.example/a.tgz'\n[download]\nerror: Could not resolve host: h.example\n";
        let error = causes(&[], log).remove(0);
        assert_eq!(error.code(), Code::Download);
        assert!(error.headline().contains("`https://h.example/a.tgz`"), "{}", error.headline());
    }

    #[test]
    fn what_ended_a_configuration_is_the_cause() {
        let log =
            "CMake Error at CMakeLists.txt:3 (find_package):\n  Could not find a package\n\nTraceback\n";
        assert_eq!(causes(&[], log).remove(0).headline(), "CMake stops: Could not find a package");
        let log = "../meson.build:98:13: ERROR: Dependency \"geos\" not found\nTraceback\n";
        assert_eq!(causes(&[], log).remove(0).headline(), "meson stops: Dependency \"geos\" not found");
    }

    #[test]
    fn modules_of_child_processes_are_named() {
        let log = "  File \"gen.py\", line 1\n    import jinja2.x\nModuleNotFoundError: No module named 'jinja2'\nmore\n";
        let error = causes(&[], log).remove(0);
        assert_eq!(error.code(), Code::MissingBuildRequirement);
        assert!(error.hints()[0].contains("`--build-requires jinja2`"));
    }
}
