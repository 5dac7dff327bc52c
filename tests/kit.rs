//! Runtime kits with a real zig: every machine and C library is compiled for, linked for in both
//! ways, judged, and run where there is a runtime. `scripts/kit-check` sets this up.
//!
//! | variable | holds |
//! |---|---|
//! | `WHEELBUILD_ZIG` | the zig program; without it every test is skipped |
//! | `KIT_CHECK_ROOTS` | folder of roots made by `scripts/pyroot … none`; without one nothing is run |
//! | `KIT_CHECK_STORE` | where kits are kept between runs |

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use wheelbuild::elf::{ElfFile, Symbols as _};
use wheelbuild::report::{Code, Report};
use wheelbuild::target::{Libc, Target};
use wheelbuild::toolchain::Zig;
use wheelbuild::toolchain::clang::{self, Language, Link};
use wheelbuild::toolchain::kit::{self, KitPaths, Part};

/// What a test works with; None, and said so, without a zig.
fn zig() -> Option<Zig> {
    let Some(path) = std::env::var_os("WHEELBUILD_ZIG") else {
        println!("SKIP: WHEELBUILD_ZIG names no zig (scripts/kit-check does)");
        return None;
    };
    Some(Zig::named(Path::new(&path)).unwrap_or_else(|error| panic!("{error}")))
}

fn store() -> PathBuf {
    let folder = std::env::var_os("KIT_CHECK_STORE")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("kits"), PathBuf::from);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/kit/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A target with its kit and a folder to work in.
