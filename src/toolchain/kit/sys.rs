//! The part `sys/<target>`: start objects and stubs of the C library at one floor.
//!
//! zig makes them on its way to a program: `zig build-exe` leaves them in its cache, from where they
//! are taken by their names. The stubs export what the C library has at the floor, with its symbol
//! versions, and nothing later.

use std::fs;
use std::path::{Path, PathBuf};

use object::read::archive::ArchiveFile;
use walkdir::WalkDir;

use super::soname::without_soname;
use super::workshop::Workshop;
use crate::report::{Code, Error, Result};
use crate::target::{Libc, Target};

/// Libraries of glibc by their link name: the stub's file name, which is its soname but for the loader.
const GLIBC_LIBRARIES: &[(&str, &str)] = &[
    ("m", "libm.so.6"),
    ("pthread", "libpthread.so.0"),
    ("dl", "libdl.so.2"),
    ("rt", "librt.so.1"),
    ("util", "libutil.so.1"),
    ("resolv", "libresolv.so.2"),
];

/// What code may name with `-l` although musl has it in libc itself; musl installs empty archives too.
const MUSL_EMPTY: &[&str] = &["m", "pthread", "dl", "rt", "util", "resolv", "crypt", "xnet"];

/// An archive without members.
const EMPTY_ARCHIVE: &str = "!<arch>\n";

/// Fills `folder`, the sysroot of `target`.
pub(super) fn make(workshop: &Workshop, target: &Target, folder: &Path) -> Result<()> {
    let lib = folder.join("usr/lib");
    fs::create_dir_all(&lib).map_err(|error| Error::io("make", &lib, &error))?;
    let what = format!("the C library stubs for `{target}`");
    let source = workshop.write("program.c", "int main(void) { return 0; }\n")?;
    for pie in ["-fno-PIE", "-fPIE"] {
        let mut args: Vec<String> =
            ["build-exe", "-lc", "-dynamic", "-fno-compiler-rt", "-fstrip", "-O", "ReleaseSmall", pie]
                .map(str::to_owned)
                .to_vec();
        args.extend(machine(target));
        args.push(format!("-femit-bin={}", workshop.path("program").display()));
        args.push(source.display().to_string());
        workshop.run(&what, &args)?;
    }
    let found = Found::in_cache(&workshop.path("cache"))?;
    for name in ["crt1.o", "Scrt1.o"] {
        put(&lib, name, &found.one(name, &what)?)?;
    }
    // Initialisation goes through .init_array, so these have nothing to do.
    let nothing = workshop.path("nothing.o");
    compile_nothing(workshop, target, &nothing)?;
    for name in ["crti.o", "crtn.o"] {
        put(&lib, name, &read(&nothing)?)?;
    }
    match target.libc {
        Libc::Gnu { .. } => glibc(workshop, &found, &what, &lib),
        Libc::Musl => {
            let name = &target.arch.musl_soname;
            put(&lib, name, &without_soname(&found.one("libc.so", &what)?)?)?;
            // By `-l`, so that the file's name without its folder becomes the one that is needed.
            put(&lib, "libc.so", format!("INPUT(-l:{name})\n").as_bytes())?;
            for name in MUSL_EMPTY {
                put(&lib, &format!("lib{name}.a"), EMPTY_ARCHIVE.as_bytes())?;
            }
            Ok(())
        }
    }
}

/// zig's spelling of the machine and C library.
pub(super) fn machine(target: &Target) -> Vec<String> {
    let mut args = vec!["-target".to_owned(), target.zig_triple()];
    if let Some(cpu) = &target.arch.zig_cpu {
        args.push(format!("-mcpu={cpu}"));
    }
    args
}

fn glibc(workshop: &Workshop, found: &Found, what: &str, lib: &Path) -> Result<()> {
    put(lib, "libc.so.6", &found.one("libc.so.6", what)?)?;
    put(lib, "libloader.so", &found.one("libld.so.2", what)?)?;
    nonshared(workshop, &found.one("libc_nonshared.a", what)?, &lib.join("libc_nonshared.a"))?;
    put(lib, "libc.so", b"GROUP(libc.so.6 libc_nonshared.a AS_NEEDED(libloader.so))\n")?;
    for (name, file) in GLIBC_LIBRARIES {
        match found.any(file)? {
            Some(stub) => {
                put(lib, file, &stub)?;
                put(lib, &format!("lib{name}.so"), format!("INPUT({file})\n").as_bytes())?;
            }
            // Part of libc.so.6 since 2.34, where glibc installs an empty archive.
            None => put(lib, &format!("lib{name}.a"), EMPTY_ARCHIVE.as_bytes())?,
        }
    }
    Ok(())
}

/// Writes the members of zig's archive anew: their names are paths of its cache.
fn nonshared(workshop: &Workshop, archive: &[u8], out: &Path) -> Result<()> {
    let folder = workshop.path("nonshared");
    fs::create_dir_all(&folder).map_err(|error| Error::io("make", &folder, &error))?;
    let broken = |error: object::Error| {
        Error::new(Code::RuntimeKit, "zig's `libc_nonshared.a` cannot be read").cause(error.to_string())
    };
    let mut objects = Vec::new();
    for member in ArchiveFile::parse(archive).map_err(broken)?.members() {
        let member = member.map_err(broken)?;
        let name = String::from_utf8_lossy(member.name());
        let path = folder.join(name.rsplit('/').next().unwrap_or_default());
        fs::write(&path, member.data(archive).map_err(broken)?)
            .map_err(|error| Error::io("write", &path, &error))?;
        objects.push(path);
    }
    workshop.archive(out, &objects)
}

fn compile_nothing(workshop: &Workshop, target: &Target, out: &Path) -> Result<()> {
    let source = workshop.write("nothing.c", "")?;
    let mut args = vec![
        "clang".to_owned(),
        "--no-default-config".to_owned(),
        format!("--target={}", target.clang_triple()),
    ];
    args.extend(target.arch.clang_flags.iter().cloned());
    args.extend(["-c", "-o"].map(str::to_owned));
    args.push(out.display().to_string());
    args.push(source.display().to_string());
    workshop.run("an empty object", &args)
}

/// Files of zig's cache.
struct Found(Vec<PathBuf>);

impl Found {
    fn in_cache(cache: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for entry in WalkDir::new(cache) {
            let entry = entry.map_err(|error| {
                Error::new(Code::RuntimeKit, "zig's cache cannot be read").cause(error.to_string())
            })?;
            if entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
        Ok(Self(files))
    }

    /// The file called `name`. Of several, which zig makes from each other and which serve alike,
    /// always the same one: the smallest, then the first in the order of its bytes.
    fn any(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let mut contents = Vec::new();
        for path in self.0.iter().filter(|path| path.file_name().is_some_and(|file| file == name)) {
            contents.push(read(path)?);
        }
        Ok(contents.into_iter().min_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b))))
    }

    fn one(&self, name: &str, what: &str) -> Result<Vec<u8>> {
        self.any(name)?.ok_or_else(|| {
            Error::new(Code::RuntimeKit, format!("{what} cannot be made"))
                .cause(format!("this zig left no `{name}` in its cache"))
                .hint("build with plain zig instead: `--cc zig-cc`")
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::io("read", path, &error))
}

/// Writes a file of the part.
pub(super) fn put(folder: &Path, name: &str, content: &[u8]) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, content).map_err(|error| Error::io("write", &path, &error))
}
