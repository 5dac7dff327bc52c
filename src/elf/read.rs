//! From bytes to [`ElfFile`], by the loader's path: header, program headers, dynamic segment, tables.

use object::Endianness;
use object::elf;
use object::read::elf::{Dyn, FileHeader, GnuHashTable, ProgramHeader, SectionHeader, Sym};
use object::read::{ReadRef, StringTable};

use super::facts::{Binding, ElfFile, Export, FloatAbi, Import, Kind, Visibility};
use super::versions::Versions;
use crate::report::{Code, Error, Result};
use crate::target::Endian;

/// Names may overlap in a string table, but not so that together they are this many times the file.
const MOST_NAME_BYTES_PER_FILE_BYTE: usize = 16;

pub(super) fn broken(what: impl Into<String>) -> Error {
    Error::new(Code::BrokenElf, "not a sound ELF file").cause(what)
}

pub(super) fn parse(data: &[u8]) -> Result<ElfFile<'_>> {
    if !super::is_elf(data) {
        return Err(broken("it does not begin with the ELF magic"));
    }
    match data.get(4) {
        Some(1) => parse_class::<elf::FileHeader32<Endianness>>(data, 32),
        Some(2) => parse_class::<elf::FileHeader64<Endianness>>(data, 64),
        _ => Err(broken("its class is neither 32 nor 64 bits")),
    }
}

/// The dynamic segment's entries that matter, by meaning.
#[derive(Default)]
struct Dynamic {
    strings: Option<u64>,
    strings_size: u64,
    symbols: Option<u64>,
    hash: Option<u64>,
    gnu_hash: Option<u64>,
    versym: Option<u64>,
    verneed: Option<u64>,
    verdef: Option<u64>,
    needed: Vec<u64>,
    soname: Option<u64>,
    rpath: Option<u64>,
    runpath: Option<u64>,
}

impl Dynamic {
    fn read<E: FileHeader<Endian = Endianness>>(endian: Endianness, entries: &[E::Dyn]) -> Self {
        let mut dynamic = Self::default();
        for entry in entries {
            let value = entry.val(endian);
            match entry.tag(endian) {
                elf::DT_NULL => break,
                elf::DT_STRTAB => dynamic.strings = Some(value),
                elf::DT_STRSZ => dynamic.strings_size = value,
                elf::DT_SYMTAB => dynamic.symbols = Some(value),
                elf::DT_HASH => dynamic.hash = Some(value),
                elf::DT_GNU_HASH => dynamic.gnu_hash = Some(value),
                elf::DT_VERSYM => dynamic.versym = Some(value),
                elf::DT_VERNEED => dynamic.verneed = Some(value),
                elf::DT_VERDEF => dynamic.verdef = Some(value),
                elf::DT_NEEDED => dynamic.needed.push(value),
                elf::DT_SONAME => dynamic.soname = Some(value),
                elf::DT_RPATH => dynamic.rpath = Some(value),
                elf::DT_RUNPATH => dynamic.runpath = Some(value),
                _ => {}
            }
        }
        dynamic
    }
}

/// The parts of a file that every reading step needs.
struct Image<'a, E: FileHeader<Endian = Endianness>> {
    data: &'a [u8],
    endian: Endianness,
    header: &'a E,
    segments: &'a [E::ProgramHeader],
    sections: &'a [E::SectionHeader],
}

