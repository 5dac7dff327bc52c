//! `toolchain list|fetch|kit`.

use crate::cache::Cache;
use crate::cli::typed::ToolchainAction;
use crate::cli::{Context, interrupt, print, print_json, print_path, ready, terminal};
use crate::index::Index;
use crate::report::Result;
use crate::target::Target;
use crate::toolchain::tools::Tools;
use crate::toolchain::{bundle, kit};

pub fn run(action: &ToolchainAction, context: &Context) -> Result<()> {
    let found = ready::configuration(&context.global)?;
    let cache = Cache::open(&ready::cache_dir(&context.global, &found.config)?)?;
    let offline = context.global.offline || found.config.offline.unwrap_or(false);
    let index = Index::of_process(offline, context.report.clone());
    let tools = Tools { cache: &cache, index: &index, report: &context.report };
    match action {
        ToolchainAction::List => list(&tools, context),
        ToolchainAction::Fetch { tools: names, wheels: Some(folder), host } => {
            interrupt()?;
            let wheels = tools.wheels(names, host.as_deref(), folder)?;
            if context.global.json {
                return print_json(&serde_json::json!({ "version": 1, "wheels": wheels }));
            }
            wheels.iter().try_for_each(|wheel| print(&wheel.display().to_string()))
        }
        ToolchainAction::Fetch { tools: names, .. } => {
            interrupt()?;
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let fetched = tools.fetch(&names)?;
            if context.global.json {
                let all: Vec<_> = fetched
                    .iter()
                    .map(|tool| serde_json::json!({ "name": tool.name, "version": tool.version, "path": tool.program }))
                    .collect();
                return print_json(&serde_json::json!({ "version": 1, "tools": all }));
            }
            fetched.iter().try_for_each(|tool| print(&tool.program.display().to_string()))
        }
        ToolchainAction::Kit { target, cxx, zig, output } => {
            let target: Target = target.parse()?;
            interrupt()?;
            let zig = tools.zig(ready::zig(zig.as_ref(), &found.config, &tools)?.as_deref())?;
            let paths = kit::ensure(&zig, &target, *cxx, &cache.folder("kits")?, None, &context.report)?;
            if let Some(output) = output {
                bundle::write(&zig, &paths, &target, *cxx, output)?;
            }
            if context.global.json {
                let value = serde_json::json!({
                    "version": 1, "target": target, "path": paths.root, "key": kit::key(&zig).to_string(),
                });
                return print_json(&value);
            }
            print_path(context, output.as_ref().unwrap_or(&paths.root))
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
