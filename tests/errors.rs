//! Builds that must fail: each class provoked for real, with its code, its exit code, the lines that
//! decided it and a hint.

mod common;
#[path = "errors/credentials.rs"]
mod credentials;
#[path = "errors/surroundings.rs"]
mod surroundings;

use common::source::{Source, c_module, setup_py};
use common::{Ran, Room, TARGET};

/// Builds a project that is made to fail.
fn build(source: &Source, more: &[&str]) -> Ran {
    build_for(source, TARGET, more)
}

fn build_for(source: &Source, target: &str, more: &[&str]) -> Ran {
    let room = Room::new();
    common::cache_with_tools();
    let ran = room.build(&source.sdist(&room), target).args(more).ran();
    if ran.code != Some(0) {
        assert_eq!(ran.stdout, "", "a failed build names no wheel\n{ran}");
        assert!(room.names("out").is_empty(), "a failed build leaves {:?}", room.names("out"));
    }
    ran
}

/// An extension with `head` before its function and `answer` as what that returns.
fn c(name: &str, head: &str, answer: &str) -> Source {
    Source::c(name, 1).file(&format!("{name}.c"), c_module(name, head, answer))
}

#[test]
fn what_the_command_line_names_is_there() {
    let room = Room::new();
    let sdist = Source::in_tree("named").sdist(&room);
    for (flags, hint) in [
        (["--build-dep", "none.whl"], "--build-requires"),
        (["--zig", "none"], ""),
        (["--uv", "none"], ""),
        (["--sysroot", "none"], ""),
        (["--sources", "none"], ""),
    ] {
        let ran =
            room.build(&sdist, TARGET).args(flags).arg("--no-cache").ran().failed(2, "WB0106").says("none");
        assert!(hint.is_empty() || ran.stderr.contains(hint), "{ran}");
    }
    room.build(&sdist, TARGET).args(["--memory", "1"]).ran().failed(2, "WB0101").hints("--memory 64MiB");
    room.build(&sdist, TARGET).args(["--disk", "1k"]).ran().failed(2, "WB0101").hints("--disk 1MiB");
    room.build(&room.join("none=="), TARGET).ran().failed(2, "WB0106").hints("NAME==VERSION");
    room.build(&sdist, TARGET).arg("@/dev/zero").ran().failed(2, "WB0106").says("larger than 16 MiB");
}

#[test]
fn release_for_another_python() {
    let info = "Metadata-Version: 2.1\nName: later\nVersion: 1.0\nRequires-Python: >=3.99\n";
    build(&c("later", "", "1").file("PKG-INFO", info), &[])
        .failed(4, "WB0508")
        .says("later 1.0 is not for Python")
        .says("it requires Python >=3.99")
        .hints("--python");
}

#[test]
fn missing_header() {
    build(&c("noheader", "#include <frobnicate.h>", "1"), &[])
        .failed(1, "WB0403")
        .says("building noheader 1.0 for aarch64-linux-gnu.2.28 failed")
        .says("the header `frobnicate.h` is missing")
        .shows("noheader.c:2:10: fatal error: 'frobnicate.h' file not found")
        .hints("--sysroot DIR")
        .says("full log: ");
}

#[test]
fn missing_library() {
    let setup = setup_py("nolib", "ext_modules=[Extension('nolib', ['nolib.c'], libraries=['frobnicate'])]");
    build(&Source::c("nolib", 1).file("setup.py", setup), &[])
        .failed(1, "WB0404")
        .says("the library `frobnicate` is missing")
        .shows("unable to find library -lfrobnicate")
        .hints("--sysroot DIR");
}

#[test]
fn missing_build_requirement() {
    let source = Source::c("noreq", 1).file("setup.py", "import wheelbuild_nonexistent.part\n");
    build(&source, &[])
        .failed(1, "WB0302")
        .says("lack the module `wheelbuild_nonexistent`")
        .hints("--build-requires wheelbuild_nonexistent");
}

#[test]
fn missing_backend() {
    let text = "[build-system]\nrequires = []\nbuild-backend = 'wheelbuild_nonexistent.api'\n";
    build(&Source::pure("nobackend").file("pyproject.toml", text), &[])
        .failed(1, "WB0302")
        .says("lack the module `wheelbuild_nonexistent");
}

#[test]
fn compiler_error() {
    build(&c("wrongc", "static int broken(void) { return 1 }", "broken()"), &[])
        .failed(1, "WB0402")
        .says("`wrongc.c` does not compile")
        .shows("wrongc.c:2:")
        .shows("error: expected ';' after return statement");
}

