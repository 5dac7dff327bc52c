//! Packages that go on without their extension when it cannot be built: none of them gets a wheel
//! by any of the ways they go on.

mod common;

use common::source::{REQUIRES, Source, setup_py};
use common::{Ran, Room, TARGET};

const BROKEN: &str = "#include <Python.h>\n#include <no_such_library.h>\nint x = 1;\n";

fn build(source: &Source, more: &[&str]) -> Ran {
    let room = Room::new();
    common::cache_with_tools();
    let ran = room.build(&source.sdist(&room), TARGET).args(more).ran();
    assert_eq!(ran.code == Some(0), !room.names("out").is_empty(), "{ran}");
    ran
}

/// A module, and `setup` as setup.py; the extension's source does not compile.
fn package(name: &str, setup: &str) -> Source {
    Source::with_setup(name, setup)
        .file(&format!("{name}.py"), "answer = 42\n")
        .file(&format!("_{name}.c"), BROKEN)
}

#[track_caller]
fn refused(source: &Source) -> Ran {
    let ran = build(source, &[]).failed(1, "WB0406").hints("--allow-pure");
    build(source, &["--allow-pure"]).succeeded();
    ran
}

#[test]
fn an_extension_that_is_optional() {
    let setup = setup_py(
        "optional",
        "py_modules=['optional'], ext_modules=[Extension('_optional', ['_optional.c'], optional=True)]",
    );
    refused(&package("optional", &setup)).says("_optional").says("no_such_library.h");
}

#[test]
fn an_error_that_is_caught_and_a_second_try_without() {
    let setup = "from setuptools import Extension, setup\n\
        def run(extensions):\n    setup(name='caught', version='1.0', py_modules=['caught'], ext_modules=extensions)\n\
        try:\n    run([Extension('_caught', ['_caught.c'])])\n\
        except (Exception, SystemExit):\n    run([])\n";
    refused(&package("caught", setup)).says("_caught");
}

/// As SQLAlchemy and others did it for years.
#[test]
fn a_build_ext_that_swallows_errors() {
    let setup = "from setuptools import Extension, setup\n\
        from setuptools.command.build_ext import build_ext\n\
        class Quiet(build_ext):\n\
        \x20   def run(self):\n        try:\n            super().run()\n        except Exception:\n            self.extensions = []\n\
        \x20   def build_extension(self, ext):\n        try:\n            super().build_extension(ext)\n        except Exception:\n            pass\n\
        setup(name='quiet', version='1.0', py_modules=['quiet'], cmdclass={'build_ext': Quiet},\n\
        \x20     ext_modules=[Extension('_quiet', ['_quiet.c'])])\n";
    refused(&package("quiet", setup)).says("_quiet");
}

/// The compiler is never called.
#[test]
fn a_build_ext_that_does_nothing() {
    let setup = "from setuptools import Extension, setup\n\
        from setuptools.command.build_ext import build_ext\n\
        class Idle(build_ext):\n    def run(self):\n        self.distribution.ext_modules = []\n\
        setup(name='idle', version='1.0', py_modules=['idle'], cmdclass={'build_ext': Idle},\n\
        \x20     ext_modules=[Extension('_idle', ['_idle.c'])])\n";
    refused(&package("idle", setup)).says("_idle");
}

/// Its own call of the compiler, whose failure it does not look at.
/// As pillow does it, whose modules for image formats are there when the format's library is.
#[test]
fn a_feature_that_the_package_leaves_out_is_told() {
    let setup = "from setuptools import Extension, setup\n\
        from setuptools.command.build_ext import build_ext\n\
        class Chosen(build_ext):\n    def run(self):\n\
        \x20       self.extensions[:] = [e for e in self.extensions if e.name != '_extra']\n        super().run()\n\
        setup(name='extra', version='1.0', py_modules=['extra'], cmdclass={'build_ext': Chosen},\n\
        \x20     ext_modules=[Extension('_fine', ['_fine.c']), Extension('_extra', ['_extra.c'])])\n";
    let fine = "#include <Python.h>\nstatic struct PyModuleDef m = {PyModuleDef_HEAD_INIT, \"_fine\"};\n\
        PyMODINIT_FUNC PyInit__fine(void) { return PyModule_Create(&m); }\n";
    let ran = build(&package("extra", setup).file("_fine.c", fine), &[]).succeeded();
    assert!(ran.stderr.contains("left out `_extra`"), "{ran}");
    // With nothing else compiled it is a loss.
    let alone = setup.replace("Extension('_fine', ['_fine.c']), ", "");
    refused(&package("extra", &alone)).says("_extra");
}

#[test]
fn a_compiler_that_is_called_by_hand() {
    let setup = "import os, subprocess\nfrom setuptools import setup\n\
        subprocess.call(os.environ.get('CC', 'cc') + ' -c _byhand.c -o _byhand.o', shell=True)\n\
        setup(name='byhand', version='1.0', py_modules=['byhand'])\n";
    refused(&package("byhand", setup)).says("_byhand.c");
}

/// As PyYAML asks whether libyaml is there.
#[test]
fn a_question_that_was_answered_with_no() {
    let setup = "import os, subprocess\nfrom setuptools import Extension, setup\n\
        open('check.c', 'w').write('#include <no_such_library.h>\\nint main(void) { return 0; }\\n')\n\
        there = subprocess.call(os.environ.get('CC', 'cc') + ' check.c -o check', shell=True) == 0\n\
        setup(name='asks', version='1.0', py_modules=['asks'],\n\
        \x20     ext_modules=[Extension('_asks', ['_asks.c'])] if there else [])\n";
    refused(&package("asks", setup)).says("check.c");
}

/// What was linked is left where it is.
#[test]
fn an_extension_that_is_built_and_not_packed() {
    let setup = "import os, subprocess\nfrom setuptools import setup\n\
        subprocess.check_call(os.environ.get('CC', 'cc') + ' -shared -fPIC good.c -o _unpacked.so', shell=True)\n\
        setup(name='unpacked', version='1.0', py_modules=['unpacked'])\n";
    let source = package("unpacked", setup).file("good.c", "int good(void) { return 1; }\n");
    refused(&source).says("_unpacked.so` was linked, and is not in the wheel");
}

#[test]
fn cython_that_is_not_there() {
    let setup = "from setuptools import setup\n\
        try:\n    from Cython.Build import cythonize\n    extensions = cythonize(['_fast.pyx'])\n\
        except ImportError:\n    extensions = []\n\
        setup(name='uncythonised', version='1.0', py_modules=['uncythonised'], ext_modules=extensions)\n";
    let source = package("uncythonised", setup).file("_fast.pyx", "def f(): return 1\n");
    refused(&source).says("--build-requires Cython").says("_fast.pyx");
}

/// What has nothing to lose is left alone: no extension, no source of one, and a platform's tag
/// asked for by an extension without sources.
#[test]
fn pure_packages_stay_pure() {
    build(&Source::pure("nothinglost"), &[]).succeeded();
    let setup = "from setuptools import setup\n\
        try:\n    import Cython\nexcept ImportError:\n    pass\n\
        setup(name='nopyx', version='1.0', py_modules=['nopyx'])\n";
    build(&Source::with_setup("nopyx", setup).file("nopyx.py", "answer = 42\n"), &[]).succeeded();
    build(&Source::c("allthere", 1).requires(&[REQUIRES]), &[]).succeeded();
}
