//! Scripts that start an interpreter: the one beside them, so that an environment may be mounted
//! anywhere, the first on the search path, or one at a fixed place.

use super::entry_points::EntryPoint;

/// Longer first lines some kernels cut short.
const LONGEST_LINE: usize = 127;

/// Which interpreter a script is run by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head<'p> {
    /// The program `python` in the script's own folder.
    Beside,
    /// `python3` on the search path.
    SearchPath,
    /// This program.
    Program(&'p str),
}

/// The program that calls `entry`.
pub fn of_entry(entry: &EntryPoint, head: Head<'_>) -> Vec<u8> {
    let EntryPoint { module, function, .. } = entry;
    let imported = function.split('.').next().unwrap_or(function);
    let head = head.lines("");
    format!("{head}import sys\nfrom {module} import {imported}\nsys.exit({function}())\n").into_bytes()
}

/// A script of a wheel with its `#!python` line (PEP 427) made real; `None` when it has none.
pub fn of_script(script: &[u8], head: Head<'_>) -> Option<Vec<u8>> {
    let end = script.iter().position(|byte| *byte == b'\n').map_or(script.len(), |at| at + 1);
    let (first, rest) = script.split_at(end);
    let line = std::str::from_utf8(first).ok()?.strip_prefix("#!python")?;
    let arguments = line.strip_prefix('w').unwrap_or(line);
    if !arguments.is_empty() && !arguments.starts_with(char::is_whitespace) {
        return None;
    }
    // What could mean something else to a shell is no option of an interpreter.
    if !arguments.chars().all(|c| c.is_ascii_alphanumeric() || " \t\r\n-_=.:".contains(c)) {
        return None;
    }
    Some([head.lines(arguments.trim()).as_bytes(), rest].concat())
}

impl Head<'_> {
    /// The first lines of a script.
    ///
    /// Beside the script or with a long path they are read twice: the shell runs the interpreter with
    /// them, and to that interpreter the same lines are a string without effect.
    fn lines(self, arguments: &str) -> String {
        let quoted = || -> String {
            arguments.split_whitespace().map(|argument| format!("\"{argument}\" ")).collect()
        };
        match self {
            Self::Beside => {
                let arguments = quoted();
                format!("#!/bin/sh\n\"exec\" \"${{0%/*}}/python\" {arguments}\"$0\" \"$@\"\n")
            }
            Self::SearchPath => "#!/usr/bin/env python3\n".to_owned(),
            Self::Program(path) => {
                let line = format!("#!{path} {arguments}");
                let line = line.trim_end();
                if line.len() < LONGEST_LINE && !path.contains(char::is_whitespace) {
                    return format!("{line}\n");
                }
                let arguments = quoted();
                format!("#!/bin/sh\n\"exec\" \"{path}\" {arguments}\"$0\" \"$@\"\n")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_python_scripts_are_changed() {
        let text = |script: &str| {
            of_script(script.as_bytes(), Head::Beside).map(|bytes| String::from_utf8(bytes).unwrap())
        };
        let head = "#!/bin/sh\n\"exec\" \"${0%/*}/python\" \"$0\" \"$@\"\n";
        assert_eq!(text("#!python\nprint(1)\n").unwrap(), format!("{head}print(1)\n"));
        assert_eq!(text("#!pythonw").unwrap(), head);
        assert!(text("#!python -E\n").unwrap().contains("python\" \"-E\" \"$0\""));
        for other in ["#!python3\n", "#!python -X\"$(x)\"\n", "#!/bin/sh\n", "print(1)\n", "", "\x7fELF"] {
            assert_eq!(text(other), None, "{other}");
        }
    }

    #[test]
    fn a_program_at_a_fixed_place_is_named_unless_its_path_is_too_long() {
        let text = |script: &str, path: &str| {
            String::from_utf8(of_script(script.as_bytes(), Head::Program(path)).unwrap()).unwrap()
        };
        assert_eq!(text("#!python -E\nx", "/usr/bin/python3.11"), "#!/usr/bin/python3.11 -E\nx");
        assert_eq!(text("#!python\nx", "/usr/bin/python3.11"), "#!/usr/bin/python3.11\nx");
        let long = format!("/{}/python3", "d".repeat(120));
        let head = format!("#!/bin/sh\n\"exec\" \"{long}\" \"-E\" \"$0\" \"$@\"\nx");
        assert_eq!(text("#!python -E\nx", &long), head);
    }

    #[test]
    fn a_launcher_runs_the_interpreter_beside_it_from_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("a folder/bin");
        std::fs::create_dir_all(&bin).unwrap();
        let python = which::which("python3").unwrap();
        std::os::unix::fs::symlink(&python, bin.join("python")).unwrap();
        let entry = EntryPoint { name: "x".into(), module: "sys".into(), function: "argv.copy".into() };
        let path = bin.join("x");
        std::fs::write(&path, of_entry(&entry, Head::Beside)).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).unwrap();
        let output = std::process::Command::new(&path).arg("one two").current_dir("/").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("'one two'") && said.contains("a folder/bin/x"), "{said}");
    }
}
