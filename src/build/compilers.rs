//! The compilers of one build: zig, the runtime kit, and the folder of drivers the hooks call.

use std::path::{Path, PathBuf};

use super::layout::{Layout, Place};
use super::options::CompilerChoice;
use super::rust::Rust;
use super::{Builder, Job, system_compiler};
use crate::cache::Digest;
use crate::elf::SymbolTable;
use crate::process::Mount;
use crate::report::{Code, Error, Result};
use crate::toolchain::driver::{self, Archives, Compiler, DriverConfig};
use crate::toolchain::kit::{self, KitPaths};
use crate::toolchain::{Zig, clang};

/// What the drivers of one build run, and where it lies.
pub(super) struct Compilers {
    pub zig: Zig,
    pub kit: KitPaths,
    /// The program, zig and the kit, as the hooks see them.
    program: Place,
    zig_folder: Place,
    kit_folder: Place,
    /// Where compilers take turns.
    turns: Option<Place>,
    /// Libraries of the target that were provided.
    native: Option<Place>,
    /// What a named C toolchain consists of.
    named: Vec<Place>,
    config: DriverConfig,
    /// True when the C++ runtime of the target is there.
    pub cxx: bool,
    /// True when the kit was looked over.
    checked: bool,
}

impl Compilers {
    /// Gets what is missing and writes the drivers. Before anything is made of what they compile,
    /// [`check`](Self::check).
    pub fn prepare(
        builder: &Builder<'_>,
        job: &Job<'_>,
        layout: &Layout,
        root: &Path,
        rust: &Rust,
    ) -> Result<Self> {
        let zig = builder.zig()?;
        let store = builder.cache.folder("kits")?;
        let cxx = builder.options.compiler == CompilerChoice::Kit && speaks_cxx(root);
        let kit = match builder.options.compiler {
            CompilerChoice::Kit => {
                kit::complete(&zig, job.target, cxx, &store, builder.turns, builder.report)?
            }
            // The judge asks the stubs what the C library has at the floor.
            CompilerChoice::ZigCc | CompilerChoice::System => {
                kit::ensure_stubs(&zig, job.target, &store, builder.report)?
            }
        };
        let program = std::env::current_exe().map_err(|e| Error::io("find", Path::new("wheelbuild"), &e))?;
        let program = layout.existing(&program, "wheelbuild");
        let zig_home = zig.program.parent().unwrap_or(Path::new("/"));
        let zig_folder = layout.existing(zig_home, "zig");
        let kit_folder = layout.existing(&kit.root, "kit");
        let zig_inside = zig_folder.inside.join(zig.program.file_name().unwrap_or_default());
        let mut named = Vec::new();
        let compiler = match builder.options.compiler {
            CompilerChoice::Kit => Compiler::Kit { zig: zig_inside.clone(), kit: kit_folder.inside.clone() },
            CompilerChoice::ZigCc => Compiler::ZigCc { zig: zig_inside.clone() },
            CompilerChoice::System => Compiler::System(match &builder.options.named_compiler {
                Some(compiler) => {
                    let (compiler, folders) = compiler.placed(layout)?;
                    named = folders;
                    compiler
                }
                None => system_compiler::from_environment()?,
            }),
        };
        let mut config = DriverConfig::new(*job.target, compiler);
        config.build_compiler = Compiler::ZigCc { zig: zig_inside };
        config.bin = layout.bin.inside.clone();
        config.log = Some(layout.log.inside.clone());
        let turns = builder.turns.map(|turns| layout.existing(turns.folder(), "turns"));
        config.turns = turns.as_ref().map(|turns| turns.inside.clone());
        config.zig_cache = Some(layout.tmp().join("zig-cache"));
        config.source_date_epoch = Some(builder.options.source_date_epoch);
        config.sysroots = (builder.options.sysroots.iter().enumerate())
            .map(|(number, folder)| Ok(sysroot(layout, number, folder)?.inside))
            .collect::<Result<_>>()?;
        let source = layout.source.join(root.strip_prefix(&layout.source.host).unwrap_or(Path::new("")));
        config.source = Some(source.inside.clone());
        let others: Vec<&Place> = [&zig_folder, &kit_folder].into_iter().chain(&named).collect();
        config.prefix_maps = prefix_maps(layout, &source, &others);
        config.prefix_maps.extend(rust.prefix_maps());
        config.python = Some(job.python.version.program());
        config.hide = vec![job.python.prefix.clone()];
        config.keep = vec![layout.view.inside.clone()];
        if builder.options.compiler != CompilerChoice::Kit {
            let stubs = KitPaths::new(&kit_folder.inside).sys(job.target);
            config.libc_stubs = Some(stubs.join("usr/lib"));
        }
        driver::install(&layout.bin.host, &program.inside, &config)?;
        rust.write_programs(layout, &config.prefix_maps)?;
        Ok(Self {
            zig,
            kit,
            program,
            zig_folder,
            kit_folder,
            turns,
            native: None,
            named,
            config,
            cxx,
            checked: false,
        })
    }

    /// Shows the drivers the folder `sysroot` of provided libraries, behind the user's own.
    pub fn provide(&mut self, layout: &Layout, sysroot: Place, archives: Archives) -> Result<()> {
        if let Some(old) = self.native.take() {
            self.config.sysroots.retain(|root| *root != old.inside);
        } else {
            let map = (sysroot.inside.display().to_string(), sysroot.fixed.display().to_string());
            self.config.prefix_maps.push(map);
        }
        self.config.sysroots.push(sysroot.inside.clone());
        self.config.archives = archives;
        self.native = Some(sysroot);
        driver::install(&layout.bin.host, &self.program.inside, &self.config)
    }

