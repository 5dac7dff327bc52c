//! From hooks that failed to an error that says why.

use std::path::Path;

use super::Job;
use super::layout::Layout;
use crate::native::{Library, wanted};
use crate::report::{Code, Error};
use crate::toolchain::diagnosis::{self, Missing};
use crate::toolchain::driver::Call;

/// Lines of the log that an error shows when nothing better is known.
const LAST_LINES: usize = 12;

/// The exception that ended the hook.
pub(super) struct Exception {
    pub kind: String,
    pub message: String,
    /// The module that could not be imported.
    pub module: Option<String>,
}

/// The error of hooks that ended with `exception`, or without a word.
pub(super) fn of_hooks(
    job: &Job<'_>,
    layout: &Layout,
    calls: &[Call],
    exception: Option<&Exception>,
) -> Error {
    let log = read_log(&layout.hook_log());
    let headline = format!("building {} for {} failed", job.subject, job.target);
    let error = match exception.and_then(|exception| exception.module.as_deref()) {
        Some(module) => missing_module(job, module),
        None => diagnosis::causes(calls, &log, crate::elf::glibc_since)
            .into_iter()
            .next()
            .unwrap_or_else(|| backend_error(&log, exception))
            .wrap(headline),
    };
    with_library(error, calls, &log).log(layout.hook_log())
}

/// The error of a build that ran `program`, made for the target, and went on without what it would have given.
pub(super) fn of_ignored_program(job: &Job<'_>, program: &str) -> Error {
    let name = program.rsplit('/').next().unwrap_or(program);
    Error::new(Code::TargetProgram, format!("building {} for {} failed", job.subject, job.target))
        .cause(format!(
            "a build step ran `{name}`, a program compiled for the target, and went on without what it gives"
        ))
        .hint(diagnosis::BUILD_COMPILER)
}

/// `error`, and if a header or library is missing that the catalogue has, how to ask for it.
fn with_library(error: Error, calls: &[Call], log: &str) -> Error {
    let known = match error.code() {
        Code::MissingHeader | Code::MissingLibrary => {
            diagnosis::missing(calls, log).into_iter().find_map(|missing| match missing {
                Missing::Header(name) => Library::of_header(&name),
                Missing::Library(name) => Library::of_link(&name),
            })
        }
        // A package gives up with words of its own after pkg-config said no.
        Code::Backend => wanted(calls, log, true).into_iter().next(),
        _ => None,
    };
    match known {
        Some(library) => error.hint(format!("or have it provided: `--native {}`", library.name)),
        None => error,
    }
}

/// `error`, and if it is that an extension was lost, why it was.
pub(super) fn of_judgement(error: Error, layout: &Layout, calls: &[Call]) -> Error {
    let error = error.log(layout.hook_log());
    if error.code() != Code::LostExtension {
        return error;
    }
    let causes = diagnosis::causes(calls, &read_log(&layout.hook_log()), crate::elf::glibc_since);
    let Some(why) = causes.into_iter().next() else { return error };
    let error = why.lines().iter().fold(error.cause(why.headline()), |error, line| error.line(line.as_str()));
    why.hints().iter().fold(error, |error, hint| error.hint(hint.as_str()))
}

fn missing_module(job: &Job<'_>, module: &str) -> Error {
    let top = module.split('.').next().unwrap_or(module);
    Error::new(
        Code::MissingBuildRequirement,
        format!("building {} failed: the build requirements lack the module `{module}`", job.subject),
    )
    .hint(format!("add what provides it: `--build-requires {top}`"))
}

fn backend_error(log: &str, exception: Option<&Exception>) -> Error {
    let error = match exception {
        Some(exception) if exception.message.is_empty() => {
            Error::new(Code::Backend, format!("the backend raised `{}`", exception.kind))
        }
        Some(exception) => {
            let first = exception.message.lines().next().unwrap_or_default();
            Error::new(Code::Backend, format!("the backend raised `{}`: {first}", exception.kind))
        }
        None => Error::new(Code::Backend, "the backend ended without an answer"),
    };
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = lines.len().saturating_sub(LAST_LINES);
    lines[tail..].iter().fold(error, |error, line| error.line(*line))
}

pub(super) fn read_log(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
