//! Commands as they are typed: a JSON array, or words as a shell splits them.

use crate::report::{Code, Error, Result};

/// The words of a command.
///
/// # Errors
/// [`Code::Usage`] when a quote has no end or the JSON is no array of strings.
pub fn command(text: &str) -> Result<Vec<String>> {
    let bad = |why: &str| {
        Error::new(Code::Usage, format!("`{text}` is no command"))
            .cause(why.to_owned())
            .hint(r#"write words, or a JSON array: `--entrypoint '["python3", "-m", "app"]'`"#)
    };
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).map_err(|error| bad(&error.to_string()));
    }
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        None => return Err(bad("a quote has no end")),
                        Some('\'') => break,
                        Some(c) => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        None => return Err(bad("a quote has no end")),
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                            Some('\n') => {}
                            Some(c) => word.extend(['\\', c]),
                            None => return Err(bad("a quote has no end")),
                        },
                        Some(c) => word.push(c),
                    }
                }
            }
            '\\' => match chars.next() {
                Some('\n') => {}
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err(bad("it ends in a backslash")),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn arrays_and_shell_words() {
        let words = |text: &str| command(text).unwrap();
        assert_eq!(words(r#"["a b", "c"]"#), ["a b", "c"]);
        assert_eq!(words("python -m  app"), ["python", "-m", "app"]);
        assert_eq!(
            words(r#"sh -c 'echo "$1"' "a \"b\" \n" c\ d ''"#),
            ["sh", "-c", "echo \"$1\"", "a \"b\" \\n", "c d", ""]
        );
        assert!(words("").is_empty());
        for bad in ["'a", "\"a", "a\\", "[1]", "[\"a\""] {
            assert!(command(bad).is_err(), "{bad}");
        }
    }
}
