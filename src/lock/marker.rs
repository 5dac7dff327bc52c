//! Environment markers (PEP 508), with the sets of PEP 751: `'x' in extras`, `'g' in dependency_groups`.

use std::collections::BTreeSet;
use std::str::FromStr;

use pep508_rs::{ExtraName, MarkerTree};

use super::Environment;
use crate::metadata;

/// How a group is spelled as an extra, for a library that knows extras only. No extra is named so:
/// a name holds no two dashes in a row once it is normalised.
const GROUP: &str = "wheelbuild-dependency-group-";

/// A condition on the environment and on what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    tree: MarkerTree,
    text: String,
}

impl Default for Marker {
    fn default() -> Self {
        Self::always()
    }
}

impl Marker {
    /// What always holds.
    pub fn always() -> Self {
        Self { tree: MarkerTree::TRUE, text: String::new() }
    }

    /// Reads a marker; an empty one always holds. The error is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::always());
        }
        let tree = metadata::marker(&without_sets(text))?;
        Ok(Self { tree, text: text.trim().to_owned() })
    }

    /// A condition made elsewhere.
    pub fn of_tree(tree: MarkerTree) -> Self {
        let text = tree.try_to_string().unwrap_or_default();
        Self { tree, text }
    }

    /// Whether it holds in `environment` when these extras and groups are asked for.
    pub fn holds(&self, environment: &Environment, asked: &Asked) -> bool {
        self.tree.is_true() || self.tree.evaluate(environment.markers(), &asked.0)
    }

    /// As written; empty when it always holds.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Both must hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self.tree.is_true() {
            return other;
        }
        if other.tree.is_true() {
            return self;
        }
        let mut tree = self.tree;
        tree.and(other.tree);
        Self { tree, text: format!("({}) and ({})", self.text, other.text) }
    }
}

/// The extras and groups that markers see.
#[derive(Clone, Debug, Default)]
pub struct Asked(Vec<ExtraName>);

impl Asked {
    /// Names that are none are never true in a marker, and left out.
    pub fn new(extras: &BTreeSet<String>, groups: &BTreeSet<String>) -> Self {
        let groups = groups.iter().map(|group| format!("{GROUP}{group}"));
        let names = extras.iter().cloned().chain(groups);
        Self(names.filter_map(|name| ExtraName::from_str(&name).ok()).collect())
    }
}

/// `text` with the sets of PEP 751 written as comparisons with `extra`.
fn without_sets(text: &str) -> String {
    let mut out = String::new();
    let mut pending: Vec<&str> = Vec::new();
    for token in tokens(text) {
        if is_string(token) && is_version_list(&pending) {
            pending.drain(..).for_each(|token| out.push_str(token));
            out.push_str(&token.replace(',', " "));
            continue;
        }
        let plain: Vec<&str> = pending.iter().copied().filter(|token| !token.trim().is_empty()).collect();
        match (&plain[..], token) {
            ([string, words @ ..], "extras" | "dependency_groups")
                if is_string(string) && (words == ["in"] || words == ["not", "in"]) =>
            {
                let name = &string[1..string.len() - 1];
                let prefix = if token == "extras" { "" } else { GROUP };
                let operator = if words.len() == 1 { "==" } else { "!=" };
                out.push_str(&format!("extra {operator} '{prefix}{name}'"));
                pending.clear();
            }
            _ if is_string(token) => {
                pending.drain(..).for_each(|token| out.push_str(token));
                pending.push(token);
            }
            _ => pending.push(token),
        }
    }
    pending.into_iter().for_each(|token| out.push_str(token));
    out
}

/// Whether a list of versions comes next: `python_version in`. It may hold commas, which the library
/// does not take.
fn is_version_list(before: &[&str]) -> bool {
    let words: Vec<&str> = before.iter().copied().filter(|token| !token.trim().is_empty()).collect();
    let variable = match words[..] {
        [.., variable, "not", "in"] | [.., variable, "in"] => variable,
        _ => return false,
    };
    matches!(variable, "python_version" | "python_full_version" | "implementation_version")
}

fn is_string(token: &str) -> bool {
    token.len() >= 2 && token.starts_with(['\'', '"'])
}

/// Strings with their quotes, words, and everything else character by character.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |at| at + 2),
            c if c.is_ascii_alphanumeric() || c == '_' => {
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(end);
        tokens.push(token);
        rest = after;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(marker: &str, extras: &[&str], groups: &[&str]) -> bool {
        let environment =
            Environment::new("aarch64-linux".parse().unwrap(), "3.11".parse().unwrap(), Some(7)).unwrap();
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Marker::parse(marker).unwrap().holds(&environment, &Asked::new(&set(extras), &set(groups)))
    }

    #[test]
    fn markers_of_every_writer() {
        assert!(holds("", &[], &[]));
        assert!(holds("python_version >= '3.9' and python_full_version < '3.11.8'", &[], &[]));
        assert!(!holds("platform_machine == 'x86_64' or sys_platform == 'win32'", &[], &[]));
        assert!(holds("extra == 'gpu' and platform_machine == 'aarch64'", &["gpu"], &[]));
        assert!(!holds("extra == 'gpu'", &[], &[]));
        assert!(holds("extra != 'extra-4-root-a'", &["extra-4-root-b"], &[]));
        assert!(holds("python_version in '3.10, 3.11' and os_name == 'posix'", &[], &[]));
        assert!(holds("python_version not in \"3.9 3.10\"", &[], &[]));
    }

    #[test]
    fn the_sets_of_pep_751() {
        let marker = "'x' in extras or \"dev\" in dependency_groups";
        assert!(!holds(marker, &[], &[]));
        assert!(holds(marker, &["x"], &[]));
        assert!(holds(marker, &[], &["dev"]));
        assert!(!holds(marker, &["dev"], &["x"]), "an extra is no group");
        assert!(holds("'x' not in extras and ('extras' not in extras)", &["y"], &[]));
        assert!(holds("sys_platform == 'linux' and 'x' in extras", &["x"], &[]));
    }

    #[test]
    fn what_is_not_understood_is_an_error_and_not_left_out() {
        for text in [
            "nonsense",
            "python_version >= 'one'",
            "'a' == 'b'",
            "os_name == sys_platform",
            "python_version >",
            "extra > 'a'",
        ] {
            assert!(Marker::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_character_that_no_marker_has_is_an_error() {
        assert!(Marker::parse("\"\"\u{2039}\"\"ééé").is_err());
        assert!(Marker::parse("platform_machine == 'é'").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[a-z'\" =<>()._0-9é]{0,60}") {
            let _ = Marker::parse(&text);
        }
    }
}
