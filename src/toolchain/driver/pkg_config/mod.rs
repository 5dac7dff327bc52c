//! `pkg-config`, and the configuration programs of single libraries (`pg_config`, `xml2-config`, …), as
//! parts of this program: they see the target's libraries only, and the machine needs none of them.
//!
//! What pkg-config(1) says of its options holds, with three differences that cross builds want: a file
//! below a sysroot names its folders there, so that neither PKG_CONFIG_SYSROOT_DIR nor PKG_CONFIG_LIBDIR
//! is asked for; folders that a compiler searches by itself are named all the same, since packages look
//! into them for files; a missing module of `Requires.private` is passed over, since the driver adds what
//! static archives need to each link.

mod file;
mod modules;
mod program;
mod version;

use std::path::{Path, PathBuf};

use super::config::Driver;
use super::folders::Folders;
use modules::Modules;

pub use program::NAMES as PROGRAMS;

/// What a call says and ends with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl Answer {
    fn ok(stdout: impl Into<String>) -> Self {
        Self { stdout: stdout.into(), ..Self::default() }
    }

    fn failed(stderr: impl Into<String>) -> Self {
        Self { stderr: stderr.into(), code: 1, ..Self::default() }
    }
}

/// The version this pkg-config says it is of: the last one of the original.
const VERSION: &str = "0.29.2";

/// Answers a call of `pkg-config` with `args`, made in `cwd`. `path` is PKG_CONFIG_PATH: folders that a
/// package names itself, for libraries it has just built, are looked into first unless they are the
/// build machine's.
pub fn answer(driver: &Driver, cwd: &Path, path: Option<&str>, args: &[String]) -> Answer {
    let own = path.and_then(|path| Folders::new(driver, cwd).filter_list(path)).unwrap_or_default();
    let mut folders: Vec<(PathBuf, Option<String>)> =
        own.split(':').filter(|folder| !folder.is_empty()).map(|folder| (cwd.join(folder), None)).collect();
    for folder in &driver.pkg_config_folders {
        let root = driver.pkg_config_sysroots.iter().find(|root| Path::new(folder).starts_with(root));
        folders.push((PathBuf::from(folder), root.cloned()));
    }
    call(&mut Modules::new(folders), args)
}

/// Answers a call of the configuration program `name`.
pub fn program(driver: &Driver, name: &str, args: &[String]) -> Answer {
    let folders = driver.pkg_config_folders.iter().map(|folder| {
        let root = driver.pkg_config_sysroots.iter().find(|root| Path::new(folder).starts_with(root));
        (PathBuf::from(folder), root.cloned())
    });
    program::answer(&mut Modules::new(folders.collect()), name, args)
}

