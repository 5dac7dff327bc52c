//! Docker archives: what `docker load` and `podman load` read. The same file is an OCI layout in a tar,
//! as newer engines write it themselves.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::export::{Blob, Export};
use super::oci::{self, Descriptor, Index, REF_NAME};
use super::tar;
use crate::file::NewFile;
use crate::report::{Code, Error, Result};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// Writes the one image of `export` to the file `path`, under the name `name` (`app:1.0`) if given.
/// Nothing stands there until all of it does.
///
/// # Errors
/// [`Code::UnsupportedTarget`] for an index of several images, [`Code::Io`].
pub fn write(export: &Export, path: &Path, name: Option<&str>) -> Result<()> {
    let root = export.root();
    if root.is_index() {
        return Err(Error::new(Code::UnsupportedTarget, "a docker archive holds the image of one platform")
            .hint("name one `--target` for each archive, or write a layout: `-o oci:DIR`"));
    }
    let find = |descriptor: &Descriptor| {
        export.blobs().iter().find(|(known, _)| known.digest == descriptor.digest).map(|(_, blob)| blob)
    };
    let Some(Blob::Bytes(bytes)) = find(root) else { return Err(Error::bug("a manifest without bytes")) };
    let manifest: oci::Manifest = oci::from_bytes("image manifest", bytes)?;
    let mut named = root.clone();
    if let Some(name) = name {
        named.annotations.insert("io.containerd.image.name".to_owned(), full_name(name));
        let tag = name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
        named.annotations.insert(REF_NAME.to_owned(), tag.to_owned());
    }
    let saved = Saved {
        config: member(&manifest.config)?,
        repo_tags: name.map(str::to_owned).into_iter().collect(),
        layers: manifest.layers.iter().map(member).collect::<Result<_>>()?,
    };
    let mut members: BTreeMap<String, Source<'_>> = BTreeMap::new();
    members.insert("manifest.json".to_owned(), Source::Made(oci::to_bytes(&[saved])?));
    let index = Index::new(vec![named], BTreeMap::new());
    members.insert("index.json".to_owned(), Source::Made(oci::to_bytes(&index)?));
    members.insert("oci-layout".to_owned(), Source::Made(br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
    for descriptor in manifest.layers.iter().chain([&manifest.config, root]) {
        let blob = find(descriptor).ok_or_else(|| Error::bug("an image names a blob it has not"))?;
        members.insert(member(descriptor)?, Source::Kept(descriptor, blob));
    }
    let failed = |error: io::Error| Error::io("write", path, &error);
    let mut file = NewFile::at(path)?;
    let mut out = io::BufWriter::with_capacity(1 << 20, file.as_file_mut());
    for folder in ["blobs", "blobs/sha256"] {
        out.write_all(&tar::header(folder, tar::Kind::Folder, 0)).map_err(failed)?;
    }
    for (name, source) in &members {
        source.write(name, &mut out, path)?;
    }
    out.write_all(&tar::END).and_then(|()| out.flush()).map_err(failed)?;
    drop(out);
    file.finish()
}

/// `app:1` as engines keep it: `docker.io/library/app:1`.
fn full_name(name: &str) -> String {
    let (first, rest) = name.split_once('/').unwrap_or(("", name));
    match first {
        "" => format!("docker.io/library/{rest}"),
        host if host.contains(['.', ':']) || host == "localhost" => name.to_owned(),
        _ => format!("docker.io/{name}"),
    }
}

fn member(descriptor: &Descriptor) -> Result<String> {
    Ok(format!("blobs/sha256/{}", descriptor.sha256()?))
}

enum Source<'e> {
    Made(Vec<u8>),
    Kept(&'e Descriptor, &'e Blob),
}

impl Source<'_> {
    fn write(&self, name: &str, out: &mut impl Write, path: &Path) -> Result<()> {
        let failed = |error: io::Error| Error::io("write", path, &error);
        let size = match self {
            Self::Made(bytes) => bytes.len() as u64,
            Self::Kept(descriptor, _) => descriptor.size,
        };
        out.write_all(&tar::header(name, tar::Kind::File { size, executable: false }, 0)).map_err(failed)?;
        match self {
            Self::Made(bytes) | Self::Kept(_, Blob::Bytes(bytes)) => out.write_all(bytes).map_err(failed)?,
            Self::Kept(descriptor, Blob::File(from)) => copy(descriptor, from, out, path)?,
        }
        out.write_all(&vec![0; tar::padding(size)]).map_err(failed)
    }
}

fn copy(descriptor: &Descriptor, from: &Path, out: &mut impl Write, path: &Path) -> Result<()> {
    use std::io::Read;

    use sha2::{Digest as _, Sha256};
    let mut input = std::fs::File::open(from).map_err(|error| Error::io("read", from, &error))?;
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 256 << 10]);
    loop {
        crate::process::check_halted()?;
        let count = input.read(&mut buffer).map_err(|error| Error::io("read", from, &error))?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        size += count as u64;
        out.write_all(&buffer[..count]).map_err(|error| Error::io("write", path, &error))?;
    }
    let sha256 = crate::cache::Digest::from(<[u8; 32]>::from(hash.finalize()));
    if size != descriptor.size || sha256 != descriptor.sha256()? {
        return Err(oci::broken(format!("`{}` is not `{}`", from.display(), descriptor.digest)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::full_name;

    #[test]
    fn names_as_engines_keep_them() {
        assert_eq!(full_name("app:1"), "docker.io/library/app:1");
        assert_eq!(full_name("me/app:1"), "docker.io/me/app:1");
        assert_eq!(full_name("localhost:5000/a:1"), "localhost:5000/a:1");
        assert_eq!(full_name("example.org/a/b"), "example.org/a/b");
    }
}