impl<'a, E: FileHeader<Endian = Endianness>> Image<'a, E> {
    /// The file's bytes from virtual address `address` to the end of its segment.
    fn at(&self, address: u64) -> Option<&'a [u8]> {
        self.segments.iter().filter(|segment| segment.p_type(self.endian) == elf::PT_LOAD).find_map(
            |segment| {
                let bytes = segment.data(self.endian, self.data).ok()?;
                let offset = address.checked_sub(segment.p_vaddr(self.endian).into())?;
                bytes.get(usize::try_from(offset).ok()?..).filter(|bytes| !bytes.is_empty())
            },
        )
    }

    /// How many dynamic symbols there are. No entry says so: the hash tables imply it, and the
    /// section header of a table without exports is the only witness.
    fn symbol_count(&self, dynamic: &Dynamic, symbols: u64) -> usize {
        let by_hash = dynamic
            .hash
            .and_then(|address| hash_chains(self.endian, self.at(address)?, E::is_type_64_sized()))
            .unwrap_or(0);
        let by_gnu_hash = dynamic
            .gnu_hash
            .and_then(|address| GnuHashTable::<E>::parse(self.endian, self.at(address)?).ok())
            .map_or(0, |table| table.symbol_table_length(self.endian).unwrap_or_else(|| table.symbol_base()));
        let by_section = self
            .sections
            .iter()
            .filter(|section| {
                section.sh_type(self.endian) == elf::SHT_DYNSYM
                    && Into::<u64>::into(section.sh_addr(self.endian)) == symbols
            })
            .map(|section| section.sh_size(self.endian).into() / size_of::<E::Sym>() as u64)
            .max()
            .unwrap_or(0);
        let count = by_hash.max(u64::from(by_gnu_hash)).max(by_section);
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// Sections by name; none when the file has no section headers.
    fn section_named(&self, names: &[&[u8]]) -> Option<&'a E::SectionHeader> {
        let index = self.header.shstrndx(self.endian, self.data).ok()?;
        let table = self.sections.get(index as usize)?;
        let strings = table.strings(self.endian, self.data).ok()??;
        self.sections
            .iter()
            .find(|section| section.name(self.endian, strings).is_ok_and(|name| names.contains(&name)))
    }

    fn build_id(&self) -> Option<&'a [u8]> {
        for segment in self.segments {
            let Ok(Some(mut notes)) = segment.notes(self.endian, self.data) else { continue };
            while let Ok(Some(note)) = notes.next() {
                if note.name() == elf::ELF_NOTE_GNU && note.n_type(self.endian) == elf::NT_GNU_BUILD_ID {
                    return Some(note.desc());
                }
            }
        }
        None
    }
}

/// The number of chains in a DT_HASH table, which is that of the symbols. Its words have 32 bits, but
/// GNU's linkers write 64 on s390x, where the first half of the first word is zero then.
fn hash_chains(endian: Endianness, table: &[u8], wide: bool) -> Option<u64> {
    use object::endian::{U32, U64};
    let buckets = table.read_at::<U32<Endianness>>(0).ok()?.get(endian);
    if buckets == 0 && wide && endian == Endianness::Big {
        return Some(table.read_at::<U64<Endianness>>(8).ok()?.get(endian));
    }
    Some(table.read_at::<U32<Endianness>>(4).ok()?.get(endian).into())
}

fn parse_class<E: FileHeader<Endian = Endianness>>(data: &[u8], bits: u8) -> Result<ElfFile<'_>> {
    let header = E::parse(data).map_err(|error| broken(error.to_string()))?;
    let endian = header.endian().map_err(|error| broken(error.to_string()))?;
    let image = Image::<E> {
        data,
        endian,
        header,
        segments: header.program_headers(endian, data).map_err(|error| broken(error.to_string()))?,
        sections: header.section_headers(endian, data).map_err(|error| broken(error.to_string()))?,
    };
    for segment in image.segments {
        if segment.p_type(endian) == elf::PT_LOAD && segment.data(endian, data).is_err() {
            return Err(broken("it is cut short: a segment lies beyond its end"));
        }
    }
    let kind = match header.e_type(endian) {
        elf::ET_REL => Kind::Object,
        elf::ET_EXEC => Kind::Program,
        elf::ET_DYN => Kind::Shared,
        elf::ET_CORE => Kind::Core,
        other => return Err(broken(format!("its type is {}", other.0))),
    };
    let machine = header.e_machine(endian).0;
    let flags = header.e_flags(endian).0;
    let mut file = ElfFile {
        machine,
        bits,
        endian: if header.is_little_endian() { Endian::Little } else { Endian::Big },
        kind,
        flags,
        float_abi: float_abi(&image, machine, flags),
        interpreter: None,
        soname: None,
        needed: Vec::new(),
        rpath: None,
        runpath: None,
        executable_stack: image.segments.iter().any(|segment| {
            segment.p_type(endian) == elf::PT_GNU_STACK && segment.p_flags(endian).contains(elf::PF_X)
        }),
        page_alignment: (image.segments.iter())
            .filter(|segment| segment.p_type(endian) == elf::PT_LOAD)
            .map(|segment| segment.p_align(endian).into())
            .min(),
        dynamic: false,
        exports: Vec::new(),
        imports: Vec::new(),
        version_needs: Vec::new(),
        version_definitions: Vec::new(),
        stripped: !image.sections.iter().any(|section| section.sh_type(endian) == elf::SHT_SYMTAB),
        has_debug_info: image.section_named(&[b".debug_info", b".zdebug_info"]).is_some(),
        build_id: image.build_id(),
    };
    for segment in image.segments {
        if let Some(path) = segment.interpreter(endian, data).map_err(|error| broken(error.to_string()))? {
            file.interpreter = Some(text(path)?);
        }
    }
    for segment in image.segments {
        if let Some(entries) = segment.dynamic(endian, data).map_err(|error| broken(error.to_string()))? {
            file.dynamic = true;
            read_dynamic(&image, entries, &mut file)?;
            break;
        }
    }
    Ok(file)
}