/// What is asked of modules.
#[derive(Default)]
struct Question {
    exists: bool,
    model: bool,
    print_errors: bool,
    silent: bool,
    statics: bool,
    version: bool,
    cflags: Vec<fn(&str) -> bool>,
    libs: Vec<fn(&str) -> bool>,
    variable: Option<String>,
    print_variables: bool,
    print_provides: bool,
    print_requires: Option<bool>,
    path: bool,
    list: bool,
    at_least: Option<(&'static str, String)>,
    defines: Vec<(String, String)>,
    names: Vec<String>,
}

fn is_any(_: &str) -> bool {
    true
}
fn is_include(flag: &str) -> bool {
    flag.starts_with("-I") || flag.starts_with("-isystem") || flag.starts_with("-idirafter")
}
fn is_other_cflag(flag: &str) -> bool {
    !is_include(flag)
}
fn is_library(flag: &str) -> bool {
    flag.starts_with("-l")
}
fn is_folder(flag: &str) -> bool {
    flag.starts_with("-L")
}
fn is_other_lib(flag: &str) -> bool {
    !is_library(flag) && !is_folder(flag)
}

fn call(modules: &mut Modules, args: &[String]) -> Answer {
    let mut question = Question::default();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let (name, mut value) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (arg.as_str(), None),
        };
        let mut take = || value.take().or_else(|| rest.next().cloned()).unwrap_or_default();
        match name {
            "--version" => return Answer::ok(format!("{VERSION}\n")),
            "--about" | "--help" => return Answer::ok("pkg-config of wheelbuild: see pkg-config(1)\n"),
            "--atleast-pkgconfig-version" => {
                return Answer {
                    code: i32::from(version::compare(VERSION, &take()).is_lt()),
                    ..Answer::default()
                };
            }
            "--exists" | "--validate" => question.exists = true,
            "--print-errors" => question.print_errors = true,
            "--silence-errors" => question.silent = true,
            "--static" => question.statics = true,
            "--modversion" => question.version = true,
            "--cflags" => question.cflags.push(is_any),
            "--cflags-only-I" => question.cflags.push(is_include),
            "--cflags-only-other" => question.cflags.push(is_other_cflag),
            "--libs" => question.libs.push(is_any),
            "--libs-only-l" => question.libs.push(is_library),
            "--libs-only-L" => question.libs.push(is_folder),
            "--libs-only-other" => question.libs.push(is_other_lib),
            "--variable" => question.variable = Some(take()),
            "--print-variables" => question.print_variables = true,
            "--print-provides" => question.print_provides = true,
            "--print-requires" => question.print_requires = Some(false),
            "--print-requires-private" => question.print_requires = Some(true),
            "--path" => question.path = true,
            "--list-all" | "--list-package-names" => question.list = true,
            "--atleast-version" => question.at_least = Some((">=", take())),
            "--exact-version" => question.at_least = Some(("=", take())),
            "--max-version" => question.at_least = Some(("<=", take())),
            // Nothing here is not installed.
            "--uninstalled" => return Answer { code: 1, ..Answer::default() },
            "--define-variable" => {
                if let Some((key, value)) = take().split_once('=') {
                    question.defines.push((key.to_owned(), value.to_owned()));
                }
            }
            "--define-prefix"
            | "--dont-define-prefix"
            | "--keep-system-cflags"
            | "--keep-system-libs"
            | "--short-errors"
            | "--errors-to-stdout"
            | "--debug"
            | "--shared"
            | "--pure"
            | "--env-only"
            | "--ignore-conflicts"
            | "--dont-relocate-paths"
            | "--no-cache"
            | "--no-uninstalled"
            | "--msvc-syntax" => {}
            "--maximum-traverse-depth" | "--prefix-variable" | "--with-path" | "--personality" => {
                take();
            }
            option if option.starts_with('-') => {
                return Answer::failed(format!("Unknown option {option}\n"));
            }
            _ => question.names.push(arg.clone()),
        }
    }
    question.model = !question.cflags.is_empty() || !question.libs.is_empty();
    modules.define(question.defines.clone());
    if question.list {
        return Answer::ok(modules.list());
    }
    if question.names.is_empty() {
        return Answer::failed("Must specify package names on the command line\n");
    }
    match ask(modules, &question) {
        Ok(stdout) => Answer::ok(stdout),
        Err(stderr) => {
            let shown = !question.silent && (question.print_errors || !question.exists);
            // The log of calls names what is missing in any case: see `Call::stderr`.
            Answer { stdout: String::new(), stderr: if shown { stderr } else { String::new() }, code: 1 }
        }
    }
}

fn ask(modules: &mut Modules, question: &Question) -> Result<String, String> {
    let wanted = modules::parse_list(&question.names.join(" "));
    let mut found = Vec::new();
    for want in &wanted {
        let module = modules.get(&want.name)?;
        want.check(&module)?;
        if let Some((relation, version)) = &question.at_least {
            modules::Want {
                name: want.name.clone(),
                relation: Some((*relation).to_owned()),
                version: version.clone(),
            }
            .check(&module)?;
        }
        found.push(module);
    }
    let order = modules.closure(&found, question.statics)?;
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    if question.version {
        found.iter().for_each(|module| line(&module.version));
    }
    if question.path {
        found.iter().for_each(|module| line(&module.path.display().to_string()));
    }
    if question.print_provides {
        found.iter().for_each(|module| line(&format!("{} = {}", module.id, module.version)));
    }
    if let Some(private) = question.print_requires {
        for module in &found {
            let list = if private { &module.requires_private } else { &module.requires };
            modules::parse_list(list).iter().for_each(|want| line(&want.to_string()));
        }
    }
    if question.print_variables {
        found.iter().flat_map(|module| module.variables.iter()).for_each(|(name, _)| line(name));
    }
    if let Some(name) = &question.variable {
        let values: Vec<&str> = found.iter().filter_map(|module| module.variable(name)).collect();
        line(&values.join(" "));
    }
    if question.model {
        let mut flags = Vec::new();
        let keep = |kinds: &[fn(&str) -> bool], flag: &String| kinds.iter().any(|kind| kind(flag));
        flags.extend(modules.cflags(&order).into_iter().filter(|flag| keep(&question.cflags, flag)));
        flags.extend(
            modules.libs(&order, question.statics).into_iter().filter(|flag| keep(&question.libs, flag)),
        );
        line(&flags.iter().map(|flag| quoted(flag)).collect::<Vec<_>>().join(" "));
    }
    Ok(out)
}

/// As a shell reads it back.
fn quoted(flag: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@%^~".contains(c) || !c.is_ascii();
    flag.chars().flat_map(|c| (!plain(c)).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests;
