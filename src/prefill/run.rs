//! One run: published wheels are fetched while the rest is built, and everything that ends is told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::chain::Chain;
use super::house::House;
use super::maker::{Maker, Share};
use super::report_row::{Outcome, Placed, Row};
use super::schedule::{Budget, Cost, Held};
use super::shard::Shard;
use super::work::{Need, Origin, Recipe, Take, Work};
use crate::process::Limits;
use crate::report::{self, Code, Error, Result};

/// Files that are fetched at the same time.
const FETCHES: usize = 6;
/// Wheels of earlier builds that are looked for at the same time: they wait for the disk, not for cores.
const LOOKS: usize = 8;
/// How often those who wait look for Ctrl-C.
const LOOK: Duration = Duration::from_millis(100);

/// How a run is to go.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Most builds at once, and most compilers of all of them together.
    pub jobs: usize,
    /// Bytes that all builds may use together; none: what the machine has, as a guide only.
    pub memory: Option<u64>,
    /// Go on with everything else when something failed.
    pub keep_going: bool,
    pub shard: Shard,
}

/// Who is told what goes on.
pub trait Audience: Sync {
    /// A build begins, the `number`th of the run; what it says goes to the report.
    fn began(&self, number: usize, subject: &str) -> report::Report;
    /// It ended.
    fn ended(&self, number: usize);
    /// Something was had, or will not be; told once for each.
    ///
    /// # Errors
    /// What ends the run.
    fn row(&self, row: &Row) -> Result<()>;
    /// So much of everything is done.
    fn progress(&self, done: usize, of: usize);
}

/// What a run did.
#[derive(Debug)]
pub struct Report {
    /// In the order in which they ended.
    pub rows: Vec<Row>,
    pub elapsed: Duration,
}

/// Does `work` and fills `house`.
///
/// What fails is a row with an error, and unless [`How::keep_going`] nothing more is begun then. After
/// Ctrl-C what was not done is [`Outcome::Skipped`].
///
/// # Errors
/// What the audience says, and storage codes that concern the wheelhouse as a whole.
pub fn run(
    work: &Work,
    how: &How,
    house: &House,
    maker: &Maker<'_>,
    audience: &dyn Audience,
) -> Result<Report> {
    let run = Run::new(work, how, house, maker, audience);
    for lack in &work.lacks {
        let mut row = run.row(&lack.name, lack.version.as_deref(), vec![lack.need], Outcome::Impossible);
        row.reason.clone_from(&lack.reason);
        row.hints.clone_from(&lack.hints);
        run.tell(row);
    }
    run.look_into_cache();
    let fetches = run.fetches();
    let builders = run.pending().min(how.jobs.max(1));
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (run, fetches, next) = (&run, &fetches, &next);
        for _ in 0..FETCHES.min(fetches.len()) {
            scope.spawn(move || {
                while let Some(fetch) = fetches.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run.fetch(fetch);
                }
            });
        }
        for worker in 0..builders {
            scope.spawn(move || run.build_all(worker));
        }
    });
    run.finish()
}

/// What is fetched, in this order.
enum Fetch {
    /// The sdist of a recipe, by its number.
    Source(usize),
    /// A published wheel.
    Wheel(usize),
}

/// One recipe in a run.
struct Group {
    chain: Chain,
    cost: Cost,
    source: Option<PathBuf>,
    mine: bool,
    /// It went over its part of the memory once: next time it gets all.
    alone: bool,
}

struct State {
    groups: Vec<Group>,
    /// The numbers of groups, longest first.
    order: Vec<usize>,
    budget: Budget,
    rows: Vec<Row>,
    /// Nothing more is begun.
    stopped: bool,
    /// Sources that are still being fetched.
    awaited: usize,
    running: usize,
    begun: usize,
    broken: Option<Error>,
}

struct Run<'a> {
    work: &'a Work,
    how: &'a How,
    house: &'a House,
    maker: &'a Maker<'a>,
    audience: &'a dyn Audience,
    start: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

/// A build that was begun.
struct Begun {
    group: usize,
    cell: usize,
    source: PathBuf,
    held: Held,
    number: usize,
}

