//! The drivers for real: the binary called as `cc`, `c++`, `ar`, …, with a real zig behind it.
//!
//! zig is named by `WHEELBUILD_ZIG`; without it the tests that need one print SKIP. Its cache is
//! `WHEELBUILD_TEST_ZIG_CACHE` when given (a first link for a target builds its C library for half a
//! minute), else a folder below the build's own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use wheelbuild::target::Target;
use wheelbuild::toolchain::driver::{
    Call, Compiler, Dialect, DriverConfig, Kind, Probe, SystemCompiler, install, read_log,
};

const WHEELBUILD: &str = env!("CARGO_BIN_EXE_wheelbuild");

fn zig() -> Option<PathBuf> {
    let zig = std::env::var_os("WHEELBUILD_ZIG").map(PathBuf::from).filter(|zig| zig.is_file());
    if zig.is_none() {
        eprintln!("SKIP: WHEELBUILD_ZIG names no zig");
    }
    zig
}

/// A folder with drivers and a source tree.
struct Build {
    folder: tempfile::TempDir,
}

impl Build {
    fn new(target: &str, compiler: Compiler) -> Self {
        Self::with(target, compiler, |_| {})
    }

    fn with(target: &str, compiler: Compiler, change: impl FnOnce(&mut DriverConfig)) -> Self {
        let build = Self { folder: tempfile::tempdir().unwrap() };
        let target: Target = target.parse().unwrap();
        let mut config = DriverConfig::new(target, compiler);
        config.bin = build.path("bin");
        config.log = Some(build.path("log"));
        config.source = Some(build.path("src"));
        config.prefix_maps = vec![(build.path("src").display().to_string(), ".".to_owned())];
        config.zig_cache = Some(
            std::env::var_os("WHEELBUILD_TEST_ZIG_CACHE")
                .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("zig-cache"), PathBuf::from),
        );
        change(&mut config);
        std::fs::create_dir(build.path("src")).unwrap();
        install(&build.path("bin"), Path::new(WHEELBUILD), &config).unwrap();
        build
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A source that is older than the drivers, as those of an sdist are.
    fn write(&self, name: &str, text: &str) {
        let path = self.path("src").join(name);
        std::fs::write(&path, text).unwrap();
        make_old(&path);
    }

    fn run(&self, line: &str) -> Output {
        let mut words = line.split(' ');
        let tool = self.path("bin").join(words.next().unwrap());
        let output = Command::new(tool).args(words).current_dir(self.path("src")).output().unwrap();
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn ok(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {:?}", self.calls().pop());
        String::from_utf8(output.stdout).unwrap()
    }

    fn calls(&self) -> Vec<Call> {
        read_log(&self.path("log")).unwrap()
    }

    fn last(&self) -> Call {
        self.calls().pop().expect("a call was logged")
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path("src").join(name)).unwrap()
    }
}

fn make_old(path: &Path) {
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
}

/// e_machine of a little-endian ELF file.
fn machine(elf: &[u8]) -> u16 {
    assert!(elf.starts_with(b"\x7fELF"), "not an ELF file");
    u16::from_le_bytes([elf[18], elf[19]])
}

fn imports(elf: &[u8]) -> Vec<String> {
    use object::{Object, ObjectSymbol};
    let file = object::File::parse(elf).unwrap();
    file.dynamic_symbols().filter(ObjectSymbol::is_undefined).map(|s| s.name().unwrap().to_owned()).collect()
}

fn exports(elf: &[u8]) -> Vec<String> {
    use object::{Object, ObjectSymbol};
    let file = object::File::parse(elf).unwrap();
    file.dynamic_symbols().filter(|s| !s.is_undefined()).map(|s| s.name().unwrap().to_owned()).collect()
}

const AARCH64: u16 = 183;

