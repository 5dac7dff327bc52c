//! `doctor`: what this machine offers, for people and for bug reports.

use crate::cache::Cache;
use crate::cli::{Context, print, print_json, ready, terminal};
use crate::index::Index;
use crate::process;
use crate::python::interpreter::{self, Search};
use crate::report::Result;
use crate::target::{Interpreter, PythonVersion};
use crate::toolchain::tools::Tools;

pub fn run(context: &Context) -> Result<()> {
    let found = ready::configuration(&context.global)?;
    let cache = Cache::open(&ready::cache_dir(&context.global, &found.config)?)?;
    let index = Index::of_process(true, context.report.clone());
    let tools = Tools { cache: &cache, index: &index, report: &context.report }.list();
    let search = Search::from_environment(Some(cache.folder("interpreters")?));
    let pythons: Vec<_> = PythonVersion::all()
        .filter_map(|version| {
            interpreter::find(Some(&Interpreter::Version(version)), &search, &context.report).ok()
        })
        .collect();
    let isolation: Vec<_> = process::available()
        .map(|(kind, works)| {
            serde_json::json!({ "kind": kind.name(), "works": works.is_ok(), "why": works.as_ref().err() })
        })
        .collect();
    if context.global.json {
        return print_json(&serde_json::json!({
            "version": 1,
            "wheelbuild": env!("CARGO_PKG_VERSION"),
            "recipe": env!("WHEELBUILD_RECIPE"),
            "machine": std::env::consts::ARCH,
            "system": std::env::consts::OS,
            "cores": std::thread::available_parallelism().map_or(1, usize::from),
            "cache": cache.root(),
            "configuration": found.files,
            "isolation": isolation,
            "tools": tools,
            "pythons": pythons.iter().map(|python| serde_json::json!({
                "version": python.version, "full": python.full_version, "path": python.executable,
                "headers": python.headers.is_some(),
            })).collect::<Vec<_>>(),
        }));
    }
    let mut rows = vec![
        vec![
            "wheelbuild".to_owned(),
            format!("{} (recipe {})", env!("CARGO_PKG_VERSION"), &env!("WHEELBUILD_RECIPE")[..12]),
        ],
        vec!["machine".to_owned(), format!("{} {}", std::env::consts::ARCH, std::env::consts::OS)],
        vec!["cache".to_owned(), cache.root().display().to_string()],
    ];
    for file in &found.files {
        rows.push(vec!["configuration".to_owned(), file.display().to_string()]);
    }
    for (kind, works) in process::available() {
        let state = works.as_ref().map_or_else(|why| format!("no: {why}"), |()| "works".to_owned());
        rows.push(vec![format!("isolation {}", kind.name()), state]);
    }
    for tool in &tools {
        let state = tool.program.as_ref().map_or("not fetched".to_owned(), |path| path.display().to_string());
        rows.push(vec![format!("{} {}", tool.name, tool.version), state]);
    }
    for version in PythonVersion::all() {
        let state = match pythons.iter().find(|python| python.version == version) {
            Some(python) if python.headers.is_none() => {
                format!("{} {} (no C headers)", python.full_version, python.executable.display())
            }
            Some(python) => format!("{} {}", python.full_version, python.executable.display()),
            None => "not found".to_owned(),
        };
        rows.push(vec![format!("Python {version}"), state]);
    }
    terminal::table(&rows).iter().try_for_each(|line| print(line))
}
