//! Compilers for a target: zig, its runtime kits, and the drivers that stand in a build's `bin/`.

pub mod bundle;
pub mod clang;
pub mod diagnosis;
pub mod driver;
pub mod kit;
pub mod rust;
pub mod tools;
mod zig;

pub use zig::Zig;
