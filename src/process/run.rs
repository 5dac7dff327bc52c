//! One isolated run, from the caller's side.

use std::fs::{File, OpenOptions};
use std::path::{Component, Path};

use super::{Command, Interrupt, Outcome, Sandbox, supervisor};
use crate::report::{Code, Error, Result};

/// Runs `command` in `sandbox` and waits until it and everything it started are gone.
///
/// May be called from many threads at once. A program that fails or goes over a limit is an
/// [`Outcome`], not an error.
///
/// What the program wrote is as little to be trusted as the program: a file in its writable
/// folder may be a symbolic link to anywhere, a device or a pipe. Open such files without
/// following links.
///
/// # Errors
///
/// [`Code::Interrupted`] when `interrupt` is set before or during the run, [`Code::Isolation`]
/// when the sandbox cannot be made, [`Code::Program`] when the program cannot be started,
/// [`Code::Io`] or [`Code::DiskFull`] when the log cannot be written.
pub fn run(command: &Command, sandbox: &Sandbox, interrupt: &Interrupt) -> Result<Outcome> {
    interrupt.check()?;
    check(command, sandbox)?;
    let log = open_log(&command.log)?;
    supervisor::supervise(command, sandbox, interrupt, log)
}

/// Finds what the caller did wrong before anything is started.
fn check(command: &Command, sandbox: &Sandbox) -> Result<()> {
    let inside = [&command.program, &command.cwd];
    for path in sandbox.mounts.iter().map(|mount| &mount.at).chain(inside) {
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if !path.is_absolute() || !plain {
            return Err(Error::bug(format!("`{}` is no plain absolute path", path.display())));
        }
    }
    for mount in &sandbox.mounts {
        if !sandbox.isolation.moves_paths() && mount.at != mount.source {
            return Err(Error::bug(format!(
                "`{}` cannot be seen at `{}` with isolation `{}`",
                mount.source.display(),
                mount.at.display(),
                sandbox.isolation
            )));
        }
        if mount.at == Path::new("/") {
            return Err(Error::bug("a mount would cover the root"));
        }
    }
    Ok(())
}

fn open_log(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).append(true).open(path).map_err(|error| Error::io("write", path, &error))
}

/// The error for a sandbox that could not be made; `cause` says at which step and why.
#[cfg(target_os = "linux")]
pub(super) fn broken_sandbox(sandbox: &Sandbox, cause: String) -> Error {
    Error::new(Code::Isolation, format!("cannot isolate the build with `{}`", sandbox.isolation))
        .cause(cause)
        .hint("see `wheelbuild doctor`, or use a weaker `--isolation`")
}

/// The error for a program that could not be started.
pub(super) fn not_started(command: &Command, cause: String) -> Error {
    Error::new(Code::Program, format!("cannot start `{}` for the build", command.program.display()))
        .cause(cause)
}

#[cfg(test)]
mod tests {
    use super::super::{Isolation, Mount};
    use super::*;

    fn command(cwd: &str) -> Command {
        Command {
            program: "/bin/true".into(),
            args: Vec::new(),
            env: Default::default(),
            cwd: cwd.into(),
            log: "/nowhere".into(),
        }
    }

    #[test]
    fn a_mount_that_cannot_be_moved_or_named_is_refused_not_ignored() {
        let bad = [
            Sandbox::new(Isolation::Landlock).mount(Mount::at("/a", "/b")),
            Sandbox::new(Isolation::None).mount(Mount::at("/a", "/b")),
            Sandbox::new(Isolation::Namespaces).mount(Mount::at("/a", "b")),
            Sandbox::new(Isolation::Namespaces).mount(Mount::at("/a", "/b/../c")),
            Sandbox::new(Isolation::Namespaces).mount(Mount::here("/")),
        ];
        for sandbox in bad {
            assert_eq!(check(&command("/"), &sandbox).unwrap_err().code(), Code::Bug, "{sandbox:?}");
        }
        assert!(check(&command("work"), &Sandbox::new(Isolation::None)).is_err());
        check(&command("/"), &Sandbox::new(Isolation::Namespaces).mount(Mount::at("/a", "/b"))).unwrap();
        check(&command("/"), &Sandbox::new(Isolation::None).mount(Mount::here("/a"))).unwrap();
    }
}
