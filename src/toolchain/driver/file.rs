//! `driver.toml` on disk.
//!
//! The rules are by far the most of it and are lines already: they stand behind the TOML, as
//! comments. Reading them as TOML would be a good part of what a call costs.

use std::path::Path;

use super::config::Driver;
use crate::report::{Code, Error, Result};

/// Between the TOML and the rules, and between the rules and the defaults.
const MARK: &str = "\n#\n";

impl Driver {
    /// Reads `driver.toml`.
    ///
    /// # Errors
    /// `Code::Io` when it cannot be read, `Code::Config` when it is not one, or not whole.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|error| Error::io("read", file, &error))?;
        let damaged = |cause: &str| {
            Error::new(Code::Config, format!("`{}` is no driver configuration", file.display()))
                .cause(cause.to_owned())
        };
        let mut parts = text.split(MARK);
        // What is split has a first part.
        let toml = parts.next().unwrap_or_default();
        let mut driver: Self = toml::from_str(toml).map_err(|error| damaged(error.message()))?;
        let (Some(rules), Some(defaults), Some("")) = (parts.next(), parts.next(), parts.next()) else {
            return Err(damaged("it has no rules"));
        };
        driver.tools.rules = without_marks(rules);
        driver.tools.defaults = without_marks(defaults);
        Ok(driver)
    }

    /// Writes `driver.toml`.
    ///
    /// # Errors
    /// `Code::Io` or `Code::DiskFull`.
    pub fn write(&self, file: &Path) -> Result<()> {
        let toml = toml::to_string(self)
            .map_err(|error| Error::bug(format!("the driver configuration cannot be written: {error}")))?;
        let (rules, defaults) = (with_marks(&self.tools.rules), with_marks(&self.tools.defaults));
        let text = format!("{toml}{MARK}{rules}{MARK}{defaults}{MARK}");
        std::fs::write(file, text).map_err(|error| Error::io("write", file, &error))
    }
}

/// Every line as a comment of TOML.
fn with_marks(lines: &str) -> String {
    lines.lines().map(|line| format!("#{line}\n")).collect()
}

fn without_marks(lines: &str) -> String {
    let mut out = String::with_capacity(lines.len());
    for line in lines.lines() {
        out.push_str(line.strip_prefix('#').unwrap_or(line));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::config::{Compiler, DriverConfig};
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_less() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("driver.toml");
        let compiler = Compiler::Kit { zig: "/zig".into(), kit: "/kit".into() };
        let (driver, _) = DriverConfig::new("aarch64-linux".parse().unwrap(), compiler).resolve().unwrap();
        driver.write(&file).unwrap();
        let read = Driver::read(&file).unwrap();
        assert_eq!(read.tools.rules, driver.tools.rules);
        assert_eq!(read.tools.defaults, driver.tools.defaults);
        assert_eq!(toml::to_string(&read).unwrap(), toml::to_string(&driver).unwrap());
        assert!(!read.tools.rules.is_empty() && !read.tools.defaults.is_empty());
        // A whole TOML document, for whoever looks at it with other eyes.
        let text = std::fs::read_to_string(&file).unwrap();
        toml::from_str::<toml::Table>(&text).unwrap();
        for end in [0, text.len() / 4, text.len() / 2, text.len() - 1] {
            std::fs::write(&file, &text[..end]).unwrap();
            assert_eq!(Driver::read(&file).unwrap_err().code(), Code::Config, "{end}");
        }
    }
}
