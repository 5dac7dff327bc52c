//! The part `base/<family>`: what the compiler itself needs in every link, in the places where
//! clang looks for it (its resource folder). The same for every floor of the C library.

use std::fs;
use std::path::Path;

use super::part::oldest;
use super::rename::rename;
use super::sys::{machine, put};
use super::workshop::Workshop;
use super::{KitPaths, libraries};
use crate::report::{Error, Result};
use crate::target::Target;
use crate::toolchain::clang::{self, Language};

const CRTBEGIN: &str = include_str!("../../../toolchains/kit/crtbegin.c");

const COMPLEX: &str = include_str!("../../../toolchains/kit/complex.c");

/// What compilers call and zig's compiler-rt lacks, has as a stub or gets wrong: name, a line in front,
/// source. Each source is empty on machines it is not for.
const ADDITIONS: &[(&str, &str, &str)] = &[
    ("atomic", "", include_str!("../../../toolchains/kit/atomic.c")),
    ("complex-float", "#define FLOAT\n", COMPLEX),
    ("complex-double", "#define DOUBLE\n", COMPLEX),
    ("complex-long-double", "#define LONG_DOUBLE\n", COMPLEX),
    ("cpu_model", "", include_str!("../../../toolchains/kit/cpu_model.c")),
    ("ibm128", "", include_str!("../../../toolchains/kit/ibm128.c")),
];

/// What zig's compiler-rt has and `ADDITIONS` replaces.
const REPLACED: &[&str] = &[
    "__cpu_model",
    "__cpu_features2",
    "__cpu_indicator_init",
    "__mulsc3",
    "__divsc3",
    "__muldc3",
    "__divdc3",
    "__mulxc3",
    "__divxc3",
    "__multc3",
    "__divtc3",
];

/// Names under which links ask for the compiler's runtime, and where we have it.
const SCRIPTS: &[(&str, &str)] = &[
    ("libgcc.a", "INPUT(libclang_rt.builtins.a)\n"),
    ("libatomic.a", "INPUT(libclang_rt.builtins.a)\n"),
    ("libgcc_s.so", "INPUT(libunwind.a libclang_rt.builtins.a)\n"),
    ("libgcc_eh.a", "INPUT(libunwind.a)\n"),
];

/// Fills `folder`. The headers must be in `kit` already.
pub(super) fn make(workshop: &Workshop, kit: &KitPaths, target: &Target, folder: &Path) -> Result<()> {
    let target = &oldest(target);
    // Where the runtime will lie, seen from the part's folder.
    let place = kit.runtime(target);
    let runtime = folder.join(place.strip_prefix(kit.base(target)).unwrap_or(&place));
    fs::create_dir_all(&runtime).map_err(|error| Error::io("make", &runtime, &error))?;
    let lib = folder.join("lib");
    let mut objects = vec![builtins(workshop, target)?];
    for (name, line, source) in ADDITIONS {
        let out = workshop.path(&format!("{name}.o"));
        object(workshop, kit, target, name, &format!("{line}{source}"), &out)?;
        objects.push(out);
    }
    for archive in [runtime.join("libclang_rt.builtins.a"), lib.join("libclang_rt.builtins.a")] {
        workshop.archive(&archive, &objects)?;
    }
    object(workshop, kit, target, "crtbegin", CRTBEGIN, &runtime.join("clang_rt.crtbegin.o"))?;
    object(workshop, kit, target, "crtend", "", &runtime.join("clang_rt.crtend.o"))?;
    libraries::unwinder(workshop, kit, target, &lib.join("libunwind.a"))?;
    for (name, script) in SCRIPTS {
        put(&lib, name, script.as_bytes())?;
    }
    put(&lib, "private.map", include_bytes!("../../../toolchains/kit/private.map"))
}

/// Compiles zig's compiler-rt and gives the C library's names in it other ones.
fn builtins(workshop: &Workshop, target: &Target) -> Result<std::path::PathBuf> {
    let what = format!("compiler-rt for `{}`", target.family());
    let object = workshop.path("compiler_rt.o");
    let mut args: Vec<String> = [
        "build-obj",
        "-O",
        "ReleaseFast",
        "-fstrip",
        "-fPIC",
        "-ffunction-sections",
        "-fdata-sections",
        "-fno-stack-check",
    ]
    .map(str::to_owned)
    .to_vec();
    args.extend(machine(target));
    args.push(format!("-femit-bin={}", object.display()));
    args.push(workshop.zig.lib.join("compiler_rt.zig").display().to_string());
    workshop.run(&what, &args)?;
    let data = fs::read(&object).map_err(|error| Error::io("read", &object, &error))?;
    let (data, renamed) = rename(&data, |name| {
        (!name.starts_with('_') || REPLACED.contains(&name)).then(|| format!("__kit_{name}"))
    })?;
    if renamed == 0 {
        return Err(Error::bug("compiler-rt has none of the C library's names: is it compiler-rt?"));
    }
    let renamed = workshop.path("builtins.o");
    fs::write(&renamed, data).map_err(|error| Error::io("write", &renamed, &error))?;
    Ok(renamed)
}

/// Compiles one of our own sources to `out`.
fn object(
    workshop: &Workshop,
    kit: &KitPaths,
    target: &Target,
    name: &str,
    source: &str,
    out: &Path,
) -> Result<()> {
    let source = workshop.write(&format!("{name}.c"), source)?;
    let mut args = vec!["clang".to_owned()];
    args.extend(clang::prefix(target, kit, Language::C));
    args.extend(["-O2", "-g0", "-fPIC", "-fvisibility=hidden", "-c", "-o"].map(str::to_owned));
    args.push(out.display().to_string());
    args.push(source.display().to_string());
    args.extend(clang::tail(target, kit, Language::C));
    workshop.run(name, &args)
}
