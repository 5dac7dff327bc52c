//! The program loader's search for libraries, by the rules of glibc (ld.so(8)) and of musl.

use std::collections::{BTreeMap, HashMap};

use crate::image::facts::{ElfFacts, PathFacts};
use crate::image::python::LibcKind;
use crate::image::root::Root;
use crate::target::Arch;

/// How a library was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    At(String),
    /// In a folder that ld.so.conf names, while ld.so.cache does not know it.
    OnlyByConfiguration(String),
    /// The C library is its own loader there.
    Itself,
}

/// What a search starts from.
pub struct Loader<'r> {
    root: &'r Root,
    arch: &'static Arch,
    libc: LibcKind,
    /// LD_LIBRARY_PATH of the image.
    environment: Vec<String>,
    /// ld.so.cache.
    cache: HashMap<String, Vec<String>>,
    /// Folders of ld.so.conf.
    configured: Vec<String>,
    defaults: Vec<String>,
}

/// A file that is being loaded, and who asked for it before.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    pub path: &'a str,
    pub elf: &'a ElfFacts,
    /// Who loaded it, nearest first.
    pub before: &'a [(&'a str, &'a ElfFacts)],
}

impl<'r> Loader<'r> {
    pub fn new(root: &'r Root, arch: &'static Arch, libc: LibcKind, environment: Option<&str>) -> Self {
        let environment = environment.unwrap_or_default().split([':', ';']);
        let environment = environment.filter(|folder| !folder.is_empty()).map(str::to_owned).collect();
        let mut loader = Self {
            root,
            arch,
            libc,
            environment,
            cache: HashMap::new(),
            configured: Vec::new(),
            defaults: Vec::new(),
        };
        let text = |path: &str| root.file(path).and_then(|(_, file)| file.text.as_deref());
        match libc {
            LibcKind::Musl => {
                let own = format!("etc/ld-musl-{}.path", arch.musl_arch);
                loader.defaults = match text(&own) {
                    Some(text) => text.split([':', '\n']).map(str::trim).map(str::to_owned).collect(),
                    None => ["/lib", "/usr/local/lib", "/usr/lib"].map(str::to_owned).to_vec(),
                };
            }
            LibcKind::Gnu => {
                for line in text("etc/ld.so.cache").unwrap_or_default().lines() {
                    if let Some((name, path)) = line.split_once(' ') {
                        loader.cache.entry(name.to_owned()).or_default().push(path.to_owned());
                    }
                }
                let mut seen = Vec::new();
                read_configuration(root, "etc/ld.so.conf", &mut loader.configured, &mut seen);
                // Debian's loader looks in the multiarch folders, others' in lib64.
                let multiarch = arch.multiarch.replace("{libc}", "gnu");
                for folder in [
                    format!("/lib/{multiarch}"),
                    format!("/usr/lib/{multiarch}"),
                    "/lib64".to_owned(),
                    "/usr/lib64".to_owned(),
                    "/lib".to_owned(),
                    "/usr/lib".to_owned(),
                ] {
                    if arch.bits == 64 || !folder.ends_with("64") {
                        loader.defaults.push(folder);
                    }
                }
            }
        }
        loader.defaults.retain(|folder| !folder.is_empty());
        loader
    }

    /// Where the loader finds `name` for `asking`.
    pub fn find(&self, name: &str, asking: Asking<'_>) -> Option<Found> {
        if name.contains('/') {
            return self.usable(name).map(Found::At);
        }
        if self.libc == LibcKind::Musl && is_musl_itself(name) {
            return Some(Found::Itself);
        }
        let in_folders =
            |folders: &[String]| folders.iter().find_map(|folder| self.usable(&format!("{folder}/{name}")));
        let paths = self.search_paths(asking);
        if let Some(place) = in_folders(&paths) {
            return Some(Found::At(place));
        }
        let cached = self.cache.get(name).into_iter().flatten();
        if let Some(place) = cached.into_iter().find_map(|path| self.usable(path)) {
            return Some(Found::At(place));
        }
        if let Some(place) = in_folders(&self.defaults) {
            return Some(Found::At(place));
        }
        in_folders(&self.configured).map(Found::OnlyByConfiguration)
    }

