//! The command line: words → [`typed`] → [`ready`] → one function per verb; exit codes.
//!
//! This is the only place that prints. Standard output is data, standard error is for people.

mod caches;
mod events;
mod group;
mod hermetic;
mod image_page;
mod output;
mod prefilled;
mod ready;
mod run_page;
mod terminal;
mod typed;
mod verb;
mod words;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::process::{self, Interrupt};
use crate::report::{self, Code, Error, Event, Report, Result, Sink};
pub use output::schemas;
use output::{ErrorOutput, FailureOutput, VERSION};
use terminal::Terminal;
use typed::{Color, Global, Typed, Verb};

/// What every verb is handed.
pub(crate) struct Context {
    pub global: Global,
    pub report: Report,
    pub terminal: Arc<Terminal>,
}

/// Runs the program with its arguments and says how it ended.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Until the flags are read, errors are shown as without any.
    let plain = || Terminal::new(0, 0, Color::Auto);
    let words: Vec<OsString> = words.into_iter().collect();
    let asked = words.clone();
    let words = match words::expand(words) {
        Ok(words) => words,
        Err(error) => return fail(&plain(), false, &error),
    };
    let typed = match Typed::try_parse_from(words) {
        Ok(typed) => typed,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(
                if error.use_stderr() { report::ExitCode::Usage } else { report::ExitCode::Ok }.number(),
            );
        }
    };
    let mut global = typed.global;
    let scratch = match global.hermetic.then(|| hermetic::enter(&mut global, &asked)).transpose() {
        Ok(scratch) => scratch,
        Err(error) => return fail(&plain(), global.json, &error),
    };
    let color = global.color.unwrap_or(Color::Auto);
    let terminal = Arc::new(Terminal::new(global.verbose, global.quiet, color));
    let json = global.json;
    let report = match sinks(&global, terminal.clone()) {
        Ok(report) => report,
        Err(error) => return fail(&terminal, json, &error),
    };
    let context = Context { global, report, terminal: terminal.clone() };
    let result = dispatch(typed.verb, &context);
    drop(scratch);
    match result {
        // What failed after Ctrl-C failed because of it.
        Err(Failure::Error(error)) if error.code() != Code::Interrupted => {
            let error = process::check_halted().err().unwrap_or(error);
            fail(&terminal, json, &error)
        }
        Ok(()) => ExitCode::from(report::ExitCode::Ok.number()),
        Err(Failure::Shown(code)) => ExitCode::from(code.number()),
        Err(Failure::Error(error)) => fail(&terminal, json, &error),
    }
}

/// Why a verb ended badly.
pub(crate) enum Failure {
    /// To be shown.
    Error(Error),
    /// Everything was said already.
    Shown(report::ExitCode),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

fn dispatch(verb: Verb, context: &Context) -> Result<(), Failure> {
    match verb {
        Verb::Build(arguments) => verb::build::run(&arguments, context)?,
        Verb::Plan(arguments) => verb::plan::run(&arguments, context)?,
        Verb::Prefill(arguments) => verb::prefill::run(&arguments, context)?,
        Verb::Index(arguments) => verb::index::run(&arguments, context)?,
        Verb::Check(arguments) => verb::check::run(&arguments, context)?,
        Verb::Verify(arguments) => verb::verify::run(&arguments, context)?,
        Verb::Inspect(arguments) => verb::inspect::run(&arguments, context)?,
        Verb::Install(arguments) => verb::install::run(&arguments, context)?,
        Verb::Fetch(arguments) => verb::fetch::run(&arguments, context)?,
        Verb::Image(arguments) => verb::image::run(&arguments, context)?,
        Verb::Layer(arguments) => verb::layer::run(&arguments, context)?,
        Verb::Doctor => verb::doctor::run(context)?,
        Verb::Toolchain { action } => verb::toolchain::run(&action, context)?,
        Verb::Explain(arguments) => verb::explain::run(&arguments, context)?,
        Verb::Cache { action } => verb::cache::run(&action, context)?,
        Verb::Replay(arguments) => verb::replay::run(&arguments, context)?,
        Verb::Completions { shell } => verb::generate::completions(shell)?,
        Verb::Man => verb::generate::man()?,
    }
    Ok(())
}

fn sinks(global: &Global, terminal: Arc<Terminal>) -> Result<Report> {
    struct Both(Arc<Terminal>, Option<events::EventFile>);
    impl Sink for Both {
        fn event(&self, event: &Event) {
            self.0.event(event);
            if let Some(file) = &self.1 {
                file.event(event);
            }
        }
    }
    let file = global.events.as_deref().map(events::EventFile::open).transpose()?;
    Ok(Report::new(Both(terminal, file)))
}

fn fail(terminal: &Terminal, json: bool, error: &Error) -> ExitCode {
    terminal.error(error);
    if json {
        // A closed standard output leaves the exit code to tell.
        let _ = print_json(&FailureOutput { version: VERSION, error: ErrorOutput::from(error) });
    }
    ExitCode::from(error.code().exit().number())
}

/// The flag that Ctrl-C and a termination signal set. A second signal ends the process at once.
pub(crate) fn interrupt() -> Result<Interrupt> {
    let interrupt = Interrupt::new()?;
    let flag = interrupt.clone();
    ctrlc::set_handler(move || {
        if flag.is_set() {
            std::process::exit(report::ExitCode::Interrupted.number().into());
        }
        flag.set();
        process::halt();
    })
    .map_err(|e| Error::bug(format!("the handler of Ctrl-C: {e}")))?;
    Ok(interrupt)
}

/// Has Ctrl-C and a termination signal end the work where it next looks for them. What does not look for
/// some seconds, waiting for a server, is left alone and ends with the process.
pub(crate) fn end_on_interrupt() -> Result<()> {
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
    fn end() -> ! {
        std::process::exit(report::ExitCode::Interrupted.number().into())
    }
    let is_first = std::sync::atomic::AtomicBool::new(true);
    ctrlc::set_handler(move || {
        if !is_first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            end();
        }
        process::halt();
        std::thread::spawn(move || {
            std::thread::sleep(PATIENCE);
            end();
        });
    })
    .map_err(|e| Error::bug(format!("the handler of Ctrl-C: {e}")))
}

/// Writes a line of data to standard output. A closed pipe ends the program quietly.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(Code::Interrupted, "standard output was closed"))
        }
        Err(error) => Err(Error::new(Code::Io, "cannot write to standard output").cause(error.to_string())),
        Ok(()) => Ok(()),
    }
}

/// Writes the path of what was made to standard output, unless a build system asked: it named the path.
pub(crate) fn print_path(context: &Context, path: &std::path::Path) -> Result<()> {
    if context.global.hermetic { Ok(()) } else { print(&path.display().to_string()) }
}

/// Writes `value` to standard output as indented JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::bug(format!("JSON output: {e}")))?;
    print(&text)
}
