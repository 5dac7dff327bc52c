//! What a prefill did, as a table and as a summary for GitHub.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::terminal;
use crate::prefill::record::PackageLine;
use crate::prefill::{Cell, Outcome, Report as Done, Row};
use crate::report::{Error, Report, Result};

/// The closing table: wheels by name, then what is missing, then totals.
pub fn table(done: &Done, cells: &[Cell], report: &Report) {
    let mut lines = vec![["wheel", "size", "sha256", "", "time"].map(str::to_owned).to_vec()];
    let mut by_file: BTreeMap<&str, &Row> = BTreeMap::new();
    for row in &done.rows {
        if let Some(wheel) = row.wheel.as_ref().filter(|_| row.outcome != Outcome::Shared) {
            by_file.insert(&wheel.file, row);
        }
    }
    for (file, row) in by_file {
        let Some(wheel) = &row.wheel else { continue };
        lines.push(vec![
            file.to_owned(),
            terminal::size(wheel.size),
            wheel.sha256.clone(),
            row.outcome.name().to_owned(),
            terminal::seconds(row.elapsed),
        ]);
    }
    for (row, subject) in missing(done, cells) {
        let why = match &row.error {
            Some(error) => format!("{}: {}", error.code(), error.code().title()),
            None => row.reason.clone(),
        };
        lines.push(vec![
            subject,
            String::new(),
            why,
            row.outcome.name().to_owned(),
            if row.outcome == Outcome::Failed { terminal::seconds(row.elapsed) } else { String::new() },
        ]);
    }
    for line in terminal::table(&lines) {
        report.info(line);
    }
    report.info(totals(done));
}

/// What there is no wheel of, and where; failures last.
fn missing<'d>(done: &'d Done, cells: &[Cell]) -> Vec<(&'d Row, String)> {
    let mut rows: Vec<&Row> = done.rows.iter().filter(|row| row.wheel.is_none()).collect();
    rows.sort_by(|a, b| (a.outcome, &a.name).cmp(&(b.outcome, &b.name)));
    let subject = |row: &Row| {
        let mut places: Vec<String> =
            row.needs.iter().filter_map(|need| cells.get(need.cell)).map(Cell::to_string).collect();
        places.sort();
        places.dedup();
        match places.len() {
            0 => row.describe(),
            1 => format!("{} for {}", row.describe(), places[0]),
            several => format!("{} for {several} targets and Pythons", row.describe()),
        }
    };
    rows.into_iter().map(|row| (row, subject(row))).collect()
}

/// `12 in 3 s: 8 taken, 4 built`
fn totals(done: &Done) -> String {
    let counts: Vec<String> = Outcome::ALL
        .into_iter()
        .map(|outcome| (done.count(outcome), outcome.name()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let what = if counts.is_empty() { "nothing is needed".to_owned() } else { counts.join(", ") };
    let built = done.count(Outcome::Built);
    let cached = done.count(Outcome::Cached);
    let rate = match built + cached {
        0 => String::new(),
        all => format!("; {} % of what is built came from the cache", cached * 100 / all),
    };
    format!("{} in {}: {what}{rate}", done.rows.len(), terminal::seconds(done.elapsed))
}

/// Appends a summary as Markdown to the file at `path` (GITHUB_STEP_SUMMARY).
///
/// # Errors
/// Storage codes.
pub fn append_summary(path: &Path, lines: &[PackageLine], elapsed: Duration) -> Result<()> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines {
        *counts.entry(&line.outcome).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let mut text =
        format!("### wheelbuild prefill\n\n{} in {}\n", counts.join(", "), terminal::seconds(elapsed));
    let rows = |wanted: &dyn Fn(&PackageLine) -> bool| {
        let mut rows: Vec<&PackageLine> = lines.iter().filter(|line| wanted(line)).collect();
        rows.sort_by(|a, b| (&a.name, &a.version, &a.file).cmp(&(&b.name, &b.version, &b.file)));
        rows
    };
    let missing = rows(&|line| line.file.is_none());
    if !missing.is_empty() {
        text.push_str("\n| missing | targets and Pythons | | why |\n|---|---|---|---|\n");
    }
    for line in missing {
        let cells: Vec<String> =
            line.cells.iter().map(|cell| format!("{} {}", cell.platform, cell.python)).collect();
        text.push_str(&format!(
            "| {} {} | {} | {} | {} |\n",
            cell(&line.name),
            cell(&line.version),
            cell(&cells.join(", ")),
            line.outcome,
            cell(&line.reason)
        ));
    }
    let built = rows(&|line| line.outcome == Outcome::Built.name());
    if !built.is_empty() {
        text.push_str("\n| built | size | sha256 | time |\n|---|---|---|---|\n");
    }
    for line in built {
        text.push_str(&format!(
            "| {} | {} | `{}` | {} |\n",
            cell(line.file.as_deref().unwrap_or_default()),
            terminal::size(line.size.unwrap_or_default()),
            line.sha256.as_deref().unwrap_or_default(),
            terminal::seconds(Duration::from_millis(line.elapsed)),
        ));
    }
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| Error::io("write the summary", path, &error))?;
    file.write_all(text.as_bytes()).map_err(|error| Error::io("write the summary", path, &error))
}

/// Text in a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|").replace(['\n', '\r'], " ")
}
