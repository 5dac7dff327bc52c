//! Project names: which are valid and which are the same.

/// Whether `name` is a project name: ASCII letters, digits, `.`, `-`, `_`, with a letter or digit at
/// both ends (PEP 508).
pub fn is_valid_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => {
            first.is_ascii_alphanumeric()
                && last.is_ascii_alphanumeric()
                && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        }
        _ => false,
    }
}

/// The one spelling under which an index files a project: lower case, every run of `.`, `-` and `_`
/// a single `-` (PEP 503).
///
/// ```
/// assert_eq!(wheelbuild::metadata::normalize("Zope.Interface"), "zope-interface");
/// ```
pub fn normalize(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut in_run = false;
    for c in name.chars() {
        let separator = matches!(c, '.' | '-' | '_');
        if !separator {
            out.extend(c.to_lowercase());
        } else if !in_run {
            out.push('-');
        }
        in_run = separator;
    }
    out
}

/// The first name in a requirement, of its project or of an extra, that is none. pep508_rs stops the
/// program at a name that ends in `-`, `_` or `.`, so [`super::requirement`] asks this first.
pub(super) fn wrong_name(requirement: &str) -> Option<&str> {
    let requirement = requirement.trim_start();
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let end = requirement.find(|c: char| !is_part(c)).unwrap_or(requirement.len());
    let (name, rest) = requirement.split_at(end);
    if !is_valid_name(name) {
        return Some(name);
    }
    let extras = rest.trim_start().strip_prefix('[')?.split(']').next()?;
    extras.split(',').map(str::trim).find(|extra| !extra.is_empty() && !is_valid_name(extra))
}
