//! Watches the limits of a whole run, which no limit of the kernel for one process can.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::tree::Tree;
use super::{Isolation, Limit, Sandbox, root, usage};
use crate::process::Limits;

/// How often. A memory bomb fills some 100 MiB in that time.
pub const TICK: Duration = Duration::from_millis(50);

/// Folders are walked this often at most while their file system does not fill.
const WALK_EVERY: Duration = Duration::from_secs(2);

/// Memory that no process shows is looked for this often at least: what it takes from the machine
/// may be hidden by what others give back.
const SEARCH_EVERY: Duration = Duration::from_secs(1);

pub struct Watch {
    limits: Limits,
    /// Writable folders of this machine.
    folders: Vec<PathBuf>,
    /// Where the file systems in memory are, of which one stands for all.
    scratch: Option<PathBuf>,
    /// What was free, of each folder's file system and of the machine's memory, at the start.
    free_before: Vec<u64>,
    available_before: u64,
    next_walk: Instant,
    next_search: Instant,
    /// What the last walk found the file systems to have lost.
    lost_at_walk: u64,
    peak_memory: u64,
}

impl Watch {
    pub fn new(sandbox: &Sandbox) -> Self {
        let namespaces = sandbox.isolation == Isolation::Namespaces;
        Self {
            limits: sandbox.limits.clone(),
            folders: sandbox
                .mounts
                .iter()
                .filter(|mount| mount.writable)
                .map(|mount| mount.at.clone())
                .collect(),
            scratch: namespaces.then(|| PathBuf::from(root::SCRATCH)),
            free_before: Vec::new(),
            available_before: 0,
            next_walk: Instant::now() + WALK_EVERY,
            next_search: Instant::now() + SEARCH_EVERY,
            lost_at_walk: 0,
            peak_memory: 0,
        }
    }

    /// Remembers how things were before the program started.
    pub fn begin(&mut self) {
        self.free_before =
            self.folders.iter().map(|folder| usage::room(folder).map_or(0, |(_, free)| free)).collect();
        self.available_before = usage::memory_available().unwrap_or(0);
        self.next_walk = Instant::now() + WALK_EVERY;
    }

    /// The most memory that was seen in use, bytes. Pages that processes share count for each.
    pub fn peak_memory(&self) -> u64 {
        self.peak_memory
    }

    /// The limit that the run is over now, if any.
    pub fn over(&mut self, tree: &Tree) -> Option<Limit> {
        let processes = tree.processes();
        let now = usage::of_processes(&processes);
        if now.tasks > self.limits.processes {
            return Some(Limit::Processes);
        }
        if self.over_memory(&processes, now.memory) {
            return Some(Limit::Memory);
        }
        self.over_disk(&processes).then_some(Limit::Disk)
    }

    fn over_memory(&mut self, processes: &[u32], at_most: u64) -> bool {
        let most = self.limits.memory;
        let scratch = self.scratch.as_deref().and_then(usage::room).map_or(0, |(used, _)| used);
        self.peak_memory = self.peak_memory.max(at_most + scratch);
        if at_most + scratch > most && usage::shared_memory_once(processes) + scratch > most {
            return true;
        }
        // Memory that no process shows: files without a name, and System V segments.
        let available = usage::memory_available().unwrap_or(u64::MAX);
        if self.available_before.saturating_sub(available) < most && Instant::now() < self.next_search {
            return false;
        }
        self.next_search = Instant::now() + SEARCH_EVERY;
        let hidden = usage::nameless_files(
            processes,
            &self.devices(),
            self.scratch.as_deref().and_then(usage::device),
        );
        let system_v = if self.scratch.is_some() { usage::system_v_memory() } else { 0 };
        let hidden = scratch + hidden.memory + system_v;
        at_most + hidden > most && usage::shared_memory_once(processes) + hidden > most
    }

    fn over_disk(&mut self, processes: &[u32]) -> bool {
        let free = self.folders.iter().map(|folder| usage::room(folder).map_or(u64::MAX, |(_, free)| free));
        let lost = self
            .free_before
            .iter()
            .zip(free)
            .map(|(before, now)| before.saturating_sub(now))
            .max()
            .unwrap_or(0);
        let filling = lost > self.limits.disk && lost > self.lost_at_walk + self.limits.disk / 16;
        if self.folders.is_empty() || !(filling || Instant::now() >= self.next_walk) {
            return false;
        }
        let started = Instant::now();
        let named = usage::of_folders(&self.folders, self.limits.disk);
        let nameless = usage::nameless_files(processes, &self.devices(), None).disk;
        // Large folders are walked less often: a twentieth of the time at most.
        self.next_walk = Instant::now() + WALK_EVERY.max(started.elapsed() * 20);
        self.lost_at_walk = lost;
        named.is_none_or(|named| named + nameless > self.limits.disk)
    }

    fn devices(&self) -> HashSet<u64> {
        self.folders.iter().filter_map(|folder| usage::device(folder)).collect()
    }
}
