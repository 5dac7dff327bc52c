//! The runtime kit: what a link needs beside the program's own objects, for one target.
//!
//! zig's clang and lld are complete without zig, but for headers, start objects, C library stubs,
//! compiler-rt, unwinder and libc++. A kit is these, made once with zig's own sources and kept in
//! the cache. Its name is made of everything that decides its bytes ([`key`]), its parts
//! ([`Part`]) appear whole or not at all, and nothing in it knows where it lies.

mod base;
mod contents;
mod headers;
mod layout;
mod libraries;
mod pack;
mod part;
mod rename;
mod soname;
mod sys;
mod units;
mod workshop;

pub use layout::KitPaths;
pub use part::Part;

use std::fs;
use std::path::Path;

use crate::cache::{Key, KeyParts};
use crate::elf::SymbolTable;
use crate::process::Turns;
use crate::report::{Code, Error, Report, Result};
use crate::target::{Libc, Target};
use crate::toolchain::Zig;
use contents::Contents;
use workshop::Workshop;

/// The digest of the sources and tables that decide a kit's bytes (made by build.rs).
const RECIPE: &str = env!("WHEELBUILD_KIT_RECIPE");

/// What decides the bytes of every part made with `zig`.
pub fn key(zig: &Zig) -> Key {
    KeyParts::new().with("zig", zig.identity()).with("recipe", RECIPE).key()
}

/// The kit of `zig` in the folder `store`, as it is now.
pub fn open(zig: &Zig, store: &Path) -> KitPaths {
    KitPaths::new(store.join(key(zig).to_string()))
}

/// The kit of `zig` in the folder `store`, with everything that links for `target` need; `cxx` asks
/// for the C++ runtime too. What is missing is made (a few seconds of CPU; about twenty-five with C++),
/// and what is there looked over: a damaged part is made anew.
///
/// With `turns`, zig runs when it is its turn. Safe for several processes at once. Parts that
/// [`unpack`](KitPaths::unpack) put there are used.
///
/// # Errors
/// `RuntimeKit` when zig fails, `UnsupportedTarget` when it has no such C library, storage errors.
pub fn ensure(
    zig: &Zig,
    target: &Target,
    cxx: bool,
    store: &Path,
    turns: Option<&Turns>,
    report: &Report,
) -> Result<KitPaths> {
    have(zig, &Part::needed(target, cxx), store, turns, report)
}

/// The same without looking over what is there, thousands of files: for builds of which nobody knows
/// yet whether they compile anything. Once one does, [`check`] is due.
///
/// # Errors
/// As [`ensure`].
pub fn complete(
    zig: &Zig,
    target: &Target,
    cxx: bool,
    store: &Path,
    turns: Option<&Turns>,
    report: &Report,
) -> Result<KitPaths> {
    make_missing(zig, &Part::needed(target, cxx), store, turns, report)
}

/// Looks over what [`complete`] gave. True when something was damaged, and now is made anew: what was
/// compiled with it is worth nothing.
///
/// # Errors
/// As [`ensure`].
pub fn check(
    zig: &Zig,
    target: &Target,
    cxx: bool,
    store: &Path,
    turns: Option<&Turns>,
    report: &Report,
) -> Result<bool> {
    let parts = Part::needed(target, cxx);
    let healed = heal_all(&open(zig, store), &parts, report)?;
    make_missing(zig, &parts, store, turns, report)?;
    Ok(healed)
}

/// The kit of `zig` in the folder `store`, with the C library stubs of `target` alone (a second of
/// CPU): enough for [`libc_symbols`], when something else compiles.
///
/// # Errors
/// As [`ensure`].
pub fn ensure_stubs(zig: &Zig, target: &Target, store: &Path, report: &Report) -> Result<KitPaths> {
    have(zig, &[Part::Sys(*target)], store, None, report)
}

