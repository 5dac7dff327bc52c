//! Projects written in Rust: which toolchain, which crates, and what of both is in the wheel.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::source::Source;
use common::{Room, member, members};

/// A backend in the tree that needs nothing: it calls cargo and packs what it made.
const BACKEND: &str = r#"
import base64, hashlib, os, subprocess, sysconfig, zipfile
def build_wheel(out, config_settings=None, metadata_directory=None):
    subprocess.run(["cargo", "build", "--release", "--locked"], check=True)
    made = os.path.join("target", os.environ["CARGO_BUILD_TARGET"], "release", "libtiny.so")
    tag = "cp%s-cp%s-linux_any" % ((sysconfig.get_config_var("py_version_nodot"),) * 2)
    info = "tiny-1.0.dist-info/"
    files = {
        "tiny" + sysconfig.get_config_var("EXT_SUFFIX"): open(made, "rb").read(),
        info + "METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        info + "WHEEL": ("Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: false\nTag: %s\n" % tag).encode(),
    }
    record, name = "", "tiny-1.0-%s.whl" % tag
    with zipfile.ZipFile(os.path.join(out, name), "w") as wheel:
        for path, data in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += "%s,sha256=%s,%d\n" % (path, digest, len(data))
            wheel.writestr(path, data)
        wheel.writestr(info + "RECORD", record + info + "RECORD,,\n")
    return name
"#;

/// A module with the number that a build script made and the place of its own source.
const LIB: &str = r#"
use std::ffi::{c_char, c_int, c_long, c_void};
#[repr(C)]
pub struct Definition {
    count: isize, kind: *const c_void, init: *const c_void, index: isize, copy: *const c_void,
    name: *const c_char, doc: *const c_char, size: isize, rest: [*const c_void; 5],
}
unsafe extern "C" {
    fn PyModule_Create2(definition: *mut Definition, version: c_int) -> *mut c_void;
    fn PyModule_AddIntConstant(module: *mut c_void, name: *const c_char, value: c_long) -> c_int;
    fn PyModule_AddStringConstant(module: *mut c_void, name: *const c_char, value: *const c_char) -> c_int;
}
const NONE: *const c_void = std::ptr::null();
static mut DEFINITION: Definition = Definition {
    count: 1, kind: NONE, init: NONE, index: 0, copy: NONE, name: c"tiny".as_ptr(), doc: std::ptr::null(),
    size: -1, rest: [NONE; 5],
};
/// # Safety
/// Called by Python.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInit_tiny() -> *mut c_void {
    let answer: Vec<c_long> = env!("ANSWER").split(' ').map(|word| word.parse().expect("a number")).collect();
    unsafe {
        let module = PyModule_Create2(&raw mut DEFINITION, 1013);
        PyModule_AddIntConstant(module, c"answer".as_ptr(), answer.iter().sum());
        PyModule_AddStringConstant(module, c"place".as_ptr(), concat!(file!(), "\0").as_ptr().cast());
        module
    }
}
"#;

const LOCK: &str = "version = 4\n\n[[package]]\nname = \"tiny\"\nversion = \"1.0.0\"\n";

fn tiny() -> Source {
    Source::new("tiny")
        .file(
            "pyproject.toml",
            "[build-system]\nrequires = []\nbuild-backend = 'own'\nbackend-path = ['.']\n",
        )
        .file("own.py", BACKEND)
        .file(
            "Cargo.toml",
            "[package]\nname = 'tiny'\nversion = '1.0.0'\nedition = '2024'\n[lib]\ncrate-type = ['cdylib']\n",
        )
        .file("Cargo.lock", LOCK)
        .file("build.rs", "fn main() { println!(\"cargo:rustc-env=ANSWER={} 2\", 40); }\n")
        .file("src/lib.rs", LIB)
}

/// The triple that the machine's own Rust is for, if wheelbuild can build for it.
fn host() -> Option<String> {
    let output = Command::new("rustc").arg("-vV").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "))?;
    if host.ends_with("-linux-gnu") { Some(host.to_owned()) } else { None }
}