fn check_c_and_cxx(build: &Build) {
    build.write("a.c", "#include <stdio.h>\n#include <math.h>\nconst char *f(void) { return __FILE__; }\ndouble g(double x) { return sin(x) + (int)x / 3; }\n");
    build.write("b.cpp", "#include <string>\n#include <vector>\nextern \"C\" int h(int x) { if (x) throw std::string(\"x\"); std::vector<std::string> all(x); all.insert(all.begin(), std::to_string(x)); return all.size(); }\n");
    // As setup.py writes it: host folders, the build machine's processor, gcc's own flags.
    build.ok("cc -fno-strict-overflow -march=native -fno-var-tracking-assignments -I/usr/include -fPIC -c a.c -o a.o");
    let call = build.last();
    assert_eq!((call.kind, call.probe), (Kind::Compile, Probe::No));
    assert!(
        call.dropped.contains(&"-I /usr/include".to_owned())
            && call.dropped.contains(&"-march=native".to_owned())
    );
    assert_eq!(machine(&build.read("a.o")), AARCH64);
    // C++ given to cc, and linked by cc.
    build.ok("cc -fPIC -c b.cpp -o b.o");
    build.ok("cc -shared -L/usr/lib -Wl,-O1 -Wl,-Bsymbolic-functions -Wl,-z,relro a.o b.o -o ext.so");
    let extension = build.read("ext.so");
    assert_eq!(machine(&extension), AARCH64);
    let imports = imports(&extension);
    assert!(imports.iter().any(|name| name == "sin"), "{imports:?}");
    assert!(!imports.iter().any(|name| name.starts_with("_ZNSt")), "libc++ is not inside: {imports:?}");
    let exports = exports(&extension);
    assert!(exports.iter().any(|name| name == "h"), "{exports:?}");
    let runtime = |name: &&String| ["_ZNSt3__1", "_Znw", "_ZdlPv"].iter().any(|of| name.starts_with(of));
    assert_eq!(exports.iter().find(runtime), None, "the C++ runtime is not private");
    assert!(build.last().shared);
    let text = String::from_utf8_lossy(&extension);
    assert!(!text.contains(build.folder.path().to_str().unwrap()), "a path of the build is inside");
    assert!(!text.contains("ubsan"), "the sanitiser's runtime is inside");
}

#[test]
fn zig_cc_compiles_and_links_for_the_target() {
    let Some(zig) = zig() else { return };
    let build = Build::new("aarch64-linux-gnu.2.28", Compiler::ZigCc { zig });
    check_c_and_cxx(&build);
    // meson wants to know the linker, and zig's own answer is none it knows.
    for compiler in ["cc", "build-cc"] {
        assert!(build.ok(&format!("{compiler} -Wl,--version")).contains("LLD"), "{compiler}");
    }
}

/// A kit in the tests' own store, made at first need.
fn kit(zig: &Path, target: &str, cxx: bool) -> Compiler {
    use wheelbuild::toolchain::{Zig, kit};
    let store = std::env::var_os("WHEELBUILD_TEST_KITS")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("kits"), PathBuf::from);
    let target = target.parse().unwrap();
    let paths = kit::ensure(
        &Zig::named(zig).unwrap(),
        &target,
        cxx,
        &store,
        None,
        &wheelbuild::report::Report::silent(),
    )
    .unwrap();
    Compiler::Kit { zig: zig.to_owned(), kit: paths.root }
}

#[test]
fn the_kit_compiles_and_links_for_the_target() {
    let Some(zig) = zig() else { return };
    let build = Build::new("aarch64-linux-gnu.2.28", kit(&zig, "aarch64-linux-gnu.2.28", true));
    check_c_and_cxx(&build);
    assert_eq!(build.last().ran[1], "ld.lld", "an extension's link starts no clang");
    // Sources in a link, and link-time optimisation, go through clang and our ld.lld.
    build.write("conftest.c", "#include <math.h>\nint main(int n, char **v) { return (int)sin(n); }\n");
    build.ok("cc -Wall -Werror -Werror=unused-command-line-argument conftest.c -o conftest");
    build.ok("cc -flto=auto -O2 -shared -fPIC a.c -o lto.so");
    assert_eq!(build.last().ran[1], "clang");
    assert_eq!(machine(&build.read("lto.so")), AARCH64);
    build.ok("cc -c -march=armv8.2-a+sve -Werror -Werror=unused-command-line-argument a.c");
    build.ok("cc -shared -Wl,--exclude-libs,ALL,-Map=a.map,--default-symver a.o -o map.so");
    assert!(build.path("src/a.map").exists());
    build.ok("cc -r a.o b.o -o both.o");
    build.ok("ld -shared a.o -lm -o ld.so");
    assert_eq!(build.ok("cc -dumpmachine"), "aarch64-linux-gnu\n");
    assert!(build.ok("cc -Wl,--version").contains("LLD"));
    assert!(!build.run("cc conftest.c -lgomp -o conftest").status.success());
    let errors =
        wheelbuild::toolchain::diagnosis::causes(&[Call { probe: Probe::No, ..build.last() }], "", |_| None);
    assert!(errors[0].headline().contains("`gomp`"), "{errors:?}");
}

