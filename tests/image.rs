//! `wheelbuild image` with made-up wheels and a made-up interpreter: what is in the layers, what is
//! refused, and that the same inputs give the same digests whatever is around them.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use base64::Engine;
use common::scene::*;
use serde_json::Value;
use sha2::Digest;

#[test]
fn three_layers_hold_what_an_installer_would_install() {
    let room = scene();
    let said = made(&room, &["-o", "oci:out:1.0", "--env", "A=b=c", "--expose", "80", "--cmd", "-m main"]);
    let layout = room.join("out");
    assert_eq!(said["reference"], format!("oci:out:1.0@{}", said["digest"].as_str().unwrap()));
    let manifest = document(&layout, said["digest"].as_str().unwrap());
    let layers: Vec<Vec<u8>> = (manifest["layers"].as_array().unwrap().iter())
        .map(|layer| {
            assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
            let blob = blob(&layout, layer["digest"].as_str().unwrap());
            assert_eq!(layer["size"], blob.len());
            blob
        })
        .collect();
    let [python, packages, application] = &layers[..] else { panic!("{manifest}") };

    let python = entries(python);
    assert_eq!(python["opt/py/bin/python3"].link.as_deref(), Some("python3.11"));
    assert_eq!(python["opt/py/bin/python3.11"].mode, 0o755);
    assert!(python.keys().all(|path| !path.contains("__pycache__")));

    let site = "opt/py/lib/python3.11/site-packages";
    let packages = entries(packages);
    assert!(!packages.contains_key("opt/"), "folders of the interpreter are left alone");
    assert!(packages[&format!("{site}/one/large.bin")].data == noise(3_000_000));
    let tool = &packages["opt/py/bin/tool"];
    assert_eq!((&tool.data[..], tool.mode), (&b"#!/opt/py/bin/python3.11 -E\nprint(1)\n"[..], 0o755));
    let run = String::from_utf8(packages["opt/py/bin/run-one"].data.clone()).unwrap();
    assert!(run.starts_with("#!/opt/py/bin/python3.11\n") && run.contains("from one import main"), "{run}");
    assert_eq!(packages["opt/py/share/one.txt"].data, b"data");
    assert_eq!(packages["opt/py/include/python3.11/one/one.h"].data, b"int one;");
    assert!(!packages.contains_key(&format!("{site}/one-1.0.dist-info/direct_url.json")));
    let record =
        String::from_utf8(packages[&format!("{site}/one-1.0.dist-info/RECORD")].data.clone()).unwrap();
    let rows: Vec<&str> = record.lines().collect();
    assert!(rows.is_sorted() && rows.contains(&"one-1.0.dist-info/RECORD,,"), "{record}");
    assert!(rows.iter().any(|row| row.starts_with("../../../bin/run-one,sha256=")), "{record}");
    for row in &rows {
        let path = row.split(',').next().unwrap();
        let path = path.replace("../../../", "opt/py/");
        let path = if path.starts_with("opt/") { path } else { format!("{site}/{path}") };
        let hash = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .encode(sha2::Sha256::digest(&packages[&path].data));
        assert!(path.ends_with("/RECORD") || row.contains(&hash), "{row}");
    }

    let application = entries(application);
    let paths: Vec<&String> = application.keys().collect();
    assert_eq!(
        paths[..4].iter().map(|path| path.as_str()).collect::<Vec<_>>(),
        ["app/", "app/empty/", "app/empty/.keep", "app/main.py"]
    );
    assert_eq!(application[&format!("{site}/wheelbuild-application.pth")].data, b"/app\n");

    let config = document(&layout, manifest["config"]["digest"].as_str().unwrap());
    assert_eq!((&config["architecture"], &config["os"]), (&"amd64".into(), &"linux".into()));
    assert_eq!(config["created"], "1970-01-01T00:00:00Z");
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/opt/py/bin/python3.11"]));
    assert_eq!(config["config"]["Cmd"], serde_json::json!(["-m", "main"]));
    assert_eq!(config["config"]["WorkingDir"], "/app");
    assert_eq!(config["config"]["ExposedPorts"], serde_json::json!({"80/tcp": {}}));
    assert_eq!(config["config"]["Env"][1], "A=b=c");
    assert!(config["config"]["Env"][0].as_str().unwrap().starts_with("PATH=/opt/py/bin:"));
    assert_eq!(config["history"].as_array().unwrap().len(), 3);
    for (diff_id, layer) in config["rootfs"]["diff_ids"].as_array().unwrap().iter().zip(&layers) {
        let mut stream = Vec::new();
        flate2::read::MultiGzDecoder::new(&layer[..]).read_to_end(&mut stream).unwrap();
        let digest: String = sha2::Sha256::digest(&stream).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(*diff_id, format!("sha256:{digest}"));
    }
    assert_eq!(document(&layout, said["digest"].as_str().unwrap())["mediaType"], manifest["mediaType"]);
}

