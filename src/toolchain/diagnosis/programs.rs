//! Programs that a build called and did not find.

use std::sync::LazyLock;

use serde::Deserialize;

use super::with_lines;
use crate::report::{Code, Error};

#[derive(Deserialize)]
struct Table {
    program: Vec<Program>,
}

#[derive(Deserialize)]
struct Program {
    name: String,
    requirement: String,
}

/// Programs that the package index has.
static TABLE: LazyLock<Vec<Program>> = LazyLock::new(|| {
    let text = include_str!("../../../toolchains/build_programs.toml");
    #[allow(clippy::expect_used, reason = "the table is part of the program, and a test reads it")]
    toml::from_str::<Table>(text).expect("toolchains/build_programs.toml is checked by a test").program
});

/// What packages say of a program that is not there, in words of their own.
const ABSENT: [&str; 9] = [
    "no such file or directory",
    "not found",
    "not installed",
    "must be installed",
    "is required",
    "could not find",
    "cannot find",
    "can't find",
    "unable to find",
];

/// The requirements (PEP 508) that bring the programs which the output of a build says are not there.
pub fn wanted(log: &str) -> Vec<&'static str> {
    let known = TABLE.iter().filter(|program| log.lines().any(|line| lacks(line, &program.name)));
    known.map(|program| program.requirement.as_str()).collect()
}

/// The cause of a build that lacked a program.
pub(super) fn cause(lines: &[&str]) -> Option<Error> {
    let error = |name: &str, at: usize, hint: String| {
        let headline = format!("the build calls the program `{name}`, which is not there");
        with_lines(Error::new(Code::MissingBuildRequirement, headline), &lines[at..], 1).hint(hint)
    };
    lines.iter().enumerate().find_map(|(at, line)| {
        if let Some(known) = TABLE.iter().find(|program| lacks(line, &program.name)) {
            let hint =
                format!("add it to the build requirements: `--build-requires '{}'`", known.requirement);
            return Some(error(&known.name, at, hint));
        }
        let name = named_by_shell(line)?;
        Some(error(name, at, format!("install `{name}` on this machine: builds see its programs")))
    })
}

/// Whether `line` says that the program `name` is not there.
fn lacks(line: &str, name: &str) -> bool {
    let line = line.to_lowercase();
    let is_name = |at: usize| {
        let part_of_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        !line[..at].ends_with(part_of_word) && !line[at + name.len()..].starts_with(part_of_word)
    };
    ABSENT.iter().any(|words| line.contains(words)) && line.match_indices(name).any(|(at, _)| is_name(at))
}

/// The program of what a shell or make says: `/bin/sh: 1: bison: not found`,
/// `bash: line 1: bison: command not found`, `make: bison: No such file or directory`.
fn named_by_shell(line: &str) -> Option<&str> {
    let by_shell = |line: &&str| line.contains("sh: ");
    let rest = (line.strip_suffix(": not found").filter(by_shell))
        .or_else(|| line.strip_suffix(": command not found"))
        .or_else(|| {
            line.strip_suffix(": No such file or directory").filter(|rest| rest.starts_with("make"))
        })?;
    let name = rest.rsplit(": ").next()?.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_the_index_has_are_asked_of_it() {
        for line in [
            "error: [Errno 2] No such file or directory: 'cmake'",
            "/bin/sh: 1: cmake: not found",
            "bash: line 3: cmake: command not found",
            "RuntimeError: CMake must be installed to build this package",
            "make: cmake: No such file or directory",
        ] {
            assert_eq!(wanted(line), ["cmake<4"], "{line}");
        }
        for line in [
            "-- Configuring with cmake",
            "No such file or directory: 'cmake/modules.txt'",
            "file not found: build-cmake",
            "cmake-options is required",
            "CMakeLists.txt not found",
        ] {
            assert_eq!(wanted(line), [""; 0], "{line}");
        }
    }

    #[test]
    fn other_programs_are_named_where_a_shell_names_them() {
        for (line, name) in [
            ("/bin/sh: 1: bison: not found", Some("bison")),
            ("sh: 2: flex++: not found", Some("flex++")),
            ("./build.sh: line 4: nasm: command not found", Some("nasm")),
            ("make: yasm: No such file or directory", Some("yasm")),
            ("make[2]: yasm: No such file or directory", Some("yasm")),
            ("cc: error: a.c: No such file or directory", None),
            ("lib foo: not found", None),
        ] {
            assert_eq!(named_by_shell(line), name, "{line}");
            assert_eq!(cause(&[line]).is_some(), name.is_some(), "{line}");
        }
        assert!(cause(&["sh: 1: swig: not found"]).unwrap().hints()[0].contains("--build-requires 'swig'"));
    }
}
