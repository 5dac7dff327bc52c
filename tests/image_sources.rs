//! What goes into an image: odd wheels, odd folders, locks, bytecode, bases of others.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use common::scene::*;
use serde_json::Value;

const SITE: &str = "opt/py/lib/python3.11/site-packages";

/// The entries of layer `number` of the first image that `said` tells of.
fn layer_of(layout: &Path, said: &Value, number: usize) -> BTreeMap<String, Found> {
    entries(&blob(layout, said["images"][0]["layers"][number]["digest"].as_str().unwrap()))
}

#[test]
fn wheels_of_many_kinds_are_installed_as_an_installer_does() {
    let room = scene();
    let long = format!("deep/{}/{}/m.py", "d".repeat(140), "é".repeat(120));
    wheel(
        &room,
        "Odd_Name-1.0-py3-none-any.whl",
        &[
            ("space/left/__init__.py", b""),
            ("Odd_Name-1.0.data/purelib/pure.py", b"p = 1\n"),
            ("Odd_Name-1.0.data/platlib/plat.py", b"p = 2\n"),
            ("Odd_Name-1.0.data/scripts/shell", b"#!/opt/py/bin/python3\n"),
            ("Odd_Name-1.0.data/data/etc/odd.conf", b"c"),
            (&long, b"l = 1\n"),
            (
                "Odd_Name-1.0.dist-info/entry_points.txt",
                b"# comment\n[console_scripts]\nrun = space.left:main [extra,more]\nobj=space.left:Class.main\n\
                  [gui_scripts]\nwin = space.left:gui\n[other]\nx = y\n",
            ),
        ],
    );
    // The same namespace, which has no `__init__.py`.
    wheel(&room, "right-1.0-py3-none-any.whl", &[("space/right.py", b"r = 1\n")]);
    let words = ["Odd_Name-1.0-py3-none-any.whl", "right-1.0-py3-none-any.whl", "-o", "oci:out"];
    let said = image(&room, &[&words[..], &["--interpreter", "tree"]].concat()).succeeded().json();
    let found = layer_of(&room.join("out"), &said, 1);
    for path in ["space/left/__init__.py", "space/right.py", "pure.py", "plat.py", &long] {
        assert!(found.contains_key(&format!("{SITE}/{path}")), "{path}");
    }
    assert_eq!(found["opt/py/bin/shell"].mode, 0o755);
    assert!(found.contains_key("opt/py/etc/odd.conf"));
    let text = |path: &str| String::from_utf8(found[path].data.clone()).unwrap();
    let head = "#!/opt/py/bin/python3.11\nimport sys\nfrom space.left import";
    assert_eq!(text("opt/py/bin/run"), format!("{head} main\nsys.exit(main())\n"));
    assert_eq!(text("opt/py/bin/obj"), format!("{head} Class\nsys.exit(Class.main())\n"));
    assert!(found.contains_key("opt/py/bin/win") && !found.contains_key("opt/py/bin/x"));
    let record = text(&format!("{SITE}/Odd_Name-1.0.dist-info/RECORD"));
    assert!(record.contains("\n../../../bin/run,sha256=") && record.contains(&long), "{record}");
}

#[test]
fn wheels_that_windows_made_have_modes_all_the_same() {
    let room = scene();
    let path = wheel(&room, "win-1.0-py3-none-any.whl", &[("win-1.0.data/scripts/go", b"#!python\r\n")]);
    let mut bytes = fs::read(&path).unwrap();
    // "version made by" of each entry of the central directory: MS-DOS, whose attributes are no modes.
    let signature = *b"PK\x01\x02";
    let places: Vec<usize> = (0..bytes.len() - 4).filter(|&at| bytes[at..at + 4] == signature).collect();
    for at in places {
        bytes[at + 5] = 0;
        bytes[at + 38..at + 42].fill(0);
    }
    fs::write(&path, bytes).unwrap();
    let words = ["win-1.0-py3-none-any.whl", "--interpreter", "tree", "-o", "oci:out"];
    let said = image(&room, &words).succeeded().json();
    let found = layer_of(&room.join("out"), &said, 1);
    let script = &found["opt/py/bin/go"];
    assert_eq!((script.mode, &script.data[..]), (0o755, &b"#!/opt/py/bin/python3.11\n"[..]));
    assert_eq!(found[&format!("{SITE}/win-1.0.dist-info/METADATA")].mode, 0o644);
}

