//! The rules of `toolchains/flags.toml`, and what they do to an argument.
//!
//! The table is read once, when a build's `bin/` is made ([`Rules::for_target`]); what holds for
//! the dialect and machine is written into `driver.toml` as one line a rule, so that a compiler
//! call parses some dozens of short lines instead of a documented table.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Whose command line is written: what the arguments must be good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// zig's clang and lld with a runtime kit.
    #[default]
    Kit,
    /// `zig cc`.
    Zig,
    /// A clang of the user.
    Clang,
    /// A gcc of the user.
    Gcc,
}

/// What a rule does with an argument it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Drop,
    Replace,
    Lift,
    Processor,
    RefuseInProbe,
    Refuse,
}

const ACTIONS: &[(&str, Action)] = &[
    ("drop", Action::Drop),
    ("replace", Action::Replace),
    ("lift", Action::Lift),
    ("processor", Action::Processor),
    ("refuse-in-probe", Action::RefuseInProbe),
    ("refuse", Action::Refuse),
];

/// Which arguments a rule sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    #[default]
    Compiler,
    Linker,
}

/// The whole table. The fields are described in the file itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Table {
    pub rule: Vec<Row>,
    pub default: Vec<Default_>,
    pub host_folders: HostFolders,
    pub probe: ProbeMarks,
    pub missing_library: Vec<MissingLibrary>,
    pub zig_features: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub flags: Vec<String>,
    #[serde(default)]
    pub at: Level,
    pub dialects: Option<Vec<Dialect>>,
    pub machines: Option<Vec<String>>,
    pub except: Option<Vec<String>>,
    pub action: Action,
    pub with: Option<String>,
    pub reason: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests read them"))]
    pub examples: Vec<Example>,
}

#[cfg_attr(not(test), expect(dead_code, reason = "the tests read them"))]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub dialect: Dialect,
    pub machine: String,
    pub given: String,
    pub left: String,
    #[serde(default)]
    pub probe: bool,
    #[serde(default)]
    pub error: bool,
}

/// When an argument of ours is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    Compile,
    Link,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    First,
    Last,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Default_ {
    pub args: Vec<String>,
    pub step: Step,
    pub place: Place,
    pub dialects: Option<Vec<Dialect>>,
    pub libc: Option<String>,
    #[serde(default)]
    pub unless: Vec<String>,
    #[serde(default)]
    pub unless_debug: bool,
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers; the tests see that it is there"))]
    pub reason: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFolders {
    pub include: Vec<String>,
    pub library: Vec<String>,
    pub packages: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProbeMarks {
    pub folders: Vec<String>,
    pub names: Vec<String>,
    pub young_bytes: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingLibrary {
    pub name: String,
    pub reason: String,
}

/// The table of the file, parsed at first use.
pub fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        let text = include_str!("../../../toolchains/flags.toml");
        // A row that does not parse fails the test below, so a released binary cannot get here.
        toml::from_str(text).expect("toolchains/flags.toml is checked by a test")
    });
    &TABLE
}

/// Why a link that names the library `name` (as in `-lname`) cannot find it, where that is known.
pub fn missing_library_reason(name: &str) -> Option<&'static str> {
    table().missing_library.iter().find(|row| row.name == name).map(|row| row.reason.as_str())
}

/// One rule that holds for a dialect and machine.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    level: Level,
    action: Action,
    pattern: String,
    /// The replacement of [`Action::Replace`] and [`Action::Lift`], the reason of the refusals.
    text: String,
}

/// The rules of one dialect and machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

/// What became of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Keep,
    Drop,
    /// The new canonical spelling, at the same level.
    Replace(String),
    /// The new spelling as an argument of the compiler.
    Lift(String),
    /// The reason.
    Refuse(String),
}

impl Rules {
    /// The rules that hold for `dialect` and `machine` (as `uname -m` says it).
    pub fn for_target(dialect: Dialect, machine: &str) -> Self {
        Self(table().rule.iter().filter(|row| row.holds(dialect, machine)).flat_map(Row::rules).collect())
    }

