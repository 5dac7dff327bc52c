//! What wheels are chosen for: every Linux target, and macOS, for which nothing is built.

use std::fmt;
use std::str::FromStr;

use super::Target;
use crate::report::{Error, Result};

/// The macOS a target means when it names no version: the oldest that is not end-of-life, as uv takes it.
const DEFAULT_MACOS: (u32, u32) = (13, 0);

/// A processor that macOS runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MacMachine {
    Arm64,
    X86_64,
}

impl MacMachine {
    /// As platform tags and `platform.machine()` say it there.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "aarch64" | "arm64" => Some(Self::Arm64),
            "x86_64" | "amd64" | "x64" | "x86-64" => Some(Self::X86_64),
            _ => None,
        }
    }
}

/// A macOS with the version that a wheel may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MacOs {
    pub machine: MacMachine,
    /// `(13, 0)`
    pub version: (u32, u32),
}

/// A machine with its system, as far as the choice of a wheel depends on it.
///
/// ```
/// use wheelbuild::target::Platform;
/// let platform: Platform = "aarch64-macos".parse().unwrap();
/// assert_eq!(platform.to_string(), "aarch64-macos.13.0");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Platform {
    Linux(Target),
    MacOs(MacOs),
}

impl Platform {
    /// The target, where wheels can be built for it.
    pub fn target(&self) -> Option<Target> {
        match self {
            Self::Linux(target) => Some(*target),
            Self::MacOs(_) => None,
        }
    }
}

impl From<Target> for Platform {
    fn from(target: Target) -> Self {
        Self::Linux(target)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linux(target) => target.fmt(f),
            Self::MacOs(MacOs { machine, version: (major, minor) }) => {
                let machine = if *machine == MacMachine::Arm64 { "aarch64" } else { "x86_64" };
                write!(f, "{machine}-macos.{major}.{minor}")
            }
        }
    }
}

impl FromStr for Platform {
    type Err = Error;

    /// Reads every spelling of a [`Target`], and `aarch64-macos`, `x86_64-macos.14.0`,
    /// `aarch64-apple-darwin`, `macosx_11_0_arm64`, `darwin/arm64`.
    fn from_str(text: &str) -> Result<Self> {
        match macos(&text.trim().to_ascii_lowercase()) {
            Some(macos) => Ok(Self::MacOs(macos)),
            None => text.parse().map(Self::Linux),
        }
    }
}

fn macos(text: &str) -> Option<MacOs> {
    let version = |text: &str, separator: char| -> Option<(u32, u32)> {
        let (major, minor) = text.split_once(separator).unwrap_or((text, "0"));
        Some((major.parse().ok()?, minor.parse().ok()?)).filter(|version| *version >= (10, 4))
    };
    if let Some(rest) = text.strip_prefix("macosx_") {
        let (numbers, machine) = rest.match_indices('_').nth(1).map(|(at, _)| rest.split_at(at))?;
        return Some(MacOs { machine: MacMachine::parse(&machine[1..])?, version: version(numbers, '_')? });
    }
    if let Some((system, machine)) = text.split_once('/') {
        let known = matches!(system, "darwin" | "macos" | "macosx");
        return known
            .then(|| Some(MacOs { machine: MacMachine::parse(machine)?, version: DEFAULT_MACOS }))?;
    }
    let (machine, system) = text.rsplit_once('-')?;
    let machine = MacMachine::parse(machine.strip_suffix("-apple").unwrap_or(machine))?;
    let (name, numbers) = match system.split_once('.') {
        Some((name, numbers)) => (name, Some(numbers)),
        None => (system, None),
    };
    matches!(name, "macos" | "macosx" | "darwin").then(|| {
        let version = numbers.map_or(Some(DEFAULT_MACOS), |numbers| version(numbers, '.'))?;
        Some(MacOs { machine, version })
    })?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Code;

    #[test]
    fn spellings() {
        for (text, meant) in [
            ("aarch64-macos", "aarch64-macos.13.0"),
            ("arm64-macos", "aarch64-macos.13.0"),
            ("x86_64-macos", "x86_64-macos.13.0"),
            ("x86-64-macos", "x86_64-macos.13.0"),
            ("aarch64-macos.14", "aarch64-macos.14.0"),
            ("x86_64-macos.10.15", "x86_64-macos.10.15"),
            ("aarch64-apple-darwin", "aarch64-macos.13.0"),
            ("macosx_11_0_arm64", "aarch64-macos.11.0"),
            ("macosx_10_9_x86_64", "x86_64-macos.10.9"),
            ("darwin/arm64", "aarch64-macos.13.0"),
            ("x86_64-linux", "x86_64-linux-gnu.2.28"),
            ("linux/arm64", "aarch64-linux-gnu.2.28"),
        ] {
            let platform: Platform = text.parse().unwrap();
            assert_eq!(platform.to_string(), meant);
            assert_eq!(meant.parse::<Platform>().unwrap(), platform);
        }
        for (text, code) in [
            ("riscv64-macos", Code::UnsupportedTarget),
            ("x86_64-windows", Code::UnsupportedTarget),
            ("aarch64-macos.x", Code::UnsupportedTarget),
            ("macosx_11_arm64", Code::UnsupportedTarget),
            ("toaster", Code::UnknownTarget),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap_err().code(), code, "{text}");
        }
    }
}
