//! Command lines for zig's own clang and lld against a runtime kit.
//!
//! `zig clang` is the stock clang driver and `zig ld.lld` the stock linker: everything that makes
//! them a cross toolchain is said here, and nothing else is. A compile or link through the driver
//! is `zig clang` + [`prefix`] + the user's arguments + [`tail`]; a link of objects and libraries
//! alone is `zig ld.lld` + [`lld`], which saves the driver's start.

use std::path::{Path, PathBuf};

use super::kit::KitPaths;
use crate::target::{Libc, Target};

/// What a compiler was called as, or what a source is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    C,
    Cxx,
}

/// zig's build of libc++ as macros: its headers have no `__config_site`. The same values must
/// be seen by the library (`kit`) and by its users. Read off `ZIG_VERBOSE_CC=1 zig c++`.
const LIBCXX_MACROS: &[&str] = &[
    "-D_LIBCPP_ABI_VERSION=1",
    "-D_LIBCPP_ABI_NAMESPACE=__1",
    "-D_LIBCPP_HAS_THREADS=1",
    "-D_LIBCPP_HAS_MONOTONIC_CLOCK",
    "-D_LIBCPP_HAS_TERMINAL",
    "-D_LIBCXXABI_DISABLE_VISIBILITY_ANNOTATIONS",
    "-D_LIBCPP_DISABLE_VISIBILITY_ANNOTATIONS",
    "-D_LIBCPP_HAS_VENDOR_AVAILABILITY_ANNOTATIONS=0",
    "-D_LIBCPP_HAS_FILESYSTEM=1",
    "-D_LIBCPP_HAS_RANDOM_DEVICE",
    "-D_LIBCPP_HAS_LOCALIZATION",
    "-D_LIBCPP_HAS_UNICODE",
    "-D_LIBCPP_HAS_WIDE_CHARACTERS",
    "-D_LIBCPP_HAS_NO_STD_MODULES",
    "-D_LIBCPP_HAS_TIME_ZONE_DATABASE",
    "-D_LIBCPP_PSTL_BACKEND_SERIAL",
    "-D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_NONE",
    "-D_LIBCPP_ASSERTION_SEMANTIC_DEFAULT=_LIBCPP_ASSERTION_SEMANTIC_IGNORE",
];

/// The libraries of the C library that code written for a newer glibc forgets to name.
const LIBC_PARTS: &[&str] = &["-lm", "-lpthread", "-ldl"];

/// The arguments in front of the user's.
///
/// `language` is what the compiler was called as: it decides what a link adds, and that `c++`
/// takes a `.c` file for C++. Arguments that a step does not use (all of the linking ones, when
/// compiling) are bracketed so that `-Werror=unused-command-line-argument`, which meson's probes
/// add, does not turn every probe into a no. When the step links, add [`linker`] as well.
pub fn prefix(target: &Target, kit: &KitPaths, language: Language) -> Vec<String> {
    let mut args = vec![
        "--no-default-config".to_owned(),
        format!("--target={}", target.clang_triple()),
        "--start-no-unused-arguments".to_owned(),
    ];
    if language == Language::Cxx {
        args.push("--driver-mode=g++".to_owned());
        args.push("-stdlib=libc++".to_owned());
    }
    args.push("-resource-dir".to_owned());
    args.push(text(&kit.base(target)));
    args.push(format!("--sysroot={}", kit.sys(target).display()));
    args.extend(
        ["-nostdinc", "-nostdinc++", "-rtlib=compiler-rt", "-unwindlib=libunwind"].map(str::to_owned),
    );
    args.extend(machine(target));
    if let Libc::Gnu { minor } = target.libc {
        args.push(format!("-D__GLIBC_MINOR__={minor}"));
    }
    args.push("--end-no-unused-arguments".to_owned());
    args
}

/// The arguments that let the clang driver link with the program `lld` (a `ld.lld` that runs zig's).
pub fn linker(lld: &Path) -> Vec<String> {
    vec![
        "--start-no-unused-arguments".to_owned(),
        "-fuse-ld=lld".to_owned(),
        format!("--ld-path={}", lld.display()),
        format!("-Wl,{}", DROP_UNUSED.join(",")),
        "--end-no-unused-arguments".to_owned(),
    ]
}

/// The arguments behind the user's: header folders, so that the user's own win, and library folders.
///
/// `language` is [`Language::Cxx`] when any source is C++ or the compiler was called as `c++`.
pub fn tail(target: &Target, kit: &KitPaths, language: Language) -> Vec<String> {
    let mut args = vec!["--start-no-unused-arguments".to_owned()];
    for folder in headers(target, language) {
        args.push("-isystem".to_owned());
        args.push(text(&kit.inc().join(folder)));
    }
    if language == Language::Cxx {
        args.extend(LIBCXX_MACROS.iter().map(|macro_| (*macro_).to_owned()));
        args.push(format!("-D_LIBCPP_HAS_MUSL_LIBC={}", u8::from(target.libc == Libc::Musl)));
    }
    args.extend(library_folders(target, kit).map(|folder| format!("-L{folder}")));
    args.push("--end-no-unused-arguments".to_owned());
    args
}

