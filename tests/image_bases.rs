//! Upon images that others made: whiteouts, merged folders, links, other compressions, and what lies.

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;

use common::Room;
use common::scene::*;
use serde_json::{Value, json};

/// What a layer of others holds.
enum Holds<'h> {
    File(&'h [u8]),
    Folder,
    Link(&'h str),
    Same(&'h str),
    Device,
}

fn tar_of(entries: &[(&str, Holds<'_>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, holds) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o755);
        header.set_mtime(1_000_000_000);
        let (kind, data, link): (_, &[u8], _) = match holds {
            Holds::File(data) => (tar::EntryType::Regular, data, None),
            Holds::Folder => (tar::EntryType::Directory, b"", None),
            Holds::Link(target) => (tar::EntryType::Symlink, b"", Some(target)),
            Holds::Same(target) => (tar::EntryType::Link, b"", Some(target)),
            Holds::Device => (tar::EntryType::Char, b"", None),
        };
        header.set_entry_type(kind);
        header.set_size(data.len() as u64);
        match link {
            Some(target) => builder.append_link(&mut header, path, target).unwrap(),
            None => builder.append_data(&mut header, path, data).unwrap(),
        }
    }
    builder.into_inner().unwrap()
}

/// How a layer is packed by those who made it.
#[derive(Clone, Copy)]
enum Packed {
    Gzip,
    Zstd,
    Plain,
}

fn put(layout: &Path, media_type: &str, bytes: &[u8]) -> Value {
    let digest = common::sha256_of(bytes);
    fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    fs::write(layout.join("blobs/sha256").join(&digest), bytes).unwrap();
    json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len() })
}

/// Writes a layout of others with the tar streams `layers`.
fn layout(room: &Room, name: &str, layers: &[Vec<u8>], packed: Packed) {
    let place = room.join(name);
    let (mut descriptors, mut diff_ids) = (Vec::new(), Vec::new());
    for stream in layers {
        diff_ids.push(format!("sha256:{}", common::sha256_of(stream)));
        let kind = "application/vnd.oci.image.layer.v1.tar";
        descriptors.push(match packed {
            Packed::Plain => put(&place, kind, stream),
            Packed::Zstd => put(&place, &format!("{kind}+zstd"), &zstd::encode_all(&stream[..], 1).unwrap()),
            Packed::Gzip => {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                gzip.write_all(stream).unwrap();
                put(&place, &format!("{kind}+gzip"), &gzip.finish().unwrap())
            }
        });
    }
    seal(&place, descriptors, diff_ids);
}

fn seal(place: &Path, layers: Vec<Value>, diff_ids: Vec<String>) {
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let config =
        put(place, "application/vnd.oci.image.config.v1+json", &serde_json::to_vec(&config).unwrap());
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers });
    let manifest = put(place, kind, &serde_json::to_vec(&manifest).unwrap());
    fs::write(place.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(place.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
}

/// The entries of a system whose Python is in `opt/py`.
fn python(program: &[u8]) -> Vec<(&str, Holds<'_>)> {
    vec![
        ("./", Holds::Folder),
        ("./opt/py/bin/python3.11", Holds::File(program)),
        ("./opt/py/lib/python3.11/os.py", Holds::File(b"")),
    ]
}

fn program() -> Vec<u8> {
    [&elf(AMD64)[..], b"\x003.11.4\0"].concat()
}

#[test]
fn a_folder_of_a_base_is_what_a_container_would_see() {
    let room = scene();
    let program = program();
    let mut lower = python(&program);
    lower.extend([
        ("usr/lib/", Holds::Folder),
        ("lib", Holds::Link("usr/lib")),
        ("usr/lib/x", Holds::File(b"below")),
        ("old/file", Holds::File(b"1")),
        ("old/stays", Holds::File(b"2")),
        ("gone/a/b", Holds::File(b"3")),
        ("srv/old", Holds::File(b"4")),
        ("etc/conf", Holds::File(b"5")),
        ("made/old", Holds::File(b"6")),
        ("zz", Holds::Same("old/stays")),
        // Before its other name in the order of paths.
        ("etc/twin", Holds::Same("old/stays")),
    ]);
    let upper = [
        ("old/.wh.file", Holds::File(b"")),
        (".wh.gone", Holds::File(b"")),
        ("srv/", Holds::Folder),
        ("srv/.wh..wh..opq", Holds::File(b"")),
        ("srv/new", Holds::File(b"7")),
        // Through the link of the layer below, into a folder that has no entry of its own.
        ("lib/x", Holds::File(b"above")),
        ("lib/deep/y", Holds::File(b"8")),
        ("etc/conf", Holds::File(b"new")),
        // Taken away and made anew.
        (".wh.made", Holds::File(b"")),
        ("made/", Holds::Folder),
        ("made/new", Holds::File(b"9")),
        ("made/link", Holds::Link("/etc/conf")),
    ];
    let layers = [tar_of(&lower), tar_of(&upper)];
    for (name, packed) in [("gzip", Packed::Gzip), ("zstd", Packed::Zstd), ("plain", Packed::Plain)] {
        layout(&room, name, &layers, packed);
        let (base, out) = (format!("oci:{name}"), format!("dir:root-{name}"));
        let words = ["two-2.0-py3-none-any.whl", "--app", "src", "--base", &base, "-o", &out];
        image(&room, &words).succeeded();
        let root = room.join(format!("root-{name}"));
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        assert_eq!((read("usr/lib/x"), read("usr/lib/deep/y")), ("above".into(), "8".into()));
        assert_eq!(fs::read_link(root.join("lib")).unwrap(), Path::new("usr/lib"));
        assert_eq!(common::names(&root.join("old")), ["stays"]);
        assert_eq!(common::names(&root.join("srv")), ["new"]);
        assert_eq!(common::names(&root.join("made")), ["link", "new"]);
        assert_eq!(
            (read("etc/conf"), read("zz") + &read("etc/twin"), read("made/link")),
            ("new".into(), "22".into(), "new".into())
        );
        assert!(!root.join("gone").exists());
        assert!(root.join("opt/py/lib/python3.11/site-packages/two.py").is_file());
        assert!(root.join("app/main.py").is_file());
    }
}

#[test]
fn what_no_folder_can_hold_is_refused_in_one() {
    let room = scene();
    let program = program();
    let mut lower = python(&program);
    lower.push(("dev/null", Holds::Device));
    lower.push(("a", Holds::File(b"1")));
    lower.push(("b", Holds::Same("a")));
    layout(&room, "base", &[tar_of(&lower)], Packed::Gzip);
    let upon = |out: &str| image(&room, &["--base", "oci:base", "--app", "src", "-o", out]);
    upon("oci:out").succeeded();
    upon("dir:no").failed(1, "WB0202").says("dev/null");
    // A hard link whose other name is of a later layer.
    let above = tar_of(&[("dev/.wh.null", Holds::File(b"")), ("a", Holds::File(b"2"))]);
    layout(&room, "base", &[tar_of(&lower), above], Packed::Gzip);
    upon("dir:no").failed(1, "WB0202").says("/b");
    assert!(!room.join("no").exists());
}

#[test]
fn a_layer_that_lies_about_its_content_is_refused_however_well_it_is_known() {
    let room = scene();
    let program = program();
    let (good, other) = (tar_of(&python(&program)), tar_of(&[("other", Holds::File(b"x"))]));
    layout(&room, "good", std::slice::from_ref(&good), Packed::Plain);
    let upon = |out: &str, base: &str| image(&room, &["--base", base, "--app", "src", "-o", out]);
    upon("oci:out", "oci:good").succeeded();
    // The blob of another layer under a diff id whose content is known by now.
    let place = room.join("lies");
    let descriptor = put(&place, "application/vnd.oci.image.layer.v1.tar", &other);
    seal(&place, vec![descriptor], vec![format!("sha256:{}", common::sha256_of(&good))]);
    upon("oci:no", "oci:lies").failed(1, "WB0240");
    // The right name on other content of the same size, which was right when it was read.
    let blob = room.join("good/blobs/sha256").join(common::sha256_of(&good));
    let mut bytes = fs::read(&blob).unwrap();
    let last = bytes.len() - 1;
    bytes[last] = 1;
    fs::write(&blob, bytes).unwrap();
    for out in ["oci:layout", "docker:archive", "dir:folder"] {
        upon(out, "oci:good").failed(1, "WB0240");
    }
    assert!(!room.join("archive").exists() && !room.join("folder").exists());
    assert!(!room.join("layout/index.json").exists(), "no image is named");
}

#[test]
fn another_version_of_a_package_that_a_base_has_is_taken_away() {
    let room = scene();
    let program = program();
    let site = |path: &str| format!("opt/py/lib/python3.11/site-packages/{path}");
    let record = "two.py,,\nold/__init__.py,,\nold/part.py,,\nshared/two.py,,\n../../../bin/two,,\n\
        \"two-1.0.dist-info/a,b\",,\ntwo-1.0.dist-info/METADATA,,\ntwo-1.0.dist-info/RECORD,,\n";
    let files: Vec<(String, &[u8])> = vec![
        (site("two.py"), b"old"),
        (site("old/__init__.py"), b""),
        (site("old/part.py"), b""),
        (site("old/__pycache__/part.cpython-311.pyc"), b""),
        (site("shared/two.py"), b""),
        (site("shared/three.py"), b"of another"),
        ("opt/py/bin/two".to_owned(), b"#!/opt/py/bin/python3.11\n"),
        (site("two-1.0.dist-info/METADATA"), b"Name: two\nVersion: 1.0\n"),
        (site("two-1.0.dist-info/a,b"), b""),
        (site("two-1.0.dist-info/RECORD"), record.as_bytes()),
    ];
    let mut lower = python(&program);
    lower.extend(files.iter().map(|(path, data)| (path.as_str(), Holds::File(data))));
    layout(&room, "base", &[tar_of(&lower)], Packed::Gzip);
    for more in [&[][..], &["--split"], &["--estargz"]] {
        let _ = fs::remove_dir_all(room.join("root"));
        let words = ["one-1.0-py3-none-any.whl", "two-2.0-py3-none-any.whl", "--base", "oci:base"];
        image(&room, &[&words[..], &["-o", "dir:root"], more].concat()).succeeded();
        let there = |path: &str| room.join("root").join(site(path)).symlink_metadata().is_ok();
        assert_eq!(fs::read(room.join("root").join(site("two.py"))).unwrap(), b"y = 2\n");
        assert!(there("two-2.0.dist-info/METADATA") && there("shared/three.py") && there("one"));
        for gone in ["two-1.0.dist-info", "old", "shared/two.py", "../../../bin/two"] {
            assert!(!there(gone), "{gone} {more:?}");
        }
    }
    // As layers, by the names that engines know.
    let words = ["two-2.0-py3-none-any.whl", "--base", "oci:base", "-o", "oci:out"];
    let said = image(&room, &words).succeeded().json();
    let digest = said["images"][0]["layers"][1]["digest"].as_str().unwrap();
    let layer = entries_in_any_order(&blob(&room.join("out"), digest));
    for taken in ["two-1.0.dist-info", "old"] {
        assert!(layer.contains(&site(&format!(".wh.{taken}"))), "{layer:?}");
    }
    assert!(layer.contains(&site("shared/.wh.two.py")) && layer.contains(&"opt/py/bin/.wh.two".to_owned()));
    room.wheelbuild(["check", "oci:out", "--target", "linux/amd64"]).ran().succeeded();
    let described = room.wheelbuild(["inspect", "oci:out", "--json"]).ran().succeeded().json();
    assert_eq!(described["images"][0]["packages"].as_array().unwrap().len(), 1);

    // Who left no list of files cannot be replaced.
    lower.pop();
    layout(&room, "base", &[tar_of(&lower)], Packed::Gzip);
    image(&room, &words).failed(1, "WB0440").says("no RECORD");
}

#[test]
fn names_that_take_something_away_are_refused_in_what_is_put_in() {
    let room = scene();
    room.write("src/.wh.main.py", "");
    image(&room, &[&ALL[..], &["-o", "oci:no"]].concat()).failed(1, "WB0202").says(".wh.main.py");
    fs::remove_file(room.join("src/.wh.main.py")).unwrap();
    wheel(&room, "away-1-py3-none-any.whl", &[("two/.wh..wh..opq", b"")]);
    let words = ["away-1-py3-none-any.whl", "--interpreter", "tree", "-o", "oci:no"];
    image(&room, &words).failed(1, "WB0202").says("away-1");
    assert!(!room.join("no").exists());
}

fn entries_in_any_order(layer: &[u8]) -> Vec<String> {
    let mut stream = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(layer), &mut stream).unwrap();
    let mut archive = tar::Archive::new(&stream[..]);
    let paths = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
    paths.collect()
}
