//! Ranges of versions as locks write them: PEP 440 specifiers, and poetry's `^`, `~`, `*` and `||`.

use std::fmt;
use std::str::FromStr;

use pep440_rs::VersionSpecifiers;

use crate::metadata::Version;

/// Any of several sets of specifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    alternatives: Vec<VersionSpecifiers>,
    text: String,
}

impl Range {
    /// PEP 440 specifiers; an empty text allows everything. The error is a sentence.
    pub fn pep440(text: &str) -> Result<Self, String> {
        let specifiers = VersionSpecifiers::from_str(text.trim()).map_err(|error| error.to_string())?;
        Ok(Self { alternatives: vec![specifiers], text: text.trim().to_owned() })
    }

    /// Specifiers that were read already.
    pub fn of(specifiers: VersionSpecifiers) -> Self {
        let text = specifiers.to_string();
        Self { alternatives: vec![specifiers], text }
    }

    /// poetry's syntax, which is PEP 440 and more. The error is a sentence.
    pub fn poetry(text: &str) -> Result<Self, String> {
        let mut alternatives = Vec::new();
        for alternative in text.split("||").flat_map(|part| part.split(" | ")) {
            let mut specifiers = Vec::new();
            for part in terms(alternative) {
                specifiers.extend(term(&part)?);
            }
            let joined = specifiers.join(",");
            alternatives.push(VersionSpecifiers::from_str(&joined).map_err(|error| error.to_string())?);
        }
        Ok(Self { alternatives, text: text.trim().to_owned() })
    }

    /// The specifiers of each alternative, as PEP 440 writes them.
    pub fn to_specifiers(&self) -> Vec<Vec<String>> {
        let of = |specifiers: &VersionSpecifiers| specifiers.iter().map(ToString::to_string).collect();
        self.alternatives.iter().map(of).collect()
    }

    /// Whether `version` is one of them. Pre-releases count as what they are: a lock has chosen.
    pub fn contains(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|specifiers| specifiers.contains(version))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.text.is_empty() { "any version" } else { &self.text })
    }
}

/// The parts of one alternative: separated by commas, or by blanks before an operator.
fn terms(text: &str) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    for part in text.split(',') {
        let mut term = String::new();
        for word in part.split_whitespace() {
            let begins = word.starts_with(['<', '>', '=', '!', '^', '~']);
            let ended = !term.is_empty() && !term.ends_with(['<', '>', '=', '!', '^', '~']);
            if begins && ended {
                terms.push(std::mem::take(&mut term));
            }
            term.push_str(word);
        }
        if !term.is_empty() {
            terms.push(term);
        }
    }
    terms
}

/// One part as PEP 440 specifiers.
fn term(text: &str) -> Result<Vec<String>, String> {
    if text == "*" {
        return Ok(Vec::new());
    }
    let parse = |version: &str| -> Result<Version, String> {
        version.parse::<Version>().map_err(|error| format!("`{version}`: {error}"))
    };
    if let Some(version) = text.strip_prefix('^') {
        let release = parse(version)?.release().to_vec();
        // The first part that is not zero may not change; of zeros only, the last that is written.
        let fixed = release.iter().position(|part| *part != 0).unwrap_or(release.len() - 1);
        return Ok(vec![format!(">={version}"), format!("<{}", next(&release[..=fixed]))]);
    }
    if let Some(version) = text.strip_prefix('~').filter(|rest| !rest.starts_with('=')) {
        let release = parse(version)?.release().to_vec();
        let fixed = release.len().min(2);
        return Ok(vec![format!(">={version}"), format!("<{}", next(&release[..fixed]))]);
    }
    if text.starts_with(|c: char| c.is_ascii_digit() || c == 'v') {
        return Ok(vec![format!("=={text}")]);
    }
    // `=1.0` is poetry's `==1.0`, `>=1.*` its `>=1`.
    let text = match text.strip_prefix('=').filter(|rest| !rest.starts_with('=')) {
        Some(rest) => format!("=={rest}"),
        None => text.to_owned(),
    };
    let ordered = text.starts_with(['<', '>']);
    Ok(vec![if ordered { text.trim_end_matches(".*").to_owned() } else { text }])
}

/// The version after every version that begins with `release`.
fn next(release: &[u64]) -> String {
    let mut parts: Vec<u64> = release.to_vec();
    if let Some(last) = parts.last_mut() {
        *last = last.saturating_add(1);
    }
    let parts: Vec<String> = parts.iter().map(u64::to_string).collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_poetry_writes() {
        for (range, inside, outside) in [
            ("^3.10", &["3.10", "3.99.1"][..], &["3.9.9", "4.0"][..]),
            ("^0.2.3", &["0.2.3", "0.2.9"], &["0.3", "0.2.2"]),
            ("^0.0", &["0.0.9"], &["0.1"]),
            ("~3.9", &["3.9.18"], &["3.10"]),
            ("~3", &["3.12"], &["4.0"]),
            ("~1.2.3", &["1.2.9"], &["1.3"]),
            ("*", &["1", "0.1rc1"], &[]),
            ("3.*", &["3.11"], &["2.7"]),
            ("1.2", &["1.2.0"], &["1.2.1"]),
            ("=1.2", &["1.2"], &["1.3"]),
            (">=3.9,<3.11", &["3.10.99"], &["3.11"]),
            (">=3.9 <3.11", &["3.10"], &["3.11"]),
            (">= 2.7, !=3.0.*", &["2.7", "3.1"], &["3.0.1"]),
            ("~2.7 || ^3.6", &["2.7.18", "3.12"], &["3.5", "4.0"]),
            ("<2.0 || >=3.0", &["1.9", "3.1"], &["2.5"]),
            ("~=1.4.2", &["1.4.9"], &["1.5"]),
            (">=3.6.*", &["3.6"], &["3.5"]),
            ("", &["1"], &[]),
        ] {
            let read = Range::poetry(range).unwrap();
            let has = |version: &&str| read.contains(&version.parse().unwrap());
            assert!(inside.iter().all(has), "{range}");
            assert!(!outside.iter().any(has), "{range}");
        }
        for bad in ["^", "^x", ">=", "one", "~x.y"] {
            assert!(Range::poetry(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[0-9a-z.*^~<>=!|, ]{0,40}") {
            let _ = Range::poetry(&text);
            let _ = Range::pep440(&text);
        }
    }
}
