//! The module that makes a Python believe it is the target's, and what switches it on.
//!
//! A build environment carries [`SITE_FILES`]: a line that does nothing unless [`VIEW_VARIABLE`]
//! names a view, so the same environment serves every target and its own installation. With it,
//! the hooks and every Python they start through that environment see the target, under `-I` and
//! `-E` too. Two things are out of its reach: `python -S`, which reads no `.pth` file and then fails
//! on the missing sysconfig data rather than using the build machine's, and a child that is started
//! with an environment emptied of the variable.

use serde_json::json;

use super::ViewPaths;
use crate::target::{Endian, KERNEL, Libc, MUSL, PythonVersion, Target};

/// The variable that names the view's root to the hooks.
pub const VIEW_VARIABLE: &str = "WHEELBUILD_VIEW";

/// Every variable that [`super::View::hook_environment`] may set; what starts a Python that must not see the
/// target removes them.
pub const HOOK_VARIABLES: [&str; 4] =
    [VIEW_VARIABLE, "_PYTHON_HOST_PLATFORM", "_PYTHON_SYSCONFIGDATA_NAME", "_PYTHON_SYSCONFIGDATA_PATH"];

/// What [`super::write_view`] says about the target, in the view's root.
pub(super) const SHOWN: &str = "lie.py";

/// The files, in the site-packages of every build environment, that switch the view on: the line
/// that asks for it, and the module that shows it, which has bytecode there like any other.
///
/// A view that is named but missing ends the interpreter: a hook must never go on with the build
/// machine's values.
pub const SITE_FILES: [(&str, &str); 2] = [
    (
        "_wheelbuild_view.pth",
        concat!(
            "import os, sys; p = os.environ.get('WHEELBUILD_VIEW'); ",
            "p and (os.path.isfile(p + '/lie.py') ",
            "or sys.exit('wheelbuild: no view of the target at ' + p), ",
            "__import__('_wheelbuild_view').show(p + '/lie.py'))\n"
        ),
    ),
    ("_wheelbuild_view.py", include_str!("lie.py")),
];

/// The name of the sysconfig data module CPython looks for on the target.
pub(super) fn data_module(version: PythonVersion, target: &Target) -> String {
    format!("_sysconfigdata_{}_linux_{}", version.abi_flags(), version.multiarch(target))
}

/// What is shown, as a Python literal.
pub(super) fn shown(version: PythonVersion, target: &Target, inside: &ViewPaths) -> String {
    let root = inside.root.display();
    let libc = match target.libc {
        Libc::Gnu { minor } => ["glibc".to_owned(), format!("2.{minor}")],
        Libc::Musl => ["musl".to_owned(), format!("{}.{}", MUSL.0, MUSL.1)],
    };
    // Strings, integers and lists read the same in JSON and Python.
    let shown = json!({
        "python": format!("3.{}", version.minor),
        "machine": target.arch.machine,
        "bits": target.arch.bits,
        "byteorder": if target.arch.endian == Endian::Big { "big" } else { "little" },
        "kernel": KERNEL,
        "cc": inside.bin.join("cc").display().to_string(),
        "libc": libc,
        "platform": target.python_platform(),
        "multiarch": version.multiarch(target),
        "data": data_module(version, target),
        "stdlib": format!("{root}/lib/{}", version.program()),
        "include": format!("{root}/include/{}", version.program()),
    });
    format!("{shown}\n")
}