fn have(zig: &Zig, parts: &[Part], store: &Path, turns: Option<&Turns>, report: &Report) -> Result<KitPaths> {
    heal_all(&open(zig, store), parts, report)?;
    make_missing(zig, parts, store, turns, report)
}

fn make_missing(
    zig: &Zig,
    parts: &[Part],
    store: &Path,
    turns: Option<&Turns>,
    report: &Report,
) -> Result<KitPaths> {
    let kit = open(zig, store);
    for part in parts {
        if let Part::Base(target) | Part::Cxx(target) | Part::Sys(target) = part
            && target.libc == Libc::Musl
            && !target.arch.musl
        {
            return Err(Error::new(
                Code::UnsupportedTarget,
                format!("zig has no musl for `{}`", target.arch),
            ));
        }
    }
    let making = |part: &Part| {
        report.phase(&part.name(), "kit", || make(zig, &kit, *part, turns))?;
        crate::cache::seal(&part.folder(&kit));
        Ok(())
    };
    let missing = parts.iter().filter(|part| !part.is_there(&kit));
    let (headers, others): (Vec<&Part>, Vec<&Part>) = missing.partition(|part| **part == Part::Headers);
    // The others are compiled with the headers, and without each other: at the same time, since
    // compiler-rt keeps one core busy for as long as the half of libc++.
    headers.into_iter().try_for_each(making)?;
    std::thread::scope(|scope| {
        let running: Vec<_> = others.into_iter().map(|part| scope.spawn(move || making(part))).collect();
        running
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    Ok(kit)
}

/// Removes the parts that are not as they were made. True when there were any.
fn heal_all(kit: &KitPaths, parts: &[Part], report: &Report) -> Result<bool> {
    parts.iter().try_fold(false, |healed, part| Ok(heal(kit, *part, report)? || healed))
}

/// Removes a part that is not as it was made, so that it is made anew. True when it was not.
fn heal(kit: &KitPaths, part: Part, report: &Report) -> Result<bool> {
    let folder = part.folder(kit);
    if !folder.is_dir() || crate::cache::is_sealed(&folder) {
        return Ok(false);
    }
    if part.is_there(kit) {
        match kit.check(part) {
            Ok(()) => {
                crate::cache::seal(&folder);
                return Ok(false);
            }
            Err(error) => {
                let why = error.causes().join(", ");
                report.warn(format!("the kit part `{}` is damaged and made anew: {why}", part.name()));
            }
        }
    }
    part.discard(kit)?;
    Ok(true)
}

/// Makes one part unless it is there. Those it is made with must be.
fn make(zig: &Zig, kit: &KitPaths, part: Part, turns: Option<&Turns>) -> Result<()> {
    fs::create_dir_all(&kit.root).map_err(|error| Error::io("make", &kit.root, &error))?;
    part.place(kit, |folder| {
        let workshop = Workshop::new(zig, &kit.root, turns)?;
        match part {
            Part::Headers => headers::make(zig, folder),
            Part::Sys(target) => sys::make(&workshop, &target, folder),
            Part::Base(target) => base::make(&workshop, kit, &target, folder),
            Part::Cxx(target) => libraries::cxx(&workshop, kit, &part::oldest(&target), folder),
        }?;
        Contents::of(folder)?.write(folder)
    })
}

/// What the C library of `target` provides at its floor, with symbol versions: the exports of the
/// stubs in `kit`, whose part `sys` must be there.
pub fn libc_symbols(kit: &KitPaths, target: &Target) -> Result<SymbolTable> {
    let lib = kit.sys(target).join("usr/lib");
    let entries = fs::read_dir(&lib).map_err(|error| Error::io("read", &lib, &error))?;
    let mut stubs = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Error::io("read", &lib, &error))?.path();
        let head = fs::read(&path).map_err(|error| Error::io("read", &path, &error))?;
        if crate::elf::is_elf(&head) && path.extension().is_none_or(|extension| extension != "o") {
            stubs.push(path);
        }
    }
    stubs.sort();
    SymbolTable::of_files(&stubs)
}
