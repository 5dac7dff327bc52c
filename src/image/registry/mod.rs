//! Image registries (OCI distribution-spec 1.1).

mod reference;

pub use reference::Reference;
