//! Configuration files: `[tool.wheelbuild]` of the project one stands in, or `wheelbuild.toml`,
//! and the user's own `wheelbuild/wheelbuild.toml`.
//!
//! Precedence is flag, `WHEELBUILD_` variable, project file, user file, default; the first two are
//! `cli`'s affair, the files are read and merged here. A file inside an sdist, a wheel or a lock's
//! tree is never read: only folders from the working directory upwards count, and the user's.

mod file;
mod find;
mod overrides;

pub use file::{Config, OneOrMany, Package};
pub use find::{Found, load};
pub use overrides::{Override, overrides};