#[test]
fn the_large_member_is_the_wheels_own_deflate_data() {
    let room = scene();
    let said = made(&room, &["-o", "oci:out"]);
    let layer = blob(&room.join("out"), said["images"][0]["layers"][1]["digest"].as_str().unwrap());
    let wheel = fs::read(room.join(ALL[0])).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&wheel)).unwrap();
    let member = archive.by_name("one/large.bin").unwrap();
    let start = usize::try_from(member.data_start().unwrap()).unwrap();
    let packed = &wheel[start..][..usize::try_from(member.compressed_size()).unwrap()];
    assert!(layer.windows(packed.len()).any(|window| window == packed));
}

#[test]
fn digests_are_the_same_from_other_folders_umasks_cores_and_caches() {
    let first = scene();
    let expected = made(&first, &["-o", "oci:out", "--jobs", "1"])["digest"].clone();
    // Cached, and into an output that has nothing.
    let again = made(&first, &["-o", "oci:again"]);
    assert_eq!(again["digest"], expected);
    assert!(again["images"][0]["layers"].as_array().unwrap().iter().all(|layer| layer["cached"] == true));

    let second = scene();
    for entry in walkdir::WalkDir::new(second.join("src"))
        .into_iter()
        .chain(walkdir::WalkDir::new(second.join("tree")))
    {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            // What another umask and another time of the checkout leave.
            let mode = entry.metadata().unwrap().permissions().mode();
            let mode = if mode & 0o100 != 0 { 0o700 } else { 0o600 };
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode)).unwrap();
            let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
            fs::File::options().append(true).open(entry.path()).unwrap().set_modified(old).unwrap();
        }
    }
    let other = made(&second, &["-o", "oci:out", "--jobs", "7"]);
    assert_eq!(other["digest"], expected);
    let words = [&["image", "--target", "linux/amd64", "-o", "oci:later", "-q"][..], &ALL].concat();
    let later = second.wheelbuild(words).env("SOURCE_DATE_EPOCH", "86400").ran().succeeded();
    assert!(!later.stdout.contains(expected.as_str().unwrap()));
}

#[test]
fn only_the_application_is_made_anew() {
    let room = scene();
    made(&room, &["-o", "oci:out"]);
    room.write("src/main.py", "import one  # changed\n");
    // What is not read need not be there.
    let folder = room.cache().join("layers/blobs");
    fs::remove_dir_all(&folder).unwrap();
    let said = made(&room, &["-o", "oci:out"]);
    let cached: Vec<bool> = (said["images"][0]["layers"].as_array().unwrap().iter())
        .map(|layer| layer["cached"].as_bool().unwrap())
        .collect();
    assert_eq!(cached, [true, true, false]);
}

