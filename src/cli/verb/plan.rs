//! `plan LOCK`: what would be taken, built or is impossible, before any work.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::build::{Builder, Options};
use crate::cache::Cache;
use crate::cli::output::{PlanOutput, PlannedOutput, VERSION, VerdictOutput};
use crate::cli::typed::{How, Plan as Arguments, Selecting};
use crate::cli::{Context, Failure, interrupt, print, print_json, ready, terminal};
use crate::config::Config;
use crate::index::Index;
use crate::lock::{Lock, Selection};
use crate::metadata::normalize;
use crate::plan::{self, BuiltWheel, BuiltWheels, Decision, HOST, Places, Plan, Policy, Verdict, Wanted};
use crate::process::Interrupt;
use crate::python::interpreter::{self, BuildPython, Search};
use crate::report::{Code, Error, ExitCode, Result};
use crate::target::{Interpreter, PythonVersion, Target};

pub fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let found = ready::configuration(&context.global)?;
    let config = &found.config;
    let cache = Cache::open(&ready::cache_dir(&context.global, config)?)?;
    let offline = context.global.offline || config.offline.unwrap_or(false);
    let search = Search::from_environment(Some(cache.folder("interpreters")?));
    let wanted = wanted(&arguments.target, &arguments.python, config, &search, context)?;
    let policy = policy(&arguments.selecting)?;
    let lock = Lock::read(&arguments.lock, arguments.selecting.project.as_deref())?;
    let Selecting { extra, group, only, .. } = &arguments.selecting;
    let selection = Selection::new(extra, group, only);
    let index = Index::of_process(offline, context.report.clone());
    let interrupt = interrupt()?;
    let built = Built {
        cache: &cache,
        index: &index,
        context,
        config,
        interrupt: &interrupt,
        pythons: RefCell::new(BTreeMap::new()),
    };
    let places = Places {
        index: Some(&index),
        built: &built,
        downloads: vec![cache.folder("downloads")?],
        report: &context.report,
    };
    let plan = plan::make(&lock, &selection, &wanted, &policy, &places)?;
    for note in &plan.notes {
        context.report.warn(format!("{}: {note}", lock.path.display()));
    }
    match &arguments.why {
        Some(name) => why(&plan, &lock, name, context)?,
        None if context.global.json => print_json(&output(&lock, &plan, &|_| true))?,
        None => table(&plan, &wanted)?,
    }
    summary(&plan, context);
    strict(arguments, &plan, context)
}

/// Every target with every Python, in the order typed.
pub fn wanted(
    targets: &[String],
    pythons: &[String],
    config: &Config,
    search: &Search,
    context: &Context,
) -> Result<Vec<Wanted>> {
    let mut typed = pythons.to_vec();
    if typed.is_empty() {
        typed.extend(config.python.clone());
    }
    let mut pythons = Vec::new();
    for text in &typed {
        pythons.push(match text.parse::<Interpreter>()? {
            Interpreter::Version(version) => (version, patch(text)),
            path @ Interpreter::Path(_) => {
                let python = interpreter::find(Some(&path), search, &context.report)?;
                (python.version, patch(&python.full_version))
            }
        });
    }
    if typed.is_empty() {
        pythons.push((interpreter::find(None, search, &context.report)?.version, None));
    }
    let mut wanted: Vec<Wanted> = Vec::new();
    for target in ready::targets(targets, config)? {
        for (python, patch) in &pythons {
            let platform = match target.trim() == HOST {
                true => plan::host(*python, search, &context.report)?,
                false => target.parse()?,
            };
            let one = Wanted { target: target.clone(), platform, python: *python, patch: *patch };
            if !wanted.contains(&one) {
                wanted.push(one);
            }
        }
    }
    Ok(wanted)
}

/// The patch release in `3.11.7`; a pre-release is its version's `.0`.
fn patch(text: &str) -> Option<u32> {
    let third = text.split('.').nth(2)?;
    let digits = third.find(|c: char| !c.is_ascii_digit()).unwrap_or(third.len());
    third[..digits].parse().ok()
}

