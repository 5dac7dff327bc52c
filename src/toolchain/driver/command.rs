//! The grammar of a compiler's command line: which words belong together.
//!
//! gcc and clang read their arguments alike. What matters here is which options take the next
//! word, which `-Wl,` and `-Xlinker` pieces form one linker option, and what is an input.
//! [`Arg::canonical`] gives each argument one spelling, which the rules of
//! `toolchains/flags.toml` match; writing an argument back keeps the package's own spelling.

use super::linker_command::{LinkerArg, linker_args};
use crate::report::{Code, Error, Result};

/// How an option and its value were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joint {
    /// `-Idir`
    Joined,
    /// `--name=value`
    Equals,
    /// `-I dir`
    Separate,
}

/// One argument of the compiler, its value included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A file, or `-` for standard input.
    Input(String),
    /// A single word.
    Flag(String),
    /// An option and its value.
    Pair(String, String, Joint),
    /// One option of the linker.
    Linker(LinkerArg),
}

/// Options whose value is the next word or the rest of the word.
const JOINED_OR_SEPARATE: &[&str] = &[
    "-isystem",
    "-idirafter",
    "-iquote",
    "-iprefix",
    "-iwithprefix",
    "-MF",
    "-MT",
    "-MQ",
    "-MJ",
    "-o",
    "-x",
    "-I",
    "-L",
    "-l",
    "-D",
    "-U",
    "-u",
    "-T",
    "-z",
    "-B",
];

/// Options whose value is always the next word.
const SEPARATE: &[&str] = &[
    "-include",
    "-imacros",
    "-include-pch",
    "-isysroot",
    "-Xclang",
    "-Xpreprocessor",
    "-Xassembler",
    "-target",
    "--target",
    "-arch",
    "--sysroot",
    "--param",
    "-mllvm",
    "-dumpbase",
    "-dumpbase-ext",
    "-dumpdir",
    "-aux-info",
    "-wrapper",
    "-resource-dir",
    "-gcc-toolchain",
    "-iframework",
    "-framework",
    "-ivfsoverlay",
    "-serialize-diagnostics",
    "-e",
    "-soname",
    "-rpath",
];

/// Words that begin with an option of [`JOINED_OR_SEPARATE`] and are none.
const NOT_JOINED: &[&str] = &["-Ttext", "-Tdata", "-Tbss", "-Mach", "-include", "-imacros"];

impl Arg {
    /// The one spelling that rules match.
    pub fn canonical(&self) -> String {
        match self {
            Self::Input(path) => path.clone(),
            Self::Flag(word) => word.clone(),
            Self::Pair(name, value, _) => format!("{name} {value}"),
            Self::Linker(arg) => arg.canonical(),
        }
    }

    /// The value, when this is option `name` with one.
    pub fn value_of(&self, name: &str) -> Option<&str> {
        match self {
            Self::Pair(option, value, _) if option == name => Some(value),
            _ => None,
        }
    }

    /// True for the single word `word`.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Self::Flag(flag) if flag == word)
    }
}

/// Reads the words of a compiler call.
///
/// # Errors
/// `Code::Compiler` when the last word is an option that needs a value.
pub fn parse(words: Vec<String>) -> Result<Vec<Arg>> {
    let mut args = Vec::new();
    // Pieces of -Wl, and -Xlinker that stand together form one list: `-Wl,-z -Wl,now` is one option.
    let mut pending: Vec<String> = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if let Some(list) = word.strip_prefix("-Wl,") {
            pending.extend(list.split(',').filter(|piece| !piece.is_empty()).map(str::to_owned));
            continue;
        }
        if word == "-Xlinker" {
            pending.push(words.next().ok_or_else(|| needs_value(&word))?);
            continue;
        }
        flush(&mut pending, &mut args);
        args.push(compiler_arg(word, &mut words)?);
    }
    flush(&mut pending, &mut args);
    Ok(args)
}

fn flush(pending: &mut Vec<String>, args: &mut Vec<Arg>) {
    args.extend(linker_args(pending.drain(..)).into_iter().map(Arg::Linker));
}

fn compiler_arg(word: String, rest: &mut impl Iterator<Item = String>) -> Result<Arg> {
    if !word.starts_with('-') || word == "-" {
        return Ok(Arg::Input(word));
    }
    if SEPARATE.contains(&word.as_str()) || JOINED_OR_SEPARATE.contains(&word.as_str()) {
        let value = rest.next().ok_or_else(|| needs_value(&word))?;
        return Ok(Arg::Pair(word, value, Joint::Separate));
    }
    if !NOT_JOINED.iter().any(|prefix| word.starts_with(prefix))
        && let Some(option) = JOINED_OR_SEPARATE.iter().find(|option| word.starts_with(**option))
    {
        let value = word[option.len()..].to_owned();
        return Ok(Arg::Pair((*option).to_owned(), value, Joint::Joined));
    }
    Ok(Arg::Flag(word))
}

