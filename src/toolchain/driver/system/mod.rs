//! Programs of the system that tell what the machine is, as the hooks see them: `uname`, `getconf`,
//! `ldconfig`, `pythonX.Y-config` and the rest of `toolchains/system_programs.toml` speak of the target.
//!
//! Whoever asks what the build itself runs on gets the build machine's own program: CMake, and
//! `config.guess`, whose word is a configure script's `--build`.

mod caller;
mod table;

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::report::{Code, Error, Result};
use crate::target::{Endian, KERNEL, Libc, MUSL, Target};
use table::{Answer, TABLE, Table};

/// The names, each with whether it is wanted only where the build machine has such a program.
///
/// They are repeated from the table, since every start of this program compares its own name with them; a test
/// compares both.
pub const PROGRAMS: &[(&str, bool)] = &[
    ("uname", false),
    ("arch", false),
    ("getconf", false),
    ("ldconfig", false),
    ("ldd", false),
    ("lscpu", true),
    ("dpkg", true),
    ("dpkg-architecture", true),
];

/// Where programs of the system lie that PATH need not name.
const SYSTEM_FOLDERS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// The program that `pythonX.Y-config` is: sysconfig as the hooks see it.
const PYTHON_CONFIG: &str = include_str!("python_config.py");

/// True for `python-config`, `python3-config`, `python3.11-config`, `python3.13t-config`.
pub fn is_python_config(name: &str) -> bool {
    let version = name.strip_prefix("python").and_then(|rest| rest.strip_suffix("-config"));
    version.is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.' || c == 't'))
}

/// True when the build machine has the program `name`.
pub fn is_present(name: &str) -> bool {
    SYSTEM_FOLDERS.iter().chain(&["/usr/local/bin"]).any(|folder| Path::new(folder).join(name).exists())
}

/// What a call says and ends with.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub text: String,
    pub code: i32,
}

/// What the program `name` says of `target`; `None`: the build machine's own is to be asked.
///
/// # Errors
/// `Code::Bug` when the table cannot be read.
pub fn answer(name: &str, target: &Target, args: &[String]) -> Result<Option<Said>> {
    let table = TABLE.as_ref().map_err(|error| Error::bug(format!("system_programs.toml: {error}")))?;
    if name == "uname" {
        if caller::is_any_of(table.truthful.iter().map(|row| row.caller.as_str())) {
            return Ok(None);
        }
        return Ok(uname(table, target, args).map(|text| Said { text, code: 0 }));
    }
    if name == "dpkg-architecture" {
        return Ok(dpkg_architecture(table, target, args).map(|text| Said { text, code: 0 }));
    }
    let holds = |row: &&Answer| {
        row.program == name
            && row.args == *args
            && row.libc.as_ref().is_none_or(|libc| libc == target.libc.name())
    };
    Ok(table.answer.iter().find(holds).map(|row| Said { text: filled(&row.text, target), code: row.code }))
}

/// The command that replaces this process where [`answer`] has none. `bin` is the folder of the drivers.
///
/// # Errors
/// `Code::Compiler` when the build machine has no such program.
pub fn real(name: &str, bin: &Path, args: &[String]) -> Result<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM_FOLDERS.iter().map(|folder| folder.into()));
    // A folder may have two names.
    let own = bin.canonicalize().ok();
    let is_own = |folder: &Path| folder == bin || (own.is_some() && folder.canonicalize().ok() == own);
    let program = if is_python_config(name) { "python" } else { name };
    let found = folders
        .filter(|folder| folder.is_absolute() && !is_own(folder))
        .map(|folder| folder.join(program))
        .find(|program| program.is_file())
        .ok_or_else(|| Error::new(Code::Compiler, format!("the build machine has no `{program}`")))?;
    let mut command = Command::new(found);
    if is_python_config(name) {
        command.args([OsStr::new("-c"), OsStr::new(PYTHON_CONFIG), OsStr::new(name)]);
    }
    command.args(args);
    Ok(command)
}

/// `None` for arguments that ask nothing of the machine, such as --version.
fn uname(table: &Table, target: &Target, args: &[String]) -> Option<String> {
    let mut wanted = Vec::new();
    for arg in args {
        let letters: Vec<String> = match arg.strip_prefix("--") {
            Some("all") => vec!["a".to_owned()],
            Some(_) => vec![table.uname.iter().find(|row| row.long.contains(arg))?.letter.clone()],
            None => arg.strip_prefix('-')?.chars().map(String::from).collect(),
        };
        for letter in letters {
            match letter.as_str() {
                "a" => wanted.extend(table.uname.iter().filter(|row| !row.unless_all).map(|row| &row.letter)),
                other => wanted.push(&table.uname.iter().find(|row| row.letter == other)?.letter),
            }
        }
    }
    let shown = table.uname.iter().filter(|row| match wanted.as_slice() {
        [] => row.letter == "s",
        some => some.contains(&&row.letter),
    });
    Some(shown.map(|row| filled(&row.text, target)).collect::<Vec<_>>().join(" "))
}

