//! Layers that can be read file by file (`--estargz`), looked at by a reader that was written from the
//! specification alone: docs/estargz.md of containerd/stargz-snapshotter.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;

use common::scene::*;
use serde_json::Value;

const LANDMARK: &str = ".no.prefetch.landmark";
const TABLE: &str = "stargz.index.json";

/// What a reader gets who knows the digest of the table: contents by name, of every regular file.
fn read_lazily(layer: &[u8], annotations: &Value) -> BTreeMap<String, Vec<u8>> {
    // The footer is the last 51 bytes: an empty gzip member whose extra field is `SG`.
    let footer = &layer[layer.len() - 51..];
    assert_eq!(footer[..4], [0x1f, 0x8b, 8, 4]);
    assert_eq!(footer[10..16], [26, 0, b'S', b'G', 22, 0]);
    assert_eq!(&footer[32..38], b"STARGZ");
    assert_eq!(footer[38..43], [1, 0, 0, 0xff, 0xff]);
    assert_eq!(footer[43..], [0; 8]);
    let offset = std::str::from_utf8(&footer[16..32]).unwrap();
    let offset = usize::from_str_radix(offset, 16).unwrap();
    // The table's own member begins with its tar header.
    let mut tail = Vec::new();
    flate2::read::GzDecoder::new(&layer[offset..layer.len() - 51]).read_to_end(&mut tail).unwrap();
    let mut archive = tar::Archive::new(&tail[..]);
    let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
    assert_eq!(entry.path().unwrap().to_str(), Some(TABLE));
    let mut json = Vec::new();
    entry.read_to_end(&mut json).unwrap();
    let digest = |data: &[u8]| format!("sha256:{}", common::sha256_of(data));
    assert_eq!(annotations["containerd.io/snapshot/stargz/toc.digest"], digest(&json));
    let table: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(table["version"], 1);

    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut last: Option<String> = None;
    let entries = table["entries"].as_array().unwrap();
    for (number, entry) in entries.iter().enumerate() {
        let name = entry["name"].as_str().unwrap().to_owned();
        assert_ne!(name, TABLE);
        let kind = entry["type"].as_str().unwrap();
        if kind != "chunk" {
            assert!(entry["mode"].is_u64() && entry["uid"] == 0 && entry["gid"] == 0, "{entry}");
        }
        match kind {
            "dir" => assert!(name.ends_with('/'), "the name of the tar entry"),
            "symlink" => assert!(entry["linkName"].is_string()),
            "reg" | "chunk" => {
                let from = entry["chunkOffset"].as_u64().unwrap_or(0);
                match kind {
                    "reg" => assert!(files.insert(name.clone(), Vec::new()).is_none(), "{name} twice"),
                    _ => assert_eq!(last.as_deref(), Some(name.as_str()), "chunks follow their file"),
                }
                let size = entries[..=number].iter().rev().find_map(|entry| entry["size"].as_u64());
                let size = if entry["type"] == "reg" { entry["size"].as_u64() } else { size };
                let Some(size) = size else { continue };
                let count = match entry["chunkSize"].as_u64().unwrap_or(0) {
                    0 => size - from,
                    count => count,
                };
                let at = usize::try_from(entry["offset"].as_u64().unwrap()).unwrap();
                assert_eq!(layer[at..at + 2], [0x1f, 0x8b], "a gzip header at the payload of {name}");
                let mut data = Vec::new();
                flate2::read::GzDecoder::new(&layer[at..]).take(count).read_to_end(&mut data).unwrap();
                assert_eq!(entry["chunkDigest"], digest(&data), "{name}");
                let file = files.get_mut(&name).unwrap();
                assert_eq!(file.len() as u64, from);
                file.extend(data);
                last = Some(name);
            }
            other => panic!("{other}"),
        }
    }
    files
}

