//! Which folders belong to the build machine and must not reach the target.

use std::path::{Component, Path, PathBuf};

use super::command::Arg;
use super::config::Driver;
use super::linker_command::LinkerArg;

/// Judges paths in a call made in `cwd`.
pub struct Folders<'a> {
    driver: &'a Driver,
    cwd: &'a Path,
}

/// Options whose value is a folder of headers, or of programs and start files.
const INCLUDE: &[&str] = &["-I", "-isystem", "-idirafter", "-iquote", "-B", "-iprefix", "-iwithprefix"];
/// Linker options, in canonical spelling, whose value is a list of folders.
const LINKER: &[&str] = &["-L", "--library-path", "--rpath", "--rpath-link", "-R", "-Y"];

impl<'a> Folders<'a> {
    pub fn new(driver: &'a Driver, cwd: &'a Path) -> Self {
        Self { driver, cwd }
    }

    /// The argument without folders of the build machine: `None` when nothing of it is left.
    pub fn filter(&self, arg: Arg) -> Option<Arg> {
        match arg {
            Arg::Pair(name, value, joint) if INCLUDE.contains(&name.as_str()) && self.hides(&value) => {
                self.of_target(&value).map(|value| Arg::Pair(name, value, joint))
            }
            Arg::Pair(name, value, _) if name == "-L" && self.hides(&value) => None,
            Arg::Linker(arg) => self.filter_linker(arg).map(Arg::Linker),
            Arg::Pair(name, value, joint) if name == "-rpath" => {
                self.filter_list(&value).map(|value| Arg::Pair(name, value, joint))
            }
            arg => Some(arg),
        }
    }

    /// The target's folder in place of one below the machine's headers, where a sysroot has it:
    /// `/usr/include/freetype2` is what a setup script names that asks nobody.
    fn of_target(&self, path: &str) -> Option<String> {
        let path = normalise(Path::new(path.trim()));
        let below = path.strip_prefix("/usr/include").ok().filter(|below| below.as_os_str() != "")?;
        let roots = self.driver.pkg_config_sysroots.iter().map(|root| Path::new(root).join("usr/include"));
        let mut folders = roots.map(|root| root.join(below));
        folders.find(|folder| folder.is_dir()).map(|folder| folder.display().to_string())
    }

    /// The same for a linker's own argument. Run paths are lists with colons.
    pub fn filter_linker(&self, arg: LinkerArg) -> Option<LinkerArg> {
        let canonical = arg.canonical();
        let name = canonical.split(' ').next().unwrap_or_default();
        match &arg.value {
            Some(value) if LINKER.contains(&name) => {
                self.filter_list(value).map(|value| LinkerArg { value: Some(value), ..arg })
            }
            _ => Some(arg),
        }
    }

    /// A list of folders with colons between, without the hidden ones.
    pub fn filter_list(&self, list: &str) -> Option<String> {
        let kept: Vec<&str> = list.split(':').filter(|folder| !self.hides(folder)).collect();
        (!kept.is_empty()).then(|| kept.join(":"))
    }

    /// True for an object, archive or shared library of the build machine named as a file.
    pub fn is_foreign_input(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let linkable =
            [".a", ".o", ".so", ".la", ".lo"].iter().any(|end| name.ends_with(end)) || name.contains(".so.");
        linkable && path.starts_with('/') && self.hides(path)
    }

    /// True for a path at or below a folder of the build machine. Headers that Python packages bring
    /// (below `site-packages`) are not hidden, nor is what the configuration keeps.
    pub fn hides(&self, path: &str) -> bool {
        let path = path.trim();
        if path.is_empty() || path.starts_with('=') || path.starts_with("$ORIGIN") {
            return false;
        }
        let path = normalise(&self.cwd.join(path));
        let below = |folders: &[String]| folders.iter().any(|folder| path.starts_with(folder));
        let driver = self.driver;
        if below(&driver.keep) {
            return false;
        }
        let hidden = below(&driver.host_include) || below(&driver.host_library) || below(&driver.hide);
        hidden
            && !path
                .components()
                .any(|part| driver.packages.iter().any(|name| part.as_os_str() == name.as_str()))
    }
}

/// The path without `.`, `..` and doubled slashes, by its spelling alone.
pub fn normalise(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}
