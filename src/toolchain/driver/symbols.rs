//! `nm`: libtool and some configure scripts cannot do without it, and zig has none.

use std::io::Write;
use std::path::Path;

use object::read::archive::ArchiveFile;
use object::{
    Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, SymbolKind, SymbolSection, elf,
};

use crate::report::{Code, Error, Result};

/// What a call of `nm` asks for.
#[derive(Debug, Default)]
struct Options {
    posix: bool,
    unsorted: bool,
    by_address: bool,
    external: bool,
    undefined: bool,
    defined: bool,
    dynamic: bool,
    with_file: bool,
    files: Vec<String>,
}

/// One line of the list.
struct Line {
    name: String,
    letter: char,
    /// `None` for an undefined symbol.
    value: Option<u64>,
    size: u64,
}

/// Runs `nm` with `argv`: BSD (default) and POSIX format, of objects, archives and shared objects.
///
/// # Errors
/// `Code::Linker` for an unknown option, or a file that is no object.
pub fn nm(cwd: &Path, argv: &[String], out: &mut dyn Write) -> Result<()> {
    let written = |error: std::io::Error| Error::io("write", Path::new("standard output"), &error);
    if argv.iter().any(|word| word == "--version" || word == "-V") {
        let version = env!("CARGO_PKG_VERSION");
        return writeln!(out, "nm of wheelbuild {version} (compatible with GNU nm)").map_err(written);
    }
    let options = parse(argv)?;
    for file in &options.files {
        let bad = |cause: &str| Error::new(Code::Linker, format!("{file}: {cause}"));
        let data = std::fs::read(cwd.join(file)).map_err(|error| bad(&error.to_string()))?;
        if let Ok(archive) = ArchiveFile::parse(&*data) {
            for member in archive.members() {
                let member = member.map_err(|error| bad(&error.to_string()))?;
                let name = String::from_utf8_lossy(member.name()).into_owned();
                let Ok(object) = member.data(&*data).and_then(object::File::parse) else { continue };
                if !options.with_file {
                    writeln!(out, "\n{name}:").map_err(written)?;
                }
                list(&object, &options, &format!("{file}:{name}: "), out).map_err(written)?;
            }
            continue;
        }
        let object = object::File::parse(&*data).map_err(|_| bad("file format not recognized"))?;
        if options.files.len() > 1 && !options.with_file {
            writeln!(out, "\n{file}:").map_err(written)?;
        }
        list(&object, &options, &format!("{file}: "), out).map_err(written)?;
    }
    Ok(())
}

fn parse(argv: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut words = argv.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--extern-only" => options.external = true,
            "--undefined-only" => options.undefined = true,
            "--defined-only" => options.defined = true,
            "--dynamic" => options.dynamic = true,
            "--no-sort" => options.unsorted = true,
            "--numeric-sort" => options.by_address = true,
            "--portability" | "--format=posix" => options.posix = true,
            "--print-file-name" => options.with_file = true,
            "--plugin" => _ = words.next(),
            long if long.starts_with("--") => {}
            short if short.starts_with('-') && short.len() > 1 => {
                for letter in short[1..].chars() {
                    match letter {
                        'P' => options.posix = true,
                        'p' => options.unsorted = true,
                        'n' | 'v' => options.by_address = true,
                        'g' => options.external = true,
                        'u' => options.undefined = true,
                        'U' => options.defined = true,
                        'D' => options.dynamic = true,
                        'A' | 'o' => options.with_file = true,
                        'B' | 'a' | 'C' | 'l' => {}
                        other => {
                            return Err(Error::new(Code::Linker, format!("nm: unknown option `-{other}`")));
                        }
                    }
                }
            }
            file => options.files.push(file.to_owned()),
        }
    }
    if options.files.is_empty() {
        options.files.push("a.out".to_owned());
    }
    Ok(options)
}

