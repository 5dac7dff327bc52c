//! Same inputs, same bytes: from any folder, user, umask, time zone, locale, number of jobs and
//! isolation.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::source::{REQUIRES, Source, c_module};
use common::{Ran, Room, TARGET};

/// An extension that tells where, when and how it was compiled, if the compiler lets it, and a setup.py
/// that generates code with everything it can see of its surroundings.
fn telltale() -> Source {
    telling("os.path.abspath('.')")
}

/// The same, with the Python expression `place` written into a module.
fn telling(place: &str) -> Source {
    let head = "static const char told[] = __FILE__ \" \" __DATE__ \" \" __TIME__;";
    let setup = "import os\nplace = PLACE\nfrom setuptools import Extension, setup\n\
                 names = sorted({'a', 'b', 'c', 'd'}, key=hash)\n\
                 open('generated.h', 'w').write('/* %s */\\n#define NAMES \"%s\"\\n' % (os.getcwd(), ''.join(names)))\n\
                 os.makedirs('pkg', exist_ok=True)\n\
                 open('pkg/__init__.py', 'w').write('made_in = %r\\numask = %r\\n' % (place, oct(os.umask(0o022))))\n\
                 open('pkg/data.txt', 'w').write('%s %s\\n' % (os.environ.get('TZ'), os.environ.get('USER')))\n\
                 setup(name='telltale', version='1.0', packages=['pkg'], package_data={'pkg': ['*.txt']},\n\
                 ext_modules=[Extension('telltale', ['telltale.c'], include_dirs=[os.path.abspath('.')], extra_compile_args=['-g'])])\n"
        .replace("PLACE", place);
    Source::c("telltale", 1).requires(&[REQUIRES]).file("setup.py", setup).file(
        "telltale.c",
        c_module("telltale", &format!("#include \"generated.h\"\n{head}"), "sizeof told + sizeof NAMES"),
    )
}

/// The digest of an uncached build in a new folder with a new cache, as `change` would have it.
fn digest(change: impl FnOnce(common::Run) -> common::Run) -> String {
    let room = Room::with_own_cache();
    let sdist = telltale().sdist(&room);
    digest_of(&change(room.build(&sdist, TARGET).args(["--json", "--no-cache"])).ran().succeeded())
}

fn digest_of(ran: &Ran) -> String {
    let json = ran.json();
    assert_eq!(json["wheels"][0]["cached"], false);
    json["wheels"][0]["sha256"].as_str().unwrap().to_owned()
}

/// The digest of a build with nothing special.
fn plain() -> &'static str {
    static PLAIN: OnceLock<String> = OnceLock::new();
    PLAIN.get_or_init(|| digest(|run| run))
}

#[test]
fn another_folder_and_another_cache() {
    assert_eq!(digest(|run| run), plain());
}

#[test]
fn a_cached_wheel_is_the_uncached_one() {
    let room = Room::with_own_cache();
    let sdist = telltale().sdist(&room);
    for cached in [false, true] {
        let json = room.build(&sdist, TARGET).arg("--json").ran().succeeded().json();
        assert_eq!(json["wheels"][0]["cached"], cached);
        assert_eq!(json["wheels"][0]["sha256"], plain());
    }
}

#[test]
fn another_file_name_of_the_same_sdist() {
    let room = Room::with_own_cache();
    let sdist = telltale().sdist(&room);
    let other = room.join("any other name.bin");
    std::fs::rename(sdist, &other).unwrap();
    let ran = room.build(&other, TARGET).args(["--json", "--no-cache"]).ran().succeeded();
    assert_eq!(digest_of(&ran), plain());
}

#[test]
fn another_umask() {
    for umask in ["0000", "0077"] {
        let room = Room::with_own_cache();
        let sdist = telltale().sdist(&room);
        let run = room.build(&sdist, TARGET).args(["--json", "--no-cache"]);
        let mut shell = Command::new("sh");
        shell.args(["-c", "umask \"$0\" && exec \"$@\"", umask]);
        let ran = Ran::of(through(shell, &run.command).output().unwrap()).succeeded();
        assert_eq!(digest_of(&ran), plain(), "umask {umask}");
    }
}

/// `outer` followed by the words of `command`, in its folder and environment.
fn through(mut outer: Command, command: &Command) -> Command {
    outer.arg(command.get_program()).args(command.get_args());
    outer.current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

#[test]
fn another_time_zone_and_locale() {
    let there = digest(|run| {
        run.env("TZ", "Pacific/Kiritimati").env("LANG", "tr_TR.UTF-8").env("LC_ALL", "tr_TR.UTF-8")
    });
    assert_eq!(there, plain());
}

#[test]
fn another_environment() {
    let noise = digest(|run| {
        run.env("CFLAGS", "-DNOISE -O0")
            .env("PYTHONHASHSEED", "7")
            .env("PYTHONPATH", "/nonexistent")
            .env("USER", "somebody")
            .env("MAKEFLAGS", "-j7")
            .env("CC", "/bin/false")
            .env("HOME", "/nonexistent")
    });
    assert_eq!(noise, plain());
}

#[test]
fn any_number_of_jobs() {
    assert_eq!(digest(|run| run.args(["--jobs", "1"])), plain());
    assert_eq!(digest(|run| run.args(["--jobs", "2"])), plain());
}

/// The isolations that work here, strongest first.
fn isolations() -> Vec<&'static str> {
    let json = Room::new().wheelbuild(["doctor", "--json"]).ran().succeeded().json();
    let rows = json["isolation"].as_array().unwrap().clone();
    let works = |kind: &&str| rows.iter().any(|row| row["kind"] == *kind && row["works"] == true);
    let (all, none): (Vec<_>, Vec<_>) = ["namespaces", "landlock", "none"].into_iter().partition(works);
    none.iter().for_each(|kind| common::skip(&format!("isolation {kind} does not work here")));
    all
}

