//! `prefill LOCK...`: everything that locks want, in a wheelhouse.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::build::Options;
use crate::cache::Cache;
use crate::cli::group::Grouped;
use crate::cli::output::{PrefillErrorOutput, PrefillOutput, VERSION};
use crate::cli::prefilled;
use crate::cli::typed::{Prefill as Arguments, Selecting};
use crate::cli::{Context, Failure, caches, interrupt, print, print_json, ready, run_page};
use crate::config::Config;
use crate::index::Index;
use crate::lock::{Lock, Selection};
use crate::plan::{self, NothingBuilt, Places, Policy, Wanted};
use crate::prefill::record::{EndLine, Line, PackageLine, RunLine};
use crate::prefill::{
    self, Audience, Derived, House, How, Maker, Outcome, Planned, Recorder, Row, Shard, Work,
};
use crate::process::{Interrupt, Turns};
use crate::python::interpreter::Search;
use crate::report::{Code, Error, ExitCode, Report, Result};
use crate::target::{Interpreter, PythonVersion};

pub fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let found = ready::configuration(&context.global)?;
    let config = &found.config;
    // Everything typed is read before any work, so that a typo costs nothing.
    let cache = caches::open(&arguments.caches, context, config)?;
    let how = how(arguments, config)?;
    let mut options = super::build::compiling_options(&arguments.compiling, context, config)?;
    options.allow_python_download = arguments.allow_python_download;
    options.no_cache = config.no_cache.unwrap_or(false);
    options.build_lock.clone_from(&config.build_lock);
    let search = Search::from_environment(Some(cache.folder("interpreters")?));
    let wanted = super::plan::wanted(&arguments.target, &arguments.python, config, &search, context)?;
    let policy = super::plan::policy(&arguments.selecting)?;
    let interrupt = interrupt()?;
    let index = Index::of_process(options.offline, context.report.clone()).stopped_by(&interrupt);
    let tools = crate::toolchain::tools::Tools { cache: &cache, index: &index, report: &context.report };
    options.zig = ready::zig(options.zig.as_ref(), config, &tools)?;
    let planned = planned(arguments, &wanted, &policy, &cache, &index, context)?;
    let work = Work::of(&planned)?;
    said(&work, how.shard, context);

    let root = arguments.outdir.clone().unwrap_or_else(|| PathBuf::from("wheelhouse"));
    let house = House::open(&root, &context.report)?;
    // The page is of a run that ended.
    house.remove(run_page::FILE)?;
    let recorder = Recorder::create(&root)?;
    let run_line = run_line(arguments, &work, &how);
    recorder.write(&Line::Run(run_line.clone()))?;
    let options_of = |name: &str, python: PythonVersion| -> Result<Options> {
        let mut options = super::build::for_name(&options, name, config)?;
        options.python = Some(Interpreter::Version(python));
        Ok(options)
    };
    let turns = Turns::new(cache.scratch("turns-")?, how.jobs)?;
    let maker = Maker::new(&cache, &index, &interrupt, &context.report, &options_of, &turns);
    let audience = Told { context, recorder: &recorder, work: &work, groups: Mutex::default() };
    let done = prefill::run(&work, &how, &house, &maker, &audience)?;
    // Whatever happened, what is there is listed.
    house.index()?;
    let derived = derive(&work, &planned, &done, &house)?;
    let exit = exit(&done, &interrupt);
    let end = EndLine {
        counts: counts(&done),
        elapsed: u64::try_from(done.elapsed.as_millis()).unwrap_or(u64::MAX),
        exit: exit.number(),
    };
    recorder.write(&Line::End(end.clone()))?;
    let lines: Vec<PackageLine> = done.rows.iter().map(|row| PackageLine::of(row, &work.cells)).collect();
    house.write(run_page::FILE, &run_page::page(&run_line, &lines, &end))?;
    if context.global.json {
        print_json(&output(&root, &lines, &done, derived.complete))?;
    } else {
        done.wheels().keys().try_for_each(|file| print(&house.path_of(file).display().to_string()))?;
    }
    prefilled::table(&done, &work.cells, &context.report);
    tell_derived(&derived, &done, context);
    if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
        prefilled::append_summary(Path::new(&path), &lines, done.elapsed)?;
    }
    ended(&done, exit, &interrupt, context)
}

