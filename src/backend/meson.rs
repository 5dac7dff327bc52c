//! What meson must know (its machine files, mesonbuild.com "Cross compilation").

use super::{Paths, Subject};
use crate::target::{Endian, Target};

/// The setup arguments that make meson read our machine files.
pub(super) fn setup_arguments(paths: &Paths) -> Vec<String> {
    vec![
        format!("--cross-file={}", paths.support.join("cross.ini").display()),
        format!("--native-file={}", paths.support.join("native.ini").display()),
        // What meson would download it asks us for; see `wanted`.
        "--wrap-mode=nodownload".to_owned(),
    ]
}

/// The machine file of the target.
pub(super) fn cross_file(paths: &Paths, subject: &Subject<'_>) -> String {
    let bin = paths.bin.display();
    let mut text = format!(
        "[binaries]\nc = '{bin}/cc'\ncpp = '{bin}/c++'\nar = '{bin}/ar'\nranlib = '{bin}/ranlib'\n\
         strip = '{bin}/strip'\nnm = '{bin}/nm'\npkg-config = '{bin}/pkg-config'\n"
    );
    // `*-config` programs of build requirements (numpy-config, pybind11-config) are only looked up
    // for the target when they stand here.
    for program in subject.programs.iter().filter(|name| name.ends_with("-config")) {
        text.push_str(&format!("{program} = '{}'\n", paths.env.join("bin").join(program).display()));
    }
    // Without one among the requirements there is none: the machine's own would find its libraries.
    let cmake = paths.env.join("bin/cmake");
    let has_cmake = subject.programs.iter().any(|name| name == "cmake");
    let cmake = if has_cmake { cmake } else { "/nonexistent/cmake".into() };
    text.push_str(&format!("cmake = '{}'\n", cmake.display()));
    text.push_str(&format!(
        "\n[properties]\nneeds_exe_wrapper = true\nlongdouble_format = '{}'\n\n{}",
        long_double(subject.target),
        machine("host_machine", &subject.target.arch.machine, subject.target.arch.endian),
    ));
    text
}

/// The machine file of the build machine: its compilers. Its name no machine file can tell meson; the
/// target's view shows it the true one.
pub(super) fn native_file(paths: &Paths) -> String {
    let bin = paths.bin.display();
    format!("[binaries]\nc = '{bin}/build-cc'\ncpp = '{bin}/build-c++'\nar = '{bin}/build-ar'\n")
}

fn machine(section: &str, cpu: &str, endian: Endian) -> String {
    // meson's own names of CPU families.
    let family = match cpu {
        "i686" => "x86",
        "armv7l" | "arm" => "arm",
        "ppc64le" | "powerpc64" => "ppc64",
        other => other,
    };
    let endian = match endian {
        Endian::Little => "little",
        Endian::Big => "big",
    };
    format!("[{section}]\nsystem = 'linux'\ncpu_family = '{family}'\ncpu = '{cpu}'\nendian = '{endian}'\n")
}

/// numpy's name for the format of `long double`, which it can only find out by running a program.
fn long_double(target: &Target) -> &'static str {
    match (target.arch.machine.as_str(), target.arch.endian) {
        ("x86_64", _) => "INTEL_EXTENDED_16_BYTES_LE",
        ("i686", _) => "INTEL_EXTENDED_12_BYTES_LE",
        ("armv7l", _) => "IEEE_DOUBLE_LE",
        // clang's default for ppc64le with both C libraries of the runtime kit.
        ("ppc64le", _) => "IBM_DOUBLE_DOUBLE_LE",
        (_, Endian::Big) => "IEEE_QUAD_BE",
        (_, Endian::Little) => "IEEE_QUAD_LE",
    }
}
