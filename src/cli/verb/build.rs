//! `build`: sdists in, wheels out.

use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::apt::Archives;
use crate::build::{Builder, Built, CompilerChoice, EPOCH, NamedCompiler, Options, Source, in_order};
use crate::cache::Cache;
use crate::cli::group::Grouped;
use crate::cli::output::{BuildErrorOutput, BuildOutput, VERSION, WheelOutput};
use crate::cli::typed::{Build, Compiling, How};
use crate::cli::{Context, Failure, caches, interrupt, print_json, print_path, ready, terminal};
use crate::config::{Config, OneOrMany};
use crate::index::Index;
use crate::metadata::normalize;
use crate::native::Asked;
use crate::process::{IsolationChoice, Limits, Turns};
use crate::report::{Code, Error, Event, Result};
use crate::target::{Interpreter, Target};
use crate::toolchain::bundle;
use crate::toolchain::tools::Tools;

/// One wheel that was asked for, and what came of it.
struct Row {
    subject: String,
    target: Target,
    elapsed: Duration,
    result: Result<(Built, PathBuf)>,
}

pub fn run(arguments: &Build, context: &Context) -> Result<(), Failure> {
    let found = ready::configuration(&context.global)?;
    let config = &found.config;
    for file in &found.files {
        context.report.detail(format!("configuration: {}", file.display()));
    }
    // Everything typed is read before any work, so that a typo costs nothing.
    let targets: Vec<Target> =
        ready::targets(&arguments.target, config)?.iter().map(|text| text.parse()).collect::<Result<_>>()?;
    let sources: Vec<Source> =
        arguments.sources.iter().map(|text| Source::parse(text)).collect::<Result<_>>()?;
    let mut options = options(arguments, context, config)?;
    if arguments.wheel_file.is_some() && sources.len() * targets.len() != 1 {
        return Err(Error::new(Code::Usage, "`--wheel-file` names one wheel, but more are asked for")
            .hint("give one source and one target, or a folder with `-o DIR`")
            .into());
    }
    let outdir =
        arguments.outdir.clone().or_else(|| config.outdir.clone()).unwrap_or_else(|| PathBuf::from("dist"));
    let cache = caches::open(&arguments.caches, context, config)?;
    let interrupt = interrupt()?;
    let index = Index::of_process(options.offline, context.report.clone());
    let tools = Tools { cache: &cache, index: &index, report: &context.report };
    options.zig = ready::zig(options.zig.as_ref(), config, &tools)?;
    if !arguments.kit.is_empty() {
        let zig = tools.zig(options.zig.as_deref())?;
        for kit in &arguments.kit {
            bundle::read(&zig, &cache.folder("kits")?, kit)?;
        }
    }
    let sysroot =
        arguments.sysroot_file.iter().map(|text| ready::setting(text)).collect::<Result<Vec<_>>>()?;
    let sysroot = if sysroot.is_empty() { None } else { Some(sysroot_of(&sysroot, &cache)?) };
    options.sysroots.extend(sysroot.iter().map(|folder| folder.path().to_owned()));
    if arguments.wheel_file.is_none() {
        Built::check_folder(&outdir)?;
    }
    let start = Instant::now();
    let asked = pairs(&sources, &targets);
    let grouped: Vec<Grouped> = asked
        .iter()
        .map(|(source, target)| {
            Grouped::new(
                context.terminal.clone(),
                &context.report,
                &format!("{} for {target}", source.describe()),
            )
        })
        .collect();
    if let Some(first) = grouped.first() {
        first.open();
    }
    let turns = Turns::new(cache.scratch("turns-")?, options.jobs)?;
    let build = |row: usize, jobs: usize| {
        let (source, target) = asked[row];
        let row_start = Instant::now();
        let report = grouped[row].report();
        let result = for_package(&options, source, config).and_then(|options| {
            let options = Options { jobs, ..options };
            let builder = Builder::new(&cache, &index, &options, report, &interrupt).in_turns(&turns);
            let built = builder.build(source, target)?;
            let path = match &arguments.wheel_file {
                Some(file) => write_files(&built, file, arguments)?,
                None => built.write(&outdir)?,
            };
            Ok((built, path))
        });
        Row { subject: source.describe(), target: *target, elapsed: row_start.elapsed(), result }
    };
    let mut rows: Vec<Row> = Vec::new();
    let mut told = Ok(());
    in_order(asked.len(), options.jobs, build, |number, row| {
        grouped[number].close();
        let stopped = |row: &Row| matches!(&row.result, Err(error) if error.code() == Code::Interrupted);
        // Ctrl-C ends all that run, and is told once; a wheel that was finished is told all the same.
        if !(stopped(&row) && rows.iter().any(stopped)) {
            told = tell(&row, context);
            rows.push(row);
        }
        if told.is_err() {
            return ControlFlow::Break(());
        }
        if let Some(next) = grouped.get(number + 1).filter(|_| !interrupt.is_set()) {
            next.open();
        }
        ControlFlow::Continue(())
    });
    told?;
    finish(&rows, start.elapsed(), context)
}

