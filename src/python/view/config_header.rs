//! Editing `pyconfig.h`: the build interpreter's text with the target's values.

use std::collections::BTreeMap;

/// `text` with each name of `settings` set to its value, or undefined where there is none.
///
/// Only names that the text already decides (`#define NAME …` or `/* #undef NAME */`) change: what
/// a version of CPython does not know is not told to it.
pub(super) fn edit(text: &str, settings: &BTreeMap<&str, Option<String>>) -> String {
    let mut edited = String::with_capacity(text.len());
    let mut universal = false;
    for line in text.lines() {
        let decided = name_of(line).and_then(|(indent, name)| Some((indent, name, settings.get(name)?)));
        match decided {
            // autoconf's WORDS_BIGENDIAN has one branch for Apple's universal builds, which stays.
            Some((indent, name, value)) if !universal => {
                edited.push_str(&match value {
                    Some(value) => format!("#{indent}define {name} {value}"),
                    None => format!("/* #{indent}undef {name} */"),
                });
            }
            _ => edited.push_str(line),
        }
        universal = line.contains("__BIG_ENDIAN__");
        edited.push('\n');
    }
    edited
}

/// Every name the text decides, with its value; none where it is undefined.
pub(super) fn values(text: &str) -> BTreeMap<String, Option<String>> {
    let mut values = BTreeMap::new();
    let mut universal = false;
    for line in text.lines() {
        if let Some((_, name)) = name_of(line).filter(|_| !universal) {
            let value = (!line.contains("undef")).then(|| {
                let (_, rest) = line.split_once(name).unwrap_or((line, ""));
                rest.trim().to_owned()
            });
            values.insert(name.to_owned(), value);
        }
        universal = line.contains("__BIG_ENDIAN__");
    }
    values
}

/// The space after `#` and the name, of a line that defines or undefines one.
fn name_of(line: &str) -> Option<(&str, &str)> {
    let directive = line.trim_start().trim_start_matches("/* ").strip_prefix('#')?;
    let words = directive.trim_start_matches([' ', '\t']);
    let indent = &directive[..directive.len() - words.len()];
    let name = words.strip_prefix("define ").or_else(|| words.strip_prefix("undef "))?.trim_start();
    let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
    // A macro with arguments or a guard without a value is no answer of configure.
    (end > 0 && !name[end..].starts_with('(') && !name.starts_with("Py_PYCONFIG_H"))
        .then(|| (indent, &name[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "#ifndef Py_PYCONFIG_H\n#define Py_PYCONFIG_H\n#define SIZEOF_LONG 8\n/* #undef HAVE_X */\n\
                        #define HAVE_Y 1\n#if defined AC_APPLE_UNIVERSAL_BUILD\n# if defined __BIG_ENDIAN__\n\
                        #  define WORDS_BIGENDIAN 1\n# endif\n#else\n# ifndef WORDS_BIGENDIAN\n\
                        /* #  undef WORDS_BIGENDIAN */\n# endif\n#endif\n";

    #[test]
    fn values_change_and_nothing_else_does() {
        let settings = BTreeMap::from([
            ("SIZEOF_LONG", Some("4".to_owned())),
            ("HAVE_X", Some("1".to_owned())),
            ("HAVE_Y", None),
            ("WORDS_BIGENDIAN", Some("1".to_owned())),
            ("HAVE_UNKNOWN", Some("1".to_owned())),
        ]);
        let edited = edit(TEXT, &settings);
        assert_eq!(edited.lines().count(), TEXT.lines().count());
        let found = values(&edited);
        for (name, value) in &settings {
            assert_eq!(found.get(*name), (*name != "HAVE_UNKNOWN").then_some(value), "{name}");
        }
        assert!(edited.contains("# if defined __BIG_ENDIAN__\n#  define WORDS_BIGENDIAN 1\n# endif"));
        assert!(edited.contains("# ifndef WORDS_BIGENDIAN\n#  define WORDS_BIGENDIAN 1\n# endif"));
        assert_eq!(edit(TEXT, &BTreeMap::new()), TEXT);
    }

    #[test]
    fn an_edit_is_undone_by_its_reverse() {
        let there = BTreeMap::from([
            ("SIZEOF_LONG", Some("4".to_owned())),
            ("WORDS_BIGENDIAN", Some("1".to_owned())),
        ]);
        let back = BTreeMap::from([("SIZEOF_LONG", Some("8".to_owned())), ("WORDS_BIGENDIAN", None)]);
        assert_eq!(values(&edit(&edit(TEXT, &there), &back)), values(TEXT));
    }
}
