//! One `.pc` file (pkg-config(1), "METADATA FILE SYNTAX").

use std::path::{Path, PathBuf};

/// What a file says, variables put in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Module {
    /// Its name without folder and `.pc`.
    pub id: String,
    pub path: PathBuf,
    /// In the file's order.
    pub variables: Vec<(String, String)>,
    pub name: String,
    pub description: String,
    pub version: String,
    pub requires: String,
    pub requires_private: String,
    pub libs: String,
    pub libs_private: String,
    pub cflags: String,
    sysroot: Option<String>,
}

impl Module {
    /// Reads `text`, the content of the file `path`, which lies below `sysroot` if there is one; `defines`
    /// win over the file's own variables.
    pub fn parse(path: &Path, text: &str, sysroot: Option<&str>, defines: &[(String, String)]) -> Self {
        let folder = path.parent().unwrap_or(Path::new("/")).display().to_string();
        let mut module = Self {
            id: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            path: path.to_owned(),
            sysroot: sysroot.map(str::to_owned),
            ..Self::default()
        };
        let builtin = [("pcfiledir", folder), ("pc_sysrootdir", sysroot.unwrap_or("/").to_owned())];
        for (name, value) in builtin {
            module.variables.push((name.to_owned(), value));
        }
        for line in joined(text) {
            let line = line.split('#').next().unwrap_or_default().trim();
            let end =
                line.find(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c))).unwrap_or(line.len());
            let (key, rest) = line.split_at(end);
            let rest = rest.trim_start();
            if let Some(value) = rest.strip_prefix('=').filter(|_| !key.is_empty()) {
                let defined = defines.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
                let value = defined.unwrap_or_else(|| module.below(&module.expand(value.trim())));
                module.variables.retain(|(name, _)| name != key);
                module.variables.push((key.to_owned(), value));
            } else if let Some(value) = rest.strip_prefix(':') {
                let value = module.expand(value.trim());
                let field = match key.to_ascii_lowercase().as_str() {
                    "name" => &mut module.name,
                    "description" => &mut module.description,
                    "version" => &mut module.version,
                    "requires" => &mut module.requires,
                    "requires.private" => &mut module.requires_private,
                    "libs" => &mut module.libs,
                    "libs.private" => &mut module.libs_private,
                    "cflags" | "cflags.private" if module.cflags.is_empty() => &mut module.cflags,
                    _ => continue,
                };
                *field = value;
            }
        }
        module
    }

    /// The value of a variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The words of a field, folders of the target put below the sysroot.
    pub fn words(&self, field: &str) -> Vec<String> {
        let mut words = super::super::response::split(field).into_iter();
        let mut out = Vec::new();
        while let Some(word) = words.next() {
            let word = match word.as_str() {
                // The value may stand apart.
                "-I" | "-L" | "-l" => format!("{word}{}", words.next().unwrap_or_default()),
                _ => word,
            };
            let folder =
                ["-I", "-L", "-isystem", "-idirafter"].iter().find(|option| word.starts_with(**option));
            out.push(match folder {
                Some(option) => format!("{option}{}", self.below(&word[option.len()..])),
                None if word.starts_with('/') => self.below(&word),
                None => word,
            });
        }
        out
    }

    /// An absolute path of the target as a path below the sysroot, once.
    fn below(&self, path: &str) -> String {
        match &self.sysroot {
            Some(root) if path.starts_with('/') && !Path::new(path).starts_with(root) => {
                format!("{root}{path}")
            }
            _ => path.to_owned(),
        }
    }

    fn expand(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(more) = after.strip_prefix('$') {
                out.push('$');
                rest = more;
            } else if let Some((name, more)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}'))
            {
                out.push_str(self.variable(name).unwrap_or_default());
                rest = more;
            } else {
                out.push('$');
                rest = after;
            }
        }
        out.push_str(rest);
        out
    }
}

/// Lines, with those that end in a backslash joined to the next.
fn joined(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for line in text.lines() {
        // One line is always there.
        let Some(last) = lines.last_mut() else { continue };
        match line.strip_suffix('\\') {
            Some(part) => last.push_str(part),
            None => {
                last.push_str(line);
                lines.push(String::new());
            }
        }
    }
    lines
}
