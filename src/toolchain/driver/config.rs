//! What a build tells its drivers, and the file they read it from.
//!
//! [`DriverConfig`] is what a build knows: the target, where its tools lie, what to hide.
//! [`DriverConfig::resolve`] turns it, once, into the [`Driver`] of `driver.toml`: complete command
//! words and the rules that hold for this target, so that a call has nothing left to work out.
//! All paths are those that the build sees, inside its namespaces.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::PRIVATE_SYMBOLS;
use super::rules::{Default_, Dialect, Place, ProbeMarks, Rules, Step, table};
use crate::report::{Code, Error, Result};
use crate::target::{Libc, Target};
use crate::toolchain::clang::{self, Language};
use crate::toolchain::kit::KitPaths;

/// Which compiler stands behind the drivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// zig's clang and lld with the runtime kit in this folder (`--cc zig`).
    Kit { zig: PathBuf, kit: PathBuf },
    /// `zig cc -target …` (`--cc zig-cc`).
    ZigCc { zig: PathBuf },
    /// The user's own (`--cc system`).
    System(SystemCompiler),
}

/// The command words of a user's compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemCompiler {
    pub cc: Vec<String>,
    pub cxx: Vec<String>,
    pub ar: Vec<String>,
    pub ranlib: Vec<String>,
    pub ld: Vec<String>,
    /// Words of every link by `cc` and `cxx`.
    pub link: Vec<String>,
    pub dialect: Dialect,
}

impl SystemCompiler {
    /// The compiler behind `cc` and `cxx`, with the archiver and linker named `ar`, `ranlib` and `ld`.
    /// Its dialect is what `cc --version` says it is: zig, clang or gcc.
    ///
    /// # Errors
    /// `Code::Usage` when `cc` cannot be run.
    pub fn detect(cc: Vec<String>, cxx: Vec<String>) -> Result<Self> {
        let dialect = dialect_of(&cc)?;
        let word = |text: &str| vec![text.to_owned()];
        Ok(Self {
            cc,
            cxx,
            ar: word("ar"),
            ranlib: word("ranlib"),
            ld: word("ld"),
            link: Vec::new(),
            dialect,
        })
    }
}

