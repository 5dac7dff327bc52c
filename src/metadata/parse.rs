//! The e-mail-like syntax of core metadata, without any meaning.

/// What a file holds.
pub(super) struct Parsed {
    /// Field name and value as written; lines of a folded value are joined by newlines.
    pub fields: Vec<(String, String)>,
    /// What follows the first empty line.
    pub body: String,
    /// What had to be tolerated, as sentences.
    pub defects: Vec<String>,
}

/// Reads anything; what is no metadata gives no fields.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let mut defects = Vec::new();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            defects.push("the file is not UTF-8 and was read as Latin-1".to_owned());
            bytes.iter().map(|&byte| char::from(byte)).collect()
        }
    };
    // Installers see every line ending as one.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");

    let mut fields: Vec<(String, String)> = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if line.is_empty() {
            rest = after;
            break;
        }
        if line.starts_with([' ', '\t']) {
            match fields.last_mut() {
                Some((_, value)) => {
                    value.push('\n');
                    value.push_str(line);
                }
                None => defects.push("the first line is indented".to_owned()),
            }
        } else if let Some((key, value)) = header(line) {
            fields.push((key.to_owned(), value.to_owned()));
        } else {
            // The parser of installers takes this line as the start of the body.
            defects.push(format!("the line `{}` has no field name and ends the header", shorten(line)));
            break;
        }
        rest = after;
    }
    for (_, value) in &mut fields {
        let trimmed = value.trim();
        if trimmed.len() != value.len() {
            *value = trimmed.to_owned();
        }
    }
    Parsed { fields, body: rest.to_owned(), defects }
}

/// `line` as field name and value (RFC 822: printable ASCII but space and colon).
fn header(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    (!key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic())).then_some((key, value))
}

/// A `Description` field without the marks of folding: eight blanks, or seven and a bar.
pub(super) fn unfold_description(folded: &str) -> String {
    let lines: Vec<&str> = folded
        .split('\n')
        .map(|line| line.strip_prefix("       |").or(line.strip_prefix("        ")).unwrap_or(line))
        .collect();
    lines.join("\n")
}

fn shorten(line: &str) -> String {
    let mut short: String = line.chars().take(60).flat_map(char::escape_default).collect();
    if line.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}
