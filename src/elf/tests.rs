use proptest::prelude::*;

use super::sample::Sample;
use super::*;
use crate::report::Code;
use crate::target::Arch;

fn rich(target: &str) -> Sample {
    let mut sample = Sample::library(target)
        .need("libm.so.6")
        .need("libc.so.6")
        .import_of("memcpy", "libc.so.6", "GLIBC_2.14")
        .import_of("malloc", "libc.so.6", "GLIBC_2.2.5")
        .import_of("exp", "libm.so.6", "GLIBC_2.29")
        .import("PyLong_FromLong")
        .export("PyInit_speedups")
        .runpath("/build/lib:$ORIGIN/../x.libs");
    sample.soname = Some("libx.so.1".into());
    sample.imports.push(("__gmon_start__".into(), None, true));
    sample.exports.push(("old".into(), Some("X_1".into()), true));
    sample
}

#[test]
fn facts_are_read_for_every_class_and_byte_order() {
    for arch in Arch::all() {
        let bytes = rich(&format!("{}-linux", arch.machine)).bytes();
        let file = ElfFile::parse(&bytes).unwrap();
        assert_eq!(file.arch(), Some(arch));
        assert_eq!((file.bits, file.endian), (arch.bits, arch.endian));
        assert_eq!(file.kind, Kind::Shared);
        assert!(file.dynamic && file.stripped && !file.has_debug_info && !file.executable_stack);
        assert_eq!(file.page_alignment, Some(arch.page_size));
        assert_eq!(file.needed, ["libm.so.6", "libc.so.6"]);
        assert_eq!(file.soname, Some("libx.so.1"));
        assert_eq!(file.search_path(), ["/build/lib", "$ORIGIN/../x.libs"]);
        let versions = |name: &str| {
            let import = file.imports.iter().find(|import| import.name == name).unwrap();
            (import.version.map(|version| (version.library, version.name)), import.weak)
        };
        assert_eq!(versions("memcpy"), (Some(("libc.so.6", "GLIBC_2.14")), false));
        assert_eq!(versions("exp"), (Some(("libm.so.6", "GLIBC_2.29")), false));
        assert_eq!(versions("PyLong_FromLong"), (None, false));
        assert_eq!(versions("__gmon_start__"), (None, true));
        assert_eq!(file.version_needs[0].library, "libc.so.6");
        assert_eq!(file.version_needs[0].versions, ["GLIBC_2.14", "GLIBC_2.2.5"]);
        assert_eq!(file.version_definitions, ["X_1"]);
        assert!(file.exports_name("PyInit_speedups"));
        let old = file.exports.iter().find(|export| export.name == "old").unwrap();
        assert_eq!((old.version, old.binding, old.default), (Some("X_1"), Binding::Weak, true));
    }
}

#[test]
fn float_abi_is_told_by_flags() {
    let of = |machine: &str, flags| {
        let bytes = Sample { flags, ..Sample::library(machine) }.bytes();
        ElfFile::parse(&bytes).unwrap().float_abi
    };
    assert_eq!(of("armv7-linux", 0x0500_0400), Some(FloatAbi::Double));
    assert_eq!(of("armv7-linux", 0x0500_0200), Some(FloatAbi::Soft));
    assert_eq!(of("armv7-linux", 0x0500_0000), None);
    assert_eq!(of("riscv64-linux", 5), Some(FloatAbi::Double));
    assert_eq!(of("riscv64-linux", 1), Some(FloatAbi::Soft));
    assert_eq!(of("loongarch64-linux", 0x43), Some(FloatAbi::Double));
    assert_eq!(of("x86_64-linux", 0), None);
}

#[test]
fn what_is_cut_short_is_broken() {
    let bytes = rich("x86_64-linux").bytes();
    for end in 0..bytes.len() {
        let error = ElfFile::parse(&bytes[..end]).expect_err("a cut file was taken for whole");
        assert_eq!(error.code(), Code::BrokenElf, "{end}");
    }
}

#[test]
fn a_search_path_is_dropped_with_its_text() {
    for arch in Arch::all() {
        let bytes = rich(&format!("{}-linux", arch.machine)).bytes();
        let edited = set_search_path(&bytes, SearchPath::Runpath, &[]).unwrap();
        assert_eq!(edited.len(), bytes.len());
        let file = ElfFile::parse(&edited).unwrap();
        assert_eq!(file.runpath, None);
        // Everything else still reads.
        assert_eq!(file.needed, ["libm.so.6", "libc.so.6"]);
        assert_eq!(file.imports.len(), 5);
        assert!(!edited.windows(10).any(|window| window == b"/build/lib"));
    }
}

#[test]
fn a_search_path_keeps_the_entries_named() {
    let bytes = rich("s390x-linux").bytes();
    // A tail of the old path, and something shorter elsewhere in it.
    for kept in ["$ORIGIN/../x.libs", "$ORIGIN"] {
        let edited = set_search_path(&bytes, SearchPath::Runpath, &[kept]).unwrap();
        assert_eq!(edited.len(), bytes.len());
        assert_eq!(ElfFile::parse(&edited).unwrap().search_path(), [kept]);
        assert!(!edited.windows(10).any(|window| window == b"/build/lib"));
    }
    let long = "$ORIGIN/".repeat(20);
    let error = set_search_path(&bytes, SearchPath::Runpath, &[&long]).unwrap_err();
    assert_eq!(error.code(), Code::BadWheel);
    assert!(set_search_path(&bytes, SearchPath::Rpath, &[]).is_err());
}