fn how(arguments: &Arguments, config: &Config) -> Result<How> {
    let memory = arguments.compiling.memory.as_ref().or(config.memory.as_ref());
    Ok(How {
        jobs: ready::jobs(&arguments.compiling, config),
        memory: memory.map(|text| ready::size("--memory", text)).transpose()?,
        keep_going: arguments.keep_going && !arguments.fail_fast,
        shard: arguments.shard.as_deref().map_or(Ok(Shard::WHOLE), str::parse)?,
    })
}

fn planned(
    arguments: &Arguments,
    wanted: &[Wanted],
    policy: &Policy,
    cache: &Cache,
    index: &Index,
    context: &Context,
) -> Result<Vec<Planned>> {
    let Selecting { extra, group, only, project, .. } = &arguments.selecting;
    let selection = Selection::new(extra, group, only);
    let places = Places {
        index: Some(index),
        built: &NothingBuilt,
        downloads: vec![cache.folder("downloads")?],
        report: &context.report,
    };
    let mut planned = Vec::new();
    for path in &arguments.locks {
        let lock = Lock::read(path, project.as_deref())?;
        let plan = plan::make(&lock, &selection, wanted, policy, &places)?;
        for note in &plan.notes {
            context.report.warn(format!("{}: {note}", path.display()));
        }
        planned.push(Planned { lock, plan });
    }
    Ok(planned)
}

/// What is about to be done.
fn said(work: &Work, shard: Shard, context: &Context) {
    let mine = work.recipes.iter().filter(|recipe| shard.has(recipe)).count();
    let others = match work.recipes.len() - mine {
        0 => String::new(),
        others => format!(", {others} left to other shards than {shard}"),
    };
    context.report.info(format!(
        "{} wheels to take, {mine} projects to build for {} targets and Pythons{others}",
        work.takes.len(),
        work.cells.len()
    ));
}

fn run_line(arguments: &Arguments, work: &Work, how: &How) -> RunLine {
    RunLine {
        version: prefill::record::VERSION,
        wheelbuild: env!("CARGO_PKG_VERSION").to_owned(),
        started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
        locks: arguments.locks.clone(),
        cells: work.cells.iter().map(Into::into).collect(),
        shard: how.shard.to_string(),
        jobs: how.jobs,
        memory: how.memory,
    }
}

/// The terminal and the record.
struct Told<'a> {
    context: &'a Context,
    recorder: &'a Recorder,
    work: &'a Work,
    groups: Mutex<BTreeMap<usize, Grouped>>,
}

impl Audience for Told<'_> {
    fn began(&self, number: usize, subject: &str) -> Report {
        let grouped = Grouped::new(self.context.terminal.clone(), &self.context.report, subject);
        let report = grouped.report().clone();
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).insert(number, grouped);
        report
    }

    fn ended(&self, number: usize) {
        // One at a time: groups of two builds must not mix.
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(grouped) = groups.remove(&number) {
            grouped.open();
            grouped.close();
        }
    }

    fn row(&self, row: &Row) -> Result<()> {
        self.recorder.write(&Line::Package(PackageLine::of(row, &self.work.cells)))?;
        match (&row.error, &row.wheel) {
            (Some(error), _) if row.outcome == Outcome::Failed => self.context.terminal.error(error),
            (None, Some(wheel)) => {
                self.context.report.detail(format!("{}: {}", row.outcome.name(), wheel.file));
            }
            _ => {}
        }
        Ok(())
    }

    fn progress(&self, done: usize, of: usize) {
        self.context.report.progress("prefill", done as u64, Some(of as u64));
    }
}

/// What was written as the derived lock.
struct DerivedFiles {
    /// Names, and how many packages each holds.
    files: Vec<(String, usize)>,
    complete: bool,
}

