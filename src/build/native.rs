//! The native libraries of one build: asked for, recorded by an earlier build, or missed by the hooks.

use std::fs;
use std::path::PathBuf;

use super::compilers::Compilers;
use super::layout::Layout;
use super::{Builder, Job};
use crate::apt::Pinned;
use crate::cache::Digest;
use crate::native::{self, Chosen, Library as Row, Piece, PieceKind, Way};
use crate::report::{Error, Result};
use crate::sdist::SourceTree;
use crate::toolchain::driver::Call;
use crate::wheel::Library;

/// What a build provides.
pub(super) struct Native {
    /// Names of the catalogue, without what they need.
    names: Vec<String>,
    /// What was provided, and how.
    libraries: Vec<(Way, Library)>,
    /// Trees of packages with shared libraries that may be grafted.
    shared: Vec<(PathBuf, &'static Pinned)>,
    /// Some of `names` were missed by the hooks of this build.
    learnt: bool,
}

/// The folder of everything that a build is provided with.
struct Provided {
    root: PathBuf,
    libraries: Vec<(Way, Library)>,
    shared: Vec<(PathBuf, &'static Pinned)>,
}

/// Where a run of the hooks looked.
pub(super) struct Looked<'a> {
    pub calls: &'a [Call],
    pub log: PathBuf,
}

impl Builder<'_> {
    /// What is known to be needed before the hooks run.
    pub(super) fn native(&self, job: &Job<'_>, tree: &SourceTree) -> Result<Native> {
        let mut native =
            Native { names: Vec::new(), libraries: Vec::new(), shared: Vec::new(), learnt: false };
        for asked in &self.options.native {
            native.add(&asked.name);
        }
        if self.options.native_only {
            return Ok(native);
        }
        let stated = native::of_external(tree.external.iter().map(String::as_str));
        let noted = fs::read_to_string(self.native_note(job)?).unwrap_or_default();
        let recorded = noted.lines().filter_map(Row::find);
        for library in stated.into_iter().chain(recorded).filter(|library| self.is_to_be_had(job, library)) {
            native.add(&library.name);
        }
        Ok(native)
    }

    fn is_to_be_had(&self, job: &Job<'_>, library: &'static Row) -> bool {
        native::closure([library.name.as_str()]).into_iter().all(|row| self.choose(job, row).is_ok())
    }

    fn choose(&self, job: &Job<'_>, library: &'static Row) -> Result<Chosen> {
        let asked = self.options.native.iter().find(|asked| asked.name == library.name);
        let way = asked.and_then(|asked| asked.way);
        if way.is_none() && library.graft.is_some() && self.is_loaded_by_grafted(library) {
            return native::choose(library, job.target, Some(Way::Graft));
        }
        native::choose(library, job.target, way)
    }

    /// A library that a grafted one loads must not be in the process a second time, linked statically.
    fn is_loaded_by_grafted(&self, library: &Row) -> bool {
        let grafted = self.options.native.iter().filter(|asked| asked.way == Some(Way::Graft));
        let mut loaded = grafted.flat_map(|asked| native::closure([asked.name.as_str()]));
        loaded.any(|row| row.name == library.name)
    }

    /// Where the names are kept that the hooks missed. Under the whole request: what another target or
    /// another version of this program missed must not decide these bytes.
    fn native_note(&self, job: &Job<'_>) -> Result<PathBuf> {
        Ok(self.cache.folder("locks")?.join(format!("{}-native.txt", job.request.key())))
    }

    /// The tree of a library, and what it is for the record; `needs` are the pieces of what it needs.
    fn piece(&self, job: &Job<'_>, chosen: &Chosen, needs: &[Piece]) -> Result<(Piece, Library)> {
        let digests: Vec<String> = chosen.pins.iter().map(|pin| pin.sha256.to_string()).collect();
        let piece = match chosen.way {
            Way::Static => {
                let tree = self
                    .report
                    .phase(&chosen.library.name, "fetch", || self.packages().tree(&chosen.pins))?;
                Piece { tree, key: digests.join(" "), kind: PieceKind::Packaged }
            }
            Way::Graft => {
                let tree = self
                    .report
                    .phase(&chosen.library.name, "fetch", || self.packages().tree(&chosen.pins))?;
                Piece { tree, key: format!("shared {}", digests.join(" ")), kind: PieceKind::Shared }
            }
            Way::Source => self.build_library(job, chosen, needs)?,
        };
        let first = chosen.pins.iter().find(|pin| !pin.file_name().contains(".debian.tar."));
        let pin = first.ok_or_else(|| Error::bug(format!("`{}` has no pins", chosen.library.name)))?;
        let sha256 = match digests.as_slice() {
            [only] => only.clone(),
            // Sources and patches, or several packages.
            all => Digest::of(all.join("\n")).to_string(),
        };
        let library = Library {
            name: chosen.library.name.clone(),
            version: pin.version.clone(),
            licence: chosen.library.licence.clone(),
            sha256,
            ..Library::default()
        };
        Ok((piece, library))
    }

