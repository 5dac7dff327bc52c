//! What cargo, maturin and setuptools-rust must know.

use super::{Paths, Subject};

/// Variables of cargo (The Cargo Book, "Environment variables"), of PyO3 ("Cross compiling") and of
/// the cc crate.
pub(super) fn variables(paths: &Paths, subject: &Subject<'_>) -> Vec<(String, String)> {
    let triple = subject.target.rust_triple();
    let underscored = triple.replace('-', "_");
    let program = |name: &str| paths.bin.join(name).display().to_string();
    vec![
        ("CARGO_BUILD_TARGET".to_owned(), triple),
        (format!("CARGO_TARGET_{}_LINKER", underscored.to_ascii_uppercase()), program("cc")),
        (format!("CC_{underscored}"), program("cc")),
        (format!("CXX_{underscored}"), program("c++")),
        (format!("AR_{underscored}"), program("ar")),
        (
            "PYO3_CROSS_LIB_DIR".to_owned(),
            paths.view.join("lib").join(subject.python.program()).display().to_string(),
        ),
        ("PYO3_CROSS_PYTHON_VERSION".to_owned(), subject.python.to_string()),
        ("CARGO_NET_OFFLINE".to_owned(), "true".to_owned()),
    ]
}
