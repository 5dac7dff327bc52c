//! Arguments as they were typed. Help, man page and completions come from these definitions.
//!
//! Nothing is looked up, read or checked here beyond the form of a value; `ready` does that.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

/// Turns Python sdists into reproducible, proven Linux wheels, from any build machine
#[derive(Debug, Parser)]
#[command(name = "wheelbuild", version, about, after_help = EXIT_CODES, max_term_width = 100)]
#[command(disable_help_subcommand = true, infer_subcommands = false)]
pub struct Typed {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

const EXIT_CODES: &str = "\
Without a verb, `build` is meant: `wheelbuild sdist.tar.gz --target x86_64-linux`.
`@FILE` stands anywhere for one argument a line.

Exit codes: 0 ok, 1 build or check failed, 2 usage or configuration, 4 wrong platform or policy,
5 network or fetch, 6 cache or storage, 70 a bug of ours, 130 interrupted";

/// What every verb takes.
#[derive(Debug, Args)]
pub struct Global {
    /// Say more; twice for everything
    #[arg(short, long, action = clap::ArgAction::Count, global = true, display_order = 900)]
    pub verbose: u8,
    /// Say less; twice for errors only
    #[arg(short, long, action = clap::ArgAction::Count, global = true, display_order = 900)]
    pub quiet: u8,
    /// Colour the messages
    #[arg(long, value_enum, global = true, value_name = "WHEN", display_order = 900)]
    pub color: Option<Color>,
    /// Write the result as JSON to standard output
    #[arg(long, global = true, display_order = 900)]
    pub json: bool,
    /// Append every event as a JSON line to FILE
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, display_order = 900)]
    pub events: Option<PathBuf>,
    /// Read this configuration file instead of searching for one
    #[arg(long, global = true, value_name = "FILE", env = "WHEELBUILD_CONFIG", value_hint = ValueHint::FilePath, display_order = 900)]
    pub config: Option<PathBuf>,
    /// The cache folder [default: $XDG_CACHE_HOME/wheelbuild or ~/.cache/wheelbuild]
    #[arg(long, global = true, value_name = "DIR", env = "WHEELBUILD_CACHE_DIR", value_hint = ValueHint::DirPath, display_order = 900)]
    pub cache_dir: Option<PathBuf>,
    /// Never use the network
    #[arg(long, global = true, env = "WHEELBUILD_OFFLINE", display_order = 900)]
    pub offline: bool,
    /// Use what the arguments name and nothing else: no configuration files, variables, network,
    /// or cache that outlives the run (for build systems)
    #[arg(long, global = true, display_order = 900)]
    pub hermetic: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Build wheels from sdists (the default verb)
    Build(Box<Build>),
    /// Say what of a lock would be taken as a wheel, built or is impossible, and why
    Plan(Box<Plan>),
    /// Take or build everything in locks, into a wheelhouse
    Prefill(Box<Prefill>),
    /// Write the static index of a folder of wheels
    Index(Index),
    /// Judge a wheel, or every wheel of a folder, for a target
    Check(Check),
    /// Rebuild a wheel from its provenance and compare the bytes
    Verify(Box<Verify>),
    /// Show what a wheel or sdist holds
    Inspect(Inspect),
    /// Explain an error code, or what a wheel's cache key was made of
    Explain(Explain),
    /// Install wheels into a folder
    Install(Install),
    /// Fetch one file of the index by its digest
    Fetch(Fetch),
    /// Make a container image from wheels, an interpreter and an application
    Image(Box<Image>),
    /// Make one image layer from a list of what it holds
    Layer(Layer),
    /// Show what this machine offers
    Doctor,
    /// Show or empty the local cache
    Cache {
        #[command(subcommand)]
        action: CacheAction,
    },
    /// Show or fetch the pinned tools
    Toolchain {
        #[command(subcommand)]
        action: ToolchainAction,
    },
    /// Run the hooks of a kept build folder once more
    #[command(hide = true)]
    Replay(Replay),
    /// Print shell completions
    Completions { shell: clap_complete::Shell },
    /// Print the man page
    Man,
}

