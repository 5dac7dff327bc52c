//! Folders of the build that must not be found in the result.

use super::member::Member;

/// A folder of one build, and the name that stands for it wherever it may be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildPath {
    /// Absolute, without a `/` at the end.
    pub path: String,
    /// The same in every build, such as `/source`.
    pub alias: String,
}

impl BuildPath {
    pub fn new(path: impl Into<String>, alias: impl Into<String>) -> Self {
        let path: String = path.into();
        Self { path: path.trim_end_matches('/').to_owned(), alias: alias.into() }
    }

    /// Where `text` names this folder or something in it: `/build` is not in `/builds/a`.
    fn find(&self, text: &str) -> Option<usize> {
        if self.path.is_empty() {
            return None;
        }
        let goes_on =
            |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        text.match_indices(&self.path).map(|(at, _)| at).find(|at| !goes_on(&text[at + self.path.len()..]))
    }
}

/// `text` with every one of `paths` replaced by its alias; `None` when it names none. A path inside
/// another is to be replaced first, so `paths` go from long to short.
pub(super) fn replace(text: &str, paths: &[BuildPath]) -> Option<String> {
    let mut paths: Vec<&BuildPath> = paths.iter().collect();
    paths.sort_by_key(|path| std::cmp::Reverse(path.path.len()));
    let mut current = None;
    for path in paths {
        let mut rest = current.as_deref().unwrap_or(text);
        let mut out = String::new();
        while let Some(at) = path.find(rest) {
            out.push_str(&rest[..at]);
            out.push_str(&path.alias);
            rest = &rest[at + path.path.len()..];
        }
        if !out.is_empty() {
            out.push_str(rest);
            current = Some(out);
        }
    }
    current
}

/// Notes every text member that names a folder of the build. It is not changed: what the text is
/// for only the project knows, but such a wheel differs from one built elsewhere.
pub(super) fn note_leftovers(members: &[Member], paths: &[BuildPath], notes: &mut Vec<String>) {
    if paths.is_empty() {
        return;
    }
    // One search is enough for a text that names none of them.
    let beginning = paths[1..].iter().fold(paths[0].path.as_str(), |common, path| {
        let same = common.char_indices().zip(path.path.chars()).take_while(|((_, a), b)| a == b);
        &common[..same.last().map_or(0, |((at, c), _)| at + c.len_utf8())]
    });
    for member in members {
        let Ok(text) = std::str::from_utf8(&member.data) else { continue };
        if !text.contains(beginning) {
            continue;
        }
        if let Some((path, at)) = paths.iter().find_map(|path| Some((path, path.find(text)?))) {
            let line = text[..at].matches('\n').count() + 1;
            notes.push(format!("`{}` names the build folder `{}` in line {line}", member.name, path.alias));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_folders_are_found_and_the_longest_goes_first() {
        let paths = [BuildPath::new("/build", "/root"), BuildPath::new("/build/source/", "/source")];
        for (before, after) in [
            ("/build/source/a.c:1", Some("/source/a.c:1")),
            ("a=/build b=/build/x /build/source", Some("a=/root b=/root/x /source")),
            ("/builds/a /build-env /build.d", None),
            ("/build/sources/a", Some("/root/sources/a")),
            ("", None),
        ] {
            assert_eq!(replace(before, &paths).as_deref(), after, "{before}");
        }
        assert_eq!(replace("/", &[BuildPath::new("/", "/x")]), None);
    }

    #[test]
    fn leftovers_are_noted_with_their_line() {
        let members = [
            Member::file("pkg/config.py", "a = 1\nCC = '/build/bin/cc'\n"),
            Member::file("pkg/clean.py", "a = '/builder'\n"),
            Member::file("pkg/a.so", b"\xff/build/bin\0".as_slice()),
        ];
        let mut notes = Vec::new();
        note_leftovers(&members, &[BuildPath::new("/build", "/build-folder")], &mut notes);
        assert_eq!(notes, ["`pkg/config.py` names the build folder `/build-folder` in line 2"]);
    }
}
