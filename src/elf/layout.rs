//! Where the headers of an ELF file lie, by class and byte order, for the edits that move them.

use super::read::broken;
use crate::report::Result;

/// The program header of one segment, in either class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub address: u64,
    pub physical: u64,
    /// Bytes in the file.
    pub file: u64,
    /// Bytes in memory.
    pub memory: u64,
    pub alignment: u64,
}

/// A file with its class and byte order. Numbers outside of the file are `None`, never a panic.
pub(super) struct Layout<'a> {
    pub data: &'a [u8],
    pub wide: bool,
    little: bool,
}

/// `value`, or the next multiple of `step` above it.
pub(super) fn align(value: u64, step: u64) -> u64 {
    value.div_ceil(step).saturating_mul(step)
}

impl<'a> Layout<'a> {
    pub fn of(data: &'a [u8]) -> Result<Self> {
        let (Some(class @ (1 | 2)), Some(order @ (1 | 2))) = (data.get(4), data.get(5)) else {
            return Err(broken("its class or byte order is none"));
        };
        Ok(Self { data, wide: *class == 2, little: *order == 1 })
    }

    /// The size of a program header.
    pub const fn segment_size(&self) -> usize {
        if self.wide { 56 } else { 32 }
    }

    /// The size of an entry of the dynamic segment.
    pub const fn entry_size(&self) -> usize {
        if self.wide { 16 } else { 8 }
    }

    const fn word(&self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    /// The unsigned number of `width` bytes at file offset `at`.
    pub fn number(&self, at: usize, width: usize) -> Option<u64> {
        let bytes = self.data.get(at..at.checked_add(width)?)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if self.little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    }

    /// Writes `value` at `at` of `out`, which has the place.
    pub fn put(&self, out: &mut [u8], at: usize, width: usize, value: u64) {
        let place = &mut out[at..at + width];
        if self.little {
            place.copy_from_slice(&value.to_le_bytes()[..width]);
        } else {
            place.copy_from_slice(&value.to_be_bytes()[8 - width..]);
        }
    }

    /// The program headers.
    pub fn segments(&self) -> Result<Vec<Segment>> {
        let wrong = || broken("its program headers are cut short");
        let (offset_at, size_at) = if self.wide { (0x20, 0x36) } else { (0x1c, 0x2a) };
        let start = self.number(offset_at, self.word()).ok_or_else(wrong)?;
        let start = usize::try_from(start).map_err(|_| wrong())?;
        if self.number(size_at, 2) != Some(self.segment_size() as u64) {
            return Err(broken("its program headers have another size"));
        }
        let count = self.number(size_at + 2, 2).ok_or_else(wrong)? as usize;
        (0..count)
            .map(|position| self.segment(start.checked_add(position * self.segment_size())?))
            .collect::<Option<_>>()
            .ok_or_else(wrong)
    }

    fn segment(&self, at: usize) -> Option<Segment> {
        let fields = self.segment_fields();
        let get = |(offset, width): (usize, usize)| self.number(at.checked_add(offset)?, width);
        Some(Segment {
            kind: u32::try_from(get(fields[0])?).ok()?,
            flags: u32::try_from(get(fields[1])?).ok()?,
            offset: get(fields[2])?,
            address: get(fields[3])?,
            physical: get(fields[4])?,
            file: get(fields[5])?,
            memory: get(fields[6])?,
            alignment: get(fields[7])?,
        })
    }

    /// Offset and width of kind, flags, offset, address, physical address, sizes, alignment.
    const fn segment_fields(&self) -> [(usize, usize); 8] {
        if self.wide {
            [(0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 8), (48, 8)]
        } else {
            [(0, 4), (24, 4), (4, 4), (8, 4), (12, 4), (16, 4), (20, 4), (28, 4)]
        }
    }

    pub fn put_segment(&self, out: &mut [u8], at: usize, segment: &Segment) {
        let values = [
            segment.kind.into(),
            segment.flags.into(),
            segment.offset,
            segment.address,
            segment.physical,
            segment.file,
            segment.memory,
            segment.alignment,
        ];
        for ((offset, width), value) in self.segment_fields().into_iter().zip(values) {
            self.put(out, at + offset, width, value);
        }
    }

    /// Says in the file header that `count` program headers are at file offset `start`.
    pub fn put_header(&self, out: &mut [u8], start: u64, count: u64) {
        let (offset_at, size_at) = if self.wide { (0x20, 0x36) } else { (0x1c, 0x2a) };
        self.put(out, offset_at, self.word(), start);
        self.put(out, size_at + 2, 2, count);
    }

    /// Tag and value of every entry of the dynamic segment `segment`, those behind its end included.
    pub fn dynamic(&self, segment: &Segment) -> Result<Vec<(u64, u64)>> {
        let wrong = || broken("its dynamic segment is cut short");
        let start = usize::try_from(segment.offset).map_err(|_| wrong())?;
        let size = usize::try_from(segment.file).map_err(|_| wrong())?;
        let bytes = start.checked_add(size).and_then(|end| self.data.get(start..end)).ok_or_else(wrong)?;
        let word = self.word();
        (0..bytes.len() / self.entry_size())
            .map(|position| {
                let at = start + position * self.entry_size();
                Some((self.number(at, word)?, self.number(at + word, word)?))
            })
            .collect::<Option<_>>()
            .ok_or_else(wrong)
    }

    /// The file offset of a virtual address, if the file holds what is there.
    pub fn offset_of(&self, segments: &[Segment], address: u64) -> Option<usize> {
        segments.iter().filter(|segment| segment.kind == 1).find_map(|segment| {
            let within = address.checked_sub(segment.address).filter(|within| *within < segment.file)?;
            usize::try_from(segment.offset.checked_add(within)?).ok()
        })
    }

    /// The virtual address of a file offset.
    pub fn address_of(&self, segments: &[Segment], offset: u64) -> Option<u64> {
        segments.iter().filter(|segment| segment.kind == 1).find_map(|segment| {
            let within = offset.checked_sub(segment.offset).filter(|within| *within < segment.file)?;
            segment.address.checked_add(within)
        })
    }

    /// Tells the sections where their content went: `place` gives address, file offset and size for a
    /// type and an old address. Loaders do not read them, other tools do; a file may have none.
    pub fn move_sections(&self, out: &mut [u8], place: impl Fn(u32, u64) -> Option<(u64, u64, u64)>) {
        let (offset_at, size_at, size) = if self.wide { (0x28, 0x3a, 64) } else { (0x20, 0x2e, 40) };
        let start = self.number(offset_at, self.word()).and_then(|at| usize::try_from(at).ok());
        let Some(start) = start.filter(|start| *start != 0) else { return };
        if self.number(size_at, 2) != Some(size as u64) {
            return;
        }
        let word = self.word();
        for position in 0..self.number(size_at + 2, 2).unwrap_or(0) as usize {
            let Some(at) = start.checked_add(position * size) else { return };
            // sh_type; sh_flags, sh_addr, sh_offset and sh_size are words behind it.
            let (Some(kind), Some(flags), Some(address)) =
                (self.number(at + 4, 4), self.number(at + 8, word), self.number(at + 8 + word, word))
            else {
                return;
            };
            if at + size > self.data.len() || flags & 2 == 0 {
                continue;
            }
            if let Some((address, offset, length)) = place(kind as u32, address) {
                self.put(out, at + 8 + word, word, address);
                self.put(out, at + 8 + 2 * word, word, offset);
                self.put(out, at + 8 + 3 * word, word, length);
            }
        }
    }
}
