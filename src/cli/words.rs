//! From the words of a command line to those that clap reads: `@FILE` and the default verb.

use std::ffi::OsString;
use std::io::Read;

use clap::CommandFactory;

use super::typed::Typed;
use crate::report::{Code, Error, Result};

/// Replaces each `@FILE` by the lines of the file (once, not nested), and puts `build` in front
/// when no verb is given.
pub fn expand(words: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>> {
    let mut out: Vec<OsString> = Vec::new();
    for (position, word) in words.into_iter().enumerate() {
        match word.to_str().and_then(|text| text.strip_prefix('@')) {
            Some(file) if position > 0 && !file.is_empty() => {
                let text = read(file)?;
                out.extend(text.lines().filter(|line| !line.is_empty()).map(OsString::from));
            }
            _ => out.push(word),
        }
    }
    if !names_a_verb(&out) {
        out.insert(1.min(out.len()), OsString::from("build"));
    }
    Ok(out)
}

/// More than any command line; a device would never end.
const LARGEST_FILE: u64 = 16 << 20;

/// The text of an argument file.
fn read(file: &str) -> Result<String> {
    let failed = |why: String| {
        Error::new(Code::InputNotFound, format!("cannot read the argument file `{file}`")).cause(why)
    };
    let open = std::fs::File::open(file).map_err(|error| failed(error.to_string()))?;
    let mut text = String::new();
    let read = open.take(LARGEST_FILE + 1).read_to_string(&mut text);
    match read.map_err(|error| failed(error.to_string()))? as u64 > LARGEST_FILE {
        true => Err(failed(format!("it is larger than {} MiB", LARGEST_FILE >> 20))),
        false => Ok(text),
    }
}

/// True when the first word that is no flag is a verb, or when only help or the version is asked.
fn names_a_verb(words: &[OsString]) -> bool {
    let command = Typed::command();
    let takes_value = |word: &str| {
        command.get_arguments().any(|argument| {
            argument.get_action().takes_values()
                && (argument.get_long().is_some_and(|long| word == format!("--{long}"))
                    || argument.get_short().is_some_and(|short| word == format!("-{short}")))
        })
    };
    let mut words = words.iter().skip(1).map(|word| word.to_string_lossy());
    let mut any = false;
    while let Some(word) = words.next() {
        any = true;
        if matches!(&*word, "-h" | "--help" | "-V" | "--version") {
            return true;
        }
        if takes_value(&word) {
            words.next();
        } else if !word.starts_with('-') {
            return command.get_subcommands().any(|verb| verb.get_name() == word);
        } else if word.starts_with("--") && !is_global_flag(&command, &word) {
            // A flag of `build` before any source: `--target x86_64-linux sdist.tar.gz`.
            return false;
        } else if word.len() == 2 && !is_global_flag(&command, &word) {
            return false;
        }
    }
    !any
}

fn is_global_flag(command: &clap::Command, word: &str) -> bool {
    let name = word.split('=').next().unwrap_or(word);
    command.get_arguments().any(|argument| {
        argument.get_long().is_some_and(|long| name == format!("--{long}"))
            || argument.get_short().is_some_and(|short| name.starts_with(&format!("-{short}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        expand(line.split(' ').map(OsString::from))
            .unwrap()
            .into_iter()
            .map(|w| w.into_string().unwrap())
            .collect()
    }

    #[test]
    fn build_is_the_default_verb() {
        assert_eq!(words("wheelbuild a.tar.gz --target x")[1], "build");
        assert_eq!(words("wheelbuild --target x a.tar.gz")[1], "build");
        assert_eq!(words("wheelbuild -t x a.tar.gz")[1], "build");
        assert_eq!(words("wheelbuild --offline -v a.tar.gz")[1], "build");
        assert_eq!(words("wheelbuild build a.tar.gz")[1], "build");
        assert_eq!(words("wheelbuild build a.tar.gz").len(), 3);
        assert_eq!(words("wheelbuild --cache-dir build doctor")[1], "--cache-dir");
        assert_eq!(words("wheelbuild -q cache info")[1], "-q");
        assert_eq!(words("wheelbuild --help")[1], "--help");
        assert_eq!(words("wheelbuild --version")[1], "--version");
    }

    #[test]
    fn an_argument_file_holds_one_argument_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("args");
        std::fs::write(&file, "a b.tar.gz\n\n--target\nx86_64-linux\n").unwrap();
        let line = [OsString::from("wheelbuild"), format!("@{}", file.display()).into()];
        assert_eq!(expand(line).unwrap(), ["wheelbuild", "build", "a b.tar.gz", "--target", "x86_64-linux"]);
        let endless = expand([OsString::from("wheelbuild"), OsString::from("@/dev/zero")]).unwrap_err();
        assert!(endless.causes()[0].contains("16 MiB"), "{endless:?}");
        let error = expand([OsString::from("wheelbuild"), OsString::from("@/nonexistent")]).unwrap_err();
        assert_eq!(error.code(), Code::InputNotFound);
    }
}
