//! Credentials never leave the process in text.

use std::borrow::Cow;

/// `text` with the userinfo of every URL in it (`scheme://user:secret@host`) replaced by `***`.
///
/// Everything that is logged, reported, serialised or handed to a child as an argument goes
/// through here when it may hold an address.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>'))
            .unwrap_or(after.len());
        out.push_str(before);
        match after[..end].rfind('@') {
            Some(user_end) => {
                out.push_str("***");
                rest = &after[user_end..];
            }
            None => rest = after,
        }
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn userinfo_is_hidden_and_the_rest_kept() {
        assert_eq!(redact("GET https://me:s3cret@host/simple/ 200"), "GET https://***@host/simple/ 200");
        assert_eq!(redact("https://token@a/ and https://b/x@y"), "https://***@a/ and https://b/x@y");
        assert_eq!(redact("no address"), "no address");
        assert_eq!(redact("http://u:p@ss@h"), "http://***@h");
    }
}
