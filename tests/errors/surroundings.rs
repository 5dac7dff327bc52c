//! Failures whose cause lies outside of the package: arguments, configuration, interpreter, index,
//! disk, limits.

use std::fs;
use std::process::Command;

use crate::common::server::{Server, closed_port, one_file};
use crate::common::source::Source;
use crate::common::{self, Ran, Room, Run, TARGET};

/// The run with an index at `url` and no other place to find packages.
fn with_index(run: Run, url: &str) -> Run {
    run.env("PIP_INDEX_URL", url)
        .env("UV_DEFAULT_INDEX", url)
        .env("PIP_CONFIG_FILE", "/dev/null")
        .env("PIP_RETRIES", "0")
        .env("UV_HTTP_RETRIES", "0")
        .without("PIP_FIND_LINKS")
        .without("PIP_EXTRA_INDEX_URL")
}

#[test]
fn unknown_target() {
    let room = Room::new();
    room.wheelbuild(["build", "x==1", "--target", "aarch46-linux"])
        .ran()
        .failed(2, "WB0102")
        .hints("aarch64-linux");
}

#[test]
fn a_target_that_is_no_linux() {
    let room = Room::new();
    for target in ["aarch64-macos", "x86_64-macos", "host", "win_amd64"] {
        room.wheelbuild(["build", "x==1", "--target", target]).ran().failed(4, "WB0508").says(target);
    }
}

#[test]
fn no_target() {
    Room::new().wheelbuild(["build", "x==1"]).ran().failed(2, "WB0101").hints("--target x86_64-linux");
}

#[test]
fn no_such_source() {
    let room = Room::new();
    room.wheelbuild(["build", "nothing.tar.gz", "--target", TARGET]).ran().failed(2, "WB0106");
    room.wheelbuild(["build", "numpy", "--target", TARGET]).ran().failed(2, "WB0106").hints("numpy==VERSION");
}

#[test]
fn unknown_python() {
    let room = Room::new();
    room.wheelbuild(["build", "x==1", "--target", TARGET, "--python", "2.7"]).ran().failed(2, "WB0103");
    room.wheelbuild(["build", "x==1", "--target", TARGET, "--python", "three"]).ran().failed(2, "WB0103");
}

#[test]
fn wrong_values() {
    let room = Room::new();
    for (flag, value) in [
        ("--memory", "much"),
        ("--disk", "4XB"),
        ("--isolation", "perfect"),
        ("--cc", "tcc"),
        ("-C", "novalue"),
    ] {
        let ran = room.wheelbuild(["build", "x==1", "--target", TARGET, flag, value]).ran();
        ran.failed(2, "WB0101").says(value);
    }
}

