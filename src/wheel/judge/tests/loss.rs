//! Extensions that went missing, and wheels without native code.

use super::*;

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn a_pure_wheel_is_any() {
    assert_eq!(Trial::new("py3-none-any").tag(), "py3-none-any");
    assert_eq!(Trial::new("py2.py3-none-any").tag(), "py2.py3-none-any");
    let mut trial = Trial::new("py3-none-linux_aarch64");
    trial.purelib = true;
    assert_eq!(trial.tag(), "py3-none-any");
    let mut trial = Trial::new("cp311-cp311-linux_aarch64");
    trial.purelib = true;
    assert_eq!(trial.tag(), "py3-none-any");
}

#[test]
fn a_failed_compilation_is_a_loss() {
    let mut trial = Trial::new("py3-none-any");
    trial.lost = strings(&["build/temp/pkg/_x.o"]);
    trial.refused_with(Code::LostExtension, &["_x.o"]);
    assert_eq!(trial.refused(Code::LostExtension).code().exit().number(), 1);
    trial.allow_pure = true;
    assert_eq!(trial.tag(), "py3-none-any");
    trial.noted("--allow-pure");
}

#[test]
fn a_declared_extension_must_be_there() {
    let mut trial = Trial::new("cp311-cp311-linux_aarch64");
    trial.declared = strings(&["pkg._x"]);
    trial.refused_with(Code::LostExtension, &["pkg._x"]);
    let mut trial = Trial::with_extension(extension());
    trial.declared = strings(&["pkg._x"]);
    trial.judge().unwrap();
    // Lost in part.
    trial.declared = strings(&["pkg._x", "pkg._y"]);
    trial.refused_with(Code::LostExtension, &["`pkg._y`"]);
    trial.allow_pure = true;
    trial.judge().unwrap();
}

#[test]
fn a_retry_that_worked_is_no_loss() {
    let mut trial = Trial::with_extension(extension());
    trial.lost = strings(&["pkg._x"]);
    trial.judge().unwrap();
    trial.lost = strings(&["_y"]);
    trial.refused(Code::LostExtension);
}

#[test]
fn a_platform_wheel_without_native_code_is_suspect() {
    let mut trial = Trial::new("cp311-cp311-linux_aarch64");
    trial.refused_with(Code::LostExtension, &["Root-Is-Purelib: false"]);
    trial.allow_pure = true;
    // Its Python files may be the platform's.
    assert_eq!(trial.tag(), "cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64");
}
