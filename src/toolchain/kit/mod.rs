//! The runtime kit: what a link needs beside the program's own objects, for one target.

mod layout;

pub use layout::KitPaths;
