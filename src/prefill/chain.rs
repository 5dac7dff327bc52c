//! Which wheels of one sdist are built, and which of them serve in several places.
//!
//! A pure wheel serves everywhere, and one of the stable ABI every later Python; whether a package
//! makes such is known when the first one is there. So the Pythons of one kind of target are built
//! one after the other, oldest first, and when nothing tells that a package is compiled, a single
//! build goes before all others. Which builds there are never depends on which of them ended first.

use std::collections::BTreeSet;

use super::report_row::Placed;
use super::work::Cell;
use crate::plan::Risk;
use crate::target::{CompatibleTags, Platform};
use crate::wheel::WheelFileName;

/// The builds of one recipe.
#[derive(Debug)]
pub(super) struct Chain {
    risk: Risk,
    /// Not yet served, in the order of building.
    pending: Vec<usize>,
    running: BTreeSet<usize>,
    /// All of them, in the order of building.
    order: Vec<usize>,
    /// Wheels by the cell they were made for.
    wheels: Vec<Placed>,
}

impl Chain {
    /// For the cells with these numbers.
    pub fn new(risk: Risk, cells: &[Cell], numbers: &[usize]) -> Self {
        let mut pending = numbers.to_vec();
        pending.sort_by_cached_key(|number| order(&cells[*number]));
        Self { risk, order: pending.clone(), pending, running: BTreeSet::new(), wheels: Vec::new() }
    }

    /// The cells that wheels which are there serve; they are not pending any more.
    fn served(&mut self, cells: &[Cell]) -> Vec<(usize, Placed)> {
        let mut served = Vec::new();
        let wheels = &self.wheels;
        self.pending.retain(|number| match best(wheels, &cells[*number]) {
            Some(wheel) => {
                served.push((*number, wheel.clone()));
                false
            }
            None => true,
        });
        served
    }

    /// The next cell to build for, if one can be begun now.
    pub fn next(&mut self, cells: &[Cell]) -> Option<usize> {
        let buildable = |number: &&usize| matches!(cells[**number].platform, Platform::Linux(_));
        if self.wheels.is_empty() && self.risk != Risk::Native && !self.running.is_empty() {
            return None;
        }
        let busy: Vec<String> = self.running.iter().map(|number| kind(&cells[*number])).collect();
        let free = |number: &&usize| !busy.contains(&kind(&cells[**number]));
        // For macOS alone a pure wheel is built as for the build machine.
        let only_mac = || match self.wheels.is_empty() && self.running.is_empty() {
            true => self.pending.first(),
            false => None,
        };
        let next = *self.pending.iter().filter(buildable).find(free).or_else(only_mac)?;
        self.pending.retain(|number| *number != next);
        self.running.insert(next);
        Some(next)
    }

    /// The build for `cell` was not begun after all, or has to be begun anew.
    pub fn give_back(&mut self, cells: &[Cell], cell: usize) {
        self.running.remove(&cell);
        self.pending.push(cell);
        self.pending.sort_by_cached_key(|number| order(&cells[*number]));
    }

    /// The build for `cell` ended without a wheel.
    pub fn failed(&mut self, cell: usize) {
        self.running.remove(&cell);
    }

    /// The build for `cell` ended with `wheel`. Gives the other cells that it serves: they are not
    /// pending any more, so that nobody begins a build for them in between.
    pub fn made(&mut self, cells: &[Cell], cell: usize, wheel: Placed) -> Vec<(usize, Placed)> {
        self.running.remove(&cell);
        self.wheels.push(wheel);
        self.served(cells)
    }

    /// Nothing more is to be built; gives what was pending.
    pub fn clear(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.pending)
    }

    /// The place of `cell` in the order of building.
    pub fn rank(&self, cell: usize) -> usize {
        self.order.iter().position(|number| *number == cell).unwrap_or(self.order.len())
    }

    /// What is neither served nor being built.
    pub fn pending(&self) -> &[usize] {
        &self.pending
    }
}

/// Oldest Python first, since the stable ABI serves later ones; then by target, lowest floor first.
fn order(cell: &Cell) -> (crate::target::PythonVersion, String, u32) {
    let floor = match &cell.platform {
        Platform::Linux(target) => match target.libc {
            crate::target::Libc::Gnu { minor } => minor,
            crate::target::Libc::Musl => 0,
        },
        Platform::MacOs(_) => u32::MAX,
    };
    (cell.python, kind(cell), floor)
}

