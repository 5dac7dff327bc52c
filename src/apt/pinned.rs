//! The pin of one file.

use crate::cache::Digest;
use crate::report::{Code, Error, Result};

/// One file of a Debian archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pinned {
    /// `libffi-dev`; the source package's name for sources.
    pub package: String,
    /// Debian's version, with epoch and revision: `3.4.4-1`.
    pub version: String,
    /// `arm64`, `all`, or `source`.
    pub architecture: String,
    /// Below the archive's root: `pool/main/libf/libffi/libffi-dev_3.4.4-1_arm64.deb`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    pub sha256: Digest,
}

impl Pinned {
    /// The last part of its path.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Where archives have it: the pool of security updates is one of its own, and what is in it
    /// moves to the main pool with the next point release.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = vec![self.path.clone()];
        if let Some(rest) = self.path.strip_prefix("pool/updates/") {
            paths.push(format!("pool/{rest}"));
        } else if let Some(rest) = self.path.strip_prefix("pool/main/") {
            paths.push(format!("pool/updates/main/{rest}"));
        }
        paths
    }

    /// For people: `libffi-dev 3.4.4-1 (arm64)`.
    pub fn describe(&self) -> String {
        format!("{} {} ({})", self.package, self.version, self.architecture)
    }
}

/// Reads a table of pins: a line each of package, version, architecture, path, size and sha256 with
/// tabs between; `#` starts a comment.
///
/// # Errors
/// [`Code::Config`] with the line.
pub fn read_table(text: &str) -> Result<Vec<Pinned>> {
    let rows = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|line| {
        row(line)
            .ok_or_else(|| Error::new(Code::Config, "a table of pinned packages is malformed").line(line))
    })
    .collect()
}

fn row(line: &str) -> Option<Pinned> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [package, version, architecture, path, size, sha256] = fields[..] else { return None };
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if [package, version, architecture].contains(&"") || !path.split('/').all(plain) {
        return None;
    }
    Some(Pinned {
        package: package.to_owned(),
        version: version.to_owned(),
        architecture: architecture.to_owned(),
        path: path.to_owned(),
        size: size.parse().ok()?,
        sha256: sha256.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let digest = "a".repeat(64);
        let line = format!("libx-dev\t1:2.0-1\tarm64\tpool/main/libx/libx-dev_2.0-1_arm64.deb\t12\t{digest}");
        let pins = read_table(&format!("# head\n{line}\n")).unwrap();
        assert_eq!(pins[0].file_name(), "libx-dev_2.0-1_arm64.deb");
        assert_eq!(pins[0].describe(), "libx-dev 1:2.0-1 (arm64)");
        for bad in [
            line.replace("\t12\t", "\tx\t"),
            line.replace("pool/main", "pool/../main"),
            line.replace("pool/main", "/pool"),
            line.replace("libx-dev\t", "\t"),
            line.replace(&digest, "abc"),
            format!("{line}\tmore"),
        ] {
            assert_eq!(read_table(&bad).unwrap_err().code(), Code::Config, "{bad}");
        }
    }

    #[test]
    fn security_updates_move() {
        let digest = "a".repeat(64);
        let of = |path: &str| {
            let line = format!("x\t1\tall\t{path}\t1\t{digest}");
            read_table(&line).unwrap()[0].paths()
        };
        assert_eq!(of("pool/updates/main/x/x/x_1_all.deb")[1], "pool/main/x/x/x_1_all.deb");
        assert_eq!(of("pool/main/x/x/x_1_all.deb")[1], "pool/updates/main/x/x/x_1_all.deb");
        assert_eq!(of("pool/non-free/x/x/x_1_all.deb").len(), 1);
    }
}