/// What a link through the clang driver adds behind [`tail`]: the parts of the C library that are
/// used are named in NEEDED, so that every reference gets its version, and the C++ runtime stays
/// private unless the user gave a version script of their own (`own_version_script`).
pub fn link_tail(target: &Target, kit: &KitPaths, own_version_script: bool) -> Vec<String> {
    let mut args = Vec::new();
    if !own_version_script {
        args.push(format!("-Wl,--version-script={}", kit.private_symbols(target).display()));
    }
    args.push("-Wl,--push-state,--as-needed".to_owned());
    args.extend(LIBC_PARTS.iter().map(|part| (*part).to_owned()));
    args.push("-Wl,--pop-state".to_owned());
    args
}

/// What a link drops that nothing refers to. The runtime's archives have large members, so that without
/// it one division of two long numbers would cost 200 kB; zig and Rust link like this too. Sections
/// found by `__start_` and `__stop_` symbols stay, as with GNU ld.
const DROP_UNUSED: &[&str] = &["--gc-sections", "-z", "nostart-stop-gc"];

/// What kind of file a link makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    Shared,
    /// A position-independent program, the default of a link that says nothing.
    Pie,
    /// A program at a fixed address (`-no-pie`).
    Executable,
    /// One object of several (`-r`): no start files, no libraries.
    Relocatable,
}

/// A link of objects and libraries, with the compiler driver's arguments already translated.
#[derive(Clone, Debug)]
pub struct Link<'a> {
    pub output: Output,
    /// What the compiler was called as: C++ adds libc++.
    pub language: Language,
    /// False after `-nostartfiles` or `-nostdlib`.
    pub start_files: bool,
    /// False after `-nodefaultlibs` or `-nostdlib`.
    pub default_libraries: bool,
    /// True when `inputs` holds a `--version-script`.
    pub own_version_script: bool,
    /// The linker's own arguments in the user's order: `-o`, objects, `-L`, `-l`, `-Wl,…` split up.
    pub inputs: &'a [String],
}

/// The whole command line behind `zig ld.lld`.
pub fn lld(target: &Target, kit: &KitPaths, link: &Link) -> Vec<String> {
    let lib = kit.sys(target).join("usr/lib");
    let runtime = kit.runtime(target);
    let mut args: Vec<String> = vec![
        format!("--sysroot={}", kit.sys(target).display()),
        "-m".to_owned(),
        target.arch.emulation.clone(),
    ];
    if link.output == Output::Relocatable {
        args.push("-r".to_owned());
        args.extend_from_slice(link.inputs);
        return args;
    }
    args.extend(
        ["--hash-style=gnu", "--eh-frame-hdr"].iter().chain(DROP_UNUSED).map(|arg| (*arg).to_owned()),
    );
    let start = match link.output {
        Output::Shared => {
            args.push("-shared".to_owned());
            None
        }
        Output::Pie => {
            args.push("-pie".to_owned());
            Some("Scrt1.o")
        }
        Output::Executable | Output::Relocatable => Some("crt1.o"),
    };
    if let Some(start) = start {
        args.push("-dynamic-linker".to_owned());
        args.push(loader_path(target));
        if link.start_files {
            args.push(text(&lib.join(start)));
        }
    }
    if link.start_files {
        args.push(text(&lib.join("crti.o")));
        args.push(text(&runtime.join("clang_rt.crtbegin.o")));
    }
    args.extend_from_slice(link.inputs);
    args.extend(library_folders(target, kit).map(|folder| format!("-L{folder}")));
    args.push(format!("-L{}", lib.display()));
    if !link.own_version_script {
        args.push(format!("--version-script={}", kit.private_symbols(target).display()));
    }
    if link.default_libraries {
        if link.language == Language::Cxx {
            args.push("-lc++".to_owned());
        }
        let builtins = text(&runtime.join("libclang_rt.builtins.a"));
        args.push("--as-needed".to_owned());
        args.extend(LIBC_PARTS.iter().map(|part| (*part).to_owned()));
        // lld looks into every archive again until nothing is missing: no order, no repetition.
        args.extend([builtins, "-lunwind".to_owned(), "-lc".to_owned()]);
    }
    if link.start_files {
        args.push(text(&runtime.join("clang_rt.crtend.o")));
        args.push(text(&lib.join("crtn.o")));
    }
    args
}

/// The machine's flags, which the user's own (`-march=…`) override by coming later.
fn machine(target: &Target) -> impl Iterator<Item = String> {
    let musl: &[String] = if target.libc == Libc::Musl { &target.arch.clang_flags_musl } else { &[] };
    target.arch.clang_flags.iter().chain(musl).cloned()
}

