//! Events: the only output of everything below `cli`.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

/// How important a [`Event::Message`] is; decides at which `-v`/`-q` it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Shown with `-vv`.
    Debug,
    /// Shown with `-v`.
    Detail,
    /// Shown unless `-q`.
    Info,
    /// Shown unless `-qq`.
    Warning,
}

/// One thing that happened. Serialised as one JSON line by `--events`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Something a person may want to read.
    Message { level: Level, text: String },
    /// A stage of one subject (`msgpack 1.2.4`) began.
    PhaseStarted { subject: String, phase: &'static str },
    /// The same stage ended after `elapsed`.
    PhaseEnded {
        subject: String,
        phase: &'static str,
        #[serde(serialize_with = "as_millis")]
        elapsed: Duration,
    },
    /// Long work of a known or unknown size moved on: `done` of `total` (bytes unless `what` says else).
    Progress { what: String, done: u64, total: Option<u64> },
    /// One wheel is ready.
    Wheel {
        name: String,
        version: String,
        /// The platform tag (or `any`) that was proven.
        tag: String,
        file: String,
        /// Bytes.
        size: u64,
        sha256: String,
        /// True when it came from the cache.
        cached: bool,
        #[serde(serialize_with = "as_millis")]
        elapsed: Duration,
    },
}

fn as_millis<S: serde::Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
}

/// Where events go: a terminal, a JSON stream, or a test's list.
pub trait Sink: Send + Sync {
    fn event(&self, event: &Event);
}

/// A cheap, clonable handle on a [`Sink`].
#[derive(Clone)]
pub struct Report(Arc<dyn Sink>);

impl Report {
    /// A report that tells `sink`.
    pub fn new(sink: impl Sink + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// A report nobody reads.
    pub fn silent() -> Self {
        struct Nobody;
        impl Sink for Nobody {
            fn event(&self, _: &Event) {}
        }
        Self::new(Nobody)
    }

    /// Tells one event.
    pub fn event(&self, event: Event) {
        self.0.event(&event);
    }

    /// Tells a message shown with `-vv`.
    pub fn debug(&self, text: impl Into<String>) {
        self.event(Event::Message { level: Level::Debug, text: text.into() });
    }

    /// Tells a message shown with `-v`.
    pub fn detail(&self, text: impl Into<String>) {
        self.event(Event::Message { level: Level::Detail, text: text.into() });
    }

    /// Tells a message shown by default.
    pub fn info(&self, text: impl Into<String>) {
        self.event(Event::Message { level: Level::Info, text: text.into() });
    }

    /// Tells a warning.
    pub fn warn(&self, text: impl Into<String>) {
        self.event(Event::Message { level: Level::Warning, text: text.into() });
    }

    /// Runs `work` as the phase `phase` of `subject`, telling its start, its end and the time between.
    pub fn phase<T>(&self, subject: &str, phase: &'static str, work: impl FnOnce() -> T) -> T {
        self.event(Event::PhaseStarted { subject: subject.to_owned(), phase });
        let start = std::time::Instant::now();
        let result = work();
        self.event(Event::PhaseEnded { subject: subject.to_owned(), phase, elapsed: start.elapsed() });
        result
    }

    /// Tells how far long work has come.
    pub fn progress(&self, what: &str, done: u64, total: Option<u64>) {
        self.event(Event::Progress { what: what.to_owned(), done, total });
    }
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Report")
    }
}
