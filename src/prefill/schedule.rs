//! What may begin now: cores, memory, and what earlier runs tell of each build.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::work::{Origin, Recipe};
use crate::cache::{Cache, Digest};
use crate::plan::Risk;
use crate::report::Result;

const MIB: u64 = 1 << 20;
/// What a build of which nothing is known is taken for: seconds, and bytes of memory.
const PURE: (f64, u64) = (3.0, 200 * MIB);
const UNKNOWN: (f64, u64) = (20.0, 400 * MIB);
const NATIVE: (f64, u64) = (60.0, 700 * MIB);
/// A measured build gets this much more than it used.
const MARGIN: (u64, u64) = (5, 4);

/// What a build costs.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct Cost {
    pub seconds: f64,
    /// Bytes.
    pub memory: u64,
}

impl Cost {
    /// What earlier runs measured of `recipe`, else a guess.
    pub fn expected(cache: &Cache, recipe: &Recipe) -> Self {
        let measured = place(cache, recipe).ok().and_then(|path| std::fs::read(path).ok());
        if let Some(cost) = measured.and_then(|text| serde_json::from_slice::<Self>(&text).ok())
            && cost.seconds.is_finite()
        {
            return Self { memory: (cost.memory / MARGIN.1).saturating_mul(MARGIN.0), ..cost };
        }
        let (seconds, memory) = match recipe.risk {
            Risk::Pure => PURE,
            Risk::Unknown => UNKNOWN,
            Risk::Native => NATIVE,
        };
        Self { seconds, memory }
    }

    /// Keeps what was measured for later runs. A cache that cannot be written costs them a guess.
    pub fn remember(self, cache: &Cache, recipe: &Recipe) {
        let written = place(cache, recipe).and_then(|path| {
            let text = serde_json::to_vec(&self).map_err(|e| crate::report::Error::bug(e.to_string()))?;
            cache.write(&path, &text)
        });
        drop(written);
    }
}

fn place(cache: &Cache, recipe: &Recipe) -> Result<PathBuf> {
    let identity = match &recipe.origin {
        Origin::Sdist { .. } => recipe.identity(),
        Origin::Folder(folder) => format!("{}{}", recipe.identity(), folder.display()),
    };
    Ok(cache.folder("costs")?.join(format!("{}.json", Digest::of(identity))))
}

/// Builds and memory that nobody uses. How many compilers the builds run is the business of
/// [`Turns`](crate::process::Turns): each may start as many as there are jobs, so that the last one
/// has all cores.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    free_jobs: usize,
    memory: u64,
    free_memory: u64,
    running: usize,
}

/// What a running build holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Bytes.
    pub memory: u64,
}

impl Budget {
    /// For `jobs` builds at once; `memory` in bytes.
    pub fn new(jobs: usize, memory: u64) -> Self {
        Self { free_jobs: jobs.max(1), memory, free_memory: memory, running: 0 }
    }

    /// All of it.
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// Takes what a build that expects to use `memory` gets. What wants more than there is at all runs
    /// alone.
    pub fn take(&mut self, memory: u64) -> Option<Held> {
        let memory = memory.min(self.memory);
        if self.free_jobs == 0 || (self.running > 0 && memory > self.free_memory) {
            return None;
        }
        let held = Held { memory: memory.min(self.free_memory) };
        self.free_jobs -= 1;
        self.free_memory -= held.memory;
        self.running += 1;
        Some(held)
    }

    pub fn give_back(&mut self, held: Held) {
        self.free_jobs += 1;
        self.free_memory += held.memory;
        self.running -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_jobs_are_never_given_twice() {
        let mut budget = Budget::new(2, 1000);
        let one = budget.take(600).unwrap();
        assert_eq!(one, Held { memory: 600 });
        assert_eq!(budget.take(600), None, "it would go over");
        let two = budget.take(300).unwrap();
        assert_eq!(budget.take(1), None, "no job is free");
        budget.give_back(one);
        budget.give_back(two);
        assert_eq!(budget.take(5000).unwrap(), Held { memory: 1000 }, "the largest runs alone");
        assert_eq!(budget.take(1), None);
    }
}
