//! Which packages of a lock are wanted in an environment.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::model::{Edge, Package, Part, Source};
use super::pdm::joined;
use super::{Asked, Environment, Format, Lock};
use crate::metadata::{Version, normalize, version_eq};
use crate::report::{Code, Error, Result};

/// What of a project is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Its own dependencies, and the groups a lock counts by itself.
    pub main: bool,
    /// Normalised.
    pub extras: BTreeSet<String>,
    pub groups: BTreeSet<String>,
}

impl Default for Selection {
    fn default() -> Self {
        Self { main: true, extras: BTreeSet::new(), groups: BTreeSet::new() }
    }
}

impl Selection {
    /// The project with `extras` and `groups`; with any of `only`, those groups and nothing else.
    pub fn new(extras: &[String], groups: &[String], only: &[String]) -> Self {
        let set = |names: &[String]| names.iter().map(|name| normalize(name)).collect::<BTreeSet<_>>();
        let mut all = set(groups);
        all.extend(set(only));
        Self { main: only.is_empty(), extras: set(extras), groups: all }
    }
}

/// A package that is wanted.
#[derive(Clone, Debug)]
pub struct Selected<'l> {
    pub package: &'l Package,
    /// Its place in [`Lock::packages`].
    pub position: usize,
    /// Extras of it that something wants.
    pub extras: BTreeSet<String>,
    /// A shortest way to it, from what the project depends on itself: `h2 4.3.0` after `grpclib 0.4.9`.
    pub path: Vec<String>,
    /// Names of the selected packages that it depends on itself. Empty where the lock does not say.
    pub requires: BTreeSet<String>,
}

/// What a selection has come to, before it is known to be one version of each.
struct Chosen {
    /// Extras by position.
    packages: BTreeMap<usize, BTreeSet<String>>,
}

