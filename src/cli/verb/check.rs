//! `check FILE|DIR|IMAGE --target T`: the judgement alone, for wheels and images whoever made them.

use std::path::{Path, PathBuf};

use crate::cache::Cache;
use crate::cli::output::{CheckOutput, CheckedOutput, VERSION};
use crate::cli::typed::Check;
use crate::cli::{Context, Failure, print, print_json, ready};
use crate::elf::{self, Symbols};
use crate::index::Index;
use crate::report::{Code, Error, Result};
use crate::target::{PythonVersion, Target};
use crate::toolchain::tools::Tools;
use crate::toolchain::{Zig, kit};
use crate::wheel::RawWheel;
use crate::wheel::judge::{Contents, Expectation, Verdict, judge};

pub fn run(arguments: &Check, context: &Context) -> Result<(), Failure> {
    let target: Target = arguments.target.parse()?;
    let found = ready::configuration(&context.global)?;
    let cache = Cache::open(&ready::cache_dir(&context.global, &found.config)?)?;
    let offline = context.global.offline || found.config.offline.unwrap_or(false);
    let access = super::image::Access { insecure: arguments.insecure, offline };
    let mut subjects = Vec::new();
    for path in &arguments.paths {
        match super::image::named(path)? {
            Some(input) => subjects.push((path.clone(), Some(input))),
            None if arguments.platform_only => return Err(no_image(path).into()),
            None => {
                let wheels = wheels_of(std::slice::from_ref(path))?;
                subjects.extend(wheels.into_iter().map(|wheel| (wheel, None)));
            }
        }
    }
    let mut worst = None;
    let mut results = Vec::new();
    for (path, input) in &subjects {
        if let Some(input) = input {
            let name = path.display();
            let outcome = check_image(input, target, arguments, &cache, access, context);
            let (notes, error) = match outcome {
                Ok(notes) => (notes, None),
                Err(error) => {
                    context.terminal.error(&error);
                    worst = worst.or(Some(error.code().exit()));
                    (Vec::new(), Some(error))
                }
            };
            // A build system repeats what its actions print.
            if !context.global.json && !context.global.hermetic {
                match &error {
                    None => print(&format!("{name}: ok"))?,
                    Some(error) => print(&format!("{name}: {}", error.code()))?,
                }
            }
            notes.iter().for_each(|note| context.report.detail(format!("{name}: {note}")));
            let error = error.as_ref().map(Into::into);
            results.push(CheckedOutput { path: path.clone(), ok: error.is_none(), tag: None, notes, error });
            continue;
        }
        let result = check(path, target, arguments.zig.as_deref(), &cache, offline, context);
        let name = path.display();
        match &result {
            Ok(verdict) => {
                if !context.global.json {
                    print(&format!("{name}: ok, {}", verdict.platform))?;
                }
                verdict.notes.iter().for_each(|note| context.report.detail(format!("{name}: {note}")));
                results.push(CheckedOutput {
                    path: path.clone(),
                    ok: true,
                    tag: Some(verdict.platform.to_string()),
                    notes: verdict.notes.clone(),
                    error: None,
                });
            }
            Err(error) => {
                if !context.global.json {
                    print(&format!("{name}: {}", error.code()))?;
                }
                context.terminal.error(error);
                worst = worst.or(Some(error.code().exit()));
                results.push(CheckedOutput {
                    path: path.clone(),
                    ok: false,
                    tag: None,
                    notes: Vec::new(),
                    error: Some(error.into()),
                });
            }
        }
    }
    if context.global.json {
        print_json(&CheckOutput { version: VERSION, target: target.to_string(), wheels: results })?;
    }
    if let Some(code) = worst {
        return Err(Failure::Shown(code));
    }
    if let Some(path) = &arguments.passed {
        std::fs::write(path, "").map_err(|error| Error::io("write", path, &error))?;
    }
    Ok(())
}

/// What `--platform-only` says of something that is not an image.
fn no_image(path: &Path) -> Error {
    let what = if path.exists() { "is no image" } else { "is not there" };
    Error::new(Code::InputNotFound, format!("`{}` {what}", path.display()))
        .cause("an image is an OCI layout, a docker archive, or `registry:REF`")
        .hint("with Bazel, the `base` of a `py_image` is what `oci.pull` or `oci_image` of rules_oci gives")
}

