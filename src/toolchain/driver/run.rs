//! One call of a driver, from the name it was called by to the exit code.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::calls::{self, Call, Kind};
use super::child::{self, Job, Outcome};
use super::command::{self, Arg};
use super::config::{Driver, Toolset};
use super::folders::Folders;
use super::invocation::Invocation;
use super::pkg_config;
use super::probe::{Probe, Surroundings};
use super::rules::Dialect;
use super::translate::Translator;
use super::{
    BUILD_CONFIG_FILE, CONFIG_FILE, Tool, archiver, linker_command, query, response, strip, symbols, system,
};
use crate::process::IN_TURN;
use crate::report::{Code, Error, Result};
use crate::target::Target;
use crate::toolchain::clang::Language;

/// Does what `tool` does, given all arguments of the process, its name first, and tells the exit code.
///
/// Errors of the driver itself are written to standard error as a compiler would write them and end
/// with exit code 1; the tool's own end with its code. A tool that died by a signal takes this process along.
pub fn run(tool: Tool, argv: Vec<OsString>) -> ExitCode {
    let name = argv.first().cloned().unwrap_or_default();
    let short =
        Path::new(&name).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let end = session(tool, &name, argv).and_then(|session| session.call());
    match end {
        Ok(End { code, signal }) => {
            if let Some(signal) = signal {
                child::die_by(signal);
            }
            ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1))
        }
        Err(error) => {
            let _ = std::io::stderr().write_all(render(&short, &error).as_bytes());
            ExitCode::FAILURE
        }
    }
}

/// An error as compilers write them: `cc: error: …`.
fn render(tool: &str, error: &Error) -> String {
    let mut text = format!("{tool}: error: {}", error.headline());
    for cause in error.causes() {
        text.push_str(": ");
        text.push_str(cause);
    }
    text.push('\n');
    for hint in error.hints() {
        text.push_str(&format!("{tool}: note: {hint}\n"));
    }
    text
}

struct End {
    code: i32,
    signal: Option<i32>,
}

/// Everything known before a tool's own work begins.
struct Session {
    tool: Tool,
    name: String,
    bin: PathBuf,
    driver: Driver,
    /// When `driver.toml` was written.
    began: Option<std::time::SystemTime>,
    cwd: PathBuf,
    argv: Vec<String>,
}

fn session(tool: Tool, name: &OsStr, argv: Vec<OsString>) -> Result<Session> {
    let bin = folder_of(name)?;
    let mut file =
        std::env::var_os("WHEELBUILD_DRIVER_CONFIG").map_or_else(|| bin.join(CONFIG_FILE), PathBuf::from);
    if tool.is_for_build_machine() {
        file.set_file_name(BUILD_CONFIG_FILE);
    }
    let mut driver = Driver::read(&file)?;
    if let Some(log) = std::env::var_os("WHEELBUILD_DRIVER_LOG") {
        driver.log = Some(PathBuf::from(log));
    }
    let argv = argv
        .into_iter()
        .skip(1)
        .map(|word| {
            word.into_string().map_err(|word| {
                Error::new(Code::Compiler, format!("the argument `{}` is not UTF-8", word.to_string_lossy()))
            })
        })
        .collect::<Result<_>>()?;
    Ok(Session {
        tool,
        name: name.to_string_lossy().into_owned(),
        bin,
        driver,
        began: std::fs::metadata(&file).and_then(|metadata| metadata.modified()).ok(),
        cwd: std::env::current_dir().map_err(|error| Error::io("read", Path::new("."), &error))?,
        argv,
    })
}

/// The folder of the link that was called. Links are not followed.
fn folder_of(name: &OsStr) -> Result<PathBuf> {
    let path = Path::new(name);
    if name.as_encoded_bytes().contains(&b'/') {
        return Ok(path.parent().unwrap_or(Path::new("/")).to_owned());
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).find(|folder| folder.join(path).is_file()).ok_or_else(|| {
        Error::new(Code::Config, format!("called as `{}`, which PATH does not lead to", path.display()))
    })
}

