//! Building a native library of the catalogue from source, with the compilers and in the isolation of a
//! wheel's build.
//!
//! A recipe is the shell script of its row in `toolchains/native.toml`. It runs in the unpacked and
//! patched sources with the variables of any build ([`backend::hook_environment`]) and these:
//! `HOST` and `BUILD` (GNU triples), `CONFIGURE` (arguments of every configure script), `CMAKE` (the
//! same for cmake), `CROSS_FILE` (meson), `OUT` (where to install, with the prefix /usr; `DESTDIR` is
//! the same). What it installs is kept in the cache under the hash of sources, recipe, kit and target.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::compilers::Compilers;
use super::layout::Layout;
use super::rust::Rust;
use super::{Builder, Job, work};
use crate::archive::{Limits, copy_folder};
use crate::backend::{self, ConfigSettings, Paths, Subject};
use crate::cache::Digest;
use crate::native::{self, Chosen, Piece, PieceKind, Source};
use crate::process::{self, Command, Status};
use crate::python::environment::{self, Query, Recipe, Resolved, Uv};
use crate::report::{Code, Error, Result};
use crate::toolchain::diagnosis;
use crate::toolchain::driver;

/// The folder of the cache.
const FOLDER: &str = "libraries";
/// Part of every key; to be raised when libraries are built in another way.
const WAY: &str = "1";
/// What was installed, in a folder of the cache.
const TREE: &str = "tree";
/// Most of a failed recipe's output that an error shows.
const LAST_LINES: usize = 12;