/// Writes the derived lock for the cells in which nothing is missing: one for all locks, or where they
/// want different versions one for each.
fn derive(work: &Work, planned: &[Planned], done: &prefill::Report, house: &House) -> Result<DerivedFiles> {
    let missing: BTreeSet<usize> = done.missing().map(|need| need.cell).collect();
    let complete: Vec<usize> = (0..work.cells.len()).filter(|cell| !missing.contains(cell)).collect();
    let of = |lock: Option<usize>| -> Result<Derived> {
        let mut derived = Derived::default();
        complete.iter().for_each(|cell| derived.cover(&work.cells[*cell]));
        for row in &done.rows {
            let Some(wheel) = &row.wheel else { continue };
            for need in row.needs.iter().filter(|need| complete.contains(&need.cell)) {
                if lock.is_none_or(|lock| lock == need.lock) {
                    derived.add(&row.name, &row.version, &work.cells[need.cell], wheel)?;
                }
            }
        }
        Ok(derived)
    };
    let mut files = Vec::new();
    let mut write = |derived: &Derived, mark: &str| -> Result<()> {
        if derived.is_empty() {
            return Ok(());
        }
        for (name, text) in
            [(prefill::PYLOCK, derived.pylock()), (prefill::REQUIREMENTS, derived.requirements())]
        {
            let name = name.replacen('.', &format!("{mark}."), 1);
            house.write(&name, &text)?;
            files.push((name, derived.len()));
        }
        Ok(())
    };
    match of(None) {
        Err(error) if error.code() == Code::AmbiguousLock && planned.len() > 1 => {
            for lock in 0..planned.len() {
                write(&of(Some(lock))?, &format!(".{}", lock + 1))?;
            }
        }
        derived => write(&derived?, "")?,
    }
    Ok(DerivedFiles { files, complete: missing.is_empty() })
}

fn tell_derived(derived: &DerivedFiles, done: &prefill::Report, context: &Context) {
    let names: Vec<String> = derived.files.iter().map(|(name, _)| format!("`{name}`")).collect();
    match (names.is_empty(), derived.complete) {
        (true, _) => context
            .report
            .info(format!("no `{}`: something is missing for every target and Python", prefill::PYLOCK)),
        (false, true) => context.report.info(format!("{} name the wheels", names.join(" and "))),
        (false, false) => context.report.info(format!(
            "{} name the wheels for the targets and Pythons for which nothing is missing",
            names.join(" and ")
        )),
    }
    let built = done.count(Outcome::Built) + done.count(Outcome::Cached);
    if built > 0 && !derived.files.is_empty() {
        context.report.info(format!(
            "{built} wheels were built here and match no hash of the original lock: install by `{}` or `{}`",
            prefill::REQUIREMENTS,
            prefill::PYLOCK
        ));
    }
}

fn counts(done: &prefill::Report) -> BTreeMap<String, usize> {
    let all = Outcome::ALL.into_iter().map(|outcome| (outcome.name().to_owned(), done.count(outcome)));
    all.filter(|(_, count)| *count > 0).collect()
}

fn output(root: &Path, lines: &[PackageLine], done: &prefill::Report, complete: bool) -> PrefillOutput {
    let errors = done.rows.iter().filter(|row| row.outcome == Outcome::Failed).filter_map(|row| {
        Some(PrefillErrorOutput { package: row.describe(), error: row.error.as_ref()?.into() })
    });
    PrefillOutput {
        version: VERSION,
        wheelhouse: root.to_owned(),
        complete,
        packages: lines.to_vec(),
        errors: errors.collect(),
        counts: counts(done),
    }
}

fn exit(done: &prefill::Report, interrupt: &Interrupt) -> ExitCode {
    if interrupt.is_set() {
        return ExitCode::Interrupted;
    }
    // The first failure decides.
    let failed = done.rows.iter().find(|row| row.outcome == Outcome::Failed);
    match failed.and_then(|row| row.error.as_ref()) {
        Some(error) => error.code().exit(),
        None if done.count(Outcome::Impossible) > 0 => Code::Incomplete.exit(),
        None => ExitCode::Ok,
    }
}

/// What is still to be said of a run that did not go well.
fn ended(
    done: &prefill::Report,
    exit: ExitCode,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<(), Failure> {
    if interrupt.is_set() {
        let error = Error::new(Code::Interrupted, "interrupted")
            .hint("run it again: what is in the wheelhouse and the cache is not done twice");
        context.terminal.error(&error);
        return Err(Failure::Shown(exit));
    }
    let impossible: Vec<&Row> = done.rows.iter().filter(|row| row.outcome == Outcome::Impossible).collect();
    if !impossible.is_empty() {
        let error = Error::new(Code::Incomplete, format!("{} cannot be had", impossible.len()));
        let error = impossible
            .iter()
            .take(20)
            .fold(error, |error, row| error.line(format!("{}: {}", row.describe(), row.reason)));
        let hints: BTreeSet<&String> = impossible.iter().flat_map(|row| &row.hints).collect();
        let error = hints.into_iter().take(5).fold(error, |error, hint| error.hint(hint.clone()));
        context.terminal.error(&error);
    }
    match exit {
        ExitCode::Ok => Ok(()),
        exit => Err(Failure::Shown(exit)),
    }
}