fn read_dynamic<'a, E: FileHeader<Endian = Endianness>>(
    image: &Image<'a, E>,
    entries: &[E::Dyn],
    file: &mut ElfFile<'a>,
) -> Result<()> {
    let endian = image.endian;
    let dynamic = Dynamic::read::<E>(endian, entries);
    let Some(strings) = dynamic.strings else {
        return if dynamic.needed.is_empty() { Ok(()) } else { Err(broken("no dynamic string table")) };
    };
    let strings = image.at(strings).ok_or_else(|| broken("its dynamic strings are in no segment"))?;
    let size = usize::try_from(dynamic.strings_size).unwrap_or(usize::MAX);
    let strings = strings.get(..size).ok_or_else(|| broken("its dynamic strings are cut short"))?;
    let table = StringTable::new(strings, 0, strings.len() as u64);
    let string = |offset: u64| -> Option<&'a str> {
        std::str::from_utf8(table.get(u32::try_from(offset).ok()?).ok()?).ok()
    };
    let named = |offset: u64| string(offset).ok_or_else(|| broken("a name is outside the string table"));

    file.needed = dynamic.needed.iter().map(|offset| named(*offset)).collect::<Result<_>>()?;
    file.soname = dynamic.soname.map(named).transpose()?;
    let path = |offset: Option<u64>| -> Result<Option<Vec<&'a str>>> {
        Ok(offset.map(named).transpose()?.map(|path| path.split(':').collect()))
    };
    file.rpath = path(dynamic.rpath)?;
    file.runpath = path(dynamic.runpath)?;

    let mut versions = Versions::default();
    if let Some(address) = dynamic.verneed {
        image
            .at(address)
            .and_then(|bytes| versions.read_needs(endian, bytes, string))
            .ok_or_else(|| broken("its table of needed symbol versions does not hold together"))?;
    }
    if let Some(address) = dynamic.verdef {
        image
            .at(address)
            .and_then(|bytes| versions.read_definitions(endian, bytes, string))
            .ok_or_else(|| broken("its table of defined symbol versions does not hold together"))?;
    }
    file.version_needs = std::mem::take(&mut versions.needs);
    file.version_definitions = versions.defined.values().copied().collect();
    read_symbols(image, &dynamic, &versions, named, file)
}

