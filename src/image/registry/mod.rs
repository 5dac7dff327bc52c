//! Image registries (OCI distribution-spec 1.1): pull what is missing here, push what is missing there.

mod cache;
mod challenge;
mod client;
mod credentials;
mod pull;
mod push;
mod reference;

pub use cache::RegistryCache;
pub use client::Client;
pub use pull::Repository;
pub use push::{Pushed, origin_of, push};
pub use reference::Reference;
