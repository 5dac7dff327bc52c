//! The grammar of a linker's command line, as GNU ld and lld read it.
//!
//! The same options come inside `-Wl,` and `-Xlinker` of a compiler call and as the arguments of `ld`.

use std::collections::VecDeque;

use super::command::Joint;

/// One option of the linker, its value included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkerArg {
    pub name: String,
    pub value: Option<String>,
    pub joint: Joint,
}

impl LinkerArg {
    /// `-z text`, `--soname liba.so`, `--as-needed`: long names with two dashes, a space before the value.
    pub fn canonical(&self) -> String {
        let bare = self.name.trim_start_matches('-');
        let dashes = if bare.len() > 1 { "--" } else { "-" };
        match &self.value {
            Some(value) => format!("{dashes}{bare} {value}"),
            None if self.name.starts_with('-') => format!("{dashes}{bare}"),
            None => self.name.clone(),
        }
    }

    /// The words for the linker itself.
    pub fn words(&self) -> Vec<String> {
        match (&self.value, self.joint) {
            (None, _) => vec![self.name.clone()],
            (Some(value), Joint::Separate) => vec![self.name.clone(), value.clone()],
            (Some(value), Joint::Equals) => vec![format!("{}={value}", self.name)],
            (Some(value), Joint::Joined) => vec![format!("{}{value}", self.name)],
        }
    }

    /// From the canonical spelling.
    pub fn from_canonical(text: &str) -> Self {
        match text.split_once(' ') {
            Some((name, value)) => {
                Self { name: name.to_owned(), value: Some(value.to_owned()), joint: Joint::Separate }
            }
            None => Self { name: text.to_owned(), value: None, joint: Joint::Separate },
        }
    }
}

/// Linker options of one letter that take a value, joined or separate.
const LINKER_SHORT: &str = "zLlhRTuyYOaAbcGm";

/// Long linker options that take the next word when there is no `=`.
const LINKER_LONG: &[&str] = &[
    "soname",
    "rpath",
    "rpath-link",
    "dynamic-linker",
    "dynamic-list",
    "version-script",
    "Map",
    "undefined",
    "require-defined",
    "entry",
    "init",
    "fini",
    "defsym",
    "wrap",
    "exclude-libs",
    "plugin",
    "plugin-opt",
    "library",
    "library-path",
    "script",
    "retain-symbols-file",
    "sysroot",
    "format",
    "hash-style",
    "hash-size",
    "section-start",
    "Ttext",
    "Tdata",
    "Tbss",
    "trace-symbol",
    "auxiliary",
    "filter",
    "default-script",
    "export-dynamic-symbol",
    "image-base",
    "just-symbols",
    "oformat",
    "output",
    "mllvm",
    "dependency-file",
    "sort-section",
    "o",
    "e",
    "f",
    "F",
    "I",
];

/// Long options without a value that begin with a letter of [`LINKER_SHORT`].
const LINKER_WORDS: &[&str] = &[
    "warn",
    "as-needed",
    "allow",
    "add-needed",
    "build-id",
    "be8",
    "cref",
    "check-sections",
    "color",
    "copy-dt",
    "compress",
    "call",
    "gc-sections",
    "gdb-index",
    "lto",
    "be",
    "apply",
    "accept",
    "trace",
    "Bsymbolic",
    "threads",
    "thinlto",
    "merge",
    "relax",
    "large-address",
    "long-plt",
    "traditional",
    "unresolved-symbols",
    "undefined-version",
    "undefined-glob",
    "unique",
    "use-android",
    "time-trace",
    "time-report",
    "target",
];

/// Splits words for the linker into options.
pub fn linker_args(words: impl IntoIterator<Item = String>) -> Vec<LinkerArg> {
    let mut words: VecDeque<String> = words.into_iter().collect();
    let mut args = Vec::new();
    while let Some(word) = words.pop_front() {
        args.push(linker_arg(word, &mut words));
    }
    args
}

fn linker_arg(word: String, rest: &mut VecDeque<String>) -> LinkerArg {
    let bare = word.trim_start_matches('-');
    let dashes = word.len() - bare.len();
    let single = |name: String| LinkerArg { name, value: None, joint: Joint::Separate };
    if dashes == 0 || dashes > 2 || bare.is_empty() {
        return single(word);
    }
    if let Some((name, value)) = word.split_once('=') {
        let known = dashes == 2 || LINKER_LONG.contains(&name.trim_start_matches('-'));
        let long = name.trim_start_matches('-').len() > 1;
        let joined_letter = dashes == 1 && LINKER_SHORT.contains(&bare[..1]) && !starts_a_word(bare);
        if (known || !joined_letter) && long {
            return LinkerArg { name: name.to_owned(), value: Some(value.to_owned()), joint: Joint::Equals };
        }
    }
    if LINKER_LONG.contains(&bare) {
        let value = rest.pop_front();
        return LinkerArg { name: word, value, joint: Joint::Separate };
    }
    let letter = bare.chars().next().map_or(0, char::len_utf8);
    if dashes == 1 && LINKER_SHORT.contains(&bare[..letter]) {
        if bare.len() == letter {
            // `-O` alone means -O1; everything else takes the next word.
            let value = if bare == "O" { None } else { rest.pop_front() };
            return LinkerArg { name: word, value, joint: Joint::Separate };
        }
        if !starts_a_word(bare) {
            let (name, value) = word.split_at(1 + letter);
            return LinkerArg { name: name.to_owned(), value: Some(value.to_owned()), joint: Joint::Joined };
        }
    }
    single(word)
}

fn starts_a_word(bare: &str) -> bool {
    LINKER_WORDS.iter().chain(LINKER_LONG).any(|known| known.len() > 1 && bare.starts_with(known))
}
