//! Container images from wheels, an interpreter and an application, without Docker.
//!
//! [`assemble()`] makes an [`Image`] for one platform: it finds the interpreter in what it is given,
//! chooses the wheels that fit, has each layer packed or taken from the [`LayerStore`], and checks the
//! whole. [`export()`] lays out one or several of them as blobs, which [`OciLayout`], [`docker`] and the
//! registry client put somewhere.
//!
//! - a layer: `tree` says what it holds, `pack` makes its bytes (`codec`, `member`, `tar`, `collect`, `buffers`), `facts` says
//!   what the check has to know of it, `estargz` its table of contents, `store` keeps it by what it was
//!   made from
//! - sources: `site` (wheels), `source` (folders and archives), `bytecode`, `base` (images)
//! - the whole: `root` (layers over each other), `python` (the interpreter in it), `check`
//! - documents and places: `configuration`, `oci`, `layout`, `docker`, `registry`, `output`, `unpack`, `merge`, `function`

mod assemble;
mod attest;
mod base;
mod base_platform;
mod buffers;
mod bytecode;
pub mod check;
mod codec;
mod collect;
mod compare;
mod configuration;
mod digests;
pub mod docker;
mod estargz;
pub mod examine;
mod export;
mod facts;
mod function;
mod layer_reader;
mod layout;
mod linker_cache;
mod manifest_layer;
mod member;
mod merge;
pub mod oci;
mod output;
mod pack;
mod pattern;
mod python;
pub mod registry;
mod root;
mod select;
mod site;
mod source;
mod sparse_elf;
mod store;
mod tar;
mod tree;
mod unpack;
mod wheelhouse;
pub mod words;

pub use assemble::{APPLICATION, Image, Request, assemble};
pub use attest::{Attached, attest};
pub use base::{
    Contents, LoadedImage, is_docker_archive, load, load_docker_archive, load_manifest, manifests,
    platform_of,
};
pub use base_platform::expect_platform;
pub use codec::Compression;
pub use compare::compare;
pub use configuration::RunOptions;
pub use export::{Blob, Export, export};
pub use facts::{ElfFacts, FileFacts, LayerFacts, PathFacts};
pub use function::write_function;
pub use layout::OciLayout;
pub use manifest_layer::LayerManifest;
pub use oci::Platform;
pub use output::{Input, Output};
pub use pack::{Packed, Packing, pack};
pub use python::{ImagePython, LibcKind, Scheme};
pub use root::Root;
pub use select::given_wheel;
pub use source::Placed;
pub use store::{Layer, LayerStore};
pub use tree::{Content, LayerTree, Node};
pub use unpack::{unpack, unpack_packages};
pub use wheelhouse::Wheelhouse;
