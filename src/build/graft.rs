//! Shared libraries that a wheel was linked with, copied into it and recorded.

use std::fs;
use std::path::{Path, PathBuf};

use super::native::Native;
use super::{Builder, Job};
use crate::apt::Pinned;
use crate::native::{self, Library as Row};
use crate::report::{Error, Result};
use crate::wheel::{Grafted, Libraries, Library, RawWheel, debian_purl, graft};

/// The package that a file belongs to.
struct Package {
    name: String,
    version: String,
    architecture: String,
}

impl Builder<'_> {
    /// Copies into `raw` what it needs from the user's trees of the target and from the packages of
    /// `native`. Returns what was copied, for the record.
    ///
    /// # Errors
    /// As [`graft`].
    pub(super) fn graft(&self, job: &Job<'_>, raw: &mut RawWheel, native: &Native) -> Result<Vec<Library>> {
        let own = self.options.sysroots.iter();
        let own: Vec<PathBuf> = own
            .map(|root| fs::canonicalize(root).map_err(|error| Error::io("find", root, &error)))
            .collect::<Result<_>>()?;
        let packaged = native.shared().iter().map(|(root, _)| root.clone());
        let libraries = Libraries::new(own.into_iter().chain(packaged).collect(), job.target.multiarch());
        let grafted = graft(raw, &libraries, job.target)?;
        if !grafted.is_empty() {
            let names: Vec<&str> = grafted.iter().map(|library| library.name.as_str()).collect();
            self.report.info(format!("{}: grafting {}", job.subject, names.join(", ")));
        }
        Ok(grafted.into_iter().map(|library| described(library, native.shared())).collect())
    }
}

fn described(grafted: Grafted, shared: &[(PathBuf, &'static Pinned)]) -> Library {
    let pin = shared.iter().find(|(root, _)| *root == grafted.root).map(|(_, pin)| Package {
        name: pin.package.clone(),
        version: pin.version.clone(),
        architecture: pin.architecture.clone(),
    });
    let package = pin.or_else(|| package_of(&grafted.root, &grafted.path));
    let link = grafted.name.strip_prefix("lib").and_then(|name| name.split_once(".so")).map(|(link, _)| link);
    let of_row = link.and_then(Row::of_link).map(|row| row.licence.clone());
    let licence = of_row.unwrap_or_else(|| match &package {
        Some(package) => {
            let place = grafted.root.join("usr/share/doc").join(&package.name).join("copyright");
            let text = fs::read(place).unwrap_or_default();
            native::licence_of(&package.name, &String::from_utf8_lossy(&text))
        }
        None => "LicenseRef-unknown".to_owned(),
    });
    let version = package.as_ref().map(|package| package.version.clone());
    Library {
        version: version.unwrap_or_else(|| version_in_name(&grafted.path)),
        name: grafted.name,
        licence,
        sha256: grafted.sha256,
        origin: package.map(|package| debian_purl(&package.name, &package.version, &package.architecture)),
        file: Some(grafted.member),
    }
}

/// `5.15` of `libpq.so.5.15`.
fn version_in_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let version = name.split_once(".so.").map(|(_, version)| version).filter(|version| !version.is_empty());
    version.unwrap_or("unknown").to_owned()
}

/// What dpkg's own records in the tree `root` say of the file at `path`.
fn package_of(root: &Path, path: &Path) -> Option<Package> {
    let records = root.join("var/lib/dpkg");
    // /lib may be a link to /usr/lib, and the lists name either.
    let plain = format!("/{}", path.display());
    let short = plain.strip_prefix("/usr").unwrap_or(&plain);
    let owner = fs::read_dir(records.join("info")).ok()?.flatten().find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let owner = name.strip_suffix(".list")?.to_owned();
        let list = fs::read_to_string(entry.path()).ok()?;
        list.lines().any(|line| line == plain || line == short).then_some(owner)
    })?;
    let name = owner.split(':').next().unwrap_or(&owner).to_owned();
    let status = fs::read_to_string(records.join("status")).ok()?;
    let architecture = owner.split_once(':').map(|(_, architecture)| architecture);
    status.split("\n\n").find_map(|stanza| {
        let field = |key: &str| {
            stanza.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).map(str::to_owned)
        };
        let right = field("Package")? == name
            && architecture.is_none_or(|wanted| field("Architecture").as_deref() == Some(wanted));
        right.then_some(())?;
        Some(Package { name: name.clone(), version: field("Version")?, architecture: field("Architecture")? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_s_own_records_name_the_package() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        let put = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("var/lib/dpkg/info/libx1:arm64.list", "/.\n/lib/aarch64-linux-gnu/libx.so.1.2\n");
        put("var/lib/dpkg/info/other.list", "/usr/lib/libother.so\n");
        put(
            "var/lib/dpkg/status",
            "Package: libx1\nArchitecture: amd64\nVersion: 0\n\nPackage: libx1\nArchitecture: arm64\nVersion: 1:1.2-3\n",
        );
        put("usr/share/doc/libx1/copyright", "Files: *\nLicense: LGPL-2.1+\n");
        let grafted = |path: &str| Grafted {
            member: "a.libs/libx-1.so.1".into(),
            name: "libx.so.1".into(),
            root: root.to_owned(),
            path: path.into(),
            sha256: "0".repeat(64),
        };
        let known = described(grafted("usr/lib/aarch64-linux-gnu/libx.so.1.2"), &[]);
        assert_eq!(known.version, "1:1.2-3");
        assert_eq!(known.origin.as_deref(), Some("pkg:deb/debian/libx1@1%3A1.2-3?arch=arm64"));
        assert_eq!(known.licence, "LGPL-2.1-or-later");
        let unknown = described(grafted("usr/lib/libx.so.1.4"), &[]);
        assert_eq!((unknown.version.as_str(), unknown.origin), ("1.4", None));
    }
}
