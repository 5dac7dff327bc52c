//! Small ELF files for tests, of any machine, class and byte order, without a compiler.

use crate::target::{Arch, Endian, Target};

/// A library and a version of it.
pub(crate) type LibraryVersion = (String, String);

/// What the file shall say. Start from [`Sample::library`] and change fields.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub machine: u16,
    pub bits: u8,
    pub endian: Endian,
    pub kind: u16,
    pub flags: u32,
    pub executable_stack: bool,
    pub page_alignment: u64,
    pub interpreter: Option<String>,
    pub soname: Option<String>,
    pub needed: Vec<String>,
    pub rpath: Option<String>,
    pub runpath: Option<String>,
    /// name, version, weak
    pub exports: Vec<(String, Option<String>, bool)>,
    /// name, version, weak
    pub imports: Vec<(String, Option<LibraryVersion>, bool)>,
}

impl Sample {
    /// A shared library for `target` that needs and says nothing.
    pub fn library(target: &str) -> Self {
        let target: Target = target.parse().expect("a target that tests spell right");
        Self {
            machine: target.arch.elf_machine,
            bits: target.arch.bits,
            endian: target.arch.endian,
            kind: 3,
            flags: flags(target.arch),
            executable_stack: false,
            page_alignment: target.arch.page_size,
            interpreter: None,
            soname: None,
            needed: Vec::new(),
            rpath: None,
            runpath: None,
            exports: Vec::new(),
            imports: Vec::new(),
        }
    }

    pub fn need(mut self, library: &str) -> Self {
        self.needed.push(library.into());
        self
    }

    pub fn export(mut self, name: &str) -> Self {
        self.exports.push((name.into(), None, false));
        self
    }

    pub fn import(mut self, name: &str) -> Self {
        self.imports.push((name.into(), None, false));
        self
    }

    /// An import bound to `version` of `library`.
    pub fn import_of(mut self, name: &str, library: &str, version: &str) -> Self {
        self.imports.push((name.into(), Some((library.into(), version.into())), false));
        self
    }

    pub fn runpath(mut self, path: &str) -> Self {
        self.runpath = Some(path.into());
        self
    }

    /// The bytes: header, four program headers, one segment that maps the whole file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut strings = Strings::default();
        let mut versions: Vec<(String, Vec<(u16, String)>)> = Vec::new();
        let mut next_index = 2;
        let mut index_of = |library: &str, version: &str| {
            let position = versions.iter().position(|(name, _)| name == library).unwrap_or_else(|| {
                versions.push((library.to_owned(), Vec::new()));
                versions.len() - 1
            });
            let known = &mut versions[position].1;
            if let Some((index, _)) = known.iter().find(|(_, name)| name == version) {
                return *index;
            }
            known.push((next_index, version.to_owned()));
            next_index += 1;
            next_index - 1
        };
        let mut versym = Out::new(self);
        let mut symbols = Out::new(self);
        self.symbol(&mut symbols, 0, 0, 0);
        versym.half(0);
        for (name, version, weak) in &self.imports {
            self.symbol(&mut symbols, strings.add(name), if *weak { 0x20 } else { 0x12 }, 0);
            versym.half(version.as_ref().map_or(1, |(library, version)| index_of(library, version)));
        }
        let mut definitions: Vec<(u16, String)> = Vec::new();
        for (name, version, weak) in &self.exports {
            self.symbol(&mut symbols, strings.add(name), if *weak { 0x22 } else { 0x12 }, 1);
            versym.half(version.as_ref().map_or(1, |version| {
                match definitions.iter().find(|(_, name)| name == version) {
                    Some((index, _)) => *index,
                    None => {
                        let index = 100 + definitions.len() as u16;
                        definitions.push((index, version.clone()));
                        index
                    }
                }
            }));
        }
        let count = 1 + self.imports.len() + self.exports.len();

        let mut needs = Out::new(self);
        for (position, (library, names)) in versions.iter().enumerate() {
            let last = position + 1 == versions.len();
            needs.half(1).half(names.len() as u16).word32(strings.add(library)).word32(16);
            needs.word32(if last { 0 } else { 16 + 16 * names.len() as u32 });
            for (at, (index, name)) in names.iter().enumerate() {
                needs.word32(0).half(0).half(*index).word32(strings.add(name));
                needs.word32(if at + 1 == names.len() { 0 } else { 16 });
            }
        }
        let mut defs = Out::new(self);
        for (position, (index, name)) in definitions.iter().enumerate() {
            let next = if position + 1 == definitions.len() { 0 } else { 28 };
            defs.half(1).half(0).half(*index).half(1).word32(0).word32(20).word32(next);
            defs.word32(strings.add(name)).word32(0);
        }
        let mut hash = Out::new(self);
        // GNU's linkers write wide words on s390x.
        let wide_hash = self.machine == 22 && self.bits == 64;
        for word in [1, count as u32].into_iter().chain(std::iter::repeat_n(0, count + 1)) {
            if wide_hash {
                hash.word(word.into());
            } else {
                hash.word32(word);
            }
        }