impl Session {
    fn call(self) -> Result<End> {
        match self.tool {
            Tool::Cc => self.compiler(Language::C, self.argv.clone()),
            Tool::Cxx => self.compiler(Language::Cxx, self.argv.clone()),
            Tool::Cpp => self.compiler(Language::C, with(&["-E"], &self.argv)),
            Tool::As => self.compiler(Language::C, assembler(&self.argv)),
            Tool::BuildCc => self.compiler(Language::C, self.argv.clone()),
            Tool::BuildCxx => self.compiler(Language::Cxx, self.argv.clone()),
            Tool::Ld => self.linker(),
            Tool::Lld => {
                self.plain(&self.driver.tools.ld[..2.min(self.driver.tools.ld.len())], self.argv.clone())
            }
            Tool::Ar => self.logged(&self.driver.tools.ar, archiver::ar(self.argv.clone())),
            Tool::BuildAr => self.logged(&self.driver.tools.ar, archiver::ar(self.argv.clone())),
            Tool::Ranlib => self.logged(&self.driver.tools.ranlib, archiver::ranlib(self.argv.clone())),
            Tool::Nm => self.own(symbols::nm),
            Tool::Strip => self.own(strip::strip),
            Tool::Objcopy => self.own(strip::objcopy),
            Tool::PkgConfig => self.pkg_config(),
            Tool::LibraryConfig => self.library_config(),
            Tool::System => self.system(),
            Tool::InTurn => self.in_turn(),
        }
    }

    fn toolset(&self) -> &Toolset {
        &self.driver.tools
    }

    fn compiler(&self, called_as: Language, argv: Vec<String>) -> Result<End> {
        let mut call = self.new_call();
        match self.compile(called_as, argv, &mut call) {
            Ok(end) => Ok(end),
            Err(error) => self.failed(call, error),
        }
    }

    fn compile(&self, called_as: Language, argv: Vec<String>, call: &mut Call) -> Result<End> {
        let set = self.toolset();
        let args = command::parse(response::expand(argv)?)?;
        let invocation = Invocation::of(&args, called_as);
        call.kind = invocation.kind;
        (call.sources, call.objects) = invocation.files(&self.cwd);
        call.output = invocation.made(&self.cwd);
        call.shared = invocation.kind == Kind::Link && invocation.shared;
        call.probe = self.probe(call);
        if invocation.kind == Kind::Query && !invocation.asks_linker {
            return self.question(called_as, args, call);
        }
        if invocation.asks_linker && set.dialect == Dialect::Zig {
            // zig answers `zig ld`, which meson takes for no linker at all.
            call.ran.clone_from(&set.ld);
            call.ran.extend(args.iter().flat_map(|arg| match arg {
                Arg::Linker(arg) => arg.words(),
                _ => Vec::new(),
            }));
            return self.finish(call, true);
        }
        let translator = Translator {
            driver: &self.driver,
            toolset: set,
            cwd: &self.cwd,
            cross: !self.tool.is_for_build_machine(),
        };
        let translated = translator.compiler(args, &invocation, called_as, call.probe != Probe::No)?;
        call.ran = translated.words;
        call.dropped = translated.dropped;
        let end = self.finish(call, true);
        drop(translated.scratch);
        end
    }

    /// A call without inputs.
    fn question(&self, called_as: Language, args: Vec<Arg>, call: &mut Call) -> Result<End> {
        let set = self.toolset();
        if let Some(text) = query::answer(set, &args, &self.bin) {
            // A closed pipe means that nobody wants the answer.
            let _ = writeln!(std::io::stdout(), "{text}");
            return self.log(call).map(|()| End { code: 0, signal: None });
        }
        let command = if called_as == Language::Cxx { &set.cxx } else { &set.cc };
        call.ran = query::words(set, command);
        call.ran.extend(command::words(&args));
        self.finish(call, true)
    }

    /// The linker, called by a package itself.
    fn linker(&self) -> Result<End> {
        let set = self.toolset();
        let mut call = self.new_call();
        call.kind = Kind::Link;
        let translator = Translator { driver: &self.driver, toolset: set, cwd: &self.cwd, cross: true };
        let run = |call: &mut Call| -> Result<End> {
            let args = linker_command::linker_args(response::expand(self.argv.clone())?);
            call.shared = args.iter().any(|arg| matches!(arg.name.as_str(), "-shared" | "--shared"));
            let output = args.iter().find(|arg| matches!(arg.name.as_str(), "-o" | "--output"));
            call.output = output.and_then(|arg| arg.value.as_ref()).map(|path| self.cwd.join(path));
            call.objects = args
                .iter()
                .filter(|arg| !arg.name.starts_with('-'))
                .map(|arg| self.cwd.join(&arg.name))
                .collect();
            if call.objects.is_empty() {
                // Nothing to link: build systems ask so what the linker takes.
                call.kind = Kind::Query;
            }
            let relocatable = args.iter().any(|arg| arg.name == "-r" || arg.name == "--relocatable");
            let (words, dropped) = translator.filter_linker(args)?;
            call.dropped = dropped;
            call.ran.clone_from(&set.ld);
            call.ran.extend(words);
            if !relocatable {
                call.ran.extend(set.library_folders.iter().map(|folder| format!("-L{folder}")));
                call.ran.extend_from_slice(&set.ld_tail);
            }
            self.finish(call, true)
        };
        match run(&mut call) {
            Ok(end) => Ok(end),
            Err(error) => self.failed(call, error),
        }
    }