impl Builder<'_> {
    /// The tree that `chosen` installs, built where it is not in the cache. `needs` are the pieces it is
    /// linked against.
    ///
    /// # Errors
    /// [`Code::LibraryBuild`] with the last lines when the recipe fails; those of every stage of a build.
    pub(super) fn build_library(&self, job: &Job<'_>, chosen: &Chosen, needs: &[Piece]) -> Result<Piece> {
        let Some(source) = &chosen.library.source else {
            return Err(Error::bug(format!("`{}` has no recipe", chosen.library.name)));
        };
        let mut key =
            vec![WAY.to_owned(), job.target.to_string(), source.script.clone(), source.requires.join(" ")];
        key.push(self.options.compiler.name().to_owned());
        key.push(crate::toolchain::kit::key(&self.zig()?).to_string());
        key.extend(chosen.pins.iter().map(|pin| pin.sha256.to_string()));
        key.extend(needs.iter().map(|piece| piece.key.clone()));
        let key = Digest::of(key.join("\n")).to_string();
        let name = format!("{}-{}", chosen.library.name, &key[..24]);
        let tree = self.cache.made_once(FOLDER, &name, self.report, |place| {
            let subject = format!("{} for {}", chosen.library.name, job.target);
            self.report.phase(&subject, "build", || self.make_library(job, chosen, source, needs, place))
        })?;
        Ok(Piece { tree: tree.join(TREE), key, kind: PieceKind::Built })
    }

    fn make_library(
        &self,
        job: &Job<'_>,
        chosen: &Chosen,
        source: &Source,
        needs: &[Piece],
        place: &Path,
    ) -> Result<()> {
        let mut layout = Layout::new(self.cache.scratch("library-")?, job.isolation)?;
        let result = self.run_recipe(job, chosen, source, needs, &layout);
        let failed = |error: Error, layout: &mut Layout| match error.log_path() {
            Some(_) => error.kept(layout.keep()),
            None => error,
        };
        match result {
            Err(error) => Err(failed(error, &mut layout)),
            Ok(()) => copy_folder(&layout.out.host, place, TREE, &Limits::default(), &|_, _| true).map(drop),
        }
    }

    fn run_recipe(
        &self,
        job: &Job<'_>,
        chosen: &Chosen,
        source: &Source,
        needs: &[Piece],
        layout: &Layout,
    ) -> Result<()> {
        let root = self.packages().source(&chosen.pins, &layout.source.host)?;
        let mut compilers = Compilers::prepare(self, job, layout, &root, &Rust::Unused)?;
        compilers.check(self, job)?;
        if chosen.library.cxx && !compilers.cxx {
            compilers.add_cxx(self, job)?;
        }
        if let Some(sysroot) = self.sysroot_of_needs(job, needs)? {
            let needed = native::closure(chosen.library.needs.iter().map(String::as_str));
            let archives = native::driver_archives(&needed);
            compilers.provide(layout, layout.existing(&sysroot, "native"), archives)?;
        }
        let env = layout.existing(&self.library_tools(job, source)?, "env");
        let paths = work::paths(layout, &root, &compilers, &env);
        let subject = Subject {
            target: job.target,
            python: job.python.version,
            backend: "",
            programs: &[],
            rust: None,
            sources: &[],
            tree: &root,
            jobs: self.options.jobs,
            source_date_epoch: self.options.source_date_epoch,
        };
        backend::write_support(
            &layout.support.host,
            &paths,
            &subject,
            &[],
            &ConfigSettings::new(),
            None,
            false,
        )?;
        let script = layout.support.host.join("recipe.sh");
        fs::write(&script, &source.script).map_err(|error| Error::io("write", &script, &error))?;
        let mut variables = backend::hook_environment(&paths, &subject);
        for (name, value) in recipe_variables(job, &paths) {
            variables.insert(name.into(), value.into());
        }
        let mut sandbox = self.sandbox(job, layout, &compilers, &Rust::Unused, &env)?;
        sandbox.mounts.extend(compilers.turns());
        let command = Command {
            program: PathBuf::from("/bin/sh"),
            args: ["-e", "-x"]
                .map(OsString::from)
                .into_iter()
                .chain([paths.support.join("recipe.sh").into()])
                .collect(),
            env: variables,
            cwd: paths.source.clone(),
            log: layout.hook_log(),
        };
        let outcome = process::run(&command, &sandbox, self.interrupt)?;
        let what = format!("the build of {} {}", chosen.library.name, version(chosen));
        outcome.within(&sandbox.limits, &what).map_err(|error| error.log(layout.hook_log()))?;
        if outcome.status == Status::Code(0) {
            return Ok(());
        }
        let log = fs::read(layout.hook_log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let headline = format!("{what} for {} failed", job.target);
        let calls = driver::read_log(&layout.log.host)?;
        let error = match diagnosis::causes(&calls, &log, crate::elf::glibc_since).into_iter().next() {
            Some(cause) => cause
                .lines()
                .iter()
                .fold(Error::new(Code::LibraryBuild, headline).cause(cause.headline()), |error, line| {
                    error.line(line.as_str())
                }),
            None => {
                let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
                let tail = lines.len().saturating_sub(LAST_LINES);
                lines[tail..]
                    .iter()
                    .fold(Error::new(Code::LibraryBuild, headline), |error, line| error.line(*line))
            }
        };
        Err(error.hint("give the target's own copy with `--sysroot DIR`").log(layout.hook_log()))
    }

    /// An environment with the recipe's tools.
    fn library_tools(&self, job: &Job<'_>, source: &Source) -> Result<PathBuf> {
        let program = self.uv()?;
        let uv = Uv { program: &program, index: self.index, cache: self.cache, report: self.report };
        let recipe = Recipe { python: job.python, site_files: &[], overlay: &[] };
        let pinned = match source.requires.is_empty() {
            true => Vec::new(),
            false => {
                let query = Query {
                    python: job.python,
                    requires: &source.requires,
                    locked: None,
                    extra_wheels: &[],
                    exclude_newer: None,
                };
                match environment::resolve(&uv, &query)? {
                    Resolved::Pinned(pinned) => pinned,
                    Resolved::NeedsBuild(needed) => {
                        let names: Vec<String> = needed.into_iter().map(|needed| needed.name).collect();
                        return Err(Error::new(
                            Code::ToolMissing,
                            format!("{} are not published for this machine", names.join(", ")),
                        ));
                    }
                }
            }
        };
        Ok(environment::install(&uv, &recipe, &pinned, &[])?.root)
    }
}

fn version(chosen: &Chosen) -> &str {
    chosen.pins.first().map_or("", |pin| pin.version.as_str())
}

/// What recipes are told besides what every build is.
fn recipe_variables(job: &Job<'_>, paths: &Paths) -> Vec<(&'static str, String)> {
    let host = job.target.gnu_triple();
    // Another name than the host's in any case: the same one would mean that target programs run here.
    let build = format!("{}-wheelbuild-linux-gnu", std::env::consts::ARCH);
    let out = paths.out.display().to_string();
    let configure = format!(
        "--build={build} --host={host} --prefix=/usr --libdir=/usr/lib --disable-shared --enable-static --with-pic \
         --disable-dependency-tracking"
    );
    let cmake = "-S . -B _b -G Ninja -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR=lib \
                 -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
                 -DCMAKE_POLICY_VERSION_MINIMUM=3.5";
    vec![
        ("HOST", host),
        ("BUILD", build),
        ("CONFIGURE", configure),
        ("CMAKE", cmake.to_owned()),
        ("CROSS_FILE", paths.support.join("cross.ini").display().to_string()),
        ("DESTDIR", out.clone()),
        ("OUT", out),
        ("CFLAGS", "-O2 -fPIC".to_owned()),
        ("CXXFLAGS", "-O2 -fPIC".to_owned()),
    ]
}