#[test]
fn every_file_is_read_by_itself_and_the_whole_as_before() {
    let room = scene();
    // Longer than a stretch, so that it has chunks; and an empty file.
    room.write("src/large.bin", noise(2_500_000));
    room.write("src/empty.py", "");
    let said = made(&room, &["-o", "oci:out", "--estargz"]);
    let plain = made(&room, &["-o", "oci:plain"]);
    let manifest = document(&room.join("out"), said["images"][0]["digest"].as_str().unwrap());
    for (number, descriptor) in manifest["layers"].as_array().unwrap().iter().enumerate() {
        assert_eq!(descriptor["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
        let layer = blob(&room.join("out"), descriptor["digest"].as_str().unwrap());
        let lazily = read_lazily(&layer, &descriptor["annotations"]);

        let mut stream = Vec::new();
        flate2::read::MultiGzDecoder::new(&layer[..]).read_to_end(&mut stream).unwrap();
        assert_eq!(
            descriptor["annotations"]["io.containers.estargz.uncompressed-size"],
            stream.len().to_string()
        );
        let (mut eager, mut names) = (BTreeMap::new(), Vec::new());
        for entry in tar::Archive::new(&stream[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            names.push(name.clone());
            if entry.header().entry_type().is_file() {
                let mut data = Vec::new();
                entry.read_to_end(&mut data).unwrap();
                eager.insert(name, data);
            }
        }
        assert_eq!(names.last().map(String::as_str), Some(TABLE), "the table is the last entry");
        eager.remove(TABLE);
        assert!(eager == lazily, "layer {number}");
        assert_eq!(eager.remove(LANDMARK), Some(vec![0x0f]));
        // Besides those two the layer is what it is without a table.
        let digest = plain["images"][0]["layers"][number]["digest"].as_str().unwrap();
        let other = entries(&blob(&room.join("plain"), digest));
        let other: BTreeMap<String, Vec<u8>> = other
            .into_iter()
            .filter(|(name, found)| !name.ends_with('/') && found.link.is_none())
            .map(|(name, found)| (name, found.data))
            .collect();
        assert!(eager == other, "layer {number}");
    }
    // The wheel's own deflate data is spliced here, too.
    let digest = manifest["layers"][1]["digest"].as_str().unwrap();
    let layer = blob(&room.join("out"), digest);
    let wheel = fs::read(room.join(ALL[0])).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&wheel)).unwrap();
    let member = archive.by_name("one/large.bin").unwrap();
    let start = usize::try_from(member.data_start().unwrap()).unwrap();
    let packed = &wheel[start..][..usize::try_from(member.compressed_size()).unwrap()];
    assert!(layer.windows(packed.len()).any(|window| window == packed));

    // Cached, it is the same, annotations included; on one core, too.
    assert_eq!(made(&room, &["-o", "oci:again", "--estargz"])["digest"], said["digest"]);
    fs::remove_dir_all(room.cache().join("layers")).unwrap();
    assert_eq!(made(&room, &["-o", "oci:one", "--estargz", "--jobs", "1"])["digest"], said["digest"]);
}

#[test]
fn its_own_names_have_to_be_free() {
    let room = scene();
    room.write("tree/stargz.index.json", "{}");
    let words = [&ALL[..], &["-o", "oci:out", "--estargz"]].concat();
    image(&room, &words).failed(1, "WB0440").says("stargz.index.json").hints("--exclude");
    let words = [&ALL[..], &["-o", "oci:out", "--estargz", "--compression", "zstd"]].concat();
    assert_eq!(image(&room, &words).code, Some(2));
}

#[test]
fn a_layer_from_a_list_says_its_annotations() {
    let room = scene();
    room.write("file", "text");
    let list = serde_json::json!({"version": 1, "entries": [{"path": "app/file", "file": "file"}]});
    room.write("list.json", list.to_string());
    let words = ["layer", "--manifest", "list.json", "-o", "layer.tgz", "--estargz", "--json"];
    let said = room.wheelbuild(words).ran().succeeded().json();
    let files = read_lazily(&fs::read(room.join("layer.tgz")).unwrap(), &said["annotations"]);
    assert_eq!(files["app/file"], b"text");
}