    /// Trees of target libraries, as the build sees them.
    pub fn sysroots(&self) -> &[PathBuf] {
        &self.config.sysroots
    }

    /// The folder of provided libraries.
    pub fn native(&self) -> Option<&Place> {
        self.native.as_ref()
    }

    /// Adds the C++ runtime to the kit.
    pub fn add_cxx(&mut self, builder: &Builder<'_>, job: &Job<'_>) -> Result<()> {
        let store = builder.cache.folder("kits")?;
        kit::ensure(&self.zig, job.target, true, &store, builder.turns, builder.report)?;
        self.cxx = true;
        Ok(())
    }

    /// Looks over the kit, once. True when it was damaged: what was compiled is worth nothing.
    pub fn check(&mut self, builder: &Builder<'_>, job: &Job<'_>) -> Result<bool> {
        if self.checked || builder.options.compiler != CompilerChoice::Kit {
            return Ok(false);
        }
        self.checked = true;
        let store = builder.cache.folder("kits")?;
        kit::check(&self.zig, job.target, self.cxx, &store, builder.turns, builder.report)
    }

    /// What the hooks must see.
    pub fn mounts(&self, builder: &Builder<'_>, layout: &Layout) -> Result<Vec<Mount>> {
        let mut mounts = vec![self.program.mount(), self.zig_folder.mount(), self.kit_folder.mount()];
        for (number, folder) in builder.options.sysroots.iter().enumerate() {
            mounts.push(sysroot(layout, number, folder)?.mount());
        }
        mounts.extend(self.native.as_ref().map(Place::mount));
        mounts.extend(self.named.iter().map(Place::mount));
        mounts.extend(self.kernel_headers());
        if let Compiler::System(system) = &self.config.compiler {
            let foreign = |program: &&String| {
                let program = Path::new(program);
                program.is_absolute() && !self.named.iter().any(|place| program.starts_with(&place.inside))
            };
            for command in [&system.cc, &system.cxx, &system.ar] {
                if let Some(program) = command.first().filter(foreign) {
                    mounts.extend(system_compiler::home_of(Path::new(program)));
                }
            }
            if system.cc.first().filter(foreign).is_some() {
                mounts.extend(system_compiler::folders(system));
            }
        }
        Ok(mounts)
    }

    /// The kernel's headers of the target where scripts read them that generate sources from them: below
    /// /usr/include, of which a build sees nothing else.
    fn kernel_headers(&self) -> Vec<Mount> {
        let include = Path::new("/usr/include");
        let hidden = self.kit_folder.inside != self.kit_folder.host && include.is_dir();
        if !hidden || !matches!(self.config.compiler, Compiler::Kit { .. }) {
            return Vec::new();
        }
        let folders = clang::kernel_headers(&self.config.target, &self.kit).into_iter();
        let there = folders.filter(|(_, folder)| folder.is_dir());
        there.map(|(name, folder)| Mount::at(folder, include.join(name))).collect()
    }

    /// Where they take turns. It goes with this process, so a build that is replayed has none.
    pub fn turns(&self) -> Option<Mount> {
        self.turns.as_ref().map(Place::mount)
    }

    /// What the target's C library provides at the asked floor.
    pub fn libc_symbols(&self, job: &Job<'_>) -> Result<SymbolTable> {
        kit::libc_symbols(&self.kit, job.target)
    }

    /// The digest of the kit's recipe and zig, for the record.
    pub fn kit_key(&self) -> Digest {
        kit::key(&self.zig)
    }
}

/// Paths that compilers write into their output, and what they become: the source is `.`, all else
/// has its fixed name.
fn prefix_maps(layout: &Layout, source: &Place, others: &[&Place]) -> Vec<(String, String)> {
    let mut maps = vec![(source.inside.display().to_string(), ".".to_owned())];
    let fixed = [&layout.source, &layout.bin, &layout.support, &layout.view]
        .into_iter()
        .chain(others.iter().copied());
    for place in fixed {
        maps.push((place.inside.display().to_string(), place.fixed.display().to_string()));
    }
    maps.push((layout.tmp().display().to_string(), "/tmp".to_owned()));
    maps
}

fn sysroot(layout: &Layout, number: usize, folder: &Path) -> Result<Place> {
    let real = std::fs::canonicalize(folder).map_err(|e| {
        Error::new(Code::InputNotFound, format!("there is no sysroot at `{}`", folder.display()))
            .cause(e.to_string())
    })?;
    Ok(layout.existing(&real, &format!("sysroot{number}")))
}

/// Whether a tree holds C++ sources, so that the C++ runtime is worth making beforehand. A wrong no
/// costs a second run of the hooks, a wrong yes the making of the runtime.
fn speaks_cxx(root: &Path) -> bool {
    const ENDINGS: [&str; 5] = ["cpp", "cc", "cxx", "C", "pyx"];
    let cxx = |path: &PathBuf| match path.extension().and_then(|ending| ending.to_str()) {
        // Cython is C unless it says otherwise.
        Some("pyx") => std::fs::read_to_string(path).is_ok_and(|text| {
            text.lines()
                .take(40)
                .any(|line| line.starts_with('#') && line.contains("language") && line.contains("c++"))
        }),
        Some(ending) => ENDINGS.contains(&ending),
        None => false,
    };
    walkdir::WalkDir::new(root)
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .any(|path| cxx(&path))
}
