//! What continuous integration shows folded: everything that one wheel's build says is one group.
//!
//! Builds run at the same time, and groups cannot be told apart when their lines mix: where there
//! are groups, a build whose turn has not come yet is held back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::terminal::Terminal;
use crate::report::{Event, Report, Sink};

/// A continuous integration service that folds output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ci {
    /// GitHub Actions and what speaks like it: `::group::`.
    GitHub,
    /// GitLab: `section_start`.
    GitLab,
}

impl Ci {
    /// The one that this process runs in, by the variable that each sets.
    pub fn of_process() -> Option<Self> {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| value == "true" || value == "1");
        if set("GITHUB_ACTIONS") {
            Some(Self::GitHub)
        } else if set("GITLAB_CI") {
            Some(Self::GitLab)
        } else {
            None
        }
    }

    /// The line that opens a group. `number` tells groups of one run apart.
    pub fn open(self, title: &str, number: usize) -> String {
        match self {
            Self::GitHub => format!("::group::{}", escape(title)),
            Self::GitLab => {
                let now = seconds();
                format!("\x1b[0Ksection_start:{now}:wheelbuild_{number}[collapsed=true]\r\x1b[0K{title}")
            }
        }
    }

    /// The line that closes it.
    pub fn close(self, number: usize) -> String {
        match self {
            Self::GitHub => "::endgroup::".to_owned(),
            Self::GitLab => format!("\x1b[0Ksection_end:{}:wheelbuild_{number}\r\x1b[0K", seconds()),
        }
    }

    /// The line that makes an annotation, where there are such.
    pub fn annotation(self, kind: &str, title: &str, text: &str) -> Option<String> {
        match self {
            Self::GitHub => {
                // A property ends at these.
                let title = escape(title).replace(':', "%3A").replace(',', "%2C");
                Some(format!("::{kind} title={title}::{}", escape(text)))
            }
            Self::GitLab => None,
        }
    }
}

/// Text in a workflow command, which ends with its line.
fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// The events of one build.
pub struct Grouped {
    held: Option<Arc<Held>>,
    report: Report,
    terminal: Arc<Terminal>,
    title: String,
}

/// Events that wait for their turn.
struct Held {
    to: Report,
    /// None once they pass at once.
    waiting: Mutex<Option<Vec<Event>>>,
}

impl Grouped {
    /// The group `title`, whose events go on to `report`.
    pub fn new(terminal: Arc<Terminal>, report: &Report, title: &str) -> Self {
        let title = title.to_owned();
        if terminal.ci().is_none() {
            return Self { held: None, report: report.clone(), terminal, title };
        }
        let held = Arc::new(Held { to: report.clone(), waiting: Mutex::new(Some(Vec::new())) });
        struct Passing(Arc<Held>);
        impl Sink for Passing {
            fn event(&self, event: &Event) {
                self.0.pass(event);
            }
        }
        Self { report: Report::new(Passing(held.clone())), held: Some(held), terminal, title }
    }

    /// Where the build tells its events.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Its turn has come: what waited is told, what follows is told at once.
    pub fn open(&self) {
        let Some(held) = &self.held else { return };
        self.terminal.open_group(&self.title);
        let mut waiting = held.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for event in waiting.take().into_iter().flatten() {
            held.to.event(event);
        }
    }

    /// The build has ended.
    pub fn close(&self) {
        let opened = |held: &Arc<Held>| held.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        if self.held.as_ref().is_some_and(opened) {
            self.terminal.close_group();
        }
    }
}

impl Held {
    fn pass(&self, event: &Event) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *waiting {
            Some(waiting) => waiting.push(event.clone()),
            None => self.to.event(event.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_leave_its_command() {
        assert_eq!(Ci::GitHub.open("50% done\n::stop", 1), "::group::50%25 done%0A::stop");
        assert_eq!(
            Ci::GitHub.annotation("error", "WB0403: a, b", "two\r\nlines").unwrap(),
            "::error title=WB0403%3A a%2C b::two%0D%0Alines"
        );
        assert_eq!(Ci::GitLab.annotation("error", "a", "b"), None);
        assert!(Ci::GitLab.open("title", 7).ends_with(":wheelbuild_7[collapsed=true]\r\x1b[0Ktitle"));
        assert!(Ci::GitLab.close(7).ends_with(":wheelbuild_7\r\x1b[0K"));
    }
}