/// The flags as a policy.
pub fn policy(selecting: &Selecting) -> Result<Policy> {
    if let Some(date) = &selecting.exclude_newer {
        let shape: String = date.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        if !shape.starts_with("0000-00-00") {
            return Err(Error::new(Code::Usage, format!("`{date}` is no date for `--exclude-newer`"))
                .hint("write it like `2026-01-31` or `2026-01-31T12:00:00Z`"));
        }
    }
    Ok(Policy {
        no_binary: Policy::names(&selecting.no_binary),
        no_build: Policy::names(&selecting.no_build),
        exclude_newer: selecting.exclude_newer.clone(),
        refresh: selecting.refresh_files,
    })
}

/// What the cache has of builds with the options that `build` would use.
struct Built<'a> {
    cache: &'a Cache,
    index: &'a Index,
    context: &'a Context,
    config: &'a Config,
    interrupt: &'a Interrupt,
    /// Build interpreters; none where this machine has none of that version.
    pythons: RefCell<BTreeMap<PythonVersion, Option<(Options, BuildPython)>>>,
}

impl BuiltWheels for Built<'_> {
    fn find(
        &self,
        sdist: &str,
        release: (&str, &str),
        target: &Target,
        python: PythonVersion,
    ) -> Option<BuiltWheel> {
        let mut pythons = self.pythons.borrow_mut();
        let (options, interpreter) =
            pythons.entry(python).or_insert_with(|| self.interpreter(python)).as_ref()?;
        let options = super::build::for_name(options, release.0, self.config).ok()?;
        let builder = Builder::new(self.cache, self.index, &options, &self.context.report, self.interrupt);
        let entry = builder.known(sdist, release, interpreter, target).ok()??;
        Some(BuiltWheel { file: entry.file, sha256: entry.wheel.to_string(), size: entry.size })
    }
}

impl Built<'_> {
    fn interpreter(&self, python: PythonVersion) -> Option<(Options, BuildPython)> {
        let how = How::default();
        let mut options = super::build::how_options(&how, self.context, self.config).ok()?;
        options.python = Some(Interpreter::Version(python));
        let builder = Builder::new(self.cache, self.index, &options, &self.context.report, self.interrupt);
        let interpreter = builder.python().ok()?;
        Some((options, interpreter))
    }
}

/// One block for each target and Python: what is needed there.
fn table(plan: &Plan, wanted: &[Wanted]) -> Result<()> {
    for (number, wanted) in wanted.iter().enumerate() {
        let of_this =
            |decision: &&Decision| decision.target == wanted.target && decision.python == wanted.python;
        if number > 0 {
            print("")?;
        }
        print(&format!("{} with Python {} ({})", wanted.target, wanted.python, wanted.platform))?;
        let mut rows =
            vec![["package", "version", "verdict", "file", "sha256", "why"].map(str::to_owned).to_vec()];
        let (active, inactive): (Vec<&Decision>, Vec<&Decision>) =
            plan.decisions.iter().filter(of_this).partition(|decision| decision.verdict != Verdict::Inactive);
        for decision in active {
            let file = decision.file.as_ref();
            let sha256 = file.and_then(|file| file.sha256()).unwrap_or_default();
            rows.push(vec![
                decision.name.clone(),
                decision.version.clone().unwrap_or_default(),
                decision.verdict.to_string(),
                file.map(|file| file.name.clone()).unwrap_or_default(),
                sha256.chars().take(12).collect(),
                decision.reason.clone(),
            ]);
        }
        terminal::table(&rows).iter().try_for_each(|line| print(&format!("  {line}")))?;
        if !inactive.is_empty() {
            print(&format!("  not needed there: {}", inactive.len()))?;
        }
    }
    Ok(())
}

