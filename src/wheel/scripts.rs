//! The first line of scripts: installers replace `#!python` by the interpreter of the place (PEP
//! 427, "Recommended installer features"), so a wheel must not name the one of the build machine.

/// A script with its interpreter made `#!python` (or `#!pythonw`), when its first line names a
/// Python by an absolute path. Arguments stay. `None` when nothing is to be changed; a line like
/// `#!/usr/bin/env python3` is the author's own choice.
pub(super) fn with_portable_interpreter(script: &[u8]) -> Option<Vec<u8>> {
    let end = script.iter().position(|byte| *byte == b'\n').unwrap_or(script.len());
    let (first, rest) = script.split_at(end);
    let line = std::str::from_utf8(first).ok()?.strip_prefix("#!")?.trim();
    // A path with blanks is written in quotes.
    let (interpreter, arguments) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => line.split_at(line.find([' ', '\t']).unwrap_or(line.len())),
    };
    let program = interpreter.strip_prefix('/').and_then(|path| path.rsplit('/').next())?;
    let version = program.strip_prefix("python")?;
    let (portable, version) = match version.strip_prefix('w') {
        Some(version) => ("#!pythonw", version),
        None => ("#!python", version),
    };
    let is_version = version.trim_end_matches('t').bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_version.then(|| [portable.as_bytes(), arguments.as_bytes(), rest].concat())
}

#[cfg(test)]
mod tests {
    use super::with_portable_interpreter;

    #[test]
    fn interpreters_of_the_build_machine_go_and_others_stay() {
        for (before, after) in [
            ("#!/build/env/bin/python3.11\nx\n", "#!python\nx\n"),
            ("#!/env/bin/python3.13t -E\nx", "#!python -E\nx"),
            ("#! /usr/bin/python", "#!python"),
            ("#!\"/a b/python3\" -I\n", "#!python -I\n"),
            ("#!/opt/pythonw\n", "#!pythonw\n"),
            ("#!/a/python3\r\nx", "#!python\nx"),
        ] {
            let changed = with_portable_interpreter(before.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(changed).unwrap(), after, "{before:?}");
        }
        for stays in [
            "#!python\n",
            "#!/usr/bin/env python3\n",
            "#!/bin/sh\n",
            "#!/usr/bin/python3-config\n",
            "#!\n",
            "",
            "x",
            "#!python3",
        ] {
            assert_eq!(with_portable_interpreter(stays.as_bytes()), None, "{stays:?}");
        }
        assert_eq!(with_portable_interpreter(b"#!/\xff/python\n"), None);
    }
}