fn dialect_of(cc: &[String]) -> Result<Dialect> {
    let fail = |cause: String| {
        Error::new(Code::Usage, format!("cannot run the compiler `{}`", cc.join(" "))).cause(cause)
    };
    let (program, args) = cc.split_first().ok_or_else(|| fail("it has no words".to_owned()))?;
    let output = std::process::Command::new(program)
        .args(args)
        .arg("--version")
        .output()
        .map_err(|error| fail(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(if text.contains("zig") || text.contains("linux5.10.0") {
        Dialect::Zig
    } else if text.contains("clang") {
        Dialect::Clang
    } else {
        Dialect::Gcc
    })
}

/// What a build knows and its drivers need.
#[derive(Clone, Debug)]
pub struct DriverConfig {
    pub target: Target,
    pub compiler: Compiler,
    /// Compiler for programs that run during the build: `build-cc` and friends.
    pub build_compiler: Compiler,
    /// The folder of the links, as the build sees it.
    pub bin: PathBuf,
    /// Cache folder for `zig cc`; its own per build, since zig's cache ignores SOURCE_DATE_EPOCH.
    pub zig_cache: Option<PathBuf>,
    /// Folder of the call log.
    pub log: Option<PathBuf>,
    /// The unpacked sdist.
    pub source: Option<PathBuf>,
    /// Path prefixes that results must not hold, and what they become.
    pub prefix_maps: Vec<(String, String)>,
    pub source_date_epoch: Option<u64>,
    /// Trees of target libraries (`usr/include`, `usr/lib/MULTIARCH`, …), searched after the C library's own.
    pub sysroots: Vec<PathBuf>,
    /// Header folders in front of the C library's, behind the package's own.
    pub include: Vec<PathBuf>,
    /// Library folders behind the package's own.
    pub libraries: Vec<PathBuf>,
    /// Folders of the build machine that must not reach the target, besides those of `flags.toml`:
    /// the build interpreter's `include` and `lib`.
    pub hide: Vec<PathBuf>,
    /// Folders below hidden ones that may.
    pub keep: Vec<PathBuf>,
    /// Keep debug information and symbol tables.
    pub debug: bool,
    /// More folders of `.pc` files.
    pub pkg_config: Vec<PathBuf>,
    /// The kit's folder of C library stubs, for a compiler that is not the kit's and calls the library
    /// by another name than wheels do: musl, which zig and musl-gcc call `libc.so`.
    pub libc_stubs: Option<PathBuf>,
    /// What is known of static archives in the sysroots.
    pub archives: Archives,
    /// The interpreter's name, whose `-config` program is asked for: `python3.11`.
    pub python: Option<String>,
    /// Where compilers take turns, as the build sees it: see [`crate::process::Turns`].
    pub turns: Option<PathBuf>,
}

/// What is known of static archives, which cannot say themselves what they need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archives {
    /// A name after `-l` → the names that a link needs besides.
    pub needs: BTreeMap<String, Vec<String>>,
    /// File names: `libpq.a`.
    pub files: Vec<String>,
    /// Names after `-l` of those that need the C++ runtime.
    pub cxx: Vec<String>,
}

impl DriverConfig {
    /// A configuration with nothing but a target and the same compiler for both machines.
    pub fn new(target: Target, compiler: Compiler) -> Self {
        Self {
            target,
            build_compiler: compiler.clone(),
            compiler,
            bin: PathBuf::from("/build/bin"),
            zig_cache: None,
            log: None,
            source: None,
            prefix_maps: Vec::new(),
            source_date_epoch: None,
            sysroots: Vec::new(),
            include: Vec::new(),
            libraries: Vec::new(),
            hide: Vec::new(),
            keep: Vec::new(),
            debug: false,
            pkg_config: Vec::new(),
            libc_stubs: None,
            archives: Archives::default(),
            python: None,
            turns: None,
        }
    }

    /// Everything the drivers do in this build: those for the target, and those for the build machine.
    ///
    /// # Errors
    /// `Code::UnsupportedTarget` when the build machine is none that zig can compile for and
    /// `build_compiler` needs to know it.
    pub fn resolve(&self) -> Result<(Driver, Driver)> {
        let target = self.target;
        let mut toolset = self.toolset(&self.compiler, Some(target))?;
        for folder in &self.include {
            toolset.headers.extend(["-isystem".to_owned(), text(folder)]);
        }
        let multiarch = target.multiarch();
        let mut libraries: Vec<String> = self.libraries.iter().map(|folder| text(folder)).collect();
        let mut pkg_config: Vec<String> = self.pkg_config.iter().map(|folder| text(folder)).collect();
        for root in &self.sysroots {
            for folder in ["usr/include".to_owned(), format!("usr/include/{multiarch}")] {
                toolset.headers.extend(["-idirafter".to_owned(), text(&root.join(folder))]);
            }
            for folder in ["usr/lib", "lib"] {
                libraries.push(text(&root.join(folder).join(&multiarch)));
                libraries.push(text(&root.join(folder)));
            }
            for folder in [format!("usr/lib/{multiarch}"), "usr/lib".to_owned(), "usr/share".to_owned()] {
                pkg_config.push(text(&root.join(folder).join("pkgconfig")));
            }
        }
        toolset.library_folders = libraries;
        if let Some(stubs) = self.libc_stubs.as_ref().filter(|_| target.libc == Libc::Musl) {
            toolset.library_folders.push(text(stubs));
            // Others search the folder for `-lc`; zig knows where its own library is.
            if toolset.dialect == Dialect::Zig {
                toolset.shared_tail = vec![format!("-l:{}", target.arch.musl_soname)];
            }
        }
        for (from, to) in &self.prefix_maps {
            toolset.maps.push(format!("-ffile-prefix-map={from}={to}"));
        }
        let hosts = &table().host_folders;
        let driver = Driver {
            tools: toolset,
            zig_cache: self.zig_cache.clone(),
            log: self.log.clone(),
            turns: self.turns.clone(),
            source: self.source.clone(),
            source_date_epoch: self.source_date_epoch,
            host_include: hosts.include.clone(),
            host_library: hosts.library.clone(),
            packages: hosts.packages.clone(),
            hide: self.hide.iter().map(|folder| text(folder)).collect(),
            keep: self.keep.iter().chain(&self.sysroots).map(|folder| text(folder)).collect(),
            probe: table().probe.clone(),
            pkg_config_folders: pkg_config,
            pkg_config_sysroots: self.sysroots.iter().map(|root| text(root)).collect(),
            archive_needs: self.archives.needs.clone(),
            private_archives: self.archives.files.clone(),
            cxx_archives: self.archives.cxx.clone(),
        };
        let build = Driver { tools: self.toolset(&self.build_compiler, None)?, ..driver.clone() };
        Ok((driver, build))
    }

    /// `target` is `None` for the build machine.
    fn toolset(&self, compiler: &Compiler, target: Option<Target>) -> Result<Toolset> {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let host = || format!("{}-linux", std::env::consts::ARCH).parse::<Target>();
        let machine = match target {
            Some(target) => target.arch.machine.clone(),
            None => {
                host().map_or_else(|_| std::env::consts::ARCH.to_owned(), |host| host.arch.machine.clone())
            }
        };
        let named = |target: &Target| match target.libc {
            Libc::Gnu { minor } => (target.libc.name().to_owned(), Some(minor)),
            Libc::Musl => (target.libc.name().to_owned(), None),
        };
        let (libc, glibc_minor) = target.as_ref().map_or_else(|| ("gnu".to_owned(), None), named);
        let mut set = Toolset {
            name: target.map_or_else(|| "build".to_owned(), |target| target.to_string()),
            triple: target.map_or_else(String::new, |target| target.clang_triple()),
            multiarch: target.map_or_else(String::new, |target| target.multiarch()),
            machine,
            libc,
            glibc_minor,
            ..Toolset::default()
        };
        match compiler {
            Compiler::ZigCc { zig } => {
                let zig = text(zig);
                set.dialect = Dialect::Zig;
                // zig's libc++abi exports `operator new`, and libc++'s headers export their templates.
                set.private_symbols = target.map(|_| text(&self.bin.join(PRIVATE_SYMBOLS)));
                set.cc = words(&[&zig, "cc"]);
                set.cxx = words(&[&zig, "c++"]);
                if let Some(target) = target {
                    for list in [&mut set.cc, &mut set.cxx] {
                        list.extend(["-target".to_owned(), target.zig_triple()]);
                    }
                }
                set.zig_tools(&zig, target);
            }
            Compiler::Kit { zig, kit } => {
                let target = target.map_or_else(host, Ok)?;
                let paths = KitPaths::new(kit);
                let zig = text(zig);
                set.dialect = Dialect::Kit;
                for (language, command, tail) in [
                    (Language::C, &mut set.cc, &mut set.tail_c),
                    (Language::Cxx, &mut set.cxx, &mut set.tail_cxx),
                ] {
                    *command = words(&[&zig, "clang"]);
                    command.extend(clang::prefix(&target, &paths, language));
                    *tail = clang::tail(&target, &paths, language);
                }
                set.kit = Some(Kit { root: kit.clone(), target: target.to_string() });
                set.link = clang::linker(&self.bin.join("ld.lld"));
                set.ld_tail = clang::library_folders(&target, &paths)
                    .chain([text(&paths.sys(&target).join("usr/lib"))])
                    .map(|folder| format!("-L{folder}"))
                    .collect();
                set.link_tail = clang::link_tail(&target, &paths, true);
                set.private_symbols = Some(text(&paths.private_symbols(&target)));
                set.zig_tools(&zig, Some(target));
            }
            Compiler::System(system) => {
                set.dialect = system.dialect;
                set.private_symbols = target.map(|_| text(&self.bin.join(PRIVATE_SYMBOLS)));
                set.cc.clone_from(&system.cc);
                set.cxx.clone_from(&system.cxx);
                set.ar.clone_from(&system.ar);
                set.ranlib.clone_from(&system.ranlib);
                set.ld.clone_from(&system.ld);
                set.link.clone_from(&system.link);
            }
        }
        set.rules = Rules::for_target(set.dialect, &set.machine).to_lines();
        let holds = |row: &&Default_| {
            row.dialects.as_ref().is_none_or(|list| list.contains(&set.dialect))
                && row.libc.as_ref().is_none_or(|libc| *libc == set.libc)
                && !(row.unless_debug && self.debug)
        };
        set.defaults = table().default.iter().filter(holds).map(default_line).collect();
        Ok(set)
    }
}

/// One default as a line: step, place, arguments, exceptions, with tabs between.
fn default_line(row: &Default_) -> String {
    let step = if row.step == Step::Compile { "compile" } else { "link" };
    let place = if row.place == Place::First { "first" } else { "last" };
    format!("{step}\t{place}\t{}\t{}\n", row.args.join(" "), row.unless.join("|"))
}

/// The content of `driver.toml`, or of the file for the build machine's tools beside it: a call needs
/// one of them, and reading is a good part of what it costs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Driver {
    pub zig_cache: Option<PathBuf>,
    pub log: Option<PathBuf>,
    pub turns: Option<PathBuf>,
    pub source: Option<PathBuf>,
    pub source_date_epoch: Option<u64>,
    pub host_include: Vec<String>,
    pub host_library: Vec<String>,
    pub packages: Vec<String>,
    pub hide: Vec<String>,
    pub keep: Vec<String>,
    pub pkg_config_folders: Vec<String>,
    pub pkg_config_sysroots: Vec<String>,
    /// What a link names → the libraries that its static archive needs besides.
    pub archive_needs: BTreeMap<String, Vec<String>>,
    /// File names of archives whose symbols no result may export.
    pub private_archives: Vec<String>,
    /// Names of libraries whose archives need the C++ runtime.
    pub cxx_archives: Vec<String>,
    pub probe: ProbeMarks,
    pub tools: Toolset,
}

