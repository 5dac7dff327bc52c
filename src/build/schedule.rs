//! Several builds at once, within one number of jobs, told in the order they were asked for.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};

/// What is left to start, and the jobs that nobody uses.
struct Budget {
    next: usize,
    count: usize,
    free: usize,
}

impl Budget {
    /// The next row and its share of the jobs: what is free, divided by the rows that wait, so that
    /// the last ones get more. Every waiting worker is left at least one.
    fn take(&mut self) -> Option<(usize, usize)> {
        let row = self.next;
        if row == self.count {
            return None;
        }
        let share = (self.free / (self.count - row)).max(1);
        self.next += 1;
        self.free = self.free.saturating_sub(share);
        Some((row, share))
    }

    /// Nothing more is to be started.
    fn close(&mut self) {
        self.next = self.count;
    }
}

/// Does `work` for the rows 0 to `count`, as many at a time as there are `jobs`, and hands each
/// result to `tell` in the order of the rows, as soon as those before it were told.
///
/// `work` is given the row and how many of the jobs are its own; together the running ones never
/// have more than `jobs`. One that fails does not keep the others from running; when `tell` breaks,
/// no further row is started.
pub fn in_order<T: Send>(
    count: usize,
    jobs: usize,
    work: impl Fn(usize, usize) -> T + Sync,
    mut tell: impl FnMut(usize, T) -> ControlFlow<()>,
) {
    let jobs = jobs.max(1);
    let budget = Mutex::new(Budget { next: 0, count, free: jobs });
    // Only a panic of a worker poisons it, and that ends the scope.
    let locked = || budget.lock().unwrap_or_else(PoisonError::into_inner);
    let (give, take) = channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(count) {
            let (give, work, locked) = (give.clone(), &work, &locked);
            scope.spawn(move || {
                loop {
                    let Some((row, share)) = locked().take() else { return };
                    let result = work(row, share);
                    locked().free += share;
                    if give.send((row, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(give);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (row, result) in take {
            early.insert(row, result);
            while let Some(result) = early.remove(&due) {
                if tell(due, result).is_break() {
                    locked().close();
                    return;
                }
                due += 1;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_rows() {
        // Row 0 ends last: it waits for all the others.
        let barrier = Barrier::new(3);
        let mut told = Vec::new();
        in_order(
            3,
            3,
            |row, _| {
                barrier.wait();
                if row == 0 {
                    std::thread::yield_now();
                }
                row * 10
            },
            |row, value| {
                told.push((row, value));
                ControlFlow::Continue(())
            },
        );
        assert_eq!(told, [(0, 0), (1, 10), (2, 20)]);
    }

    #[test]
    fn rows_run_at_the_same_time_and_share_the_jobs() {
        for (count, jobs) in [(1, 8), (2, 8), (3, 8), (5, 4), (9, 4), (3, 2), (4, 1), (0, 3)] {
            let (used, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let mut shares = Vec::new();
            in_order(
                count,
                jobs,
                |_, share| {
                    let now = used.fetch_add(share, Ordering::SeqCst) + share;
                    most.fetch_max(now, Ordering::SeqCst);
                    std::thread::yield_now();
                    used.fetch_sub(share, Ordering::SeqCst);
                    share
                },
                |_, share| {
                    shares.push(share);
                    ControlFlow::Continue(())
                },
            );
            assert_eq!(shares.len(), count);
            assert!(shares.iter().all(|share| *share >= 1), "{shares:?}");
            assert!(most.into_inner() <= jobs, "{count} rows used more than {jobs} jobs");
        }
        let mut share = 0;
        let tell = |_, given| {
            share = given;
            ControlFlow::Continue(())
        };
        in_order(1, 8, |_, share| share, tell);
        assert_eq!(share, 8, "a single row has all jobs");
    }

    #[test]
    fn nothing_is_started_or_told_after_a_break() {
        let mut budget = Budget { next: 0, count: 100, free: 4 };
        assert_eq!(budget.take(), Some((0, 1)));
        budget.close();
        assert_eq!(budget.take(), None);
        let mut told = 0;
        in_order(
            100,
            2,
            |row, _| row,
            |_, _| {
                told += 1;
                ControlFlow::Break(())
            },
        );
        assert_eq!(told, 1);
    }
}
