//! The machine wheelbuild runs on, as a platform.

use std::path::Path;

use crate::python::interpreter::{self, Search};
use crate::report::{Code, Error, Report, Result};
use crate::target::{Arch, Interpreter, Libc, MacMachine, MacOs, Platform, PythonVersion, Target};

/// How this machine is called as a target.
pub const HOST: &str = "host";

/// The platform of this machine, as its Python `version` sees it where there is one.
///
/// # Errors
/// [`Code::UnsupportedTarget`] when it is neither a Linux we know nor macOS, or its C library
/// cannot be found out.
pub fn host(version: PythonVersion, search: &Search, report: &Report) -> Result<Platform> {
    let unknown = |why: &str| {
        Error::new(Code::UnsupportedTarget, "the platform of this machine cannot be found out")
            .cause(why.to_owned())
            .hint("name it, for example `--target x86_64-linux`")
    };
    if std::env::consts::OS == "macos" {
        let machine = match std::env::consts::ARCH {
            "aarch64" => MacMachine::Arm64,
            _ => MacMachine::X86_64,
        };
        let said =
            said_by("sw_vers", &["-productVersion"]).ok_or_else(|| unknown("`sw_vers` says nothing"))?;
        let mut numbers = said.trim().split('.').map(|part| part.parse::<u32>().ok());
        let major = numbers.next().flatten().ok_or_else(|| unknown("`sw_vers` names no version"))?;
        let minor = if major == 10 { numbers.next().flatten().unwrap_or(0) } else { 0 };
        return Ok(Platform::MacOs(MacOs { machine, version: (major, minor) }));
    }
    let asked = Interpreter::Version(version);
    let python =
        interpreter::find(Some(&asked), search, report).or_else(|_| interpreter::find(None, search, report));
    if let Some(target) = python.ok().and_then(|python| python.build_target()) {
        return Ok(Platform::Linux(target));
    }
    let arch =
        Arch::find(std::env::consts::ARCH).ok_or_else(|| unknown("its processor is not in the table"))?;
    // `glibc 2.36`
    let glibc = said_by("getconf", &["GNU_LIBC_VERSION"])
        .and_then(|said| said.trim().strip_prefix("glibc 2.")?.split('.').next()?.parse().ok());
    let libc = match glibc {
        Some(minor) => Libc::Gnu { minor },
        None if Path::new(&format!("/lib/ld-musl-{}.so.1", arch.musl_arch)).exists() => Libc::Musl,
        None => return Err(unknown("neither glibc nor musl was found")),
    };
    Ok(Platform::Linux(Target { arch, libc }))
}

fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        duct::cmd(program, arguments).stdin_null().stdout_capture().stderr_null().unchecked().run().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