/// Flags that say how to compile; each may also stand in the configuration file.
#[derive(Debug, Default, Args)]
pub struct How {
    /// Build interpreter: a version found on this machine (`3.12`, `3.13t`) or a path
    /// [default: the version of `python3` on PATH]
    #[arg(long, value_name = "X.Y|PATH", env = "WHEELBUILD_PYTHON")]
    pub python: Option<String>,
    #[command(flatten)]
    pub compiling: Compiling,
}

/// The same for verbs that build with several Pythons.
#[derive(Clone, Debug, Default, Args)]
pub struct Compiling {
    /// How to compile: the runtime kit, plain `zig cc`, or what CC and CXX say
    #[arg(long, value_name = "zig|zig-cc|system", env = "WHEELBUILD_CC")]
    pub cc: Option<String>,
    /// How to isolate the hooks: auto, namespaces, landlock, none
    #[arg(long, value_name = "KIND", env = "WHEELBUILD_ISOLATION")]
    pub isolation: Option<String>,
    /// Most compilers at once [default: number of cores]
    #[arg(short, long, value_name = "N", env = "WHEELBUILD_JOBS")]
    pub jobs: Option<u32>,
    /// Stop a build that uses more memory than this, e.g. 4GiB
    #[arg(long, value_name = "SIZE", env = "WHEELBUILD_MEMORY")]
    pub memory: Option<String>,
    /// Stop a build that runs more processes than this
    #[arg(long, value_name = "N", env = "WHEELBUILD_PROCESSES")]
    pub processes: Option<u64>,
    /// Stop a build that writes more than this, e.g. 20GiB
    #[arg(long, value_name = "SIZE", env = "WHEELBUILD_DISK")]
    pub disk: Option<String>,
    /// Stop a build after this many seconds
    #[arg(long, value_name = "SECONDS", env = "WHEELBUILD_TIMEOUT", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: Option<u64>,
    /// Use this zig instead of the pinned one; the pinned one's own wheel stands for it
    #[arg(long, value_name = "PATH", env = "WHEELBUILD_ZIG", value_hint = ValueHint::FilePath)]
    pub zig: Option<PathBuf>,
    /// Use this uv instead of the pinned one
    #[arg(long, value_name = "PATH", env = "WHEELBUILD_UV", value_hint = ValueHint::FilePath)]
    pub uv: Option<PathBuf>,
    /// A Debian archive, or a folder of its files, to look for pinned packages in before those of the
    /// machine's apt (repeatable)
    #[arg(long, value_name = "URL|DIR", env = "WHEELBUILD_DEBIAN_ARCHIVES", value_delimiter = ' ')]
    pub debian_archive: Vec<String>,
    /// Use this Rust toolchain (what `rustc --print sysroot` prints) instead of the machine's
    #[arg(long, value_name = "DIR", env = "WHEELBUILD_RUST", value_hint = ValueHint::DirPath)]
    pub rust: Option<PathBuf>,
}

/// Which shared caches are used, and what of them is believed; each may also stand in the configuration file.
#[derive(Debug, Default, Args)]
pub struct Caches {
    /// A shared cache, asked after the local one: a folder or an address; `rw:URL` also writes what was
    /// built (repeatable)
    #[arg(
        long,
        value_name = "[rw:]URL|DIR",
        env = "WHEELBUILD_CACHE",
        value_delimiter = ' ',
        hide_env_values = true
    )]
    pub cache: Vec<String>,
    /// Take from this cache what no known key signed and no lock names, and judge it anew (repeatable)
    #[arg(
        long,
        value_name = "URL|DIR",
        env = "WHEELBUILD_TRUST_CACHE",
        value_delimiter = ' ',
        hide_env_values = true
    )]
    pub trust_cache: Vec<String>,
    /// Take from caches what this public key signed: a line that `cache keygen` printed (repeatable)
    #[arg(long, value_name = "KEY", env = "WHEELBUILD_CACHE_KEYS", value_delimiter = ' ')]
    pub cache_key: Vec<String>,
    /// Sign what is written to caches with the key in this file; the variable may also hold the key itself
    #[arg(long, value_name = "FILE", env = "WHEELBUILD_CACHE_SIGNING_KEY", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub cache_signing_key: Option<String>,
    /// Take from caches the wheels whose sha256 this lock names, for example a wheelhouse's pylock.toml
    /// (repeatable)
    #[arg(long, value_name = "LOCK", value_hint = ValueHint::FilePath)]
    pub cache_lock: Vec<PathBuf>,
    /// How long a cache may take to answer [default: 15]
    #[arg(long, value_name = "SECONDS", env = "WHEELBUILD_CACHE_TIMEOUT")]
    pub cache_timeout: Option<u64>,
    /// Talk to caches without TLS, or without checking it
    #[arg(long)]
    pub insecure_cache: bool,
}

