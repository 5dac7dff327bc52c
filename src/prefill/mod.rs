//! Locks × targets × Pythons → a wheelhouse that any installer installs from.
//!
//! ```text
//! plans ─► Work ─► Run ─► House ─► derived lock
//!          work    run    house    derived
//! ```
//!
//! [`Work`] is what has to be had, each file once. [`Run`] takes published wheels while it builds the
//! rest, several at a time. [`House`] is the folder: each wheel appears in it whole or not at all, and
//! the index lists what is there. What a run did stays as its [`record`].

mod chain;
mod derived;
mod house;
mod maker;
pub mod record;
mod report_row;
mod run;
mod schedule;
mod shard;
mod work;

pub use derived::{Derived, PYLOCK, REQUIREMENTS};
pub use house::House;
pub use maker::Maker;
pub use record::Recorder;
pub use report_row::{Outcome, Placed, Row};
pub use run::{Audience, How, Report, run};
pub use shard::Shard;
pub use work::{Cell, Lack, Need, Planned, Work};