#[test]
fn no_packages_are_a_valid_layer_and_large_ones_get_their_own() {
    let room = scene();
    let said = image(&room, &["--interpreter", "tree", "-o", "oci:out"]).succeeded().json();
    let layers = said["images"][0]["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 2);
    assert!(entries(&blob(&room.join("out"), layers[1]["digest"].as_str().unwrap())).is_empty());

    let said = made(&room, &["-o", "oci:split", "--split"]);
    let titles: Vec<&str> = (said["images"][0]["layers"].as_array().unwrap().iter())
        .map(|layer| layer["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, ["interpreter", "one 1.0", "two 2.0", "application"]);
}

#[test]
fn several_targets_are_an_index_with_the_fitting_wheels() {
    let room = scene();
    interpreter(&room, "arm", ARM64);
    for (machine, elf_machine) in [("x86_64", AMD64), ("aarch64", ARM64)] {
        let file = format!("native-1.0-cp311-cp311-manylinux_2_17_{machine}.whl");
        wheel(&room, &file, &[("native.so", &elf(elf_machine))]);
    }
    let said = image(
        &room,
        &["--target", "linux/arm64", "--interpreter", "tree", "--interpreter", "arm", "-o", "oci:out"],
    )
    .succeeded();
    assert!(said.json()["images"].as_array().unwrap().len() == 2);
    let words = [
        "native-1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
        "native-1.0-cp311-cp311-manylinux_2_17_aarch64.whl",
    ];
    let words = [
        &words[..],
        &["--target", "linux/arm64", "--interpreter", "tree", "--interpreter", "arm", "-o", "oci:out"],
    ]
    .concat();
    let said = image(&room, &words).succeeded().json();
    let index = document(&room.join("out"), said["digest"].as_str().unwrap());
    let platforms: Vec<&Value> =
        index["manifests"].as_array().unwrap().iter().map(|m| &m["platform"]).collect();
    assert_eq!(platforms[0]["architecture"], "amd64");
    assert_eq!((&platforms[1]["architecture"], &platforms[1]["variant"]), (&"arm64".into(), &"v8".into()));
    for (image, machine) in said["images"].as_array().unwrap().iter().zip(["x86_64", "aarch64"]) {
        assert!(image["packages"][0]["file"].as_str().unwrap().contains(machine));
    }
}

#[test]
fn an_image_is_built_upon_another() {
    let room = scene();
    image(&room, &["--interpreter", "tree", "--env", "BASE=1", "--user", "me", "-o", "oci:base:1"])
        .succeeded();
    image(&room, &["--interpreter", "tree", "-o", "docker:base.tar:base:1"]).succeeded();
    for base in ["oci:base:1", "base:1", "docker:base.tar"] {
        let words = ["two-2.0-py3-none-any.whl", "--app", "src", "--base", base, "-o", "oci:out"];
        let said = image(&room, &words).succeeded().json();
        let config = document(&room.join("out"), said["images"][0]["config"].as_str().unwrap());
        assert_eq!(said["images"][0]["interpreter"], "/opt/py/bin/python3.11", "{base}");
        assert_eq!(said["images"][0]["python"], "3.11.4");
        assert_eq!(config["history"].as_array().unwrap().len(), 4);
        if base != "docker:base.tar" {
            assert_eq!(config["config"]["User"], "me");
            assert!(config["config"]["Env"].as_array().unwrap().contains(&"BASE=1".into()));
        }
    }
    image(&room, &["--target", "linux/s390x", "--base", "oci:base:1", "-o", "oci:out"])
        .failed(4, "WB0508")
        .says("linux/s390x");
}

#[test]
fn two_wheels_with_one_path_name_both() {
    let room = scene();
    wheel(&room, "three-1-py3-none-any.whl", &[("two.py", b"other\n")]);
    for more in [&[][..], &["--split=3"]] {
        let words = [&ALL[..], &["three-1-py3-none-any.whl", "-o", "oci:out"], more].concat();
        image(&room, &words)
            .failed(1, "WB0440")
            .says("three-1-py3-none-any.whl")
            .says("two-2.0-py3-none-any.whl");
    }
    assert!(!room.join("out").exists());
}

#[test]
fn damaged_wheels_are_refused() {
    let room = scene();
    let sound = fs::read(room.join(ALL[0])).unwrap();
    let at = {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&sound)).unwrap();
        let member = archive.by_name("one/large.bin").unwrap();
        usize::try_from(member.data_start().unwrap() + member.compressed_size() / 2).unwrap()
    };
    let mut damaged = sound.clone();
    damaged[at] ^= 0x55;
    fs::write(room.join(ALL[0]), damaged).unwrap();
    let ran = image(&room, &[&ALL[..], &["-o", "oci:out"]].concat());
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.stderr.contains("one/large.bin"), "{ran}");
    fs::write(room.join(ALL[0]), &sound[..sound.len() - 100]).unwrap();
    let ran = image(&room, &[&ALL[..], &["-o", "oci:out"]].concat());
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(!room.join("out").exists());
}

#[test]
fn a_file_that_is_not_what_record_says_is_refused() {
    let room = scene();
    let path = wheel(&room, "four-1-py3-none-any.whl", &[("four.py", b"aaaa")]);
    let bytes = fs::read(&path).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut other = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for at in 0..archive.len() {
        let mut member = archive.by_index(at).unwrap();
        let name = member.name().unwrap().into_owned();
        let mut data = Vec::new();
        member.read_to_end(&mut data).unwrap();
        other.start_file(&*name, zip::write::SimpleFileOptions::default()).unwrap();
        other.write_all(if name == "four.py" { b"bbbb" } else { &data }).unwrap();
    }
    other.finish().unwrap();
    let words = ["four-1-py3-none-any.whl", "--interpreter", "tree", "-o", "oci:out"];
    image(&room, &words).failed(1, "WB0507").says("four.py").says("RECORD");
}

