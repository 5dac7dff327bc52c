//! Extension modules, the stable ABI, interpreter and ABI tags.

use super::*;

fn named(tags: &str, name: &str, sample: Sample) -> Trial {
    Trial::new(tags).file(name, sample)
}

const LOWEST: &str = "manylinux_2_17_aarch64.manylinux2014_aarch64";

#[test]
fn an_extension_has_its_init_function() {
    let without = || Sample::library("aarch64-linux").need("libc.so.6").import("PyModule_Create2");
    Trial::with_extension(without()).refused_with(Code::BadExtension, &["PyInit__x", "no init function"]);
    Trial::with_extension(without().export("PyInit__y")).refused_with(Code::BadExtension, &["`PyInit__y`"]);
    Trial::with_extension(without().export("PyInit__y").export("PyInit__x")).judge().unwrap();
    // Named like one by a backend that knows no other name, and loaded by ctypes.
    let plain = Sample::library("aarch64-linux").export("frob");
    let trial = Trial::with_extension(plain);
    trial.noted("ordinary library");
    assert_eq!(trial.judge().unwrap().files[0].kind, FileKind::Library);
}

#[test]
fn export_hooks_are_of_3_15() {
    let hooked = || Sample::library("aarch64-linux").export("PyModExport__x");
    Trial::with_extension(hooked()).refused_with(Code::BadExtension, &["PEP 793"]);
    Trial::with_extension(hooked().export("PyInit__x")).judge().unwrap();
    let mut trial = named("cp315-cp315-linux_aarch64", "pkg/_x.cpython-315-aarch64-linux-gnu.so", hooked());
    trial.python = "3.15".parse().unwrap();
    trial.judge().unwrap();
}

#[test]
fn names_beyond_ascii_have_their_own_function() {
    let name = "pkg/bücher.cpython-311-aarch64-linux-gnu.so";
    let of =
        |init: &str| named("cp311-cp311-linux_aarch64", name, Sample::library("aarch64-linux").export(init));
    of("PyInitU_bcher_kva").judge().unwrap();
    of("PyInit_bücher").refused(Code::BadExtension);
}

#[test]
fn the_suffix_is_the_target_s() {
    for name in [
        "pkg/_x.cpython-311-x86_64-linux-gnu.so",
        "pkg/_x.cpython-310-aarch64-linux-gnu.so",
        "pkg/_x.cpython-311-aarch64-linux-musl.so",
        "pkg/_x.cpython-311.so",
        "pkg/_x.pypy39-pp73-aarch64-linux-gnu.so",
    ] {
        named("cp311-cp311-linux_aarch64", name, extension()).refused_with(
            Code::BadExtension,
            &["another Python or machine", ".cpython-311-aarch64-linux-gnu.so"],
        );
    }
}

#[test]
fn a_bare_suffix_is_refused_under_a_version_specific_tag() {
    let bare = |tags| named(tags, "pkg/_x.so", extension());
    bare("cp311-cp311-linux_aarch64").refused_with(Code::BadExtension, &["bare suffix", "cp311-cp311"]);
    bare("py3-none-linux_aarch64").refused_with(Code::BadExtension, &["bare suffix"]);
    // The stable ABI may go without a suffix of its own.
    assert_eq!(bare("cp39-abi3-linux_aarch64").tag(), format!("cp39-abi3-{LOWEST}"));
    // A library that is no module may be called so.
    let library = Sample::library("aarch64-linux").export("frob");
    named("py3-none-linux_aarch64", "pkg/libfrob.so", library).judge().unwrap();
}

#[test]
fn the_stable_abi_is_held_to_its_symbols() {
    let stable = |tags, symbol: &str| {
        let mut trial = named(tags, "pkg/_x.abi3.so", extension().import(symbol));
        trial.api = None;
        trial
    };
    let newer = |tags| stable(tags, "PyUnicode_AsUTF8AndSize");
    newer("cp39-abi3-linux_aarch64").refused_with(Code::BadExtension, &["3.9", "since 3.10"]);
    assert_eq!(newer("cp310-abi3-linux_aarch64").tag(), format!("cp310-abi3-{LOWEST}"));
    assert_eq!(newer("cp311-cp311-linux_aarch64").tag(), format!("cp311-cp311-{LOWEST}"));
    let private = stable("cp39-abi3-linux_aarch64", "_PyLong_Sign");
    private.refused_with(Code::BadExtension, &["`_PyLong_Sign` is not in the stable ABI"]);
    // Also for a library beside the modules.
    named("cp39-abi3-linux_aarch64", "pkg/_x.abi3.so", extension())
        .file("pkg/libhelp.so", Sample::library("aarch64-linux").import("_PyLong_Sign"))
        .refused(Code::BadExtension);
}

#[test]
fn the_stable_abi_and_free_threading_exclude_each_other() {
    let mut trial = named("cp39-abi3-linux_aarch64", "pkg/_x.abi3.so", extension());
    trial.python = "3.13t".parse().unwrap();
    assert!(trial.judge().is_err());
    let mut trial = named("cp313-cp313t-linux_aarch64", "pkg/_x.abi3.so", extension());
    trial.python = "3.13t".parse().unwrap();
    trial.refused_with(Code::BadExtension, &["3.13t cannot load"]);

    let abi3t = |python: &str| {
        let mut trial = named("cp315-abi3t-linux_aarch64", "pkg/_x.abi3t.so", extension());
        trial.python = python.parse().unwrap();
        trial
    };
    assert_eq!(abi3t("3.15t").tag(), format!("cp315-abi3t-{LOWEST}"));
    assert_eq!(abi3t("3.15").tag(), format!("cp315-abi3t-{LOWEST}"));
    assert!(abi3t("3.14").judge().is_err());
}

#[test]
fn a_version_specific_file_contradicts_a_stable_tag() {
    named("cp39-abi3-linux_aarch64", EXTENSION, extension())
        .refused_with(Code::BadExtension, &["Python 3.11 alone", "cp39-abi3"]);
}

#[test]
fn general_claims_are_narrowed_to_what_is_inside() {
    for claim in ["py3-none-any", "py2.py3-none-any", "py3-none-linux_aarch64"] {
        let trial = named(claim, EXTENSION, extension());
        assert_eq!(trial.tag(), format!("cp311-cp311-{LOWEST}"));
        trial.noted("so the wheel is `cp311-cp311`");
    }
    assert_eq!(named("py3-none-any", "pkg/_x.abi3.so", extension()).tag(), format!("cp311-abi3-{LOWEST}"));
    let helper = Sample::library("aarch64-linux").import("PyLong_FromLong");
    assert_eq!(named("py3-none-any", "pkg/libhelp.so", helper).tag(), format!("cp311-cp311-{LOWEST}"));
    let library = Sample::library("aarch64-linux").export("frob");
    let trial = named("py2.py3-none-any", "pkg/libfrob.so", library);
    assert_eq!(trial.tag(), format!("py2.py3-none-{LOWEST}"));
    trial.noted("claims `any`");
}

#[test]
fn claims_for_another_python_are_refused() {
    for claim in ["cp310-cp310-any", "cp312-abi3-any", "pp310-pypy310_pp73-any", "py2-none-any"] {
        Trial::new(claim).refused_with(Code::BadWheel, &["does not install"]);
    }
    let mut trial = Trial::new("py3-none-any");
    trial.tags.clear();
    trial.refused(Code::BadWheel);
    let mut trial = Trial::new("py3-none-any");
    trial.tags.extend(Tag::expand("cp311-cp311-any").unwrap());
    trial.refused_with(Code::BadWheel, &["no tag set"]);
}
