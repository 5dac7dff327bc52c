//! `wheelbuild`: one sdist in, one proven Linux wheel out; and what is built on that.
//!
//! The modules are the stages; a module uses only modules of a lower level (ARCHITECTURE.md has
//! the table, `tests/levels.rs` enforces it).
#![deny(unsafe_code)]

pub mod apt;
pub mod archive;
pub mod backend;
pub mod build;
pub mod cache;
pub mod cli;
pub mod config;
pub mod elf;
pub mod file;
pub mod image;
pub mod index;
pub mod lock;
pub mod metadata;
pub mod native;
pub mod plan;
pub mod prefill;
pub mod process;
pub mod python;
pub mod report;
pub mod sdist;
pub mod target;
pub mod toolchain;
pub mod verify;
pub mod wheel;
pub mod wheelhouse;
