//! Files that never reach a canonical wheel; which ones is data (`toolchains/volatile.toml`).

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::Deserialize;

use super::member::Member;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Where {
    Anywhere,
    Root,
    DistInfo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Match {
    Name,
    Folder,
    Prefix,
    Suffix,
    Cached,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    r#where: Where,
    r#match: Match,
    text: String,
    reason: String,
}

#[derive(Deserialize)]
struct Table {
    volatile: Vec<Rule>,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let text = include_str!("../../toolchains/volatile.toml");
    // A row that does not parse fails the test below, so a released binary cannot get here.
    toml::from_str::<Table>(text).expect("toolchains/volatile.toml is checked by a test").volatile
});

impl Rule {
    fn applies(&self, name: &str, dist_info: &str, names: &HashSet<String>) -> bool {
        let (folder, base) = name.rsplit_once('/').unwrap_or(("", name));
        let here = match self.r#where {
            Where::Anywhere => true,
            Where::Root => folder.is_empty(),
            Where::DistInfo => folder == dist_info,
        };
        here && match self.r#match {
            Match::Name => base == self.text,
            Match::Folder => folder.split('/').any(|part| part == self.text),
            Match::Prefix => base.starts_with(&self.text),
            Match::Suffix => base.ends_with(&self.text),
            Match::Cached => {
                name.strip_suffix(&self.text).is_some_and(|stem| names.contains(&format!("{stem}.py")))
            }
        }
    }
}

/// Takes the volatile members out of a wheel whose `.dist-info` folder is called `dist_info`, with
/// a note for each.
pub(super) fn drop_volatile(members: &mut Vec<Member>, dist_info: &str, notes: &mut Vec<String>) {
    let names: HashSet<String> = members.iter().map(|member| member.name.clone()).collect();
    members.retain(|member| match RULES.iter().find(|rule| rule.applies(&member.name, dist_info, &names)) {
        Some(rule) => {
            notes.push(format!("`{}` is left out: {}", member.name, rule.reason));
            false
        }
        None => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row with a file that it, and no other row, takes out.
    #[test]
    fn every_row_takes_out_what_it_names() {
        let example = |rule: &Rule| {
            let base = match rule.r#match {
                Match::Name => rule.text.clone(),
                Match::Folder => format!("{}/x.txt", rule.text),
                Match::Prefix => format!("{}x.txt", rule.text),
                Match::Suffix | Match::Cached => format!("x{}", rule.text),
            };
            match rule.r#where {
                Where::Anywhere => format!("pkg/sub/{base}"),
                Where::Root => base,
                Where::DistInfo => format!("a-1.dist-info/{base}"),
            }
        };
        for rule in RULES.iter() {
            assert!(!rule.text.is_empty() && !rule.reason.is_empty());
            let mut members = vec![Member::file(example(rule), ""), Member::file("pkg/sub/x.py", "")];
            let mut notes = Vec::new();
            drop_volatile(&mut members, "a-1.dist-info", &mut notes);
            assert_eq!(members.len(), 1, "{rule:?}");
            assert!(notes.len() == 1 && notes[0].contains(&rule.reason), "{notes:?}");
        }
    }

    #[test]
    fn what_only_resembles_stays() {
        let kept = [
            "pkg/INSTALLER",
            "pkg/__editable__x.py",
            "a-1.dist-info/licenses/INSTALLER",
            "pkg/only_bytecode.pyc",
            "x__pycache__/a.py",
            "pkg/direct_url.json",
            "a-1.dist-info/RECORD",
            "DS_Store",
        ];
        let mut members: Vec<Member> = kept.iter().map(|name| Member::file(*name, "")).collect();
        let mut notes = Vec::new();
        drop_volatile(&mut members, "a-1.dist-info", &mut notes);
        assert_eq!((members.len(), notes.len()), (kept.len(), 0), "{notes:?}");
    }
}