/// The header folders under `inc`, in searching order.
fn headers(target: &Target, language: Language) -> Vec<&'static str> {
    let arch = target.arch;
    let (generic, own) = match target.libc {
        Libc::Gnu { .. } => ("generic-glibc", &arch.headers),
        Libc::Musl => ("generic-musl", &arch.headers_musl),
    };
    let mut folders = Vec::new();
    if language == Language::Cxx {
        folders.extend(["libcxx", "libcxxabi"]);
    }
    folders.push("clang");
    let (libc, kernel) = own.split_at(1.min(own.len()));
    folders.extend(libc.iter().map(String::as_str));
    folders.push(generic);
    folders.extend(kernel.iter().map(String::as_str));
    folders.push("any-linux-any");
    folders
}

/// The kernel's headers for `target`: names below an include folder, and where each lies.
pub fn kernel_headers(target: &Target, kit: &KitPaths) -> [(&'static str, PathBuf); 3] {
    let folders = headers(target, Language::C);
    // The machine's own are searched before those of any machine.
    let own = folders.iter().rev().nth(1).copied().unwrap_or_default();
    let any = kit.inc().join("any-linux-any");
    [
        ("linux", any.join("linux")),
        ("asm-generic", any.join("asm-generic")),
        ("asm", kit.inc().join(own).join("asm")),
    ]
}

/// Where `-lunwind`, `-lgcc_s`, `-lc++` and `-lstdc++` are found.
pub fn library_folders(target: &Target, kit: &KitPaths) -> impl Iterator<Item = String> {
    [kit.base(target).join("lib"), kit.cxx(target).join("lib")].into_iter().map(|folder| text(&folder))
}

/// The program loader's path on the machine where the result runs.
fn loader_path(target: &Target) -> String {
    match target.libc {
        Libc::Gnu { .. } => format!("{}/{}", target.arch.loader_folder, target.loader()),
        Libc::Musl => format!("/lib/{}", target.loader()),
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kit() -> KitPaths {
        KitPaths::new("/kit")
    }

    /// Everything of ours that a compile step does not use stands inside brackets.
    #[test]
    fn arguments_unused_when_compiling_are_bracketed() {
        for spelling in ["x86_64-linux-gnu.2.17", "armv7l-linux-musl"] {
            let target: Target = spelling.parse().unwrap();
            for args in [prefix(&target, &kit(), Language::Cxx), tail(&target, &kit(), Language::Cxx)] {
                let open = args.iter().position(|a| a == "--start-no-unused-arguments").unwrap();
                assert_eq!(args.last().unwrap(), "--end-no-unused-arguments");
                for (at, arg) in args.iter().enumerate() {
                    let linking = ["-L", "-rtlib", "-unwindlib", "-stdlib", "-fuse-ld"]
                        .iter()
                        .any(|p| arg.starts_with(p));
                    assert!(!linking || at > open, "{arg} stands outside");
                }
            }
        }
    }

    #[test]
    fn header_folders_go_from_the_special_to_the_general() {
        let arm: Target = "armv7l-linux-gnu.2.17".parse().unwrap();
        assert_eq!(
            headers(&arm, Language::Cxx),
            [
                "libcxx",
                "libcxxabi",
                "clang",
                "arm-linux-gnu",
                "generic-glibc",
                "arm-linux-any",
                "any-linux-any"
            ]
        );
        let ppc: Target = "ppc64le-linux-musl".parse().unwrap();
        assert_eq!(
            headers(&ppc, Language::C),
            ["clang", "powerpc64-linux-musl", "generic-musl", "powerpc-linux-any", "any-linux-any"]
        );
        assert!(machine(&ppc).any(|flag| flag == "-mlong-double-64"));
        let [_, _, asm] = kernel_headers(&arm, &KitPaths::new("/kit"));
        assert_eq!(asm, ("asm", PathBuf::from("/kit/inc/arm-linux-any/asm")));
    }

    #[test]
    fn a_direct_link_names_loader_start_files_and_used_libraries() {
        let target: Target = "x86_64-linux-gnu.2.28".parse().unwrap();
        let inputs = ["-o", "a.out", "a.o", "-lfoo"].map(str::to_owned);
        let mut link = Link {
            output: Output::Pie,
            language: Language::C,
            start_files: true,
            default_libraries: true,
            own_version_script: false,
            inputs: &inputs,
        };
        let args = lld(&target, &kit(), &link);
        let at =
            |what: &str| args.iter().position(|a| a.ends_with(what)).unwrap_or_else(|| panic!("no {what}"));
        assert!(at("/lib64/ld-linux-x86-64.so.2") < at("Scrt1.o"));
        assert!(at("Scrt1.o") < at("crtbegin.o") && at("crtbegin.o") < at("a.o") && at("-lfoo") < at("-lm"));
        assert!(at("-lm") < at("-lc") && at("-lc") < at("crtend.o"));
        link.output = Output::Shared;
        let args = lld(&target, &kit(), &link);
        assert!(args.contains(&"-shared".to_owned()) && !args.iter().any(|a| a.contains("crt1.o")));
        link.output = Output::Relocatable;
        assert!(lld(&target, &kit(), &link).ends_with(&inputs));
    }
}
