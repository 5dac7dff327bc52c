//! The parts of a large ELF file that describe it, in an image of the file that is zero elsewhere.
//!
//! Libraries of hundreds of megabytes are code; their tables are a few. Memory that stays zero is
//! never backed by the system, so that such an image costs what was read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const PT_NOTE: u64 = 4;

/// Section types of what the loader reads: STRTAB, HASH, DYNAMIC, NOTE, DYNSYM, the GNU tables, and
/// the attributes of Arm.
const TABLES: [u64; 10] = [3, 5, 6, 7, 11, 0x6fff_fff6, 0x6fff_fffd, 0x6fff_fffe, 0x6fff_ffff, 0x7000_0003];

/// Alloc flag of a section: it is part of the loaded file. The string tables that are not are those of
/// debug information, which may be larger than all the rest.
const ALLOC: u64 = 2;

/// `file` of `size` bytes with headers and tables in place. What does not look like an ELF file, or
/// has no section headers, is read whole.
pub(super) fn read(file: &File, size: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(size).map_err(io::Error::other)?;
    let mut image = vec![0; length];
    let fill = |image: &mut Vec<u8>, at: u64, count: u64| -> io::Result<()> {
        let end = at.saturating_add(count).min(size);
        if at < end {
            // Both are below `size`, which is a usize.
            file.read_exact_at(&mut image[at as usize..end as usize], at)?;
        }
        Ok(())
    };
    fill(&mut image, 0, 64)?;
    let Some(layout) = Layout::read(&image) else {
        fill(&mut image, 0, size)?;
        return Ok(image);
    };
    fill(&mut image, layout.segments.0, layout.segments.1 * layout.segments.2)?;
    fill(&mut image, layout.sections.0, layout.sections.1 * layout.sections.2)?;
    let mut ranges = Vec::new();
    for at in 0..layout.segments.1 {
        let header = layout.segments.0 + at * layout.segments.2;
        let (kind, offset, count) = layout.segment(&image, header).unwrap_or_default();
        if matches!(kind, PT_DYNAMIC | PT_INTERP | PT_NOTE) {
            ranges.push((offset, count));
        }
    }
    for at in 0..layout.sections.1 {
        let header = layout.sections.0 + at * layout.sections.2;
        let (kind, flags, offset, count) = layout.section(&image, header).unwrap_or_default();
        if TABLES.contains(&kind) && (flags & ALLOC != 0 || kind != 3 || at == layout.names) {
            ranges.push((offset, count));
        }
    }
    for (offset, count) in ranges {
        fill(&mut image, offset, count)?;
    }
    Ok(image)
}

/// Where headers are: offset, count, size of each.
struct Layout {
    wide: bool,
    little: bool,
    segments: (u64, u64, u64),
    sections: (u64, u64, u64),
    /// The section with the names of sections.
    names: u64,
}

impl Layout {
    fn read(head: &[u8]) -> Option<Self> {
        let wide = match head.get(4)? {
            1 => false,
            2 => true,
            _ => return None,
        };
        let mut layout = Self {
            wide,
            little: head.get(5) == Some(&1),
            segments: (0, 0, 0),
            sections: (0, 0, 0),
            names: 0,
        };
        let half = |at| layout.number(head, at, 2);
        let (segments, sections, halves) = match wide {
            true => (layout.number(head, 32, 8)?, layout.number(head, 40, 8)?, 54),
            false => (layout.number(head, 28, 4)?, layout.number(head, 32, 4)?, 42),
        };
        let (segment, count, section, sections_count, names) =
            (half(halves)?, half(halves + 2)?, half(halves + 4)?, half(halves + 6)?, half(halves + 8)?);
        if sections == 0 || sections_count == 0 {
            return None;
        }
        layout.segments = (segments, count, segment);
        layout.sections = (sections, sections_count, section);
        layout.names = names;
        Some(layout)
    }

    fn segment(&self, image: &[u8], at: u64) -> Option<(u64, u64, u64)> {
        let kind = self.number(image, at, 4)?;
        match self.wide {
            true => Some((kind, self.number(image, at + 8, 8)?, self.number(image, at + 32, 8)?)),
            false => Some((kind, self.number(image, at + 4, 4)?, self.number(image, at + 16, 4)?)),
        }
    }

    fn section(&self, image: &[u8], at: u64) -> Option<(u64, u64, u64, u64)> {
        let kind = self.number(image, at + 4, 4)?;
        let (flags, offset, size, width) = if self.wide { (8, 24, 32, 8) } else { (8, 16, 20, 4) };
        Some((
            kind,
            self.number(image, at + flags, width)?,
            self.number(image, at + offset, width)?,
            self.number(image, at + size, width)?,
        ))
    }

    fn number(&self, image: &[u8], at: u64, width: usize) -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let bytes = image.get(at..at.checked_add(width)?)?;
        let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(match self.little {
            true => bytes.iter().rev().fold(0, fold),
            false => bytes.iter().fold(0, fold),
        })
    }
}
