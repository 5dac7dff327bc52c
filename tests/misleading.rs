//! Sdists that would give a wrong wheel, or none, without a word that says why.

mod common;

use common::source::{Source, c_module, setup_py};
use common::{Ran, Room, TARGET, member, members};

/// Builds `source` in `room`. What fails leaves no wheel.
fn build(room: &Room, source: &Source, target: &str, more: &[&str]) -> Ran {
    common::cache_with_tools();
    let ran = room.build(&source.sdist(room), target).args(more).ran();
    assert_eq!(ran.code == Some(0), !room.names("out").is_empty(), "{ran}");
    ran
}

/// Writes `#define MADE 7`, if it runs.
const GENERATOR: &str = "#include <stdio.h>\n\
    int main(int n, char **v) { FILE *f = fopen(v[1], \"w\"); return fprintf(f, \"#define MADE 7\\n\") < 0; }\n";

/// meson asks the build machine's compiler which linker it has, and takes one it does not know for none.
#[test]
fn a_program_that_meson_makes_for_the_build_machine_runs() {
    let room = Room::new();
    let source = Source::new("generated")
        .file(
            "pyproject.toml",
            "[build-system]\nrequires = ['meson-python']\nbuild-backend = 'mesonpy'\n\
             [project]\nname = 'generated'\nversion = '1.0'\n",
        )
        .file(
            "meson.build",
            "project('generated', 'c')\ngenerator = executable('gen', 'gen.c', native: true)\n\
             made = custom_target(output: 'made.h', command: [generator, '@OUTPUT@'])\n\
             import('python').find_installation(pure: false).extension_module(\n\
             'generated', 'generated.c', made, install: true)\n",
        )
        .file("gen.c", GENERATOR)
        .file("generated.c", c_module("generated", "#include \"made.h\"\n", "MADE"));
    let wheel = build(&room, &source, TARGET, &[]).succeeded().wheel(&room);
    assert!(members(&wheel).iter().any(|name| name.ends_with("-aarch64-linux-gnu.so")));
}

/// The rule goes on when the program does not run, and a header without the value compiles.
#[test]
fn a_program_of_the_target_whose_failure_is_ignored() {
    let source = Source::new("ignored")
        .file(
            "pyproject.toml",
            "[build-system]\nrequires = ['scikit-build-core']\nbuild-backend = 'scikit_build_core.build'\n\
             [project]\nname = 'ignored'\nversion = '1.0'\n",
        )
        .file(
            "CMakeLists.txt",
            "cmake_minimum_required(VERSION 3.15)\nproject(ignored C)\n\
             find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)\n\
             add_executable(gen gen.c)\n\
             add_custom_command(OUTPUT made.h COMMAND gen made.h || true\n\
             COMMAND ${CMAKE_COMMAND} -E touch made.h DEPENDS gen)\n\
             Python_add_library(ignored MODULE ignored.c made.h WITH_SOABI)\n\
             target_include_directories(ignored PRIVATE ${CMAKE_BINARY_DIR})\n\
             install(TARGETS ignored DESTINATION .)\n",
        )
        .file("gen.c", GENERATOR)
        .file(
            "ignored.c",
            c_module("ignored", "#include \"made.h\"\n#ifndef MADE\n#define MADE 0\n#endif\n", "MADE"),
        );
    let room = Room::new();
    build(&room, &source, TARGET, &[]).failed(1, "WB0408").says("`gen`").hints("build-cc");
}

/// A module, `setup` as setup.py, and the C source of an extension that compiles.
fn package(name: &str, setup: &str) -> Source {
    let extension = format!("_{name}");
    Source::with_setup(name, setup)
        .file(&format!("{name}.py"), "answer = 42\n")
        .file(&format!("{extension}.c"), c_module(&extension, "", "1"))
}

/// setup.py that has the extension `_NAME` if the Python expression `condition` holds.
fn setup_if(name: &str, condition: &str) -> String {
    let extensions = format!("[Extension('_{name}', ['_{name}.c'])] if {condition} else []");
    format!(
        "import os, pathlib, subprocess\n{}",
        setup_py(name, &format!("py_modules=[{name:?}], ext_modules={extensions}"))
    )
}

#[track_caller]
fn lost(source: &Source, says: &str) {
    let room = Room::new();
    build(&room, source, TARGET, &[]).failed(1, "WB0406").says(says).hints("--allow-pure");
    build(&room, source, TARGET, &["--allow-pure"]).succeeded();
}

