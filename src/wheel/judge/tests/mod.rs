//! Every check of the judge, provoked with small wheels.

mod abi;
mod loss;
mod platform;
mod symbols;

use super::*;
use crate::elf::SymbolTable;
use crate::elf::sample::Sample;
use crate::report::Error;
use crate::target::Tag;

pub(super) const EXTENSION: &str = "pkg/_x.cpython-311-aarch64-linux-gnu.so";

/// A wheel to be judged, with everything an expectation can hold.
pub(super) struct Trial {
    pub target: Target,
    pub python: PythonVersion,
    pub tags: Vec<Tag>,
    pub purelib: bool,
    pub members: Vec<(String, Vec<u8>)>,
    pub libc: Option<SymbolTable>,
    pub api: Option<SymbolTable>,
    pub sdist: Option<Metadata>,
    pub allow_pure: bool,
    pub lost: Vec<String>,
    pub declared: Vec<String>,
    pub withdrawn: Vec<String>,
    pub prefixes: Vec<String>,
}

impl Trial {
    /// Claims `tags` and holds one Python file.
    pub fn new(tags: &str) -> Self {
        let mut libc = SymbolTable::default();
        for (name, version) in [
            ("malloc", "GLIBC_2.17"),
            ("memcpy", "GLIBC_2.17"),
            ("exp", "GLIBC_2.17"),
            ("exp", "GLIBC_2.29"),
            ("getrandom", "GLIBC_2.25"),
        ] {
            libc.insert(name, version);
        }
        Self {
            target: "aarch64-linux-gnu.2.28".parse().unwrap(),
            python: "3.11".parse().unwrap(),
            tags: Tag::expand(tags).unwrap(),
            purelib: false,
            members: vec![("pkg/__init__.py".to_owned(), b"import os\n".to_vec())],
            libc: Some(libc),
            api: Some(["PyModule_Create2", "PyLong_FromLong", "_PyLong_Sign"].iter().collect()),
            sdist: None,
            allow_pure: false,
            lost: Vec::new(),
            declared: Vec::new(),
            withdrawn: Vec::new(),
            prefixes: Vec::new(),
        }
    }

    /// The usual: one extension for CPython 3.11 on aarch64.
    pub fn with_extension(sample: Sample) -> Self {
        Self::new("cp311-cp311-linux_aarch64").file(EXTENSION, sample)
    }

    pub fn file(mut self, name: &str, sample: Sample) -> Self {
        self.members.push((name.to_owned(), sample.bytes()));
        self
    }

    pub fn raw(mut self, name: &str, bytes: &[u8]) -> Self {
        self.members.push((name.to_owned(), bytes.to_vec()));
        self
    }

    pub fn judge(&self) -> Result<Verdict> {
        let metadata = Metadata::parse(b"Metadata-Version: 2.1\nName: pkg\nVersion: 1\n").unwrap();
        let contents = Contents {
            members: self.members.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect(),
            metadata: &metadata,
            purelib: self.purelib,
            tags: &self.tags,
        };
        judge(
            &contents,
            &Expectation {
                sdist: self.sdist.as_ref(),
                libc: self.libc.as_ref().map(|table| table as &dyn Symbols),
                python_api: self.api.as_ref().map(|table| table as &dyn Symbols),
                allow_pure: self.allow_pure,
                lost_extensions: &self.lost,
                declared_extensions: &self.declared,
                withdrawn_extensions: &self.withdrawn,
                build_prefixes: &self.prefixes,
                ..Expectation::new(self.target, self.python)
            },
        )
    }

    /// `cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64`, or why not.
    pub fn tag(&self) -> String {
        match self.judge() {
            Ok(verdict) => {
                format!("{}-{}-{}", verdict.pythons.join("."), verdict.abis.join("."), verdict.platform)
            }
            Err(error) => error.to_string(),
        }
    }

    /// The error, which has to have `code`.
    #[track_caller]
    pub fn refused(&self, code: Code) -> Error {
        match self.judge() {
            Ok(verdict) => panic!("the wheel was accepted: {verdict:?}"),
            Err(error) => {
                assert_eq!(error.code(), code, "{error}");
                error
            }
        }
    }

    /// The error's text, which has to have `code` and every one of `words`.
    #[track_caller]
    pub fn refused_with(&self, code: Code, words: &[&str]) {
        let text = self.refused(code).to_string();
        for word in words {
            assert!(text.contains(word), "`{word}` is not in: {text}");
        }
    }

    #[track_caller]
    pub fn noted(&self, word: &str) {
        let notes = self.judge().unwrap().notes;
        assert!(notes.iter().any(|note| note.contains(word)), "`{word}` is not in {notes:?}");
    }
}

