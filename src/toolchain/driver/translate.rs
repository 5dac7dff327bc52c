//! From a package's arguments to those of the real compiler.

use std::path::Path;

use super::calls::Kind;
use super::command::{self, Arg, Joint};
use super::config::{Driver, Toolset};
use super::cxx_objects;
use super::direct;
use super::folders::Folders;
use super::invocation::Invocation;
use super::linker_command::LinkerArg;
use super::rules::{Dialect, Level, Place, Rules, Step, Verdict};
use crate::report::{Code, Error, Result};
use crate::target::{Arch, Target};
use crate::toolchain::clang::{self, Language};
use crate::toolchain::kit::KitPaths;

/// What a link in C++ says when the kit has no C++ runtime yet. [`super::needs_cxx_runtime`] looks for it.
pub const NO_CXX_RUNTIME: &str = "the runtime kit has no C++ part for this target yet";

/// A compiler call, ready to run.
#[derive(Debug)]
pub struct Translated {
    /// Program and arguments.
    pub words: Vec<String>,
    /// What the rules took away or changed, as the package wrote it.
    pub dropped: Vec<String>,
    /// A temporary file that takes an output nobody keeps.
    pub scratch: Option<tempfile::TempPath>,
}

/// Translates calls for one machine.
pub struct Translator<'a> {
    pub driver: &'a Driver,
    pub toolset: &'a Toolset,
    pub cwd: &'a Path,
    /// False for the build machine, whose folders are its own.
    pub cross: bool,
}