#[test]
fn a_name_that_shares_the_path_s_bytes_survives() {
    // The needed name is the tail of the path, as linkers merge strings.
    let mut bytes = Sample::library("x86_64-linux").need("libtail.so").runpath("/build/libtail.so").bytes();
    let at = |text: &[u8]| bytes.windows(text.len()).position(|window| window == text).unwrap();
    let strings = at(b"\0libtail.so\0/build");
    let merged = (at(b"/build/libtail.so\0") + 7 - strings) as u64;
    let file = ElfFile::parse(&bytes).unwrap();
    assert_eq!(file.needed, ["libtail.so"]);
    // The one DT_NEEDED entry: tag 1, value 1 (offset of the first string).
    let entry = [1_u64.to_le_bytes(), 1_u64.to_le_bytes()].concat();
    let needed_at = bytes.windows(16).position(|window| window == entry).unwrap();
    bytes[needed_at + 8..needed_at + 16].copy_from_slice(&merged.to_le_bytes());

    let edited = set_search_path(&bytes, SearchPath::Runpath, &[]).unwrap();
    let file = ElfFile::parse(&edited).unwrap();
    assert_eq!((file.needed, file.runpath), (vec!["libtail.so"], None));
    assert!(!edited.windows(6).any(|window| window == b"/build"));
}

#[test]
fn a_name_whose_tail_is_the_path_survives() {
    let bytes = Sample::library("x86_64-linux").need("libodd/lib").runpath("/lib:$ORIGIN").bytes();
    let at = |text: &[u8]| bytes.windows(text.len()).position(|window| window == text).unwrap();
    let needed = at(b"libodd/lib\0");
    let path = (at(b"/lib:$ORIGIN") - needed + 1) as u64;
    // The one DT_RUNPATH entry (tag 29) is led into the needed name: its tail `/lib`.
    let entry = [29_u64.to_le_bytes(), path.to_le_bytes()].concat();
    let entry_at = bytes.windows(16).position(|window| window == entry).unwrap();
    let mut merged = bytes.clone();
    merged[entry_at + 8..entry_at + 16].copy_from_slice(&7_u64.to_le_bytes());
    assert_eq!(ElfFile::parse(&merged).unwrap().search_path(), ["/lib"]);

    let edited = set_search_path(&merged, SearchPath::Runpath, &[]).unwrap();
    let file = ElfFile::parse(&edited).unwrap();
    assert_eq!((file.needed, file.runpath), (vec!["libodd/lib"], None));
    // Nothing may be written over the name's end.
    assert_eq!(set_search_path(&merged, SearchPath::Runpath, &["$"]).unwrap_err().code(), Code::BadWheel);
}

#[test]
fn archives_give_their_objects() {
    let object = Sample { kind: 1, ..Sample::library("aarch64-linux") }.bytes();
    let mut archive = b"!<arch>\n".to_vec();
    for (name, body) in [("a.o/", object.as_slice()), ("lib.rmeta/", b"rust!")] {
        let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, body.len());
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(body);
        if body.len() % 2 == 1 {
            archive.push(b'\n');
        }
    }
    assert!(is_archive(&archive) && !is_elf(&archive));
    let found = objects(&archive).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name.as_str(), found[0].file.kind), ("a.o", Kind::Object));
    assert_eq!(objects(b"!<arch>\nrubbish").unwrap_err().code(), Code::BrokenArchive);
    assert_eq!(objects(b"!<thin>\n").unwrap_err().code(), Code::BrokenArchive);
}

#[test]
fn a_symbol_table_orders_versions_as_numbers() {
    let mut table = SymbolTable::default();
    for version in ["GLIBC_2.14", "GLIBC_2.2.5", "GLIBC_2.14"] {
        table.insert("memcpy", version);
    }
    assert_eq!(table.versions("memcpy").unwrap(), ["GLIBC_2.2.5", "GLIBC_2.14"]);
    assert_eq!(table.versions("memcpyy"), None);
    assert_eq!(table.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Changed bytes may make a file unreadable, but no reader may panic or run away.
    #[test]
    fn mutated_files_never_panic(
        arch in 0..Arch::all().len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = rich(&format!("{}-linux", Arch::all()[arch].machine)).bytes();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if ElfFile::parse(&bytes).is_ok() {
            for kept in [&[][..], &["$ORIGIN"]] {
                if let Ok(edited) = set_search_path(&bytes, SearchPath::Runpath, kept) {
                    prop_assert_eq!(edited.len(), bytes.len());
                }
            }
        }
    }

    #[test]
    fn any_bytes_after_the_magic_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..400)) {
        let bytes = [b"\x7fELF".as_slice(), &tail].concat();
        let _ = ElfFile::parse(&bytes);
        let _ = objects(&[b"!<arch>\n".as_slice(), &tail].concat());
    }
}
