//! Tries to escape: each attempt of attempts.toml in each isolation.
//!
//! In namespaces every attempt is held. The same attempt without isolation succeeds, which shows
//! that it is a real one; what Landlock holds is as docs/security.md says.
#![cfg(target_os = "linux")]

mod runs;
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use wheelbuild::process::{Isolation, Limit, available};
use world::{World, use_supervisor};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    attempt: Vec<Attempt>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attempt {
    name: String,
    what: String,
    landlock: Expected,
    none: Expected,
    limit: Option<Limit>,
    script: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
enum Expected {
    #[serde(rename = "held")]
    Held,
    #[serde(rename = "escapes")]
    Escapes,
    #[serde(rename = "escapes as root")]
    EscapesAsRoot,
    #[serde(rename = "depends")]
    Depends,
    #[serde(rename = "not tried")]
    NotTried,
}

impl Expected {
    const fn text(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Escapes => "escapes",
            Self::EscapesAsRoot => "escapes as root",
            Self::Depends => "depends",
            Self::NotTried => "not tried",
        }
    }
}

fn attempts() -> Vec<Attempt> {
    toml::from_str::<Table>(include_str!("attempts.toml")).unwrap().attempt
}

/// Whether `isolation` works here; says SKIP otherwise.
fn works(isolation: Isolation) -> bool {
    use_supervisor();
    match available().find(|(each, _)| *each == isolation).unwrap() {
        (_, Ok(())) => true,
        (_, Err(why)) => {
            println!("SKIP: no isolation `{isolation}` on this machine: {why}");
            false
        }
    }
}

/// Makes every attempt in `isolation`. Gives the names of those that escaped; those that were held
/// in another way than they must be, or harmed the world, count too.
fn escaped(isolation: Isolation, chosen: impl Fn(&Attempt) -> bool) -> BTreeSet<String> {
    let mut world = World::new();
    let mut escaped = BTreeSet::new();
    for attempt in attempts().iter().filter(|attempt| chosen(attempt)) {
        let mut limits = World::limits();
        if attempt.limit == Some(Limit::Time) {
            limits.time = Duration::from_secs(2);
        }
        let (outcome, printed, source) = world.attempt(isolation, &limits, &attempt.script);
        let last = printed.lines().rfind(|line| line.starts_with("ESCAPED") || line.starts_with("HELD"));
        let mut verdict = match (outcome.limit_hit, last) {
            (Some(limit), _) => format!("held by the limit of {limit:?}"),
            (None, Some(line)) => line.to_owned(),
            (None, None) => format!("ESCAPED? {printed}"),
        };
        // Another limit than the expected one may hold it too, but not by waiting for it.
        let ended_rightly = match attempt.limit {
            Some(limit) => outcome.limit_hit == Some(limit),
            None => outcome.limit_hit != Some(Limit::Time),
        };
        if !ended_rightly {
            verdict = format!("ESCAPED the limit of {:?}: {verdict}", attempt.limit);
        }
        let size = || std::fs::metadata(source.path().join("alive")).map_or(0, |file| file.len());
        if attempt.name == "outlive" {
            let before = size();
            assert!(before > 0, "the daemon never ran: {printed}");
            // It writes every 10 ms.
            std::thread::sleep(Duration::from_millis(200));
            if size() > before {
                verdict = "ESCAPED: the daemon still runs".to_owned();
            }
        }
        println!("{isolation:10} {:20} {:5} ms  {verdict}", attempt.name, outcome.elapsed.as_millis());
        if verdict.starts_with("ESCAPED") {
            escaped.insert(attempt.name.clone());
        }
        if isolation == Isolation::Namespaces {
            world.assert_unharmed();
        }
    }
    escaped
}

fn expected(of: impl Fn(&Attempt) -> Expected, wanted: &[Expected]) -> BTreeSet<String> {
    attempts()
        .iter()
        .filter(|attempt| wanted.contains(&of(attempt)))
        .map(|attempt| attempt.name.clone())
        .collect()
}

#[test]
fn namespaces_hold_every_attempt() {
    assert!(attempts().len() >= 20);
    if works(Isolation::Namespaces) {
        // Among what root can do, that is the difference (`root_without_mapped_users_…`).
        let only_root = std::env::var(runs::ROLE).is_ok_and(|role| role == "kept-root");
        let chosen = |attempt: &Attempt| {
            !only_root
                || attempt.none == Expected::EscapesAsRoot
                || attempt.limit.is_some_and(|limit| limit != Limit::Time)
        };
        assert_eq!(escaped(Isolation::Namespaces, chosen), BTreeSet::new());
    }
}

#[test]
fn landlock_holds_what_the_documentation_says() {
    if works(Isolation::Landlock) {
        let mut escaped = escaped(Isolation::Landlock, |_| true);
        escaped.retain(|name| !expected(|attempt| attempt.landlock, &[Expected::Depends]).contains(name));
        // Another user than root cannot become root either way.
        let root = rustix::process::geteuid().is_root();
        let mut wanted = expected(|attempt| attempt.landlock, &[Expected::Escapes]);
        wanted.retain(|name| root || name != "become-root");
        assert_eq!(escaped, wanted);
    }
}

#[test]
fn without_isolation_the_same_attempts_succeed() {
    let root = rustix::process::geteuid().is_root();
    let mut wanted = expected(|attempt| attempt.none, &[Expected::Escapes]);
    if root {
        wanted.append(&mut expected(|attempt| attempt.none, &[Expected::EscapesAsRoot]));
    }
    let mut found = escaped(Isolation::None, |attempt| attempt.none != Expected::NotTried);
    if !root {
        let only_root = expected(|attempt| attempt.none, &[Expected::EscapesAsRoot]);
        found.retain(|name| !only_root.contains(name));
    }
    assert_eq!(found, wanted);
}

#[test]
fn the_documentation_has_every_attempt() {
    let text = include_str!("../../docs/security.md");
    for attempt in attempts() {
        let row = format!(
            "| `{}` | {} | held | {} | {} |",
            attempt.name,
            attempt.what,
            attempt.landlock.text(),
            attempt.none.text()
        );
        assert!(text.contains(&row), "docs/security.md lacks the row\n{row}");
    }
}