#[test]
fn every_isolation() {
    let room = Room::with_own_cache();
    // Text that names the build folder is the project's own and stays as it is, below.
    let sdist = telling("'here'").sdist(&room);
    let build = |kind: &&str| {
        let run = room.build(&sdist, TARGET).args(["--json", "--no-cache", "--isolation", kind]);
        digest_of(&run.ran().succeeded())
    };
    let digests: Vec<String> = isolations().iter().map(build).collect();
    assert!(digests.len() >= 2 && digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

#[test]
fn a_wheel_that_names_the_build_folder_says_so() {
    let room = Room::with_own_cache();
    let sdist = telltale().sdist(&room);
    for kind in isolations() {
        let ran = room.build(&sdist, TARGET).args(["--json", "--no-cache", "--isolation", kind]).ran();
        let notes = ran.succeeded().json()["wheels"][0]["notes"].to_string();
        assert!(
            notes.contains("`pkg/__init__.py` names the build folder `/build/src` in line 1"),
            "{kind}: {notes}"
        );
    }
}

#[test]
fn source_date_epoch_decides_the_bytes_and_nothing_else_does() {
    let at = |epoch: &str| digest(|run| run.env("SOURCE_DATE_EPOCH", epoch));
    assert_eq!(at("315532800"), plain(), "the default, spelled out");
    let later = at("1700000000");
    assert_ne!(later, plain());
    assert_eq!(at("1700000000"), later);
    Room::new()
        .wheelbuild(["build", "x==1", "--target", TARGET])
        .env("SOURCE_DATE_EPOCH", "today")
        .ran()
        .failed(2, "WB0104");
}

#[test]
fn another_user() {
    if !common::is_root() || !common::has("setpriv") {
        return common::skip("only root may become another user, by setpriv");
    }
    const NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    // A folder that anybody can reach, and an interpreter likewise.
    let folder = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .unwrap();
    let python = Path::new("/usr/bin/python3");
    let reaches = |path: &Path| {
        Command::new("setpriv")
            .args(NOBODY)
            .args(["test", "-r"])
            .arg(path)
            .status()
            .is_ok_and(|status| status.success())
    };
    let shared = common::cache_with_tools();
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_wheelbuild"));
    for needed in [python, &shared.join("tools"), &binary, folder.path()] {
        if !reaches(needed) {
            return common::skip(&format!("another user cannot reach {}", needed.display()));
        }
    }
    let room = Room::new();
    let sdist = telltale().sdist(&room);
    let place = folder.path().join("telltale-1.0.tar.gz");
    std::fs::copy(&sdist, &place).unwrap();
    let mut digests = Vec::new();
    for user in ["root", "nobody"] {
        let home = folder.path().join(user);
        std::fs::create_dir_all(home.join("cache")).unwrap();
        for name in ["tools", "kits"] {
            std::os::unix::fs::symlink(shared.join(name), home.join("cache").join(name)).unwrap();
        }
        if user == "nobody" {
            let chown = Command::new("chown").args(["-R", "65534:65534"]).arg(&home).status().unwrap();
            assert!(chown.success());
        }
        let run = room
            .wheelbuild([
                "build",
                "--json",
                "--no-cache",
                "--target",
                TARGET,
                "--python",
                "/usr/bin/python3",
                "-o",
            ])
            .arg(home.join("out"))
            .arg(&place)
            .stand_in(&home)
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("WHEELBUILD_CACHE_DIR", home.join("cache"));
        let ran = if user == "nobody" {
            let mut other = Command::new("setpriv");
            other.args(NOBODY);
            Ran::of(through(other, &run.command).output().unwrap())
        } else {
            run.ran()
        };
        if ran.stderr.contains("has no C headers") {
            return common::skip("/usr/bin/python3 has no C headers");
        }
        digests.push(digest_of(&ran.succeeded()));
        // The files' owner shows that these were two users.
        let wheel = std::fs::read_dir(home.join("out")).unwrap().flatten().next().unwrap();
        let owner = std::os::unix::fs::MetadataExt::uid(&wheel.metadata().unwrap());
        assert_eq!(owner, if user == "nobody" { 65534 } else { 0 });
    }
    assert_eq!(digests[0], digests[1]);
}