#[test]
fn links_that_lead_out_are_refused() {
    let room = scene();
    for target in ["/etc/passwd", "../../secret"] {
        symlink(target, room.join("src/link")).unwrap();
        image(&room, &[&ALL[..], &["-o", "oci:out"]].concat()).failed(1, "WB0202").says("link");
        fs::remove_file(room.join("src/link")).unwrap();
    }
    symlink("main.py", room.join("src/link")).unwrap();
    made(&room, &["-o", "oci:out"]);
    symlink("../../../outside", room.join("tree/opt/link")).unwrap();
    image(&room, &[&ALL[..], &["-o", "oci:out"]].concat()).failed(1, "WB0202").says("opt/link");
}

#[test]
fn an_image_that_would_not_work_is_not_written() {
    let room = scene();
    wheel(&room, "foreign-1-cp311-cp311-linux_x86_64.whl", &[("foreign.so", &elf(ARM64))]);
    let words = ["foreign-1-cp311-cp311-linux_x86_64.whl", "--interpreter", "tree", "-o", "oci:out"];
    image(&room, &words).failed(4, "WB0540").shows("foreign.so").shows("is for aarch64").hints("--allow");
    image(&room, &[&words[..], &["--allow", "**/foreign.so"]].concat()).succeeded();
    wheel(&room, "old-1-cp310-cp310-manylinux_2_17_x86_64.whl", &[("old.so", &elf(AMD64))]);
    let words = ["old-1-cp310-cp310-manylinux_2_17_x86_64.whl", "--interpreter", "tree", "-o", "oci:no"];
    image(&room, &words).failed(4, "WB0542").says("`old`").hints("wheelbuild old==1");
    image(&room, &["--app", "src", "-o", "oci:no"]).failed(4, "WB0541").hints("--interpreter");
    image(&room, &["--python", "3.12", "--interpreter", "tree", "-o", "oci:no"])
        .failed(4, "WB0541")
        .says("3.11.4");
    let path = room.write("src/start", "#!/bin/bash\n");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    image(&room, &[&ALL[..], &["-o", "oci:no"]].concat()).failed(4, "WB0540").shows("/bin/bash");
    image(&room, &["--interpreter", "tree", "--entrypoint", "/nothing", "-o", "oci:no"])
        .failed(4, "WB0540")
        .shows("/nothing");
    assert!(!room.join("no").exists());
}

#[test]
fn an_interpreter_comes_as_an_archive_too() {
    let room = scene();
    let mut builder =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    builder.follow_symlinks(false);
    builder.append_dir_all("python", room.join("tree/opt/py")).unwrap();
    let bytes = builder.into_inner().unwrap().finish().unwrap();
    room.write("python.tar.gz", bytes);
    for (place, program) in
        [("python.tar.gz", "/python/bin/python3.11"), ("python.tar.gz:/usr/p", "/usr/p/bin/python3.11")]
    {
        let words = ["two-2.0-py3-none-any.whl", "--interpreter", place, "-o", "oci:out"];
        let said = image(&room, &words).succeeded().json();
        assert_eq!(said["images"][0]["interpreter"], program);
    }
}

#[test]
fn a_docker_archive_is_a_layout_in_a_tar_as_well() {
    let room = scene();
    let said = made(&room, &["-o", "docker:image.tar:app:1.0"]);
    let mut archive = tar::Archive::new(fs::File::open(room.join("image.tar")).unwrap());
    archive.unpack(room.join("unpacked")).unwrap();
    let saved: Value =
        serde_json::from_slice(&fs::read(room.join("unpacked/manifest.json")).unwrap()).unwrap();
    assert_eq!(saved[0]["RepoTags"], serde_json::json!(["app:1.0"]));
    let config = said["images"][0]["config"].as_str().unwrap();
    assert_eq!(saved[0]["Config"], config.replace("sha256:", "blobs/sha256/"));
    assert_eq!(saved[0]["Layers"].as_array().unwrap().len(), 3);
    document(&room.join("unpacked"), said["digest"].as_str().unwrap());
    interpreter(&room, "arm", ARM64);
    image(
        &room,
        &["--target", "linux/arm64", "--interpreter", "tree", "--interpreter", "arm", "-o", "docker:two.tar"],
    )
    .failed(4, "WB0508");
}