/// A folder that answers like a toolchain for `host` alone.
fn toolchain(room: &Room, host: &str, release: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    room.write(&format!("fake/lib/rustlib/{host}/lib/libstd-0.rlib"), "");
    for name in ["rustc", "cargo"] {
        let text = format!("#!/bin/sh\nprintf 'host: {host}\\nrelease: {release}\\n'\n");
        let path = room.write(&format!("fake/bin/{name}"), text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    room.join("fake")
}

fn extension(wheel: &Path) -> Vec<u8> {
    let name = members(wheel).into_iter().find(|name| name.ends_with(".so")).unwrap();
    member(wheel, &name)
}

#[test]
fn a_module_of_rust_imports_and_holds_no_path() {
    let Some(host) = host() else { return common::skip("no Rust for a glibc machine") };
    let room = Room::with_own_cache();
    let sdist = tiny().sdist(&room);
    let target = format!("{}-linux-gnu.2.17", host.split('-').next().unwrap());
    let wheel = room.build(&sdist, &target).ran().succeeded().wheel(&room);
    let bytes = extension(&wheel);
    let text = String::from_utf8_lossy(&bytes);
    for path in ["/build/src", "/.rustup/", "/.cargo/", room.path().to_str().unwrap()] {
        assert!(!text.contains(path), "the extension holds `{path}`");
    }
    let statement = fs::read_to_string(format!("{}.intoto.json", wheel.display())).unwrap();
    assert!(statement.contains("\"rustc\""), "{statement}");
    let site = room.join("site");
    room.wheelbuild(["install".as_ref(), wheel.as_os_str(), "-o".as_ref(), site.as_os_str()])
        .ran()
        .succeeded();
    let said = Command::new("python3")
        .args(["-c", "import tiny; print(tiny.answer, tiny.place)"])
        .env("PYTHONPATH", site)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "42 src/lib.rs", "{said:?}");

    // The same bytes without namespaces and with a program of the project's own in its way.
    let flags = "[build]\nrustflags = ['-Cdebuginfo=0']\n[net]\ngit-fetch-with-cli = true\n";
    let with_config = tiny().file(".cargo/config.toml", flags).sdist(&room);
    let again =
        room.build(&with_config, &target).args(["--isolation", "none"]).ran().succeeded().wheel(&room);
    assert_eq!(extension(&again), bytes, "{}", again.display());
}

#[test]
fn a_toolchain_that_lacks_the_target_is_refused_with_what_to_install() {
    let room = Room::new();
    let sdist = tiny()
        .file("pyproject.toml", "[build-system]\nrequires = ['maturin']\nbuild-backend = 'maturin'\n")
        .sdist(&room);
    let fake = toolchain(&room, "sparc-unknown-linux-gnu", "1.90.0");
    room.build(&sdist, "riscv64-linux-gnu")
        .args(["--rust".as_ref(), fake.as_os_str()])
        .ran()
        .failed(4, "WB0370")
        .says("has no standard library for riscv64gc-unknown-linux-gnu; it has those for sparc-unknown-linux-gnu")
        .hints("--target riscv64gc-unknown-linux-gnu");
    let needs = "[package]\nname = 'tiny'\nversion = '1.0.0'\nrust-version = '1.99'\n";
    let newer = tiny()
        .file("pyproject.toml", "[build-system]\nrequires = ['maturin']\nbuild-backend = 'maturin'\n")
        .file("Cargo.toml", needs)
        .sdist(&room);
    room.build(&newer, "riscv64-linux-gnu")
        .env("WHEELBUILD_RUST", &fake)
        .ran()
        .failed(1, "WB0371")
        .says("the project needs Rust 1.99")
        .hints("rustup toolchain install 1.99");
    room.build(&sdist, "riscv64-linux-gnu")
        .env("WHEELBUILD_RUST", room.join("nowhere"))
        .ran()
        .failed(2, "WB0106");
}

#[test]
fn crates_that_are_not_here_are_not_fetched_offline() {
    let Some(host) = host() else { return common::skip("no Rust for a glibc machine") };
    let room = Room::with_own_cache();
    let lock = format!(
        "{LOCK}\n[[package]]\nname = \"itoa\"\nversion = \"1.0.15\"\n\
         source = \"registry+https://example.invalid/index\"\nchecksum = \"{}\"\n",
        "0".repeat(64)
    );
    let sdist = tiny()
        .file("pyproject.toml", "[build-system]\nrequires = ['maturin']\nbuild-backend = 'maturin'\n")
        .file("Cargo.lock", lock)
        .sdist(&room);
    let target = format!("{}-linux-gnu.2.17", host.split('-').next().unwrap());
    room.build(&sdist, &target).arg("--offline").ran().failed(5, "WB0604").says("those of Cargo.lock");
    let broken = tiny()
        .file("pyproject.toml", "[build-system]\nrequires = ['maturin']\nbuild-backend = 'maturin'\n")
        .file("Cargo.lock", "[[package]]\nname = '../x'\nversion = '1'\nsource = 'registry+x'\n")
        .sdist(&room);
    room.build(&broken, &target).arg("--offline").ran().failed(1, "WB0372");
}