#[test]
fn backend_error() {
    build(&Source::with_setup("boom", "raise RuntimeError('no luck today')\n"), &[])
        .failed(1, "WB0401")
        .says("the backend raised `RuntimeError`: no luck today")
        .shows("RuntimeError: no luck today");
}

#[test]
fn backend_that_ends_without_an_answer() {
    build(&Source::with_setup("gone", "import os; os._exit(3)\n"), &[])
        .failed(1, "WB0401")
        .says("the backend ended without an answer");
}

#[test]
fn a_program_of_the_target_was_run() {
    // As a configure script would.
    let setup = "import os, subprocess\n\
                 open('probe.c', 'w').write('int main(void) { return 0; }')\n\
                 subprocess.check_call([os.environ['CC'], 'probe.c', '-o', 'probe'])\n\
                 subprocess.check_call('./probe', shell=True)\n";
    build_for(&Source::with_setup("ranit", setup), "s390x-linux-gnu.2.28", &[]).failed(1, "WB0408");
}

/// A wheel with a file of the build machine in it: `name` is the file's name in the package.
fn with_host_file(project: &str, name: &str) -> Source {
    let setup = format!(
        "import os, shutil\nfrom setuptools import Distribution, setup\n\
         class Binary(Distribution):\n    def has_ext_modules(self): return True\n\
         os.makedirs('{project}', exist_ok=True)\nopen('{project}/__init__.py', 'w').close()\n\
         shutil.copy('/bin/sh', '{project}/{name}')\n\
         setup(name='{project}', version='1.0', packages=['{project}'], package_data={{'{project}': ['*']}}, distclass=Binary)\n"
    );
    Source::with_setup(project, &setup)
}

#[test]
fn wrong_platform() {
    let name = "tool.cpython-311-aarch64-linux-gnu.so";
    build(&with_host_file("hostfile", name), &["--python", "3.11"])
        .failed(4, "WB0501")
        .says("hostfile/tool.cpython-311-aarch64-linux-gnu.so")
        .says("x86_64");
}

#[test]
fn bare_so_under_a_version_tag() {
    let setup = setup_py(
        "baresuffix",
        "ext_modules=[Extension('baresuffix', ['baresuffix.c'])], cmdclass={'build_ext': Bare}",
    );
    let bare = "from setuptools.command.build_ext import build_ext\n\
                class Bare(build_ext):\n    def get_ext_filename(self, name): return name + '.so'\n";
    build(&Source::c("baresuffix", 1).file("setup.py", format!("{bare}{setup}")), &[])
        .failed(4, "WB0505")
        .says("baresuffix.so");
}

#[test]
fn extension_without_its_init_function() {
    let text = "#include <Python.h>\nPyObject *something(void) { return PyLong_FromLong(1); }\n";
    build(&Source::c("noinit", 1).file("noinit.c", text), &[]).failed(4, "WB0505").says("PyInit_noinit");
}

/// A package that builds without its extension when that does not compile.
fn falls_back(name: &str) -> Source {
    let setup =
        format!("py_modules=['{name}_pure'], ext_modules=[Extension('{name}', ['{name}.c'], optional=True)]");
    c(name, "#error no compiler for you", "1")
        .file("setup.py", setup_py(name, &setup))
        .file(&format!("{name}_pure.py"), "")
}

#[test]
fn lost_optional_extension() {
    build(&falls_back("optional"), &[])
        .failed(1, "WB0406")
        .says("`optional`")
        .shows("no compiler for you")
        .hints("--allow-pure");
}

#[test]
fn lost_extension_is_accepted_with_allow_pure() {
    let room = Room::new();
    common::cache_with_tools();
    let sdist = falls_back("optional").sdist(&room);
    let ran = room.build(&sdist, TARGET).arg("--allow-pure").ran().succeeded();
    assert!(common::members(&ran.wheel(&room)).contains(&"optional_pure.py".to_owned()), "{ran}");
    assert!(!common::members(&ran.wheel(&room)).iter().any(|name| name.ends_with(".so")), "{ran}");
}

