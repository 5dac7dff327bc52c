//! Just enough HTML for a simple repository page: its links with their attributes.
//!
//! Installers read these pages leniently, and mirrors write them in every dialect; so this is a
//! scanner for start tags, not a parser of documents. Comments are skipped.

/// A start tag: its name in lower case and its attributes, entities resolved.
#[derive(Debug, PartialEq, Eq)]
pub struct StartTag {
    pub name: String,
    attributes: Vec<(String, String)>,
}

impl StartTag {
    /// The value of an attribute; one without a value has the empty one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Every start tag of `text` in order.
pub fn start_tags(text: &str) -> impl Iterator<Item = StartTag> + '_ {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find('<')?;
            rest = &rest[at + 1..];
            if let Some(comment) = rest.strip_prefix("!--") {
                rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            } else if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let (tag, after) = start_tag(rest);
                rest = after;
                return Some(tag);
            }
        }
    })
}

/// Reads a start tag whose `<` is behind us; gives what follows its `>`.
fn start_tag(text: &str) -> (StartTag, &str) {
    let ends_name = |c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/' | '=');
    let name_end = text.find(ends_name).unwrap_or(text.len());
    let mut tag = StartTag { name: text[..name_end].to_ascii_lowercase(), attributes: Vec::new() };
    let mut rest = &text[name_end..];
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '='));
        if rest.is_empty() {
            return (tag, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (tag, after);
        }
        // At least one character, so that nothing can make us stand still.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let key_end = rest[first..].find(ends_name).map_or(rest.len(), |at| first + at);
        let key = rest[..key_end].to_ascii_lowercase();
        rest = rest[key_end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            (value, rest) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let inner = &after[1..];
                    inner.split_once(quote).unwrap_or((inner, ""))
                }
                _ => {
                    let end = after.find(|c: char| c.is_ascii_whitespace() || c == '>');
                    after.split_at(end.unwrap_or(after.len()))
                }
            };
        }
        tag.attributes.push((key, resolve_entities(value)));
    }
}

/// `&#x10FFFF;`
const LONGEST_ENTITY: usize = 10;

/// `&amp;`, `&#39;` and the like; what is no entity stays as it is.
fn resolve_entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match rest
            .bytes()
            .take(LONGEST_ENTITY)
            .position(|byte| byte == b';')
            .and_then(|end| Some((entity(&rest[1..end])?, end)))
        {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn links_in_every_dialect() {
        let text = r#"<!DOCTYPE html><!-- <a href="no"> --><BASE href='../'>
            <a href="a-1.tar.gz#sha256=00&amp;x" data-requires-python="&gt;=3.8,&lt;4" data-yanked>a</a>
            <a data-yanked = "it&#39;s bad" HREF=b.whl>b</a><a
            href="c d.zip"/>"#;
        let tags: Vec<StartTag> = start_tags(text).collect();
        let names: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(names, ["base", "a", "a", "a"]);
        assert_eq!(tags[1].get("href"), Some("a-1.tar.gz#sha256=00&x"));
        assert_eq!(tags[1].get("data-requires-python"), Some(">=3.8,<4"));
        assert_eq!(tags[1].get("data-yanked"), Some(""));
        assert_eq!(tags[2].get("data-yanked"), Some("it's bad"));
        assert_eq!(tags[2].get("href"), Some("b.whl"));
        assert_eq!(tags[3].get("href"), Some("c d.zip"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in ".{0,200}") {
            prop_assert!(start_tags(&text).count() <= text.len());
        }

        #[test]
        fn any_soup_of_markup_is_read_to_its_end(text in "[<>a=\"' é&;#!/-]{0,60}") {
            prop_assert!(start_tags(&text).count() <= text.len());
        }

        #[test]
        fn a_quoted_value_comes_back(value in "[^\"&]{0,40}") {
            let tag = start_tags(&format!("<a href=\"{value}\">")).next().unwrap().get("href").map(str::to_owned);
            prop_assert_eq!(tag, Some(value));
        }
    }
}
