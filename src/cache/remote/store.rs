//! Where a shared cache keeps bytes: names in, bytes out. What they mean is decided above.

use std::fmt;
use std::time::Duration;

use crate::cache::Digest;
use crate::report::Result;

/// The two folders of Bazel's HTTP cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `ac/<key>`: what an action led to.
    Action,
    /// `cas/<sha256>`: content by its digest.
    Content,
}

impl Kind {
    /// The path of `name` below the store's root.
    pub fn path(self, name: Digest) -> String {
        let folder = match self {
            Self::Action => "ac",
            Self::Content => "cas",
        };
        format!("{folder}/{name}")
    }
}

/// A place that keeps bytes by name. Nothing it answers is believed by its users.
///
/// Every call ends within a time that depends on the bytes only, see [`patience`].
pub trait Store: Send + Sync {
    /// The bytes called `name`, at most `most` of them; None when there are none.
    ///
    /// # Errors
    /// [`Code::RemoteCache`](crate::report::Code::RemoteCache) when the store does not answer, or
    /// with more bytes.
    fn get(&self, kind: Kind, name: Digest, most: u64) -> Result<Option<Vec<u8>>>;

    /// Whether there is something called `name`.
    ///
    /// # Errors
    /// [`Code::RemoteCache`](crate::report::Code::RemoteCache) when the store does not answer.
    fn has(&self, kind: Kind, name: Digest) -> Result<bool>;

    /// Keeps `bytes` as `name`, in place of what was there.
    ///
    /// # Errors
    /// [`Code::RemoteCache`](crate::report::Code::RemoteCache) when the store does not take them.
    fn put(&self, kind: Kind, name: Digest, bytes: &[u8]) -> Result<()>;
}

impl fmt::Debug for dyn Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

/// The slowest transfer that is waited for, bytes a second. Below it building again is as good.
const SLOWEST: u64 = 128 << 10;

/// How long the transfer of `bytes` may take when an answer may take `answer`.
pub(super) fn patience(answer: Duration, bytes: u64) -> Duration {
    answer + Duration::from_secs(bytes / SLOWEST)
}