/// Every source for every target, in the order they were typed; what was typed twice is built once.
fn pairs<'a>(sources: &'a [Source], targets: &'a [Target]) -> Vec<(&'a Source, &'a Target)> {
    let mut asked = Vec::new();
    for source in sources {
        for target in targets {
            if !asked.contains(&(source, target)) {
                asked.push((source, target));
            }
        }
    }
    asked
}

/// A folder with copies of `files` (place and path) at their places.
fn sysroot_of(files: &[(String, String)], cache: &Cache) -> Result<TempDir> {
    let folder = cache.scratch("sysroot-")?;
    for (place, file) in files {
        let place = Path::new(place);
        if !place.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(Error::new(Code::Usage, format!("`{}` is no place in a sysroot", place.display()))
                .hint("write it like `--sysroot-file usr/include/zlib.h=path/to/zlib.h`"));
        }
        let to = folder.path().join(place);
        if to.exists() && std::fs::read(&to).ok() != std::fs::read(file).ok() {
            return Err(Error::new(
                Code::Usage,
                format!("two files are meant for `{}` of the sysroot", place.display()),
            )
            .cause(format!("one of them is `{file}`"))
            .hint(
                "give one of them another name; with Bazel, name only one of the libraries in `native_deps`",
            ));
        }
        std::fs::create_dir_all(to.parent().unwrap_or(folder.path()))
            .and_then(|()| std::fs::copy(file, &to))
            .map_err(|error| Error::io("read", Path::new(file), &error))?;
    }
    Ok(folder)
}

/// Writes what the caller named, the wheel last.
fn write_files(built: &Built, file: &Path, arguments: &Build) -> Result<PathBuf> {
    let write = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).map_err(|error| Error::io("write", path, &error))
    };
    if let Some(path) = &arguments.name_file {
        write(path, format!("{}\n", built.entry.file).as_bytes())?;
    }
    if let Some(path) = &arguments.provenance_file {
        write(path, built.provenance())?;
    }
    write(file, built.wheel())?;
    Ok(file.to_owned())
}

/// The path goes to standard output as soon as the wheel is there; errors are shown when they come.
fn tell(row: &Row, context: &Context) -> Result<()> {
    match &row.result {
        Ok((built, path)) => {
            context.report.event(Event::Wheel {
                name: built.entry.name.clone(),
                version: built.entry.version.clone(),
                tag: built.entry.tag.clone(),
                file: path.display().to_string(),
                size: built.entry.size,
                sha256: built.entry.wheel.to_string(),
                cached: built.cached,
                elapsed: row.elapsed,
            });
            for note in &built.entry.notes {
                context.report.detail(format!("{}: {note}", built.entry.file));
            }
            if context.global.json { Ok(()) } else { print_path(context, path) }
        }
        Err(error) => {
            context.terminal.error(error);
            Ok(())
        }
    }
}

fn finish(rows: &[Row], elapsed: Duration, context: &Context) -> Result<(), Failure> {
    if context.global.json {
        let errors = rows.iter().filter_map(|row| {
            Some(BuildErrorOutput {
                source: row.subject.clone(),
                target: row.target.to_string(),
                error: row.result.as_ref().err()?.into(),
            })
        });
        print_json(&BuildOutput {
            version: VERSION,
            wheels: rows.iter().filter_map(wheel_output).collect(),
            errors: errors.collect(),
        })?;
    }
    table(rows, elapsed, context);
    // The first failure decides the exit code.
    match rows.iter().find_map(|row| row.result.as_ref().err()) {
        Some(error) => Err(Failure::Shown(error.code().exit())),
        None => Ok(()),
    }
}

fn wheel_output(row: &Row) -> Option<WheelOutput> {
    let (built, path) = row.result.as_ref().ok()?;
    Some(WheelOutput {
        path: path.clone(),
        name: built.entry.name.clone(),
        project_version: built.entry.version.clone(),
        tag: built.entry.tag.clone(),
        target: row.target.to_string(),
        sha256: built.entry.wheel.to_string(),
        size: built.entry.size,
        cached: built.cached,
        notes: built.entry.notes.clone(),
    })
}

