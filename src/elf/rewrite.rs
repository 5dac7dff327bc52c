//! New names in a shared library's dynamic segment, of any length: its own (DT_SONAME), those of what
//! it needs (DT_NEEDED and the file names of `.gnu.version_r`), and where that is searched (DT_RUNPATH).
//!
//! The names go into a string table of their own, behind the end of the file in a loadable segment
//! that is added, together with the program headers, whose table has no room for one more, and with the
//! dynamic segment when its spare entries do not do. Symbols, hash tables, relocations and code stay
//! where they are. System V ABI, chapters 4 and 5; the order of PT_LOAD entries and the congruence of
//! addresses and offsets are what loaders insist on.

use super::edit::set_search_path;
use super::facts::{ElfFile, Kind, SearchPath};
use super::layout::{Layout, Segment, align};
use super::read::broken;
use crate::report::{Code, Error, Result};

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_PHDR: u32 = 6;
const PF_R: u32 = 4;
const PF_W: u32 = 2;
const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_STRSZ: u64 = 10;
const DT_SONAME: u64 = 14;
const DT_RUNPATH: u64 = 29;
const DT_VERNEED: u64 = 0x6fff_fffe;
const SHT_STRTAB: u32 = 3;
const SHT_DYNAMIC: u32 = 6;

/// What to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renaming {
    /// The library's own name.
    pub soname: Option<String>,
    /// Names of needed libraries: old, new.
    pub needed: Vec<(String, String)>,
    /// The whole RUNPATH; an RPATH goes. An empty list drops both.
    pub runpath: Option<Vec<String>>,
}

/// The shared library `data` with new names. The same input gives the same bytes; what is named like
/// that already comes back as it was.
///
/// # Errors
/// `BrokenElf` when `data` is not sound, `BadWheel` when it is no shared library (a program's headers
/// must stay where the kernel tells its loader) or grows beyond what its class can address.
pub fn rename(data: &[u8], renaming: &Renaming) -> Result<Vec<u8>> {
    let file = ElfFile::parse(data)?;
    let Some(arch) = file.arch().filter(|_| file.kind == Kind::Shared && file.dynamic) else {
        return Err(Error::new(Code::BadWheel, "only shared libraries can be given other names"));
    };
    if file.interpreter.is_some() {
        return Err(Error::new(Code::BadWheel, "a program cannot be given other names"));
    }
    let mut data = data.to_vec();
    let mut runpath = None;
    if let Some(entries) = &renaming.runpath
        && (file.rpath.is_some() || file.runpath.as_deref().unwrap_or_default() != entries.as_slice())
    {
        for path in [SearchPath::Rpath, SearchPath::Runpath] {
            // What an old path said goes with it.
            while has_path(&data, path)? {
                data = set_search_path(&data, path, &[])?;
            }
        }
        runpath = Some(entries.join(":")).filter(|path| !path.is_empty());
    }
    let edited = Edit::of(&data)?.run(renaming, runpath.as_deref(), arch.page_size)?;
    check(&ElfFile::parse(&data)?, &edited, renaming)?;
    Ok(edited)
}

fn has_path(data: &[u8], path: SearchPath) -> Result<bool> {
    let file = ElfFile::parse(data)?;
    Ok(match path {
        SearchPath::Rpath => file.rpath.is_some(),
        SearchPath::Runpath => file.runpath.is_some(),
    })
}

/// The parts of a file that are edited.
struct Edit<'a> {
    layout: Layout<'a>,
    segments: Vec<Segment>,
    /// Position of PT_DYNAMIC among them.
    dynamic: usize,
    /// Tag and value of each entry before the terminating one.
    entries: Vec<(u64, u64)>,
    /// File offset of the string table.
    strings_at: usize,
    strings: Vec<u8>,
    old_strings: usize,
    /// File offset of a 32-bit word, and its new value.
    words: Vec<(usize, u64)>,
}

