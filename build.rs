//! Makes the recipe digest: the part of every cache key that stands for this program.
//!
//! It covers `toolchains/` and the sources of the stages that decide the bytes of a wheel, not the
//! executable, so that builds of one version for different machines share their cache entries.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Modules whose code decides bytes. `cli`, `report`, `cache`, `index`, `lock` and `plan` do not.
const STAGES: &[&str] = &[
    "archive",
    "backend",
    "build",
    "elf",
    "metadata",
    "native",
    "python",
    "sdist",
    "target",
    "toolchain",
    "wheel",
];

/// Crates that decide bytes: the compressor and the archive readers.
const CRATES: &[&str] = &["flate2", "libz-rs-sys", "zlib-rs", "object"];

/// The same for the layers of images.
const IMAGE_CRATES: &[&str] =
    &["flate2", "libz-rs-sys", "zlib-rs", "object", "zstd", "zstd-safe", "zstd-sys"];

/// What decides the bytes of a runtime kit alone, so that a new flag rule does not make every kit anew.
const KIT: [&str; 4] =
    ["src/toolchain/kit", "src/toolchain/clang.rs", "toolchains/kit", "toolchains/targets.toml"];

/// What decides the bytes of an image's layers and what is remembered of them.
const IMAGE: [&str; 5] = ["src/image", "src/archive", "src/wheel", "src/python/installer", "src/elf"];

fn main() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut folders = vec![PathBuf::from("toolchains")];
    folders.extend(STAGES.iter().map(|stage| Path::new("src").join(stage)));
    let mut hash = digest(&root, &folders);
    for line in pinned_crates(&root, CRATES) {
        hash.update(line);
    }
    println!("cargo::rustc-env=WHEELBUILD_RECIPE={}", hex(hash));
    println!("cargo::rustc-env=WHEELBUILD_KIT_RECIPE={}", hex(digest(&root, &KIT.map(PathBuf::from))));
    let mut image = digest(&root, &IMAGE.map(PathBuf::from));
    for line in pinned_crates(&root, IMAGE_CRATES) {
        image.update(line);
    }
    println!("cargo::rustc-env=WHEELBUILD_IMAGE_RECIPE={}", hex(image));
    println!("cargo::rerun-if-changed=toolchains");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=Cargo.lock");
}

/// The hash of names and contents of all sources and tables in `places` (files or folders below `root`).
fn digest(root: &Path, places: &[PathBuf]) -> Sha256 {
    let mut files = Vec::new();
    for place in places {
        let path = root.join(place);
        if path.is_file() { files.push(path) } else { collect(&path, &mut files) }
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in &files {
        let name = file.strip_prefix(root).expect("collected below it").to_string_lossy().into_owned();
        let content = std::fs::read(file).unwrap_or_else(|error| panic!("{name}: {error}"));
        hash.update(format!("{name}\0{}\0", content.len()));
        hash.update(&content);
    }
    hash
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| {
            ["rs", "py", "toml", "tsv", "c", "cmake", "map", "txt"].iter().any(|known| extension == *known)
        }) {
            files.push(path);
        }
    }
}

/// `name version checksum` of the crates that decide bytes, from Cargo.lock.
fn pinned_crates(root: &Path, crates: &[&str]) -> Vec<String> {
    let text = std::fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    text.split("[[package]]")
        .filter(|package| crates.iter().any(|name| package.contains(&format!("name = \"{name}\"\n"))))
        .map(|package| {
            package
                .lines()
                .filter(|line| ["name", "version", "checksum"].iter().any(|key| line.starts_with(key)))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}