#[test]
fn unknown_schemes_and_names_that_lead_out_are_refused() {
    let room = scene();
    for (name, says) in [("bad-1.data/other/x", "scheme"), ("../x.py", "`..`"), ("a\\b.py", "backslash")] {
        wheel(&room, "bad-1-py3-none-any.whl", &[(name, b"x")]);
        let words = ["bad-1-py3-none-any.whl", "--interpreter", "tree", "-o", "oci:out"];
        let ran = image(&room, &words);
        assert_eq!(ran.code, Some(1), "{ran}");
        ran.says(says);
    }
    assert!(!room.join("out").exists());
}

#[test]
fn folders_with_odd_files() {
    let room = scene();
    let (mut long, mut at) = (String::from("src"), String::new());
    for _ in 0..6 {
        at.push_str(&format!("{}/", "n".repeat(180)));
    }
    long.push_str(&format!("/{at}end.txt"));
    room.write(&long, "far");
    room.write("src/set", "#!/opt/py/bin/python3\n");
    fs::set_permissions(room.join("src/set"), fs::Permissions::from_mode(0o4751)).unwrap();
    room.write("src/closed", "x");
    fs::set_permissions(room.join("src/closed"), fs::Permissions::from_mode(0o400)).unwrap();
    fs::hard_link(room.join("src/closed"), room.join("src/twin")).unwrap();
    symlink("closed", room.join("src/way")).unwrap();
    room.write("src/bytes \u{fc} ~'\".txt", "name");
    if common::is_root() {
        std::os::unix::fs::chown(room.join("src/set"), Some(12345), Some(54321)).unwrap();
        // chown takes the bits of set-uid away.
        fs::set_permissions(room.join("src/set"), fs::Permissions::from_mode(0o4751)).unwrap();
    } else {
        common::skip("files of other owners need root");
    }
    match std::process::Command::new("setfattr")
        .args(["-n", "user.test", "-v", "1", "src/closed"])
        .current_dir(room.path())
        .status()
    {
        Ok(status) if status.success() => {}
        _ => common::skip("extended attributes: no setfattr, or a file system without them"),
    }
    let said = made(&room, &["-o", "oci:out"]);
    let found = layer_of(&room.join("out"), &said, 2);
    assert_eq!(found[&long.replacen("src", "app", 1)].data, b"far");
    // Owners, set-uid bits, links and attributes of this machine are no part of an image.
    assert_eq!((found["app/set"].mode, found["app/closed"].mode), (0o755, 0o644));
    assert_eq!((&found["app/twin"].data[..], &found["app/closed"].data[..]), (&b"x"[..], &b"x"[..]));
    assert_eq!(found["app/way"].link.as_deref(), Some("closed"));
    assert!(found.contains_key("app/bytes \u{fc} ~'\".txt"));

    let pipe = std::process::Command::new("mkfifo").arg(room.join("src/pipe")).status();
    assert!(pipe.unwrap().success());
    image(&room, &[&ALL[..], &["-o", "oci:no"]].concat()).failed(1, "WB0202").says("pipe");
    for what in ["src/pipe", "/dev/null"] {
        let words = ["--app", what, "--interpreter", "tree", "-o", "oci:no"];
        image(&room, &words).failed(1, "WB0202").says("neither file nor folder");
    }
}