#[test]
fn unknown_configuration_key() {
    let room = Room::new();
    for (file, text) in [
        ("wheelbuild.toml", "targte = 'x86_64-linux'\n"),
        ("pyproject.toml", "[tool.wheelbuild]\ntargte = 'x86_64-linux'\n"),
    ] {
        let path = room.write(file, text);
        let ran = room.wheelbuild(["build", "x==1"]).ran().failed(2, "WB0104");
        ran.says(file).says("targte").hints("did you mean `target`?");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn interpreter_not_found() {
    let room = Room::new();
    let sdist = Source::in_tree("nopython").sdist(&room);
    let build = |python: &[&str]| {
        room.build(&sdist, TARGET)
            .args(python)
            .env("PATH", room.join("home"))
            .env("HOME", room.join("home"))
            .without("PYENV_ROOT")
            .without("XDG_DATA_HOME")
            .without("UV_PYTHON_INSTALL_DIR")
            .ran()
            .failed(2, "WB0105")
    };
    build(&["--python", "3.15"]).says("3.15").hints("uv python install 3.15");
    build(&[]);
    build(&["--python", "/nowhere/python3.12"]).says("/nowhere/python3.12");
}

#[test]
fn network() {
    let room = Room::with_empty_cache();
    let url = format!("http://{}/simple", closed_port());
    let ran = with_index(room.wheelbuild(["build", "tiny==1.0", "--target", TARGET]), &url).ran();
    ran.failed(5, "WB0601").says("127.0.0.1").says("refused");
}

#[test]
fn network_of_the_resolver() {
    let room = Room::with_own_cache();
    fs::remove_file(room.cache().join("uv")).unwrap();
    let url = format!("http://{}/simple", closed_port());
    let sdist = Source::pure("unreached").sdist(&room);
    with_index(room.build(&sdist, TARGET), &url).ran().failed(5, "WB0601");
}

#[test]
fn not_on_the_index() {
    let room = Room::with_empty_cache();
    let sdist = fs::read(Source::in_tree("served").sdist(&room)).unwrap();
    let server = Server::start(one_file("served", "served-1.0.tar.gz", &"0".repeat(64), &sdist));
    let index = server.url("", "/simple/");
    let build = |what: &str| with_index(room.wheelbuild(["build", what, "--target", TARGET]), &index).ran();
    build("absent==1.0").failed(5, "WB0602").says("absent");
    build("served==2.0").failed(5, "WB0602").says("2.0");
}

#[test]
fn another_file_than_the_index_promised() {
    let room = Room::with_empty_cache();
    let sdist = fs::read(Source::in_tree("served").sdist(&room)).unwrap();
    let server = Server::start(one_file("served", "served-1.0.tar.gz", &"0".repeat(64), &sdist));
    let run = room.wheelbuild(["build", "served==1.0", "--target", TARGET]);
    with_index(run, &server.url("", "/simple/")).ran().failed(5, "WB0603").says("served-1.0.tar.gz");
    let kept = walkdir::WalkDir::new(room.cache()).into_iter().flatten();
    let kept: Vec<_> = kept.filter(|entry| entry.path().to_string_lossy().contains("served")).collect();
    assert!(kept.is_empty(), "it was thrown away: {kept:?}");
}

#[test]
fn another_project_than_the_index_promised() {
    let room = Room::with_own_cache();
    let path = Source::in_tree("impostor").sdist(&room);
    let bytes = fs::read(&path).unwrap();
    let server = Server::start(one_file("served", "served-1.0.tar.gz", &common::sha256(&path), &bytes));
    let run = room.wheelbuild(["build", "served==1.0", "--target", TARGET]);
    with_index(run, &server.url("", "/simple/")).ran().failed(4, "WB0506").says("impostor");
}

#[test]
fn offline_without_the_tools() {
    let room = Room::with_empty_cache();
    let sdist = Source::in_tree("offline").sdist(&room);
    room.build(&sdist, TARGET).arg("--offline").ran().failed(5, "WB0604").hints("wheelbuild toolchain fetch");
    room.wheelbuild(["build", "tiny==1.0", "--offline", "--target", TARGET]).ran().failed(5, "WB0604");
}

#[test]
fn disk_full() {
    if !common::is_root() || !common::has("unshare") {
        return common::skip("only root may mount a small disk, by unshare");
    }
    let room = Room::with_own_cache();
    // Nothing that compresses away, larger than the disk.
    let noise: Vec<u8> = (0u32..3_000_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let sdist = Source::in_tree("large").file("noise.bin", noise).sdist(&room);
    let small = room.join("small");
    fs::create_dir(&small).unwrap();
    let mut command = Command::new("unshare");
    command.arg("-m").args(["sh", "-c"]).arg(
        "mount -t tmpfs -o size=1m none small || exit 99\n\
         for name in tools kits uv; do ln -s \"$(readlink cache/$name)\" small/$name; done\nexec \"$@\"",
    );
    let run = room.build(&sdist, TARGET).arg("--cache-dir").arg(&small);
    command.arg("sh").arg(run.command.get_program()).args(run.command.get_args()).current_dir(room.path());
    let ran = Ran::of(command.output().unwrap());
    if ran.code == Some(99) {
        return common::skip("this machine lets nobody mount a tmpfs");
    }
    ran.failed(6, "WB0702").says("No space left");
}

/// A project whose setup.py is `code`, with `flags`.
fn limited(name: &str, code: &str, flags: &[&str]) -> Ran {
    let room = Room::new();
    common::cache_with_tools();
    let sdist = Source::with_setup(name, &format!("{code}\nraise SystemExit('no limit')\n")).sdist(&room);
    room.build(&sdist, TARGET).args(flags).ran()
}

#[test]
fn timeout() {
    limited("sleepy", "import time; time.sleep(3600)", &["--timeout", "1"])
        .failed(1, "WB0407")
        .hints("--timeout");
}

#[test]
fn disk_limit() {
    // It stays, so that the watch sees it however fast the disk is.
    let code =
        "import time\nfor n in range(40): open('big%d' % n, 'wb').write(b'x' * 1000000)\ntime.sleep(3600)";
    limited("writes", code, &["--disk", "8MiB"]).failed(1, "WB0409").hints("--disk");
}

#[test]
fn memory_limit() {
    let code =
        "import time\nkeep = []\nwhile True: keep.append(bytearray(8 << 20)); keep[-1][::4096] = b'x' * 2048";
    limited("hungry", code, &["--memory", "256MiB"]).failed(1, "WB0409").hints("--memory");
}

#[test]
fn process_limit() {
    let code = "import subprocess, sys\nall = [subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)']) for n in range(64)]\nall[0].wait()";
    limited("forks", code, &["--processes", "20", "--timeout", "120"])
        .failed(1, "WB0409")
        .hints("--processes");
}

#[test]
fn output_folder_that_cannot_be_written() {
    let room = Room::new();
    common::cache_with_tools();
    let sdist = Source::in_tree("nowhere").sdist(&room);
    room.write("out", "a file");
    room.build(&sdist, TARGET).ran().failed(6, "WB0701").hints("-o DIR");
}

#[test]
fn cache_folder_that_cannot_be_made() {
    let room = Room::new();
    room.write("file", "");
    room.wheelbuild(["cache", "info", "--cache-dir", "file/cache"])
        .ran()
        .failed(6, "WB0701")
        .hints("--cache-dir DIR");
}
