//! What the rest of the program says: events while it works, errors when it stops.
//!
//! Nothing below `cli` prints. A stage is given a [`Report`] and tells it what happened as
//! [`Event`]s; a stage that cannot go on returns an [`Error`] that carries its code, causes,
//! deciding lines and hints. One renderer turns both into text or JSON.

mod code;
mod error;
mod event;
pub mod page;
mod secret;
pub mod treemap;

pub use code::{Code, ExitCode};
pub use error::{Error, Result, ResultExt};
pub use event::{Event, Level, Report, Sink};
pub use secret::redact;
