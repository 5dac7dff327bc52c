//! Questions to the compiler that the driver answers itself.
//!
//! Build systems ask which machine a compiler is for and where it looks for libraries. `zig cc` fails
//! on most of these for a triple with a glibc version, and the others answer with the build machine's
//! folders.

use std::path::Path;

use super::command::Arg;
use super::config::Toolset;
use super::rules::Dialect;

/// The answer, a line without its end; `None`: the compiler must be asked.
pub fn answer(toolset: &Toolset, args: &[Arg], bin: &Path) -> Option<String> {
    if toolset.triple.is_empty() {
        return None;
    }
    args.iter().find_map(|arg| match arg {
        Arg::Flag(word) => one(toolset, &word.replacen("--print", "-print", 1), bin),
        _ => None,
    })
}

fn one(toolset: &Toolset, word: &str, bin: &Path) -> Option<String> {
    let ours = matches!(toolset.dialect, Dialect::Kit | Dialect::Zig);
    let text = match word {
        "-dumpmachine" | "-print-target-triple" if ours => toolset.triple.clone(),
        "-print-multiarch" if ours => toolset.multiarch.clone(),
        "-print-sysroot" if ours => String::new(),
        "-print-multi-os-directory" | "-print-multi-directory" if ours => ".".to_owned(),
        "-print-search-dirs" if ours => {
            format!("programs: ={}\nlibraries: ={}", bin.display(), toolset.library_folders.join(":"))
        }
        _ => {
            if let Some(program) = word.strip_prefix("-print-prog-name=") {
                let own = bin.join(program);
                return Some(if own.exists() { own.display().to_string() } else { program.to_owned() });
            }
            let name = word.strip_prefix("-print-file-name=").filter(|_| ours)?;
            let found = toolset
                .library_folders
                .iter()
                .map(|folder| Path::new(folder).join(name))
                .find(|p| p.exists());
            match found {
                Some(path) => path.display().to_string(),
                // The kit's own files are clang's to find; zig has none before it links.
                None if toolset.dialect == Dialect::Kit => return None,
                None => name.to_owned(),
            }
        }
    };
    Some(text)
}

/// The words of the compiler for a question it must answer: without the glibc version that zig's clang
/// does not understand in a triple.
pub fn words(toolset: &Toolset, command: &[String]) -> Vec<String> {
    if toolset.dialect != Dialect::Zig || toolset.triple.is_empty() {
        return command.to_vec();
    }
    let mut words = command.to_vec();
    if let Some(at) = words.iter().position(|word| word == "-target")
        && let Some(triple) = words.get_mut(at + 1)
        && let Some(floor) = triple.find(".2.")
    {
        triple.truncate(floor);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::command::parse;
    use super::*;

    #[test]
    fn answers_name_the_target_and_no_host_folder() {
        let toolset = Toolset {
            triple: "aarch64-linux-gnu".into(),
            multiarch: "aarch64-linux-gnu".into(),
            dialect: Dialect::Zig,
            library_folders: vec!["/sysroot/usr/lib".into()],
            ..Toolset::default()
        };
        let ask =
            |word: &str| answer(&toolset, &parse(vec![word.to_owned()]).unwrap(), Path::new("/build/bin"));
        assert_eq!(ask("-dumpmachine").unwrap(), "aarch64-linux-gnu");
        assert_eq!(ask("--print-multiarch").unwrap(), "aarch64-linux-gnu");
        assert_eq!(ask("-print-sysroot").unwrap(), "");
        assert_eq!(ask("-print-prog-name=objdump").unwrap(), "objdump");
        assert_eq!(
            ask("--print-search-dirs").unwrap(),
            "programs: =/build/bin\nlibraries: =/sysroot/usr/lib"
        );
        assert_eq!(ask("--version"), None);
        let command = ["zig", "cc", "-target", "aarch64-linux-gnu.2.28"].map(str::to_owned);
        assert_eq!(words(&toolset, &command)[3], "aarch64-linux-gnu");
    }
}
