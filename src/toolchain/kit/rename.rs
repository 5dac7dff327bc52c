//! Gives symbols of an object file other names.
//!
//! zig's compiler-rt also defines `memcpy`, `strlen`, `exp`, …, hidden. Once a link takes any
//! builtin from it, these stand in for the C library's, silently. Under other names they serve
//! compiler-rt itself, and a program's own calls stay calls of the C library.

use object::read::elf::{FileHeader, SectionHeader as _, Sym as _};
use object::{Endianness, FileKind, elf};

use crate::report::{Code, Error, Result};

/// The ELF object `data` with every defined global symbol for which `new_name` has one renamed, and
/// how many there were. References within the object follow.
///
/// # Errors
/// `BrokenElf` when `data` is no ELF object.
pub(super) fn rename(data: &[u8], new_name: impl Fn(&str) -> Option<String>) -> Result<(Vec<u8>, usize)> {
    match FileKind::parse(data) {
        Ok(FileKind::Elf32) => edit::<elf::FileHeader32<Endianness>>(data, new_name),
        Ok(FileKind::Elf64) => edit::<elf::FileHeader64<Endianness>>(data, new_name),
        Ok(_) => Err(broken("not ELF")),
        Err(error) => Err(broken(error)),
    }
}

/// Appends a longer string table and points the symbols and the table's section header at it.
fn edit<E: FileHeader<Endian = Endianness>>(
    data: &[u8],
    new_name: impl Fn(&str) -> Option<String>,
) -> Result<(Vec<u8>, usize)> {
    let header = E::parse(data).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let sections = header.sections(endian, data).map_err(broken)?;
    let symbols = sections.symbols(endian, data, elf::SHT_SYMTAB).map_err(broken)?;
    if symbols.is_empty() {
        return Ok((data.to_vec(), 0));
    }
    let table = sections.section(symbols.section()).map_err(broken)?;
    let strings = sections.section(symbols.string_section()).map_err(broken)?;
    let mut names = strings.data(endian, data).map_err(broken)?.to_vec();
    let mut out = data.to_vec();
    let mut renamed = 0;
    let start: u64 = table.sh_offset(endian).into();
    for (index, symbol) in symbols.iter().enumerate() {
        if symbol.st_bind() == elf::STB_LOCAL || symbol.is_undefined(endian) {
            continue;
        }
        let name = symbols.symbol_name(endian, symbol).map_err(broken)?;
        let Some(new) = std::str::from_utf8(name).ok().and_then(&new_name) else { continue };
        // st_name is the first field of a symbol in both classes.
        let at = start + (index * size_of::<E::Sym>()) as u64;
        put(&mut out, at, &number(endian, names.len() as u64, 4)?)?;
        names.extend_from_slice(new.as_bytes());
        names.push(0);
        renamed += 1;
    }
    out.resize(out.len().next_multiple_of(8), 0);
    let place = out.len() as u64;
    let size = names.len() as u64;
    out.extend_from_slice(&names);
    // sh_offset and sh_size follow each other; the fields before them have the width of a word.
    let (word, before) = if header.is_class_64() { (8, 24) } else { (4, 16) };
    let entry: u64 = header.e_shoff(endian).into();
    let at = entry + symbols.string_section().0 as u64 * u64::from(header.e_shentsize(endian)) + before;
    put(&mut out, at, &number(endian, place, word)?)?;
    put(&mut out, at + word as u64, &number(endian, size, word)?)?;
    Ok((out, renamed))
}

/// `value` in `width` bytes.
fn number(endian: Endianness, value: u64, width: usize) -> Result<Vec<u8>> {
    if width < 8 && value >> (8 * width) != 0 {
        return Err(broken("too large"));
    }
    Ok(match endian {
        Endianness::Little => value.to_le_bytes()[..width].to_vec(),
        Endianness::Big => value.to_be_bytes()[8 - width..].to_vec(),
    })
}

fn put(out: &mut [u8], at: u64, bytes: &[u8]) -> Result<()> {
    let at = usize::try_from(at).map_err(broken)?;
    let end = at.checked_add(bytes.len()).ok_or_else(|| broken("offset too large"))?;
    out.get_mut(at..end).ok_or_else(|| broken("offset outside the file"))?.copy_from_slice(bytes);
    Ok(())
}

fn broken(why: impl ToString) -> Error {
    Error::new(Code::BrokenElf, "an object of compiler-rt cannot be edited").cause(why.to_string())
}

#[cfg(test)]
mod tests {
    use object::write::{Object, Symbol, SymbolSection};
    use object::{
        Architecture, BinaryFormat, Object as _, ObjectSymbol as _, SymbolFlags, SymbolKind, SymbolScope,
    };

    use super::*;

    fn sample(architecture: Architecture, endian: object::Endianness) -> Vec<u8> {
        let mut file = Object::new(BinaryFormat::Elf, architecture, endian);
        let text = file.section_id(object::write::StandardSection::Text);
        for (name, section) in [
            ("memcpy", SymbolSection::Section(text)),
            ("__divti3", SymbolSection::Section(text)),
            ("abort", SymbolSection::Undefined),
        ] {
            file.add_symbol(Symbol {
                name: name.into(),
                value: 0,
                size: 0,
                kind: SymbolKind::Text,
                scope: SymbolScope::Dynamic,
                weak: false,
                section,
                flags: SymbolFlags::None,
            });
        }
        file.write().unwrap()
    }

    #[test]
    fn defined_names_change_and_undefined_ones_stay_in_both_classes_and_byte_orders() {
        for (architecture, endian) in [
            (Architecture::X86_64, Endianness::Little),
            (Architecture::Arm, Endianness::Little),
            (Architecture::S390x, Endianness::Big),
        ] {
            let before = sample(architecture, endian);
            let (after, renamed) =
                rename(&before, |name| (!name.starts_with('_')).then(|| format!("__kit_{name}"))).unwrap();
            assert_eq!(renamed, 1);
            let file = object::File::parse(&*after).unwrap();
            let names: Vec<_> = file.symbols().map(|symbol| symbol.name().unwrap().to_owned()).collect();
            for expected in ["__kit_memcpy", "__divti3", "abort"] {
                assert!(names.iter().any(|name| name == expected), "{names:?}");
            }
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bytes in [&b""[..], b"\x7fELF", b"!<arch>\n", &[0; 64]] {
            assert!(rename(bytes, |_| None).is_err());
        }
        let whole = sample(Architecture::X86_64, Endianness::Little);
        for end in 0..whole.len() {
            // Cut short, it is an error or an unchanged object, never a panic.
            let _ = rename(&whole[..end], |name| Some(format!("x{name}")));
        }
    }
}