#[derive(Debug, Args)]
pub struct Build {
    /// An sdist, an unpacked folder, or NAME==VERSION from the index
    #[arg(required = true, value_name = "SDIST|DIR|NAME==VERSION", value_hint = ValueHint::AnyPath)]
    pub sources: Vec<String>,
    /// What to build for: `x86_64-linux`, `aarch64-linux-gnu.2.17`, `x86_64-linux-musl`,
    /// `linux/arm64`, `manylinux_2_28_aarch64`, … (repeatable)
    #[arg(short, long, value_name = "TARGET")]
    pub target: Vec<String>,
    /// Where wheels go [default: dist]
    #[arg(short, long, value_name = "DIR", env = "WHEELBUILD_OUTDIR", value_hint = ValueHint::DirPath)]
    pub outdir: Option<PathBuf>,
    #[command(flatten)]
    pub how: How,
    /// A setting for the backend (repeatable)
    #[arg(short = 'C', long = "config-setting", value_name = "KEY=VALUE")]
    pub config_setting: Vec<String>,
    /// A wheel to install as build requirement; with any given, nothing is resolved or fetched (repeatable)
    #[arg(long, value_name = "WHEEL", value_hint = ValueHint::FilePath)]
    pub build_dep: Vec<PathBuf>,
    /// A requirement to add to [build-system] requires (repeatable)
    #[arg(long, value_name = "REQUIREMENT")]
    pub build_requires: Vec<String>,
    /// Keep the resolved build requirements in FILE and enforce them
    #[arg(long, value_name = "FILE", env = "WHEELBUILD_BUILD_LOCK", value_hint = ValueHint::FilePath)]
    pub build_lock: Option<PathBuf>,
    /// Resolve the build requirements anew
    #[arg(long)]
    pub upgrade: bool,
    /// A Python of the target to take configuration and headers from
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub target_python: Option<PathBuf>,
    /// A folder with libraries and headers of the target (repeatable)
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub sysroot: Vec<PathBuf>,
    /// Provide this native library to the build: as a static archive of the distribution, built from
    /// source, or as its shared library, copied into the wheel; `none`: provide nothing that is not named
    /// (repeatable)
    #[arg(long, value_name = "LIB[=static|source|graft]")]
    pub native: Vec<String>,
    /// A file, or a folder of files, that builds would download; matched by sha256 (repeatable)
    #[arg(long = "sources", value_name = "FILE|DIR", value_hint = ValueHint::AnyPath)]
    pub source_files: Vec<PathBuf>,
    /// Accept a wheel whose compiled extensions were lost
    #[arg(long)]
    pub allow_pure: bool,
    /// Fetch the build interpreter when it is missing
    #[arg(long)]
    pub allow_python_download: bool,
    /// Leave out what wheelbuild itself knows of single packages
    #[arg(long, env = "WHEELBUILD_NO_OVERRIDES")]
    pub no_overrides: bool,
    /// Neither read nor write cached wheels
    #[arg(long, env = "WHEELBUILD_NO_CACHE")]
    pub no_cache: bool,
    #[command(flatten)]
    pub caches: Caches,
    /// Keep the build folder, with a `replay.sh` that runs its hooks once more
    #[arg(long)]
    pub keep: bool,
    /// With --cc system: the C compiler, instead of what CC says
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub cc_program: Option<PathBuf>,
    /// With --cc system: the C++ compiler [default: the one beside the C compiler]
    #[arg(long, value_name = "PATH", requires = "cc_program", value_hint = ValueHint::FilePath)]
    pub cxx_program: Option<PathBuf>,
    /// With --cc-program: the archiver [default: `ar` on PATH]
    #[arg(long, value_name = "PATH", requires = "cc_program", value_hint = ValueHint::FilePath)]
    pub ar_program: Option<PathBuf>,
    /// With --cc-program: a word of every call of the compilers (repeatable)
    #[arg(long, value_name = "FLAG", requires = "cc_program", allow_hyphen_values = true)]
    pub cc_flag: Vec<String>,
    /// With --cc-program: a word of every call of the C++ compiler (repeatable)
    #[arg(long, value_name = "FLAG", requires = "cc_program", allow_hyphen_values = true)]
    pub cxx_flag: Vec<String>,
    /// With --cc-program: a word of every link (repeatable)
    #[arg(long, value_name = "FLAG", requires = "cc_program", allow_hyphen_values = true)]
    pub link_flag: Vec<String>,
    /// With --cc-program: a folder that the compilers need (repeatable)
    #[arg(long, value_name = "DIR", requires = "cc_program", value_hint = ValueHint::DirPath)]
    pub cc_folder: Vec<PathBuf>,
    /// A runtime kit from `toolchain kit --output` (repeatable)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub kit: Vec<PathBuf>,
    /// A file of one more sysroot, as `usr/include/zlib.h=path/to/zlib.h` (repeatable)
    #[arg(long, value_name = "PLACE=FILE")]
    pub sysroot_file: Vec<String>,
    /// A variable for the build's hooks (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Write the wheel to exactly FILE instead of a folder
    #[arg(long, value_name = "FILE", conflicts_with = "outdir", value_hint = ValueHint::FilePath)]
    pub wheel_file: Option<PathBuf>,
    /// Write the wheel's file name to FILE
    #[arg(long, value_name = "FILE", requires = "wheel_file", value_hint = ValueHint::FilePath)]
    pub name_file: Option<PathBuf>,
    /// Write the provenance to exactly FILE
    #[arg(long, value_name = "FILE", requires = "wheel_file", value_hint = ValueHint::FilePath)]
    pub provenance_file: Option<PathBuf>,
}

