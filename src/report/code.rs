//! Every class of failure: stable code, exit code, meaning. `wheelbuild explain WB0123` and
//! docs/errors.md are made from this table.

use std::fmt;

/// What the process ends with. Stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    Ok,
    /// A build or check failed, or the input is hostile or broken.
    Failed,
    Usage,
    /// Wrong platform or policy.
    Platform,
    Network,
    Storage,
    Bug,
    Interrupted,
}

impl ExitCode {
    pub const fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Platform => 4,
            Self::Network => 5,
            Self::Storage => 6,
            Self::Bug => 70,
            Self::Interrupted => 130,
        }
    }
}

macro_rules! codes {
    ($($variant:ident = $number:literal, $exit:ident, $title:literal, $text:literal;)*) => {
        /// A class of failure. The number never changes meaning; new classes get new numbers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $title] $variant,)* }

        impl Code {
            /// Every code, in numeric order.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The number in `WB0123`.
            pub const fn number(self) -> u16 { match self { $(Code::$variant => $number,)* } }

            /// What the process ends with when this is the failure.
            pub const fn exit(self) -> ExitCode { match self { $(Code::$variant => ExitCode::$exit,)* } }

            /// A few words.
            pub const fn title(self) -> &'static str { match self { $(Code::$variant => $title,)* } }

            /// What it means, what usually causes it and what to do.
            pub const fn explanation(self) -> &'static str { match self { $(Code::$variant => $text,)* } }
        }
    };
}

