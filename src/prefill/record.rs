//! `run.jsonl`: what a run did, one JSON object a line, written while it goes on.
//!
//! The first line says what was asked, the last how it ended; a run without a last line was killed.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use super::report_row::Row;
use super::work::Cell;
use crate::report::{Error, Result, redact};

/// The file in the wheelhouse.
pub const FILE: &str = "run.jsonl";

/// The version of the lines: a field is added without a new one.
pub const VERSION: u32 = 1;

/// A line.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "line", rename_all = "lowercase")]
pub enum Line {
    Run(RunLine),
    Package(PackageLine),
    End(EndLine),
}

/// What was asked.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunLine {
    pub version: u32,
    /// Of wheelbuild.
    pub wheelbuild: String,
    /// Seconds since 1970.
    pub started: u64,
    pub locks: Vec<PathBuf>,
    pub cells: Vec<CellLine>,
    /// `1/4`
    pub shard: String,
    pub jobs: usize,
    /// Bytes that the builds may use together; absent without a limit.
    pub memory: Option<u64>,
}

/// A target with a Python.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct CellLine {
    /// As it was asked for.
    pub target: String,
    /// The target in its one spelling.
    pub platform: String,
    pub python: String,
}

impl From<&Cell> for CellLine {
    fn from(cell: &Cell) -> Self {
        Self {
            target: cell.target.clone(),
            platform: cell.platform.to_string(),
            python: cell.python.to_string(),
        }
    }
}

/// What became of one package for some targets and Pythons.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PackageLine {
    /// Normalised (PEP 503).
    pub name: String,
    pub version: String,
    pub cells: Vec<CellLine>,
    /// `taken`, `cached`, `built`, `shared`, `left`, `skipped`, `impossible` or `failed`.
    pub outcome: String,
    /// The wheel in `files`.
    pub file: Option<String>,
    pub sha256: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    pub reason: String,
    pub hints: Vec<String>,
    /// The code of its error.
    pub code: Option<String>,
    /// From the start of the run, milliseconds.
    pub began: u64,
    /// Milliseconds.
    pub elapsed: u64,
    /// Which of those who built at the same time built it, from 0.
    pub worker: Option<usize>,
    /// Most memory that its hooks used, bytes.
    pub memory: Option<u64>,
}

/// How it ended.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EndLine {
    /// How many packages ended how.
    pub counts: std::collections::BTreeMap<String, usize>,
    /// Milliseconds.
    pub elapsed: u64,
    /// The exit code of the program.
    pub exit: u8,
}

impl PackageLine {
    /// The line of `row`.
    pub fn of(row: &Row, cells: &[Cell]) -> Self {
        let mut needed: Vec<CellLine> =
            row.needs.iter().filter_map(|need| cells.get(need.cell)).map(CellLine::from).collect();
        needed.sort();
        needed.dedup();
        let reason = match &row.error {
            Some(error) => std::iter::once(error.headline())
                .chain(error.causes().iter().map(String::as_str))
                .collect::<Vec<_>>()
                .join(": "),
            None => row.reason.clone(),
        };
        let mut hints = row.hints.clone();
        hints.extend(row.error.iter().flat_map(|error| error.hints().iter().cloned()));
        let milliseconds = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            name: row.name.clone(),
            version: row.version.clone(),
            cells: needed,
            outcome: row.outcome.name().to_owned(),
            file: row.wheel.as_ref().map(|wheel| wheel.file.clone()),
            sha256: row.wheel.as_ref().map(|wheel| wheel.sha256.clone()),
            size: row.wheel.as_ref().map(|wheel| wheel.size),
            reason: redact(&reason).into_owned(),
            hints: hints.iter().map(|hint| redact(hint).into_owned()).collect(),
            code: row.error.as_ref().map(|error| error.code().to_string()),
            began: milliseconds(row.began),
            elapsed: milliseconds(row.elapsed),
            worker: row.worker,
            memory: row.memory,
        }
    }
}

/// Writes the lines.
#[derive(Debug)]
pub struct Recorder {
    file: Mutex<File>,
    path: PathBuf,
}

impl Recorder {
    /// A new record in the folder `root`; it takes the place of the last run's.
    ///
    /// # Errors
    /// Storage codes.
    pub fn create(root: &Path) -> Result<Self> {
        let path = root.join(FILE);
        let file = File::create(&path).map_err(|error| Error::io("write", &path, &error))?;
        Ok(Self { file: Mutex::new(file), path })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// Storage codes.
    pub fn write(&self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_string(line)
            .map_err(|error| Error::bug(format!("a line of the record: {error}")))?;
        text.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(text.as_bytes()).map_err(|error| Error::io("write", &self.path, &error))
    }
}