    fn pkg_config(&self) -> Result<End> {
        let path = std::env::var("PKG_CONFIG_PATH").ok();
        self.answered(pkg_config::answer(&self.driver, &self.cwd, path.as_deref(), &self.argv))
    }

    /// The configuration program of one library.
    fn library_config(&self) -> Result<End> {
        let name = self.name.rsplit('/').next().unwrap_or(&self.name);
        let programs = pkg_config::PROGRAMS.iter().map(|(program, _)| *program);
        // A triple may stand in front.
        let name = programs.filter(|program| name.ends_with(program)).max_by_key(|program| program.len());
        self.answered(pkg_config::program(&self.driver, name.unwrap_or_default(), &self.argv))
    }

    /// A program that tells what the machine is.
    fn system(&self) -> Result<End> {
        let name = self.name.rsplit('/').next().unwrap_or(&self.name);
        // A triple may stand in front of python's.
        let name =
            name.rfind("-python").filter(|_| name.ends_with("-config")).map_or(name, |at| &name[at + 1..]);
        let mut call = self.new_call();
        let target: Target = self.toolset().name.parse()?;
        let Some(said) = system::answer(name, &target, &self.argv)? else {
            let mut command = system::real(name, &self.bin, &self.argv)?;
            self.log(&call)?;
            let error = std::os::unix::process::CommandExt::exec(&mut command);
            return Err(Error::new(Code::Compiler, format!("cannot run `{name}`")).cause(error.to_string()));
        };
        // A closed pipe means that nobody wants the answer.
        let _ = match said.code {
            0 => writeln!(std::io::stdout(), "{}", said.text),
            _ => writeln!(std::io::stderr(), "{}", said.text),
        };
        call.code = said.code;
        self.log(&call).map(|()| End { code: said.code, signal: None })
    }

    /// Becomes the program that the arguments name, once it is its turn.
    fn in_turn(&self) -> Result<End> {
        let Some((program, args)) = self.argv.split_first() else {
            return Err(Error::new(Code::Usage, "a program to run is wanted"));
        };
        let mut command = std::process::Command::new(program);
        command.args(args);
        if let Some(turn) = child::take_turn(self.driver.turns.as_deref()) {
            command.env(IN_TURN, "1");
            turn.leave_to_program();
        }
        let error = std::os::unix::process::CommandExt::exec(&mut command);
        Err(Error::new(Code::Compiler, format!("cannot run `{program}`")).cause(error.to_string()))
    }

    fn answered(&self, answer: pkg_config::Answer) -> Result<End> {
        // A closed pipe means that nobody wants the answer.
        let _ = std::io::stdout().write_all(answer.stdout.as_bytes());
        let _ = std::io::stderr().write_all(answer.stderr.as_bytes());
        let mut call = self.new_call();
        call.code = answer.code;
        call.stderr = child::lines(answer.stderr.as_bytes());
        self.log(&call).map(|()| End { code: answer.code, signal: None })
    }

    /// A tool that is part of this program.
    fn own(&self, tool: fn(&Path, &[String], &mut dyn Write) -> Result<()>) -> Result<End> {
        let call = self.new_call();
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        let done = response::expand(self.argv.clone()).and_then(|argv| tool(&self.cwd, &argv, &mut out));
        let _ = out.flush();
        match done {
            Ok(()) => self.log(&call).map(|()| End { code: 0, signal: None }),
            Err(error) => self.failed(call, error),
        }
    }

    fn logged(&self, command: &[String], args: Vec<String>) -> Result<End> {
        let mut call = self.new_call();
        call.ran = command.to_vec();
        call.ran.extend(args);
        self.finish(&mut call, false)
    }