    /// What the first matching rule says about the argument spelt `canonical`.
    pub fn verdict(&self, level: Level, canonical: &str, probe: bool) -> Verdict {
        let Some((rule, captured)) = self
            .0
            .iter()
            .filter(|rule| rule.level == level)
            .find_map(|rule| matches(&rule.pattern, canonical).map(|captured| (rule, captured)))
        else {
            return Verdict::Keep;
        };
        match rule.action {
            Action::Drop => Verdict::Drop,
            Action::RefuseInProbe if probe => Verdict::Refuse(rule.text.clone()),
            Action::RefuseInProbe => Verdict::Drop,
            Action::Refuse => Verdict::Refuse(rule.text.clone()),
            Action::Replace => Verdict::Replace(rule.text.replace("{}", captured)),
            Action::Lift => Verdict::Lift(rule.text.replace("{}", captured)),
            Action::Processor => {
                let value = canonical.split_once('=').map_or("", |(_, value)| value);
                Verdict::Replace(format!("-mcpu={}", zig_processor(value)))
            }
        }
    }

    /// One line a rule: level, action, pattern, text, with tabs between.
    pub fn to_lines(&self) -> String {
        let mut out = String::new();
        for rule in &self.0 {
            let level = if rule.level == Level::Linker { "linker" } else { "compiler" };
            let action =
                ACTIONS.iter().find(|(_, action)| *action == rule.action).map_or("drop", |(name, _)| name);
            out.push_str(&[level, action, &rule.pattern, &rule.text].join("\t"));
            out.push('\n');
        }
        out
    }

    /// Reads what [`Rules::to_lines`] wrote; `None` when a line is not of that form.
    pub fn from_lines(text: &str) -> Option<Self> {
        text.lines()
            .map(|line| {
                let mut fields = line.split('\t');
                let level = match fields.next()? {
                    "compiler" => Level::Compiler,
                    "linker" => Level::Linker,
                    _ => return None,
                };
                let action = fields.next()?;
                let action = ACTIONS.iter().find(|(name, _)| *name == action)?.1;
                let pattern = fields.next()?.to_owned();
                Some(Rule { level, action, pattern, text: fields.next()?.to_owned() })
            })
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }
}

impl Row {
    fn holds(&self, dialect: Dialect, machine: &str) -> bool {
        let named = |list: &Option<Vec<String>>| list.as_ref().map(|l| l.iter().any(|m| m == machine));
        self.dialects.as_ref().is_none_or(|list| list.contains(&dialect))
            && named(&self.machines).unwrap_or(true)
            && !named(&self.except).unwrap_or(false)
    }

    fn rules(&self) -> impl Iterator<Item = Rule> {
        let text = match self.action {
            Action::Replace | Action::Lift => self.with.clone().unwrap_or_default(),
            Action::Refuse | Action::RefuseInProbe => self.reason.clone(),
            Action::Drop | Action::Processor => String::new(),
        };
        self.flags.iter().map(move |pattern| Rule {
            level: self.at,
            action: self.action,
            pattern: pattern.clone(),
            text: text.clone(),
        })
    }
}

/// What the `*` at the end of `pattern` stands for in `text` (empty without one); `None` when it does not match.
pub fn matches<'a>(pattern: &str, text: &'a str) -> Option<&'a str> {
    match pattern.strip_suffix('*') {
        Some(prefix) => text.strip_prefix(prefix),
        None => (pattern == text).then_some(""),
    }
}

/// A processor or architecture with features in zig's spelling: `armv8.2-a+fp16` is `generic+v8_2a+fullfp16`.
fn zig_processor(value: &str) -> String {
    let mut parts = value.split('+');
    let base = parts.next().unwrap_or_default();
    let mut out = match base.strip_prefix("armv") {
        Some(version) => format!("generic+v{}", version.replace('.', "_").replace('-', "")),
        None => base.replace('-', "_"),
    };
    for feature in parts {
        let (sign, name) = match feature.strip_prefix("no") {
            Some(name) => ('-', name),
            None => ('+', feature),
        };
        let name = table().zig_features.get(name).map_or(name, String::as_str);
        out.push(sign);
        out.push_str(&name.replace('-', "_"));
    }
    out
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