#[test]
fn links_of_an_interpreter_stay_what_they_are() {
    let room = scene();
    // As Debian's and others' trees have them: absolute ones start at the image's root.
    symlink("/opt/py/bin/python3.11", room.join("tree/opt/py/bin/python")).unwrap();
    symlink("opt/py/lib", room.join("tree/lib")).unwrap();
    fs::create_dir_all(room.join("tree/usr/bin")).unwrap();
    symlink("../../opt/py/bin/python3", room.join("tree/usr/bin/python3.11")).unwrap();
    symlink("/nowhere", room.join("tree/usr/dangling")).unwrap();
    fs::create_dir_all(room.join("tree/tmp")).unwrap();
    let said = made(&room, &["-o", "oci:out"]);
    let found = layer_of(&room.join("out"), &said, 0);
    assert_eq!(found["opt/py/bin/python"].link.as_deref(), Some("/opt/py/bin/python3.11"));
    assert_eq!(found["lib"].link.as_deref(), Some("opt/py/lib"));
    assert_eq!((found["tmp/"].mode, found["usr/"].mode), (0o1777, 0o755), "any user has temporary files");
    assert_eq!(found["usr/dangling"].link.as_deref(), Some("/nowhere"));
    symlink("../../etc/passwd", room.join("tree/out")).unwrap();
    image(&room, &[&ALL[..], &["-o", "oci:no"]].concat()).failed(1, "WB0202").says("out");
}

