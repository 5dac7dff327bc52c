//! What cargo, maturin and setuptools-rust must know.

use std::path::PathBuf;

use super::{Paths, Subject};

/// The Rust toolchain as the hooks see it.
#[derive(Clone, Debug)]
pub struct RustView {
    /// The triple of the build machine.
    pub host: String,
    /// cargo's home, with a configuration that leads to the crates that were fetched.
    pub cargo_home: PathBuf,
}

/// Variables of cargo (The Cargo Book, "Environment variables"), of PyO3 ("Cross compiling") and of
/// the cc crate.
pub(super) fn variables(paths: &Paths, subject: &Subject<'_>) -> Vec<(String, String)> {
    let triple = subject.target.rust_triple();
    let underscored = triple.replace('-', "_");
    let program = |name: &str| paths.bin.join(name).display().to_string();
    let mut all = vec![
        ("CARGO_BUILD_TARGET".to_owned(), triple.clone()),
        (format!("CARGO_TARGET_{}_LINKER", underscored.to_ascii_uppercase()), program("cc")),
        (format!("CC_{underscored}"), program("cc")),
        (format!("CXX_{underscored}"), program("c++")),
        (format!("AR_{underscored}"), program("ar")),
        (format!("RANLIB_{underscored}"), program("ranlib")),
        // What the cc crate takes for the build machine before CC, which is the target's here.
        ("HOST_CC".to_owned(), program("build-cc")),
        ("HOST_CXX".to_owned(), program("build-c++")),
        (
            "PYO3_CROSS_LIB_DIR".to_owned(),
            paths.view.join("lib").join(subject.python.program()).display().to_string(),
        ),
        ("PYO3_CROSS_PYTHON_VERSION".to_owned(), subject.python.to_string()),
        // The pkg-config crate refuses to ask for another machine than its own, as ours does not.
        ("PKG_CONFIG_ALLOW_CROSS".to_owned(), "1".to_owned()),
        ("CARGO_NET_OFFLINE".to_owned(), "true".to_owned()),
        ("CARGO_BUILD_JOBS".to_owned(), subject.jobs.to_string()),
        ("CARGO_TERM_COLOR".to_owned(), "never".to_owned()),
        ("CARGO_INCREMENTAL".to_owned(), "0".to_owned()),
        // maturin reads these where the user gives no `build-args` by `-C`.
        ("MATURIN_PEP517_ARGS".to_owned(), "--locked --offline".to_owned()),
    ];
    if let Some(rust) = subject.rust {
        if rust.host != triple {
            // Programs of the build: with one triple for both machines, cargo has one linker for both.
            let host = rust.host.replace('-', "_");
            all.push((format!("CARGO_TARGET_{}_LINKER", host.to_ascii_uppercase()), program("build-cc")));
            all.push((format!("CC_{host}"), program("build-cc")));
            all.push((format!("CXX_{host}"), program("build-c++")));
        }
        all.push(("CARGO_HOME".to_owned(), rust.cargo_home.display().to_string()));
        all.push(("CARGO".to_owned(), program("cargo")));
        all.push(("RUSTC".to_owned(), program("rustc")));
    }
    all
}
