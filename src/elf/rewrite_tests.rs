use proptest::prelude::*;

use super::rewrite::{Renaming, rename};
use super::sample::Sample;
use super::{ElfFile, Kind};
use crate::report::Code;
use crate::target::Arch;

fn sample(target: &str) -> Sample {
    let mut sample = Sample::library(target)
        .need("libpq.so.5")
        .need("libc.so.6")
        .import_of("PQconnectdb", "libpq.so.5", "RHPG_9.6")
        .import_of("malloc", "libc.so.6", "GLIBC_2.17")
        .export("PyInit__psycopg")
        .runpath("/build/lib");
    sample.soname = Some("libown.so.1".into());
    sample
}

fn renaming() -> Renaming {
    Renaming {
        soname: Some("libown-0123abcd.so.1".into()),
        needed: vec![("libpq.so.5".into(), "libpq-89abcdef.so.5".into())],
        runpath: Some(vec!["$ORIGIN/../psycopg2.libs".into()]),
    }
}

fn loads(bytes: &[u8]) -> Vec<(u64, u64, u64, u64)> {
    let layout = super::layout::Layout::of(bytes).unwrap();
    let segments = layout.segments().unwrap();
    segments
        .iter()
        .filter(|segment| segment.kind == 1)
        .map(|segment| (segment.offset, segment.address, segment.memory, segment.alignment))
        .collect()
}

#[test]
fn every_name_is_new_for_every_class_and_byte_order() {
    for arch in Arch::all() {
        let bytes = sample(&format!("{}-linux", arch.machine)).bytes();
        let edited = rename(&bytes, &renaming()).unwrap();
        let file = ElfFile::parse(&edited).unwrap();
        assert_eq!((file.kind, file.arch()), (Kind::Shared, Some(arch)));
        assert_eq!(file.soname, Some("libown-0123abcd.so.1"));
        assert_eq!(file.needed, ["libpq-89abcdef.so.5", "libc.so.6"]);
        assert_eq!((file.search_path(), file.rpath.clone()), (&["$ORIGIN/../psycopg2.libs"][..], None));
        let libraries: Vec<&str> = file.version_needs.iter().map(|need| need.library).collect();
        assert_eq!(libraries, ["libpq-89abcdef.so.5", "libc.so.6"]);
        let connect = file.imports.iter().find(|import| import.name == "PQconnectdb").unwrap();
        assert_eq!(connect.version.unwrap().library, "libpq-89abcdef.so.5");
        assert!(file.exports_name("PyInit__psycopg"));
        assert!(!edited.windows(10).any(|window| window == b"/build/lib"), "the old path stays readable");
        // What loaders insist on.
        let loads = loads(&edited);
        let (offset, address, _, alignment) = *loads.last().unwrap();
        let (_, before, memory, _) = loads[loads.len() - 2];
        assert_eq!(alignment, arch.page_size);
        assert_eq!(offset % alignment, address % alignment);
        assert!(address / alignment > (before + memory - 1) / alignment, "a page is shared");
    }
}

#[test]
fn the_same_names_change_nothing() {
    let bytes = sample("aarch64-linux").bytes();
    let edited = rename(&bytes, &renaming()).unwrap();
    assert!(rename(&bytes, &renaming()).unwrap() == edited);
    assert!(rename(&edited, &renaming()).unwrap() == edited);
    assert!(rename(&bytes, &Renaming::default()).unwrap() == bytes);
}

#[test]
fn an_own_name_is_added_and_a_search_path_dropped() {
    let bytes = Sample { soname: None, ..sample("s390x-linux") }.bytes();
    let wanted = Renaming { soname: Some("liba.so".into()), needed: Vec::new(), runpath: Some(Vec::new()) };
    let edited = rename(&bytes, &wanted).unwrap();
    let file = ElfFile::parse(&edited).unwrap();
    assert_eq!((file.soname, file.runpath, file.rpath), (Some("liba.so"), None, None));

    let mut bytes = sample("x86_64-linux");
    bytes.rpath = bytes.runpath.take();
    let edited = rename(&bytes.bytes(), &renaming()).unwrap();
    let file = ElfFile::parse(&edited).unwrap();
    assert_eq!((file.rpath, file.runpath), (None, Some(vec!["$ORIGIN/../psycopg2.libs"])));
}

#[test]
fn programs_and_objects_are_refused() {
    let program = Sample { interpreter: Some("/lib/ld.so".into()), ..sample("x86_64-linux") }.bytes();
    let object = Sample { kind: 1, ..Sample::library("x86_64-linux") }.bytes();
    for bytes in [program, object] {
        assert_eq!(rename(&bytes, &renaming()).unwrap_err().code(), Code::BadWheel);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Changed bytes may be refused, but what comes back says what was asked.
    #[test]
    fn mutated_files_never_panic(
        arch in 0..Arch::all().len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = sample(&format!("{}-linux", Arch::all()[arch].machine)).bytes();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(edited) = rename(&bytes, &renaming()) {
            let file = ElfFile::parse(&edited).unwrap();
            prop_assert_eq!(file.soname, Some("libown-0123abcd.so.1"));
            prop_assert!(!file.needed.contains(&"libpq.so.5"));
        }
    }
}
