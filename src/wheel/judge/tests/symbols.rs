//! Undefined symbols and leaks.

use super::*;

#[test]
fn a_symbol_nobody_has_is_refused() {
    Trial::with_extension(extension().import("frobnicate"))
        .refused_with(Code::UndefinedSymbol, &["`frobnicate`", "glibc 2.28", EXTENSION]);
    // A version within the floor that the library does not have.
    Trial::with_extension(extension().import_of("memcpy", "libc.so.6", "GLIBC_2.18"))
        .refused_with(Code::UndefinedSymbol, &["`memcpy`"]);
    // A weak one may be absent.
    let mut weak = extension();
    weak.imports.push(("frobnicate".into(), None, true));
    Trial::with_extension(weak).judge().unwrap();
    // Without a symbol table of the C library nothing is looked up.
    let mut trial = Trial::with_extension(extension().import("frobnicate"));
    trial.libc = None;
    trial.judge().unwrap();
}

#[test]
fn python_names_come_from_the_interpreter() {
    Trial::with_extension(extension().import("_PyLong_Sign")).judge().unwrap();
    Trial::with_extension(extension().import("PyUnicode_Frob"))
        .refused_with(Code::UndefinedSymbol, &["`PyUnicode_Frob`", "CPython 3.11"]);
    // A program is not loaded by an interpreter.
    let program = Sample {
        interpreter: Some("/lib/ld-linux-aarch64.so.1".into()),
        ..Sample::library("aarch64-linux").need("libc.so.6").import("PyLong_FromLong")
    };
    Trial::with_extension(extension())
        .file("pkg-1.data/scripts/tool", program)
        .refused_with(Code::UndefinedSymbol, &["PyLong_FromLong"]);
}

#[test]
fn libraries_of_the_wheel_provide() {
    let library = |export: &str| Sample {
        soname: Some("liby.so.1".into()),
        ..Sample::library("aarch64-linux").export(export)
    };
    let user = || extension().need("liby.so.1").runpath("$ORIGIN").import("frobnicate");
    Trial::with_extension(user()).file("pkg/liby.so.1", library("frobnicate")).judge().unwrap();
    Trial::with_extension(user())
        .file("pkg/liby.so.1", library("other"))
        .refused_with(Code::UndefinedSymbol, &["frobnicate"]);
    // One that is there but not loaded does not count.
    Trial::with_extension(extension().import("frobnicate"))
        .file("pkg/liby.so.1", library("frobnicate"))
        .refused(Code::UndefinedSymbol);
    // Versions of a library inside are held to what it defines.
    let versioned = |version: &str| {
        let mut library = library("other");
        library.exports.push(("frobnicate".into(), Some(version.into()), false));
        let user =
            extension().need("liby.so.1").runpath("$ORIGIN").import_of("frobnicate", "liby.so.1", "Y_1");
        Trial::with_extension(user).file("pkg/liby.so.1", library)
    };
    versioned("Y_1").judge().unwrap();
    versioned("Y_2").refused(Code::UndefinedSymbol);
}

#[test]
fn an_unversioned_libc_symbol_is_noted_and_raises_the_floor() {
    let trial = Trial::with_extension(extension().import("getrandom"));
    trial.noted("getrandom");
    assert_eq!(trial.tag(), "cp311-cp311-manylinux_2_25_aarch64");
    let finding = &trial.judge().unwrap().files[0];
    assert_eq!(finding.floor_reason.as_deref(), Some("getrandom, first in glibc 2.25"));
}

#[test]
fn a_symbol_of_a_later_libc_is_named_as_such() {
    let mut trial = Trial::with_extension(extension().import("memfd_create"));
    trial.target = "aarch64-linux-gnu.2.17".parse().unwrap();
    trial.refused_with(Code::TooNewSymbol, &["`memfd_create` (glibc 2.27)", "above glibc 2.17"]);
    let error = trial.refused(Code::TooNewSymbol);
    assert_eq!(error.hints(), ["ask for a higher floor: `--target aarch64-linux-gnu.2.27`"]);
}

#[test]
fn libraries_that_are_not_looked_into_are_noted() {
    Trial::with_extension(extension().need("libX11.so.6").import("XOpenDisplay")).noted("XOpenDisplay");
    // A compiler's runtime is bound to by versions, so it excuses nothing.
    Trial::with_extension(extension().need("libgcc_s.so.1").import("frobnicate"))
        .refused(Code::UndefinedSymbol);
}

#[test]
fn private_symbols_of_promised_libraries_are_refused() {
    let zlib = |name: &str| extension().need("libz.so.1").import_of(name, "libz.so.1", "ZLIB_1.2.0");
    Trial::with_extension(zlib("inflate")).judge().unwrap();
    Trial::with_extension(zlib("zcalloc")).refused_with(Code::UndefinedSymbol, &["zcalloc"]);
}

#[test]
fn the_cxx_runtime_stays_private() {
    let vector = "_ZNSt3__16vectorIiNS_9allocatorIiEEE9push_backEOi";
    Trial::with_extension(extension().export(vector)).refused_with(Code::LeakedRuntime, &["exports", vector]);
    let mut trial = Trial::with_extension(extension().import(vector));
    trial.libc = None;
    trial.refused_with(Code::LeakedRuntime, &["imports", vector]);
    Trial::with_extension(extension().export("__cxa_throw")).refused(Code::LeakedRuntime);
    Trial::with_extension(extension().export("_Unwind_Resume")).refused(Code::LeakedRuntime);
    // A package's own function on strings is its own.
    Trial::with_extension(extension().export("_Z5greetRKNSt3__112basic_stringIcEE")).judge().unwrap();
    // A runtime shipped as a whole is no leak.
    let runtime = Sample { soname: Some("libgcc_s-1234.so.1".into()), ..Sample::library("aarch64-linux") };
    Trial::with_extension(extension())
        .file("pkg.libs/libgcc_s-1234.so.1", runtime.export("_Unwind_Resume"))
        .judge()
        .unwrap();
}
