//! `--events FILE`: every event as a JSON line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use crate::report::{Error, Event, Result, Sink};

/// A file that events are appended to.
pub struct EventFile(Mutex<File>);

impl EventFile {
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|e| Error::io("write", path, &e))?;
        Ok(Self(Mutex::new(file)))
    }
}

impl Sink for EventFile {
    fn event(&self, event: &Event) {
        let Ok(mut line) = serde_json::to_string(event) else { return };
        line.push('\n');
        let mut file = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Losing the record must not lose the build.
        let _ = file.write_all(crate::report::redact(&line).as_bytes());
    }
}