/// What of a lock is wanted, and how its packages may be got.
#[derive(Debug, Args)]
pub struct Selecting {
    /// Count an extra of the project, too (repeatable)
    #[arg(long, value_name = "NAME")]
    pub extra: Vec<String>,
    /// Count a dependency group, too (repeatable)
    #[arg(long, value_name = "NAME")]
    pub group: Vec<String>,
    /// Count this group and not the project's own dependencies (repeatable)
    #[arg(long, value_name = "GROUP")]
    pub only: Vec<String>,
    /// Build a package though it has a wheel; `:all:` for every package (repeatable)
    #[arg(long, value_name = "PKG")]
    pub no_binary: Vec<String>,
    /// Never build a package; `:all:` for every package (repeatable)
    #[arg(long, value_name = "PKG")]
    pub no_build: Vec<String>,
    /// Leave out files that were published after DATE, e.g. 2026-01-31
    #[arg(long, value_name = "DATE")]
    pub exclude_newer: Option<String>,
    /// The project's pyproject.toml or its folder [default: beside the lock]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::AnyPath)]
    pub project: Option<PathBuf>,
    /// Ask the index for every file of the locked versions: a lock may not list all
    #[arg(long)]
    pub refresh_files: bool,
}

#[derive(Debug, Args)]
pub struct Plan {
    /// pdm.lock, poetry.lock, uv.lock, pylock.toml or a requirements.txt with hashes
    #[arg(value_name = "LOCK", value_hint = ValueHint::FilePath)]
    pub lock: PathBuf,
    /// What to plan for: as for `build`, and `host`, `aarch64-macos`, `x86_64-macos` (repeatable)
    #[arg(short, long, value_name = "TARGET")]
    pub target: Vec<String>,
    /// Python version: `3.12`, `3.13t`, `3.11.7` (repeatable)
    /// [default: the version of `python3` on PATH]
    #[arg(long, value_name = "X.Y")]
    pub python: Vec<String>,
    #[command(flatten)]
    pub selecting: Selecting,
    /// Show what a package is needed by
    #[arg(long, value_name = "PKG")]
    pub why: Option<String>,
    /// End with exit code 1 when something is impossible
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
#[command(after_help = PREFILL_HELP)]
pub struct Prefill {
    /// pdm.lock, poetry.lock, uv.lock, pylock.toml or a requirements.txt with hashes
    #[arg(required = true, value_name = "LOCK", value_hint = ValueHint::FilePath)]
    pub locks: Vec<PathBuf>,
    /// What for: as for `plan` (repeatable)
    #[arg(short, long, value_name = "TARGET")]
    pub target: Vec<String>,
    /// Python version: `3.12`, `3.13t` (repeatable)
    /// [default: the version of `python3` on PATH]
    #[arg(long, value_name = "X.Y")]
    pub python: Vec<String>,
    /// The wheelhouse [default: wheelhouse]
    #[arg(short, long, value_name = "WHEELHOUSE", value_hint = ValueHint::DirPath)]
    pub outdir: Option<PathBuf>,
    /// Go on with everything else when something fails
    #[arg(short, long, overrides_with = "fail_fast")]
    pub keep_going: bool,
    /// Begin nothing more when something fails; what runs is finished (the default)
    #[arg(long)]
    pub fail_fast: bool,
    /// Build only the I-th of N parts of what is to be built; jobs with one cache build each wheel once
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,
    /// Fetch build interpreters when they are missing
    #[arg(long)]
    pub allow_python_download: bool,
    #[command(flatten)]
    pub selecting: Selecting,
    #[command(flatten)]
    pub compiling: Compiling,
    #[command(flatten)]
    pub caches: Caches,
}

const PREFILL_HELP: &str = "\
--jobs and --memory are for all builds together.

WHEELHOUSE gets files/ (the wheels), simple/ (their index), pylock.toml and requirements.txt (they name
the wheels with their own hashes), run.jsonl (what was done) and report.html (the same to look at).
Standard output is the path of each wheel, one a line.

Exit code 0: everything that the locks want is there. 1: something failed or is impossible; the rest is
there. What other shards build is no failure.";

#[derive(Debug, Args)]
pub struct Index {
    /// A wheelhouse: wheels in it and in its folder `files`; the pages go to `simple`
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
}

#[derive(Debug, Args)]
pub struct Check {
    /// A wheel, a folder of wheels, or an image: an OCI layout, a docker archive, `registry:REF`
    #[arg(required = true, value_name = "FILE|DIR|IMAGE", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// What it must run on
    #[arg(short, long, value_name = "TARGET")]
    pub target: String,
    /// Accept whatever is found in an image's files of this pattern (repeatable)
    #[arg(long, value_name = "PATTERN")]
    pub allow: Vec<String>,
    /// Of images, only whether all of each is for TARGET: no layer is read
    #[arg(long)]
    pub platform_only: bool,
    /// Make this file when everything passed, for build systems
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub passed: Option<PathBuf>,
    /// Talk to registries without TLS, or without checking it
    #[arg(long)]
    pub insecure: bool,
    /// Use this zig instead of the pinned one
    #[arg(long, value_name = "PATH", env = "WHEELBUILD_ZIG", value_hint = ValueHint::FilePath)]
    pub zig: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// The wheel; its provenance lies beside it
    #[arg(value_name = "WHEEL", value_hint = ValueHint::FilePath)]
    pub wheel: PathBuf,
    /// The sdist it was built from [default: fetched from the index]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub sdist: Option<PathBuf>,
    #[command(flatten)]
    pub how: How,
}

#[derive(Debug, Args)]
pub struct Inspect {
    /// A wheel, an sdist, or an image: an OCI layout, a docker archive, `registry:REF`
    #[arg(value_name = "FILE|IMAGE", value_hint = ValueHint::AnyPath)]
    pub file: PathBuf,
    /// Another image: say what differs
    #[arg(long, value_name = "IMAGE", value_hint = ValueHint::AnyPath)]
    pub against: Option<PathBuf>,
    /// Write an image as a page to look at, in one file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
    /// Talk to registries without TLS, or without checking it
    #[arg(long)]
    pub insecure: bool,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// An error code such as WB0403, or a wheel built here
    #[arg(value_name = "CODE|WHEEL")]
    pub subject: String,
}

#[derive(Debug, Args)]
pub struct Install {
    /// Wheels to install
    #[arg(required = true, value_name = "WHEEL", value_hint = ValueHint::FilePath)]
    pub wheels: Vec<PathBuf>,
    /// The folder that becomes a site-packages folder
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub outdir: PathBuf,
}

#[derive(Debug, Args)]
pub struct Fetch {
    /// The project
    #[arg(value_name = "PROJECT")]
    pub project: String,
    /// The file's name on the index
    #[arg(value_name = "FILE")]
    pub file: String,
    /// Its sha256; another file is refused
    #[arg(long, value_name = "HEX")]
    pub sha256: String,
    /// The folder to put it into
    #[arg(short, long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub outdir: PathBuf,
}

#[derive(Debug, Args)]
pub struct Image {
    /// The wheels to install; of several of one project each target gets the one that fits
    #[arg(value_name = "WHEEL", value_hint = ValueHint::FilePath)]
    pub wheels: Vec<PathBuf>,
    /// Take the wheels from this wheelhouse, as --lock selects them
    #[arg(long, value_name = "DIR", requires = "lock", value_hint = ValueHint::DirPath)]
    pub wheelhouse: Option<PathBuf>,
    /// The lock that says which packages and versions are installed
    #[arg(long, value_name = "LOCK", requires = "wheelhouse", value_hint = ValueHint::FilePath)]
    pub lock: Option<PathBuf>,
    /// Install an extra of the project, too (repeatable)
    #[arg(long, value_name = "NAME", requires = "lock")]
    pub extra: Vec<String>,
    /// Install a dependency group, too (repeatable)
    #[arg(long, value_name = "NAME", requires = "lock")]
    pub group: Vec<String>,
    /// What the image runs on: `linux/amd64`, `linux/arm64`, `x86_64-linux-gnu.2.36`, …; several make an
    /// image index (repeatable)
    #[arg(short, long, value_name = "TARGET")]
    pub target: Vec<String>,
    /// The Python of the image [default: the one that is found in it]
    #[arg(long, value_name = "X.Y")]
    pub python: Option<String>,
    /// The application: a folder or file, and where it goes [default: /app] (repeatable)
    #[arg(long, value_name = "SRC[:DEST]", value_hint = ValueHint::AnyPath)]
    pub app: Vec<String>,
    /// Leave out files of folders whose path or name is of this pattern (repeatable). `.git`,
    /// `__pycache__` and bytecode are always left out
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// A Python of the target: an unpacked root or prefix, or an archive of one; and where it goes
    /// [default: /] (one for each target)
    #[arg(long, value_name = "TREE|ARCHIVE[:DEST]", value_hint = ValueHint::AnyPath)]
    pub interpreter: Vec<String>,
    /// The image to build upon: `scratch`, an OCI layout, a docker archive, a name in a registry
    #[arg(long, value_name = "REF|LAYOUT|scratch", default_value = "scratch")]
    pub base: String,
    /// Where the image goes: `oci:DIR[:TAG]`, `docker:FILE[:NAME:TAG]`, `registry:REF`, `dir:PATH`; the
    /// packages alone: `site-packages:PATH`; packages and application, for a function service: `zip:FILE`
    #[arg(short, long, value_name = "OUTPUT")]
    pub output: String,
    /// What a container starts, as words or a JSON array [default: the interpreter]
    #[arg(long, value_name = "CMD")]
    pub entrypoint: Option<String>,
    /// The arguments of the entrypoint, as words or a JSON array
    #[arg(long, value_name = "CMD", allow_hyphen_values = true)]
    pub cmd: Option<String>,
    /// Set an environment variable (repeatable)
    #[arg(long, value_name = "K=V")]
    pub env: Vec<String>,
    /// The user that a container runs as
    #[arg(long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,
    /// The folder that a container starts in [default: the application's]
    #[arg(long, value_name = "DIR")]
    pub workdir: Option<String>,
    /// A port that the application listens on (repeatable)
    #[arg(long, value_name = "PORT[/PROTO]")]
    pub expose: Vec<String>,
    /// Set a label (repeatable)
    #[arg(long, value_name = "K=V")]
    pub label: Vec<String>,
    /// Set an annotation of the manifest and the index (repeatable)
    #[arg(long, value_name = "K=V")]
    pub annotation: Vec<String>,
    /// Put large wheels into layers of their own, at most N layers of packages
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "20")]
    pub split: Option<usize>,
    /// Compile bytecode, by an interpreter of the image's version on this machine
    #[arg(long)]
    pub compile: bool,
    /// How layers are packed
    #[arg(long, value_enum, default_value = "gzip")]
    pub compression: LayerCompression,
    /// Make layers that can be read file by file out of a registry (eStargz); others read them as gzip
    #[arg(long, conflicts_with = "compression")]
    pub estargz: bool,
    /// Accept whatever the check of the image finds in files of this pattern (repeatable)
    #[arg(long, value_name = "PATTERN")]
    pub allow: Vec<String>,
    /// Attach neither SBOM nor provenance
    #[arg(long)]
    pub no_attest: bool,
    /// Talk to registries without TLS, or without checking it
    #[arg(long)]
    pub insecure: bool,
    /// Most layers packed at once, in cores [default: number of cores]
    #[arg(short, long, value_name = "N", env = "WHEELBUILD_JOBS")]
    pub jobs: Option<u32>,
}