#[test]
fn arguments_that_make_no_sense_are_named() {
    let room = scene();
    for (words, code, error, says) in [
        (vec!["-o", "nowhere"], 2, "WB0140", "nowhere"),
        (vec!["-o", "oci:o", "--expose", "x"], 2, "WB0101", "`x`"),
        (vec!["-o", "oci:o", "--env", "x"], 2, "WB0101", "`x`"),
        (vec!["-o", "oci:o", "--workdir", "app"], 2, "WB0101", "`app`"),
        (vec!["-o", "oci:o", "--entrypoint", "'x"], 2, "WB0101", "quote"),
        (vec!["-o", "oci:o", "missing.whl"], 2, "WB0106", "missing.whl"),
        (vec!["-o", "oci:o", "--app", "missing", "--interpreter", "tree"], 2, "WB0106", "missing"),
        (vec!["-o", "oci:o", "--target", "linux/x"], 2, "WB0102", "linux/x"),
        (vec!["-o", "oci:o", "--base", "oci:missing"], 2, "WB0106", "missing"),
    ] {
        image(&room, &words).failed(code, error).says(says);
    }
}

#[test]
fn what_is_there_and_no_file_is_not_replaced_by_one() {
    let room = scene();
    let made = std::process::Command::new("mkfifo").arg(room.join("pipe")).status();
    assert!(made.unwrap().success());
    for out in ["docker:pipe", "zip:pipe", "docker:src", "zip:src"] {
        image(&room, &[&ALL[..], &["-o", out]].concat()).failed(2, "WB0101").says("is no file");
    }
    room.write("list.json", r#"{"version": 1, "entries": [{"path": "a", "folder": true}]}"#);
    let words = ["layer", "--manifest", "list.json", "-o", "pipe"];
    room.wheelbuild(words).ran().failed(2, "WB0101").says("is no file");
    use std::os::unix::fs::FileTypeExt;
    assert!(fs::metadata(room.join("pipe")).unwrap().file_type().is_fifo());
}

#[test]
fn a_file_does_not_take_the_place_of_a_folder_nor_a_folder_that_of_a_file() {
    let room = scene();
    room.write("lib", "no folder");
    for app in ["src:/opt/py/lib/python3.11/os.py", "lib:/opt/py"] {
        let words = ["two-2.0-py3-none-any.whl", "--interpreter", "tree", "--app", app, "-o", "oci:no"];
        image(&room, &words).failed(1, "WB0440").says("cannot be both");
    }
    // Another file of that name is the user's wish.
    let words = ["--interpreter", "tree", "--app", "lib:/opt/py/lib/python3.11/x", "-o", "oci:out"];
    image(&room, &words).succeeded();
    let date = |epoch: &str| {
        let words = [&["image", "--target", "linux/amd64", "-o", "oci:dated", "-q"][..], &ALL].concat();
        room.wheelbuild(words).env("SOURCE_DATE_EPOCH", epoch).ran()
    };
    date("253402300799").succeeded();
    date("253402300800").failed(2, "WB0101").says("9999");
}

#[test]
fn any_image_is_checked_and_described() {
    let room = scene();
    made(&room, &["-o", "oci:out:1"]);
    made(&room, &["-o", "docker:out.tar:app:1"]);
    for subject in ["oci:out:1", "out", "out.tar"] {
        let ran = room.wheelbuild(["check", subject, "--target", "linux/amd64"]).ran().succeeded();
        assert_eq!(ran.stdout, format!("{subject}: ok\n"));
        room.wheelbuild(["check", subject, "--target", "linux/arm64"]).ran().failed(4, "WB0508");
        let said = room.wheelbuild(["inspect", subject, "--json"]).ran().succeeded().json();
        let image = &said["images"][0];
        assert_eq!(image["layers"].as_array().unwrap().len(), 3);
        let names: Vec<&str> =
            image["packages"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["one", "two"]);
        assert!(image["interpreter"].as_str().unwrap().contains("3.11.4"));
        room.wheelbuild(["inspect", subject]).ran().succeeded();
    }
    // As a page, and against another.
    wheel(&room, "one-2-py3-none-any.whl", &[("one/__init__.py", b"new = 1\n")]);
    let words = ["one-2-py3-none-any.whl", "--interpreter", "tree", "-o", "oci:new"];
    image(&room, &words).succeeded();
    let against = ["inspect", "oci:new", "--against", "out.tar"];
    let said = room
        .wheelbuild(against.into_iter().chain(["--json", "--html", "page.html"]))
        .ran()
        .succeeded()
        .json();
    let difference = &said["difference"][0];
    assert_eq!(difference["shared_layers"], 1, "the interpreter");
    assert_eq!(difference["packages"][0]["here"]["version"], "2");
    assert_eq!(difference["packages"][1]["here"], Value::Null, "two is in the other only");
    let page = fs::read_to_string(room.join("page.html")).unwrap();
    for part in ["<svg", "one-2.dist-info", "Difference, linux/amd64", "interpreter"] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    assert!(room.wheelbuild(against).ran().succeeded().stdout.contains("1 layers shared"));
    room.wheelbuild(["inspect", "one-2-py3-none-any.whl", "--html", "no.html"]).ran().failed(2, "WB0101");
    // An image that was made without the check.
    wheel(&room, "foreign-1-cp311-cp311-linux_x86_64.whl", &[("foreign.so", &elf(ARM64))]);
    let words =
        ["foreign-1-cp311-cp311-linux_x86_64.whl", "--interpreter", "tree", "--allow", "**", "-o", "oci:bad"];
    image(&room, &words).succeeded();
    room.wheelbuild(["check", "oci:bad", "--target", "linux/amd64"])
        .ran()
        .failed(4, "WB0540")
        .shows("foreign.so");
}

#[test]
fn a_layout_with_other_content_is_noticed() {
    let room = scene();
    let said = made(&room, &["-o", "oci:out:1"]);
    let digest = said["images"][0]["layers"][1]["digest"].as_str().unwrap().replace("sha256:", "");
    let place = room.join("out/blobs/sha256").join(digest);
    let mut bytes = fs::read(&place).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&place, bytes).unwrap();
    fs::remove_dir_all(room.cache()).unwrap();
    room.wheelbuild(["check", "oci:out:1", "--target", "linux/amd64"]).ran().failed(1, "WB0240");
}

