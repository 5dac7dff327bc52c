//! `explain CODE|WHEEL`: what an error means, or what a wheel's bytes depend on.

use std::path::Path;

use crate::cache::{Cache, Digest, KeyParts};
use crate::cli::output::{ChangeOutput, KeyOutput, VERSION};
use crate::cli::typed::Explain;
use crate::cli::{Context, print, print_json, ready};
use crate::report::{Code, Error, Result};

pub fn run(arguments: &Explain, context: &Context) -> Result<()> {
    let path = Path::new(&arguments.subject);
    if path.is_file() {
        return wheel(path, context);
    }
    match Code::parse(&arguments.subject) {
        Some(code) => explain_code(code, context),
        None => {
            let near = Code::ALL.iter().map(|code| code.to_string()).min_by_key(|code| {
                strsim::damerau_levenshtein(code, &arguments.subject.to_ascii_uppercase())
            });
            Err(Error::new(
                Code::Usage,
                format!("`{}` is neither an error code nor a file", arguments.subject),
            )
            .hint(format!("did you mean `{}`?", near.unwrap_or_default())))
        }
    }
}

fn explain_code(code: Code, context: &Context) -> Result<()> {
    if context.global.json {
        return print_json(&serde_json::json!({
            "version": 1, "code": code.to_string(), "title": code.title(),
            "explanation": code.explanation(), "exit": code.exit().number(),
        }));
    }
    print(&format!("{code}: {} (exit code {})\n\n{}", code.title(), code.exit().number(), code.explanation()))
}

/// Prints the parts of the key the wheel was stored under, and what differs from the build of the
/// same sdist before it.
fn wheel(path: &Path, context: &Context) -> Result<()> {
    let found = ready::configuration(&context.global)?;
    let cache = Cache::open(&ready::cache_dir(&context.global, &found.config)?)?;
    let digest = Digest::of_file(path)?;
    let results = cache.results()?;
    let position = results.iter().position(|entry| entry.wheel == digest).ok_or_else(|| {
        Error::new(Code::InputNotFound, format!("`{}` was not built with this cache", path.display()))
            .hint("name the cache it was built with by `--cache-dir DIR`")
    })?;
    let entry = &results[position];
    let sdist = |parts: &KeyParts| parts.get("sdist").map(str::to_owned);
    let before = results[position + 1..].iter().find(|other| sdist(&other.parts) == sdist(&entry.parts));
    let differences = before.map(|before| entry.parts.differences(&before.parts));
    if context.global.json {
        let change = |(name, old, new): &(&str, Option<&str>, Option<&str>)| ChangeOutput {
            part: (*name).to_owned(),
            before: old.map(str::to_owned),
            now: new.map(str::to_owned),
        };
        return print_json(&KeyOutput {
            version: VERSION,
            wheel: entry.file.clone(),
            sha256: digest.to_string(),
            key: entry.parts.key().to_string(),
            parts: entry.parts.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            changed: differences.map(|all| all.iter().map(change).collect()),
        });
    }
    print(&format!("{}\nkey {}", entry.file, entry.parts.key()))?;
    for (name, value) in entry.parts.iter() {
        print(&format!("  {name}: {value}"))?;
    }
    match differences {
        None => print("no other build of this sdist is in the cache"),
        Some(all) if all.is_empty() => print("the build before it had the same key"),
        Some(all) => {
            print("different from the build before it:")?;
            for (name, old, new) in all {
                print(&format!("  {name}: {} → {}", old.unwrap_or("(none)"), new.unwrap_or("(none)")))?;
            }
            Ok(())
        }
    }
}