/// What scripts look for under /usr/include is the target's: the C library's headers are there, those of a
/// library that nobody has are not, and the extension is not dropped in silence.
#[test]
fn headers_are_looked_for_where_the_target_has_them() {
    for ask in ["os.path.exists({})", "os.path.isfile({})", "pathlib.Path({}).exists()"] {
        let there = ask.replace("{}", "'/usr/include/sys/epoll.h'");
        let room = Room::new();
        let wheel = build(&room, &package("epoll", &setup_if("epoll", &there)), TARGET, &[]).succeeded();
        assert!(wheel.stdout.contains("aarch64"), "{ask}: {wheel}");
    }
    // Some read the kernel's, to generate sources from them.
    let read = "'EPOLLIN' in open('/usr/include/linux/eventpoll.h').read()";
    let room = Room::new();
    let wheel = build(&room, &package("reads", &setup_if("reads", read)), TARGET, &[]).succeeded();
    assert!(wheel.stdout.contains("aarch64"), "{wheel}");
    let condition = "os.path.exists('/usr/include/x86_64-linux-gnu/no_such_library.h')";
    lost(&package("looks", &setup_if("looks", condition)), "looked for the header `no_such_library.h`");
}

/// A probe of the package's own, outside of its tree, that only it knows to be one.
#[test]
fn libraries_are_looked_for_by_compiling_a_probe() {
    let probe = |source: &str, link: &str| {
        format!(
            "(open('/tmp/probe.c', 'w').write({source:?}), \
             not subprocess.call(['cc', '-shared', '-fPIC', '/tmp/probe.c', '-o', '/tmp/probe.so'{link}]))[1]"
        )
    };
    let header = probe("#include <nosuch/version.h>\n", "");
    lost(&package("includes", &setup_if("includes", &header)), "looked for the header `nosuch/version.h`");
    let library = probe("int f(void);\nint g(void) { return f(); }\n", ", '-lnosuch'");
    lost(&package("links", &setup_if("links", &library)), "looked for the library `nosuch`");
    let there = probe("#include <stdlib.h>\n", "");
    let room = Room::new();
    let wheel = build(&room, &package("finds", &setup_if("finds", &there)), TARGET, &[]).succeeded();
    assert!(wheel.stdout.contains("aarch64"), "{wheel}");
}

#[test]
fn modules_of_pkg_config_are_looked_for_in_vain() {
    let condition = "not subprocess.call(['pkg-config', '--exists', 'no_such_library'])";
    lost(&package("asks", &setup_if("asks", condition)), "`no_such_library` of pkg-config");
}

/// Scripts try an import and go on without.
#[test]
fn what_extensions_are_made_with_is_missing() {
    for module in ["numpy", "cffi"] {
        let setup = format!(
            "try:\n    import {module}\n    there = True\nexcept ImportError:\n    there = False\n{}",
            setup_if("tries", "there")
        );
        lost(&package("tries", &setup), &format!("--build-requires {module}"));
    }
}

/// scikit-build-core builds without CMake when told to, as its `if.failed` does.
#[test]
fn a_build_system_that_gave_up() {
    let setup = "import subprocess, sys\nfrom setuptools import setup\n\
        print('CMake Error at CMakeLists.txt:3 (message):\\n  no\\n', flush=True)\n\
        setup(name='without', version='1.0', py_modules=['without'])\n";
    lost(&package("without", setup), "its build went on after this: CMake stops: no");
}

/// A compiler called by its path is the build machine's.
#[test]
fn a_compiler_of_the_build_machine() {
    if !std::path::Path::new("/usr/bin/gcc").exists() {
        return common::skip("no /usr/bin/gcc");
    }
    let setup = format!(
        "import os\nos.environ['CC'] = '/usr/bin/gcc'\n{}",
        setup_py("foreign", "ext_modules=[Extension('foreign', ['foreign.c'])]")
    );
    let source = Source::c("foreign", 1).file("setup.py", setup);
    let room = Room::new();
    let ran = build(&room, &source, TARGET, &[]).failed(1, "WB0403");
    ran.says("a compiler of the build machine").says("CC and CXX").hints("`cc`");
}

