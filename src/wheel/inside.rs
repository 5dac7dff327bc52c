//! The name a wheel would have, told by what it holds: build systems call their files as they like.

use std::path::Path;

use super::file_name::{TagSet, WheelFileName};
use super::wheel_file::WheelFile;
use crate::archive::{Limits, ZipReader};
use crate::metadata::Metadata;
use crate::report::{Code, Error, Result};
use crate::target::Tag;

impl WheelFileName {
    /// The name that METADATA and WHEEL of the wheel at `path` add up to (PEP 427).
    ///
    /// # Errors
    /// [`Code::BadWheel`] when there is not one `.dist-info` folder, or the tags in WHEEL are no
    /// product of interpreters, ABIs and platforms, so that no file name says them;
    /// [`Code::BadMetadata`], and what the hardened reader of archives refuses.
    pub fn inside(path: &Path) -> Result<Self> {
        let archive = ZipReader::open(path, &Limits::default())?;
        let folder = dist_info(&archive)?;
        let read = |name: &str| archive.read(&format!("{folder}/{name}"));
        let metadata = Metadata::parse(&read("METADATA")?)?;
        let wheel = WheelFile::parse(&read("WHEEL")?)?;
        Self::new(metadata.name(), metadata.pep440().clone(), wheel.build.as_deref(), compress(&wheel.tags)?)
    }
}

fn dist_info(archive: &ZipReader) -> Result<String> {
    let tops = archive.entries().iter().filter_map(|entry| {
        let (top, rest) = entry.name.split_once('/')?;
        (rest == "WHEEL" && top.ends_with(".dist-info")).then_some(top)
    });
    match tops.collect::<Vec<_>>()[..] {
        [only] => Ok(only.to_owned()),
        _ => {
            Err(Error::new(Code::BadWheel, "the archive is no wheel")
                .cause("it has not one `.dist-info/WHEEL`"))
        }
    }
}

/// The compressed set whose expansion is `tags`.
fn compress(tags: &[Tag]) -> Result<TagSet> {
    let distinct = |part: fn(&Tag) -> &String| {
        let mut all: Vec<&str> = tags.iter().map(|tag| part(tag).as_str()).collect();
        // `manylinux_2_17_x86_64` before its older name `manylinux2014_x86_64`, as file names have it.
        all.sort_by_key(|text| (!text.contains("linux_"), *text));
        all.dedup();
        all.join(".")
    };
    let text =
        [distinct(|tag| &tag.python), distinct(|tag| &tag.abi), distinct(|tag| &tag.platform)].join("-");
    let set: TagSet = text.parse()?;
    if set.expand() != tags {
        return Err(Error::new(Code::BadWheel, "no file name says the tags that WHEEL names")
            .cause(tags.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")));
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn wheel(tags: &[&str]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut zip = zip::ZipWriter::new(file.as_file_mut());
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("A.b-1.0.dist-info/METADATA", options).unwrap();
        zip.write_all(b"Metadata-Version: 2.1\nName: A.b\nVersion: 1.0\n").unwrap();
        zip.start_file("A.b-1.0.dist-info/WHEEL", options).unwrap();
        zip.write_all(b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n").unwrap();
        for tag in tags {
            writeln!(zip, "Tag: {tag}").unwrap();
        }
        zip.finish().unwrap();
        file
    }

    #[test]
    fn the_name_is_what_the_wheel_says_of_itself() {
        for (tags, name) in [
            (&["py3-none-any"][..], "a_b-1.0-py3-none-any.whl"),
            (&["py2-none-any", "py3-none-any"], "a_b-1.0-py2.py3-none-any.whl"),
            (
                &["cp311-cp311-manylinux2014_x86_64", "cp311-cp311-manylinux_2_17_x86_64"],
                "a_b-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            ),
        ] {
            let file = wheel(tags);
            assert_eq!(WheelFileName::inside(file.path()).unwrap().to_string(), name);
        }
    }

    #[test]
    fn tags_that_no_name_says_are_refused() {
        let file = wheel(&["cp311-cp311-any", "cp312-none-any"]);
        assert_eq!(WheelFileName::inside(file.path()).unwrap_err().code(), Code::BadWheel);
        assert!(WheelFileName::inside(wheel(&[]).path()).is_err());
    }
}
