//! Compiles the C++ runtime's libraries from zig's sources: unwinder, libc++abi, libc++.
//!
//! All of it is hidden: what a wheel's extension uses of the C++ runtime is its own business, and
//! must neither be found by nor take anything from another extension in the process.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::KitPaths;
use super::units::{Library, Unit, libraries};
use super::workshop::Workshop;
use crate::report::{Error, Result};
use crate::target::Target;
use crate::toolchain::clang::{self, Language};

/// Flags of every unit. No debug information and no paths: the same bytes wherever zig lies.
const FLAGS: &[&str] = &[
    "-O2",
    "-DNDEBUG",
    "-g0",
    "-w",
    "-fPIC",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-stack-protector",
    "-fasynchronous-unwind-tables",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
    "-fvisibility-global-new-delete=force-hidden",
];

/// Writes the unwinder to `out`.
pub(super) fn unwinder(workshop: &Workshop, kit: &KitPaths, target: &Target, out: &Path) -> Result<()> {
    build(workshop, kit, target, "the unwinder", &[("unwind", &libraries().libunwind)], out)
}

/// The part `cxx/<family>`: libc++ and libc++abi in one archive, under the names that links use.
pub(super) fn cxx(workshop: &Workshop, kit: &KitPaths, target: &Target, folder: &Path) -> Result<()> {
    let lib = folder.join("lib");
    fs::create_dir_all(&lib).map_err(|error| Error::io("make", &lib, &error))?;
    let all = libraries();
    let both = [("cxx", &all.libcxx), ("cxxabi", &all.libcxxabi)];
    build(workshop, kit, target, &format!("libc++ for `{}`", target.family()), &both, &lib.join("libc++.a"))?;
    for name in ["libstdc++.a", "libc++abi.a", "libsupc++.a"] {
        super::sys::put(&lib, name, b"INPUT(libc++.a)\n")?;
    }
    Ok(())
}

fn build(
    workshop: &Workshop,
    kit: &KitPaths,
    target: &Target,
    what: &str,
    parts: &[(&str, &Library)],
    out: &Path,
) -> Result<()> {
    let (mut jobs, mut objects) = (Vec::new(), Vec::new());
    for (name, library) in parts {
        for unit in library.units(&workshop.zig.lib)? {
            let object = workshop.path(&format!("{name}-{}.o", unit.name));
            jobs.push(compile(workshop, kit, target, library, &unit, &object)?);
            objects.push(object);
        }
    }
    workshop.run_all(what, &jobs)?;
    workshop.archive(out, &objects)
}

/// The command line for one unit.
fn compile(
    workshop: &Workshop,
    kit: &KitPaths,
    target: &Target,
    library: &Library,
    unit: &Unit,
    object: &Path,
) -> Result<Vec<String>> {
    let lib = &workshop.zig.lib;
    let source = match unit.sources.as_slice() {
        [one] => lib.join(one),
        several => unity(workshop, lib, several, object)?,
    };
    let cxx = source.extension().is_some_and(|extension| extension == "cpp");
    let language = if cxx { Language::Cxx } else { Language::C };
    let mut args = vec!["clang".to_owned()];
    // Called as a C compiler for any source: nothing is linked here.
    args.extend(clang::prefix(target, kit, Language::C));
    args.extend(FLAGS.iter().map(|flag| (*flag).to_owned()));
    args.extend(library.flags.iter().filter(|flag| cxx || !flag.starts_with("-std=")).cloned());
    if library.folder_is("libunwind/src") {
        let own: &[&str] =
            if cxx { &["-fno-exceptions", "-fno-rtti", "-std=c++17"] } else { &["-fexceptions"] };
        args.extend(own.iter().map(|flag| (*flag).to_owned()));
    }
    args.extend(library.includes.iter().map(|folder| format!("-I{}", lib.join(folder).display())));
    args.push(format!("-ffile-prefix-map={}=/zig", lib.display()));
    args.extend(["-c", "-o"].map(str::to_owned));
    args.push(object.display().to_string());
    args.push(source.display().to_string());
    args.extend(clang::tail(target, kit, language));
    Ok(args)
}

/// A source that includes `sources`.
fn unity(workshop: &Workshop, lib: &Path, sources: &[String], object: &Path) -> Result<PathBuf> {
    let mut text = String::new();
    for source in sources {
        writeln!(text, "#include \"{}\"", lib.join(source).display())
            .map_err(|error| Error::bug(error.to_string()))?;
    }
    let stem = object.file_stem().unwrap_or_default().to_string_lossy();
    workshop.write(&format!("{stem}.cpp"), &text)
}
