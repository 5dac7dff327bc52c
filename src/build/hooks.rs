//! Running the hooks until a wheel is there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::layout::{Layout, Place};
use super::native::Looked;
use super::sources::Source;
use super::work::{self, Work};
use super::{Builder, Job, failure, overlay, replay};
use crate::backend::{self, Answer, Outcome, Subject};
use crate::process::{self, Command, Mount};
use crate::python::view::{self, ViewPaths};
use crate::report::{Code, Error, Result};
use crate::toolchain::diagnosis;
use crate::toolchain::driver::{self, Call};

/// Times that hooks run at most: for requirements, the C++ runtime and native libraries, which may be
/// missed one after another.
const MOST_RUNS: usize = 10;

/// What the hooks left.
pub(super) struct HookOutcome {
    /// The raw wheel.
    pub wheel: PathBuf,
    /// Extensions whose build raised an error, even if the package went on.
    pub failed_extensions: Vec<String>,
    /// Extensions that setup() was given.
    pub declared_extensions: Vec<String>,
    /// Those that the package's own commands took out of the list again.
    pub withdrawn_extensions: Vec<String>,
    /// Translators that were looked for in vain, with a source each.
    pub untranslated: BTreeMap<String, String>,
    /// Every call of a compiler.
    pub calls: Vec<Call>,
    /// Paths that the build saw, and their fixed names.
    pub places: Vec<Place>,
}

/// No package downloads more files than this.
const MOST_SOURCES: usize = 64;