    /// The folder of `libraries`, which come in the order of [`native::closure`].
    fn sysroot_of(&self, job: &Job<'_>, libraries: &[&'static Row]) -> Result<Provided> {
        let mut made: Vec<(&'static Row, Piece)> = Vec::new();
        let (mut records, mut shared) = (Vec::new(), Vec::new());
        for library in libraries.iter().rev() {
            self.interrupt.check()?;
            let chosen = self.choose(job, library)?;
            let needed = native::closure([library.name.as_str()]);
            let is_needed =
                |row: &Row| row.name != library.name && needed.iter().any(|other| other.name == row.name);
            let needs: Vec<Piece> =
                made.iter().filter(|(row, _)| is_needed(row)).map(|(_, piece)| piece.clone()).collect();
            let (piece, record) = self.piece(job, &chosen, &needs)?;
            made.push((library, piece));
            records.push((chosen.way, record));
            if chosen.way == Way::Graft {
                for pin in &chosen.pins {
                    shared.push((self.packages().tree(&[pin])?, *pin));
                }
            }
        }
        let pieces: Vec<Piece> = made.into_iter().map(|(_, piece)| piece).collect();
        let root = native::assemble(self.cache, self.report, &pieces, &job.target.multiarch())?;
        Ok(Provided { root, libraries: records, shared })
    }
}

impl Native {
    fn add(&mut self, name: &str) -> bool {
        let known = native::closure(self.names.iter().map(String::as_str));
        let new = !known.iter().any(|library| library.name == name);
        if new {
            self.names.push(name.to_owned());
        }
        new
    }

    /// Adds the libraries that a run looked for in vain and that can be had; false when there are none.
    /// See [`native::wanted`] for `asked_by_name`.
    pub fn add_missed(
        &mut self,
        builder: &Builder<'_>,
        job: &Job<'_>,
        looked: &Looked<'_>,
        asked_by_name: bool,
    ) -> Result<bool> {
        if builder.options.native_only {
            return Ok(false);
        }
        let log = fs::read(&looked.log).unwrap_or_default();
        let wanted = native::wanted(looked.calls, &String::from_utf8_lossy(&log), asked_by_name);
        let mut added = Vec::new();
        for library in wanted.into_iter().filter(|library| builder.is_to_be_had(job, library)) {
            if self.add(&library.name) {
                added.push(library.name.as_str());
            }
        }
        if added.is_empty() {
            return Ok(false);
        }
        self.learnt = true;
        builder.report.info(format!("{}: providing {}", job.subject, added.join(", ")));
        Ok(true)
    }

    /// Makes the folder of everything that is needed and shows it to the compilers.
    pub fn provide(
        &mut self,
        builder: &Builder<'_>,
        job: &Job<'_>,
        layout: &Layout,
        compilers: &mut Compilers,
    ) -> Result<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        let all = native::closure(self.names.iter().map(String::as_str));
        let provided = builder.sysroot_of(job, &all)?;
        (self.libraries, self.shared) = (provided.libraries, provided.shared);
        let grafted =
            |row: &Row| self.libraries.iter().any(|(way, it)| *way == Way::Graft && it.name == row.name);
        let archives: Vec<&Row> = all.into_iter().filter(|row| !grafted(row)).collect();
        compilers.provide(
            layout,
            layout.existing(&provided.root, "native"),
            native::driver_archives(&archives),
        )
    }

    /// What was provided, for the key.
    pub fn libraries(&self) -> impl Iterator<Item = &Library> {
        self.libraries.iter().map(|(_, library)| library)
    }

    /// What links found as static archives, for the record. Of the others, the files that are grafted
    /// are recorded.
    pub fn linked(&self) -> impl Iterator<Item = &Library> {
        self.libraries.iter().filter(|(way, _)| *way != Way::Graft).map(|(_, library)| library)
    }

    /// Trees of packages with shared libraries that may be grafted.
    pub fn shared(&self) -> &[(PathBuf, &'static Pinned)] {
        &self.shared
    }

    /// Notes what the hooks missed, so that the next build of the sdist starts with it.
    pub fn remember(&self, builder: &Builder<'_>, job: &Job<'_>) -> Result<()> {
        if !self.learnt {
            return Ok(());
        }
        let note = builder.native_note(job)?;
        let mut text = self.names.join("\n");
        text.push('\n');
        builder.cache.write(&note, text.as_bytes())
    }
}

impl Builder<'_> {
    /// The folder of what a library needs, for the build of it.
    pub(super) fn sysroot_of_needs(&self, job: &Job<'_>, needs: &[Piece]) -> Result<Option<PathBuf>> {
        if needs.is_empty() {
            return Ok(None);
        }
        native::assemble(self.cache, self.report, needs, &job.target.multiarch()).map(Some)
    }
}
