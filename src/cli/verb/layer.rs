//! `layer`: one layer from a list of what it holds, for build systems.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::image::{compression, epoch};
use crate::cli::output::{LayerFileOutput, VERSION};
use crate::cli::typed::Layer;
use crate::cli::{Context, print, print_json};
use crate::file::NewFile;
use crate::image::{Compression, LayerManifest, LayerTree, Packed, Packing, pack};
use crate::report::{Error, Result};

pub fn run(arguments: &Layer, context: &Context) -> Result<()> {
    crate::process::give_back_large_buffers();
    let tree = LayerManifest::read(&arguments.manifest)?.tree()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.jobs.map_or(cores, |jobs| usize::try_from(jobs.max(1)).unwrap_or(cores));
    let compression = compression(arguments.compression, arguments.estargz);
    let packing = Packing { compression, mtime: epoch()?, jobs };
    let packed = write(&tree, packing, &arguments.output)?;
    if let Some(path) = &arguments.tar {
        write(&tree, Packing { compression: Compression::None, ..packing }, path)?;
    }
    let said = LayerFileOutput {
        version: VERSION,
        path: arguments.output.clone(),
        media_type: packing.compression.media_type().to_owned(),
        digest: format!("sha256:{}", packed.digest),
        diff_id: format!("sha256:{}", packed.diff_id),
        size: packed.size,
        unpacked: packed.raw_size,
        annotations: packed.annotations,
    };
    if let Some(path) = &arguments.metadata {
        let text = serde_json::to_vec_pretty(&said)
            .map_err(|error| Error::bug(format!("metadata of a layer: {error}")))?;
        std::fs::write(path, text).map_err(|error| Error::io("write", path, &error))?;
    }
    if context.global.json {
        return print_json(&said);
    }
    // A build system repeats what its actions print.
    if context.global.hermetic { Ok(()) } else { print(&said.digest) }
}

/// Packs `tree` into the file `path`, which is there only when it is whole.
fn write(tree: &LayerTree, packing: Packing, path: &Path) -> Result<Packed> {
    let mut file = NewFile::at(path)?;
    let mut out = BufWriter::<&mut File>::with_capacity(1 << 20, file.as_file_mut());
    let packed = pack(tree, packing, &mut out)?;
    out.flush().map_err(|error| Error::io("write", path, &error))?;
    drop(out);
    file.finish()?;
    Ok(packed)
}
