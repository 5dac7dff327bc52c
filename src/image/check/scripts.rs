//! Scripts and the entrypoint: is what the kernel would start there?

use super::{Finding, Subject};
use crate::image::facts::PathFacts;

/// Where programs are looked for when the image does not say (as engines do).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for (path, file) in subject.files() {
        let Some(line) = file.interpreter.as_deref() else { continue };
        // Modules of the standard library that may be started, too, by `python -m`.
        if path.ends_with(".py") && path.contains("/python3") && !Subject::is_package(path) {
            continue;
        }
        let Some(what) = wrong(subject, line) else { continue };
        let mut finding = subject.finding(path, what);
        finding.fatal = is_program(subject, path, line);
        findings.push(finding);
    }
    let command = subject.config.entrypoint.as_ref().filter(|words| !words.is_empty());
    if let Some(program) = command.or(subject.config.cmd.as_ref()).and_then(|words| words.first())
        && !starts(subject, program)
    {
        let what = "is what the container starts, and is not in the image".to_owned();
        findings.push(Finding { path: program.clone(), what, chain: Vec::new(), fatal: true });
    }
}

/// What is wrong with a script whose first line says `line`.
fn wrong(subject: &Subject<'_>, line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let program = words.next()?;
    if subject.root.file(program).is_none() {
        return Some(format!("is run by `{program}`, which is not in the image"));
    }
    if program.rsplit('/').next() != Some("env") {
        return None;
    }
    let named = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    (!starts(subject, named)).then(|| format!("is run by `{named}`, which is in no folder of PATH"))
}

/// Whether `program` can be started: a path, or a name in a folder of PATH.
fn starts(subject: &Subject<'_>, program: &str) -> bool {
    if program.starts_with('/') {
        return subject.root.file(program).is_some();
    }
    if program.contains('/') {
        let folder = subject.config.working_dir.as_deref().unwrap_or("/");
        return subject.root.file(&format!("{folder}/{program}")).is_some();
    }
    let path = subject.config.variable("PATH").unwrap_or(DEFAULT_PATH);
    path.split(':').any(|folder| subject.root.file(&format!("{folder}/{program}")).is_some())
}

/// Whether the file is one that people start: a program of a package or a script of the application. A
/// module may have a first line, too, and is imported without it.
fn is_program(subject: &Subject<'_>, path: &str, line: &str) -> bool {
    if Subject::is_package(path) {
        return false;
    }
    if subject.is_application(path) {
        return !(path.ends_with(".py") && line.contains("python"));
    }
    let of_python = subject.python.is_some_and(|python| {
        path.rsplit_once('/').is_some_and(|(folder, _)| folder == python.scheme.scripts)
    });
    let in_system = ["usr/", "bin/", "sbin/", "lib/", "etc/", "var/"].iter().any(|f| path.starts_with(f));
    (of_python && line.contains("python")) || is_own(subject, path) || (!in_system && !path.ends_with(".py"))
}

/// Whether a package of the image's interpreter installed it as a program.
fn is_own(subject: &Subject<'_>, path: &str) -> bool {
    let Some(python) = subject.python else { return false };
    let Some(layer) = subject.root.layer_of(path) else { return false };
    // A layer that has packages and this program is one of packages.
    let installed = subject.root.below(&python.scheme.site_packages).any(|(path, facts)| {
        matches!(facts, PathFacts::File(_))
            && subject.root.layer_of(path) == Some(layer)
            && path.ends_with("/INSTALLER")
    });
    let in_scripts = path.rsplit_once('/').is_some_and(|(folder, _)| folder == python.scheme.scripts);
    // An interpreter's own layer may have packages as well, beside the programs of a system.
    installed && in_scripts && subject.root.layer_of(&python.program) != Some(layer)
}
