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
    // The package itself left it out, and it is not all there was; but it did not fail to compile.
    trial.allow_pure = false;
    trial.withdrawn = strings(&["pkg._y"]);
    trial.judge().unwrap();
    trial.lost = strings(&["pkg._y"]);
    trial.refused_with(Code::LostExtension, &["`pkg._y`"]);
    let mut trial = Trial::new("cp311-cp311-linux_aarch64");
    trial.declared = strings(&["pkg._y"]);
    trial.withdrawn = strings(&["pkg._y"]);
    trial.refused_with(Code::LostExtension, &["`pkg._y`"]);
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

#[test]
fn a_module_s_name_is_no_module() {
    let hollow = |name: &str, bytes: &[u8]| Trial::new("py3-none-any").raw(name, bytes);
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    hollow("pkg/libx.so.1", pointer).refused_with(Code::BadExtension, &["`pkg/libx.so.1`", "Git LFS"]);
    hollow(EXTENSION, b"").refused_with(Code::BadExtension, &["is empty"]);
    hollow("pkg/_x.abi3.so", b"text").refused_with(Code::BadExtension, &["no ELF file"]);
    hollow("pkg/libx.so", b"").refused_with(Code::BadExtension, &["is empty"]);
    // A linker script, and what a test looks at.
    assert_eq!(hollow("pkg/libx.so", b"INPUT(libx.so.1)").tag(), "py3-none-any");
    assert_eq!(hollow("pkg/tests/empty.so", b"").tag(), "py3-none-any");
}

#[test]
fn a_module_of_another_system_is_none() {
    let mach_o = [b"\xcf\xfa\xed\xfe".as_slice(), &[0; 60]].concat();
    let mut trial = Trial::new("py3-none-any").raw("pkg/_x.cpython-311-darwin.so", &mach_o);
    trial.refused_with(Code::LostExtension, &["nothing in the wheel is for Linux", "Mach-O"]);
    trial.allow_pure = true;
    assert_eq!(trial.tag(), "py3-none-any");
    // Beside one for Linux it is ballast.
    Trial::with_extension(extension()).raw("pkg/_x.cpython-311-darwin.so", &mach_o).judge().unwrap();
    assert_eq!(Trial::new("py3-none-any").raw("pkg/libx.dylib", &mach_o).tag(), "py3-none-any");
}