    /// The folders of RPATH, LD_LIBRARY_PATH and RUNPATH in the loader's order.
    fn search_paths(&self, asking: Asking<'_>) -> Vec<String> {
        let chain = || std::iter::once((asking.path, asking.elf)).chain(asking.before.iter().copied());
        let mut folders = Vec::new();
        match self.libc {
            LibcKind::Gnu => {
                if asking.elf.runpath.is_none() {
                    for (path, elf) in chain().filter(|(_, elf)| elf.runpath.is_none()) {
                        self.expand(path, elf.rpath.as_deref(), &mut folders);
                    }
                }
                folders.extend(self.environment.iter().cloned());
                self.expand(asking.path, asking.elf.runpath.as_deref(), &mut folders);
            }
            LibcKind::Musl => {
                folders.extend(self.environment.iter().cloned());
                // musl makes no difference between the two, and inherits both.
                for (path, elf) in chain() {
                    self.expand(path, elf.runpath.as_deref().or(elf.rpath.as_deref()), &mut folders);
                }
            }
        }
        folders
    }

    fn expand(&self, path: &str, entries: Option<&[String]>, folders: &mut Vec<String>) {
        let origin = format!("/{}", path.rsplit_once('/').map_or("", |(folder, _)| folder));
        let multiarch = self.arch.multiarch.replace("{libc}", "gnu");
        for entry in entries.unwrap_or_default().iter().filter(|entry| !entry.is_empty()) {
            let entry = entry.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin);
            let entry =
                entry.replace("${PLATFORM}", &self.arch.machine).replace("$PLATFORM", &self.arch.machine);
            if entry.contains("$LIB") || entry.contains("${LIB}") {
                for lib in [format!("lib/{multiarch}"), "lib64".to_owned(), "lib".to_owned()] {
                    folders.push(entry.replace("${LIB}", &lib).replace("$LIB", &lib));
                }
            } else {
                folders.push(entry);
            }
        }
    }

    /// The file at `path` if the loader would take it: an ELF file of the same machine and class.
    fn usable(&self, path: &str) -> Option<String> {
        let (place, file) = self.root.file(path)?;
        let elf = file.elf.as_deref()?;
        let fits = elf.loadable && elf.machine == self.arch.elf_machine && elf.bits == self.arch.bits;
        fits.then_some(place)
    }
}

/// Names that musl's loader takes for itself (musl, ldso/dynlink.c, `load_library`).
pub fn is_musl_itself(name: &str) -> bool {
    const RESERVED: [&str; 7] = ["c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."];
    name.strip_prefix("lib").is_some_and(|rest| RESERVED.iter().any(|own| rest.starts_with(own)))
}

/// The folders that a configuration of ldconfig names, its includes read.
fn read_configuration(root: &Root, path: &str, folders: &mut Vec<String>, seen: &mut Vec<String>) {
    if seen.iter().any(|known| known == path) {
        return;
    }
    seen.push(path.to_owned());
    let Some(text) = root.file(path).and_then(|(_, file)| file.text.as_deref()) else { return };
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(pattern) = line.strip_prefix("include") {
            let pattern = pattern.trim();
            let pattern = match pattern.strip_prefix('/') {
                Some(absolute) => absolute.to_owned(),
                None => format!("etc/{pattern}"),
            };
            let included: BTreeMap<&str, &PathFacts> =
                root.iter().filter(|(path, _)| crate::image::pattern::matches(&pattern, path)).collect();
            for path in included.keys() {
                read_configuration(root, path, folders, seen);
            }
        } else if line.starts_with('/') {
            folders.push(line.split_whitespace().next().unwrap_or(line).to_owned());
        }
    }
}
