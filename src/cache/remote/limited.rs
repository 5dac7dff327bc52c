//! A store that answers in time, or not at all.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::store::{Kind, Store, patience};
use crate::cache::Digest;
use crate::process::check_halted;
use crate::report::{Code, Error, Result};

/// How often a wait looks whether the process was halted.
const LOOK: Duration = Duration::from_millis(20);

/// Calls of a store that may hang, such as a network file system, each in a thread of its own that is
/// left alone when its time is over.
pub(super) struct Limited {
    store: Arc<dyn Store>,
    address: String,
    answer: Duration,
}

impl Limited {
    /// `store`, which is called `address` and may take `answer` for an answer.
    pub fn new(store: impl Into<Arc<dyn Store>>, address: String, answer: Duration) -> Self {
        Self { store: store.into(), address, answer }
    }

    fn within<T: Send + 'static>(
        &self,
        bytes: u64,
        work: impl FnOnce(&dyn Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (give, take) = channel();
        let store = self.store.clone();
        std::thread::spawn(move || {
            // Nobody takes it when it comes too late.
            let _ = give.send(work(store.as_ref()));
        });
        let (start, time) = (Instant::now(), patience(self.answer, bytes));
        loop {
            match take.recv_timeout(LOOK) {
                Ok(done) => return done,
                Err(RecvTimeoutError::Disconnected) => return Err(Error::bug("a shared cache panicked")),
                Err(RecvTimeoutError::Timeout) => {}
            }
            check_halted()?;
            if start.elapsed() > time {
                return Err(Error::new(Code::RemoteCache, format!("cannot use `{}`", self.address))
                    .cause("no answer in time"));
            }
        }
    }
}

impl Store for Limited {
    fn get(&self, kind: Kind, name: Digest, most: u64) -> Result<Option<Vec<u8>>> {
        self.within(most, move |store| store.get(kind, name, most))
    }

    fn has(&self, kind: Kind, name: Digest) -> Result<bool> {
        self.within(0, move |store| store.has(kind, name))
    }

    fn put(&self, kind: Kind, name: Digest, bytes: &[u8]) -> Result<()> {
        let bytes = bytes.to_vec();
        self.within(bytes.len() as u64, move |store| store.put(kind, name, &bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file system whose server is gone.
    struct Hanging;

    impl Store for Hanging {
        fn get(&self, _: Kind, _: Digest, _: u64) -> Result<Option<Vec<u8>>> {
            loop {
                std::thread::park();
            }
        }
        fn has(&self, _: Kind, _: Digest) -> Result<bool> {
            Ok(true)
        }
        fn put(&self, _: Kind, _: Digest, bytes: &[u8]) -> Result<()> {
            Err(Error::new(Code::RemoteCache, format!("{} bytes are too many", bytes.len())))
        }
    }

    #[test]
    fn a_store_that_hangs_is_given_up() {
        let store = Limited::new(
            Box::new(Hanging) as Box<dyn Store>,
            "/mnt/gone".to_owned(),
            Duration::from_millis(50),
        );
        let name = Digest::of("a");
        let error = store.get(Kind::Content, name, 9).unwrap_err();
        assert_eq!(
            (error.code(), error.causes()),
            (Code::RemoteCache, &["no answer in time".to_owned()][..])
        );
        assert!(store.has(Kind::Content, name).unwrap());
        assert!(store.put(Kind::Content, name, b"four").unwrap_err().to_string().contains("4 bytes"));
    }
}
