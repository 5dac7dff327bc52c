//! Buffers that are used again. Hundreds of MB pass by in pieces; memory that is asked for and given back
//! for each of them costs more time, in the kernel, than what is done with them.

use std::sync::{Mutex, PoisonError};

/// Buffers between their uses, of two sizes. Never more than were in use at once.
#[derive(Default)]
pub(super) struct Buffers {
    small: Mutex<Vec<Vec<u8>>>,
    large: Mutex<Vec<Vec<u8>>>,
}

/// What is smaller is not worth keeping.
const LEAST: usize = 32 << 10;
/// From here on a buffer is a large one.
const LARGE: usize = 512 << 10;

impl Buffers {
    /// An empty buffer with room for `size` bytes.
    pub fn take(&self, size: usize) -> Vec<u8> {
        let known = self.of(size).lock().unwrap_or_else(PoisonError::into_inner).pop();
        match known {
            Some(mut buffer) => {
                buffer.reserve(size);
                buffer
            }
            None => Vec::with_capacity(size.max(LEAST)),
        }
    }

    /// Keeps `buffer` for the next use.
    pub fn give(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() >= LEAST {
            buffer.clear();
            self.of(buffer.capacity()).lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
    }

    fn of(&self, size: usize) -> &Mutex<Vec<Vec<u8>>> {
        if size < LARGE { &self.small } else { &self.large }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_taken_again_by_its_size() {
        let buffers = Buffers::default();
        let (small, large) = (buffers.take(100), buffers.take(LARGE));
        let places = (small.as_ptr(), large.as_ptr());
        let mut small = small;
        small.push(1);
        buffers.give(small);
        buffers.give(large);
        let (small, large) = (buffers.take(LEAST), buffers.take(LARGE));
        assert_eq!((small.as_ptr(), large.as_ptr()), places);
        assert!(small.is_empty());
        buffers.give(vec![0; 10]);
        assert_ne!(buffers.take(10).capacity(), 10);
    }
}