/// Backends write 0.0.0 when nothing tells them a version.
#[test]
fn a_version_that_nobody_said() {
    let setup = "from setuptools import setup\nsetup(name='unsaid', py_modules=['unsaid'])\n";
    let source = Source::with_setup("unsaid", setup).file("unsaid.py", "answer = 42\n").without("PKG-INFO");
    let room = Room::new();
    build(&room, &source, TARGET, &[]).failed(4, "WB0506").says("`1.0`").hints("PRETEND_VERSION=1.0");
    // A folder has no name that would say another.
    let ran = room.build(&source.folder(&room, "unsaid-src"), TARGET).ran().succeeded();
    assert!(ran.stdout.contains("unsaid-0.0.0-"), "{ran}");
}

/// No compiler can be asked to leave it out.
#[test]
fn a_script_that_writes_down_the_time() {
    let setup = "import time\nopen('timed.py', 'w').write('built = %d\\n' % time.time())\n\
        from setuptools import setup\nsetup(name='timed', version='1.0', py_modules=['timed'])\n";
    let room = Room::new();
    let ran = build(&room, &Source::with_setup("timed", setup), TARGET, &["--no-cache"]).succeeded();
    ran.says("`timed.py` holds the time of this build");
}

/// Its suffix and its tag are the project's word; that it was compiled for one version no symbol tells.
#[test]
fn an_extension_of_the_stable_abi_that_is_none() {
    let setup = |more: &str| {
        setup_py(
            "stable",
            &format!(
                "ext_modules=[Extension('stable', ['stable.c'], py_limited_api=True{more})], \
                 options={{'bdist_wheel': {{'py_limited_api': 'cp39'}}}}"
            ),
        )
    };
    let source = |more: &str, head: &str| {
        Source::with_setup("stable", &setup(more))
            .file("stable.c", format!("{head}{}", c_module("stable", "", "1")))
    };
    let room = Room::new();
    build(&room, &source("", ""), TARGET, &[]).failed(4, "WB0505").says("`stable.c`").hints("Py_LIMITED_API");
    for (more, head) in [
        (", define_macros=[('Py_LIMITED_API', '0x03090000')]", ""),
        ("", "#define Py_LIMITED_API 0x03090000\n"),
    ] {
        let ran = build(&Room::new(), &source(more, head), TARGET, &[]).succeeded();
        assert!(ran.stdout.contains("-cp39-abi3-manylinux"), "{ran}");
    }
}

/// What setuptools left in the folder that was packed: an old module, and an extension that looks newer than
/// its source.
#[test]
fn what_an_earlier_build_left_in_the_sdist() {
    let room = Room::new();
    let source = Source::c("packed", 1)
        .file(
            "setup.py",
            setup_py("packed", "py_modules=['own'], ext_modules=[Extension('packed', ['packed.c'])]"),
        )
        .file("own.py", "answer = 42\n")
        .file("build/lib/gone.py", "answer = 41\n")
        .file("build/lib.linux-aarch64-cpython-311/packed.cpython-311-aarch64-linux-gnu.so", "an old one");
    let wheel = build(&room, &source, TARGET, &[]).succeeded().wheel(&room);
    let names = members(&wheel);
    assert!(!names.iter().any(|name| name == "gone.py"), "{names:?}");
    let extension = names.iter().find(|name| name.ends_with(".so")).unwrap();
    assert!(member(&wheel, extension).starts_with(b"\x7fELF"));
}

/// Scripts take `-mavx2` when the machine at hand has it; what the wheel runs on may have less.
#[test]
fn the_build_machine_s_processor_is_not_seen() {
    let setup = "text = open('/proc/cpuinfo').read()\nopen('seen.py', 'w').write('text = %r\\n' % text)\n\
        from setuptools import setup\nsetup(name='seen', version='1.0', py_modules=['seen'])\n";
    for (target, has) in [("x86_64-linux", "fxsr sse sse2"), (TARGET, "fp asimd")] {
        let room = Room::new();
        let ran = build(&room, &Source::with_setup("seen", setup), target, &[]).succeeded();
        if ran.stderr.contains("less than namespaces") {
            return common::skip("there are no namespaces to hide it in");
        }
        let seen = String::from_utf8(member(&ran.wheel(&room), "seen.py")).unwrap();
        assert!(seen.contains(has) && seen.contains("processor\\t: 0") && !seen.contains("avx"), "{seen}");
    }
}

