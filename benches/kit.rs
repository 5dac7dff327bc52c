//! The runtime kit against plain `zig cc`, in CPU seconds of all processes: `scripts/bench kit`.
//!
//! `WHEELBUILD_ZIG` names the zig. `BENCH_RUNS` is how often short steps run (paired, interleaved;
//! medians are printed), `BENCH_COLD=1` also times the cold `zig c++`, which takes two minutes of CPU.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use wheelbuild::report::Report;
use wheelbuild::target::Target;
use wheelbuild::toolchain::Zig;
use wheelbuild::toolchain::clang::{self, Language, Link, Output};
use wheelbuild::toolchain::kit::{self, KitPaths, Part};

const TARGET: &str = "aarch64-linux-gnu.2.17";
const SECOND_FLOOR: &str = "aarch64-linux-gnu.2.28";

/// Short steps in one measurement: the system counts CPU in hundredths of a second.
const BATCH: usize = 5;

/// What one piece of work took.
#[derive(Clone, Copy)]
struct Cost {
    cpu: f64,
    wall: f64,
}

fn measure(work: impl FnOnce()) -> Cost {
    let (cpu, start) = (cpu_seconds(), Instant::now());
    work();
    Cost { cpu: cpu_seconds() - cpu, wall: start.elapsed().as_secs_f64() }
}

/// CPU of this process and of every child it waited for, and of theirs, in hundredths (USER_HZ).
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    // proc_pid_stat(5): fields 14 to 17 are utime, stime, cutime, cstime; the name before them, field 2,
    // stands in parentheses.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    fields[11..15].iter().map(|field| field.parse::<f64>().unwrap_or(0.0)).sum::<f64>() / 100.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn row(what: &str, goal: &str, here: String, plain: String) {
    println!("| {what:<44} | {goal:<22} | {here:<22} | {plain:<26} |");
}

struct Bench {
    zig: Zig,
    target: Target,
    scratch: PathBuf,
}