fn needs_value(word: &str) -> Error {
    Error::new(Code::Compiler, format!("argument to `{word}` is missing"))
}

/// Writes arguments back as words for a compiler.
pub fn words(args: &[Arg]) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(args.len() + 8);
    let mut pieces: Vec<String> = Vec::new();
    for arg in args {
        if let Arg::Linker(arg) = arg {
            pieces.extend(arg.words());
            continue;
        }
        write_pieces(&mut pieces, &mut out);
        match arg {
            Arg::Input(word) | Arg::Flag(word) => out.push(word.clone()),
            Arg::Pair(name, value, Joint::Separate) => out.extend([name.clone(), value.clone()]),
            Arg::Pair(name, value, Joint::Joined) => out.push(format!("{name}{value}")),
            Arg::Pair(name, value, Joint::Equals) => out.push(format!("{name}={value}")),
            Arg::Linker(_) => {}
        }
    }
    write_pieces(&mut pieces, &mut out);
    out
}

/// One `-Wl,` for all pieces, unless a comma stands in one.
fn write_pieces(pieces: &mut Vec<String>, out: &mut Vec<String>) {
    if pieces.is_empty() {
        return;
    }
    if pieces.iter().any(|piece| piece.contains(',')) {
        out.extend(pieces.drain(..).flat_map(|piece| ["-Xlinker".to_owned(), piece]));
    } else {
        out.push(format!("-Wl,{}", pieces.join(",")));
        pieces.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(line: &str) -> Vec<String> {
        parse(line.split(' ').map(str::to_owned).collect()).unwrap().iter().map(Arg::canonical).collect()
    }

    #[test]
    fn values_stay_with_their_options() {
        assert_eq!(
            canonical("-c -Iinc -I inc2 -DX=1 -o a.o a.c -MF a.d -include stdio.h -x c++ b -"),
            [
                "-c",
                "-I inc",
                "-I inc2",
                "-D X=1",
                "-o a.o",
                "a.c",
                "-MF a.d",
                "-include stdio.h",
                "-x c++",
                "b",
                "-"
            ]
        );
        assert!(parse(vec!["-c".into(), "-o".into()]).is_err());
    }

    #[test]
    fn linker_pieces_form_options_across_words() {
        assert_eq!(
            canonical(
                "-Wl,-z -Wl,now -Xlinker -rpath -Xlinker /a -Wl,-soname=liba.so,--as-needed -Wl,-zrelro"
            ),
            ["-z now", "--rpath /a", "--soname liba.so", "--as-needed", "-z relro"]
        );
        assert_eq!(
            canonical("-Wl,-O1,-Bsymbolic-functions,--sort-common,-Map=a.map,-h,x,-lfoo,-L/d,-R/e,-uf"),
            [
                "-O 1",
                "--Bsymbolic-functions",
                "--sort-common",
                "--Map a.map",
                "-h x",
                "-l foo",
                "-L /d",
                "-R /e",
                "-u f"
            ]
        );
        assert_eq!(
            canonical(
                "-Wl,--undefined=f,-undefined,g,--unresolved-symbols=ignore-all,-z,defs,a.o,-melf_x86_64"
            ),
            [
                "--undefined f",
                "--undefined g",
                "--unresolved-symbols ignore-all",
                "-z defs",
                "a.o",
                "-m elf_x86_64"
            ]
        );
    }

    #[test]
    fn commas_from_xlinker_survive() {
        let args = parse(["-Xlinker", "--defsym=a=b,c"].map(str::to_owned).to_vec()).unwrap();
        assert_eq!(words(&args), ["-Xlinker", "--defsym=a=b,c"]);
    }

    proptest::proptest! {
        /// Whatever the words: nothing panics, nothing but the grouping of linker pieces changes.
        #[test]
        fn writing_back_keeps_every_word(line in proptest::collection::vec("-?-?[a-zA-Zl,=.+-]{0,9}", 0..9)) {
            if let Ok(args) = parse(line.clone()) {
                let again = parse(words(&args)).unwrap();
                let spell = |args: &[Arg]| args.iter().map(Arg::canonical).collect::<Vec<_>>();
                proptest::prop_assert_eq!(spell(&args), spell(&again));
            }
        }
    }
}