    /// Runs a tool whose call is another's part and not logged.
    fn plain(&self, command: &[String], args: Vec<String>) -> Result<End> {
        let words: Vec<String> = command.iter().cloned().chain(args).collect();
        let outcome = self.run_tool(&words, &[], true)?;
        Ok(End { code: outcome.code, signal: outcome.signal })
    }

    fn finish(&self, call: &mut Call, response_files: bool) -> Result<End> {
        let outcome = self.run_tool(&call.ran, &self.compiler_env(), response_files)?;
        self.ended(call, outcome)
    }

    fn run_tool(
        &self,
        words: &[String],
        env: &[(String, Option<String>)],
        response_files: bool,
    ) -> Result<Outcome> {
        let turns = self.driver.turns.as_deref();
        child::run(&Job { words, own_folder: &self.bin, env, response_files, turns })
    }

    fn ended(&self, call: &mut Call, outcome: Outcome) -> Result<End> {
        call.code = outcome.code;
        call.ms = u64::try_from(outcome.elapsed.as_millis()).unwrap_or(u64::MAX);
        call.stderr = outcome.stderr;
        self.log(call)?;
        Ok(End { code: outcome.code, signal: outcome.signal })
    }

    /// Logs a call that ended before a tool ran, and passes the error on.
    fn failed(&self, mut call: Call, error: Error) -> Result<End> {
        call.code = 1;
        call.stderr = child::lines(render(&call.tool, &error).as_bytes());
        self.log(&call)?;
        Err(error)
    }

    fn log(&self, call: &Call) -> Result<()> {
        match &self.driver.log {
            Some(folder) => calls::append(folder, call),
            None => Ok(()),
        }
    }

    fn new_call(&self) -> Call {
        let tool = Path::new(&self.name)
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Call {
            tool,
            target: self.toolset().name.clone(),
            cwd: self.cwd.clone(),
            argv: self.argv.clone(),
            ..Call::default()
        }
    }

    /// A call is as much a probe as the surest of its sources.
    fn probe(&self, call: &Call) -> Probe {
        let surroundings = Surroundings {
            marks: &self.driver.probe,
            source_tree: self.driver.source.as_deref(),
            began: self.began,
        };
        let output = call.output.as_deref();
        let sources = call.sources.iter().map(|source| surroundings.judge(source, output));
        let objects = call.objects.iter().map(|object| surroundings.judge_object(object, output));
        if call.sources.is_empty() { objects.max() } else { sources.max() }.unwrap_or(Probe::No)
    }

    /// Variables of a compiler: its private cache, the clock, and no folders of the build machine.
    fn compiler_env(&self) -> Vec<(String, Option<String>)> {
        let mut env = Vec::new();
        if let Some(cache) = &self.driver.zig_cache
            && self.toolset().dialect == Dialect::Zig
        {
            let cache = cache.display().to_string();
            env.push(("ZIG_GLOBAL_CACHE_DIR".to_owned(), Some(cache.clone())));
            env.push(("ZIG_LOCAL_CACHE_DIR".to_owned(), Some(cache)));
        }
        if let Some(epoch) = self.driver.source_date_epoch {
            env.push(("SOURCE_DATE_EPOCH".to_owned(), Some(epoch.to_string())));
        }
        if self.toolset().dialect != Dialect::Kit
            && let Some(path) = std::env::var_os("PATH")
        {
            // gcc looks there for its assembler and linker, which ours are not.
            let others = std::env::split_paths(&path).filter(|folder| *folder != self.bin);
            let others = std::env::join_paths(others).unwrap_or_default();
            env.push(("PATH".to_owned(), Some(others.to_string_lossy().into_owned())));
        }
        if !self.tool.is_for_build_machine() {
            let folders = Folders::new(&self.driver, &self.cwd);
            for name in [
                "CPATH",
                "C_INCLUDE_PATH",
                "CPLUS_INCLUDE_PATH",
                "LIBRARY_PATH",
                "LD_RUN_PATH",
                "COMPILER_PATH",
            ] {
                if let Ok(list) = std::env::var(name) {
                    env.push((name.to_owned(), folders.filter_list(&list)));
                }
            }
        }
        env
    }
}

fn with(first: &[&str], rest: &[String]) -> Vec<String> {
    first.iter().map(|word| (*word).to_owned()).chain(rest.iter().cloned()).collect()
}

/// The compiler's arguments for a call of `as`.
fn assembler(argv: &[String]) -> Vec<String> {
    with(&["-c", "-x", "assembler"], argv)
}
