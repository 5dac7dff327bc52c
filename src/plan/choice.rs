//! The one wheel that pip and uv would take, too.

use std::cmp::Reverse;

use crate::lock::{Environment, File, Range};
use crate::target::{Platform, Tag};
use crate::wheel::WheelFileName;

/// A wheel that fits.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    pub file: File,
    /// The tag by which it does.
    pub tag: Tag,
    /// How many do.
    pub fitting: usize,
}

/// What there is to choose from.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    pub best: Option<Fit>,
    pub sdist: Option<File>,
    /// The wheel that would fit if its bare `linux_*` tag meant this target.
    pub bare_linux: Option<File>,
}

/// Chooses among `files`: by tag, among equal ones by build tag (PEP 427), then the first listed. A
/// file that the lock lists comes before one that only the index has, and a withdrawn one is the last
/// resort (PEP 592).
pub(super) fn choose(files: &[File], environment: &Environment, exclude_newer: Option<&str>) -> Choice {
    let tags = environment.tags();
    let allowed: Vec<&File> = files
        .iter()
        .filter(|file| is_old_enough(file, exclude_newer) && is_for_python(file, environment))
        .collect();
    let rank = |wheel: &WheelFileName| {
        let ranked = wheel.tags().expand().into_iter().filter_map(|tag| Some((tags.rank(&tag)?, tag)));
        ranked.min()
    };
    let mut fitting: Vec<_> = allowed
        .iter()
        .filter_map(|file| {
            let wheel = file.wheel()?;
            let (rank, tag) = rank(wheel)?;
            let key = (file.yanked.is_some(), !file.locked, rank, Reverse(build_order(wheel)));
            Some((key, tag, *file))
        })
        .collect();
    fitting.sort_by(|a, b| a.0.cmp(&b.0));
    let count = fitting.len();
    let best =
        fitting.into_iter().next().map(|(_, tag, file)| Fit { file: file.clone(), tag, fitting: count });
    let bare = match &environment.platform {
        Platform::Linux(target) => {
            let tags = environment.tags().with_bare_linux(&target.arch.machine);
            let fits =
                |file: &&&File| file.wheel().is_some_and(|wheel| tags.best(&wheel.tags().expand()).is_some());
            allowed.iter().find(fits).map(|file| (*file).clone())
        }
        Platform::MacOs(_) => None,
    };
    let sdists = allowed.iter().filter(|file| file.kind == crate::lock::Kind::Sdist);
    Choice {
        best,
        sdist: sdists
            .min_by_key(|file| (file.yanked.is_some(), sdist_rank(&file.name)))
            .map(|file| (*file).clone()),
        bare_linux: bare,
    }
}

/// `.tar.gz` before `.zip` before everything else.
fn sdist_rank(name: &str) -> u8 {
    let lower = name.to_ascii_lowercase();
    match () {
        () if lower.ends_with(".tar.gz") => 0,
        () if lower.ends_with(".zip") => 1,
        () => 2,
    }
}

/// Whether `file` was published by `newest`. What the lock lists without a date was chosen already.
fn is_old_enough(file: &File, newest: Option<&str>) -> bool {
    match (newest, &file.upload_time) {
        (None, _) => true,
        (Some(newest), Some(time)) => moment(time) <= moment(newest),
        (Some(_), None) => file.locked,
    }
}

/// A moment in UTC that compares as text: `2026-01-31T12:00:00`.
fn moment(text: &str) -> String {
    let text = text.trim().replace(' ', "T");
    let seconds = text.split(['.', 'Z', 'z', '+']).next().unwrap_or_default().to_owned();
    // A date alone means its end, as for uv.
    if seconds.contains('T') { seconds } else { format!("{seconds}T23:59:59") }
}

fn is_for_python(file: &File, environment: &Environment) -> bool {
    let Some(text) = &file.requires_python else { return true };
    // What an index says in a way that cannot be read keeps nobody from taking the file.
    Range::pep440(text).map_or(true, |range| range.contains(environment.full_version()))
}

/// Build tags order by their number, then by the rest; none comes before all (PEP 427).
fn build_order(name: &WheelFileName) -> Option<(u64, String)> {
    let build = name.build()?;
    let end = build.find(|c: char| !c.is_ascii_digit()).unwrap_or(build.len());
    Some((build[..end].parse().unwrap_or(u64::MAX), build[end..].to_owned()))
}

/// What the wheels are for instead, for a message: ` (for cp39, cp310)`.
pub(super) fn nearest(files: &[File], environment: &Environment) -> String {
    let wheels: Vec<&WheelFileName> = files.iter().filter_map(File::wheel).collect();
    let cp = environment.python.interpreter_tag();
    let for_python = |wheel: &&&WheelFileName| wheel.tags().pythons().contains(&cp);
    let mut words: Vec<String> =
        wheels.iter().filter(for_python).flat_map(|wheel| wheel.tags().platforms().iter().cloned()).collect();
    if words.is_empty() {
        words = wheels.iter().flat_map(|wheel| wheel.tags().pythons().iter().cloned()).collect();
    }
    words.sort();
    words.dedup();
    let more = words.len().saturating_sub(6);
    words.truncate(6);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    if words.is_empty() { String::new() } else { format!(" (for {}{rest})", words.join(", ")) }
}
