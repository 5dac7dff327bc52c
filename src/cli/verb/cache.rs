//! `cache info|prune`.

use std::time::Duration;

use crate::cache::Cache;
use crate::cli::typed::CacheAction;
use crate::cli::{Context, print, print_json, ready, terminal};
use crate::report::Result;

pub fn run(action: &CacheAction, context: &Context) -> Result<()> {
    let found = ready::configuration(&context.global)?;
    let cache = Cache::open(&ready::cache_dir(&context.global, &found.config)?)?;
    match action {
        CacheAction::Info => {
            let usage = cache.usage()?;
            let total: u64 = usage.iter().map(|folder| folder.size).sum();
            if context.global.json {
                return print_json(&serde_json::json!({
                    "version": 1, "path": cache.root(), "size": total, "folders": usage,
                }));
            }
            print(&cache.root().display().to_string())?;
            let mut rows: Vec<Vec<String>> = usage
                .iter()
                .map(|folder| {
                    vec![folder.folder.clone(), folder.files.to_string(), terminal::size(folder.size)]
                })
                .collect();
            rows.push(vec!["total".into(), String::new(), terminal::size(total)]);
            terminal::table(&rows).iter().try_for_each(|line| print(line))
        }
        CacheAction::Prune { older_than } => {
            let pruned = cache.prune(older_than.map(|days| Duration::from_secs(days * 24 * 60 * 60)))?;
            if context.global.json {
                return print_json(&serde_json::json!({ "version": 1, "removed": pruned }));
            }
            context.report.info(format!("removed {} files, {}", pruned.files, terminal::size(pruned.size)));
            Ok(())
        }
    }
}