impl Builder<'_> {
    /// Runs the hooks; again with more requirements when the backend asks for them, with the C++ runtime
    /// when a link was missing it, with sources that the build would download, and with native libraries
    /// that were looked for and not found. Each run starts from a fresh source tree, so that
    /// a first build and a repeated one do the same.
    pub(super) fn run_hooks(&self, work: &mut Work<'_>) -> Result<HookOutcome> {
        let (job, layout) = (work.job, work.layout);
        let mut fresh = true;
        let mut left = MOST_RUNS;
        while left > 0 {
            if !fresh {
                self.renew(job, layout)?;
            }
            fresh = false;
            left -= 1;
            let env = layout.existing(&self.environment(job, &work.requirements)?, "env");
            let answer = self.report.phase(&job.subject, "hooks", || self.run_once(work, &env))?;
            let calls = driver::read_log(&layout.log.host)?;
            // A build that compiles nothing need not wait for a look at thousands of files.
            if !calls.is_empty() && work.compilers.check(self, job)? {
                continue;
            }
            if !work.compilers.cxx && driver::needs_cxx_runtime(&calls) {
                work.compilers.add_cxx(self, job)?;
                continue;
            }
            let wanted = overlay::wanted(&calls, job.target);
            if self.add_overlays(job, &mut work.requirements, &env.host, &wanted)? {
                continue;
            }
            let failed_extensions: Vec<String> = answer.failed_extensions.keys().cloned().collect();
            let said = || failure::read_log(&layout.hook_log());
            let looked = Looked { calls: &calls, log: layout.hook_log() };
            if work.requirements.sources.len() < MOST_SOURCES {
                let wanted = backend::read_wanted(&layout.support.host)?;
                match self.add_sources(job, &mut work.requirements, &wanted) {
                    Ok(false) => {}
                    Ok(true) => {
                        // Every such round brings a source, so that they come to an end by themselves.
                        left = MOST_RUNS;
                        continue;
                    }
                    // A package may bring its own copy of a library only where it finds none.
                    Err(error)
                        if matches!(error.code(), Code::SourceUnavailable | Code::Offline)
                            && work.native.add_missed(self, job, &looked, false)? =>
                    {
                        work.provide(self)?;
                        continue;
                    }
                    Err(error) => return Err(error.log(layout.hook_log())),
                }
            }
            match answer.outcome {
                Outcome::Requires { requires } => {
                    self.add_requirements(job, &mut work.requirements, requires)?
                }
                Outcome::Built { requires, wheel } => {
                    work.requirements.asked = Some(requires);
                    self.check_complete(job, &work.requirements)?;
                    let lost = !failed_extensions.is_empty()
                        || !diagnosis::lost_extensions(&calls).is_empty()
                        || !has_binaries(&wheel_in(layout, &wheel)?);
                    if work.native.add_missed(self, job, &looked, !lost)? {
                        work.provide(self)?;
                        continue;
                    }
                    if lost && self.add_programs(job, &mut work.requirements, &said())? {
                        continue;
                    }
                    self.drop_unused_sources(&mut work.requirements, &layout.support.host);
                    for program in backend::refused_programs(&layout.support.host) {
                        if !backend::is_check(&program) {
                            return Err(failure::of_ignored_program(job, &program).log(layout.hook_log()));
                        }
                        self.report.warn(format!(
                            "{}: a check of CMake wanted to run `{program}`, which is for the target, and took \
                             no for its answer; `-C cmake.define.NAME=VALUE` answers it beforehand",
                            job.subject
                        ));
                    }
                    let mut places = vec![
                        layout.source.clone(),
                        layout.bin.clone(),
                        layout.support.clone(),
                        layout.view.clone(),
                        env,
                    ];
                    places.extend(work.compilers.native().cloned());
                    return Ok(HookOutcome {
                        wheel: wheel_in(layout, &wheel)?,
                        failed_extensions,
                        declared_extensions: answer.declared_extensions,
                        withdrawn_extensions: answer.withdrawn_extensions,
                        untranslated: answer.untranslated,
                        calls,
                        places,
                    });
                }
                Outcome::Failed { .. } if work.native.add_missed(self, job, &looked, false)? => {
                    work.provide(self)?;
                }
                Outcome::Failed { .. } if self.add_programs(job, &mut work.requirements, &said())? => {}
                Outcome::Failed { kind, .. } if kind == "MemoryError" => {
                    let what = format!("the build of {}", job.subject);
                    return Err(self.options.limits.out_of_memory(&what).log(layout.hook_log()));
                }
                Outcome::Failed { kind, message, module } => {
                    let exception = failure::Exception { kind, message, module };
                    return Err(failure::of_hooks(job, layout, &calls, Some(&exception)));
                }
            }
        }
        Err(Error::new(
            Code::Backend,
            format!("the backend of {} keeps asking for other requirements", job.subject),
        )
        .log(layout.hook_log()))
    }

    /// Empties what a run of the hooks wrote and unpacks the sources again.
    fn renew(&self, job: &Job<'_>, layout: &Layout) -> Result<()> {
        for folder in [
            &layout.source,
            &layout.out,
            &layout.log,
            &layout.support,
            &layout.view,
            &layout.home,
            &layout.tmp,
        ] {
            if !folder.host.exists() {
                continue;
            }
            let fail = |e: std::io::Error| Error::io("empty", &folder.host, &e);
            fs::remove_dir_all(&folder.host).map_err(fail)?;
            fs::create_dir(&folder.host).map_err(fail)?;
        }
        self.unpack(job, layout).map(drop)
    }

    fn run_once(&self, work: &Work<'_>, env: &Place) -> Result<Answer> {
        let Work { job, layout, tree, rust, compilers, requirements, .. } = work;
        let paths = work::paths(layout, &tree.root, compilers, env);
        let programs = names_in(&env.host.join("bin"));
        let rust_view = rust.prepare_run(layout, tree)?;
        let sources: Vec<_> = requirements.sources.iter().map(Source::supplied).collect();
        let subject = Subject {
            target: job.target,
            python: job.python.version,
            backend: &tree.build_system.backend,
            programs: &programs,
            rust: rust_view.as_ref(),
            sources: &sources,
            tree: &tree.root,
            jobs: self.options.jobs,
            source_date_epoch: self.options.source_date_epoch,
        };
        let view_paths = ViewPaths { root: layout.view.inside.clone(), bin: layout.bin.inside.clone() };
        let real = self.options.target_python.as_deref();
        let (view, view_folder) = if job.isolation.moves_paths() && real.is_none() {
            view::keep_view(self.cache, self.report, job.python, job.target, &view_paths)?
        } else {
            let folder = &layout.view.host;
            (view::write_view(job.python, job.target, &view_paths, real, folder)?, folder.clone())
        };
        backend::write_support(
            &layout.support.host,
            &paths,
            &subject,
            &tree.build_system.backend_path,
            &self.options.config_settings,
            requirements.asked.as_deref(),
            requirements.complete,
        )?;
        let mut variables = backend::hook_environment(&paths, &subject);
        for (name, value) in view.hook_environment() {
            variables.insert(name.into(), value.into());
        }
        for (name, value) in &self.options.env {
            variables.insert(name.into(), value.into());
        }
        let mut sandbox = self.sandbox(job, layout, compilers, rust, env)?;
        sandbox.mounts.push(Mount::at(view_folder, &layout.view.inside));
        if job.isolation.moves_paths() {
            let cpuinfo = layout.support.host.join(backend::CPUINFO);
            sandbox.mounts.push(Mount::at(cpuinfo, process::CPUINFO));
        }
        let command = Command {
            program: env.inside.join("bin/python"),
            args: vec![
                OsString::from(paths.support.join("hook.py")),
                OsString::from(paths.support.join("spec.json")),
            ],
            env: variables,
            cwd: paths.source.clone(),
            log: layout.hook_log(),
        };
        if self.options.keep {
            let subject = format!("{} for {}", job.subject, job.target);
            replay::write(layout, &subject, &command, &sandbox)?;
        }
        sandbox.mounts.extend(compilers.turns());
        let outcome = process::run(&command, &sandbox, self.interrupt)?;
        if let Some(used) = self.used {
            used.fetch_max(outcome.peak_memory, std::sync::atomic::Ordering::Relaxed);
        }
        let logged = |error: Error| error.log(layout.hook_log());
        outcome.within(&sandbox.limits, &format!("the build of {}", job.subject)).map_err(logged)?;
        match backend::read_answer(&layout.support.host)? {
            Some(answer) => Ok(answer),
            None => {
                let calls = driver::read_log(&layout.log.host)?;
                Err(failure::of_hooks(job, layout, &calls, None)
                    .cause(format!("the hooks ended with {} and gave no answer", outcome.status)))
            }
        }
    }
}

