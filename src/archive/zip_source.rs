//! The bytes of a zip file, and little-endian fields out of them.

use std::os::unix::fs::FileExt;

use super::read_error;
use super::refusal::broken;
use crate::report::Result;

/// What a zip file is read from.
pub(super) enum Source {
    File(std::fs::File),
    Memory(Vec<u8>),
}

impl Source {
    pub fn len(&self) -> Result<u64> {
        match self {
            Self::File(file) => Ok(file.metadata().map_err(read_error)?.len()),
            Self::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Fills `buffer` from `at` on, as far as there is data.
    pub fn read_at(&self, buffer: &mut [u8], at: u64) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.read_at(buffer, at),
            Self::Memory(bytes) => {
                let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
        }
    }

    /// `size` bytes from `at` on.
    pub fn exactly(&self, at: u64, size: usize) -> Result<Vec<u8>> {
        let mut buffer = vec![0; size];
        let mut done = 0;
        while done < size {
            match self.read_at(&mut buffer[done..], at + done as u64).map_err(read_error)? {
                0 => return Err(broken("the zip archive is cut short")),
                count => done += count,
            }
        }
        Ok(buffer)
    }
}

/// Little-endian fields off the front of a slice.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| broken("the directory of the zip archive is damaged"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }
}