#[test]
fn a_first_cxx_link_asks_for_the_runtime() {
    let Some(zig) = zig() else { return };
    // A floor of its own, whose family other tests do not give a C++ runtime.
    let build = Build::new("s390x-linux-gnu.2.28", kit(&zig, "s390x-linux-gnu.2.28", false));
    build.write("a.c", "int f(void) { return 1; }\n");
    build.write("b.cpp", "#include <string>\nstd::string g() { return \"g\"; }\n");
    build.ok("cc -fPIC -c a.c -o a.o");
    build.ok("cc -shared a.o -o a.so");
    build.ok("c++ -fPIC -c b.cpp -o b.o");
    assert!(!wheelbuild::toolchain::driver::needs_cxx_runtime(&build.calls()));
    assert!(!build.run("c++ -shared b.o -o b.so").status.success());
    assert!(wheelbuild::toolchain::driver::needs_cxx_runtime(&build.calls()));
}

/// The wrappers of hermetic toolchains: two lines that call zig.
#[test]
fn a_users_wrapper_compiles_and_links_for_the_target() {
    let Some(zig) = zig() else { return };
    let folder = tempfile::tempdir().unwrap();
    let wrapper = |name: &str, tool: &str| {
        let path = folder.path().join(name);
        let text =
            format!("#!/bin/sh\nexec {} {tool} -target aarch64-linux-gnu.2.28 \"$@\"\n", zig.display());
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        vec![path.display().to_string()]
    };
    let system = SystemCompiler::detect(wrapper("cc", "cc"), wrapper("c++", "c++")).unwrap();
    assert_eq!(system.dialect, Dialect::Zig);
    check_c_and_cxx(&Build::new("aarch64-linux-gnu.2.28", Compiler::System(system)));
}

#[test]
fn probes_hear_the_truth_and_sources_are_built() {
    let Some(zig) = zig() else { return };
    let build = Build::new("aarch64-linux-gnu.2.28", Compiler::ZigCc { zig });
    build.write("a.c", "int f(int x) { return x; }\n");
    build.write("conftest.c", "int main(void) { return 0; }\n");
    // gcc for aarch64 has no -mavx2: a probe must hear so, or the package includes immintrin.h.
    assert!(!build.run("cc -mavx2 -c conftest.c").status.success());
    assert_eq!(build.last().probe, Probe::Sure);
    assert!(build.last().stderr[0].contains("unrecognized command-line option `-mavx2`"));
    build.ok("cc -mavx2 -c a.c");
    assert!(
        build
            .run("cc -c -Werror=unused-command-line-argument -march=armv8.2-a+dotprod conftest.c")
            .status
            .success()
    );
    // The C library at the floor decides what is there.
    build.write("conftest.c", "char memfd_create(); int main(void) { return memfd_create(); }\n");
    build.ok("cc conftest.c -o conftest");
    build.write("conftest.c", "char strlcpy(); int main(void) { return strlcpy(); }\n");
    assert!(!build.run("cc conftest.c -o conftest").status.success());
    assert!(!build.run("cc -c nowhere.c").status.success());
}

#[test]
fn outputs_nobody_keeps_do_not_replace_devices() {
    let Some(zig) = zig() else { return };
    let build = Build::new("aarch64-linux-gnu.2.28", Compiler::ZigCc { zig });
    build.write("a.c", "int f(int x) { return x; }\n");
    build.write("bad.c", "int f(int x) { return y; }\n");
    build.ok("cc -c a.c -o /dev/null");
    build.ok("cc -fsyntax-only a.c");
    assert!(!build.run("cc -fsyntax-only bad.c").status.success());
    use std::os::unix::fs::FileTypeExt;
    assert!(std::fs::symlink_metadata("/dev/null").unwrap().file_type().is_char_device());
    assert!(!build.path("src/a.o").exists());
}

