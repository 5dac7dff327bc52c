//! A wheelhouse as its readers see it, and published wheels to fill one with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Room, names, sha256, sha256_of};

/// A pure wheel as an index has it, with `ballast` bytes in it that no compression makes less.
pub fn wheel(room: &Room, name: &str, ballast: usize) -> PathBuf {
    let path = room.join(format!("{name}-1.0-py3-none-any.whl"));
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for (member, text) in [
        (format!("{name}.py"), "answer = 7\n".to_owned()),
        (
            format!("{name}-1.0.dist-info/METADATA"),
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"),
        ),
    ] {
        zip.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, text.as_bytes()).unwrap();
    }
    zip.start_file(format!("{name}.bin"), zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut zip, &noise(name, ballast)).unwrap();
    zip.finish().unwrap();
    path
}

/// Bytes that look random and are the same for the same name.
pub fn noise(name: &str, size: usize) -> Vec<u8> {
    (0..size.div_ceil(64))
        .flat_map(|part| sha256_of(format!("{name} {part}").as_bytes()).into_bytes())
        .take(size)
        .collect()
}

/// Everything in a wheelhouse but the record of the run, by path.
pub fn contents(house: &Path) -> BTreeMap<String, Vec<u8>> {
    let files =
        walkdir::WalkDir::new(house).into_iter().map(Result::unwrap).filter(|e| e.file_type().is_file());
    files
        .map(|entry| {
            let name = entry.path().strip_prefix(house).unwrap().display().to_string();
            (name, fs::read(entry.path()).unwrap())
        })
        .filter(|(name, _)| !["run.jsonl", "report.html"].contains(&name.as_str()))
        .collect()
}

/// Every page leads to files that are there, with the digest it says.
#[track_caller]
pub fn index_is_whole(house: &Path) -> usize {
    let simple = house.join("simple");
    let mut files = 0;
    for project in names(&simple).iter().filter(|name| simple.join(name).is_dir()) {
        let page = simple.join(project).join("index.v1.json");
        let Ok(text) = fs::read_to_string(&page) else { continue };
        let page: Value = serde_json::from_str(&text).unwrap();
        for file in page["files"].as_array().unwrap() {
            let path = house.join("files").join(file["filename"].as_str().unwrap());
            assert_eq!(sha256(&path), file["hashes"]["sha256"].as_str().unwrap(), "{}", path.display());
            files += 1;
        }
    }
    files
}

/// The files that the pages of a wheelhouse name and that are not there.
pub fn listed_but_absent(house: &Path) -> Vec<String> {
    let mut absent = Vec::new();
    for project in fs::read_dir(house.join("simple")).into_iter().flatten().flatten() {
        for page in ["index.html", "index.v1.json"] {
            let Ok(text) = fs::read_to_string(project.path().join(page)) else { continue };
            let named = text.split("../../files/").skip(1).filter_map(|rest| rest.split(['"', '#']).next());
            absent.extend(named.filter(|name| !house.join("files").join(name).exists()).map(str::to_owned));
        }
    }
    absent
}