impl Translator<'_> {
    /// The arguments left of `args` after the rules and the folders of the build machine.
    ///
    /// # Errors
    /// `Code::Compiler` or `Code::Linker` for an argument that a rule refuses, `Code::MissingLibrary`
    /// for a library of the build machine.
    pub fn filter(&self, args: Vec<Arg>, probe: bool) -> Result<(Vec<Arg>, Vec<String>)> {
        let rules = Rules::from_lines(&self.toolset.rules)
            .ok_or_else(|| Error::new(Code::Config, "the rules in `driver.toml` are damaged"))?;
        self.filter_by(&rules, args, probe)
    }

    fn filter_by(&self, rules: &Rules, args: Vec<Arg>, probe: bool) -> Result<(Vec<Arg>, Vec<String>)> {
        let folders = Folders::new(self.driver, self.cwd);
        let (mut left, mut dropped) = (Vec::with_capacity(args.len()), Vec::new());
        for arg in args {
            let spelt = arg.canonical();
            if self.is_target_option(&arg)? {
                dropped.push(spelt);
                continue;
            }
            if let Arg::Input(path) = &arg
                && self.cross
                && folders.is_foreign_input(path)
            {
                return Err(Error::new(
                    Code::MissingLibrary,
                    format!("`{path}` is a library of the build machine"),
                )
                .hint("give the target's copy with `--sysroot`"));
            }
            let level = if matches!(arg, Arg::Linker(_)) { Level::Linker } else { Level::Compiler };
            let arg = match rules.verdict(level, &spelt, probe) {
                _ if matches!(arg, Arg::Input(_)) => Some(arg),
                Verdict::Keep => Some(arg),
                Verdict::Drop => None,
                Verdict::Replace(text) if level == Level::Linker => {
                    Some(Arg::Linker(LinkerArg::from_canonical(&text)))
                }
                Verdict::Replace(text) | Verdict::Lift(text) => Some(Arg::Flag(text)),
                Verdict::Refuse(reason) => return Err(refusal(level, &spelt, &reason)),
            };
            let kept = if self.cross { arg.and_then(|arg| folders.filter(arg)) } else { arg };
            match kept {
                Some(arg) if arg.canonical() == spelt => left.push(arg),
                Some(arg) => {
                    dropped.push(spelt);
                    left.push(arg);
                }
                None => dropped.push(spelt),
            }
        }
        Ok((left, dropped))
    }

    /// The linker's own arguments, after the same rules.
    ///
    /// # Errors
    /// As [`Translator::filter`].
    pub fn filter_linker(&self, args: Vec<LinkerArg>) -> Result<(Vec<String>, Vec<String>)> {
        // `zig cc` refuses what lld takes, and here lld itself is run.
        let dialect = if self.toolset.dialect == Dialect::Zig { Dialect::Kit } else { self.toolset.dialect };
        let rules = Rules::for_target(dialect, &self.toolset.machine);
        let (left, dropped) = self.filter_by(&rules, args.into_iter().map(Arg::Linker).collect(), false)?;
        let mut words = Vec::new();
        for arg in left {
            match arg {
                Arg::Linker(arg) => words.extend(arg.words()),
                // A lifted option: the linker takes it under the same name.
                other => words.push(other.canonical()),
            }
        }
        Ok((words, dropped))
    }

    /// The whole command for a compiler called as `called_as`.
    ///
    /// # Errors
    /// As [`Translator::filter`].
    pub fn compiler(
        &self,
        args: Vec<Arg>,
        invocation: &Invocation,
        called_as: Language,
        probe: bool,
    ) -> Result<Translated> {
        let set = self.toolset;
        let (mut args, dropped) = self.filter(args, probe)?;
        let language = self.language(&args, invocation, called_as);
        if language != called_as {
            keep_c_as_c(&mut args, invocation);
        }
        if self.cross && (invocation.kind == Kind::Link) && !invocation.relocatable {
            self.add_archives(&mut args);
        }
        let scratch = if set.dialect == Dialect::Zig { zig_output(&mut args, invocation)? } else { None };
        let given: Vec<String> = args.iter().map(Arg::canonical).collect();
        if let Some(words) = self.direct(&args, &given, invocation, language)? {
            return Ok(Translated { words, dropped, scratch });
        }

        let cxx = language == Language::Cxx;
        let mut words = if cxx { set.cxx.clone() } else { set.cc.clone() };
        let linking = invocation.kind == Kind::Link || invocation.asks_linker;
        let reading = invocation.reads_source();
        if reading {
            words.extend(set.default_words(Step::Compile, Place::First, &given));
        }
        if linking {
            words.extend(set.default_words(Step::Link, Place::First, &given));
            words.extend_from_slice(&set.link);
        }
        words.extend(command::words(&args));
        if reading {
            words.extend(set.default_words(Step::Compile, Place::Last, &given));
            words.extend_from_slice(&set.maps);
            words.extend_from_slice(&set.headers);
        }
        words.extend_from_slice(if cxx { &set.tail_cxx } else { &set.tail_c });
        if linking && !invocation.asks_linker {
            words.extend(set.library_folders.iter().map(|folder| format!("-L{folder}")));
            if !invocation.relocatable {
                if let Some(script) = &set.private_symbols
                    && !given.iter().any(|arg| arg.starts_with("--version-script "))
                {
                    words.push(format!("-Wl,--version-script={script}"));
                }
                words.extend_from_slice(&set.link_tail);
                let alone = ["-nostdlib", "-nodefaultlibs", "-nolibc"];
                if invocation.shared && !given.iter().any(|arg| alone.contains(&arg.as_str())) {
                    words.extend_from_slice(&set.shared_tail);
                }
            }
            words.extend(set.default_words(Step::Link, Place::Last, &given));
        }
        Ok(Translated { words, dropped, scratch })
    }

    /// The command of a link that lld makes without the clang driver, when there is a kit and it can.
    fn direct(
        &self,
        args: &[Arg],
        given: &[String],
        invocation: &Invocation,
        language: Language,
    ) -> Result<Option<Vec<String>>> {
        let set = self.toolset;
        let Some(kit) = set.kit.as_ref().filter(|_| invocation.kind == Kind::Link) else { return Ok(None) };
        let target: Target = kit.target.parse()?;
        let kit = KitPaths::new(&kit.root);
        if language == Language::Cxx && !invocation.relocatable && !kit.cxx(&target).is_dir() {
            return Err(Error::new(Code::Linker, NO_CXX_RUNTIME));
        }
        if invocation.reads_source() {
            return Ok(None);
        }
        let mut args = args.to_vec();
        args.extend(command::parse(set.default_words(Step::Link, Place::Last, given))?);
        let Some(mut direct) = direct::plan(&args) else { return Ok(None) };
        direct.inputs.extend(set.library_folders.iter().map(|folder| format!("-L{folder}")));
        let link = clang::Link {
            output: direct.output,
            language,
            start_files: direct.start_files,
            default_libraries: direct.default_libraries,
            own_version_script: direct.own_version_script,
            inputs: &direct.inputs,
        };
        // Program and `ld.lld`; the emulation behind them is in the link's own words.
        let command = set.ld.iter().take(2).cloned();
        Ok(Some(command.chain(clang::lld(&target, &kit, &link)).collect()))
    }

    /// C++ when called so, when a source is, when libc++ is asked for, or when an object needs it.
    fn language(&self, args: &[Arg], invocation: &Invocation, called_as: Language) -> Language {
        if called_as == Language::Cxx || invocation.has_cxx() {
            return Language::Cxx;
        }
        if invocation.kind != Kind::Link || invocation.relocatable {
            return called_as;
        }
        let asked =
            args.iter().filter_map(|arg| arg.value_of("-l")).any(|name| name == "stdc++" || name == "c++");
        let needs = || invocation.objects.iter().any(|path| cxx_objects::needs_runtime(&self.cwd.join(path)));
        let archives = || named_libraries(args).any(|name| self.driver.cxx_archives.contains(&name));
        if asked || needs() || archives() { Language::Cxx } else { called_as }
    }

    /// What the static archives among `args` need besides: packages name a library as if it were a
    /// shared one. Nothing that comes out of an archive is exported.
    fn add_archives(&self, args: &mut Vec<Arg>) {
        let mut more: Vec<String> = Vec::new();
        for name in named_libraries(args) {
            for need in self.driver.archive_needs.get(&name).into_iter().flatten() {
                if !more.contains(need) {
                    more.push(need.clone());
                }
            }
        }
        args.extend(more.into_iter().map(|name| Arg::Pair("-l".to_owned(), name, Joint::Joined)));
        // `zig cc` does not know the option.
        if !self.driver.private_archives.is_empty() && self.toolset.dialect != Dialect::Zig {
            let list = self.driver.private_archives.join(":");
            args.push(Arg::Linker(LinkerArg::from_canonical(&format!("--exclude-libs {list}"))));
        }
    }

    /// True for `--target=…` and the like, which only the driver decides.
    ///
    /// cc-rs and others pass the triple of their own toolchain; it must mean the same machine.
    fn is_target_option(&self, arg: &Arg) -> Result<bool> {
        let triple = match arg {
            Arg::Pair(name, value, _) if matches!(name.as_str(), "-target" | "--target" | "-arch") => value,
            Arg::Flag(flag) => match flag.strip_prefix("--target=") {
                Some(triple) => triple,
                None => return Ok(false),
            },
            _ => return Ok(false),
        };
        let machine = triple.split('-').next().unwrap_or_default();
        if Arch::find(machine).is_some_and(|arch| arch.machine == self.toolset.machine) {
            return Ok(true);
        }
        Err(Error::new(
            Code::Compiler,
            format!("the package compiles for `{triple}`, the target is `{}`", self.toolset.name),
        ))
    }
}

