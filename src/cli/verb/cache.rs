//! `cache info|prune|push|pull|keygen`.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::cache::remote::SigningKey;
use crate::cache::{Cache, Digest};
use crate::cli::typed::{CacheAction, Caches};
use crate::cli::{Context, caches, interrupt, print, print_json, ready, terminal};
use crate::report::{Code, Error, Result};

pub fn run(action: &CacheAction, context: &Context) -> Result<()> {
    match action {
        CacheAction::Info { caches } => info(caches, context),
        CacheAction::Prune { older_than } => {
            let found = ready::configuration(&context.global)?;
            let cache = Cache::open(&ready::cache_dir(&context.global, &found.config)?)?;
            let pruned = cache.prune(older_than.map(|days| Duration::from_secs(days * 24 * 60 * 60)))?;
            if context.global.json {
                return print_json(&serde_json::json!({ "version": 1, "removed": pruned }));
            }
            context.report.info(format!("removed {} files, {}", pruned.files, terminal::size(pruned.size)));
            Ok(())
        }
        CacheAction::Push { what, caches } => push(what, caches, context),
        CacheAction::Pull { digest, outdir, caches } => pull(digest, outdir.as_deref(), caches, context),
        CacheAction::Keygen { file } => keygen(file, context),
    }
}

/// A shared cache and whether it answers.
#[derive(Serialize)]
struct Shared {
    address: String,
    writable: bool,
    answers: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

fn info(typed: &Caches, context: &Context) -> Result<()> {
    let found = ready::configuration(&context.global)?;
    let cache = caches::open(typed, context, &found.config)?;
    let usage = cache.usage()?;
    let total: u64 = usage.iter().map(|folder| folder.size).sum();
    let shared: Vec<Shared> = cache
        .remotes()
        .iter()
        .map(|remote| {
            let fault = remote.ping().err();
            Shared {
                address: remote.address().to_owned(),
                writable: remote.is_writable(),
                answers: fault.is_none(),
                fault: fault.map(|error| error.to_string()),
            }
        })
        .collect();
    if context.global.json {
        return print_json(&serde_json::json!({
            "version": 1, "path": cache.root(), "size": total, "folders": usage, "shared": shared,
        }));
    }
    print(&cache.root().display().to_string())?;
    let mut rows: Vec<Vec<String>> = usage
        .iter()
        .map(|folder| vec![folder.folder.clone(), folder.files.to_string(), terminal::size(folder.size)])
        .collect();
    rows.push(vec!["total".into(), String::new(), terminal::size(total)]);
    terminal::table(&rows).iter().try_for_each(|line| print(line))?;
    for one in shared {
        let access = if one.writable { "read and written" } else { "read" };
        let state =
            one.fault.map_or_else(|| "answers".to_owned(), |fault| format!("does not answer: {fault}"));
        print(&format!("{} ({access}): {state}", one.address))?;
    }
    Ok(())
}

fn push(what: &str, typed: &Caches, context: &Context) -> Result<()> {
    interrupt()?;
    let found = ready::configuration(&context.global)?;
    let cache = caches::open(typed, context, &found.config)?;
    let wheelhouse = (what != "all").then(|| Path::new(what));
    let (digest, moved) = cache.remotes().push(&cache, wheelhouse, &context.report)?;
    if context.global.json {
        return print_json(
            &serde_json::json!({ "version": 1, "digest": format!("sha256:{digest}"), "all": moved.all, "sent": moved.moved }),
        );
    }
    context.report.info(format!("{} files and results, {} sent", moved.all, moved.moved));
    print(&format!("sha256:{digest}"))
}

fn pull(text: &str, outdir: Option<&Path>, typed: &Caches, context: &Context) -> Result<()> {
    interrupt()?;
    let digest: Digest = text.strip_prefix("sha256:").unwrap_or(text).parse().map_err(|_| {
        Error::new(Code::Usage, format!("`{}` is no digest", text.escape_default()))
            .hint("give the line that `cache push` printed")
    })?;
    let found = ready::configuration(&context.global)?;
    let cache = caches::open(typed, context, &found.config)?;
    let moved = cache.remotes().pull(&cache, digest, outdir, &context.report)?;
    if context.global.json {
        return print_json(&serde_json::json!({ "version": 1, "all": moved.all, "received": moved.moved }));
    }
    context.report.info(format!("{} files and results, {} received", moved.all, moved.moved));
    Ok(())
}

/// Writes a new secret key, for its owner only, and prints the public one.
fn keygen(file: &Path, context: &Context) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let key = SigningKey::generate()?;
    std::fs::OpenOptions::new()
        .write(true)
        // A key that is there may be the only one that an old cache was signed with.
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut out| writeln!(out, "{}", key.to_text()))
        .map_err(|error| Error::io("write", file, &error))?;
    if context.global.json {
        return print_json(
            &serde_json::json!({ "version": 1, "public_key": key.public().to_string(), "file": file }),
        );
    }
    print(&key.public().to_string())
}