#[derive(Debug, Args)]
pub struct Layer {
    /// The list: JSON as docs/images.md describes it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,
    /// The layer
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
    /// Write digest, diff id, media type and size as JSON to FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub metadata: Option<PathBuf>,
    /// Write the tar archive as it is to FILE, too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub tar: Option<PathBuf>,
    /// How it is packed
    #[arg(long, value_enum, default_value = "gzip")]
    pub compression: LayerCompression,
    /// Make a layer that can be read file by file out of a registry (eStargz); others read it as gzip
    #[arg(long, conflicts_with = "compression")]
    pub estargz: bool,
    /// Most cores [default: all]
    #[arg(short, long, value_name = "N", env = "WHEELBUILD_JOBS")]
    pub jobs: Option<u32>,
}

/// How layers are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LayerCompression {
    Gzip,
    Zstd,
    None,
}

#[derive(Debug, Subcommand)]
pub enum CacheAction {
    /// Show where the cache is and what it holds, and whether shared caches answer
    Info {
        #[command(flatten)]
        caches: Caches,
    },
    /// Send results of the local cache, or a whole wheelhouse, to every cache spelled `rw:`; prints the
    /// digest that `pull` gets all of it by
    Push {
        /// A wheelhouse; `all`: every result of the local cache
        #[arg(value_name = "WHEELHOUSE|all", default_value = "all", value_hint = ValueHint::DirPath)]
        what: String,
        #[command(flatten)]
        caches: Caches,
    },
    /// Get what was pushed: results into the local cache, a wheelhouse into a folder
    Pull {
        /// What `push` printed
        #[arg(value_name = "DIGEST")]
        digest: String,
        /// Where a wheelhouse goes
        #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        outdir: Option<PathBuf>,
        #[command(flatten)]
        caches: Caches,
    },
    /// Make a key that signs what is written to shared caches; prints the public one
    Keygen {
        /// Where the secret key goes
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Remove what the cache holds
    Prune {
        /// Only what was last written more than this many days ago
        #[arg(long, value_name = "DAYS")]
        older_than: Option<u64>,
    },
}

#[derive(Debug, Args)]
pub struct Replay {
    /// The folder that `--keep` kept
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum ToolchainAction {
    /// List the pinned tools and whether they are here
    List,
    /// Fetch the pinned tools, so that builds work with --offline
    Fetch {
        /// The tools [default: every one]
        #[arg(value_name = "TOOL")]
        tools: Vec<String>,
        /// Write the wheels they are published in to DIR instead of unpacking them
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        wheels: Option<PathBuf>,
        /// With --wheels: those for another machine, such as `aarch64-linux-gnu`
        #[arg(long, value_name = "HOST", requires = "wheels")]
        host: Option<String>,
    },
    /// Make the runtime kit of a target
    Kit {
        /// The target
        #[arg(short, long, value_name = "TARGET")]
        target: String,
        /// Include the C++ runtime
        #[arg(long)]
        cxx: bool,
        /// Use this zig instead of the pinned one; the pinned one's own wheel stands for it
        #[arg(long, value_name = "PATH", env = "WHEELBUILD_ZIG", value_hint = ValueHint::FilePath)]
        zig: Option<PathBuf>,
        /// Write the kit to FILE, for `build --kit`
        #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
    },
}