/// `None` for questions that are none of a variable's value.
fn dpkg_architecture(table: &Table, target: &Target, args: &[String]) -> Option<String> {
    let build = format!("{}-linux", std::env::consts::ARCH).parse::<Target>().unwrap_or(*target);
    let machines = [("BUILD", &build), ("HOST", target), ("TARGET", target)];
    let values = machines.iter().flat_map(|(prefix, machine)| {
        table
            .dpkg_architecture
            .iter()
            .map(move |row| (format!("DEB_{prefix}_{}", row.name), filled(&row.text, machine)))
    });
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let name = match words.as_slice() {
        [] | ["-l" | "--list"] => {
            return Some(
                values.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n"),
            );
        }
        ["-q" | "--query", name] => *name,
        [one] => one.strip_prefix("-q").or_else(|| one.strip_prefix("--query="))?,
        _ => return None,
    };
    values.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// A text of the table with the target's values in its places.
fn filled(text: &str, target: &Target) -> String {
    let arch = target.arch;
    let (endian, capital) = match arch.endian {
        Endian::Little => ("little", "Little"),
        Endian::Big => ("big", "Big"),
    };
    let libc_version = match target.libc {
        Libc::Gnu { minor } => format!("2.{minor}"),
        Libc::Musl => format!("{}.{}", MUSL.0, MUSL.1),
    };
    let values: [(&str, &str); 12] = [
        ("{machine}", &arch.machine),
        ("{bits}", &arch.bits.to_string()),
        ("{page_size}", &arch.page_size.to_string()),
        ("{debian}", &arch.debian),
        ("{endian}", endian),
        ("{Endian}", capital),
        ("{multiarch}", &target.multiarch()),
        ("{libc}", target.libc.name()),
        ("{libc_version}", &libc_version),
        ("{nodename}", KERNEL[0]),
        ("{release}", KERNEL[1]),
        ("{version}", KERNEL[2]),
    ];
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(target: &str, line: &str) -> Option<Said> {
        let mut words = line.split_whitespace().map(str::to_owned);
        let name = words.next().unwrap();
        answer(&name, &target.parse().unwrap(), &words.collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn names_are_those_of_the_table() {
        let table = TABLE.as_ref().unwrap();
        let rows: Vec<(&str, bool)> =
            table.program.iter().map(|row| (row.name.as_str(), row.where_present)).collect();
        assert_eq!(rows, PROGRAMS);
        for row in &table.answer {
            assert!(PROGRAMS.iter().any(|(name, _)| *name == row.program), "{}", row.program);
        }
    }

    #[test]
    fn every_text_is_filled_for_every_target() {
        let table = TABLE.as_ref().unwrap();
        let texts = (table.answer.iter().map(|row| &row.text))
            .chain(table.uname.iter().map(|row| &row.text))
            .chain(table.dpkg_architecture.iter().map(|row| &row.text));
        for text in texts {
            for target in ["armv7l-linux", "s390x-linux-gnu.2.17", "x86_64-linux-musl"] {
                let text = filled(text, &target.parse().unwrap());
                assert!(!text.contains(['{', '}']), "{text}");
            }
        }
    }

    #[test]
    fn answers_are_the_targets() {
        for (target, line, text) in [
            ("armv7l-linux", "uname -m", "armv7l"),
            ("s390x-linux", "uname", "Linux"),
            ("s390x-linux", "uname -sm", "Linux s390x"),
            ("s390x-linux", "uname -m -s", "Linux s390x"),
            ("s390x-linux", "uname --machine", "s390x"),
            ("s390x-linux", "uname -p", "unknown"),
            ("s390x-linux", "uname -a", "Linux localhost 5.10.0 #1 SMP s390x GNU/Linux"),
            ("riscv64-linux", "arch", "riscv64"),
            ("i686-linux", "getconf LONG_BIT", "32"),
            ("aarch64-linux-gnu.2.31", "getconf GNU_LIBC_VERSION", "glibc 2.31"),
            ("aarch64-linux-gnu.2.31", "ldd --version", "ldd (GNU libc) 2.31"),
            ("armv7l-linux", "dpkg --print-architecture", "armhf"),
            ("aarch64-linux", "dpkg-architecture -qDEB_HOST_MULTIARCH", "aarch64-linux-gnu"),
            ("s390x-linux", "dpkg-architecture -q DEB_HOST_ARCH_ENDIAN", "big"),
        ] {
            assert_eq!(said(target, line).unwrap(), Said { text: text.to_owned(), code: 0 }, "{line}");
        }
        let musl = said("aarch64-linux-musl", "getconf GNU_LIBC_VERSION").unwrap();
        assert_eq!(musl.code, 1);
        assert!(said("aarch64-linux-musl", "ldd --version").unwrap().text.starts_with("musl libc (aarch64)"));
        let build = said("s390x-linux", "dpkg-architecture -qDEB_BUILD_ARCH").unwrap();
        assert_ne!(build.text, "s390x");
        for other in ["uname --version", "uname -x", "uname x", "getconf NPROCESSORS_ONLN", "dpkg -l"] {
            assert_eq!(said("aarch64-linux", other), None, "{other}");
        }
    }

    #[test]
    fn python_config_has_many_names() {
        for name in ["python-config", "python3-config", "python3.11-config", "python3.13t-config"] {
            assert!(is_python_config(name), "{name}");
        }
        for name in ["python-my-config", "xpython-config", "python3.11", "config"] {
            assert!(!is_python_config(name), "{name}");
        }
    }
}
