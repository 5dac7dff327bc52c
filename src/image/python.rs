//! The interpreter of an image, found from its files without running it.

use super::facts::{ElfFacts, PathFacts};
use super::root::Root;
use crate::target::{Arch, Libc, PythonVersion, Target};

/// A Python in an image. Paths have no slash at their start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePython {
    /// The program, `usr/bin/python3.11`.
    pub program: String,
    pub version: PythonVersion,
    /// `3.11.2`, where its data says so.
    pub full_version: Option<String>,
    pub arch: &'static Arch,
    /// The C library it is linked to; none if it is linked statically.
    pub libc: Option<LibcKind>,
    pub scheme: Scheme,
}

/// Which C library, whatever its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LibcKind {
    Gnu,
    Musl,
}

/// Where an installer puts things for one interpreter (`sysconfig.get_paths()`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// purelib and platlib.
    pub site_packages: String,
    pub scripts: String,
    /// What `data` of a wheel is relative to; empty for the root.
    pub data: String,
    /// Has a folder for each project.
    pub headers: String,
    /// The interpreter as scripts name it, with a slash at its start.
    pub program: String,
}

impl ImagePython {
    /// The interpreter of `root`: of version `wanted` if given, else the first by the folders of
    /// `search` (PATH of the image), else any.
    pub fn find(root: &Root, wanted: Option<PythonVersion>, search: &[String]) -> Option<Self> {
        let mut all = Self::all(root);
        all.retain(|python| wanted.is_none_or(|wanted| wanted == python.version));
        let rank = |python: &Self| {
            let folder = python.program.rsplit_once('/').map_or("", |(folder, _)| folder);
            let place = |name: &String| root.resolve(name);
            let position = search.iter().position(|name| place(name).as_deref() == Some(folder));
            (position.unwrap_or(usize::MAX), std::cmp::Reverse(python.version), python.program.len())
        };
        all.sort_by_key(rank);
        all.into_iter().next()
    }

    /// Every interpreter of `root` that has its standard library beside it.
    pub fn all(root: &Root) -> Vec<Self> {
        root.iter().filter_map(|(path, facts)| Self::at(root, path, facts)).collect()
    }

    fn at(root: &Root, path: &str, facts: &PathFacts) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/')?;
        let version = name.strip_prefix("python")?;
        if !version.starts_with("3.") {
            return None;
        }
        let version: PythonVersion = version.parse().ok().filter(|parsed: &PythonVersion| {
            // `python3.11-config` and `python3.11.7` are other files.
            parsed.to_string() == version
        })?;
        let prefix = match folder {
            "bin" => "",
            _ => folder.strip_suffix("/bin")?,
        };
        if !matches!(facts, PathFacts::File(_) | PathFacts::Link(_)) {
            return None;
        }
        let (real, file) = root.file(path)?;
        let elf = file.elf.as_deref().filter(|elf| elf.loadable)?;
        let arch = Arch::of_elf(elf.machine).filter(|arch| arch.bits == elf.bits)?;
        let join = |rest: &str| if prefix.is_empty() { rest.to_owned() } else { format!("{prefix}/{rest}") };
        let stdlib = ["lib", "lib64"]
            .map(|folder| join(&format!("{folder}/{}", version.program())))
            .into_iter()
            .find(|stdlib| root.file(&format!("{stdlib}/os.py")).is_some())?;
        let is_debian = root
            .file(&format!("{stdlib}/site.py"))
            .and_then(|(_, site)| site.text.as_deref())
            .is_some_and(|text| text.contains("dist-packages"));
        let program = format!("/{path}");
        let scheme = if is_debian {
            // Debian's own folder is its package manager's; its site.py also looks here, first.
            Scheme {
                site_packages: join(&format!("local/lib/{}/dist-packages", version.program())),
                scripts: join("local/bin"),
                data: join("local"),
                headers: join(&format!("local/include/{}", version.program())),
                program,
            }
        } else {
            Scheme {
                site_packages: format!("{stdlib}/site-packages"),
                scripts: join("bin"),
                data: prefix.to_owned(),
                headers: join(&format!("include/{}", version.program())),
                program,
            }
        };
        let full_version = version_of(root, elf, &real, prefix);
        Some(Self { program: path.to_owned(), version, full_version, arch, libc: libc_of(elf), scheme })
    }

    /// Whether it runs where `target` does.
    pub fn fits(&self, target: &Target) -> bool {
        self.arch == target.arch
            && self.libc.is_none_or(|libc| {
                matches!(
                    (libc, target.libc),
                    (LibcKind::Gnu, Libc::Gnu { .. }) | (LibcKind::Musl, Libc::Musl)
                )
            })
    }

    /// `CPython 3.11.2 for x86_64, glibc`.
    pub fn describe(&self) -> String {
        let version = self.full_version.clone().unwrap_or_else(|| self.version.to_string());
        let libc = match self.libc {
            Some(LibcKind::Gnu) => ", glibc",
            Some(LibcKind::Musl) => ", musl",
            None => "",
        };
        format!("CPython {version} for {}{libc} at `/{}`", self.arch, self.program)
    }
}

fn libc_of(elf: &ElfFacts) -> Option<LibcKind> {
    let by_loader = elf.loader.as_deref().map(|loader| match loader.contains("/ld-musl-") {
        true => LibcKind::Musl,
        false => LibcKind::Gnu,
    });
    by_loader.or_else(|| {
        elf.needed.iter().find_map(|name| match name.as_str() {
            "libc.so.6" => Some(LibcKind::Gnu),
            "libc.so" => Some(LibcKind::Musl),
            name if name.starts_with("libc.musl-") => Some(LibcKind::Musl),
            _ => None,
        })
    })
}

/// The full version, from the program or the libpython it needs.
fn version_of(root: &Root, elf: &ElfFacts, program: &str, prefix: &str) -> Option<String> {
    if elf.python.is_some() {
        return elf.python.clone();
    }
    let folder = program.rsplit_once('/').map_or("", |(folder, _)| folder);
    let name = elf.needed.iter().find(|name| name.starts_with("libpython3"))?;
    let below = [format!("{folder}/../lib/{name}"), format!("{prefix}/lib/{name}")];
    let beside = below.iter().find_map(|path| root.file(path));
    let anywhere = || {
        root.iter()
            .find_map(|(path, _)| path.ends_with(&format!("/{name}")).then(|| root.file(path)).flatten())
    };
    beside.or_else(anywhere).and_then(|(_, file)| file.elf.as_ref()?.python.clone())
}
