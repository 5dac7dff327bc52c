//! How the allocator treats large buffers.
#![allow(unsafe_code)]

/// Has buffers from 256 KiB on given back to the system when they are freed.
///
/// glibc otherwise takes the largest buffer that was ever freed as a measure and keeps as much for each
/// thread: a few threads that pass files on need several times the memory that they use. musl gives
/// them back as it is.
pub fn give_back_large_buffers() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: sets a number that malloc goes by. Buffers of either kind are freed rightly whatever it
        // is; a failure leaves it as it was.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 256 << 10) };
    }
}
