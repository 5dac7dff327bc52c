//! Response files: `@file` stands for the arguments written in it.

use std::path::Path;

use crate::report::{Code, Error, Result};

/// How deep response files may name others, as in GNU's own expansion.
const DEPTH: usize = 16;

/// Replaces each `@file` by the arguments in it. A file that does not exist stands for itself, as in gcc.
///
/// # Errors
/// `Code::Compiler` when files name each other in a circle or one cannot be read.
pub fn expand(words: Vec<String>) -> Result<Vec<String>> {
    if !words.iter().any(|word| word.starts_with('@')) {
        return Ok(words);
    }
    let mut out = Vec::with_capacity(words.len());
    expand_into(words, 0, &mut out)?;
    Ok(out)
}

fn expand_into(words: Vec<String>, depth: usize, out: &mut Vec<String>) -> Result<()> {
    for word in words {
        match word.strip_prefix('@') {
            Some(name) if Path::new(name).is_file() => {
                if depth == DEPTH {
                    return Err(Error::new(Code::Compiler, format!("response file `{name}` names itself")));
                }
                let text = std::fs::read_to_string(name)
                    .map_err(|error| Error::io("read", Path::new(name), &error))?;
                expand_into(split(&text), depth + 1, out)?;
            }
            _ => out.push(word),
        }
    }
    Ok(())
}

/// Splits as GNU's response files are: blanks separate, quotes of both kinds and backslashes keep them.
pub fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (_, '\\') => word.get_or_insert_default().extend(chars.next()),
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Writes `words` so that [`expand`], gcc, clang and zig read them back.
pub fn quote(words: &[String]) -> String {
    let mut text = String::new();
    for word in words {
        text.push('"');
        for c in word.chars() {
            if matches!(c, '"' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push_str("\"\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes() {
        assert_eq!(split("a 'b c'\n\"d \\\" e\" f\\ g ''"), ["a", "b c", "d \" e", "f g", ""]);
    }

    #[test]
    fn files_nest_and_missing_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (outer, inner) = (folder.path().join("outer"), folder.path().join("inner"));
        std::fs::write(&inner, "-DX 'a b.c'").unwrap();
        std::fs::write(&outer, format!("-c @{}", inner.display())).unwrap();
        let words = vec![format!("@{}", outer.display()), "@nowhere".to_owned()];
        assert_eq!(expand(words).unwrap(), ["-c", "-DX", "a b.c", "@nowhere"]);
        std::fs::write(&inner, format!("@{}", outer.display())).unwrap();
        assert!(expand(vec![format!("@{}", outer.display())]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn quoting_reads_back(words in proptest::collection::vec("[^\\u{0}]{0,12}", 0..8)) {
            proptest::prop_assert_eq!(split(&quote(&words)), words);
        }
    }
}
