//! What a person sees on standard error: events as they come, errors, the closing table.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::group::Ci;
use super::typed::Color;
use crate::report::{Error, Event, Level, Sink, redact};

const BOLD: Style = Style::new().bold();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default();
const DIM: Style = Style::new().dimmed();

/// Standard error for people. Every message reads without colour.
pub struct Terminal {
    lowest: Option<Level>,
    colored: bool,
    /// Bars and spinners are shown.
    moving: bool,
    bar: Mutex<Option<(String, ProgressBar)>>,
    ci: Option<Ci>,
    /// Groups that were opened.
    groups: AtomicUsize,
}

impl Terminal {
    /// `verbose` and `quiet` count the flags.
    pub fn new(verbose: u8, quiet: u8, color: Color) -> Self {
        let lowest = match (i32::from(verbose) - i32::from(quiet)).clamp(-2, 2) {
            2 => Some(Level::Debug),
            1 => Some(Level::Detail),
            0 => Some(Level::Info),
            -1 => Some(Level::Warning),
            _ => None,
        };
        let terminal = std::io::stderr().is_terminal();
        let on = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colored = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let wanted = terminal && !dumb || on("CLICOLOR_FORCE");
                wanted && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        let moving = terminal && !dumb && !on("CI") && lowest.is_some();
        // Folded output is read as lines are, by a service that made no terminal.
        let ci = Ci::of_process().filter(|_| !terminal && lowest.is_some());
        Self { lowest, colored, moving, bar: Mutex::new(None), ci, groups: AtomicUsize::new(0) }
    }

    /// The service that folds this output.
    pub fn ci(&self) -> Option<Ci> {
        self.ci
    }

    /// Begins what is shown folded under `title`.
    pub fn open_group(&self, title: &str) {
        if let Some(ci) = self.ci {
            self.line(&ci.open(&redact(title), self.groups.fetch_add(1, Ordering::Relaxed) + 1));
        }
    }

    /// Ends it.
    pub fn close_group(&self) {
        if let Some(ci) = self.ci {
            self.line(&ci.close(self.groups.load(Ordering::Relaxed)));
        }
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.colored { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn line(&self, text: &str) {
        let bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let write = || {
            // Nothing sensible is left to do when standard error is closed.
            let _ = writeln!(std::io::stderr(), "{text}");
        };
        match &*bar {
            Some((_, bar)) => bar.suspend(write),
            None => write(),
        }
    }

    fn progress(&self, what: &str, done: u64, total: Option<u64>) {
        if !self.moving {
            return;
        }
        let mut slot = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if slot.as_ref().is_none_or(|(name, _)| name != what) {
            if let Some((_, old)) = slot.take() {
                old.finish_and_clear();
            }
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
            let template = if total.is_some() {
                "{msg} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {eta}"
            } else {
                "{msg} {spinner} {bytes}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_message(what.to_owned());
            *slot = Some((what.to_owned(), bar));
        }
        if let Some((_, bar)) = &*slot {
            bar.set_position(done);
            if total.is_some_and(|total| done >= total) {
                bar.finish_and_clear();
                *slot = None;
            }
        }
    }

    /// Shows an error whole: code, headline, causes, deciding lines, hints, where more is to be read.
    pub fn error(&self, error: &Error) {
        if let Some((_, bar)) = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
        self.line(&format!(
            "{} {}",
            self.paint(RED, &format!("error[{}]:", error.code())),
            self.paint(BOLD, error.headline())
        ));
        if let Some(ci) = self.ci {
            let text = [error.headline()].into_iter().chain(error.causes().iter().map(String::as_str));
            let title = format!("{}: {}", error.code(), error.code().title());
            let annotation = ci.annotation("error", &title, &text.collect::<Vec<_>>().join("\n"));
            annotation.into_iter().for_each(|line| self.line(&line));
        }
        for cause in error.causes() {
            self.line(&format!("  {} {cause}", self.paint(RED, "caused by:")));
        }
        for line in error.lines() {
            self.line(&format!("  {} {line}", self.paint(DIM, "|")));
        }
        for hint in error.hints() {
            self.line(&format!("{} {hint}", self.paint(CYAN, "hint:")));
        }
        if let Some(path) = error.log_path() {
            self.line(&format!("{} {}", self.paint(DIM, "full log:"), path.display()));
        }
        if let Some(path) = error.kept_path() {
            self.line(&format!("{} {}", self.paint(DIM, "build folder:"), path.display()));
        }
        if error.code() == crate::report::Code::Bug {
            self.line("this is a bug in wheelbuild: please report it with the output of `wheelbuild doctor`");
        }
    }
}

impl Sink for Terminal {
    fn event(&self, event: &Event) {
        let shown = |level: Level| self.lowest.is_some_and(|lowest| level >= lowest);
        match event {
            Event::Message { level, text } if shown(*level) => {
                let text = redact(text);
                match level {
                    Level::Warning if self.ci == Some(Ci::GitHub) => {
                        let line = Ci::GitHub.annotation("warning", "wheelbuild", &text);
                        line.into_iter().for_each(|line| self.line(&line));
                    }
                    Level::Warning => self.line(&format!("{} {text}", self.paint(YELLOW, "warning:"))),
                    Level::Debug => self.line(&self.paint(DIM, &text)),
                    _ => self.line(&text),
                }
            }
            Event::PhaseEnded { subject, phase, elapsed }
                if shown(if self.ci.is_some() { Level::Info } else { Level::Detail }) =>
            {
                self.line(&format!("{subject}: {phase} {}", self.paint(DIM, &seconds(*elapsed))));
            }
            Event::PhaseStarted { subject, phase } if shown(Level::Debug) => {
                self.line(&format!("{subject}: {phase} …"));
            }
            Event::Progress { what, done, total } => self.progress(what, *done, *total),
            _ => {}
        }
    }
}

/// `1.2 s`, `340 ms`, `2 min 5 s`.
pub fn seconds(time: Duration) -> String {
    match time.as_millis() {
        0..1000 => format!("{} ms", time.as_millis()),
        1000..60_000 => format!("{:.1} s", time.as_secs_f64()),
        _ => format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60),
    }
}

/// `12.3 kB`, as indexes count: thousands.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 || unit == "GB" {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    unreachable!("the last unit returns")
}

/// Columns padded to their widest cell, two spaces between, nothing after the last.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            line.trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(12_345), "12.3 kB");
        assert_eq!(size(9_560_000), "9.6 MB");
        assert_eq!(seconds(Duration::from_millis(340)), "340 ms");
        assert_eq!(seconds(Duration::from_millis(1240)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 5 s");
    }

    #[test]
    fn a_table_lines_up() {
        let rows = [vec!["a".to_owned(), "bb".to_owned()], vec!["ccc".to_owned(), "d".to_owned()]];
        assert_eq!(table(&rows), ["a    bb", "ccc  d"]);
    }
}
