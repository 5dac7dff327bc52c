//! The wheelhouse that a run fills.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::report_row::Placed;
use crate::build::Built;
use crate::cache::Digest;
use crate::file::{self, NewFile};
use crate::report::{Code, Error, Report, Result};
use crate::wheel::Provenance;
use crate::wheelhouse;

/// A folder of wheels with its index. Every file appears whole or not at all.
#[derive(Debug)]
pub struct House {
    root: PathBuf,
    files: PathBuf,
    /// Held while the run lasts, together with other runs.
    _lock: File,
    /// What this run put there.
    placed: Mutex<BTreeMap<String, String>>,
    /// Whose provenance lies beside wheels for any platform, by the place of its build in the order.
    ranks: Mutex<BTreeMap<String, usize>>,
    report: Report,
}

impl House {
    /// The wheelhouse at `root`, made if absent. What a killed run was writing goes.
    ///
    /// # Errors
    /// Storage codes.
    pub fn open(root: &Path, report: &Report) -> Result<Self> {
        let files = root.join(wheelhouse::FILES);
        fs::create_dir_all(&files).map_err(|error| {
            Error::io("make the wheelhouse", &files, &error).hint("name another with `-o DIR`")
        })?;
        let lock = File::open(&files).map_err(|error| Error::io("open", &files, &error))?;
        // Alone: then nobody is writing what looks unfinished.
        if lock.try_lock().is_ok() {
            remove_unfinished(&files);
            for folder in
                walkdir::WalkDir::new(root.join(wheelhouse::SIMPLE)).max_depth(1).into_iter().flatten()
            {
                remove_unfinished(folder.path());
            }
            remove_unfinished(root);
        }
        lock.lock_shared().map_err(|error| Error::io("lock", &files, &error))?;
        let placed = Mutex::new(BTreeMap::new());
        Ok(Self {
            root: root.to_owned(),
            files,
            _lock: lock,
            placed,
            ranks: Mutex::default(),
            report: report.clone(),
        })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the file `name` lies, as the root was given.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.files.join(name)
    }

    /// The file `name`, if it is there with this content.
    pub fn find(&self, name: &str, sha256: &str) -> Option<Placed> {
        let path = self.path_of(name);
        let size = path.metadata().ok()?.len();
        let same = Digest::of_file(&path).is_ok_and(|digest| digest.to_string() == sha256);
        same.then(|| Placed { file: name.to_owned(), sha256: sha256.to_owned(), size })
    }

    /// Puts a copy of the published wheel at `from` there under `name`; its content must have `sha256`.
    ///
    /// # Errors
    /// [`Code::HashMismatch`] when it changed since it was fetched, [`Code::WheelConflict`], storage codes.
    pub fn take(&self, from: &Path, name: &str, sha256: &str) -> Result<Placed> {
        self.claim(name, sha256)?;
        if let Some(placed) = self.find(name, sha256) {
            return Ok(placed);
        }
        let path = self.path_of(name);
        let fail = |error: &std::io::Error| Error::io("write", &path, error);
        let mut source = File::open(from).map_err(|error| Error::io("read", from, &error))?;
        let mut file = NewFile::at(&path)?;
        let mut hash = Sha256::new();
        let mut size = 0;
        let mut chunk = vec![0; 128 << 10];
        loop {
            match source.read(&mut chunk).map_err(|error| Error::io("read", from, &error))? {
                0 => break,
                count => {
                    hash.update(&chunk[..count]);
                    size += count as u64;
                    file.write_all(&chunk[..count]).map_err(|error| fail(&error))?;
                }
            }
        }
        let found = Digest::from(<[u8; 32]>::from(hash.finalize())).to_string();
        if found != sha256 {
            return Err(Error::new(Code::HashMismatch, format!("`{name}` changed while it was taken"))
                .cause(format!("expected sha256 {sha256}, found {found}")));
        }
        let replaced = path.exists();
        file.finish()?;
        // It would speak of a wheel that was built here earlier.
        let _ = fs::remove_file(self.path_of(&Provenance::file_name(name)));
        self.note_replaced(replaced, name)?;
        Ok(Placed { file: name.to_owned(), sha256: sha256.to_owned(), size })
    }

    /// Puts a wheel that was built there, with its provenance beside it.
    ///
    /// Builds for several targets that run at the same time may all make one wheel for any platform. The
    /// provenance that stays is that of the lowest `rank`, whichever ended first.
    ///
    /// # Errors
    /// [`Code::WheelConflict`], storage codes.
    pub fn put(&self, built: &Built, rank: usize) -> Result<Placed> {
        let entry = &built.entry;
        let sha256 = entry.wheel.to_string();
        self.claim(&entry.file, &sha256)?;
        let placed = Placed { file: entry.file.clone(), sha256: sha256.clone(), size: entry.size };
        let anywhere = entry.file.ends_with("-any.whl");
        let mut ranks = anywhere.then(|| self.ranks.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(ranks) = &mut ranks {
            if ranks.get(&entry.file).is_some_and(|there| *there <= rank) {
                return Ok(placed);
            }
            ranks.insert(entry.file.clone(), rank);
        }
        let there = self.path_of(&entry.file).exists();
        let replaced = there && self.find(&entry.file, &sha256).is_none();
        built.write(&self.files)?;
        drop(ranks);
        self.note_replaced(replaced, &entry.file)?;
        Ok(placed)
    }

    /// One name, one content within a run.
    fn claim(&self, name: &str, sha256: &str) -> Result<()> {
        let mut placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        let there = placed.entry(name.to_owned()).or_insert_with(|| sha256.to_owned());
        if there == sha256 {
            return Ok(());
        }
        Err(Error::new(Code::WheelConflict, format!("two different wheels are called `{name}`"))
            .cause(format!("one has sha256 {there}, the other {sha256}"))
            .hint("prefill their targets or locks into wheelhouses of their own"))
    }

    /// The index must not lead to other content than it says.
    fn note_replaced(&self, replaced: bool, name: &str) -> Result<()> {
        if replaced {
            self.report.warn(format!("`{name}` had another content in the wheelhouse and was replaced"));
            self.index()?;
        }
        Ok(())
    }

    /// Writes the index of what is there.
    ///
    /// # Errors
    /// As [`wheelhouse::index`].
    pub fn index(&self) -> Result<wheelhouse::Indexed> {
        wheelhouse::index(&self.root, &self.report)
    }

    /// Writes the file `name` beside the index, so that a reader sees the old content or the new one.
    ///
    /// # Errors
    /// Storage codes.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        file::update(&self.root.join(name), text.as_bytes())
    }

    /// Takes the file `name` away, if it is there.
    ///
    /// # Errors
    /// Storage codes.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.root.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", &path, &error))
            }
            _ => Ok(()),
        }
    }
}

/// Removes what was being written directly in `folder`.
fn remove_unfinished(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(file::UNFINISHED) {
            // One that stays is never listed: its name begins with a dot.
            let _ = fs::remove_file(entry.path());
        }
    }
}
