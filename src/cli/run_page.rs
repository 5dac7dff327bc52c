//! `report.html` of a prefill: when what was done, what came of it, and why not.

use super::terminal;
use crate::prefill::record::{EndLine, PackageLine, RunLine};
use crate::report::page::{Page, escape, rectangle};
use std::fmt::Write as _;
use std::time::Duration;

/// The file in the wheelhouse.
pub const FILE: &str = "report.html";

/// Outcomes in the order in which their colours are.
const OUTCOMES: [&str; 8] = ["taken", "built", "cached", "shared", "left", "skipped", "impossible", "failed"];
/// The drawing: its width, that of the names of lanes, and the height of a lane.
const WIDTH: f64 = 1100.0;
const NAMES: f64 = 70.0;
const LANE: f64 = 18.0;

/// The page of a run, from its record.
pub fn page(run: &RunLine, packages: &[PackageLine], end: &EndLine) -> String {
    let mut page = Page::new("Wheelhouse");
    let counts: Vec<String> = end.counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    page.facts(&format!(
        "{} in {}, exit code {} · {} targets and Pythons · {} jobs · shard {} · wheelbuild {}",
        counts.join(", "),
        time(end.elapsed),
        end.exit,
        run.cells.len(),
        run.jobs,
        run.shard,
        run.wheelbuild
    ));
    let locks: Vec<String> = run.locks.iter().map(|lock| lock.display().to_string()).collect();
    page.facts(&format!("from {}", locks.join(", ")));

    let missing: Vec<&PackageLine> = packages.iter().filter(|line| line.file.is_none()).collect();
    if !missing.is_empty() {
        page.heading("Missing");
        let rows = missing.iter().map(|line| {
            let mut why = line.reason.clone();
            line.hints.iter().for_each(|hint| {
                let _ = write!(why, "\nhint: {hint}");
            });
            let outcome = format!("{} {}", line.outcome, line.code.as_deref().unwrap_or_default());
            vec![format!("{} {}", line.name, line.version), outcome, cells(line), why]
        });
        page.table(&["package", "", "for", "why"], &rows.collect::<Vec<_>>());
    }
    page.heading("When");
    let seen: Vec<(usize, &str)> = OUTCOMES
        .iter()
        .enumerate()
        .filter(|(_, name)| packages.iter().any(|line| line.outcome == **name))
        .map(|(colour, name)| (colour, *name))
        .collect();
    page.key(&seen);
    page.raw(&timeline(packages, end.elapsed));

    page.heading("Wheels");
    let mut had: Vec<&PackageLine> = packages.iter().filter(|line| line.file.is_some()).collect();
    had.sort_by_key(|line| (&line.name, &line.file));
    let rows = had.iter().map(|line| {
        vec![
            line.file.clone().unwrap_or_default(),
            line.outcome.clone(),
            cells(line),
            line.size.map_or_else(String::new, terminal::size),
            time(line.elapsed),
            line.memory.map_or_else(String::new, terminal::size),
        ]
    });
    page.table(&["wheel", "", "for", "#size", "#time", "#memory"], &rows.collect::<Vec<_>>());
    page.finish()
}

fn time(milliseconds: u64) -> String {
    terminal::seconds(Duration::from_millis(milliseconds))
}

/// A line for each target, with its Pythons.
fn cells(line: &PackageLine) -> String {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for cell in &line.cells {
        match lines.iter_mut().find(|(platform, _)| *platform == cell.platform) {
            Some((_, pythons)) => pythons.push(&cell.python),
            None => lines.push((cell.platform.clone(), vec![&cell.python])),
        }
    }
    let lines = lines.iter().map(|(platform, pythons)| format!("{platform} {}", pythons.join(" ")));
    lines.collect::<Vec<_>>().join("\n")
}