impl<'a> Edit<'a> {
    fn of(data: &'a [u8]) -> Result<Self> {
        let layout = Layout::of(data)?;
        let segments = layout.segments()?;
        let dynamic = segments
            .iter()
            .position(|segment| segment.kind == PT_DYNAMIC)
            .ok_or_else(|| broken("no dynamic segment"))?;
        let mut entries = layout.dynamic(&segments[dynamic])?;
        let end = entries.iter().position(|(tag, _)| *tag == DT_NULL);
        entries.truncate(end.ok_or_else(|| broken("its dynamic segment has no end"))?);
        let value = |wanted: u64| entries.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| *value);
        let address = value(DT_STRTAB).ok_or_else(|| broken("no dynamic string table"))?;
        let strings_at = layout
            .offset_of(&segments, address)
            .ok_or_else(|| broken("its dynamic strings are in no segment"))?;
        let strings = value(DT_STRSZ)
            .and_then(|size| data.get(strings_at..strings_at.checked_add(usize::try_from(size).ok()?)?))
            .ok_or_else(|| broken("its dynamic strings are cut short"))?
            .to_vec();
        let old_strings = strings.len();
        Ok(Self { layout, segments, dynamic, entries, strings_at, strings, old_strings, words: Vec::new() })
    }

    fn string(&self, offset: u64) -> &[u8] {
        let rest = usize::try_from(offset).ok().and_then(|at| self.strings.get(at..)).unwrap_or_default();
        rest.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// The offset of `text` in the new table.
    fn add(&mut self, text: &str) -> u64 {
        if self.strings.last() != Some(&0) {
            self.strings.push(0);
        }
        let wanted = [text.as_bytes(), b"\0"].concat();
        let new = &self.strings[self.old_strings..];
        let known = new.windows(wanted.len()).position(|window| window == wanted);
        if let Some(at) = known {
            return (self.old_strings + at) as u64;
        }
        let at = self.strings.len() as u64;
        self.strings.extend_from_slice(&wanted);
        at
    }

    fn run(mut self, renaming: &Renaming, runpath: Option<&str>, page: u64) -> Result<Vec<u8>> {
        let new_name = |old: &[u8]| {
            renaming.needed.iter().find(|(from, to)| from.as_bytes() == old && from != to).map(|(_, to)| to)
        };
        for position in 0..self.entries.len() {
            let (tag, value) = self.entries[position];
            let name = match tag {
                DT_NEEDED => new_name(self.string(value)).cloned(),
                DT_SONAME => renaming.soname.clone().filter(|name| name.as_bytes() != self.string(value)),
                _ => None,
            };
            if let Some(name) = name {
                self.entries[position].1 = self.add(&name);
            }
        }
        for (at, old) in self.version_files()? {
            if let Some(name) = new_name(self.string(old)) {
                let new = self.add(name);
                self.words.push((at, new));
            }
        }
        let has_soname = self.entries.iter().any(|(tag, _)| *tag == DT_SONAME);
        if let Some(name) = renaming.soname.as_deref().filter(|_| !has_soname) {
            let at = self.add(name);
            self.entries.push((DT_SONAME, at));
        }
        if let Some(path) = runpath {
            let at = self.add(path);
            self.entries.push((DT_RUNPATH, at));
        }
        if self.strings.len() == self.old_strings {
            return Ok(self.layout.data.to_vec());
        }
        self.write(page)
    }

    /// File offset and value of every `vn_file` of `.gnu.version_r`.
    fn version_files(&self) -> Result<Vec<(usize, u64)>> {
        let Some((_, address)) = self.entries.iter().find(|(tag, _)| *tag == DT_VERNEED) else {
            return Ok(Vec::new());
        };
        let wrong = || broken("its table of needed symbol versions does not hold together");
        let mut at = self.layout.offset_of(&self.segments, *address).ok_or_else(wrong)?;
        let mut found = Vec::new();
        loop {
            // vn_version, vn_cnt: 2 bytes each; vn_file, vn_aux, vn_next: 4 each, in every class.
            let file = self.layout.number(at + 4, 4).ok_or_else(wrong)?;
            found.push((at + 4, file));
            match self.layout.number(at + 12, 4).ok_or_else(wrong)? {
                0 => return Ok(found),
                next => at += usize::try_from(next).map_err(|_| wrong())?,
            }
        }
    }

    fn write(mut self, page: u64) -> Result<Vec<u8>> {
        let too_big = || Error::new(Code::BadWheel, "the library is too large for longer names");
        let layout = &self.layout;
        let last = |segments: &[Segment]| segments.iter().rposition(|segment| segment.kind == PT_LOAD);
        let last = last(&self.segments).ok_or_else(|| broken("nothing of it is loaded"))?;
        let ends = self.segments.iter().filter(|segment| segment.kind == PT_LOAD);
        let end = ends
            .map(|segment| segment.address.checked_add(segment.memory))
            .try_fold(0, |most, end| Some(u64::max(most, end?)))
            .ok_or_else(too_big)?;

        // The new segment: program headers, the dynamic segment if it has to move, strings.
        let mut out = layout.data.to_vec();
        out.resize(align(out.len() as u64, 8) as usize, 0);
        let start = out.len() as u64;
        let address = align(end, page)
            .checked_add(start % page)
            .filter(|address| *address >= end)
            .ok_or_else(too_big)?;
        let headers = (self.segments.len() + 1) * layout.segment_size();
        let entry = layout.entry_size();
        let old = self.segments[self.dynamic].clone();
        let needed = (self.entries.len() + 1) * entry;
        let moves = needed as u64 > old.file;
        let dynamic_at = align(start + headers as u64, 8);
        let strings_at = if moves { dynamic_at + needed as u64 } else { dynamic_at };
        let size = strings_at + self.strings.len() as u64 - start;
        if !layout.wide && address.checked_add(size).is_none_or(|end| end > u64::from(u32::MAX)) {
            return Err(too_big());
        }
        let strings_address = address + (strings_at - start);
        for (tag, value) in &mut self.entries {
            match *tag {
                DT_STRTAB => *value = strings_address,
                DT_STRSZ => *value = self.strings.len() as u64,
                _ => {}
            }
        }
        if moves {
            let segment = &mut self.segments[self.dynamic];
            (segment.offset, segment.address, segment.physical) =
                (dynamic_at, address + (dynamic_at - start), address + (dynamic_at - start));
            (segment.file, segment.memory) = (needed as u64, needed as u64);
        }
        // The first of these entries stands before every loadable one; those are in ascending order.
        let new = Segment {
            kind: PT_LOAD,
            flags: if moves { PF_R | PF_W } else { PF_R },
            offset: start,
            address,
            physical: address,
            file: size,
            memory: size,
            alignment: page,
        };
        for segment in self.segments.iter_mut().filter(|segment| segment.kind == PT_PHDR) {
            (segment.offset, segment.address, segment.physical) = (start, address, address);
            (segment.file, segment.memory) = (headers as u64, headers as u64);
        }
        self.segments.insert(last + 1, new);

        out.resize((start + size) as usize, 0);
        for (position, segment) in self.segments.iter().enumerate() {
            layout.put_segment(&mut out, start as usize + position * layout.segment_size(), segment);
        }
        let table = if moves { dynamic_at } else { old.offset } as usize;
        let old_table = old.offset as usize;
        out[old_table..old_table + old.file as usize].fill(0);
        for (position, (tag, value)) in self.entries.iter().enumerate() {
            layout.put(&mut out, table + position * entry, entry / 2, *tag);
            layout.put(&mut out, table + position * entry + entry / 2, entry / 2, *value);
        }
        out[self.strings_at..self.strings_at + self.old_strings].fill(0);
        out[strings_at as usize..].copy_from_slice(&self.strings);
        for (at, value) in &self.words {
            layout.put(&mut out, *at, 4, *value);
        }
        layout.put_header(&mut out, start, self.segments.len() as u64);
        let old_strings = layout.address_of(&self.segments, self.strings_at as u64);
        layout.move_sections(&mut out, |kind, at| match kind {
            SHT_STRTAB if Some(at) == old_strings => {
                Some((strings_address, strings_at, self.strings.len() as u64))
            }
            SHT_DYNAMIC if moves => Some((address + (dynamic_at - start), dynamic_at, needed as u64)),
            _ => None,
        });
        Ok(out)
    }
}