/// The closing table: wheels, then failures, then totals.
fn table(rows: &[Row], elapsed: Duration, context: &Context) {
    let mut lines = vec![["wheel", "size", "sha256", "", "time"].map(str::to_owned).to_vec()];
    let (mut built, mut cached, mut failed) = (0, 0, 0);
    for row in rows {
        if let Ok((wheel, _)) = &row.result {
            if wheel.cached {
                cached += 1
            } else {
                built += 1
            }
            lines.push(vec![
                wheel.entry.file.clone(),
                terminal::size(wheel.entry.size),
                wheel.entry.wheel.to_string(),
                if wheel.cached { "cached" } else { "built" }.to_owned(),
                terminal::seconds(row.elapsed),
            ]);
        }
    }
    for row in rows {
        if let Err(error) = &row.result {
            failed += 1;
            lines.push(vec![
                format!("{} for {}", row.subject, row.target),
                String::new(),
                format!("{}: {}", error.code(), error.code().title()),
                "failed".to_owned(),
                terminal::seconds(row.elapsed),
            ]);
        }
    }
    for line in terminal::table(&lines) {
        context.report.info(line);
    }
    let total = built + cached + failed;
    context.report.info(format!(
        "{total} in {}: {built} built, {cached} cached ({} %), {failed} failed",
        terminal::seconds(elapsed),
        cached * 100 / total.max(1),
    ));
}

/// What the package's own table in the configuration adds.
fn for_package(options: &Options, source: &Source, config: &Config) -> Result<Options> {
    let name = match source {
        Source::Index { name, .. } => name.clone(),
        // An sdist's file name begins with the project's name (PEP 625).
        Source::Path(path) => {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            normalize(file.rsplit_once('-').map_or(&*file, |(name, _)| name))
        }
    };
    for_name(options, &name, config)
}

/// The same for a normalised name.
pub fn for_name(options: &Options, name: &str, config: &Config) -> Result<Options> {
    let mut options = options.clone();
    let Some((_, package)) = config.packages.iter().find(|(key, _)| normalize(key) == name) else {
        return Ok(options);
    };
    for (key, values) in &package.config_settings {
        options.config_settings.entry(key.clone()).or_insert_with(|| values.values());
    }
    for (key, value) in &package.env {
        options.env.insert(key.clone(), value.clone());
    }
    options.build_requires.extend(package.build_requires.iter().cloned());
    options.native.extend(asked(&package.native)?);
    options.native_only |= package.native.iter().any(|text| text == "none");
    options.patches.extend(package.patches.iter().cloned());
    options.allow_pure |= package.allow_pure.unwrap_or(false);
    Ok(options)
}

fn options(arguments: &Build, context: &Context, config: &Config) -> Result<Options> {
    let how = &arguments.how;
    let mut settings = std::collections::BTreeMap::<String, Vec<String>>::new();
    for text in &arguments.config_setting {
        let (key, value) = ready::setting(text)?;
        settings.entry(key).or_default().push(value);
    }
    let env = arguments.env.iter().map(|text| ready::setting(text)).collect::<Result<_>>()?;
    Ok(Options {
        env,
        named_compiler: named_compiler(arguments),
        config_settings: settings,
        build_deps: ready::build_deps(&arguments.build_dep)?,
        build_requires: arguments.build_requires.clone(),
        build_lock: arguments.build_lock.clone().or_else(|| config.build_lock.clone()),
        upgrade: arguments.upgrade,
        allow_pure: arguments.allow_pure,
        target_python: arguments.target_python.clone(),
        sysroots: arguments.sysroot.clone(),
        native: asked(&arguments.native)?,
        native_only: context.global.hermetic || arguments.native.iter().any(|text| text == "none"),
        sources: given(&arguments.source_files, &config.sources),
        no_cache: arguments.no_cache || context.global.hermetic || config.no_cache.unwrap_or(false),
        keep: arguments.keep,
        allow_python_download: arguments.allow_python_download,
        no_overrides: arguments.no_overrides || config.no_overrides.unwrap_or(false),
        ..how_options(how, context, config)?
    })
}

