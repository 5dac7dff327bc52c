//! One file per verb: ready arguments in, data and messages out.

pub mod build;
pub mod cache;
pub mod check;
pub mod doctor;
pub mod explain;
pub mod fetch;
pub mod generate;
pub mod image;
pub mod index;
pub mod inspect;
pub mod install;
pub mod layer;
pub mod plan;
pub mod prefill;
pub mod replay;
pub mod toolchain;
pub mod verify;