/// What was edited says the same as before, but for the names. Parts of a damaged file may share bytes,
/// so that changing one of them changes another.
fn check(before: &ElfFile<'_>, edited: &[u8], renaming: &Renaming) -> Result<()> {
    let wrong = || broken("its parts share bytes");
    let after = ElfFile::parse(edited).map_err(|_| wrong())?;
    let new = |name: &str| {
        let found = renaming.needed.iter().find(|(from, _)| from == name);
        found.map_or_else(|| name.to_owned(), |(_, to)| to.clone())
    };
    let needed: Vec<String> = before.needed.iter().map(|name| new(name)).collect();
    let versions = |file: &ElfFile<'_>, new: &dyn Fn(&str) -> String| -> Vec<(String, Vec<String>)> {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        file.version_needs.iter().map(|need| (new(need.library), own(&need.versions))).collect()
    };
    let names = |file: &ElfFile<'_>| -> Vec<String> {
        let imports = file.imports.iter().map(|import| import.name.to_owned());
        imports.chain(file.exports.iter().map(|export| export.name.to_owned())).collect()
    };
    let soname = renaming.soname.as_deref().or(before.soname);
    let same = after.needed == needed
        && after.soname == soname
        && versions(&after, &str::to_owned) == versions(before, &new)
        && names(&after) == names(before)
        && after.version_definitions == before.version_definitions;
    if same { Ok(()) } else { Err(wrong()) }
}
