//! The archives that a machine's apt is configured for: `sources.list` and `sources.list.d`
//! (sources.list(5), one line a source, and deb822 stanzas).

use std::path::Path;

/// The addresses below `etc` (the machine's `/etc/apt`), in apt's order, each once. Nothing there is
/// an empty list: most machines have no apt.
///
/// Suites and components are not asked for: a pinned file is looked up by its path in the pool, and
/// its sha256 is checked, whatever key the archive is signed with (`Signed-By`).
pub fn of_machine(etc: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut add = |addresses: Vec<String>| {
        for address in addresses {
            if !found.contains(&address) {
                found.push(address);
            }
        }
    };
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    add(one_line(&read(&etc.join("sources.list"))));
    let mut parts: Vec<_> = std::fs::read_dir(etc.join("sources.list.d"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    parts.sort();
    for part in parts {
        match part.extension().and_then(|ending| ending.to_str()) {
            Some("list") => add(one_line(&read(&part))),
            Some("sources") => add(stanzas(&read(&part))),
            _ => {}
        }
    }
    found
}

/// `deb [option=value …] ADDRESS SUITE COMPONENT…`
fn one_line(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .filter_map(|line| {
            let rest = line.strip_prefix("deb-src").or_else(|| line.strip_prefix("deb"))?;
            let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
            let rest = match rest.strip_prefix('[') {
                Some(options) => options.split_once(']')?.1.trim_start(),
                None => rest,
            };
            rest.split_whitespace().next().map(str::to_owned)
        })
        .collect()
}

fn stanzas(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let without_comments: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for stanza in without_comments.split(|line| line.trim().is_empty()) {
        let field = |name: &str| {
            let mut value = String::new();
            let mut inside = false;
            for line in stanza {
                if line.starts_with([' ', '\t']) {
                    if inside {
                        value.push_str(line);
                    }
                } else {
                    inside = line
                        .split_once(':')
                        .filter(|(key, _)| key.trim().eq_ignore_ascii_case(name))
                        .map(|(_, rest)| value.push_str(rest))
                        .is_some();
                }
            }
            value
        };
        let off = field("Enabled").trim().to_ascii_lowercase();
        if !matches!(off.as_str(), "no" | "false" | "0" | "off" | "disable" | "without") {
            found.extend(field("URIs").split_whitespace().map(str::to_owned));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let etc = tempfile::tempdir().unwrap();
        let parts = etc.path().join("sources.list.d");
        std::fs::create_dir(&parts).unwrap();
        let write = |name: &str, text: &str| std::fs::write(parts.join(name), text).unwrap();
        std::fs::write(
            etc.path().join("sources.list"),
            "# deb http://off/ x main\ndeb [arch=amd64 signed-by=/a] http://one/debian bookworm main # why\n\
             deb-src\thttp://two/debian bookworm main\ndebris http://none/ a b\n",
        )
        .unwrap();
        write(
            "b.sources",
            "Types: deb\n# URIs: http://off/\nURIs: http://three/debian\n http://four/debian\nSuites: x\n\n\
                            Types: deb\nEnabled: no\nURIs: http://off/\n\nuris: http://one/debian\n",
        );
        write("a.list", "deb http://five/debian sid main\n");
        write("c.sources.save", "URIs: http://off/\n");
        assert_eq!(
            of_machine(etc.path()),
            [
                "http://one/debian",
                "http://two/debian",
                "http://five/debian",
                "http://three/debian",
                "http://four/debian"
            ]
        );
        assert!(of_machine(&etc.path().join("none")).is_empty());
    }
}
