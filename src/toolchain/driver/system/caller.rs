//! Which program called this one.

/// Shells, in whose command line the script stands behind.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "ksh", "zsh"];

/// True when the process that started this one runs one of `programs`, itself or as a shell's script.
/// A process that cannot be looked at is none of them.
pub fn is_any_of<'a>(programs: impl Iterator<Item = &'a str>) -> bool {
    let words = command_of_parent().unwrap_or_default();
    let running = program_of(&words);
    programs.into_iter().any(|program| running == Some(program))
}

/// The file name of what a command line runs.
fn program_of(words: &[String]) -> Option<&str> {
    let name = |word: &'_ String| -> usize { word.rfind('/').map_or(0, |at| at + 1) };
    let first = words.first()?;
    let program = &first[name(first)..];
    if !SHELLS.contains(&program) {
        return Some(program);
    }
    // `sh -c TEXT NAME` runs no script.
    let behind = words[1..].iter().take_while(|word| !is_command(word));
    let script = behind.into_iter().find(|word| !word.starts_with('-'));
    script.map(|script| &script[name(script)..])
}

fn is_command(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--") && word.contains('c')
}

#[cfg(target_os = "linux")]
fn command_of_parent() -> Option<Vec<String>> {
    let parent = rustix::process::getppid()?.as_raw_nonzero();
    let line = std::fs::read(format!("/proc/{parent}/cmdline")).ok()?;
    let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
}

#[cfg(not(target_os = "linux"))]
fn command_of_parent() -> Option<Vec<String>> {
    let parent = rustix::process::getppid()?.as_raw_nonzero().to_string();
    let said = std::process::Command::new("/bin/ps").args(["-o", "command=", "-p", &parent]).output().ok()?;
    Some(String::from_utf8_lossy(&said.stdout).split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_what_its_shell_runs() {
        let of = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            program_of(&words).map(str::to_owned)
        };
        assert_eq!(of("/usr/bin/cmake -S .").as_deref(), Some("cmake"));
        assert_eq!(of("/bin/sh ./build/config.guess").as_deref(), Some("config.guess"));
        assert_eq!(of("sh -e config.guess").as_deref(), Some("config.guess"));
        assert_eq!(of("sh -c config.guess").as_deref(), None);
        assert_eq!(of("make config.guess").as_deref(), Some("make"));
    }
}