/// A lane for each worker that built; what was fetched lies in as many lanes as it needs.
fn timeline(packages: &[PackageLine], elapsed: u64) -> String {
    let mut lanes: Vec<(String, Vec<&PackageLine>)> = Vec::new();
    let workers = packages.iter().filter_map(|line| line.worker).max().map_or(0, |last| last + 1);
    for worker in 0..workers {
        let lines = packages.iter().filter(|line| line.worker == Some(worker)).collect();
        lanes.push((format!("build {}", worker + 1), lines));
    }
    let mut fetched: Vec<&PackageLine> =
        packages.iter().filter(|line| line.worker.is_none() && line.elapsed > 0).collect();
    fetched.sort_by_key(|line| (line.began, line.elapsed));
    for line in fetched {
        let is_free = |lane: &(String, Vec<&PackageLine>)| {
            lane.0 == "fetch" && lane.1.last().is_none_or(|last| last.began + last.elapsed <= line.began)
        };
        match lanes.iter_mut().find(|lane| is_free(lane)) {
            Some((_, lines)) => lines.push(line),
            None => lanes.push(("fetch".to_owned(), vec![line])),
        }
    }
    let height = LANE * (lanes.len() as f64) + 16.0;
    let whole = elapsed.max(1) as f64;
    let at = |milliseconds: u64| NAMES + (WIDTH - NAMES) * (milliseconds as f64 / whole).min(1.0);
    let mut text = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n");
    for (number, (name, lines)) in lanes.iter().enumerate() {
        let y = LANE * number as f64;
        let _ = writeln!(text, "<text x=\"0\" y=\"{:.1}\">{}</text>", y + 12.0, escape(name));
        for line in lines {
            let colour = OUTCOMES.iter().position(|name| *name == line.outcome).unwrap_or(0);
            let what = line.file.clone().unwrap_or_else(|| format!("{} {}", line.name, line.version));
            let title =
                format!("{what}\n{} in {}, from {}", line.outcome, time(line.elapsed), time(line.began));
            let (start, end) = (at(line.began), at(line.began + line.elapsed));
            text.push_str(&rectangle([start, y, end - start, LANE - 2.0], colour, &line.name, &title));
        }
    }
    for part in 0..=4 {
        let moment = elapsed * part / 4;
        let anchor = ["start", "middle", "middle", "middle", "end"][part as usize];
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            at(moment),
            height - 4.0,
            escape(&time(moment))
        );
    }
    text.push_str("</svg>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefill::record::{CellLine, VERSION};

    fn line(name: &str, outcome: &str, worker: Option<usize>, began: u64, elapsed: u64) -> PackageLine {
        let cell = CellLine {
            target: "linux/arm64".into(),
            platform: "aarch64-linux-gnu.2.28".into(),
            python: "3.11".into(),
        };
        PackageLine {
            name: name.into(),
            version: "1".into(),
            cells: vec![cell.clone(), CellLine { python: "3.12".into(), ..cell }],
            outcome: outcome.into(),
            file: (outcome != "failed").then(|| format!("{name}-1-py3-none-any.whl")),
            sha256: None,
            size: Some(2048),
            reason: if outcome == "failed" { "<no compiler>".into() } else { String::new() },
            hints: vec!["give one".into()],
            code: (outcome == "failed").then(|| "WB0403".into()),
            began,
            elapsed,
            worker,
            memory: None,
        }
    }

    #[test]
    fn everything_of_the_record_is_told() {
        let run = RunLine {
            version: VERSION,
            wheelbuild: "1".into(),
            started: 0,
            locks: vec!["uv.lock".into()],
            cells: Vec::new(),
            shard: "1/1".into(),
            jobs: 2,
            memory: None,
        };
        let lines = [
            line("a", "taken", None, 0, 400),
            line("b", "taken", None, 100, 400),
            line("c", "taken", None, 450, 100),
            line("d", "built", Some(0), 0, 900),
            line("e", "failed", Some(1), 0, 1000),
        ];
        let counts = [("taken".to_owned(), 3), ("built".to_owned(), 1), ("failed".to_owned(), 1)].into();
        let text = page(&run, &lines, &EndLine { counts, elapsed: 1000, exit: 1 });
        for part in [
            "d-1-py3-none-any.whl",
            "&lt;no compiler&gt;<br>hint: give one",
            "failed WB0403",
            "build 2",
            "aarch64-linux-gnu.2.28 3.11 3.12",
            "exit code 1",
            "uv.lock",
        ] {
            assert!(text.contains(part), "{part} is not in the page");
        }
        // Two fetches at once need two lanes, and the third the first of them again.
        assert_eq!(text.matches(">fetch<").count(), 2);
        // Nothing was done at all.
        page(&run, &[], &EndLine { counts: Default::default(), elapsed: 0, exit: 0 });
    }
}