/// The commands for one machine, with everything that always stands in them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Toolset {
    /// The target as wheelbuild spells it, or `build`.
    pub name: String,
    pub machine: String,
    /// `gnu` or `musl`.
    pub libc: String,
    pub glibc_minor: Option<u32>,
    /// What `-dumpmachine` answers; empty: the compiler is asked.
    pub triple: String,
    pub multiarch: String,
    pub dialect: Dialect,
    pub cc: Vec<String>,
    pub cxx: Vec<String>,
    pub ld: Vec<String>,
    /// Behind the arguments of a package's own call of `ld`.
    pub ld_tail: Vec<String>,
    pub ar: Vec<String>,
    pub ranlib: Vec<String>,
    /// Folders of headers, as arguments, behind the package's own.
    pub headers: Vec<String>,
    /// The C library's headers and the kit's libraries, behind everything.
    pub tail_c: Vec<String>,
    pub tail_cxx: Vec<String>,
    /// The kit's root, for a compiler that has one.
    pub kit: Option<Kit>,
    /// In front of them when linking, and behind.
    pub link: Vec<String>,
    pub link_tail: Vec<String>,
    /// Behind that, for a shared object with default libraries.
    pub shared_tail: Vec<String>,
    /// The version script for links that bring none.
    pub private_symbols: Option<String>,
    /// Library folders of the target, searched last.
    pub library_folders: Vec<String>,
    pub maps: Vec<String>,
    /// See [`Rules::to_lines`]. Not TOML: `file.rs`.
    #[serde(skip)]
    pub rules: String,
    /// See `default_line`.
    #[serde(skip)]
    pub defaults: String,
}

