//! A compiler of the user's (`--cc system`): what CC and CXX say, and what of the machine a build must
//! see for it to work.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::{Mount, hidden};
use crate::report::Result;
use crate::toolchain::driver::SystemCompiler;

/// Folders of the machine's own that a build sees in any case, but for those that are hidden.
const SYSTEM: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"];

/// The compilers that CC and CXX of the environment name, split as a shell would split plain words.
///
/// # Errors
/// [`Code::Usage`](crate::report::Code::Usage) when the compiler cannot be run.
pub(super) fn from_environment() -> Result<SystemCompiler> {
    let words = |name: &str, default: &str| -> Vec<String> {
        let text = std::env::var(name).unwrap_or_default();
        let text = if text.trim().is_empty() { default.to_owned() } else { text };
        let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        // Inside the sandbox PATH is another.
        if let Some(found) = words.first().and_then(|first| which::which(first).ok()) {
            words[0] = found.display().to_string();
        }
        words
    };
    SystemCompiler::detect(words("CC", "cc"), words("CXX", "c++"))
}

/// The folders to show for a program outside the system's own: the one it is in, the one it really is
/// in, and where a two-line script leads.
pub(super) fn home_of(program: &Path) -> Vec<Mount> {
    let mut mounts = Vec::new();
    let mut see = |path: &Path| {
        let folder = path.parent().filter(|folder| path.is_absolute() && !seen(path) && folder.is_dir());
        mounts.extend(folder.map(Mount::here));
    };
    see(program);
    if let Ok(real) = program.canonicalize() {
        see(&real);
    }
    if let Ok(text) = std::fs::read_to_string(program) {
        for word in text.split(|c: char| c.is_whitespace() || c == '"' || c == '\'') {
            if word.starts_with('/') && Path::new(word).is_file() {
                see(Path::new(word));
            }
        }
    }
    mounts
}

/// The folders that the compiler itself looks into: its own programs, its libraries, its headers. The
/// machine's headers, which builds do not see, are among them where the C library's are.
pub(super) fn folders(compiler: &SystemCompiler) -> Vec<Mount> {
    let mut folders = Vec::new();
    for (command, language) in [(&compiler.cc, "c"), (&compiler.cxx, "c++")] {
        let said = ask(command, &["-print-search-dirs"], "").unwrap_or_default();
        folders.extend(search_folders(&said.0));
        if let Some((sysroot, _)) = ask(command, &["-print-sysroot"], "") {
            folders.extend(outside(sysroot.trim()));
        }
        let words = ["-E", "-v", "-x", language, "-"];
        let Some((text, notes)) = ask(command, &words, "#include <stdlib.h>\n") else { continue };
        folders.extend(header_folders(&notes));
        folders.extend(files(&text).filter_map(|file| hidden(Path::new(file))));
    }
    let mut folders: Vec<PathBuf> = folders.into_iter().filter(|folder| folder.is_dir()).collect();
    folders.sort();
    // One within another is seen with it.
    folders.dedup_by(|inner, outer| inner.starts_with(outer));
    folders.into_iter().map(Mount::here).collect()
}

/// Output and error output of a call of the compiler, where it succeeds.
fn ask(command: &[String], words: &[&str], input: &str) -> Option<(String, String)> {
    let (program, first) = command.split_first()?;
    let mut child = Command::new(program)
        .args(first)
        .args(words)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    // A compiler that does not read it has failed, which its status says.
    let _ = child.stdin.take()?.write_all(input.as_bytes());
    let output = child.wait_with_output().ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    output.status.success().then(|| (text(&output.stdout), text(&output.stderr)))
}

/// True for what a build sees in any case.
fn seen(path: &Path) -> bool {
    SYSTEM.iter().any(|root| path.starts_with(root))
}

/// The folder, without steps up, if it is one and lies outside what is seen anyway.
fn outside(folder: &str) -> Option<PathBuf> {
    let folder = Path::new(folder).canonicalize().ok()?;
    (!seen(&folder) && folder != Path::new("/")).then_some(folder)
}

/// Those of `-print-search-dirs`: lines like `programs: =/opt/cc/libexec/:/opt/cc/bin/`.
fn search_folders(text: &str) -> Vec<PathBuf> {
    let lists = text.lines().filter_map(|line| line.split_once(": "));
    lists.flat_map(|(_, list)| list.trim_start_matches('=').split(':')).filter_map(outside).collect()
}

/// Those that `-v` lists as searched for headers: indented lines between two that say so.
fn header_folders(notes: &str) -> Vec<PathBuf> {
    let lists = notes.lines().skip_while(|line| !line.starts_with("#include "));
    lists
        .take_while(|line| !line.starts_with("End of search list"))
        .filter_map(|line| line.strip_prefix(' ').and_then(outside))
        .collect()
}

/// The files that a preprocessed text comes from: `# 1 "/usr/include/stdlib.h" 1 3 4`.
fn files(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix("# ")?.split('"').nth(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_those_that_the_compiler_names() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().canonicalize().unwrap().join(name);
        for folder in ["bin", "lib/gcc/x/12", "x/include", "x/lib"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        let root = at("").display().to_string();
        let dirs = format!(
            "install: {root}lib/gcc/x/12/\nprograms: =/usr/lib/:{root}lib/gcc/x/12/../../../../bin/\n\
             libraries: =/lib/:{root}x/lib/:{root}absent/\n"
        );
        assert_eq!(search_folders(&dirs), [at("lib/gcc/x/12"), at("bin"), at("x/lib")]);
        let notes = format!(
            "ignoring nonexistent directory \"{root}no\"\n#include \"...\" search starts here:\n\
             #include <...> search starts here:\n {root}x/include\n /usr/include\nEnd of search list.\n {root}x/lib\n"
        );
        assert_eq!(header_folders(&notes), [at("x/include")]);
    }

    #[test]
    fn files_are_read_from_line_markers() {
        let text = "# 0 \"<stdin>\"\n# 1 \"/usr/include/stdlib.h\" 1 3 4\nint x;\n#define a \"b\"\n";
        assert_eq!(files(text).collect::<Vec<_>>(), ["<stdin>", "/usr/include/stdlib.h"]);
    }
}
