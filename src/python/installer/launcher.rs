//! Scripts that find the interpreter beside themselves, so that an environment may be mounted
//! anywhere.

use super::Layout;
use super::entry_points::EntryPoint;

/// The program that calls `entry`.
pub(super) fn of_entry(entry: &EntryPoint, layout: Layout) -> Vec<u8> {
    let EntryPoint { module, function, .. } = entry;
    let imported = function.split('.').next().unwrap_or(function);
    let head = head("", layout);
    format!("{head}import sys\nfrom {module} import {imported}\nsys.exit({function}())\n").into_bytes()
}

/// A script of a wheel with its `#!python` line (PEP 427) made real; `None` when it has none.
pub(super) fn of_script(script: &[u8], layout: Layout) -> Option<Vec<u8>> {
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
    Some([head(arguments.trim(), layout).as_bytes(), rest].concat())
}

/// The first lines of a script.
///
/// In an environment they are read twice: the shell runs the interpreter beside the script with
/// it, and to that interpreter the same line is a string without effect.
fn head(arguments: &str, layout: Layout) -> String {
    match layout {
        Layout::Environment(_) => {
            let arguments: String =
                arguments.split_whitespace().map(|argument| format!("\"{argument}\" ")).collect();
            format!("#!/bin/sh\n\"exec\" \"${{0%/*}}/python\" {arguments}\"$0\" \"$@\"\n")
        }
        Layout::Folder => "#!/usr/bin/env python3\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Layout {
        Layout::Environment("3.11".parse().unwrap())
    }

    #[test]
    fn only_python_scripts_are_changed() {
        let text = |script: &str| {
            of_script(script.as_bytes(), environment()).map(|bytes| String::from_utf8(bytes).unwrap())
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
    fn a_launcher_runs_the_interpreter_beside_it_from_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("a folder/bin");
        std::fs::create_dir_all(&bin).unwrap();
        let python = which::which("python3").unwrap();
        std::os::unix::fs::symlink(&python, bin.join("python")).unwrap();
        let entry = EntryPoint { name: "x".into(), module: "sys".into(), function: "argv.copy".into() };
        let path = bin.join("x");
        std::fs::write(&path, of_entry(&entry, environment())).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).unwrap();
        let output = std::process::Command::new(&path).arg("one two").current_dir("/").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("'one two'") && said.contains("a folder/bin/x"), "{said}");
    }
}
