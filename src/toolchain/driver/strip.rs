//! `strip` and `objcopy`: zig has neither.
//!
//! Everything the drivers link is stripped by the linker already (`-Wl,-s` in `flags.toml`), so what
//! is left for `strip` is to look at its files and copy where it is told to. Requests that change
//! anything else are refused rather than ignored.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::report::{Code, Error, Result};

/// Options of `strip` that take the next word.
const STRIP_VALUES: &[&str] = &[
    "-o",
    "-F",
    "-I",
    "-O",
    "-K",
    "-N",
    "-R",
    "--target",
    "--input-target",
    "--output-target",
    "--keep-symbol",
    "--strip-symbol",
    "--remove-section",
    "--keep-section",
];

/// Options of `objcopy` that only take symbols or debug information away.
const OBJCOPY_STRIPS: &[&str] = &[
    "-S",
    "-g",
    "-d",
    "-x",
    "-X",
    "-p",
    "-D",
    "--strip-all",
    "--strip-debug",
    "--strip-unneeded",
    "--discard-all",
    "--discard-locals",
    "--preserve-dates",
    "--enable-deterministic-archives",
];

/// Runs `strip` with `argv`.
///
/// # Errors
/// `Code::Linker` for a file that is no object, archive or ELF file, or none at all.
pub fn strip(cwd: &Path, argv: &[String], out: &mut dyn Write) -> Result<()> {
    if argv.iter().any(|word| word == "--version" || word == "-V") {
        return version(out, "strip");
    }
    let (mut files, mut output) = (Vec::new(), None);
    let mut words = argv.iter();
    while let Some(word) = words.next() {
        if STRIP_VALUES.contains(&word.as_str()) {
            let value = words.next();
            if word == "-o" {
                output = value;
            }
        } else if !word.starts_with('-') {
            files.push(word);
        }
    }
    if files.is_empty() {
        return Err(Error::new(Code::Linker, "no input files"));
    }
    for file in files {
        let source = cwd.join(file);
        check(&source, file)?;
        if let Some(output) = output {
            copy(&source, &cwd.join(output))?;
        }
    }
    Ok(())
}

/// Runs `objcopy` with `argv`, as far as it means stripping.
///
/// # Errors
/// `Code::Linker` for a request that would change sections or formats.
pub fn objcopy(cwd: &Path, argv: &[String], out: &mut dyn Write) -> Result<()> {
    if argv.iter().any(|word| word == "--version" || word == "-V") {
        return version(out, "objcopy");
    }
    if let Some(word) =
        argv.iter().find(|word| word.starts_with('-') && !OBJCOPY_STRIPS.contains(&word.as_str()))
    {
        return Err(Error::new(Code::Linker, format!("objcopy cannot do `{word}`"))
            .cause("no objcopy for the target is part of the toolchain"));
    }
    match argv.iter().filter(|word| !word.starts_with('-')).collect::<Vec<_>>()[..] {
        [file] => check(&cwd.join(file), file),
        [from, to] => {
            check(&cwd.join(from), from)?;
            copy(&cwd.join(from), &cwd.join(to))
        }
        _ => Err(Error::new(Code::Linker, "objcopy takes one or two files")),
    }
}

fn version(out: &mut dyn Write, tool: &str) -> Result<()> {
    writeln!(out, "{tool} of wheelbuild {} (compatible with GNU {tool})", env!("CARGO_PKG_VERSION"))
        .map_err(|error| Error::io("write", Path::new("standard output"), &error))
}

fn check(path: &PathBuf, name: &str) -> Result<()> {
    let mut magic = [0; 8];
    let read = std::fs::File::open(path)
        .and_then(|mut file| std::io::Read::read(&mut file, &mut magic))
        .map_err(|error| Error::new(Code::Linker, format!("`{name}`: {error}")))?;
    let known = magic[..read].starts_with(b"\x7fELF") || [b"!<arch>\n", b"!<thin>\n"].contains(&&magic);
    if known {
        Ok(())
    } else {
        Err(Error::new(Code::Linker, format!("`{name}`: file format not recognized")))
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).map(|_| ()).map_err(|error| Error::io("write", to, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strip_copies_and_refuses_what_is_no_object() {
        let folder = tempfile::tempdir().unwrap();
        let run = |tool: fn(&Path, &[String], &mut dyn Write) -> Result<()>, line: &str| {
            let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
            tool(folder.path(), &argv, &mut Vec::new())
        };
        std::fs::write(folder.path().join("a.so"), b"\x7fELFxxxx").unwrap();
        std::fs::write(folder.path().join("a.txt"), b"text").unwrap();
        run(strip, "-s -R .comment a.so").unwrap();
        run(strip, "--strip-unneeded -o b.so a.so").unwrap();
        assert!(folder.path().join("b.so").exists());
        assert!(run(strip, "a.txt").is_err() && run(strip, "missing.so").is_err());
        run(objcopy, "--strip-debug a.so c.so").unwrap();
        assert!(run(objcopy, "-O binary a.so a.bin").unwrap_err().to_string().contains("`-O`"));
    }
}