/// The check of a whole image; gives its notes.
fn check_image(
    input: &crate::image::Input,
    target: Target,
    arguments: &Check,
    cache: &Cache,
    access: super::image::Access,
    context: &Context,
) -> Result<Vec<String>> {
    let store = crate::image::LayerStore::new(cache);
    if arguments.platform_only {
        super::image::expect_platform(input, &target, store, access, context)?;
        return Ok(Vec::new());
    }
    let image = super::image::open(input, &target, store, access, context)?;
    let (findings, python) = crate::image::examine::check(&image, target, &arguments.allow);
    crate::image::check::judge(&findings)?;
    let python = python.iter().map(crate::image::ImagePython::describe);
    Ok(python.chain(findings.iter().map(ToString::to_string)).collect())
}

fn check(
    path: &Path,
    target: Target,
    zig: Option<&Path>,
    cache: &Cache,
    offline: bool,
    context: &Context,
) -> Result<Verdict> {
    let raw = RawWheel::read(path)?;
    let contents = Contents::from(&raw);
    let libc = if contents.members.iter().any(|(_, bytes)| elf::is_elf(bytes)) {
        let index = Index::of_process(offline, context.report.clone());
        let tools = Tools { cache, index: &index, report: &context.report };
        let zig = match zig {
            Some(path) => Zig::named(path)?,
            None => {
                let tool = tools.get("zig")?;
                Zig::pinned(&tool.program, tool.version)?
            }
        };
        let paths = kit::ensure_stubs(&zig, &target, &cache.folder("kits")?, &context.report)?;
        Some(kit::libc_symbols(&paths, &target)?)
    } else {
        None
    };
    let expectation = Expectation {
        libc: libc.as_ref().map(|table| table as &dyn Symbols),
        ..Expectation::new(target, python_of(&raw)?)
    };
    let verdict = judge(&contents, &expectation)?;
    // A wheel made elsewhere carries a promise of its own: its tag must cover what was found.
    let claimed = raw.file_name().tags();
    let covered = verdict.platform.spellings().iter().any(|proven| claimed.platforms().contains(proven))
        || claimed.platforms().iter().any(|tag| covers(tag, &verdict));
    if covered {
        return Ok(verdict);
    }
    Err(Error::new(
        Code::WrongMachine,
        format!("the tag `{}` is not what the files prove", claimed.platforms().join(".")),
    )
    .cause(format!("they prove `{}`", verdict.platform)))
}

/// Whether a claimed platform tag promises no more than was proven.
fn covers(tag: &str, verdict: &Verdict) -> bool {
    use crate::target::{Libc, PlatformTag};
    let PlatformTag::Linux(proven) = verdict.platform else { return tag == "any" };
    let Ok(claimed) = tag.parse::<Target>() else { return false };
    claimed.arch == proven.arch
        && !tag.starts_with("linux_")
        && match (claimed.libc, proven.libc) {
            (Libc::Gnu { minor: claimed }, Libc::Gnu { minor: proven }) => claimed >= proven,
            (claimed, proven) => claimed == proven,
        }
}

/// The Python the wheel is for; for one that serves several, the oldest of them that we know.
fn python_of(raw: &RawWheel) -> Result<PythonVersion> {
    let tags = raw.file_name().tags();
    for python in tags.pythons() {
        for abi in tags.abis() {
            let name = if abi.ends_with('t') && abi.starts_with("cp") { abi } else { python };
            if let Ok(version) = name.parse::<PythonVersion>() {
                return Ok(version);
            }
        }
    }
    PythonVersion::all().next().ok_or_else(|| Error::bug("no Python version is known"))
}

/// The wheels among `paths`: files, and what lies directly in folders.
fn wheels_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut wheels = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|e| Error::io("read", path, &e))?;
            let mut found: Vec<PathBuf> = entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "whl"))
                .collect();
            found.sort();
            if found.is_empty() {
                return Err(Error::new(Code::InputNotFound, format!("no wheels in `{}`", path.display())));
            }
            wheels.extend(found);
        } else if path.is_file() {
            wheels.push(path.clone());
        } else {
            return Err(Error::new(Code::InputNotFound, format!("no file or folder `{}`", path.display())));
        }
    }
    Ok(wheels)
}
