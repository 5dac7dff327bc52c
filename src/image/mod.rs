//! Container images from wheels, an interpreter and an application, without Docker.
//!
//! A [`LayerTree`] says what a layer holds, [`pack`] makes its bytes.

mod codec;
mod facts;
mod linker_cache;
mod member;
mod pack;
mod sparse_elf;
mod tar;
mod tree;

pub use codec::Compression;
pub use facts::{ElfFacts, FileFacts, LayerFacts, PathFacts};
pub use pack::{Packed, Packing, pack};
pub use tree::{Content, LayerTree, Node};
