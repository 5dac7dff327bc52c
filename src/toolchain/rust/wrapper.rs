//! `rustc` and `cargo` as the hooks call them: scripts in the build's `bin/`.
//!
//! The path prefixes are given to rustc here and not as RUSTFLAGS, because cargo takes flags from
//! one of four places only: a project's own would shut out ours, or ours the project's. The script
//! also notes which crates are compiled for the target, since a lock lists many more.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::RustToolchain;
use crate::report::{Error, Result};

/// The file in the log folder that lists what was compiled.
const COMPILED: &str = "rust-crates";

/// Takes out what a project's own flags (`.cargo/config.toml`) ask of rustc for the build machine's
/// processor: the wheel would run on its like alone, and differ from machine to machine.
const NOT_NATIVE: &str = r#"case "$*" in *target-cpu=native*)
left=$#
while [ $left -gt 0 ]; do
word=$1; shift; left=$((left - 1))
case $word in
-C | --codegen) if [ "$1" = target-cpu=native ]; then shift; left=$((left - 1)); continue; fi;;
-Ctarget-cpu=native | --codegen=target-cpu=native) continue;;
esac
set -- "$@" "$word"
done;;
esac
"#;

/// Where the scripts find things, as the hooks see them.
#[derive(Clone, Debug)]
pub struct WrapperPaths {
    /// The toolchain's root.
    pub root: PathBuf,
    /// The folder of logs.
    pub log: PathBuf,
    /// Path prefixes and what they become; of two that fit the later one counts.
    pub prefix_maps: Vec<(String, String)>,
    /// The program that rustc is started by, so that it waits for its turn.
    pub in_turn: Option<PathBuf>,
}

/// A crate that was compiled for the target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CompiledCrate {
    pub name: String,
    pub version: String,
    /// As its manifest says it.
    pub licence: String,
}