/// The way to one package, for each target and Python; the same ways are said once.
fn why(plan: &Plan, lock: &Lock, name: &str, context: &Context) -> Result<()> {
    let wanted = normalize(name);
    if !plan.decisions.iter().any(|decision| decision.name == wanted) {
        let error = Error::new(Code::Usage, format!("`{name}` is not in `{}`", lock.path.display()));
        let near = plan.decisions.iter().min_by_key(|d| strsim::damerau_levenshtein(&wanted, &d.name));
        return Err(match near {
            Some(near) => error.hint(format!("did you mean `--why {}`?", near.name)),
            None => error,
        });
    }
    if context.global.json {
        return print_json(&output(lock, plan, &|decision| decision.name == wanted));
    }
    for decision in plan.decisions.iter().filter(|decision| decision.name == wanted) {
        let version = decision.version.as_deref().unwrap_or_default();
        print(&format!(
            "{} {version} for {} with Python {}: {}",
            decision.name, decision.target, decision.python, decision.verdict
        ))?;
        match decision.path.is_empty() {
            true => print(&format!("  {}", decision.reason))?,
            false => print(&format!("  {}", decision.path.join(" → ")))?,
        }
    }
    Ok(())
}

fn output(lock: &Lock, plan: &Plan, keep: &dyn Fn(&Decision) -> bool) -> PlanOutput {
    PlanOutput {
        version: VERSION,
        lock: lock.path.clone(),
        format: lock.format.to_string(),
        packages: plan.decisions.iter().filter(|decision| keep(decision)).map(planned).collect(),
        notes: plan.notes.clone(),
    }
}

fn planned(decision: &Decision) -> PlannedOutput {
    let file = decision.file.as_ref();
    let build = decision.build.as_ref();
    PlannedOutput {
        name: decision.name.clone(),
        version: decision.version.clone(),
        target: decision.target.clone(),
        platform: decision.platform.to_string(),
        python: decision.python.to_string(),
        verdict: match decision.verdict {
            Verdict::Wheel => VerdictOutput::Wheel,
            Verdict::Cached => VerdictOutput::Cached,
            Verdict::Build => VerdictOutput::Build,
            Verdict::Check => VerdictOutput::Check,
            Verdict::Impossible => VerdictOutput::Impossible,
            Verdict::Inactive => VerdictOutput::Inactive,
        },
        file: file.map(|file| file.name.clone()),
        sha256: file.and_then(|file| file.sha256()).map(str::to_owned),
        hashes: file.map(|file| file.hashes.iter().cloned().collect()).unwrap_or_default(),
        url: file.and_then(|file| file.url.as_deref()).map(|url| crate::report::redact(url).into_owned()),
        path: file.and_then(|file| file.path.clone()),
        size: file.and_then(|file| file.size),
        locked: file.is_none_or(|file| file.locked),
        yanked: file.and_then(|file| file.yanked.clone()),
        reason: decision.reason.clone(),
        hints: decision.hints.clone(),
        backend: build.and_then(|build| build.backend.clone()),
        risk: build.map(|build| build.risk.name().to_owned()),
        languages: build.map(|build| build.languages.clone()).unwrap_or_default(),
        needed_by: decision.path.clone(),
        requires: decision.requires.clone(),
    }
}

fn summary(plan: &Plan, context: &Context) {
    let counts: Vec<String> = Verdict::ALL
        .into_iter()
        .filter(|verdict| *verdict != Verdict::Inactive && plan.count(*verdict) > 0)
        .map(|verdict| format!("{} {verdict}", plan.count(verdict)))
        .collect();
    let text = if counts.is_empty() { "nothing is needed".to_owned() } else { counts.join(", ") };
    context.report.info(text);
    // What would help is said once, however many targets it is true of.
    let mut said = std::collections::BTreeSet::new();
    for decision in &plan.decisions {
        for hint in &decision.hints {
            if said.insert((decision.name.clone(), hint.clone())) {
                context.report.info(format!("hint: {}: {hint}", decision.name));
            }
        }
    }
}

fn strict(arguments: &Arguments, plan: &Plan, context: &Context) -> Result<(), Failure> {
    let impossible: Vec<&Decision> =
        plan.decisions.iter().filter(|decision| decision.verdict == Verdict::Impossible).collect();
    if !arguments.strict || impossible.is_empty() {
        return Ok(());
    }
    let count = impossible.len();
    let error = Error::new(Code::Impossible, format!("{count} of {} cannot be had", plan.decisions.len()));
    let error = impossible.iter().take(10).fold(error, |error, decision| {
        error.line(format!(
            "{} for {} with Python {}: {}",
            decision.name, decision.target, decision.python, decision.reason
        ))
    });
    context.terminal.error(&error);
    Err(Failure::Shown(ExitCode::Failed))
}