#[test]
fn zstd_layers_hold_the_same() {
    let room = scene();
    let gzip = made(&room, &["-o", "oci:gzip"]);
    let zstd = made(&room, &["-o", "oci:zstd", "--compression", "zstd"]);
    let none = made(&room, &["-o", "oci:none", "--compression", "none"]);
    let manifest = document(&room.join("zstd"), zstd["images"][0]["digest"].as_str().unwrap());
    for number in 0..3 {
        let layers = [&gzip, &zstd, &none].map(|said| &said["images"][0]["layers"][number]);
        assert_eq!(layers[0]["diff_id"], layers[1]["diff_id"]);
        assert_eq!(layers[0]["diff_id"], layers[2]["diff_id"]);
        assert_eq!(layers[2]["digest"], layers[2]["diff_id"]);
        let descriptor = &manifest["layers"][number];
        assert_eq!(descriptor["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd");
        let packed = blob(&room.join("zstd"), layers[1]["digest"].as_str().unwrap());
        let raw = zstd::decode_all(&packed[..]).unwrap();
        assert_eq!(layers[1]["diff_id"], format!("sha256:{}", common::sha256_of(&raw)));
    }
    // It is a base as well as any.
    let words = ["--base", "oci:zstd", "--app", "src:/more", "-o", "oci:upon"];
    room.wheelbuild(["check", "oci:zstd", "--target", "linux/amd64"]).ran().succeeded();
    image(&room, &words).succeeded();
}

#[test]
fn a_lock_selects_from_the_wheelhouse() {
    let room = scene();
    fs::create_dir_all(room.join("house/files")).unwrap();
    let mut lock = String::from("lock-version = \"1.0\"\ncreated-by = \"test\"\n");
    for file in [ALL[0], ALL[1]] {
        let sha256 = common::sha256(&room.join(file));
        fs::rename(room.join(file), room.join("house/files").join(file)).unwrap();
        let (name, rest) = file.split_once('-').unwrap();
        let version = rest.split('-').next().unwrap();
        lock.push_str(&format!(
            "[[packages]]\nname = \"{name}\"\nversion = \"{version}\"\n[[packages.wheels]]\nname = \"{file}\"\n\
             url = \"{file}\"\nhashes = {{ sha256 = \"{sha256}\" }}\n"
        ));
    }
    room.write("house/pylock.toml", &lock);
    let one = &lock[..lock.rfind("[[packages]]").unwrap()];
    room.write("pylock.toml", one);
    let words = ["--wheelhouse", "house", "--lock", "pylock.toml", "--interpreter", "tree", "-o", "oci:out"];
    let with = |more: &[&str]| image(&room, &[&words[..], more].concat());
    with(&[]).failed(2, "WB0101").hints("--python");
    let said = with(&["--python", "3.11"]).succeeded().json();
    let packages: Vec<&str> = said["images"][0]["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    assert_eq!(packages, ["one"], "the lock names no other");
    // Other content under the same name.
    let sha256 = common::sha256(&room.join("house/files").join(ALL[0]));
    room.write("house/pylock.toml", lock.replace(&sha256, &"0".repeat(64)));
    with(&["--python", "3.11"]).failed(5, "WB0603").says(&sha256);
    room.write("house/pylock.toml", &lock);
    fs::remove_file(room.join("house/files").join(ALL[0])).unwrap();
    with(&["--python", "3.11"]).failed(4, "WB0542").says("one 1.0").hints("prefill");
}

#[test]
fn bytecode_is_of_the_kind_that_is_never_compared() {
    if !common::has("python3.11") {
        return common::skip("no python3.11 to compile bytecode");
    }
    let room = scene();
    let words = ["--compile", "--python", "3.11", "-o", "oci:out"];
    let said = made(&room, &words);
    let found = layer_of(&room.join("out"), &said, 1);
    let path = format!("{SITE}/one/__pycache__/__init__.cpython-311.pyc");
    let bytecode = &found[&path].data;
    // PEP 552: the flags say that the hash is not checked.
    assert_eq!(bytecode[4..8], [1, 0, 0, 0]);
    let record = &found[&format!("{SITE}/one-1.0.dist-info/RECORD")].data;
    assert!(String::from_utf8_lossy(record).contains("one/__pycache__/__init__.cpython-311.pyc,,"));
    room.write("module.pyc", bytecode);
    let code =
        "import marshal; code = marshal.loads(open('module.pyc', 'rb').read()[16:]); print(code.co_filename)";
    let python = std::process::Command::new("python3.11")
        .args(["-c", code])
        .current_dir(room.path())
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&python.stdout).trim(),
        format!("/{SITE}/one/__init__.py"),
        "the source as the image has it"
    );
    // Again, from nothing, in another place.
    let other = scene();
    let again = other
        .wheelbuild(["image", "--target", "linux/amd64", "--json"])
        .args(ALL)
        .args(words)
        .env("PYTHONHASHSEED", "7")
        .ran()
        .succeeded()
        .json();
    assert_eq!(again["digest"], said["digest"]);
    assert_ne!(made(&room, &["-o", "oci:without"])["digest"], said["digest"]);
}

#[test]
fn variants_are_platforms() {
    let room = scene();
    // 32 bits, EM_ARM.
    let mut program = vec![0; 52];
    program[..7].copy_from_slice(b"\x7fELF\x01\x01\x01");
    program[16] = 2;
    program[18] = 40;
    program[20] = 1;
    program[40] = 52;
    program[42] = 32;
    program.extend(b"\x003.11.4\0");
    let path = room.write("arm/opt/py/bin/python3.11", program);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    room.write("arm/opt/py/lib/python3.11/os.py", "");
    let ran = room
        .wheelbuild(["image", "--target", "linux/arm/v7", "--target", "linux/amd64", "--json"])
        .args(["two-2.0-py3-none-any.whl", "--interpreter", "arm", "--interpreter", "tree", "-o", "oci:out"])
        .ran()
        .succeeded()
        .json();
    let index = document(&room.join("out"), ran["digest"].as_str().unwrap());
    let platform = &index["manifests"][0]["platform"];
    assert_eq!((&platform["architecture"], &platform["variant"]), (&"arm".into(), &"v7".into()));
    // Upon it, the fitting one is taken.
    let upon = ["--base", "oci:out", "--app", "src", "-o", "oci:upon"];
    let said =
        room.wheelbuild(["image", "--target", "linux/arm/v7", "--json"]).args(upon).ran().succeeded().json();
    let config = document(&room.join("upon"), said["images"][0]["config"].as_str().unwrap());
    assert_eq!(config["variant"], "v7");
}