/// A good extension module `_x` for aarch64 with glibc 2.17.
pub(super) fn extension() -> Sample {
    Sample::library("aarch64-linux")
        .need("libc.so.6")
        .import_of("malloc", "libc.so.6", "GLIBC_2.17")
        .import("PyModule_Create2")
        .export("PyInit__x")
}

#[test]
fn a_good_wheel_is_told_in_full() {
    let verdict = Trial::with_extension(extension().need("libm.so.6")).judge().unwrap();
    assert_eq!((verdict.pythons, verdict.abis), (vec!["cp311".to_owned()], vec!["cp311".to_owned()]));
    assert_eq!(verdict.platform.to_string(), "manylinux_2_17_aarch64.manylinux2014_aarch64");
    assert!(verdict.edits.is_empty() && verdict.notes.is_empty());
    assert_eq!(
        verdict.files,
        [FileFinding {
            member: EXTENSION.to_owned(),
            kind: FileKind::Extension { module: "pkg._x".to_owned() },
            floor: Some(17),
            floor_reason: Some("malloc@GLIBC_2.17".to_owned()),
            versions: vec![("libc.so.6".to_owned(), "GLIBC_2.17".to_owned())],
            needed: vec!["libc.so.6".to_owned(), "libm.so.6".to_owned()],
        }]
    );
}

#[test]
fn one_error_says_every_fault() {
    let wrong = Sample::library("x86_64-linux").export("PyInit__y");
    let error = Trial::with_extension(extension().need("libfoo.so.1"))
        .file("pkg/_y.cpython-311-aarch64-linux-gnu.so", wrong)
        .refused(Code::WrongMachine);
    assert_eq!(error.code().exit().number(), 4);
    let text = error.causes().join("\n");
    assert!(text.contains("_y.cpython") && text.contains("x86_64"), "{text}");
    assert!(text.contains(EXTENSION) && text.contains("libfoo.so.1"), "{text}");
}

#[test]
fn build_folders_in_native_files_are_noted() {
    let mut trial = Trial::with_extension(extension().runpath("$ORIGIN:/source/build"));
    trial.prefixes = vec!["/source".to_owned()];
    trial.noted("speaks of the build folder `/source`");
    trial.prefixes = vec!["/other".to_owned()];
    assert!(!trial.judge().unwrap().notes.iter().any(|note| note.contains("speaks")));
}

#[test]
fn search_paths_are_cut_by_an_edit() {
    let trial = Trial::with_extension(extension().runpath("/build/lib:$ORIGIN"));
    let verdict = trial.judge().unwrap();
    assert_eq!(verdict.edits.len(), 1);
    assert_eq!(verdict.edits[0].member, EXTENSION);
    let edited = verdict.edits[0].apply(&trial.members[1].1).unwrap();
    let after = Trial::new("cp311-cp311-linux_aarch64").raw(EXTENSION, &edited).judge().unwrap();
    assert!(after.edits.is_empty() && after.notes.is_empty());
}

#[test]
fn the_sdist_is_held_against_metadata() {
    let mut trial = Trial::with_extension(extension());
    let sdist = |text: &str| Some(Metadata::parse(text.as_bytes()).unwrap());
    trial.sdist = sdist("Metadata-Version: 2.1\nName: PKG\nVersion: 1.0\n");
    trial.judge().unwrap();
    trial.sdist = sdist("Metadata-Version: 2.1\nName: pkg\nVersion: 2\n");
    trial.refused_with(Code::MetadataMismatch, &["version `1`", "the sdist `2`"]);
}

#[test]
fn a_raw_wheel_is_judged_edited_and_tagged() {
    use crate::wheel::{Member, RawWheel};
    let file = |name: &str, text: &str| Member::file(format!("pkg-1.dist-info/{name}"), text);
    let members = vec![
        Member::file(EXTENSION, extension().runpath("/build").bytes()),
        file("METADATA", "Metadata-Version: 2.1\nName: pkg\nVersion: 1\n"),
        file("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-linux_aarch64\n"),
        file("RECORD", ""),
    ];
    let name = "pkg-1-cp311-cp311-linux_aarch64.whl".parse().unwrap();
    let mut wheel = RawWheel::from_members(name, members).unwrap();
    let expectation = Expectation::new("aarch64-linux-gnu.2.28".parse().unwrap(), "3.11".parse().unwrap());
    let verdict = judge(&Contents::from(&wheel), &expectation).unwrap();
    let tags = verdict.tag_set().unwrap();
    assert_eq!(tags.to_string(), "cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64");
    verdict.apply_edits(&mut wheel).unwrap();
    let after = judge(&Contents::from(&wheel), &expectation).unwrap();
    assert!(after.edits.is_empty() && after.notes.is_empty());
}
