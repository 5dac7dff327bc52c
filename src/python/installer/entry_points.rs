//! Entry points that become programs (`console_scripts` and `gui_scripts` of entry_points.txt).

use crate::report::{Code, Error, Result};

/// A program that calls a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    /// The program's file name.
    pub name: String,
    pub module: String,
    /// The dotted path of the function in the module.
    pub function: String,
}

/// The programs of an entry_points.txt, in its order.
///
/// # Errors
/// [`Code::BadWheel`] when a line is no entry point.
pub fn parse(text: &str) -> Result<Vec<EntryPoint>> {
    let mut programs = Vec::new();
    let mut in_scripts = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            in_scripts = matches!(section.trim(), "console_scripts" | "gui_scripts");
        } else if in_scripts {
            programs.push(entry(line).ok_or_else(|| {
                Error::new(Code::BadWheel, format!("`{}` is no entry point", line.escape_default()))
            })?);
        }
    }
    Ok(programs)
}

/// `name = package.module:object.attribute [extra]`
fn entry(line: &str) -> Option<EntryPoint> {
    let (name, target) = line.split_once('=')?;
    let (name, target) = (name.trim(), target.split('[').next()?.trim());
    let (module, function) = target.split_once(':')?;
    let (module, function) = (module.trim(), function.trim());
    // The name becomes a file, the rest becomes Python code.
    let is_name = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0', '"', '\'']);
    (is_name && is_dotted(module) && is_dotted(function)).then(|| EntryPoint {
        name: name.to_owned(),
        module: module.to_owned(),
        function: function.to_owned(),
    })
}

fn is_dotted(path: &str) -> bool {
    path.split('.').all(|part| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_and_plugins_left_out() {
        let text = "[distutils.commands]\nx = a:b\n\n[console_scripts]\n# one\ncython = Cython.Compiler.Main:setuptools_main\n\
            f2py=numpy.f2py:main [extra]\n; two\n[gui_scripts]\ng.u-i = a_b.c : D.e\n";
        let programs = parse(text).unwrap();
        let names: Vec<&str> = programs.iter().map(|program| program.name.as_str()).collect();
        assert_eq!(names, ["cython", "f2py", "g.u-i"]);
        assert_eq!((programs[2].module.as_str(), programs[2].function.as_str()), ("a_b.c", "D.e"));
    }

    #[test]
    fn code_and_paths_are_no_entry_points() {
        for line in
            ["../x = a:b", "x = a", "x = a:b;import os", "x = os, sys:b", "x = a:", "= a:b", "x = a:b()"]
        {
            let text = format!("[console_scripts]\n{line}\n");
            assert_eq!(parse(&text).unwrap_err().code(), Code::BadWheel, "{line}");
        }
    }
}