#[test]
fn where_a_base_lies_is_no_part_of_an_image() {
    let room = scene();
    made(&room, &["-o", "oci:one/base"]);
    made(&room, &["-o", "oci:two/other"]);
    let upon = |base: &str, out: &str| {
        let words = ["--base", base, "--app", "src:/more", "-o", out];
        image(&room, &words).succeeded().json()
    };
    let (first, second) = (upon("oci:one/base", "oci:first"), upon("oci:two/other", "oci:second"));
    assert_eq!(first["digest"], second["digest"]);
    let manifest = document(&room.join("first"), first["digest"].as_str().unwrap());
    let annotations = manifest["annotations"].as_object().unwrap();
    assert!(annotations.contains_key("org.opencontainers.image.base.digest"));
    assert!(!annotations.contains_key("org.opencontainers.image.base.name"));
    let names = |layout: &str| -> Vec<String> {
        let mut names = room.names(&format!("{layout}/blobs/sha256"));
        names.sort();
        names
    };
    assert_eq!(names("first"), names("second"), "SBOM and provenance, too");
}

#[test]
fn a_docker_archive_has_several_images_or_one_that_is_named() {
    let room = scene();
    made(&room, &["-o", "docker:one.tar:team/app:1.0"]);
    let mut archive = tar::Archive::new(fs::File::open(room.join("one.tar")).unwrap());
    let mut manifest = String::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().to_str() == Some("manifest.json") {
            entry.read_to_string(&mut manifest).unwrap();
        }
    }
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest[0]["RepoTags"], serde_json::json!(["team/app:1.0"]));
    let upon = |base: &str| image(&room, &["--base", base, "--app", "src:/more", "-o", "oci:upon"]);
    upon("docker:one.tar").succeeded();
    upon("docker:one.tar:team/app:1.0").succeeded();
    upon("docker:one.tar:team/app:2.0").failed(2, "WB0140").says("team/app:1.0");
    // A file that is none.
    let mut file = fs::File::create(room.join("none.tar")).unwrap();
    file.write_all(&[0; 1024]).unwrap();
    let ran = upon("docker:none.tar");
    assert_eq!(ran.code, Some(1), "{ran}");
}

#[test]
fn a_base_is_for_one_platform_by_its_configuration() {
    let room = scene();
    interpreter(&room, "arm", ARM64);
    let said = made(&room, &["-o", "oci:amd64"]);
    let both = ["--target", "linux/arm64", "--interpreter", "tree", "--interpreter", "arm", "-o", "oci:both"];
    image(&room, &both).succeeded();
    // No layer is needed to say so.
    for layer in said["images"][0]["layers"].as_array().unwrap() {
        let digest = layer["digest"].as_str().unwrap().replace("sha256:", "");
        fs::remove_file(room.join("amd64/blobs/sha256").join(digest)).unwrap();
    }
    let check = |subject: &str, target: &str| {
        let _ = fs::remove_file(room.join("passed"));
        room.wheelbuild(["check", "--platform-only", "--passed", "passed", subject, "--target", target]).ran()
    };
    check("amd64", "linux/amd64").succeeded();
    assert!(room.join("passed").exists());
    check("amd64", "linux/arm64")
        .failed(4, "WB0508")
        .says("linux/amd64")
        .says("hint: name the image for linux/arm64");
    assert!(!room.join("passed").exists());
    // Who does not choose could take the other one.
    check("both", "linux/amd64").failed(4, "WB0508").says("linux/amd64, linux/arm64");
    check("one-1.0-py3-none-any.whl", "linux/amd64").failed(2, "WB0106").says("is no image");
    check("nowhere", "linux/amd64").failed(2, "WB0106").says("is not there");
}