#[test]
fn every_way_of_calling_a_compiler_works() {
    let Some(zig) = zig() else { return };
    let build = Build::new("aarch64-linux-gnu.2.28", Compiler::ZigCc { zig });
    build.write("a.c", "#include <string.h>\nint f(const char *x) { return strlen(x); }\n");
    build.write("b.c", "int g(void) { return 1; }\n");
    build.write("args.rsp", "-c \"a.c\"\n-o 'from rsp.o'\n");
    assert_eq!(build.ok("cc -dumpmachine"), "aarch64-linux-gnu\n");
    assert_eq!(build.ok("gcc -print-multiarch"), "aarch64-linux-gnu\n");
    assert!(build.ok("cc --version").contains("clang version"));
    assert!(build.ok("cc -dumpversion").trim().split('.').all(|part| part.parse::<u32>().is_ok()));
    let version = build.run("cc -v");
    assert!(version.status.success() && String::from_utf8_lossy(&version.stderr).contains("aarch64"));
    assert!(build.ok("cc -E a.c").contains("strlen"));
    assert!(build.ok("cpp a.c").contains("strlen"));
    assert!(build.ok("cc -E -dM -x c /dev/null").contains("__aarch64__"));
    build.ok("cc @args.rsp");
    assert_eq!(machine(&build.read("from rsp.o")), AARCH64);
    build.ok("cc -MD -MF a.d -c a.c -o a.o");
    assert!(String::from_utf8(build.read("a.d")).unwrap().contains("a.c"));
    build.ok("cc -c b.c");
    build.ok("cc -S a.c -o a.s");
    build.ok("as a.s -o from_as.o");
    build.ok("cc -r a.o b.o -o both.o");
    build.ok("ld -r a.o b.o -o ld.o");
    build.ok("ld -shared -z text a.o -o ld.so");
    for name in ["both.o", "ld.o", "ld.so", "from_as.o"] {
        assert_eq!(machine(&build.read(name)), AARCH64, "{name}");
    }
    build.ok("ar rcU lib.a a.o b.o");
    let first = build.read("lib.a");
    std::fs::remove_file(build.path("src/lib.a")).unwrap();
    make_old(&build.path("src/a.o"));
    build.ok("ar rcU lib.a a.o b.o");
    build.ok("ranlib lib.a");
    assert_eq!(build.read("lib.a"), first, "the archive holds a time");
    let names = build.ok("nm -B -p a.o");
    assert!(names.contains(" T f\n") && names.contains(" U strlen\n"), "{names}");
    assert!(build.ok("nm -P lib.a").contains("g T 0"));
    build.ok("cc -shared a.o -o a.so");
    build.ok("strip --strip-unneeded a.so");
    assert!(build.ok("nm -D a.so").contains(" T f\n"));
    // Standard input as a source.
    let mut child = Command::new(build.path("bin/cc"))
        .args(["-x", "c", "-c", "-", "-o", "stdin.o"])
        .current_dir(build.path("src"))
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"int z;").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(machine(&build.read("stdin.o")), AARCH64);
}

#[test]
fn programs_of_the_build_run_on_it() {
    let Some(zig) = zig() else { return };
    let build = Build::new("aarch64-linux-gnu.2.28", Compiler::ZigCc { zig });
    build.write("gen.c", "#include <stdio.h>\nint main(void) { puts(\"made here\"); return 0; }\n");
    build.ok("build-cc gen.c -o gen");
    let output = Command::new(build.path("src/gen")).output().unwrap();
    assert_eq!(output.stdout, b"made here\n");
    assert_eq!(build.last().target, "build");
}

/// Nothing here needs zig: a script stands for the compiler and shows what reaches it.
fn recorder(script: &str) -> (tempfile::TempDir, Compiler) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compiler");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let words = || vec![path.display().to_string()];
    let compiler = Compiler::System(SystemCompiler {
        cc: words(),
        cxx: words(),
        ar: words(),
        ranlib: words(),
        ld: words(),
        link: vec![],
        dialect: Dialect::Gcc,
    });
    (folder, compiler)
}

#[test]
fn the_end_of_the_real_tool_is_the_drivers_end() {
    let (_folder, compiler) = recorder(
        "echo bad news >&2; case $* in *segv*) kill -SEGV $$;; *term*) kill -TERM $$;; esac; exit 3",
    );
    let build = Build::new("aarch64-linux", compiler);
    let output = build.run("cc -c a.c");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stderr, b"bad news\n");
    assert_eq!((build.last().code, build.last().stderr), (3, vec!["bad news".to_owned()]));
    for (source, signal) in [("segv.c", 11), ("term.c", 15)] {
        let output = build.run(&format!("cc -c {source}"));
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(signal));
        assert_eq!(build.last().code, 128 + signal);
    }
}

