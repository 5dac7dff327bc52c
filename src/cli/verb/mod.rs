//! One file per verb: ready arguments in, data and messages out.

pub mod cache;
pub mod explain;
pub mod generate;
