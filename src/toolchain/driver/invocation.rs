//! What a compiler call is about: its step, sources, objects, output and language.

use std::path::{Path, PathBuf};

use super::calls::Kind;
use super::command::Arg;
use super::folders::normalise;
use crate::toolchain::clang::Language;

/// A compiler call, understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Invocation {
    pub kind: Kind,
    /// Sources as written, with the language each is compiled as (`None`: assembly and others).
    pub sources: Vec<(String, Option<Language>)>,
    /// Every other input as written.
    pub objects: Vec<String>,
    pub output: Option<String>,
    pub shared: bool,
    pub relocatable: bool,
    /// The linker is asked for something (`-Wl,--version`) without any input.
    pub asks_linker: bool,
}

/// Endings of C++ sources and headers, of preprocessed ones, and of precompiled headers' sources.
const CXX: &[&str] =
    &["cc", "cp", "cxx", "cpp", "CPP", "c++", "C", "ii", "hh", "H", "hp", "hxx", "hpp", "h++", "tcc"];
const C: &[&str] = &["c", "i", "h"];
const OTHER: &[&str] =
    &["s", "S", "sx", "m", "mm", "f", "for", "f90", "F90", "F", "d", "ads", "adb", "go", "ll", "bc"];

impl Invocation {
    /// Reads arguments as the compiler called `language` does.
    pub fn of(args: &[Arg], language: Language) -> Self {
        let mut this = Self::default();
        let mut forced: Option<&str> = None;
        let (mut step, mut linking) = (None, false);
        for arg in args {
            match arg {
                Arg::Pair(name, value, _) if name == "-x" => {
                    forced = (value != "none").then_some(value.as_str());
                }
                Arg::Pair(name, value, _) if name == "-o" => this.output = Some(value.clone()),
                Arg::Flag(flag) => match flag.as_str() {
                    "-E" | "-M" | "-MM" => step = Some(Kind::Preprocess),
                    "-c" | "-S" | "-fsyntax-only" | "-emit-llvm" if step != Some(Kind::Preprocess) => {
                        step = Some(Kind::Compile);
                    }
                    "-shared" => this.shared = true,
                    "-r" => this.relocatable = true,
                    _ => {}
                },
                Arg::Input(path) => match language_of(path, forced, language) {
                    Some(language) => this.sources.push((path.clone(), language)),
                    None => this.objects.push(path.clone()),
                },
                // `-Wl,libfoo.a` and `-lfoo` are inputs too.
                Arg::Linker(arg) => linking |= arg.value.is_some() || !arg.name.starts_with('-'),
                Arg::Pair(..) => {}
            }
        }
        let library = args.iter().any(|arg| arg.value_of("-l").is_some());
        let inputs = !this.sources.is_empty() || !this.objects.is_empty() || library;
        this.kind = match step {
            _ if !inputs => Kind::Query,
            Some(step) => step,
            None => Kind::Link,
        };
        this.asks_linker = !inputs && (linking || args.iter().any(|arg| matches!(arg, Arg::Linker(_))));
        this
    }

    /// Whether a compiler proper will run.
    pub fn reads_source(&self) -> bool {
        self.kind != Kind::Query && !self.sources.is_empty()
    }

    /// True if any source is C++.
    pub fn has_cxx(&self) -> bool {
        self.sources.iter().any(|(_, language)| *language == Some(Language::Cxx))
    }

    /// The files a call in `cwd` reads, as absolute paths: sources, then objects.
    pub fn files(&self, cwd: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let absolute =
            |path: &String| if path == "-" { PathBuf::from("-") } else { normalise(&cwd.join(path)) };
        (
            self.sources.iter().map(|(path, _)| absolute(path)).collect(),
            self.objects.iter().map(absolute).collect(),
        )
    }

    /// What a call in `cwd` makes, as an absolute path; `None` when that is its standard output or several files.
    pub fn made(&self, cwd: &Path) -> Option<PathBuf> {
        let name = match (&self.output, self.kind) {
            (Some(output), _) => output.clone(),
            (None, Kind::Link) => "a.out".to_owned(),
            (None, Kind::Compile) => match self.sources.as_slice() {
                [(source, _)] => format!("{}.o", Path::new(source).file_stem()?.to_str()?),
                _ => return None,
            },
            (None, Kind::Query | Kind::Preprocess) => return None,
        };
        (name != "-").then(|| normalise(&cwd.join(name)))
    }
}

/// The language of a source; `None` for a file that goes to the linker as it is.
fn language_of(path: &str, forced: Option<&str>, called_as: Language) -> Option<Option<Language>> {
    if let Some(forced) = forced {
        return Some(match forced.trim_end_matches("-header").trim_end_matches("-cpp-output") {
            "c" | "cpp-output" => Some(Language::C),
            "c++" => Some(Language::Cxx),
            _ => None,
        });
    }
    if path == "-" {
        return Some(Some(called_as));
    }
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if CXX.contains(&ending) {
        Some(Some(Language::Cxx))
    } else if C.contains(&ending) {
        // `c++ a.c` compiles C++.
        Some(Some(called_as))
    } else if OTHER.contains(&ending) {
        Some(None)
    } else if path == "/dev/null" {
        Some(Some(called_as))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::parse;
    use super::*;

    fn of(line: &str) -> Invocation {
        Invocation::of(&parse(line.split(' ').map(str::to_owned).collect()).unwrap(), Language::C)
    }

    #[test]
    fn steps_and_inputs() {
        let cwd = Path::new("/w");
        let compile = of("-c -o x/a.o a.cpp");
        assert_eq!((compile.kind, compile.has_cxx()), (Kind::Compile, true));
        assert_eq!(compile.made(cwd).unwrap(), Path::new("/w/x/a.o"));
        assert_eq!(of("-c ../a.c").made(cwd).unwrap(), Path::new("/w/a.o"));
        let link = of("-shared a.o b.a -lm -o x.so");
        assert_eq!((link.kind, link.shared, link.objects.len()), (Kind::Link, true, 2));
        assert_eq!(of("conftest.c -o conftest").kind, Kind::Link);
        assert_eq!(of("-E -").kind, Kind::Preprocess);
        assert_eq!(of("-E -dM -xc /dev/null").sources, [("/dev/null".to_owned(), Some(Language::C))]);
        assert_eq!(of("-x c++ -c f -x none g.o").objects, ["g.o"]);
        for query in ["-v", "--version", "-dumpmachine", "-print-search-dirs"] {
            assert_eq!(of(query).kind, Kind::Query, "{query}");
        }
        assert!(of("-Wl,--version").asks_linker && !of("-v").asks_linker);
        assert_eq!(of("-lm -o a").kind, Kind::Link);
    }
}