#[test]
fn drivers_are_found_by_path_and_never_find_themselves() {
    let (folder, _) = recorder("echo \"real cc: $*\"");
    std::fs::rename(folder.path().join("compiler"), folder.path().join("cc")).unwrap();
    let word = || vec!["cc".to_owned()];
    let compiler = Compiler::System(SystemCompiler {
        cc: word(),
        cxx: word(),
        ar: word(),
        ranlib: word(),
        ld: word(),
        link: vec![],
        dialect: Dialect::Gcc,
    });
    let build = Build::new("aarch64-linux", compiler);
    let path = format!("{}:{}:/usr/bin:/bin", build.path("bin").display(), folder.path().display());
    let output = Command::new("sh")
        .args(["-c", "cc -c a.c -I/usr/include"])
        .env("PATH", path)
        .current_dir(build.path("src"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("real cc: -c a.c ") && !text.contains("/usr/include"), "{text}");
}

#[test]
fn folders_of_the_build_machine_do_not_come_by_variables() {
    let (_folder, compiler) =
        recorder("echo \"CPATH=$CPATH LIBRARY_PATH=$LIBRARY_PATH EPOCH=$SOURCE_DATE_EPOCH\"");
    let build = Build::with("aarch64-linux", compiler, |config| config.source_date_epoch = Some(77));
    let output = Command::new(build.path("bin/cc"))
        .args(["-c", "a.c"])
        .env("CPATH", "/usr/include:/own")
        .env("LIBRARY_PATH", "/usr/lib")
        .current_dir(build.path("src"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "CPATH=/own LIBRARY_PATH= EPOCH=77\n");
}

#[test]
fn pkg_config_sees_the_targets_libraries_only() {
    let (_folder, compiler) = recorder("exit 0");
    let sysroot = tempfile::tempdir().unwrap();
    let folder = sysroot.path().join("usr/lib/aarch64-linux-gnu/pkgconfig");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("only-there.pc"),
        "Name: x\nDescription: x\nVersion: 7\nCflags: -I/usr/include/only\nLibs: -lonly\n",
    )
    .unwrap();
    let host = tempfile::tempdir().unwrap();
    std::fs::write(host.path().join("host.pc"), "Name: h\nDescription: h\nVersion: 1\nLibs: -lh\n").unwrap();
    let build = Build::with("aarch64-linux", compiler, |config| {
        config.sysroots = vec![sysroot.path().to_owned()];
        config.hide = vec![host.path().to_owned()];
    });
    let flags = build.ok("pkg-config --cflags only-there");
    assert_eq!(flags.trim(), format!("-I{}/usr/include/only", sysroot.path().display()));
    let output = Command::new(build.path("bin/pkg-config"))
        .args(["--exists", "host"])
        .env("PKG_CONFIG_PATH", host.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
}

#[test]
fn a_static_archive_brings_what_it_needs_and_exports_nothing() {
    let (_folder, compiler) = recorder("for arg in \"$@\"; do echo \"$arg\"; done");
    let build = Build::with("aarch64-linux", compiler, |config| {
        config.archives.needs.insert("pq".into(), vec!["pgport".into(), "ssl".into()]);
        config.archives.files = vec!["libpq.a".into(), "libssl.a".into()];
    });
    for link in ["cc -shared a.o -lpq", "cc -shared a.o /x/libpq.a", "cc -shared a.o -l:libpq.a"] {
        let words = build.ok(link);
        let words: Vec<&str> = words.lines().collect();
        for word in ["-lpgport", "-lssl", "-Wl,--exclude-libs,libpq.a:libssl.a"] {
            assert!(words.contains(&word), "{link}: {words:?}");
        }
    }
    assert!(!build.ok("cc -shared a.o -lz").contains("-lssl"));
    assert!(!build.ok("cc -c a.c").contains("exclude-libs"));
}

#[test]
fn configuration_programs_of_the_build_machine_are_never_asked() {
    let (_folder, compiler) = recorder("exit 0");
    let build = Build::new("aarch64-linux", compiler);
    let output = build.run("pg_config --version");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("libpq"));
}

#[test]
fn a_damaged_or_missing_configuration_is_an_error() {
    let (_folder, compiler) = recorder("exit 0");
    let build = Build::new("aarch64-linux", compiler);
    std::fs::write(build.path("bin/driver.toml"), "mode = 1").unwrap();
    let output = build.run("cc -c a.c");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("cc: error: "));
    std::fs::remove_file(build.path("bin/driver.toml")).unwrap();
    assert!(!build.run("cc -c a.c").status.success());
}
