//! The one door for requirements and markers from outside (PEP 508).
//!
//! pep508_rs ends the program at some texts that its grammar does not have. What stops it is looked for
//! here first; nothing else may hand it a text from outside.

use std::str::FromStr;

use pep508_rs::{MarkerTree, MarkerWarningKind, Requirement};
use url::Url;

use super::name::wrong_name;

/// How deep parentheses may lie in each other: the library calls itself for each.
const DEEPEST: usize = 64;
/// Longer texts are nobody's. The longest markers of poetry's locks have some thousand characters.
const LONGEST: usize = 64 << 10;

/// The variables of markers that hold versions.
const VERSIONS: [&str; 3] = ["python_version", "python_full_version", "implementation_version"];

/// Reads a requirement. The error is a sentence.
pub fn requirement(text: &str) -> Result<Requirement<Url>, String> {
    check(text)?;
    if let Some(name) = wrong_name(text) {
        return Err(format!("`{}` is no valid name", name.escape_debug()));
    }
    if let Some(marker) = marker_of(text)? {
        check_marker(marker)?;
    }
    Requirement::from_str(text).map_err(|error| error.message.to_string())
}

/// Reads a marker; parts of it that cannot be understood make an error, since the library would leave them out
/// and the marker would hold where it must not. The error is a sentence.
pub fn marker(text: &str) -> Result<MarkerTree, String> {
    check(text)?;
    check_marker(text)?;
    let mut dropped = None;
    let mut reporter = |kind: MarkerWarningKind, warning: String| {
        let understood = matches!(
            kind,
            MarkerWarningKind::DeprecatedMarkerName | MarkerWarningKind::LexicographicComparison
        );
        if !understood {
            dropped.get_or_insert(warning);
        }
    };
    let tree = MarkerTree::parse_reporter(text, &mut reporter).map_err(|error| error.message.to_string())?;
    dropped.map_or(Ok(tree), Err)
}

/// The marker of a requirement as written. Behind an address it begins with a space and `;`, since an address
/// may hold a `;` of its own.
fn marker_of(text: &str) -> Result<Option<&str>, String> {
    let first = text.find([';', '<', '>', '=', '!', '~', '(', '@']);
    let Some(at) = first.filter(|at| text[*at..].starts_with('@')) else {
        return Ok(text.split_once(';').map(|(_, marker)| marker));
    };
    let address = text[at + 1..].trim();
    match address.split_once(char::is_whitespace) {
        None => Ok(None),
        Some((_, rest)) => match rest.trim_start().strip_prefix(';') {
            Some(marker) => Ok(Some(marker)),
            None => Err("a space stands in its address".to_owned()),
        },
    }
}

/// The grammar has ASCII only, also in strings; the library counts characters where it should count bytes.
fn check(text: &str) -> Result<(), String> {
    if text.len() > LONGEST {
        return Err(format!("it is {} characters long", text.len()));
    }
    match text.chars().find(|c| !c.is_ascii()) {
        Some(odd) => Err(format!("`{}` stands in it, which PEP 508 does not have", odd.escape_debug())),
        None => Ok(()),
    }
}

fn check_marker(text: &str) -> Result<(), String> {
    let mut depth = 0usize;
    let mut tokens = tokens(text).into_iter().peekable();
    let mut before = "";
    while let Some(token) = tokens.next() {
        match token {
            // The library writes every string between `'`, and what it writes would say something else.
            string if string.starts_with('"') && string.contains('\'') => {
                return Err(format!("`'` stands in the string {string}"));
            }
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            "~=" => {
                // The library thinks that it left these out before.
                let after = tokens.peek().copied().unwrap_or_default();
                if ![before, after].iter().any(|word| VERSIONS.contains(word)) {
                    return Err(format!("`~=` compares versions, and `{before} ~= {after}` has none"));
                }
            }
            _ => {}
        }
        if depth > DEEPEST {
            return Err(format!("parentheses lie more than {DEEPEST} deep in each other"));
        }
        before = token;
    }
    Ok(())
}

/// Strings with their quotes, words, comparisons, and every other character, without blanks.
fn tokens(text: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let is_comparison = |c: char| matches!(c, '~' | '=' | '<' | '>' | '!');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |at| at + 2),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c if is_comparison(c) => rest.find(|c| !is_comparison(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(end);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_library_stops_at_is_an_error() {
        let deep = format!("a; {}os_name == 'x'{}", "(".repeat(100_000), ")".repeat(100_000));
        for text in [
            "é",
            "aé",
            "a é",
            "a>=é",
            "a\u{a0}>=1",
            "a ; python_version >= 'é'",
            "a ; é",
            "a ; 'é' in os_name",
            "a[é]",
            "a (é)",
            "a @ https://h.invalid/é.zip",
            "a@é",
            "a>=1\u{2028}",
            "a-",
            "a[b-]",
            "\u{feff}a",
            "a;\u{1f40d}",
            &deep,
            &"a".repeat(100_000),
        ] {
            assert!(requirement(text).is_err(), "{text:.40}");
        }
        for text in ["é", "os_name == 'é'", "python_version >= '3é'", "(é)", "'é'", "os_name é 'x'"] {
            assert!(marker(text).is_err(), "{text}");
        }
        assert!(marker(&"(".repeat(60_000)).is_err());
        assert!(marker("'x' ~= os_name").is_err());
        assert!(marker("os_name ~= 'x'").is_err());
        assert!(requirement("a ; sys_platform == 'linux' and 'x' ~= extra").is_err());
        assert!(marker("python_version ~= '3.8'").is_ok());
        assert!(marker("os_name == \"it's\"").is_err());
        assert!(requirement("a @ http://h.invalid/a b").is_err());
        assert!(requirement("a @ http://h.invalid/a;b ; os_name ~= 'x'").is_err());
        assert!(requirement("a ; platform_machine in \"x86 'or' arm\"").is_err());
    }

    #[test]
    fn what_people_write_is_read() {
        for text in [
            "a",
            "A.b-c_d",
            "a>=1,<2",
            "a (>=1.0)",
            "a[x,y]~=1.0 ; python_version < '3.12'",
            "a @ https://h.invalid/a-1.zip ; os_name == 'posix'",
            "a[b]@https://h.invalid/a;x~=1 ; os_name == 'posix'",
            "a;(python_version<'3' or (os_name=='nt'))and extra=='x'",
            "a==1.*",
            "a===1.0",
            "a ; os_name == \"nt\" and platform_version == 'a \"b\"'",
        ] {
            let read = requirement(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(requirement(&read.to_string()), Ok(read), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z'\" =<>~!;@,()._0-9é\\[\\]*+-]{0,60}") {
            let _ = requirement(&text);
            let _ = marker(&text);
        }

        #[test]
        fn any_comparison_is_read_or_refused(
            name in "python_version|python_full_version|implementation_version|os_name|os.name|extra|platform_version|sys_platform",
            operator in "==|!=|<|<=|>|>=|~=|===|in|not in|not",
            value in "[0-9.*a-z+!, -]{0,12}",
            swapped: bool,
        ) {
            let text = if swapped { format!("'{value}' {operator} {name}") } else { format!("{name} {operator} '{value}'") };
            let _ = marker(&text);
            let _ = marker(&format!("{text} and ({text} or not_a == '1')"));
            let _ = requirement(&format!("a ; {text} and {text} or {text}"));
        }
    }
}
