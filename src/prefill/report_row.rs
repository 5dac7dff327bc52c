//! What became of one thing that was to be had.

use std::time::Duration;

use super::work::Need;
use crate::report::Error;

/// A wheel in the wheelhouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its file name.
    pub file: String,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// A published wheel was taken.
    Taken,
    /// A wheel that was built earlier was taken.
    Cached,
    /// It was built.
    Built,
    /// A wheel that was made for another target or Python serves here too.
    Shared,
    /// Another shard builds it.
    Left,
    /// Not begun when the run ended.
    Skipped,
    /// No wheel fits and nothing can be built.
    Impossible,
    /// It was tried and failed.
    Failed,
}

impl Outcome {
    pub const ALL: [Self; 8] = [
        Self::Taken,
        Self::Cached,
        Self::Built,
        Self::Shared,
        Self::Left,
        Self::Skipped,
        Self::Impossible,
        Self::Failed,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Cached => "cached",
            Self::Built => "built",
            Self::Shared => "shared",
            Self::Left => "left",
            Self::Skipped => "skipped",
            Self::Impossible => "impossible",
            Self::Failed => "failed",
        }
    }
}

/// One line of what a run did.
#[derive(Debug)]
pub struct Row {
    /// Normalised.
    pub name: String,
    pub version: String,
    /// Where it is needed.
    pub needs: Vec<Need>,
    pub outcome: Outcome,
    pub wheel: Option<Placed>,
    /// Why it was built, or why there is none.
    pub reason: String,
    pub hints: Vec<String>,
    pub error: Option<Error>,
    /// From the start of the run.
    pub began: Duration,
    pub elapsed: Duration,
    /// Which of those who work at the same time did it, from 0; none for what cost nothing.
    pub worker: Option<usize>,
    /// Most memory that its hooks used, bytes.
    pub memory: Option<u64>,
}

impl Row {
    /// `grpclib 0.4.8`
    pub fn describe(&self) -> String {
        format!("{} {}", self.name, self.version).trim_end().to_owned()
    }
}