/// Without PKG-INFO only METADATA says it.
#[test]
fn a_wheel_for_another_python_is_none() {
    let setup = setup_py("other", "py_modules=['other'], python_requires='<3.9'");
    let source = Source::with_setup("other", &setup).file("other.py", "answer = 42\n").without("PKG-INFO");
    let room = Room::new();
    let ran = build(&room, &source, TARGET, &[]).failed(4, "WB0508");
    ran.says("it requires Python <3.9").hints("--python");
}

/// Whether an extension was lost is decided by that log.
#[test]
fn a_log_of_compiler_calls_that_the_build_wrote_to() {
    let setup = "import os, shutil\nfrom setuptools import setup, Extension\n\
        folder = os.path.join(os.path.dirname(os.path.dirname(shutil.which('cc'))), 'log')\n\
        open(os.path.join(folder, 'calls.jsonl'), 'a').write('{\"tool\": \"cc')\n\
        setup(name='scribbler', version='1.0', ext_modules=[Extension('scribbler', ['scribbler.c'])])\n";
    let source = Source::with_setup("scribbler", setup).file("scribbler.c", c_module("scribbler", "", "1"));
    let room = Room::new();
    let ran = build(&room, &source, TARGET, &[]).failed(1, "WB0401");
    assert!(ran.stderr.contains("damaged the log of its compiler calls"), "{ran}");
}

/// A build takes long: what it could not leave anywhere is not begun.
#[test]
fn an_output_folder_that_cannot_be_is_refused_before_the_build() {
    common::cache_with_tools();
    let room = Room::new();
    let sdist = Source::with_setup("nowhere", "raise SystemExit('begun')\n").sdist(&room);
    std::fs::write(room.join("out"), "a file").unwrap();
    let ran = room.build(&sdist, TARGET).ran().failed(6, "WB0701");
    assert!(ran.stderr.contains("output folder") && !ran.stderr.contains("begun"), "{ran}");
}

/// The package goes on without its extension where the program is not there; the index has it.
#[test]
fn a_program_that_the_build_calls_and_does_not_require() {
    // Where builds see programs.
    let folders = ["/usr/local/bin", "/usr/bin", "/bin"];
    if folders.iter().any(|folder| std::path::Path::new(folder).join("patchelf").exists()) {
        println!("SKIP a_program_that_the_build_calls_and_does_not_require: this machine has patchelf");
        return;
    }
    let setup = "import subprocess\nfrom setuptools import setup, Extension\n\
        try:\n    subprocess.check_call(['patchelf', '--version'])\n    modules = [Extension('called', ['called.c'])]\n\
        except OSError as error:\n    print('no extension:', error)\n    modules = []\n\
        setup(name='called', version='1.0', py_modules=['pure'], ext_modules=modules)\n";
    let source = Source::with_setup("called", setup)
        .file("called.c", c_module("called", "", "1"))
        .file("pure.py", "try:\n    import called\nexcept ImportError:\n    called = None\n");
    let room = Room::new();
    let ran = build(&room, &source, TARGET, &[]).succeeded();
    assert!(members(&ran.wheel(&room)).iter().any(|name| name.ends_with("-aarch64-linux-gnu.so")), "{ran}");
    let names = room.names("out");
    let provenance = names.iter().find(|name| name.ends_with(".intoto.json")).unwrap();
    let provenance = std::fs::read_to_string(room.join("out").join(provenance)).unwrap();
    assert!(provenance.contains("patchelf"), "{provenance}");
}

/// Setup scripts turn what Python says of itself into macros. A wrong one compiles.
#[test]
fn byte_order_and_word_size_are_the_targets() {
    let head = "#if defined SAYS_BIG != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)\n#error order\n#endif\n\
        _Static_assert(sizeof(void *) == SAYS_WORD && sizeof(long) == SAYS_CTYPES, \"word\");\n";
    let setup = "import ctypes, struct, sys\nfrom setuptools import setup, Extension\n\
        macros = [('SAYS_WORD', str(struct.calcsize('P'))), ('SAYS_CTYPES', str(ctypes.sizeof(ctypes.c_long)))]\n\
        if sys.byteorder == 'big':\n    macros.append(('SAYS_BIG', '1'))\n\
        setup(name='says', version='1.0', ext_modules=[Extension('says', ['says.c'], define_macros=macros)])\n";
    for target in ["s390x-linux", "armv7-linux", TARGET] {
        let room = Room::new();
        let source = Source::with_setup("says", setup).file("says.c", c_module("says", head, "1"));
        build(&room, &source, target, &[]).succeeded();
    }
}