#[test]
fn lost_extension_behind_a_caught_error() {
    let catches = "from setuptools.command.build_ext import build_ext\n\
                   class Catches(build_ext):\n    def run(self):\n        try: build_ext.run(self)\n        \
                   except Exception as error: print('going on without:', error)\n";
    let setup = setup_py(
        "caught",
        "py_modules=['caught_pure'], ext_modules=[Extension('caught', ['caught.c'])], cmdclass={'build_ext': Catches}",
    );
    let source = falls_back("caught").file("setup.py", format!("{catches}{setup}"));
    build(&source, &[]).failed(1, "WB0406").hints("--allow-pure");
}

#[test]
fn lost_extension_behind_a_second_setup() {
    // setup() once more, without the extension, when the first one failed: simplejson's way.
    let setup = "import sys\nfrom setuptools import Extension, setup\n\
                 def run(modules): setup(name='twice', version='1.0', py_modules=['twice_pure'], ext_modules=modules)\n\
                 try: run([Extension('twice', ['twice.c'])])\nexcept BaseException: run([])\n";
    build(&falls_back("twice").file("setup.py", setup), &[]).failed(1, "WB0406").hints("--allow-pure");
}

#[test]
fn lost_extension_behind_a_probe() {
    // A package that compiles a small program first and is pure when that fails.
    let setup = "import os, subprocess\nfrom setuptools import Extension, setup\n\
                 works = subprocess.call([os.environ['CC'], '-c', 'probe.c', '-o', 'probe.o']) == 0\n\
                 modules = [Extension('probes', ['probes.c'])] if works else []\n\
                 setup(name='probes', version='1.0', py_modules=['probes_pure'], ext_modules=modules)\n";
    let source = falls_back("probes")
        .file("setup.py", setup)
        .file("probe.c", "#include <nonexistent.h>\nint main(void) { return 0; }\n");
    build(&source, &[]).failed(1, "WB0406").hints("--allow-pure");
}

#[test]
fn undefined_symbol() {
    build(&c("undefined", "int nowhere_at_all(void);", "nowhere_at_all()"), &[])
        .failed(4, "WB0504")
        .says("nowhere_at_all");
}

#[test]
fn too_new_symbol() {
    // glibc has getrandom since 2.25.
    let head = "#include <sys/types.h>\nextern ssize_t getrandom(void *, size_t, unsigned);";
    let source = c("toonew", head, "(long)getrandom(0, 0, 0)");
    build_for(&source, "x86_64-linux-gnu.2.17", &[])
        .failed(4, "WB0502")
        .says("needs `getrandom` (glibc 2.25), above glibc 2.17")
        .hints("--target x86_64-linux-gnu.2.25");
}

#[test]
fn too_new_header() {
    // The header came with the function.
    build_for(
        &c("newheader", "#include <sys/random.h>", "(long)getrandom(0, 0, 0)"),
        "x86_64-linux-gnu.2.17",
        &[],
    )
    .failed(1, "WB0405")
    .says("needs glibc 2.25")
    .hints("--target x86_64-linux-gnu.2.25");
}

#[test]
fn metadata_that_contradicts_the_sdist() {
    let source = Source::pure("liar").file("PKG-INFO", "Metadata-Version: 2.1\nName: liar\nVersion: 2.0\n");
    build(&source, &[]).failed(4, "WB0506").says("1.0").says("2.0");
}

#[test]
fn unresolvable_requirements() {
    build(&Source::pure("unresolvable").requires(&["setuptools>=77", "setuptools<70"]), &[])
        .failed(1, "WB0301")
        .shows("setuptools");
}

#[test]
fn hostile_archive() {
    let room = Room::new();
    for (name, entry) in [("climbs", "../../escaped"), ("absolute", "/tmp/escaped")] {
        let mut tar = Source::pure(name).tar();
        tar.truncate(tar.len() - 1024);
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..entry.len()].copy_from_slice(entry.as_bytes());
        header.set_size(0);
        header.set_mode(0o644);
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(&[0; 1024]);
        let sdist = room.write(&format!("{name}-1.0.tar"), tar);
        room.build(&sdist, TARGET).ran().failed(1, "WB0202").says("escaped");
    }
    assert!(!room.join("escaped").exists());
}

#[test]
fn broken_archive() {
    let room = Room::new();
    let whole = std::fs::read(Source::pure("cut").sdist(&room)).unwrap();
    let sdist = room.write("cut-1.0.tar.gz", &whole[..whole.len() - 20]);
    room.build(&sdist, TARGET).ran().failed(1, "WB0201");
    let sdist = room.write("text-1.0.tar.gz", "not an archive at all\n");
    room.build(&sdist, TARGET).ran().failed(1, "WB0201");
}
