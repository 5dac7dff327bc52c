//! What has to be had for some plans: each file and each build once, whoever needs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::lock::{File, Lock, Source};
use crate::plan::{Decision, Plan, Risk, Verdict};
use crate::report::{Code, Error, Result};
use crate::target::{Platform, PythonVersion};

/// One target with one Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// As it was asked for.
    pub target: String,
    pub platform: Platform,
    pub python: PythonVersion,
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with Python {}", self.platform, self.python)
    }
}

/// A lock with what was decided about it.
#[derive(Debug)]
pub struct Planned {
    pub lock: Lock,
    pub plan: Plan,
}

/// Who needs a file: a lock, by its number, in a cell, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub lock: usize,
    pub cell: usize,
}

/// A published wheel.
#[derive(Clone, Debug)]
pub struct Take {
    /// Normalised.
    pub name: String,
    pub version: String,
    pub file: File,
    /// What the file's path is relative to.
    pub folder: PathBuf,
    pub needs: Vec<Need>,
}

/// What is built.
#[derive(Clone, Debug)]
pub enum Origin {
    /// An sdist, and what its path is relative to.
    Sdist { file: Box<File>, folder: PathBuf },
    /// A project's folder.
    Folder(PathBuf),
}

/// An sdist or folder, and where its wheels are needed.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Normalised.
    pub name: String,
    /// `None` for a project whose version is dynamic.
    pub version: Option<String>,
    pub origin: Origin,
    pub risk: Risk,
    /// Why it is built.
    pub reason: String,
    pub needs: Vec<Need>,
}

impl Recipe {
    /// `grpclib 0.4.8`
    pub fn describe(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }

    /// What tells it from every other recipe, the same on every machine.
    pub fn identity(&self) -> String {
        let version = self.version.as_deref().unwrap_or_default();
        let origin = match &self.origin {
            Origin::Sdist { file, .. } => match file.hashes.iter().min() {
                Some((algorithm, value)) => format!("{algorithm}:{value}"),
                None => file.name.clone(),
            },
            Origin::Folder(_) => "folder".to_owned(),
        };
        format!("{}\n{version}\n{origin}\n", self.name)
    }

    /// The numbers of the cells it is needed in, each once, in order.
    pub fn cells(&self) -> Vec<usize> {
        let mut cells: Vec<usize> = self.needs.iter().map(|need| need.cell).collect();
        cells.sort_unstable();
        cells.dedup();
        cells
    }
}

/// What can be had in no way.
#[derive(Clone, Debug)]
pub struct Lack {
    pub name: String,
    pub version: Option<String>,
    pub need: Need,
    pub reason: String,
    pub hints: Vec<String>,
}

/// Everything there is to do.
#[derive(Clone, Debug, Default)]
pub struct Work {
    pub cells: Vec<Cell>,
    pub takes: Vec<Take>,
    pub recipes: Vec<Recipe>,
    pub lacks: Vec<Lack>,
}

impl Work {
    /// The work of `planned`, each file and each build once.
    ///
    /// # Errors
    /// [`Code::WheelConflict`] when two files of one name and different content are wanted.
    pub fn of(planned: &[Planned]) -> Result<Self> {
        let mut work = Self::default();
        let mut takes: BTreeMap<String, Take> = BTreeMap::new();
        let mut recipes: BTreeMap<String, Recipe> = BTreeMap::new();
        for (lock, Planned { lock: model, plan }) in planned.iter().enumerate() {
            let folder = model.path.parent().unwrap_or(Path::new("")).to_owned();
            for decision in plan.decisions.iter() {
                let cell = work.cell(decision);
                if decision.verdict == Verdict::Inactive {
                    continue;
                }
                let need = Need { lock, cell };
                match decision.verdict {
                    Verdict::Inactive => {}
                    Verdict::Wheel => take(&mut takes, decision, need, &folder)?,
                    Verdict::Build | Verdict::Cached => {
                        let origin = origin(decision, model, &folder)?;
                        let recipe = Recipe {
                            name: decision.name.clone(),
                            version: decision.version.clone(),
                            origin,
                            risk: decision.build.as_ref().map_or(Risk::Unknown, |build| build.risk),
                            reason: decision.reason.clone(),
                            needs: Vec::new(),
                        };
                        let recipe = recipes.entry(recipe.identity()).or_insert(recipe);
                        recipe.needs.push(need);
                    }
                    Verdict::Check | Verdict::Impossible => work.lacks.push(Lack {
                        name: decision.name.clone(),
                        version: decision.version.clone(),
                        need,
                        reason: decision.reason.clone(),
                        hints: decision.hints.clone(),
                    }),
                }
            }
        }
        work.takes = takes.into_values().collect();
        work.recipes = recipes.into_values().collect();
        Ok(work)
    }

    fn cell(&mut self, decision: &Decision) -> usize {
        let of = |cell: &Cell| cell.target == decision.target && cell.python == decision.python;
        self.cells.iter().position(of).unwrap_or_else(|| {
            self.cells.push(Cell {
                target: decision.target.clone(),
                platform: decision.platform,
                python: decision.python,
            });
            self.cells.len() - 1
        })
    }
}

fn take(takes: &mut BTreeMap<String, Take>, decision: &Decision, need: Need, folder: &Path) -> Result<()> {
    let file = decision.file.as_ref().ok_or_else(|| Error::bug("a wheel without a file"))?;
    let version = file.wheel().map(|wheel| wheel.version().to_string());
    let take = takes.entry(file.name.clone()).or_insert_with(|| Take {
        name: decision.name.clone(),
        version: decision.version.clone().or(version).unwrap_or_default(),
        file: file.clone(),
        folder: folder.to_owned(),
        needs: Vec::new(),
    });
    if let (Some(ours), Some(theirs)) = (take.file.sha256(), file.sha256())
        && ours != theirs
    {
        return Err(Error::new(
            Code::WheelConflict,
            format!("the locks name two different files `{}`", file.name),
        )
        .cause(format!("one has sha256 {ours}, the other {theirs}"))
        .hint("give each lock a wheelhouse of its own"));
    }
    take.needs.push(need);
    Ok(())
}

fn origin(decision: &Decision, lock: &Lock, folder: &Path) -> Result<Origin> {
    match (&lock.packages[decision.position].source, &decision.file) {
        (Source::Directory(path) | Source::Editable(path), _) => Ok(Origin::Folder(folder.join(path))),
        (_, Some(file)) => Ok(Origin::Sdist { file: Box::new(file.clone()), folder: folder.to_owned() }),
        (_, None) => Err(Error::bug(format!("{} is to be built of nothing", decision.name))),
    }
}