#[test]
fn sbom_and_provenance_refer_to_the_image() {
    let room = scene();
    let said = made(&room, &["-o", "oci:out:1"]);
    let layout = room.join("out");
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!(entries[0]["digest"], said["digest"]);
    let types: Vec<&str> = entries[1..].iter().map(|entry| entry["artifactType"].as_str().unwrap()).collect();
    assert_eq!(types, ["application/vnd.cyclonedx+json", "application/vnd.in-toto+json"]);
    let mut documents = Vec::new();
    for entry in &entries[1..] {
        let manifest = document(&layout, entry["digest"].as_str().unwrap());
        assert_eq!(manifest["subject"]["digest"], said["digest"]);
        documents.push(document(&layout, manifest["layers"][0]["digest"].as_str().unwrap()));
    }
    let components = documents[0]["components"].as_array().unwrap();
    let purls: Vec<&str> = components.iter().map(|c| c["purl"].as_str().unwrap()).collect();
    assert_eq!(purls, ["pkg:generic/cpython@3.11.4", "pkg:pypi/one@1.0", "pkg:pypi/two@2.0"]);
    assert_eq!(components[1]["hashes"][0]["content"], common::sha256(&room.join(ALL[0])));
    let subject = documents[1]["subject"][0]["digest"]["sha256"].as_str().unwrap();
    assert_eq!(format!("sha256:{subject}"), said["digest"].as_str().unwrap());
    // The next image of that tag takes their place.
    room.write("src/main.py", "changed = 1\n");
    made(&room, &["-o", "oci:out:1"]);
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 3);
    made(&room, &["-o", "oci:bare", "--no-attest"]);
    let index: Value = serde_json::from_slice(&fs::read(room.join("bare/index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1);
}

#[test]
fn an_image_may_be_a_folder() {
    let room = scene();
    made(&room, &["-o", "dir:root"]);
    assert!(room.join("root/app/main.py").is_file());
    assert!(room.join("root/opt/py/lib/python3.11/site-packages/two.py").is_file());
    assert_eq!(fs::read_link(room.join("root/opt/py/bin/python3")).unwrap(), Path::new("python3.11"));
    image(&room, &[&ALL[..], &["-o", "dir:root"]].concat()).failed(2, "WB0101").says("not empty");
}

#[test]
fn the_packages_alone_may_be_a_folder() {
    let room = scene();
    let wheels = [ALL[0], ALL[1], "--interpreter", "tree"];
    let said = image(&room, &[&wheels[..], &["-o", "site-packages:site"]].concat()).succeeded().json();
    assert!(said["reference"].as_str().unwrap().starts_with("site-packages:site@sha256:"));
    assert_eq!(fs::read(room.join("site/one/large.bin")).unwrap(), noise(3_000_000));
    let program = fs::metadata(room.join("site/bin/run-one")).unwrap();
    assert_eq!(program.permissions().mode() & 0o7777, 0o755);
    for row in fs::read_to_string(room.join("site/one-1.0.dist-info/RECORD")).unwrap().lines() {
        let path = row.split(',').next().unwrap();
        assert!(room.join("site").join(path).is_file(), "`{path}` of RECORD is not there");
    }
    let names = room.names("site");
    assert!(names.contains(&"two.py".to_owned()) && !names.contains(&"opt".to_owned()), "{names:?}");
    image(&room, &["--interpreter", "tree", "-o", "site-packages:none"]).succeeded();
    assert!(room.names("none").is_empty() && room.join("none").is_dir());
    // The check is that of the image.
    wheel(&room, "foreign-1-cp311-cp311-linux_x86_64.whl", &[("foreign.so", &elf(ARM64))]);
    let words = ["foreign-1-cp311-cp311-linux_x86_64.whl", "--interpreter", "tree"];
    image(&room, &[&words[..], &["-o", "site-packages:no"]].concat()).failed(4, "WB0540").shows("foreign.so");
    image(&room, &[&ALL[..], &["-o", "site-packages:no"]].concat()).failed(2, "WB0101").hints("dir:PATH");
    image(&room, &[&wheels[..], &["-o", "site-packages:site"]].concat())
        .failed(2, "WB0101")
        .says("not empty");
    symlink("nowhere", room.join("no")).unwrap();
    image(&room, &[&wheels[..], &["-o", "site-packages:no"]].concat()).failed(2, "WB0101").says("not empty");
}

#[test]
fn nothing_replaces_the_interpreter() {
    let room = scene();
    wheel(
        &room,
        "own-1-py3-none-any.whl",
        &[("own-1.dist-info/entry_points.txt", b"[console_scripts]\npython3.11 = own:main\n")],
    );
    wheel(&room, "data-1-py3-none-any.whl", &[("data-1.data/data/bin/python3.11", b"x")]);
    for file in ["own-1-py3-none-any.whl", "data-1-py3-none-any.whl"] {
        let words = [file, "--interpreter", "tree", "-o", "oci:out"];
        image(&room, &words).failed(1, "WB0440").says("replaces the interpreter");
    }
    let words = ["--app", "src/main.py:/opt/py/bin/python3.11", "--interpreter", "tree", "-o", "oci:out"];
    let ran = image(&room, &words);
    assert_ne!(ran.code, Some(0), "{ran}");
    assert!(!room.join("out").exists());
}

#[test]
fn a_function_service_gets_packages_and_application_alone() {
    let room = scene();
    let said = made(&room, &["-o", "zip:function.zip"]);
    let bytes = fs::read(room.join("function.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert!(names.is_sorted());
    for name in ["main.py", "two.py"] {
        assert!(names.iter().any(|known| known == name), "{name} is not in {names:?}");
    }
    assert!(names.iter().all(|name| !name.starts_with("opt/") && !name.ends_with(".pth")), "{names:?}");
    // Programs, and RECORD speaks of where they are here.
    let record = names.iter().find(|name| name.ends_with(".dist-info/RECORD")).unwrap().clone();
    let text = std::io::read_to_string(archive.by_name(&record).unwrap()).unwrap();
    for line in text.lines() {
        let path = line.split(',').next().unwrap();
        assert!(names.iter().any(|name| name == path), "`{path}` of RECORD is not there");
    }
    assert!(said["reference"].as_str().unwrap().starts_with("zip:function.zip@sha256:"));
    made(&room, &["-o", "zip:again.zip"]);
    assert!(bytes == fs::read(room.join("again.zip")).unwrap(), "the same bytes");

    // A link stands for its file; one to a folder cannot.
    std::os::unix::fs::symlink("main.py", room.join("src/entry.py")).unwrap();
    made(&room, &["-o", "zip:linked.zip"]);
    let linked = fs::read(room.join("linked.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(linked)).unwrap();
    assert!(archive.by_name("entry.py").unwrap().is_file());
    fs::create_dir(room.join("src/folder")).unwrap();
    std::os::unix::fs::symlink("folder", room.join("src/other")).unwrap();
    image(&room, &[&ALL[..], &["-o", "zip:bad.zip"]].concat()).failed(2, "WB0101").says("link `other`");
    assert!(!room.join("bad.zip").exists());
    fs::remove_file(room.join("src/other")).unwrap();
    // The application must not replace a package.
    fs::write(room.join("src/two.py"), "").unwrap();
    image(&room, &[&ALL[..], &["-o", "zip:bad.zip"]].concat()).failed(1, "WB0440").says("two.py");
}

#[test]
fn one_layer_from_a_list() {
    let room = scene();
    room.write("file", "#!/bin/sh\n");
    let list = serde_json::json!({
        "version": 1,
        "scheme": {"site_packages": "usr/lib/python3.11/site-packages", "scripts": "usr/bin", "data": "usr",
            "headers": "usr/include", "interpreter": "/usr/bin/python3.11"},
        "entries": [
            {"wheel": ALL[0]},
            {"path": "/app/run", "file": "file", "mode": "0755"},
            {"path": "app/link", "link": "run"},
            {"path": "var/data", "folder": true},
        ],
    });
    room.write("list.json", list.to_string());
    let words = [
        "layer",
        "--manifest",
        "list.json",
        "-o",
        "layer.tgz",
        "--metadata",
        "layer.json",
        "--tar",
        "layer.tar",
    ];
    let said = room.wheelbuild(words).ran().succeeded();
    let digest = format!("sha256:{}", common::sha256(&room.join("layer.tgz")));
    assert_eq!(said.stdout.trim(), digest);
    let metadata: Value = serde_json::from_slice(&fs::read(room.join("layer.json")).unwrap()).unwrap();
    assert_eq!(metadata["digest"], digest);
    assert_eq!(metadata["diff_id"], format!("sha256:{}", common::sha256(&room.join("layer.tar"))));
    assert_eq!(metadata["unpacked"], fs::metadata(room.join("layer.tar")).unwrap().len());
    let found = entries(&fs::read(room.join("layer.tgz")).unwrap());
    assert_eq!((found["app/run"].mode, found["app/link"].link.as_deref()), (0o755, Some("run")));
    assert!(found.contains_key("var/data/") && found.contains_key("usr/bin/run-one"));
    assert!(!room.cache().exists(), "a build system keeps its own cache");

    for (entry, says) in [
        (serde_json::json!({"path": "a"}), "exactly one"),
        (serde_json::json!({"path": "../a", "folder": true}), "`..`"),
        (serde_json::json!({"path": "a", "file": "file", "mode": "0777"}), "0777"),
        (serde_json::json!({"path": "a", "fil": "file"}), "unknown field"),
    ] {
        room.write("list.json", serde_json::json!({"version": 1, "entries": [entry]}).to_string());
        room.wheelbuild(["layer", "--manifest", "list.json", "-o", "no.tgz"])
            .ran()
            .failed(2, "WB0101")
            .says(says);
    }
    // A pattern by which nothing was chosen.
    let list = |patterns: &[usize]| {
        let entry = serde_json::json!({"path": "a", "file": "file", "patterns": patterns});
        serde_json::json!({"version": 1, "patterns": ["*/a", "*/b"], "entries": [entry]}).to_string()
    };
    room.write("list.json", list(&[0]));
    room.wheelbuild(["layer", "--manifest", "list.json", "-o", "no.tgz"])
        .ran()
        .failed(2, "WB0101")
        .says("nothing goes to a layer by `*/b`");
    room.write("list.json", list(&[0, 1]));
    room.wheelbuild(["layer", "--manifest", "list.json", "-o", "chosen.tgz"]).ran().succeeded();
    room.write(
        "list.json",
        serde_json::json!({"version": 1, "entries": [{"path": "a", "file": "missing"}]}).to_string(),
    );
    room.wheelbuild(["layer", "--manifest", "list.json", "-o", "no.tgz"]).ran().failed(2, "WB0106");
}
