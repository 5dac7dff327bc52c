//! Where the parts of a kit lie. Everything is relative to one root, so that a kit moves freely.
//!
//! | folder | holds | shared by |
//! |---|---|---|
//! | `inc/` | headers of clang, libc++, the C libraries and the kernel | every target |
//! | `base/<family>/` | compiler-rt, start and end objects, unwinder; clang's resource folder | every floor |
//! | `cxx/<family>/` | libc++ and libc++abi | every floor |
//! | `sys/<target>/` | C library stubs and its start objects; the sysroot | – |

use std::path::{Path, PathBuf};

use crate::target::Target;

/// The root of a kit, with the paths of its parts. The files need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KitPaths {
    pub root: PathBuf,
}

impl KitPaths {
    /// The kit whose root is `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Header folders, one for each of zig's.
    pub fn inc(&self) -> PathBuf {
        self.root.join("inc")
    }

    /// What every floor of `target`'s family shares; clang's resource folder.
    pub fn base(&self, target: &Target) -> PathBuf {
        self.root.join("base").join(target.family())
    }

    /// libc++ for `target`'s family. Only there when a C++ link asked for it.
    pub fn cxx(&self, target: &Target) -> PathBuf {
        self.root.join("cxx").join(target.family())
    }

    /// The sysroot of `target` at its floor.
    pub fn sys(&self, target: &Target) -> PathBuf {
        self.root.join("sys").join(target.to_string())
    }

    /// The folder with `libclang_rt.builtins.a` and the begin and end objects, named as clang looks for it.
    pub fn runtime(&self, target: &Target) -> PathBuf {
        self.base(target).join("lib").join(normalised(&target.clang_triple()))
    }

    /// A version script that keeps the C++ runtime's symbols out of a result's dynamic table.
    pub fn private_symbols(&self, target: &Target) -> PathBuf {
        self.base(target).join("lib/private.map")
    }

    /// True if `folder` lies in this kit.
    pub fn holds(&self, folder: &Path) -> bool {
        folder.starts_with(&self.root)
    }
}

/// Clang's normal form of a triple: `aarch64-linux-gnu` is `aarch64-unknown-linux-gnu`.
fn normalised(triple: &str) -> String {
    match triple.split_once('-') {
        Some((arch, rest)) => format!("{arch}-unknown-{rest}"),
        None => triple.to_owned(),
    }
}
