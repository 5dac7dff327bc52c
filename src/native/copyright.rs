//! The licence of a Debian package, from its machine-readable copyright file (DEP-5).

/// Debian's short names, and SPDX's where they differ.
const NAMES: &[(&str, &str)] = &[
    ("expat", "MIT"),
    ("mit", "MIT"),
    ("gpl-2", "GPL-2.0-only"),
    ("gpl-2+", "GPL-2.0-or-later"),
    ("gpl-3", "GPL-3.0-only"),
    ("gpl-3+", "GPL-3.0-or-later"),
    ("lgpl-2", "LGPL-2.0-only"),
    ("lgpl-2+", "LGPL-2.0-or-later"),
    ("lgpl-2.0+", "LGPL-2.0-or-later"),
    ("lgpl-2.1", "LGPL-2.1-only"),
    ("lgpl-2.1+", "LGPL-2.1-or-later"),
    ("lgpl-3", "LGPL-3.0-only"),
    ("lgpl-3+", "LGPL-3.0-or-later"),
    ("lgplv3+", "LGPL-3.0-or-later"),
    ("apache-2.0", "Apache-2.0"),
    ("apache-2", "Apache-2.0"),
    ("bsd-2-clause", "BSD-2-Clause"),
    ("bsd-3-clause", "BSD-3-Clause"),
    ("bsd-4-clause", "BSD-4-Clause"),
    ("isc", "ISC"),
    ("zlib", "Zlib"),
    ("postgresql", "PostgreSQL"),
    ("openssl", "OpenSSL"),
    ("mpl-2.0", "MPL-2.0"),
    ("bsl-1.0", "BSL-1.0"),
];

/// The SPDX expression of what most files of `package` are under (the paragraph `Files: *`), from the
/// text of its copyright file; a reference to that file when it says so in no way that is known.
pub fn licence_of(package: &str, copyright: &str) -> String {
    let own = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '-' };
    let reference = || format!("LicenseRef-Debian-{}", package.chars().map(own).collect::<String>());
    let paragraph = copyright.split("\n\n").find(|paragraph| {
        let mut files = paragraph.lines().filter_map(|line| line.strip_prefix("Files:"));
        files.any(|files| files.split_whitespace().any(|pattern| pattern == "*"))
    });
    let licence = paragraph.and_then(|text| text.lines().find_map(|line| line.strip_prefix("License:")));
    licence.and_then(expression).unwrap_or_else(reference)
}

/// `Expat or GPL-2+` as SPDX; `None` for a name that is not known, and for exceptions.
fn expression(text: &str) -> Option<String> {
    let words = text.split_whitespace().map(|word| match word {
        "and" => Some("AND"),
        "or" => Some("OR"),
        name => {
            let name = name.to_ascii_lowercase();
            NAMES.iter().find(|(debian, _)| *debian == name).map(|(_, spdx)| *spdx)
        }
    });
    let words: Vec<&str> = words.collect::<Option<_>>()?;
    let operators = words.iter().filter(|word| ["AND", "OR"].contains(*word)).count();
    (words.len() == 2 * operators + 1).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paragraph_of_all_files_decides() {
        let text = "Format: x\n\nFiles: debian/*\nLicense: GPL-3+\n\nFiles: *\nCopyright: me\nLicense: Expat or LGPL-2.1+\n text\n";
        assert_eq!(licence_of("libx1", text), "MIT OR LGPL-2.1-or-later");
        assert_eq!(licence_of("libstdc++6", "Copyright by many"), "LicenseRef-Debian-libstdc--6");
        assert_eq!(
            licence_of("libx1", "Files: *\nLicense: GPL-2+ with OpenSSL exception\n"),
            "LicenseRef-Debian-libx1"
        );
    }
}
