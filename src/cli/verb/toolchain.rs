//! `toolchain list|fetch|kit`.

use crate::cache::Cache;
use crate::cli::typed::ToolchainAction;
use crate::cli::{Context, print, print_json, ready, terminal};
use crate::index::Index;
use crate::report::Result;
use crate::target::Target;
use crate::toolchain::tools::Tools;
use crate::toolchain::{Zig, kit};

pub fn run(action: &ToolchainAction, context: &Context) -> Result<()> {
    let found = ready::configuration(&context.global)?;
    let cache = Cache::open(&ready::cache_dir(&context.global, &found.config)?)?;
    let offline = context.global.offline || found.config.offline.unwrap_or(false);
    let index = Index::of_process(offline, context.report.clone());
    let tools = Tools { cache: &cache, index: &index, report: &context.report };
    match action {
        ToolchainAction::List => list(&tools, context),
        ToolchainAction::Fetch => {
            let fetched = tools.fetch(&[])?;
            if context.global.json {
                let all: Vec<_> = fetched
                    .iter()
                    .map(|tool| serde_json::json!({ "name": tool.name, "version": tool.version, "path": tool.program }))
                    .collect();
                return print_json(&serde_json::json!({ "version": 1, "tools": all }));
            }
            fetched.iter().try_for_each(|tool| print(&tool.program.display().to_string()))
        }
        ToolchainAction::Kit { target, cxx, zig } => {
            let target: Target = target.parse()?;
            let zig = match zig.as_ref().or(found.config.zig.as_ref()) {
                Some(path) => Zig::named(path)?,
                None => {
                    let tool = tools.get("zig")?;
                    Zig::pinned(&tool.program, tool.version)?
                }
            };
            let paths = kit::ensure(&zig, &target, *cxx, &cache.folder("kits")?, &context.report)?;
            if context.global.json {
                let value = serde_json::json!({
                    "version": 1, "target": target, "path": paths.root, "key": kit::key(&zig).to_string(),
                });
                return print_json(&value);
            }
            print(&paths.root.display().to_string())
        }
    }
}

fn list(tools: &Tools<'_>, context: &Context) -> Result<()> {
    let all = tools.list();
    if context.global.json {
        return print_json(&serde_json::json!({ "version": 1, "tools": all }));
    }
    let mut rows = vec![["tool", "version", "package", "here", "for"].map(str::to_owned).to_vec()];
    for tool in &all {
        let here = match (&tool.program, tool.file) {
            (Some(path), _) => path.display().to_string(),
            (None, Some(_)) => "not fetched".to_owned(),
            (None, None) => "none for this machine".to_owned(),
        };
        rows.push(vec![tool.name.into(), tool.version.into(), tool.package.into(), here, tool.why.into()]);
    }
    terminal::table(&rows).iter().try_for_each(|line| print(line))
}