/// Whether a wheel holds anything that was linked, by its names.
fn has_binaries(wheel: &Path) -> bool {
    let limits = crate::archive::Limits::default();
    // A wheel that cannot be read is the judge's business.
    crate::archive::ZipReader::open(wheel, &limits).map_or(true, |zip| {
        zip.entries().iter().any(|entry| {
            let name = entry.name.rsplit('/').next().unwrap_or_default();
            name.ends_with(".so") || name.contains(".so.") || entry.name.contains(".data/scripts/")
        })
    })
}

/// The one wheel in the output folder; the hook's word for its name is not taken.
fn wheel_in(layout: &Layout, named: &str) -> Result<PathBuf> {
    let files = names_in(&layout.out.host);
    let wheels: Vec<&String> = files.iter().filter(|name| name.ends_with(".whl")).collect();
    match wheels[..] {
        [only] => {
            let path = layout.out.host.join(only);
            let plain = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
            if plain {
                Ok(path)
            } else {
                Err(Error::new(Code::BadWheel, format!("`{only}` is no plain file")))
            }
        }
        [] => Err(Error::new(
            Code::Backend,
            format!("the backend said it built `{named}`, but no wheel is there"),
        )),
        _ => Err(Error::new(Code::Backend, "the backend left more than one wheel").cause(files.join(", "))),
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
