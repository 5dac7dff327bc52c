//! Requirements as text (PEP 508): what may stand in a build, and which are met.

use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder, Requirement as Pep508, VersionOrUrl};
use url::Url;

use super::Requirement;
use crate::metadata::{self, normalize};
use crate::python::interpreter::BuildPython;
use crate::report::{Code, Error, Result};

/// Reads a requirement of a build. The text comes from a stranger's pyproject.toml and goes to the
/// resolver, so it has to be a requirement and nothing else: no option, no path, no address.
///
/// # Errors
/// [`Code::BadPyproject`].
pub(super) fn parse(text: &str) -> Result<Pep508<Url>> {
    let shown = text.escape_default();
    let requirement = metadata::requirement(text).map_err(|why| {
        Error::new(Code::BadPyproject, format!("`{shown}` is no build requirement")).cause(why)
    })?;
    if matches!(requirement.version_or_url, Some(VersionOrUrl::Url(_))) {
        return Err(Error::new(Code::BadPyproject, format!("the build requirement `{shown}` is an address"))
            .cause("build requirements come from the package index, where they can be locked by hash")
            .hint("give its wheel as a file: `--build-dep WHEEL`"));
    }
    Ok(requirement)
}

/// The requirements that `installed` does not meet for a build by `python`; those whose marker is
/// false there need nothing.
///
/// # Errors
/// As for [`super::resolve`]'s requirements.
pub fn unsatisfied(
    requires: &[String],
    python: &BuildPython,
    installed: &[Requirement],
) -> Result<Vec<String>> {
    let environment = markers(python)?;
    let mut missing = Vec::new();
    for text in requires {
        let requirement = parse(text)?;
        if !requirement.marker.evaluate(&environment, &[]) {
            continue;
        }
        let name = normalize(requirement.name.as_ref());
        let met = installed.iter().filter(|installed| normalize(&installed.name) == name).any(|installed| {
            match &requirement.version_or_url {
                Some(VersionOrUrl::VersionSpecifier(specifiers)) => {
                    installed.version.parse().is_ok_and(|version| specifiers.contains(&version))
                }
                _ => true,
            }
        });
        if !met {
            missing.push(text.clone());
        }
    }
    Ok(missing)
}

/// What markers see on the build machine.
fn markers(python: &BuildPython) -> Result<MarkerEnvironment> {
    let (system, machine) = python.platform.split_once('-').unwrap_or((&python.platform, ""));
    let (sys_platform, platform_system) = match system {
        "macosx" => ("darwin", "Darwin"),
        _ => ("linux", "Linux"),
    };
    let machine = match system {
        "macosx" if std::env::consts::ARCH == "aarch64" => "arm64",
        "macosx" => std::env::consts::ARCH,
        _ => machine,
    };
    let short = format!("3.{}", python.version.minor);
    MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: &python.full_version,
        os_name: "posix",
        platform_machine: machine,
        platform_python_implementation: "CPython",
        platform_release: "",
        platform_system,
        platform_version: "",
        python_full_version: &python.full_version,
        python_version: &short,
        sys_platform,
    })
    .map_err(|error| Error::bug(format!("the interpreter's version `{}`: {error}", python.full_version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requirements_pass() {
        for good in ["setuptools>=60", "a[b,c]~=1.0; python_version<'3.12'", "Cython", "x (>=1)"] {
            parse(good).unwrap();
        }
        for bad in [
            "-r /etc/passwd",
            "--index-url http://evil.test",
            "./local",
            "/a/b.whl",
            "a @ https://evil.test/a.whl",
            "a @ file:///etc/x",
            "a\n-r x",
            "git+https://x.test/a",
            "name- >=1",
            "name[extra_]",
            "",
        ] {
            assert_eq!(parse(bad).unwrap_err().code(), Code::BadPyproject, "{bad}");
        }
    }
}
