//! Links without the clang driver: objects and libraries go straight to lld.
//!
//! Starting clang only to compose a linker's command line costs as much as the link. Every argument
//! that means something to a link is known here; with one that is not (link-time optimisation,
//! sanitisers, sources) the clang driver links, as it does for everything else.

use crate::toolchain::clang::Output;

use super::command::Arg;

/// A link that lld can be asked for at once.
#[derive(Debug, PartialEq, Eq)]
pub struct Direct {
    pub output: Output,
    pub start_files: bool,
    pub default_libraries: bool,
    pub own_version_script: bool,
    /// Arguments for the linker, in the package's order.
    pub inputs: Vec<String>,
}

/// Options with a value that a link does not use.
const UNUSED_PAIRS: &[&str] = &[
    "-I",
    "-D",
    "-U",
    "-isystem",
    "-idirafter",
    "-iquote",
    "-include",
    "-imacros",
    "-MF",
    "-MT",
    "-MQ",
    "--param",
];

/// Beginnings of words that a link does not use; those of [`MEANINGFUL`] go first.
const UNUSED: &[&str] = &[
    "-O",
    "-g",
    "-W",
    "-f",
    "-m",
    "-std=",
    "-pipe",
    "-pedantic",
    "-ansi",
    "-w",
    "-M",
    "-static-libgcc",
    "-static-libstdc++",
    "-shared-libgcc",
    "-pthread",
    "-no-canonical-prefixes",
    "-P",
];

/// Beginnings of words that change a link in ways only clang composes.
const MEANINGFUL: &[&str] = &[
    "-flto",
    "-fsanitize",
    "-fopenmp",
    "-fprofile",
    "-fcoverage",
    "-ftest-coverage",
    "-fuse-ld",
    "-fplugin",
    "-fembed",
    "-fthinlto",
    "-fxray",
    "-fcs-profile",
    "-fdebug-types",
    "-m32",
    "-m64",
    "-mx32",
    "-mllvm",
    "-mabi",
    "-mfloat",
    "-munix",
    "-mlong",
    "-moutline",
    "-mcmodel",
    "-v",
    "-fsplit",
    "-ffat-lto",
    "-fmodule",
];

/// The link that `args` describe, or `None` when the clang driver must make it.
pub fn plan(args: &[Arg]) -> Option<Direct> {
    let mut direct = Direct {
        output: Output::Pie,
        start_files: true,
        default_libraries: true,
        own_version_script: false,
        inputs: Vec::with_capacity(args.len()),
    };
    for arg in args {
        match arg {
            Arg::Input(path) if path == "-" => return None,
            Arg::Input(path) => direct.inputs.push(path.clone()),
            Arg::Linker(arg) => {
                direct.own_version_script |= arg.canonical().starts_with("--version-script ");
                direct.inputs.extend(arg.words());
            }
            Arg::Pair(name, value, _) => match name.as_str() {
                "-o" | "-z" | "-u" | "-T" | "-e" | "-soname" | "-rpath" => {
                    direct.inputs.extend([name.clone(), value.clone()]);
                }
                "-L" | "-l" => direct.inputs.push(format!("{name}{value}")),
                name if UNUSED_PAIRS.contains(&name) => {}
                _ => return None,
            },
            Arg::Flag(word) => direct.flag(word)?,
        }
    }
    Some(direct)
}

impl Direct {
    fn flag(&mut self, word: &str) -> Option<()> {
        match word {
            "-shared" => self.output = Output::Shared,
            "-pie" if self.output == Output::Executable => self.output = Output::Pie,
            "-pie" => {}
            "-no-pie" | "-nopie" if self.output == Output::Pie => self.output = Output::Executable,
            "-no-pie" | "-nopie" => {}
            "-r" => self.output = Output::Relocatable,
            "-s" => self.inputs.push("-s".to_owned()),
            "-rdynamic" => self.inputs.push("--export-dynamic".to_owned()),
            "-nostdlib" => (self.start_files, self.default_libraries) = (false, false),
            "-nostartfiles" => self.start_files = false,
            "-nodefaultlibs" => self.default_libraries = false,
            word if MEANINGFUL.iter().any(|mark| word.starts_with(mark)) => return None,
            word if UNUSED.iter().any(|mark| word.starts_with(mark)) => {}
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::parse;
    use super::*;

    fn of(line: &str) -> Option<Direct> {
        plan(&parse(line.split(' ').map(str::to_owned).collect()).unwrap())
    }

    #[test]
    fn the_links_of_extensions_are_direct() {
        let line = "-pthread -shared -Wl,-z,relro -g -O2 -fPIC -Wall -DX a.o -Lsub -lm -lfoo -Wl,-soname,x.so -o x.so -s";
        let direct = of(line).unwrap();
        assert_eq!(direct.output, Output::Shared);
        assert!(direct.start_files && direct.default_libraries && !direct.own_version_script);
        assert_eq!(direct.inputs.join(" "), "-z relro a.o -Lsub -lm -lfoo -soname x.so -o x.so -s");
        assert_eq!(of("a.o").unwrap().output, Output::Pie);
        assert_eq!(of("-no-pie a.o").unwrap().output, Output::Executable);
        assert_eq!(of("-r a.o b.o").unwrap().output, Output::Relocatable);
        assert!(of("-shared -Wl,--version-script=a.map a.o").unwrap().own_version_script);
        assert!(!of("-nostdlib a.o").unwrap().start_files);
    }

    #[test]
    fn what_only_clang_composes_goes_to_clang() {
        for line in [
            "-flto a.o",
            "-fsanitize=address a.o",
            "-static a.o",
            "-fopenmp a.o",
            "-m32 a.o",
            "-x c a.c",
            "-v a.o",
            "--unheard-of a.o",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