codes! {
    // 01: what was asked for
    Usage = 101, Usage, "wrong arguments", "The command line does not say what to do, or says two things at once. `--help` lists every argument.";
    UnknownTarget = 102, Usage, "unknown target", "The target is spelled in no way we know. Zig and Rust triples, platform tags, and OCI platforms are understood: `x86_64-linux`, `aarch64-linux-gnu.2.17`, `x86_64-linux-musl`, `manylinux_2_28_aarch64`, `linux/arm64`. The message names the nearest known spelling.";
    UnknownPython = 103, Usage, "unknown Python version", "The Python version is not one wheelbuild has tables for. Write `3.11`, `3.13t` for a free-threaded build, or the path of an interpreter.";
    Config = 104, Usage, "wrong configuration", "A configuration file or a WHEELBUILD_ variable holds an unknown key or a value of the wrong kind. The message names the file, the key and the nearest known key.";
    InterpreterNotFound = 105, Usage, "interpreter not found", "A build needs an interpreter of the target's Python version that runs on this machine. It is looked for on PATH and among the ones pyenv and uv installed. Install it (`uv python install 3.12`, `pyenv install 3.12`), name it with `--python /path/to/python3.12`, or allow a download with `--allow-python-download`.";
    InputNotFound = 106, Usage, "input not found", "A file or folder named on the command line does not exist or cannot be read.";
    TargetPython = 107, Usage, "unusable target Python", "The tree given by `--target-python` is not a Python of the asked version and target. It must hold `_sysconfigdata_*.py` and `pyconfig.h` of that machine.";
    UnknownLock = 130, Usage, "not a lock file", "The file is none of the locks that are read: pdm.lock (4.3 to 4.5), poetry.lock (1.1, 2.0, 2.1), uv.lock (version 1), pylock.toml (PEP 751), requirements.txt with hashes. They are told apart by their content, not by their name.";
    OutsideLock = 131, Usage, "outside of the lock", "The lock was made for other Pythons or platforms than the one asked for, so it does not say what is right there. Lock again with a wider `requires-python` or more targets, or ask for less.";
    UnknownPart = 132, Usage, "no such extra or group", "The project has no extra or group of this name, or two that were asked for exclude each other. The message lists what there is.";
    LockProject = 133, Usage, "the lock needs its project", "Locks of Poetry up to 2.0 and of PDM without `inherit_metadata` do not say what the project itself depends on. pyproject.toml is looked for beside the lock; `--project DIR` names another place.";
    ImageReference = 140, Usage, "unreadable image reference", "An input or output image is spelled in no way we know: `oci:DIR[:TAG]`, `docker:FILE[:NAME:TAG]`, `registry:HOST/REPOSITORY[:TAG][@sha256:DIGEST]`, for `-o` also `dir:PATH`, for `--base` also `scratch`.";
    CacheKey = 160, Usage, "unusable key of a shared cache", "A public key is written as `ed25519:` and base64 of 32 bytes, a signing key as `ed25519-secret:` and base64 of 32 bytes, itself or in a file. `wheelbuild cache keygen FILE` makes a pair.";

    // 02: the source distribution and other archives
    BrokenArchive = 201, Failed, "broken archive", "The archive is cut short, damaged, or not of the format its content claims.";
    HostileArchive = 202, Failed, "hostile archive", "The archive holds an entry that would write outside its folder, a device, a link that leads out, two names for one file, or more data than the limits allow. The message names the entry. Nothing was written outside the build folder.";
    NotAnSdist = 203, Failed, "not a source distribution", "The input is no source distribution: it needs one top-level folder with a pyproject.toml or setup.py in it (PEP 517, PEP 625).";
    BadPyproject = 204, Failed, "wrong pyproject.toml", "pyproject.toml does not parse, or its [build-system] table breaks PEP 517 or PEP 518.";
    BadMetadata = 205, Failed, "wrong metadata", "PKG-INFO or METADATA breaks the core metadata specification, or names no name or version.";
    BrokenElf = 206, Failed, "broken ELF file", "A file starts like an ELF file and then is none.";
    BadLock = 230, Failed, "wrong lock file", "The lock does not parse, is of an unsupported version, contradicts itself, or names a package it does not hold. The message names the file, the line and the package.";
    AmbiguousLock = 231, Failed, "more than one version at once", "The lock wants two versions of one package for the same target and Python. Extras or groups that exclude each other can cause this: ask for them one at a time.";
    BrokenImage = 240, Failed, "broken image", "An image layout, docker archive or answer of a registry does not hold together: a manifest that is none, a blob that is missing or has another digest than its descriptor says, a layer that is no tar archive.";

    // 03: the build environment
    Resolution = 301, Failed, "build requirements do not resolve", "No set of versions satisfies the build requirements. The lines from the resolver say which requirements clash or do not exist.";
    MissingBuildRequirement = 302, Failed, "missing build requirement", "The backend, or something it imports, is not among the build requirements. The package's [build-system] requires is incomplete; add the requirement with `--build-requires` or in `[tool.wheelbuild.packages]`.";
    BuildLock = 303, Failed, "build lock violated", "A build requirement differs from the companion lock. Run again with `--upgrade` to lock anew.";
    BuildDependency = 304, Failed, "unusable build dependency", "A wheel given by `--build-dep` cannot be installed for this interpreter.";

    RustTarget = 370, Platform, "no Rust for the target", "The project is written in Rust, and no Rust toolchain that can be used compiles for the target: rustc, cargo and the standard libraries of the target and of the build machine are needed. The message says what each toolchain found lacks and which command installs it (`rustup target add …`); `--rust DIR` names another.";
    RustVersion = 371, Failed, "Rust is too old", "The project, or one of its crates, needs a later release of Rust than the toolchain that was found. The message names the release. `--rust DIR` names another toolchain.";
    CargoLock = 372, Failed, "wrong Cargo.lock or manifest", "A Cargo.toml or Cargo.lock of the project cannot be read, or no set of crates fits it.";

    // 04: the build
    Backend = 401, Failed, "the build backend failed", "The PEP 517 hook raised an error. The deciding lines come from its log.";
    Compiler = 402, Failed, "compiler error", "The compiler rejected a source file.";
    MissingHeader = 403, Failed, "missing header", "A source includes a header that is neither in the sdist, the target's C library, Python, nor a build requirement. It usually belongs to a native library: give the target's copy with `--sysroot`.";
    MissingLibrary = 404, Failed, "missing library", "The link names a library that the target does not have. Give the target's copy with `--sysroot`.";
    FloorTooLow = 405, Failed, "the C library floor is too low", "The package needs a function that the target's C library has only in a later version. Ask for a higher floor, for example `--target x86_64-linux-gnu.2.28`.";
    LostExtension = 406, Failed, "a compiled extension was lost", "The package fell back to pure Python because compiling failed. Such a wheel is slower and is not what the authors publish. `--allow-pure` accepts it.";
    Timeout = 407, Failed, "the build took too long", "The hook did not end in the time allowed (`--timeout`).";
    TargetProgram = 408, Failed, "the build ran a program of the target", "A build step tried to run a program compiled for the target on the build machine.";
    Limit = 409, Failed, "the build went over a limit", "The build used more memory, processes or disk than allowed (`--memory`, `--processes`, `--disk`).";
    Isolation = 410, Failed, "isolation is not available", "`--isolation` asks for more than this machine offers. `wheelbuild doctor` says what it offers and why.";
    Linker = 411, Failed, "linker error", "The linker rejected an input or an option.";
    Link = 412, Failed, "undefined symbol", "A symbol that the link needs is in none of its inputs.";
    Program = 413, Failed, "a program failed", "A program that the build needs could not be started or ended with an error. The message shows the last lines it printed.";
    RuntimeKit = 420, Failed, "the runtime kit cannot be made", "The parts that every link needs beside the program's own objects (start objects, C library stubs, compiler runtime, C++ runtime) are made with zig at first need, and zig failed. `--cc zig-cc` builds without a kit.";
    Impossible = 430, Failed, "no wheel is possible", "`--strict` was given, and a package can neither be taken as a wheel nor be built for a target. The plan says why and what would help.";
    Incomplete = 450, Failed, "the wheelhouse is incomplete", "`prefill` could not have everything that the locks want: packages for which no wheel fits and nothing can be built. The message lists them; everything else is in the wheelhouse, and its lock covers the targets for which nothing is missing.";
    WheelConflict = 451, Failed, "two wheels of one name", "Two different wheels have the same file name, and a wheelhouse has one place for each name. Builds for different targets or locks that name different files can cause this.";
    PathConflict = 440, Failed, "two files want one path", "Two wheels, or a wheel and the application, hold a file of the same path. Which of them an installer would keep depends on the order it is given, so neither is taken. The message names both.";
    Bytecode = 441, Failed, "bytecode cannot be compiled", "`--compile` needs an interpreter of the image's Python version on this machine, since bytecode is of one version. Without the option Python compiles at import.";
    NativeLibrary = 460, Failed, "no way to have a native library", "The catalogue has no archive and no recipe of a native library for this target. `--sysroot DIR` gives the target's own copy: headers below usr/include, archives and .pc files below usr/lib.";
    LibraryBuild = 461, Failed, "a native library does not build", "A library that the package needs was built from source for the target, and its recipe failed. The message shows the deciding lines and the full log. The target's own copy can be given with `--sysroot DIR`.";
    SourceUnavailable = 480, Network, "a source of the build cannot be had", "The build would download a source archive (a meson wrap, a CMake FetchContent) and it cannot be fetched from where it is declared. The message names the address and the sha256. Put the file into a folder and name it: `--sources DIR`.";
    SourceUnpinned = 481, Failed, "a source of the build is not a file", "The build would clone a repository. What a build fetches must be a file that a sha256 pins, since the build itself has no network. Ship the tree inside the sdist, or point the build system at a copy.";
    UnsupportedFlag = 482, Failed, "unsupported compiler option", "The package passes an option that the compiler does not know, or does not know for the target's machine, and that no rule of `toolchains/flags.toml` translates.";
    ForeignObject = 483, Failed, "an object of another machine", "The link was given an object or archive that is made for another machine than the target: something that the sdist or a build requirement ships ready made.";
    Download = 484, Failed, "the build tries to download", "A build step tried to reach the network. Builds have none, so that they give the same wheel again. Sources that meson wraps and CMake's FetchContent declare are fetched beforehand; anything else must be given.";

    Patch = 485, Failed, "a patch does not apply", "A patch named in `[packages.NAME] patches` does not fit the unpacked sdist: it is for another version, is no unified diff, or names files outside the sdist.";

    // 05: the judgement
    WrongMachine = 501, Platform, "built for the wrong machine", "A file in the wheel is for another architecture or C library than the target. The wheel was not written.";
    TooNewSymbol = 502, Platform, "needs a newer C library", "A file needs a symbol version above the asked floor. Ask for a higher floor.";
    ForeignLibrary = 503, Platform, "needs a library the platform does not promise", "A file needs a shared library that the platform tag (PEP 600, PEP 656) does not promise. Link it statically, or graft it.";
    UndefinedSymbol = 504, Platform, "a symbol nobody provides", "A file needs a symbol that neither the C library at the floor, its libraries, nor Python provides. It would fail at import.";
    BadExtension = 505, Platform, "not a loadable extension", "An extension module lacks its `PyInit_` function, carries a suffix for another Python or machine, or uses functions outside the stable ABI it claims.";
    MetadataMismatch = 506, Platform, "metadata contradicts the sdist", "The wheel's METADATA names another project, version or requirement than the sdist's PKG-INFO.";
    BadWheel = 507, Failed, "not a valid wheel", "A wheel breaks PEP 427, whether a backend made it or it was given: a missing or wrong WHEEL, METADATA or RECORD, a file that is not the one RECORD names, or a name that does not match.";
    UnsupportedTarget = 508, Platform, "unsupported for this target", "What was asked for cannot be done for this target; the message says what can.";
    LeakedRuntime = 509, Platform, "a C++ runtime leaks", "A file exports or imports C++ runtime symbols that must stay private to it.";
    NotReproducible = 510, Failed, "not reproducible", "A rebuild from the provenance gave other bytes. The message names the members that differ.";
    ImageCheck = 540, Platform, "the image would not work", "The check of the whole image found what the program loader, the kernel or Python would stumble over: a file for another machine, a library or symbol version that nothing in the image provides, an extension for another Python, a script whose interpreter is missing. The message says who needs what. Nothing was written. `--allow PATTERN` accepts what is found in files of that pattern.";
    NoInterpreter = 541, Platform, "no interpreter in the image", "Neither the base image nor `--interpreter` brings a Python of the asked version for the target, so nothing could run the application.";
    WheelDoesNotFit = 542, Platform, "no wheel fits", "A wheel is for another Python, machine or C library than the image, or a project has no wheel that fits one of the targets.";

    // 06: index and fetching
    Network = 601, Network, "network failure", "The package index could not be reached, or answered with an error. The user's pip or uv configuration decides which index is asked.";
    NotOnIndex = 602, Network, "not on the index", "The index has no such project, version or sdist.";
    HashMismatch = 603, Network, "hash mismatch", "A fetched file is not the file its sha256 names. It was thrown away.";
    Offline = 604, Network, "needs the network", "`--offline` forbids a fetch that this needs. The message lists what is missing; `wheelbuild toolchain fetch` gets the pinned tools beforehand.";
    ToolMissing = 605, Network, "pinned tool missing", "A pinned tool has no build for this machine. Give one with `--zig` or `--uv`.";
    IndexConfig = 606, Usage, "unreadable index configuration", "The package index that pip or uv is configured to use cannot be found out.";
    NoUsableHash = 630, Platform, "no hash that can be checked", "A lock names a file without a hash, or only with one of a kind that is broken (md5, sha1) or unknown. Nothing would show that what is fetched is what was locked. Lock again with a tool that writes sha256.";
    Registry = 640, Network, "image registry failure", "The image registry could not be reached, or refused what was asked. Credentials are taken from docker's configuration file (`~/.docker/config.json`, `DOCKER_CONFIG`, `REGISTRY_AUTH_FILE`) and the helpers it names.";
    NotInRegistry = 641, Network, "not in the registry", "The registry has no such image, tag or digest, or shows it to nobody without credentials.";
    LeftArchive = 660, Network, "left the archive", "A pinned package is in no Debian archive that is configured. Archives keep few versions, and another one is never used silently. The message names the file, its sha256 and the folder of the cache to put it into; `--debian-archive URL|DIR` names an archive or a folder that still has it.";
    CrateFetch = 670, Network, "crates cannot be fetched", "cargo could not fetch the crates that the project's Cargo.lock names. cargo's own configuration (`~/.cargo/config.toml`, CARGO_ variables, proxies) decides which registry is asked; the build itself has no network.";

    // 07: cache and storage
    Io = 701, Storage, "file access failed", "A file or folder could not be read or written.";
    DiskFull = 702, Storage, "disk full", "No room is left where the build, the cache or the output lies. `wheelbuild cache prune` frees the cache.";
    CacheEntry = 703, Storage, "bad cache entry", "A cache entry is damaged and could not be replaced.";
    RemoteCache = 760, Storage, "shared cache failure", "A shared cache does not answer, answers late or with an error, or takes no bytes. A build says so once, leaves the cache alone and goes on without it; only `cache push` and `cache pull` end with this error.";

    // 09: us
    Interrupted = 901, Interrupted, "interrupted", "Stopped by Ctrl-C or a termination signal. Nothing half-written was left.";
    Bug = 970, Bug, "a bug in wheelbuild", "Something happened that should be impossible. Please report it with the message and the output of `wheelbuild doctor`.";
}

impl Code {
    /// The code whose number is in `text` (`WB0402`, `wb402`, `402`).
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim_start_matches(['W', 'w']).trim_start_matches(['B', 'b']);
        let number: u16 = digits.parse().ok()?;
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WB{:04}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn numbers_are_unique_and_parse_back() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.number()), "{code} twice");
            assert_eq!(Code::parse(&code.to_string()), Some(*code));
            assert!(!code.explanation().is_empty() && !code.title().is_empty());
        }
        assert_eq!(Code::parse("hello"), None);
    }
}