/// The libraries that a link names: after `-l`, or as the file of an archive.
fn named_libraries(args: &[Arg]) -> impl Iterator<Item = String> + '_ {
    args.iter().filter_map(|arg| match arg {
        Arg::Input(path) => {
            let file = path.rsplit('/').next().unwrap_or(path);
            file.strip_prefix("lib")?.strip_suffix(".a").map(str::to_owned)
        }
        _ => {
            let name = arg.value_of("-l")?;
            Some(match name.strip_prefix(":lib").and_then(|file| file.strip_suffix(".a")) {
                Some(plain) => plain.to_owned(),
                None => name.to_owned(),
            })
        }
    })
}

fn refusal(level: Level, spelt: &str, reason: &str) -> Error {
    match level {
        Level::Compiler => {
            Error::new(Code::Compiler, format!("unrecognized command-line option `{spelt}`")).cause(reason)
        }
        Level::Linker => Error::new(Code::Linker, format!("unrecognized option `{spelt}`")).cause(reason),
    }
}

/// C sources stay C when the C++ compiler must run for the others' sake.
fn keep_c_as_c(args: &mut Vec<Arg>, invocation: &Invocation) {
    let is_c = |path: &str| {
        invocation.sources.iter().any(|(source, language)| source == path && *language == Some(Language::C))
    };
    if args.iter().any(|arg| matches!(arg, Arg::Pair(name, ..) if name == "-x")) {
        return;
    }
    let language = |name: &str| Arg::Pair("-x".to_owned(), name.to_owned(), Joint::Separate);
    *args = args
        .drain(..)
        .flat_map(|arg| match &arg {
            Arg::Input(path) if is_c(path) => vec![language("c"), arg, language("none")],
            _ => vec![arg],
        })
        .collect();
}

/// `zig cc` renames its result over the output: `/dev/null` would be replaced by a file. It also has no
/// `-fsyntax-only`. Both get a temporary file instead.
fn zig_output(args: &mut Vec<Arg>, invocation: &Invocation) -> Result<Option<tempfile::TempPath>> {
    let syntax_only = args.iter().any(|arg| arg.is("-fsyntax-only"));
    let discarded = invocation.output.as_deref() == Some("/dev/null");
    if !syntax_only && !discarded || !matches!(invocation.kind, Kind::Compile | Kind::Link) {
        return Ok(None);
    }
    let file = tempfile::Builder::new()
        .suffix(".o")
        .tempfile()
        .map_err(|error| Error::io("make a file in", &std::env::temp_dir(), &error))?
        .into_temp_path();
    args.retain(|arg| !arg.is("-fsyntax-only") && arg.value_of("-o").is_none());
    if syntax_only {
        args.push(Arg::Flag("-c".to_owned()));
    }
    args.push(Arg::Pair("-o".to_owned(), file.display().to_string(), Joint::Separate));
    Ok(Some(file))
}