        let mut entries: Vec<(u64, u64)> = Vec::new();
        entries.extend(self.needed.iter().map(|name| (1, strings.add(name).into())));
        let text = |tag, text: &Option<String>, strings: &mut Strings| {
            text.as_ref().map(|text| (tag, strings.add(text).into()))
        };
        entries.extend(text(14, &self.soname, &mut strings));
        entries.extend(text(15, &self.rpath, &mut strings));
        entries.extend(text(29, &self.runpath, &mut strings));

        // Layout: everything after the headers, each table at a multiple of eight.
        let wide = self.bits == 64;
        let (header, segment) = if wide { (64, 56) } else { (52, 32) };
        let mut body = Out::new(self);
        let start = header + 4 * segment;
        let place = |body: &mut Out, bytes: &[u8]| {
            while !(start + body.bytes.len()).is_multiple_of(8) {
                body.bytes.push(0);
            }
            let at = start + body.bytes.len();
            body.bytes.extend_from_slice(bytes);
            at as u64
        };
        let strings_at = place(&mut body, &strings.0);
        entries.push((5, strings_at));
        entries.push((10, strings.0.len() as u64));
        entries.push((6, place(&mut body, &symbols.bytes)));
        entries.push((4, place(&mut body, &hash.bytes)));
        if !versions.is_empty() || !definitions.is_empty() {
            entries.push((0x6fff_fff0, place(&mut body, &versym.bytes)));
        }
        if !versions.is_empty() {
            entries.push((0x6fff_fffe, place(&mut body, &needs.bytes)));
        }
        if !definitions.is_empty() {
            entries.push((0x6fff_fffc, place(&mut body, &defs.bytes)));
        }
        entries.extend([(0, 0), (0, 0)]);
        let mut dynamic = Out::new(self);
        for (tag, value) in &entries {
            dynamic.word(*tag).word(*value);
        }
        let dynamic_at = place(&mut body, &dynamic.bytes);
        let interpreter = self.interpreter.clone().map(|path| {
            let bytes = [path.as_bytes(), b"\0"].concat();
            (place(&mut body, &bytes), bytes.len() as u64)
        });
        let size = (start + body.bytes.len()) as u64;

        let mut out = Out::new(self);
        out.bytes.extend_from_slice(b"\x7fELF");
        out.bytes.push(if wide { 2 } else { 1 });
        out.bytes.push(if self.endian == Endian::Little { 1 } else { 2 });
        out.bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        out.half(self.kind).half(self.machine).word32(1).word(0).word(header as u64).word(0);
        out.word32(self.flags).half(header as u16).half(segment as u16).half(4).half(0).half(0).half(0);
        self.segment(&mut out, 1, 0, size);
        self.segment(&mut out, 0x6474_e551, 0, 0);
        self.segment(&mut out, if self.kind == 1 { 0 } else { 2 }, dynamic_at, dynamic.bytes.len() as u64);
        match interpreter {
            Some((at, size)) => self.segment(&mut out, 3, at, size),
            None => self.segment(&mut out, 0, 0, 0),
        }
        out.bytes.extend_from_slice(&body.bytes);
        out.bytes
    }

    fn symbol(&self, out: &mut Out, name: u32, info: u8, section: u16) {
        out.word32(name);
        if self.bits == 64 {
            out.bytes.extend_from_slice(&[info, 0]);
            out.half(section).word(0).word(0);
        } else {
            out.word32(0).word32(0);
            out.bytes.extend_from_slice(&[info, 0]);
            out.half(section);
        }
    }

    fn segment(&self, out: &mut Out, kind: u32, at: u64, size: u64) {
        let flags = if self.executable_stack { 7 } else { 6 };
        let alignment = if kind == 1 { self.page_alignment } else { 8 };
        out.word32(kind);
        if self.bits == 64 {
            out.word32(flags);
        }
        out.word(at).word(at).word(at).word(size).word(size);
        if self.bits == 32 {
            out.word32(flags);
        }
        out.word(alignment);
    }
}

/// The `e_flags` that compilers write for the hard-float ABI of `arch`.
fn flags(arch: &Arch) -> u32 {
    match arch.machine.as_str() {
        "armv7l" => 0x0500_0400,
        "ppc64le" => 2,
        "riscv64" => 5,
        "loongarch64" => 0x43,
        _ => 0,
    }
}

#[derive(Clone)]
struct Strings(Vec<u8>);

impl Default for Strings {
    fn default() -> Self {
        Self(vec![0])
    }
}

impl Strings {
    fn add(&mut self, text: &str) -> u32 {
        let at = self.0.len() as u32;
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        at
    }
}

struct Out {
    bytes: Vec<u8>,
    little: bool,
    wide: bool,
}

impl Out {
    fn new(sample: &Sample) -> Self {
        Self { bytes: Vec::new(), little: sample.endian == Endian::Little, wide: sample.bits == 64 }
    }

    fn put(&mut self, little_endian: &[u8]) -> &mut Self {
        if self.little {
            self.bytes.extend_from_slice(little_endian);
        } else {
            self.bytes.extend(little_endian.iter().rev());
        }
        self
    }

    fn half(&mut self, value: u16) -> &mut Self {
        self.put(&value.to_le_bytes())
    }

    fn word32(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_le_bytes())
    }

    fn word(&mut self, value: u64) -> &mut Self {
        if self.wide { self.put(&value.to_le_bytes()) } else { self.word32(value as u32) }
    }
}