struct Bench {
    zig: Zig,
    target: Target,
    kit: KitPaths,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(zig: &Zig, spelling: &str) -> Self {
        let target: Target = spelling.parse().unwrap();
        let kit = kit::ensure(zig, &target, true, &store(), None, &Report::silent())
            .unwrap_or_else(|error| panic!("{target}: {error}\n{}", error.lines().join("\n")));
        let folder = tempfile::tempdir().unwrap();
        let linker = format!("#!/bin/sh\nexec '{}' ld.lld \"$@\"\n", zig.program.display());
        let path = folder.path().join("ld.lld");
        fs::write(&path, linker).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(path, mode).unwrap();
        Self { zig: zig.clone(), target, kit, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn tool(&self, tool: &str, args: &[String]) -> Output {
        Command::new(&self.zig.program).arg(tool).args(args).env_clear().output().unwrap()
    }

    fn expect(&self, tool: &str, args: &[String]) {
        let output = self.tool(tool, args);
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{}: {tool} {}\n{}",
            self.target,
            args.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// The driver's command line; the language is told by the source's suffix.
    fn driver(&self, args: &[&str]) -> Vec<String> {
        let language = if args.iter().any(|arg| arg.ends_with(".cpp")) { Language::Cxx } else { Language::C };
        let mut line = clang::prefix(&self.target, &self.kit, language);
        line.extend(args.iter().map(|arg| (*arg).to_owned()));
        line.extend(clang::tail(&self.target, &self.kit, language));
        line
    }

    fn compile(&self, source: &str, object: &str, extra: &[&str]) {
        // An unused argument of ours must not be an error: meson's probes ask for that.
        let mut args = vec!["-Werror=unused-command-line-argument", "-O2", "-fPIC", "-Wall", "-Werror"];
        args.extend(extra);
        let (source, object) = (fixture(source), self.path(object));
        args.extend(["-c", &source, "-o", &object]);
        self.expect("clang", &self.driver(&args));
    }

    /// Compiles and links with one call of the driver.
    fn link_by_driver(&self, sources: &[&str], out: &str, extra: &[&str]) -> Output {
        let mut args = vec!["-O2"];
        args.extend(extra);
        let sources: Vec<String> = sources.iter().map(|name| fixture(name)).collect();
        args.extend(sources.iter().map(String::as_str));
        let out = self.path(out);
        args.extend(["-o", &out]);
        let mut line = self.driver(&args);
        line.extend(clang::linker(&self.folder.path().join("ld.lld")));
        line.extend(clang::link_tail(&self.target, &self.kit, false));
        self.tool("clang", &line)
    }

    /// Links objects with lld alone.
    fn link(&self, output: clang::Output, language: Language, inputs: &[&str], out: &str) {
        let mut args = vec!["-o".to_owned(), self.path(out)];
        args.extend(
            inputs
                .iter()
                .map(|input| if input.starts_with('-') { (*input).to_owned() } else { self.path(input) }),
        );
        let link = Link {
            output,
            language,
            start_files: true,
            default_libraries: true,
            own_version_script: false,
            inputs: &args,
        };
        self.expect("ld.lld", &clang::lld(&self.target, &self.kit, &link));
    }

    /// The starter of a root with this target's C library, if that library starts at all.
    fn runtime(&self) -> Option<PathBuf> {
        let roots = std::env::var_os("KIT_CHECK_ROOTS").map(PathBuf::from)?;
        let ending = format!("-{}-none", self.target.arch.debian);
        let folder = match self.target.libc {
            Libc::Musl => "lib",
            Libc::Gnu { .. } => self.target.arch.loader_folder.trim_start_matches('/'),
        };
        fs::read_dir(roots).ok()?.flatten().find_map(|entry| {
            let (root, name) = (entry.path(), entry.file_name());
            let loader = root.join(folder).join(self.target.loader());
            let run = root.join("run");
            // An emulator older than the library's machine kills the loader itself with a signal.
            let starts =
                || Command::new(&run).arg(&loader).arg("--version").output().unwrap().status.code().is_some();
            (name.to_string_lossy().ends_with(&ending) && loader.exists() && starts()).then_some(run)
        })
    }

    /// Runs a program of the target; None, and said so, where there is no runtime.
    fn run(&self, args: &[&str]) -> Option<(i32, String)> {
        let Some(start) = self.runtime() else {
            println!("SKIP: no runtime for {}: linked and judged only", self.target);
            return None;
        };
        let paths: Vec<String> = args.iter().map(|name| self.path(name)).collect();
        let output = Command::new(start).args(paths).output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Some((output.status.code().unwrap_or(-1), text))
    }

    fn expect_run(&self, args: &[&str], lines: &[&str]) {
        if let Some((status, text)) = self.run(args) {
            assert_eq!(
                (status, text.lines().collect::<Vec<_>>()),
                (0, lines.to_vec()),
                "{} {args:?}",
                self.target
            );
        }
    }

    /// What the wheel's judge asks, from the stubs' side: everything undefined is in the C library at
    /// its floor, with its version, and the C++ runtime is private.
    fn judge(&self, file: &str) {
        let data = fs::read(self.folder.path().join(file)).unwrap();
        let elf = ElfFile::parse(&data).unwrap();
        let who = format!("{} {file}", self.target);
        assert_eq!(elf.arch(), Some(self.target.arch), "{who}");
        let libc = kit::libc_symbols(&self.kit, &self.target).unwrap();
        for import in &elf.imports {
            let provided = libc.versions(import.name);
            if import.weak && import.version.is_none() {
                continue;
            }
            let provided = provided.unwrap_or_else(|| panic!("{who}: nobody has `{}`", import.name));
            match &import.version {
                Some(version) => assert!(
                    provided.iter().any(|known| *known == version.name),
                    "{who}: `{}` asks for {}, there is {provided:?}",
                    import.name,
                    version.name
                ),
                None => assert!(self.target.libc == Libc::Musl, "{who}: `{}` has no version", import.name),
            }
        }
        for name in
            elf.exports.iter().map(|export| export.name).chain(elf.imports.iter().map(|import| import.name))
        {
            assert!(
                !name.starts_with("_ZNSt3__1") && !name.starts_with("_ZTINSt3__1"),
                "{who}: `{name}` leaks"
            );
            assert!(
                !name.starts_with("_Zn") && !name.starts_with("_Zd") || name.starts_with("_ZdlPvS"),
                "{who}: `{name}` leaks"
            );
            assert!(
                !name.starts_with("_Unwind") && !name.starts_with("__cxa_throw"),
                "{who}: `{name}` leaks"
            );
        }
        // Also what the runtime has in assembler, such as Arm's `__cxa_end_cleanup`.
        for export in elf.exports.iter().filter(|_| file.ends_with(".so")) {
            assert!(
                !["__cxa_", "__unw_", "__gxx_", "__aeabi_"]
                    .iter()
                    .any(|prefix| export.name.starts_with(prefix)),
                "{who}: exports `{}`",
                export.name
            );
        }
        let glibc = ["libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so", "ld-linux", "ld64.so"];
        let musl = [self.target.arch.musl_soname.as_str()];
        let allowed = if self.target.libc == Libc::Musl { &musl[..] } else { &glibc[..] };
        for library in &elf.needed {
            assert!(allowed.iter().any(|known| library.starts_with(known)), "{who} needs {library}");
        }
    }
}

/// Everything one target must do.
fn check(spelling: &str) {
    let Some(zig) = zig() else { return };
    let bench = Bench::new(&zig, spelling);
    bench.compile("extension.c", "c.o", &[]);
    bench.compile("extension.cpp", "cxx.o", &["-std=c++20"]);
    bench.compile("program.c", "program.o", &[]);
    bench.compile("program.cpp", "program-cxx.o", &[]);

    bench.link(clang::Output::Shared, Language::C, &["c.o"], "c.so");
    bench.link(clang::Output::Shared, Language::Cxx, &["-s", "cxx.o"], "cxx.so");
    bench.link(clang::Output::Pie, Language::C, &["program.o"], "program");
    bench.link(clang::Output::Pie, Language::Cxx, &["program-cxx.o"], "program-cxx");
    for (sources, out, extra) in [
        ("extension.c", "c-driver.so", &["-shared", "-fPIC"][..]),
        ("extension.cpp", "cxx-driver.so", &["-shared", "-fPIC", "-std=c++20"]),
        ("program.cpp", "program-cxx-driver", &[]),
        ("machine.c", "machine", &["-lm"]),
        ("program.c", "program-fixed", &["-no-pie", "-fno-pie"]),
    ] {
        let output = bench.link_by_driver(&[sources], out, extra);
        assert!(output.status.success(), "{spelling} {out}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for file in [
        "c.so",
        "cxx.so",
        "c-driver.so",
        "cxx-driver.so",
        "program",
        "program-cxx",
        "program-cxx-driver",
        "program-fixed",
        "machine",
    ] {
        bench.judge(file);
    }
    compiler_runtime_leaves_libc_alone(&bench);

    // musl never unloads: its destructors run at the program's end.
    let unloads = bench.target.libc != Libc::Musl;
    let (c, cxx) = ("C destructor", "C++ destructor of a static object of some length");
    for program in ["program", "program-fixed"] {
        for library in ["c.so", "c-driver.so"] {
            let lines = if unloads { ["result 0", c, "unloaded"] } else { ["result 0", "unloaded", c] };
            bench.expect_run(&[program, library], &lines);
        }
        for library in ["cxx.so", "cxx-driver.so"] {
            let end = if unloads { [cxx, "unloaded"] } else { ["unloaded", cxx] };
            bench.expect_run(&[program, library], &["C++ runs", "result 0", end[0], end[1]]);
        }
    }
    for program in ["program-cxx", "program-cxx-driver"] {
        bench.expect_run(&[program], &["caught thrown", "left"]);
    }
    bench.expect_run(&["machine"], &["0 failures"]);
    println!("{spelling}: ok");
}

/// A builtin of compiler-rt in the link must not bring zig's own `memcpy` with it.
fn compiler_runtime_leaves_libc_alone(bench: &Bench) {
    for library in ["c.so", "c-driver.so"] {
        let data = fs::read(bench.folder.path().join(library)).unwrap();
        let elf = ElfFile::parse(&data).unwrap();
        for name in ["memcpy", "sin", "strtod"] {
            // s390x copies any number of bytes by instructions.
            if name == "memcpy" && bench.target.arch.machine == "s390x" {
                continue;
            }
            assert!(
                elf.imports.iter().any(|import| import.name == name),
                "{} {library}: `{name}` is no import",
                bench.target
            );
        }
        assert!(!elf.imports.iter().any(|import| import.name.starts_with("__udivti3")));
    }
}

macro_rules! targets {
    ($($name:ident = $spelling:literal;)*) => { $(#[test] fn $name() { check($spelling); })* };
}

targets! {
    x86_64_gnu = "x86_64-linux-gnu.2.17";
    aarch64_gnu = "aarch64-linux-gnu.2.17";
    i686_gnu = "i686-linux-gnu.2.17";
    armv7l_gnu = "armv7l-linux-gnu.2.17";
    ppc64le_gnu = "ppc64le-linux-gnu.2.19";
    s390x_gnu = "s390x-linux-gnu.2.17";
    riscv64_gnu = "riscv64-linux-gnu.2.27";
    loongarch64_gnu = "loongarch64-linux-gnu.2.36";
    x86_64_gnu_2_28 = "x86_64-linux-gnu.2.28";
    aarch64_gnu_2_34 = "aarch64-linux-gnu.2.34";
    x86_64_musl = "x86_64-linux-musl";
    aarch64_musl = "aarch64-linux-musl";
    i686_musl = "i686-linux-musl";
    armv7l_musl = "armv7l-linux-musl";
    ppc64le_musl = "ppc64le-linux-musl";
    s390x_musl = "s390x-linux-musl";
    riscv64_musl = "riscv64-linux-musl";
    loongarch64_musl = "loongarch64-linux-musl";
}

#[test]
fn a_function_newer_than_the_floor_does_not_link() {
    let Some(zig) = zig() else { return };
    let old = Bench::new(&zig, "x86_64-linux-gnu.2.17");
    let output = old.link_by_driver(&["too_new.c"], "too-new", &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("undefined symbol: strlcpy"), "{said}");
    let new = Bench::new(&zig, "x86_64-linux-gnu.2.38");
    let output = new.link_by_driver(&["too_new.c"], "too-new", &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A kit in another place, which came there as archives, makes the same bytes.
#[test]
fn a_kit_moves_and_is_verified() {
    let Some(zig) = zig() else { return };
    let mut bench = Bench::new(&zig, "aarch64-linux-gnu.2.17");
    let bytes = |bench: &Bench| {
        bench.compile("extension.cpp", "cxx.o", &["-std=c++20"]);
        bench.link(clang::Output::Shared, Language::Cxx, &["cxx.o"], "cxx.so");
        fs::read(bench.folder.path().join("cxx.so")).unwrap()
    };
    let here = bytes(&bench);
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = KitPaths::new(elsewhere.path().join("another/place"));
    for part in Part::needed(&bench.target, true) {
        let archive = elsewhere.path().join(part.name());
        bench.kit.pack(part, &archive).unwrap();
        moved.unpack(part, &archive).unwrap();
        moved.check(part).unwrap();
        let again = elsewhere.path().join("again");
        moved.pack(part, &again).unwrap();
        assert_eq!(
            fs::read(&archive).unwrap(),
            fs::read(&again).unwrap(),
            "{} packs differently",
            part.name()
        );
    }
    bench.kit = moved.clone();
    assert!(bytes(&bench) == here, "another place, other bytes");

    // A changed file is found, and an archive with one is refused.
    let part = Part::Base(bench.target);
    let map = moved.private_symbols(&bench.target);
    fs::write(&map, "changed").unwrap();
    let error = moved.check(part).unwrap_err();
    assert_eq!(error.code(), Code::CacheEntry);
    assert!(error.to_string().contains("was changed"), "{error}");
    assert_eq!(moved.pack(part, &elsewhere.path().join("bad")).unwrap_err().code(), Code::CacheEntry);
    let third = KitPaths::new(elsewhere.path().join("third"));
    let sys = elsewhere.path().join(Part::Sys(bench.target).name());
    assert!(third.unpack(part, &sys).is_ok(), "a list that fits its files is what it is");
    let mut cut = fs::read(&sys).unwrap();
    cut.truncate(cut.len() / 2);
    fs::write(&sys, cut).unwrap();
    let fourth = KitPaths::new(elsewhere.path().join("fourth"));
    assert!(fourth.unpack(part, &sys).is_err() && !part.is_there(&fourth));
}

/// Several processes that need a kit at once get one.
#[test]
fn threads_that_ask_at_once_share_one_kit() {
    let Some(zig) = zig() else { return };
    let folder = tempfile::tempdir().unwrap();
    let target: Target = "x86_64-linux-musl".parse().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope
                .spawn(|| kit::ensure(&zig, &target, false, folder.path(), None, &Report::silent()).unwrap());
        }
    });
    let root = kit::open(&zig, folder.path()).root;
    for folder in ["", "base", "sys"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name();
            let name = name.to_string_lossy();
            assert!(!name.starts_with(".making") && !name.starts_with(".scratch"), "{name} was left");
        }
    }
}
