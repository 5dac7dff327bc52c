//! What markers see on a target.

use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder};

use crate::metadata::Version;
use crate::report::{Error, Result};
use crate::target::{CompatibleTags, Platform, PythonVersion};

/// Newer than the last patch release of any Python: what a version without one is taken for.
const NEWEST_PATCH: u32 = 99;

/// One CPython on one platform.
#[derive(Clone, Debug)]
pub struct Environment {
    pub platform: Platform,
    pub python: PythonVersion,
    full_version: Version,
    markers: MarkerEnvironment,
}

impl Environment {
    /// CPython `python` on `platform`. Without `patch` the newest patch release is meant: markers
    /// that tell patch releases apart almost always tell broken ones from what came after.
    ///
    /// # Errors
    /// None that a valid `PythonVersion` can cause.
    pub fn new(platform: Platform, python: PythonVersion, patch: Option<u32>) -> Result<Self> {
        let full = format!("3.{}.{}", python.minor, patch.unwrap_or(NEWEST_PATCH));
        let wrong = |error: String| Error::bug(format!("the Python version `{full}`: {error}"));
        let short = format!("3.{}", python.minor);
        let (sys_platform, platform_system, machine) = match &platform {
            Platform::Linux(target) => ("linux", "Linux", target.arch.machine.as_str()),
            Platform::MacOs(macos) => ("darwin", "Darwin", macos.machine.name()),
        };
        let markers = MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
            implementation_name: "cpython",
            implementation_version: &full,
            os_name: "posix",
            platform_machine: machine,
            platform_python_implementation: "CPython",
            // Of the kernel a wheel will run on nothing is known.
            platform_release: "",
            platform_system,
            platform_version: "",
            python_full_version: &full,
            python_version: &short,
            sys_platform,
        })
        .map_err(|error| wrong(error.to_string()))?;
        let full_version = full.parse().map_err(|error| wrong(format!("{error}")))?;
        Ok(Self { platform, python, full_version, markers })
    }

    /// The full version, `3.10.99` where no patch release was named.
    pub fn full_version(&self) -> &Version {
        &self.full_version
    }

    /// The wheels that fit, best first.
    pub fn tags(&self) -> CompatibleTags {
        CompatibleTags::new(self.python, &self.platform)
    }

    pub(super) fn markers(&self) -> &MarkerEnvironment {
        &self.markers
    }
}