/// `--cc-program` and `--cxx-program`. A build system names one program for both languages; the C++
/// one lies beside it under its usual name.
fn named_compiler(arguments: &Build) -> Option<NamedCompiler> {
    let cc = arguments.cc_program.clone()?;
    let beside = || {
        let name = cc.file_name()?.to_str()?;
        [("gcc", "g++"), ("clang", "clang++"), ("cc", "c++")]
            .iter()
            .map(|(c, cxx)| cc.with_file_name(name.replacen(c, cxx, 1)))
            .find(|path| *path != cc && path.is_file())
    };
    let cxx = arguments.cxx_program.clone().or_else(beside).unwrap_or_else(|| cc.clone());
    Some(NamedCompiler {
        cc,
        cxx,
        ar: arguments.ar_program.clone(),
        flags: arguments.cc_flag.clone(),
        cxx_flags: arguments.cxx_flag.clone(),
        link_flags: arguments.link_flag.clone(),
        folders: arguments.cc_folder.clone(),
    })
}

/// The options that `build` and `verify` share; the rest is as if nothing were asked.
pub fn how_options(how: &How, context: &Context, config: &Config) -> Result<Options> {
    let python = how.python.as_ref().or(config.python.as_ref());
    let python = python.map(|text| Interpreter::from_str(text)).transpose()?;
    Ok(Options { python, ..compiling_options(&how.compiling, context, config)? })
}

/// The same without the Python.
pub fn compiling_options(how: &Compiling, context: &Context, config: &Config) -> Result<Options> {
    let mut limits = Limits::default();
    if let Some(text) = how.memory.as_ref().or(config.memory.as_ref()) {
        limits.memory = ready::limit("--memory", text, 64)?;
    }
    if let Some(processes) = how.processes.or(config.processes) {
        limits.processes = processes;
    }
    if let Some(text) = how.disk.as_ref().or(config.disk.as_ref()) {
        limits.disk = ready::limit("--disk", text, 1)?;
    }
    if let Some(time) = ready::timeout(how, config) {
        limits.time = time;
    }
    Ok(Options {
        python: None,
        compiler: choice(how.cc.as_ref(), config.cc.as_ref(), CompilerChoice::default())?,
        isolation: choice(how.isolation.as_ref(), config.isolation.as_ref(), IsolationChoice::Auto)?,
        limits,
        jobs: ready::jobs(how, config),
        config_settings: std::collections::BTreeMap::new(),
        env: std::collections::BTreeMap::new(),
        build_deps: Vec::new(),
        named_compiler: None,
        given_only: context.global.hermetic,
        build_requires: Vec::new(),
        build_lock: None,
        upgrade: false,
        allow_pure: false,
        target_python: None,
        sysroots: Vec::new(),
        native: Vec::new(),
        native_only: false,
        sources: config.sources.clone(),
        no_cache: false,
        keep: false,
        zig: how.zig.clone().or_else(|| config.zig.clone()),
        uv: how.uv.clone().or_else(|| config.uv.clone()),
        archives: Archives::of_machine(&match how.debian_archive.is_empty() {
            true => config.debian_archives.as_ref().map(OneOrMany::values).unwrap_or_default(),
            false => how.debian_archive.clone(),
        })?,
        rust: how.rust.clone().or_else(|| config.rust.clone()),
        offline: context.global.offline || config.offline.unwrap_or(false),
        allow_python_download: false,
        no_overrides: config.no_overrides.unwrap_or(false),
        patches: Vec::new(),
        source_date_epoch: source_date_epoch()?,
    })
}

/// Native libraries by name; `none` is none of them.
fn asked(names: &[String]) -> Result<Vec<Asked>> {
    names.iter().filter(|text| *text != "none").map(|text| text.parse()).collect()
}

/// What is typed, else what is configured.
fn given(typed: &[PathBuf], configured: &[PathBuf]) -> Vec<PathBuf> {
    if typed.is_empty() { configured.to_vec() } else { typed.to_vec() }
}

fn choice<T: FromStr<Err = Error>>(
    typed: Option<&String>,
    configured: Option<&String>,
    default: T,
) -> Result<T> {
    typed.or(configured).map_or(Ok(default), |text| text.parse())
}

/// SOURCE_DATE_EPOCH (reproducible-builds.org), not before what a zip archive can hold.
fn source_date_epoch() -> Result<u64> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Err(_) => Ok(EPOCH),
        Ok(text) => text.trim().parse::<u64>().map(|epoch| epoch.max(EPOCH)).map_err(|_| {
            Error::new(Code::Config, format!("SOURCE_DATE_EPOCH is no number of seconds: `{text}`"))
                .hint("unset it, or set it to the output of `date +%s`")
        }),
    }
}