impl Bench {
    fn run<S: AsRef<OsStr>>(&self, args: &[S], cache: &Path) {
        let output = Command::new(&self.zig.program)
            .args(args)
            .env_clear()
            .env("ZIG_GLOBAL_CACHE_DIR", cache)
            .env("ZIG_LOCAL_CACHE_DIR", cache)
            .output()
            .expect("zig starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn path(&self, name: &str) -> String {
        self.scratch.join(name).display().to_string()
    }

    /// `zig clang -c` against the kit.
    fn compile(&self, kit: &KitPaths, source: &str, object: &str, macro_: &str) {
        let language = if source.ends_with(".cpp") { Language::Cxx } else { Language::C };
        let mut args = vec!["clang".to_owned()];
        args.extend(clang::prefix(&self.target, kit, language));
        args.extend(
            ["-O2", "-fPIC", "-std=c++20", macro_, "-c", "-o"]
                .iter()
                .filter(|arg| language == Language::Cxx || !arg.starts_with("-std"))
                .map(|arg| (*arg).to_owned()),
        );
        args.push(self.path(object));
        args.push(fixture(source));
        args.extend(clang::tail(&self.target, kit, language));
        self.run(&args, &self.scratch.join("unused"));
    }

    /// `zig ld.lld -shared` against the kit.
    fn link(&self, kit: &KitPaths, language: Language, object: &str) {
        let inputs = ["-o".to_owned(), self.path("out.so"), self.path(object)];
        let mut args = vec!["ld.lld".to_owned()];
        args.extend(clang::lld(
            &self.target,
            kit,
            &Link {
                output: Output::Shared,
                language,
                start_files: true,
                default_libraries: true,
                own_version_script: false,
                inputs: &inputs,
            },
        ));
        self.run(&args, &self.scratch.join("unused"));
    }

    fn plain(&self, tool: &str, args: &[&str], cache: &Path) {
        let triple = self.target.zig_triple();
        let mut line = vec![tool, "-target", &triple, "-O2", "-fPIC", "-fno-sanitize=undefined"];
        line.extend(args);
        self.run(&line, cache);
    }
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/kit/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn main() {
    let Some(program) = std::env::var_os("WHEELBUILD_ZIG") else {
        println!("SKIP: WHEELBUILD_ZIG names no zig");
        return;
    };
    let runs: usize = std::env::var("BENCH_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(9);
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let bench = Bench {
        zig: Zig::named(Path::new(&program)).expect("a zig"),
        target: TARGET.parse().expect("a target"),
        scratch: scratch.path().to_owned(),
    };
    println!(
        "zig {}, {TARGET}, {runs} paired runs of short steps; CPU is user + system of all processes",
        bench.zig.version
    );
    row("", "goal", "kit".to_owned(), "plain zig".to_owned());
    row("---", "---", "---".to_owned(), "---".to_owned());
    let kit = first_builds(&bench);
    short_steps(&bench, &kit, runs);
    shared_kit(&bench, &kit);
}

/// From nothing to a linked extension.
fn first_builds(bench: &Bench) -> KitPaths {
    let quiet = Report::silent();
    let make = |store: &str, source: &str, language: Language| {
        let mut made = None;
        let store = bench.scratch.join(store);
        fs::create_dir_all(&store).expect("a store");
        let cost = measure(|| {
            let kit = kit::ensure(&bench.zig, &bench.target, language == Language::Cxx, &store, None, &quiet)
                .expect("a kit");
            bench.compile(&kit, source, "first.o", "-DFIRST");
            bench.link(&kit, language, "first.o");
            made = Some(kit);
        });
        (cost, made.expect("made above"))
    };
    let (c, _) = make("c", "extension.c", Language::C);
    let cold = measure(|| {
        bench.plain(
            "cc",
            &["-shared", &fixture("extension.c"), "-o", &bench.path("cold.so")],
            &bench.scratch.join("cold-c"),
        );
    });
    row(
        "first C build for a new target",
        "<= 12 s CPU",
        format!("{:.1} s CPU", c.cpu),
        format!("{:.1} s CPU", cold.cpu),
    );
    let (cxx, kit) = make("cxx", "extension.cpp", Language::Cxx);
    let plain = if std::env::var_os("BENCH_COLD").is_some() {
        let cold = measure(|| {
            let out = bench.path("cold.so");
            bench.plain(
                "c++",
                &["-std=c++20", "-shared", &fixture("extension.cpp"), "-o", &out],
                &bench.scratch.join("cold-cxx"),
            );
        });
        format!("{:.1} s CPU, {:.1} s wall", cold.cpu, cold.wall)
    } else {
        "not run (BENCH_COLD=1)".to_owned()
    };
    row(
        "first C++ build for a new target",
        "<= 45 s CPU, 30 s wall",
        format!("{:.1} s CPU, {:.1} s wall", cxx.cpu, cxx.wall),
        plain,
    );
    let second: Target = SECOND_FLOOR.parse().expect("a target");
    let floor = measure(|| {
        kit::ensure(&bench.zig, &second, true, &bench.scratch.join("cxx"), None, &quiet).expect("a kit");
    });
    row(
        "second glibc floor of the same architecture",
        "<= 2 s CPU",
        format!("{:.2} s CPU", floor.cpu),
        "all again".to_owned(),
    );
    kit
}

/// Compiling and linking a small extension, one with the kit and one with `zig cc`, by turns.
fn short_steps(bench: &Bench, kit: &KitPaths, runs: usize) {
    let warm = bench.scratch.join("warm");
    bench.plain("cc", &["-shared", &fixture("extension.c"), "-o", &bench.path("warm.so")], &warm);
    let (mut ours, mut theirs, mut our_links, mut their_links) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs {
        let source = fixture("extension.c");
        // Another macro each time, so that zig's cache has neither object nor link.
        let names: Vec<(String, String)> =
            (0..BATCH).map(|step| (format!("-DRUN={}", run * BATCH + step), format!("{step}.o"))).collect();
        let batch = |work: &dyn Fn(&str, &str)| {
            measure(|| names.iter().for_each(|(macro_, object)| work(macro_, object))).cpu
        };
        ours.push(batch(&|macro_, object| bench.compile(kit, "extension.c", object, macro_)));
        theirs.push(batch(&|macro_, object| {
            let object = bench.path(&format!("plain{object}"));
            bench.plain("cc", &[macro_, "-c", &source, "-o", &object], &warm);
        }));
        our_links.push(batch(&|_, object| bench.link(kit, Language::C, object)));
        their_links.push(batch(&|_, object| {
            let (object, out) = (bench.path(&format!("plain{object}")), bench.path("plain.so"));
            bench.plain("cc", &["-shared", &object, "-o", &out], &warm);
        }));
    }
    let milliseconds = |values: Vec<f64>| 1000.0 / BATCH as f64 * median(values);
    let (ours, theirs) = (milliseconds(ours), milliseconds(theirs));
    row(
        "compile, small file",
        "<= zig cc's cache miss",
        format!("{ours:.0} ms CPU ({:.2})", ours / theirs),
        format!("{theirs:.0} ms CPU"),
    );
    let (ours, theirs) = (milliseconds(our_links), milliseconds(their_links));
    row(
        "link",
        "<= 0.5 of zig cc",
        format!("{ours:.0} ms CPU ({:.2})", ours / theirs),
        format!("{theirs:.0} ms CPU"),
    );
}

/// A kit that comes from a shared cache, every file of it checked.
fn shared_kit(bench: &Bench, kit: &KitPaths) {
    let parts = Part::needed(&bench.target, true);
    let archive = |part: &Part| bench.scratch.join(part.name());
    for part in &parts {
        kit.pack(*part, &archive(part)).expect("packed");
    }
    let size: u64 = parts.iter().map(|part| fs::metadata(archive(part)).expect("packed above").len()).sum();
    let walls = (0..3).map(|run| {
        let copy = KitPaths::new(bench.scratch.join(format!("copy{run}")));
        measure(|| parts.iter().for_each(|part| copy.unpack(*part, &archive(part)).expect("unpacked"))).wall
    });
    let wall = median(walls.collect());
    row(
        "shared kit from a cache, unpack and verify",
        "<= 1 s",
        format!("{wall:.2} s wall"),
        format!("{:.1} MB packed", size as f64 / 1e6),
    );
}