impl Lock {
    /// The packages that `selection` needs in `environment`, by name: exactly one version of each.
    /// The projects themselves are left out.
    ///
    /// # Errors
    /// [`Code::UnknownPart`] for an extra or group there is not, and for extras that exclude each
    /// other; [`Code::AmbiguousLock`] when two versions of one package are wanted at once;
    /// [`Code::BadLock`] when something wanted is not in the lock.
    pub fn select(&self, selection: &Selection, environment: &Environment) -> Result<Vec<Selected<'_>>> {
        self.check(selection)?;
        let chosen = match self.walks {
            true => self.walk(selection, environment)?,
            false => self.by_conditions(selection, environment),
        };
        self.one_of_each(&chosen, environment)?;
        let paths = self.paths(&chosen, selection, environment);
        let names: BTreeSet<&str> =
            chosen.packages.keys().map(|position| self.packages[*position].name.as_str()).collect();
        let mut selected: Vec<Selected<'_>> = chosen
            .packages
            .into_iter()
            .filter(|(position, _)| !self.roots.contains(position))
            .map(|(position, extras)| Selected {
                package: &self.packages[position],
                position,
                requires: self.requires(position, &extras, &names, environment),
                extras,
                path: paths.get(&position).cloned().unwrap_or_default(),
            })
            .collect();
        selected.sort_by(|a, b| a.package.name.cmp(&b.package.name));
        Ok(selected)
    }

    /// The names among `chosen` that the package at `position` depends on with `extras`.
    fn requires(
        &self,
        position: usize,
        extras: &BTreeSet<String>,
        chosen: &BTreeSet<&str>,
        environment: &Environment,
    ) -> BTreeSet<String> {
        let package = &self.packages[position];
        let wanted = |part: &Part| match part {
            Part::Main => true,
            Part::Extra(names) => names.split(',').any(|name| extras.contains(name)),
            Part::Group(_) => false,
        };
        let parts = package.dependencies.keys().filter(|part| wanted(part));
        let edges = parts.flat_map(|part| {
            let asked = self.seen_by(part, extras);
            package.edges(part).iter().filter(move |edge| edge.marker.holds(environment, &asked))
        });
        edges
            .map(|edge| edge.name.clone())
            .filter(|name| chosen.contains(name.as_str()) && *name != package.name)
            .collect()
    }

    /// Why the package at `position` is not among the selected, as a sentence.
    pub fn why_inactive(&self, position: usize, selection: &Selection, environment: &Environment) -> String {
        let package = &self.packages[position];
        let asked = self.asked(selection);
        let mut false_marker = None;
        let mut parts = BTreeSet::new();
        for condition in &package.conditions {
            match &condition.part {
                Some(part) if !self.wants(selection, part) => {
                    parts.insert(part.to_string());
                }
                _ if !condition.marker.holds(environment, &asked) => {
                    false_marker = Some(condition.marker.text());
                }
                _ => {}
            }
        }
        if let Some(marker) = false_marker {
            return format!("its marker `{marker}` is false here");
        }
        if !parts.is_empty() {
            return format!("it is only in {}", parts.into_iter().collect::<Vec<_>>().join(", "));
        }
        if !package.forks.is_empty() && !package.forks.iter().any(|fork| fork.holds(environment, &asked)) {
            return "it was locked for other environments".to_owned();
        }
        "nothing that was asked for needs it here".to_owned()
    }

    /// Every asked extra and group must exist, and no two may exclude each other.
    fn check(&self, selection: &Selection) -> Result<()> {
        let kinds = [("extra", &selection.extras, &self.extras), ("group", &selection.groups, &self.groups)];
        for (kind, asked, known) in kinds {
            let Some(name) = asked.iter().find(|name| !known.contains(*name)) else { continue };
            let headline = format!("`{}` has no {kind} `{name}`", self.path.display());
            let error = Error::new(Code::UnknownPart, headline);
            let near = known.iter().min_by_key(|other| strsim::damerau_levenshtein(name, other));
            return Err(match near {
                Some(near) => {
                    let all: Vec<&str> = known.iter().map(String::as_str).collect();
                    error
                        .cause(format!("there is {}", all.join(", ")))
                        .hint(format!("did you mean `--{kind} {near}`?"))
                }
                None => error.cause(format!("it has no {kind}s at all")),
            });
        }
        for conflict in &self.conflicts {
            let wanted: Vec<String> = conflict
                .iter()
                .filter(|(package, part)| {
                    self.roots.iter().any(|root| self.packages[*root].name == *package)
                        && self.wants(selection, part)
                })
                .map(|(_, part)| part.to_string())
                .collect();
            if wanted.len() > 1 {
                let headline = format!("{} exclude each other", wanted.join(" and "));
                return Err(Error::new(Code::UnknownPart, headline)
                    .cause(format!("`{}` says so", self.path.display()))
                    .hint("ask for them in runs of their own"));
            }
        }
        Ok(())
    }

    fn wants(&self, selection: &Selection, part: &Part) -> bool {
        let has = |name: &String| selection.extras.contains(name) || selection.groups.contains(name);
        match part {
            Part::Main => selection.main,
            // pdm keeps extras and groups under one set of names.
            Part::Extra(name) | Part::Group(name) if self.format == Format::Pdm => has(name),
            Part::Extra(name) => selection.extras.contains(name),
            Part::Group(name) => {
                selection.groups.contains(name) || (selection.main && self.default_groups.contains(name))
            }
        }
    }

    /// What markers see of a selection.
    fn asked(&self, selection: &Selection) -> Asked {
        let mut groups = selection.groups.clone();
        if selection.main {
            groups.extend(self.default_groups.iter().cloned());
        }
        Asked::new(&selection.extras, &groups)
    }

    fn by_conditions(&self, selection: &Selection, environment: &Environment) -> Chosen {
        let asked = self.asked(selection);
        let wanted = |package: &Package| {
            package.conditions.iter().any(|condition| {
                condition.part.as_ref().is_none_or(|part| self.wants(selection, part))
                    && condition.marker.holds(environment, &asked)
            })
        };
        let packages = self.packages.iter().enumerate().filter(|(_, package)| wanted(package));
        Chosen { packages: packages.map(|(position, _)| (position, BTreeSet::new())).collect() }
    }

    /// From the roots along every edge whose marker holds. Extras of projects may decide markers of
    /// others (uv), so the walk is repeated until it finds no new one.
    fn walk(&self, selection: &Selection, environment: &Environment) -> Result<Chosen> {
        let mut active = BTreeSet::new();
        loop {
            let mut chosen = Chosen { packages: BTreeMap::new() };
            let mut seen = BTreeSet::new();
            let mut queue: VecDeque<(usize, Part)> = VecDeque::new();
            for root in &self.roots {
                for part in self.packages[*root].dependencies.keys() {
                    if self.wants(selection, part) {
                        queue.push_back((*root, part.clone()));
                    }
                }
            }
            let mut found = active.clone();
            while let Some((position, part)) = queue.pop_front() {
                if !seen.insert((position, part.clone())) {
                    continue;
                }
                let package = &self.packages[position];
                found.extend(conflict_name(package, &part));
                let extras = chosen.packages.entry(position).or_default();
                if let Part::Extra(name) = &part {
                    extras.insert(name.clone());
                }
                let asked = self.seen_by(&part, &active);
                for edge in package.edges(&part).iter().filter(|edge| edge.marker.holds(environment, &asked))
                {
                    let next = self.resolve(package, edge, environment, &asked)?;
                    queue.push_back((next, Part::Main));
                    queue.extend(self.parts_of(next, edge).into_iter().map(|part| (next, part)));
                }
            }
            if found == active {
                return Ok(chosen);
            }
            active = found;
        }
    }

    /// What the markers of one part's edges see: its own extra, and uv's names of active extras.
    fn seen_by(&self, part: &Part, active: &BTreeSet<String>) -> Asked {
        let mut extras = active.clone();
        if let Part::Extra(name) = part {
            extras.extend(name.split(',').map(str::to_owned));
        }
        Asked::new(&extras, &BTreeSet::new())
    }

    /// The extras of an edge as parts of the package it leads to.
    fn parts_of(&self, position: usize, edge: &Edge) -> Vec<Part> {
        let known = |part: &Part| self.packages[position].dependencies.contains_key(part);
        let all = Part::Extra(joined(&edge.extras));
        if edge.extras.len() > 1 && known(&all) {
            return vec![all];
        }
        edge.extras.iter().map(|extra| Part::Extra(extra.clone())).filter(known).collect()
    }

    /// The package an edge leads to.
    fn resolve(
        &self,
        from: &Package,
        edge: &Edge,
        environment: &Environment,
        asked: &Asked,
    ) -> Result<usize> {
        let named: Vec<usize> =
            (0..self.packages.len()).filter(|at| self.packages[*at].name == edge.name).collect();
        let mut fitting = named.clone();
        let mut narrow = |keep: &dyn Fn(&Package) -> bool, must: bool| {
            let kept: Vec<usize> = fitting.iter().copied().filter(|at| keep(&self.packages[*at])).collect();
            // What only prefers is asked only where there is a choice, and never leaves nothing.
            if must || (fitting.len() > 1 && !kept.is_empty()) {
                fitting = kept;
            }
        };
        let version =
            |package: &Package| package.version.as_deref().and_then(|text| text.parse::<Version>().ok());
        if let Some(wanted) = &edge.version {
            narrow(&|package| package.version.as_deref().is_some_and(|own| version_eq(own, wanted)), true);
        }
        if let Some(source) = &edge.source {
            narrow(&|package| package.source == *source, self.format == Format::Uv);
        }
        if let Some(range) = &edge.range {
            narrow(&|package| version(package).is_none_or(|version| range.contains(&version)), false);
        }
        narrow(
            &|package| {
                package.forks.is_empty() || package.forks.iter().any(|fork| fork.holds(environment, asked))
            },
            false,
        );
        narrow(
            &|package| {
                let range = package.requires_python.as_ref();
                range.is_none_or(|range| range.contains(environment.full_version()))
            },
            false,
        );
        match fitting[..] {
            [one] => Ok(one),
            [] => {
                let what = match named.is_empty() {
                    true => "is not in the lock".to_owned(),
                    false => format!(
                        "is in the lock as {} only",
                        named.iter().map(|at| self.packages[*at].describe()).collect::<Vec<_>>().join(", ")
                    ),
                };
                Err(self
                    .wrong(from, &format!("it needs `{}`, which {what}", edge.name))
                    .hint("the lock does not fit the project: lock again"))
            }
            _ => Err(self.several(&edge.name, &fitting)),
        }
    }

    fn wrong(&self, package: &Package, what: &str) -> Error {
        let place = match package.line {
            0 => "the project".to_owned(),
            line => format!("line {line}"),
        };
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        Error::new(Code::BadLock, format!("`{name}`, package `{}`: {what}", package.name))
            .cause(format!("{}, {place}", self.path.display()))
    }

    fn several(&self, name: &str, positions: &[usize]) -> Error {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        let headline = format!("`{file}` wants more than one version of `{name}` at once");
        positions.iter().fold(Error::new(Code::AmbiguousLock, headline), |error, at| {
            let package = &self.packages[*at];
            error.cause(format!("{} in line {}", package.describe(), package.line))
        })
    }

    /// One package a name. Several sources of one version are one choice too many as well.
    fn one_of_each(&self, chosen: &Chosen, environment: &Environment) -> Result<()> {
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for position in chosen.packages.keys() {
            by_name.entry(&self.packages[*position].name).or_default().push(*position);
        }
        match by_name.into_iter().find(|(_, positions)| positions.len() > 1) {
            Some((name, positions)) => Err(self
                .several(name, &positions)
                .cause(format!("for {} with Python {}", environment.platform, environment.python))),
            None => Ok(()),
        }
    }

    /// The shortest way to each chosen package. Where a lock does not say what the project itself
    /// needs, that is what nothing else needs.
    fn paths(
        &self,
        chosen: &Chosen,
        selection: &Selection,
        environment: &Environment,
    ) -> BTreeMap<usize, Vec<String>> {
        let named: BTreeMap<&str, usize> =
            chosen.packages.keys().map(|at| (self.packages[*at].name.as_str(), *at)).collect();
        let active: BTreeSet<String> = chosen
            .packages
            .iter()
            .flat_map(|(at, extras)| {
                let parts = std::iter::once(Part::Main).chain(extras.iter().cloned().map(Part::Extra));
                parts.filter_map(|part| conflict_name(&self.packages[*at], &part)).collect::<Vec<_>>()
            })
            .collect();
        let targets = |at: usize, root: bool| -> Vec<usize> {
            let package = &self.packages[at];
            let mut found = Vec::new();
            for (part, edges) in &package.dependencies {
                if (root && !self.wants(selection, part)) || (!root && matches!(part, Part::Group(_))) {
                    continue;
                }
                let asked = self.seen_by(part, &active);
                let holding = edges.iter().filter(|edge| edge.marker.holds(environment, &asked));
                found.extend(holding.filter_map(|edge| named.get(edge.name.as_str())).copied());
            }
            found
        };
        let mut starts: Vec<usize> = self.roots.iter().flat_map(|root| targets(*root, true)).collect();
        let reached: BTreeSet<usize> = named
            .values()
            .flat_map(|at| targets(*at, false).into_iter().filter(move |to| to != at))
            .collect();
        if self.roots.is_empty() || starts.is_empty() {
            starts = named.values().copied().filter(|at| !reached.contains(at)).collect();
        }
        let mut paths: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let mut queue = VecDeque::new();
        let mut begin = |starts: Vec<usize>, paths: &mut BTreeMap<usize, Vec<String>>| {
            for at in starts {
                if !self.roots.contains(&at) && !paths.contains_key(&at) {
                    paths.insert(at, vec![self.packages[at].describe()]);
                    queue.push_back(at);
                }
            }
            while let Some(at) = queue.pop_front() {
                for next in targets(at, false) {
                    if !paths.contains_key(&next) && !self.roots.contains(&next) {
                        let mut path = paths[&at].clone();
                        path.push(self.packages[next].describe());
                        paths.insert(next, path);
                        queue.push_back(next);
                    }
                }
            }
        };
        begin(starts, &mut paths);
        // What a lock lists and nothing in it needs, for example the parts of a circle.
        for at in named.values() {
            if !paths.contains_key(at) {
                begin(vec![*at], &mut paths);
            }
        }
        paths
    }
}

/// uv's name for an extra, group or project that takes part in a conflict.
fn conflict_name(package: &Package, part: &Part) -> Option<String> {
    let is_project =
        matches!(package.source, Source::Virtual(_) | Source::Editable(_) | Source::Directory(_));
    let name = &package.name;
    is_project.then(|| match part {
        Part::Main => format!("project-{}-{name}", name.len()),
        Part::Extra(extra) => format!("extra-{}-{name}-{extra}", name.len()),
        Part::Group(group) => format!("group-{}-{name}-{group}", name.len()),
    })
}
