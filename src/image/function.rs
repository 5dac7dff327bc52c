//! The archive that function services take: packages and application side by side at its root. The
//! interpreter and everything below it is the service's own, so it is checked with and left out.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::assemble::{Image, Request};
use super::member;
use super::pack::FileOf;
use super::python::Scheme;
use super::source::{Reading, SourceTree};
use super::tree::{Content, LayerTree, Node};
use super::{bytecode, site};
use crate::archive::{DosTime, ZipMember, ZipOptions, write_zip};
use crate::cache::{Cache, Digest};
use crate::file::NewFile;
use crate::report::{Code, Error, Report, Result};
use crate::wheel::WheelArchive;

/// Writes the packages and applications of `image`, which was made of `request`, to the zip `file`, and
/// says its digest. Laid out as `pip install --target` does: programs are in `bin/`, data at the root.
/// The contents are held in memory while they are packed; such services take some hundred MB at most.
///
/// # Errors
/// [`Code::PathConflict`] when application and packages want the same path; [`Code::Usage`] for a link
/// that is not to a file of the archive; those of reading wheels and folders; [`Code::Io`].
pub fn write_function(
    image: &Image,
    request: &Request<'_>,
    file: &Path,
    cache: &Cache,
    report: &Report,
) -> Result<Digest> {
    let mut tree = packages(image, request, cache, report)?;
    for placed in request.applications {
        let reading = Reading { is_root: false, exclude: request.exclude };
        // In the image the destination is where the application is imported from; here that is the root.
        SourceTree::open(&placed.source, reading, cache)?.place("", &mut tree)?;
    }
    let mut files: Vec<(&str, bool, Vec<u8>)> = Vec::new();
    for (path, node) in tree.iter() {
        let (content, executable) = match node {
            Node::Folder | Node::Whiteout => continue,
            Node::File { content, executable } => (content, *executable),
            Node::Link { target } => linked(&tree, path, target)?,
        };
        let mut data = Vec::with_capacity(usize::try_from(content.size()).unwrap_or(0));
        member::append(FileOf { path, content, executable }, &mut data)?;
        files.push((path, executable, data));
    }
    let members: Vec<ZipMember<'_>> = files
        .iter()
        .map(|(name, executable, data)| ZipMember { name, data, executable: *executable })
        .collect();
    let options = ZipOptions { time: DosTime::from_epoch(request.packing.mtime), jobs: request.packing.jobs };
    let failed = |error: std::io::Error| Error::io("write", file, &error);
    let mut out = NewFile::at(file)?;
    let mut buffered = std::io::BufWriter::new(&mut out);
    write_zip(&members, &options, &mut buffered)?;
    buffered.flush().map_err(failed)?;
    drop(buffered);
    let digest = Digest::of_file(out.path())?;
    out.finish()?;
    Ok(digest)
}

/// The packages of `image`, which was made of `request`, as `pip install --target` lays them out.
///
/// # Errors
/// Those of reading wheels.
pub(super) fn packages(
    image: &Image,
    request: &Request<'_>,
    cache: &Cache,
    report: &Report,
) -> Result<LayerTree> {
    let scheme = Scheme {
        site_packages: String::new(),
        scripts: "bin".to_owned(),
        data: String::new(),
        headers: format!("include/python{}", image.python.version),
        program: image.python.scheme.program.clone(),
    };
    let mut tree = LayerTree::default();
    for given in &image.packages {
        let wheel = Arc::new(WheelArchive::open(&given.path)?);
        let compiled = match request.compile {
            None => Vec::new(),
            Some(python) => {
                bytecode::compile(&wheel, &given.requirement.sha256, python, &scheme, cache, report)?
            }
        };
        site::place(&wheel, &compiled, &scheme, &mut tree)?;
    }
    Ok(tree)
}

/// What the link at `path` to `target` stands for: a zip's links are not made by every service.
fn linked<'t>(tree: &'t LayerTree, path: &str, target: &str) -> Result<(&'t Content, bool)> {
    let mut at = path.to_owned();
    let mut target = target.to_owned();
    // As many as the kernel follows.
    for _ in 0..40 {
        let mut parts: Vec<&str> = at.split('/').collect();
        parts.pop();
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                _ => parts.push(part),
            }
        }
        let next = parts.join("/");
        match tree.iter().find(|(known, _)| *known == next) {
            Some((_, Node::File { content, executable })) => return Ok((content, *executable)),
            Some((_, Node::Link { target: further })) => (at, target) = (next, further.clone()),
            _ => break,
        }
    }
    Err(Error::new(Code::Usage, format!("the link `{path}` cannot be put into a zip"))
        .cause("it does not lead to a file of the archive")
        .hint(format!("leave it out: `--exclude {path}`")))
}