/// Writes the scripts into `bin` (a folder of this machine).
pub fn write_wrappers(toolchain: &RustToolchain, paths: &WrapperPaths, bin: &Path) -> Result<()> {
    let rustc = rustc_script(toolchain, paths);
    let cargo = format!("#!/bin/sh\nexec {} \"$@\"\n", start(toolchain, &paths.root, &toolchain.cargo));
    for (name, text) in [("rustc", rustc), ("cargo", cargo)] {
        use std::os::unix::fs::PermissionsExt;
        let path = bin.join(name);
        let failed = |error: std::io::Error| Error::io("write", &path, &error);
        fs::write(&path, text).map_err(failed)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    Ok(())
}

fn rustc_script(toolchain: &RustToolchain, paths: &WrapperPaths) -> String {
    let mut maps = paths.prefix_maps.clone();
    // Where the sources of the standard library are installed, rustc writes their real place.
    let sources = moved(toolchain, &paths.root, &toolchain.sysroot).join("lib/rustlib/src/rust");
    let commit = toolchain.commit.as_deref().unwrap_or(&toolchain.release);
    maps.push((sources.display().to_string(), format!("/rustc/{commit}")));
    let maps: String = maps
        .iter()
        .map(|(from, to)| format!(" {}", quoted(&format!("--remap-path-prefix={from}={to}"))))
        .collect();
    let sysroot = match toolchain.loader {
        // Started by a loader it cannot find out where it lies.
        Some(_) => format!(
            " --sysroot {}",
            quoted(&moved(toolchain, &paths.root, &toolchain.sysroot).display().to_string())
        ),
        None => String::new(),
    };
    let in_turn =
        paths.in_turn.iter().map(|program| quoted(&program.display().to_string()) + " ").collect::<String>();
    // CARGO_CRATE_NAME is there when cargo compiles a crate, not when a build script asks rustc something.
    format!(
        "#!/bin/sh\n\
         for word do\n\
         case $CARGO_CRATE_NAME$word in ?*--target | ?*--target=*)\n\
         printf '%s\\t%s\\t%s\\n' \"$CARGO_PKG_NAME\" \"$CARGO_PKG_VERSION\" \"$CARGO_PKG_LICENSE\" >>{log}; break;;\n\
         esac\n\
         done\n\
         {NOT_NATIVE}\
         exec {in_turn}{rustc}{sysroot} \"$@\"{maps}\n",
        log = quoted(&paths.log.join(COMPILED).display().to_string()),
        rustc = start(toolchain, &paths.root, &toolchain.rustc),
    )
}

/// The words that start `program` where the toolchain is seen at `root`.
fn start(toolchain: &RustToolchain, root: &Path, program: &Path) -> String {
    let word = |path: &Path| quoted(&moved(toolchain, root, path).display().to_string());
    match &toolchain.loader {
        None => word(program),
        Some(loader) => {
            format!("{} --library-path {} {}", word(&loader.program), word(&loader.libraries), word(program))
        }
    }
}

/// `path` of the toolchain where it is seen at `root`.
fn moved(toolchain: &RustToolchain, root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(&toolchain.root).map_or_else(|_| path.to_owned(), |rest| root.join(rest))
}

/// `text` as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The crates that the scripts noted in the folder `log`. What the build wrote there is only a
/// claim: the caller looks each up in the project's lock.
pub fn compiled_crates(log: &Path) -> BTreeSet<CompiledCrate> {
    let text = fs::read(log.join(COMPILED)).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            let name = fields.next().filter(|name| !name.is_empty())?;
            Some(CompiledCrate { name, version: fields.next()?, licence: fields.next()? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(loader: bool) -> RustToolchain {
        let root = PathBuf::from("/opt/it's rust");
        RustToolchain {
            sysroot: root.join("usr"),
            rustc: root.join("usr/bin/rustc"),
            cargo: root.join("usr/bin/cargo"),
            loader: loader.then(|| super::super::Loader {
                program: root.join("usr/lib/m/ld-linux.so.2"),
                libraries: root.join("usr/lib/m"),
            }),
            root,
            release: "1.97.1".into(),
            host: "x86_64-unknown-linux-gnu".into(),
            commit: Some("abc".into()),
            verbose: String::new(),
            pinned: None,
        }
    }

    fn paths() -> WrapperPaths {
        WrapperPaths {
            root: "/build/rust".into(),
            log: "/build/log".into(),
            prefix_maps: vec![("/build/src".into(), ".".into())],
            in_turn: None,
        }
    }

    #[test]
    fn a_distribution_is_started_by_its_own_loader_and_told_its_sysroot() {
        let text = rustc_script(&toolchain(true), &paths());
        assert!(
            text.contains("exec '/build/rust/usr/lib/m/ld-linux.so.2' --library-path '/build/rust/usr/lib/m' '/build/rust/usr/bin/rustc' --sysroot '/build/rust/usr' \"$@\""),
            "{text}"
        );
        let text = rustc_script(&toolchain(false), &paths());
        assert!(text.contains("exec '/build/rust/usr/bin/rustc' \"$@\""), "{text}");
    }

    #[test]
    fn the_script_passes_words_through_adds_the_maps_and_notes_target_crates() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a 'root'");
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        for program in ["rustc", "cargo"] {
            let path = root.join("usr/bin").join(program);
            fs::write(&path, "#!/bin/sh\nfor word do echo \"$word\"; done\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let toolchain = RustToolchain {
            sysroot: root.join("usr"),
            rustc: root.join("usr/bin/rustc"),
            cargo: root.join("usr/bin/cargo"),
            root: root.clone(),
            ..toolchain(false)
        };
        let paths = WrapperPaths { root, log: folder.path().to_owned(), ..paths() };
        write_wrappers(&toolchain, &paths, folder.path()).unwrap();
        let run = |name: &str, licence: &str, words: &[&str]| {
            let output = std::process::Command::new(folder.path().join("rustc"))
                .args(words)
                .env("CARGO_PKG_NAME", name)
                .env("CARGO_CRATE_NAME", if licence == "asks" { "" } else { name })
                .env("CARGO_PKG_VERSION", "1.2.3")
                .env("CARGO_PKG_LICENSE", licence)
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let said = run("pyo3", "MIT OR Apache-2.0", &["a b", "--target", "x"]);
        assert!(said.starts_with("a b\n--target\nx\n--remap-path-prefix=/build/src=.\n"), "{said}");
        let native = ["-C", "target-cpu=native", "-Copt-level=3", "-Ctarget-cpu=native", "a b", "-C", "lto"];
        let said =
            run("a-macro", "MIT", &[&native[..], &["--codegen", "target-cpu=native", "x.rs"]].concat());
        assert!(said.starts_with("-Copt-level=3\na b\n-C\nlto\nx.rs\n--remap-path-prefix"), "{said}");
        run("a-macro", "MIT", &["--crate-type", "proc-macro"]);
        run("pyo3", "MIT OR Apache-2.0", &["--target=x"]);
        run("probes", "asks", &["--target", "x", "-"]);
        let compiled: Vec<_> = compiled_crates(folder.path()).into_iter().collect();
        let only = CompiledCrate {
            name: "pyo3".into(),
            version: "1.2.3".into(),
            licence: "MIT OR Apache-2.0".into(),
        };
        assert_eq!(compiled, [only]);
    }
}