fn read_symbols<'a, E: FileHeader<Endian = Endianness>>(
    image: &Image<'a, E>,
    dynamic: &Dynamic,
    versions: &Versions<'a>,
    named: impl Fn(u64) -> Result<&'a str>,
    file: &mut ElfFile<'a>,
) -> Result<()> {
    let endian = image.endian;
    let Some(address) = dynamic.symbols else { return Ok(()) };
    let count = image.symbol_count(dynamic, address);
    let symbols: &[E::Sym] = image
        .at(address)
        .and_then(|bytes| bytes.read_slice_at(0, count).ok())
        .ok_or_else(|| broken("its dynamic symbols are cut short"))?;
    let indices: &[elf::Versym<Endianness>] = match dynamic.versym {
        None => &[],
        Some(address) => image
            .at(address)
            .and_then(|bytes| bytes.read_slice_at(0, count).ok())
            .ok_or_else(|| broken("its symbol versions are cut short"))?,
    };
    let mut budget = image.data.len().saturating_mul(MOST_NAME_BYTES_PER_FILE_BYTE);
    for (position, symbol) in symbols.iter().enumerate().skip(1) {
        let binding = match symbol.st_bind() {
            elf::STB_LOCAL => continue,
            elf::STB_WEAK => Binding::Weak,
            elf::STB_GNU_UNIQUE => Binding::Unique,
            _ => Binding::Global,
        };
        let name = named(symbol.st_name(endian).into())?;
        budget = budget
            .checked_sub(name.len())
            .ok_or_else(|| broken("its symbol names are far longer than the file"))?;
        let index = indices.get(position).map(|versym| versym.0.get(endian));
        if symbol.is_undefined(endian) {
            let version = index.and_then(|index| versions.needed.get(&index.index().0)).copied();
            file.imports.push(Import { name, weak: binding == Binding::Weak, version });
            continue;
        }
        let visibility = match symbol.st_visibility() {
            elf::STV_DEFAULT => Visibility::Default,
            elf::STV_PROTECTED => Visibility::Protected,
            _ => continue,
        };
        // Index 0 makes the symbol local to the file, whatever its binding says.
        if index.is_some_and(|index| index.index() == elf::VER_NDX_LOCAL) {
            continue;
        }
        let version = index.and_then(|index| versions.defined.get(&index.index().0)).copied();
        let default = !index.is_some_and(|index| index.is_hidden());
        file.exports.push(Export { name, binding, visibility, version, default });
    }
    Ok(())
}

/// How floating-point arguments are passed: by `e_flags` (psABI of each machine), on Arm also by the
/// build attribute Tag_ABI_VFP_args, since object files carry no flag.
fn float_abi<E: FileHeader<Endian = Endianness>>(
    image: &Image<'_, E>,
    machine: u16,
    flags: u32,
) -> Option<FloatAbi> {
    match elf::Machine(machine) {
        elf::EM_ARM if flags & elf::EF_ARM_ABI_FLOAT_HARD != 0 => Some(FloatAbi::Double),
        elf::EM_ARM if flags & elf::EF_ARM_ABI_FLOAT_SOFT != 0 => Some(FloatAbi::Soft),
        elf::EM_ARM => arm_vfp_args(image).and_then(|value| match value {
            0 => Some(FloatAbi::Soft),
            1 => Some(FloatAbi::Double),
            _ => None,
        }),
        elf::EM_RISCV => Some(match (flags >> 1) & 3 {
            0 => FloatAbi::Soft,
            1 => FloatAbi::Single,
            2 => FloatAbi::Double,
            _ => FloatAbi::Quad,
        }),
        elf::EM_LOONGARCH => match flags & 7 {
            1 => Some(FloatAbi::Soft),
            2 => Some(FloatAbi::Single),
            3 => Some(FloatAbi::Double),
            _ => None,
        },
        _ => None,
    }
}

/// The value of Tag_ABI_VFP_args (28) in the file scope of `.ARM.attributes`, if written there.
fn arm_vfp_args<E: FileHeader<Endian = Endianness>>(image: &Image<'_, E>) -> Option<u64> {
    const TAG_CPU_RAW_NAME: u64 = 4;
    const TAG_CPU_NAME: u64 = 5;
    const TAG_ABI_VFP_ARGS: u64 = 28;
    const TAG_COMPATIBILITY: u64 = 32;
    const TAG_CONFORMANCE: u64 = 67;
    let section = image.section_named(&[b".ARM.attributes"])?;
    let attributes = section.attributes(image.endian, image.data).ok()?;
    let mut subsections = attributes.subsections().ok()?;
    while let Ok(Some(subsection)) = subsections.next() {
        if subsection.vendor() != b"aeabi" {
            continue;
        }
        let mut scopes = subsection.subsubsections();
        while let Ok(Some(scope)) = scopes.next() {
            let mut reader = scope.attributes();
            while let Ok(Some(tag)) = reader.read_tag() {
                match tag {
                    TAG_ABI_VFP_ARGS => return reader.read_integer().ok(),
                    TAG_CPU_RAW_NAME | TAG_CPU_NAME | TAG_CONFORMANCE => {
                        reader.read_string().ok()?;
                    }
                    TAG_COMPATIBILITY => {
                        reader.read_integer().ok()?;
                        reader.read_string().ok()?;
                    }
                    _ => {
                        reader.read_integer().ok()?;
                    }
                }
            }
        }
    }
    None
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| broken("a name is not UTF-8"))
}