/// Targets among which a wheel for one may serve another: of one machine and C library.
fn kind(cell: &Cell) -> String {
    match &cell.platform {
        Platform::Linux(target) => target.family(),
        Platform::MacOs(_) => "macos".to_owned(),
    }
}

/// The wheel that an installer there would take.
fn best<'w>(wheels: &'w [Placed], cell: &Cell) -> Option<&'w Placed> {
    let tags = CompatibleTags::new(cell.python, &cell.platform);
    let ranked = wheels.iter().filter_map(|wheel| {
        let name: WheelFileName = wheel.file.parse().ok()?;
        Some((tags.best(&name.tags().expand())?, wheel))
    });
    ranked.min_by(|a, b| (a.0, &a.1.file).cmp(&(b.0, &b.1.file))).map(|(_, wheel)| wheel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(words: &[&str]) -> Vec<Cell> {
        let cell = |word: &&str| {
            let (target, python) = word.split_once(' ').unwrap();
            Cell {
                target: target.to_owned(),
                platform: target.parse().unwrap(),
                python: python.parse().unwrap(),
            }
        };
        words.iter().map(cell).collect()
    }

    /// Ends the build for `cell` with a wheel of this name; the cells that it serves, too.
    fn made(chain: &mut Chain, cells: &[Cell], cell: usize, file: &str) -> Vec<usize> {
        let wheel = Placed { file: file.to_owned(), sha256: String::new(), size: 0 };
        chain.made(cells, cell, wheel).into_iter().map(|(cell, _)| cell).collect()
    }

    const FOUR: [&str; 4] =
        ["aarch64-linux 3.11", "aarch64-linux 3.10", "x86_64-linux 3.10", "aarch64-macos 3.10"];

    #[test]
    fn a_pure_wheel_is_built_once_and_serves_everywhere() {
        let cells = cells(&FOUR);
        let mut chain = Chain::new(Risk::Unknown, &cells, &[0, 1, 2, 3]);
        assert_eq!(chain.next(&cells), Some(1));
        assert_eq!(chain.next(&cells), None, "the first one tells what it is");
        assert_eq!(made(&mut chain, &cells, 1, "a-1-py3-none-any.whl"), [3, 2, 0]);
        assert_eq!(chain.next(&cells), None);
        assert_eq!(chain.pending(), [0_usize; 0]);
    }

    #[test]
    fn compiled_ones_are_built_for_each_target_and_python() {
        let cells = cells(&FOUR);
        let mut chain = Chain::new(Risk::Native, &cells, &[0, 1, 2, 3]);
        assert_eq!((chain.next(&cells), chain.next(&cells)), (Some(1), Some(2)));
        assert_eq!(chain.next(&cells), None, "3.11 waits for what 3.10 makes");
        assert!(made(&mut chain, &cells, 1, "a-1-cp310-cp310-manylinux_2_28_aarch64.whl").is_empty());
        assert_eq!(chain.next(&cells), Some(0));
        chain.failed(2);
        assert!(made(&mut chain, &cells, 0, "a-1-cp311-cp311-manylinux_2_28_aarch64.whl").is_empty());
        assert_eq!(chain.pending(), [3], "macOS is served or never");
    }

    #[test]
    fn the_stable_abi_serves_later_pythons_of_the_same_machine() {
        let cells = cells(&FOUR);
        let mut chain = Chain::new(Risk::Native, &cells, &[0, 1, 2]);
        assert_eq!(chain.next(&cells), Some(1));
        assert_eq!(made(&mut chain, &cells, 1, "a-1-cp39-abi3-manylinux_2_17_aarch64.whl"), [0]);
        assert_eq!(chain.next(&cells), Some(2));
    }

    #[test]
    fn for_macos_alone_one_pure_wheel_is_built() {
        let cells = cells(&["aarch64-macos 3.10", "x86_64-macos 3.10"]);
        let mut chain = Chain::new(Risk::Pure, &cells, &[0, 1]);
        assert_eq!((chain.next(&cells), chain.next(&cells)), (Some(0), None));
        assert_eq!(made(&mut chain, &cells, 0, "a-1-py3-none-any.whl"), [1]);
    }

    #[test]
    fn a_failure_leaves_the_next_to_tell() {
        let cells = cells(&FOUR);
        let mut chain = Chain::new(Risk::Unknown, &cells, &[0, 1]);
        assert_eq!(chain.next(&cells), Some(1));
        chain.failed(1);
        assert_eq!(chain.next(&cells), Some(0));
    }
}