/// A runtime kit and the target it is used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kit {
    pub root: PathBuf,
    pub target: String,
}

impl Toolset {
    fn zig_tools(&mut self, zig: &str, target: Option<Target>) {
        let tool = |name: &str| vec![zig.to_owned(), name.to_owned()];
        self.ar = tool("ar");
        self.ranlib = tool("ranlib");
        self.ld = tool("ld.lld");
        if let Some(target) = target {
            self.ld.extend(["-m".to_owned(), target.arch.emulation.clone()]);
        }
    }

    /// The words that a step gets from `[[default]]` at `place`, given the canonical spellings of
    /// the package's own arguments.
    pub fn default_words(&self, step: Step, place: Place, given: &[String]) -> Vec<String> {
        let step = if step == Step::Compile { "compile" } else { "link" };
        let place = if place == Place::First { "first" } else { "last" };
        let mut words = Vec::new();
        for line in self.defaults.lines() {
            let mut fields = line.split('\t');
            if fields.next() != Some(step) || fields.next() != Some(place) {
                continue;
            }
            let (args, unless) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            let excepted = unless
                .split('|')
                .filter(|pattern| !pattern.is_empty())
                .any(|pattern| given.iter().any(|arg| super::rules::matches(pattern, arg).is_some()));
            if !excepted {
                words.extend(args.split(' ').map(str::to_owned));
            }
        }
        words
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