impl<'a> Run<'a> {
    fn new(
        work: &'a Work,
        how: &'a How,
        house: &'a House,
        maker: &'a Maker<'a>,
        audience: &'a dyn Audience,
    ) -> Self {
        let groups: Vec<Group> = work
            .recipes
            .iter()
            .map(|recipe| Group {
                chain: Chain::new(recipe.risk, &work.cells, &recipe.cells()),
                cost: Cost::expected(maker.cache(), recipe),
                source: match &recipe.origin {
                    Origin::Folder(folder) => Some(folder.clone()),
                    Origin::Sdist { .. } => None,
                },
                mine: how.shard.has(recipe),
                alone: false,
            })
            .collect();
        let memory = how.memory.unwrap_or_else(|| Limits::default().memory);
        let state = State {
            groups,
            order: Vec::new(),
            budget: Budget::new(how.jobs, memory),
            rows: Vec::new(),
            stopped: false,
            awaited: 0,
            running: 0,
            begun: 0,
            broken: None,
        };
        Self {
            work,
            how,
            house,
            maker,
            audience,
            start: Instant::now(),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    // Only a panic poisons it, and that ends the scope.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn row(&self, name: &str, version: Option<&str>, needs: Vec<Need>, outcome: Outcome) -> Row {
        Row {
            name: name.to_owned(),
            version: version.unwrap_or_default().to_owned(),
            needs,
            outcome,
            wheel: None,
            reason: String::new(),
            hints: Vec::new(),
            error: None,
            began: self.start.elapsed(),
            elapsed: Duration::ZERO,
            worker: None,
            memory: None,
        }
    }

    /// The row of one cell of a recipe.
    fn row_of(&self, recipe: &Recipe, cell: usize, outcome: Outcome) -> Row {
        let needs = recipe.needs.iter().copied().filter(|need| need.cell == cell).collect();
        let mut row = self.row(&recipe.name, recipe.version.as_deref(), needs, outcome);
        row.reason.clone_from(&recipe.reason);
        row
    }

    fn tell(&self, row: Row) {
        let told = self.audience.row(&row);
        let mut state = self.lock();
        let failed = row.outcome == Outcome::Failed;
        if told.is_err() || (failed && !self.how.keep_going) {
            state.stopped = true;
        }
        if let Err(error) = told {
            state.broken.get_or_insert(error);
        }
        state.rows.push(row);
        let done = state.rows.len();
        let open: usize = state.groups.iter().map(|group| group.chain.pending().len()).sum();
        let (begun, wheels) = (state.running, self.work.takes.len());
        let taken = state.rows.iter().filter(|row| row.outcome == Outcome::Taken).count();
        drop(state);
        self.audience.progress(done, done + open + begun + wheels.saturating_sub(taken));
    }

    /// A failure as a row; what failed because of Ctrl-C is only skipped.
    fn tell_failure(&self, mut row: Row, error: Error) {
        row.outcome = match error.code() {
            Code::Interrupted => Outcome::Skipped,
            _ => Outcome::Failed,
        };
        row.error = Some(error);
        self.tell(row);
    }

    fn is_over(&self, state: &State) -> bool {
        state.stopped || self.maker.interrupt().is_set()
    }

    /// Takes every wheel that an earlier build left, of any shard.
    fn look_into_cache(&self) {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..LOOKS.min(self.work.recipes.len()) {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(recipe) = self.work.recipes.get(number) else { return };
                        if !self.is_over(&self.lock()) {
                            self.look_for(number, recipe);
                        }
                    }
                });
            }
        });
        let mut state = self.lock();
        let length = |group: &Group| group.cost.seconds * group.chain.pending().len() as f64;
        let mut order: Vec<usize> =
            (0..state.groups.len()).filter(|number| state.groups[*number].mine).collect();
        order.sort_by(|a, b| length(&state.groups[*b]).total_cmp(&length(&state.groups[*a])).then(a.cmp(b)));
        state.order = order;
    }

    fn look_for(&self, number: usize, recipe: &Recipe) {
        let mine = self.lock().groups[number].mine;
        let mut missed = Vec::new();
        loop {
            let began = self.start.elapsed();
            let next = self.lock().groups[number].chain.next(&self.work.cells);
            let Some(cell) = next else { break };
            let found = self.maker.finished(recipe, &self.work.cells[cell]);
            let placed = match found {
                Ok(Some(built)) => {
                    let rank = self.lock().groups[number].chain.rank(cell);
                    self.house.put(&built, rank).map(Some)
                }
                // Why it cannot be built, the build itself will say.
                Ok(None) | Err(_) => Ok(None),
            };
            let mut row = self.row_of(recipe, cell, Outcome::Cached);
            row.began = began;
            row.elapsed = self.start.elapsed().saturating_sub(began);
            match placed {
                Ok(Some(placed)) => {
                    row.wheel = Some(placed.clone());
                    let served = self.lock().groups[number].chain.made(&self.work.cells, cell, placed);
                    self.tell(row);
                    self.tell_served(number, served);
                }
                Ok(None) if mine => missed.push(cell),
                Ok(None) => {
                    row.outcome = Outcome::Left;
                    row.reason = "another shard builds it".to_owned();
                    self.lock().groups[number].chain.failed(cell);
                    self.tell(row);
                }
                Err(error) => {
                    self.lock().groups[number].chain.failed(cell);
                    self.tell_failure(row, error);
                }
            }
        }
        for cell in missed {
            self.lock().groups[number].chain.give_back(&self.work.cells, cell);
        }
        if !mine {
            self.leave_rest(number, Outcome::Left);
        }
    }

    /// What is pending of a group ends so.
    fn leave_rest(&self, number: usize, outcome: Outcome) {
        let pending = self.lock().groups[number].chain.clear();
        for cell in pending {
            let mut row = self.row_of(&self.work.recipes[number], cell, outcome);
            row.reason = match outcome {
                Outcome::Left => "another shard builds it",
                Outcome::Skipped => "the run ended before it was begun",
                _ => "what is built for other targets does not serve here",
            }
            .to_owned();
            self.tell(row);
        }
    }

    fn tell_served(&self, number: usize, served: Vec<(usize, Placed)>) {
        for (cell, placed) in served {
            let mut row = self.row_of(&self.work.recipes[number], cell, Outcome::Shared);
            row.wheel = Some(placed);
            self.tell(row);
        }
    }

    /// Sources before wheels: builds wait for them. The longest builds come first.
    fn fetches(&self) -> Vec<Fetch> {
        let mut state = self.lock();
        let wanted = |number: &&usize| {
            let group: &Group = &state.groups[**number];
            group.source.is_none() && !group.chain.pending().is_empty()
        };
        let sources: Vec<usize> = state.order.iter().filter(wanted).copied().collect();
        state.awaited = sources.len();
        let wheels = (0..self.work.takes.len()).map(Fetch::Wheel);
        sources.into_iter().map(Fetch::Source).chain(wheels).collect()
    }

    fn pending(&self) -> usize {
        self.lock().groups.iter().map(|group| group.chain.pending().len()).sum()
    }

    fn fetch(&self, fetch: &Fetch) {
        match fetch {
            Fetch::Wheel(number) => self.take(&self.work.takes[*number]),
            Fetch::Source(number) => {
                let recipe = &self.work.recipes[*number];
                let over = self.is_over(&self.lock());
                let source = if over { None } else { Some(self.maker.source(recipe)) };
                let mut state = self.lock();
                state.awaited -= 1;
                match source {
                    Some(Ok(path)) => state.groups[*number].source = Some(path),
                    Some(Err(error)) => {
                        let pending = state.groups[*number].chain.clear();
                        drop(state);
                        let needs = recipe.needs.iter().copied().filter(|need| pending.contains(&need.cell));
                        let row = self.row(
                            &recipe.name,
                            recipe.version.as_deref(),
                            needs.collect(),
                            Outcome::Failed,
                        );
                        self.tell_failure(row, error);
                    }
                    None => {}
                }
                self.changed.notify_all();
            }
        }
    }

    fn take(&self, take: &Take) {
        let mut row = self.row(&take.name, Some(&take.version), take.needs.clone(), Outcome::Taken);
        if self.is_over(&self.lock()) {
            row.outcome = Outcome::Skipped;
            return self.tell(row);
        }
        let there = take.file.sha256().and_then(|sha256| self.house.find(&take.file.name, sha256));
        let placed = match there {
            Some(placed) => self.house.take(&self.house.path_of(&placed.file), &placed.file, &placed.sha256),
            None => self
                .maker
                .fetch(&take.name, &take.file, &take.folder)
                .and_then(|(path, sha256)| self.house.take(&path, &take.file.name, &sha256)),
        };
        row.elapsed = self.start.elapsed().saturating_sub(row.began);
        match placed {
            Ok(placed) => {
                row.wheel = Some(placed);
                self.tell(row);
            }
            Err(error) => self.tell_failure(row, error),
        }
    }

    /// Builds one after the other until there is nothing left to begin.
    fn build_all(&self, worker: usize) {
        while let Some(begun) = self.begin() {
            self.build(worker, &begun);
            self.changed.notify_all();
        }
        self.changed.notify_all();
    }

    /// The next build; waits until one may begin, none when none ever will.
    fn begin(&self) -> Option<Begun> {
        let mut state = self.lock();
        loop {
            if self.is_over(&state) {
                return None;
            }
            if let Some(begun) = self.pick(&mut state) {
                return Some(begun);
            }
            if state.running == 0 && state.awaited == 0 {
                return None;
            }
            state = self
                .changed
                .wait_timeout(state, LOOK)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
    }

    fn pick(&self, state: &mut State) -> Option<Begun> {
        for number in state.order.clone() {
            let all = state.budget.memory();
            let group = &mut state.groups[number];
            let Some(source) = group.source.clone() else { continue };
            let Some(cell) = group.chain.next(&self.work.cells) else { continue };
            let memory = if group.alone { all } else { group.cost.memory };
            let Some(held) = state.budget.take(memory) else {
                state.groups[number].chain.give_back(&self.work.cells, cell);
                continue;
            };
            state.running += 1;
            state.begun += 1;
            return Some(Begun { group: number, cell, source, held, number: state.begun });
        }
        None
    }

    fn build(&self, worker: usize, begun: &Begun) {
        let recipe = &self.work.recipes[begun.group];
        let cell = &self.work.cells[begun.cell];
        let subject = format!("{} for {cell}", recipe.describe());
        let report = self.audience.began(begun.number, &subject);
        let used = AtomicU64::new(0);
        // Without a limit the parts are a guide to what may run together, not a reason to end a build.
        let memory = self.how.memory.map(|_| begun.held.memory);
        let share = Share { jobs: self.how.jobs, memory, report: &report, used: &used };
        let began = self.start.elapsed();
        let built = self.maker.build(recipe, cell, &begun.source, &share);
        let elapsed = self.start.elapsed().saturating_sub(began);
        let cached = built.as_ref().is_ok_and(|built| built.cached);
        let version = built.as_ref().ok().map(|built| built.entry.version.clone());
        let rank = self.lock().groups[begun.group].chain.rank(begun.cell);
        let placed = built.and_then(|built| self.house.put(&built, rank));
        let used = share.used();
        if let (Ok(_), Some(memory), false) = (&placed, used, cached) {
            Cost { seconds: elapsed.as_secs_f64(), memory }.remember(self.maker.cache(), recipe);
        }
        self.audience.ended(begun.number);
        let mut row = self.row_of(recipe, begun.cell, if cached { Outcome::Cached } else { Outcome::Built });
        (row.began, row.elapsed, row.worker, row.memory) = (began, elapsed, Some(worker), used);
        let mut state = self.lock();
        state.budget.give_back(begun.held);
        state.running -= 1;
        match placed {
            Ok(placed) => {
                let chain = &mut state.groups[begun.group].chain;
                let served = chain.made(&self.work.cells, begun.cell, placed.clone());
                drop(state);
                row.version = version.unwrap_or(row.version);
                row.wheel = Some(placed);
                self.tell(row);
                self.tell_served(begun.group, served);
            }
            // It wanted more than its part, and there is more.
            Err(error)
                if error.code() == Code::Limit && memory.is_some_and(|part| part < state.budget.memory()) =>
            {
                let group = &mut state.groups[begun.group];
                group.alone = true;
                group.chain.give_back(&self.work.cells, begun.cell);
                drop(state);
                report.detail(format!("{subject}: once more, with all of the memory: {}", error.headline()));
            }
            Err(error) => {
                state.groups[begun.group].chain.failed(begun.cell);
                drop(state);
                self.tell_failure(row, error);
            }
        }
    }

    /// What was not begun, and the end.
    fn finish(self) -> Result<Report> {
        let over = self.is_over(&self.lock());
        for number in 0..self.work.recipes.len() {
            // What is left of a run that went to its end is what no wheel serves.
            self.leave_rest(number, if over { Outcome::Skipped } else { Outcome::Impossible });
        }
        let elapsed = self.start.elapsed();
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        match state.broken {
            Some(error) => Err(error),
            None => Ok(Report { rows: state.rows, elapsed }),
        }
    }
}

impl Report {
    /// How many rows ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.rows.iter().filter(|row| row.outcome == outcome).count()
    }

    /// Every wheel that is there, by name.
    pub fn wheels(&self) -> BTreeMap<&str, &Placed> {
        self.rows
            .iter()
            .filter_map(|row| row.wheel.as_ref())
            .map(|wheel| (wheel.file.as_str(), wheel))
            .collect()
    }

    /// Needs for which something is missing.
    pub fn missing(&self) -> impl Iterator<Item = Need> + '_ {
        self.rows.iter().filter(|row| row.wheel.is_none()).flat_map(|row| row.needs.iter().copied())
    }
}