fn list(object: &object::File, options: &Options, prefix: &str, out: &mut dyn Write) -> std::io::Result<()> {
    let symbols: Vec<_> =
        if options.dynamic { object.dynamic_symbols().collect() } else { object.symbols().collect() };
    let mut lines: Vec<Line> = symbols.iter().filter_map(|symbol| line(object, symbol, options)).collect();
    if options.by_address {
        lines.sort_by_key(|line| line.value);
    } else if !options.unsorted {
        lines.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let width = if object.is_64() { 16 } else { 8 };
    for Line { name, letter, value, size } in lines {
        let prefix = if options.with_file { prefix } else { "" };
        match (options.posix, value) {
            (true, Some(value)) => writeln!(out, "{prefix}{name} {letter} {value:x} {size:x}")?,
            (true, None) => writeln!(out, "{prefix}{name} {letter}")?,
            (false, Some(value)) => writeln!(out, "{prefix}{value:0width$x} {letter} {name}")?,
            (false, None) => writeln!(out, "{prefix}{:width$} {letter} {name}", "")?,
        }
    }
    Ok(())
}

fn line(object: &object::File, symbol: &object::Symbol, options: &Options) -> Option<Line> {
    let name = symbol.name().ok().filter(|name| !name.is_empty())?;
    if matches!(symbol.kind(), SymbolKind::File | SymbolKind::Section) {
        return None;
    }
    let undefined = symbol.is_undefined();
    if options.undefined && !undefined
        || options.defined && undefined
        || options.external && symbol.is_local()
    {
        return None;
    }
    Some(Line {
        name: name.to_owned(),
        letter: letter(object, symbol),
        value: (!undefined).then(|| symbol.address()),
        size: symbol.size(),
    })
}

/// The kind of a symbol, as nm's manual lists it: small for local ones.
fn letter(object: &object::File, symbol: &object::Symbol) -> char {
    if symbol.is_weak() {
        let large = if symbol.kind() == SymbolKind::Data { 'V' } else { 'W' };
        return if symbol.is_undefined() { large.to_ascii_lowercase() } else { large };
    }
    let large = match symbol.section() {
        SymbolSection::Undefined => return 'U',
        SymbolSection::Absolute => 'A',
        SymbolSection::Common => 'C',
        SymbolSection::Section(index) => object.section_by_index(index).map_or('?', |section| {
            let flags = match section.flags() {
                SectionFlags::Elf { sh_flags, .. } => sh_flags.0,
                _ => 0,
            };
            match section.kind() {
                SectionKind::Text => 'T',
                SectionKind::UninitializedData | SectionKind::UninitializedTls => 'B',
                _ if flags & elf::SHF_WRITE.0 != 0 => 'D',
                _ if flags & elf::SHF_ALLOC.0 != 0 => 'R',
                _ => 'N',
            }
        }),
        _ => '?',
    };
    if symbol.is_local() { large.to_ascii_lowercase() } else { large }
}

#[cfg(test)]
mod tests {
    use object::write::{Object as Writer, Symbol, SymbolSection as In};
    use object::{Architecture, BinaryFormat, Endianness, SymbolFlags, SymbolScope};

    use super::*;

    /// An object with a function, a local constant, a variable and an import.
    fn object() -> Vec<u8> {
        let mut writer = Writer::new(BinaryFormat::Elf, Architecture::Aarch64, Endianness::Little);
        let text = writer.add_section(Vec::new(), b".text".to_vec(), SectionKind::Text);
        let read_only = writer.add_section(Vec::new(), b".rodata".to_vec(), SectionKind::ReadOnlyData);
        let data = writer.add_section(Vec::new(), b".data".to_vec(), SectionKind::Data);
        for section in [text, read_only, data] {
            writer.append_section_data(section, &[0; 32], 16);
        }
        let mut add = |name: &str, kind, scope, section, value| {
            writer.add_symbol(Symbol {
                name: name.into(),
                value,
                size: 8,
                kind,
                scope,
                weak: false,
                section,
                flags: SymbolFlags::None,
            });
        };
        add("init", SymbolKind::Text, SymbolScope::Dynamic, In::Section(text), 16);
        add("answer", SymbolKind::Data, SymbolScope::Compilation, In::Section(read_only), 0);
        add("state", SymbolKind::Data, SymbolScope::Dynamic, In::Section(data), 8);
        add("malloc", SymbolKind::Unknown, SymbolScope::Unknown, In::Undefined, 0);
        writer.write().unwrap()
    }

    fn of(line: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.o"), object()).unwrap();
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let mut out = Vec::new();
        nm(folder.path(), &argv, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn both_formats_and_the_filters() {
        assert_eq!(
            of("-B a.o"),
            "0000000000000000 r answer\n0000000000000010 T init\n                 U malloc\n0000000000000008 D state\n"
        );
        assert_eq!(of("-P -g a.o"), "init T 10 8\nmalloc U\nstate D 8 8\n");
        assert_eq!(of("-u a.o"), "                 U malloc\n");
        assert_eq!(of("-A --defined-only -g a.o").lines().next(), Some("a.o: 0000000000000010 T init"));
    }

    /// libtool asks with a file that is no object and looks for its name in the answer.
    #[test]
    fn what_is_no_object_is_named() {
        let error =
            nm(Path::new("/"), &["-B".to_owned(), "/dev/null".to_owned()], &mut Vec::new()).unwrap_err();
        assert!(error.headline().starts_with("/dev/null: file format"));
    }
}
