//! The command line of the real binary: what it prints where, how it ends, and each verb.

mod common;

use std::fs;

use common::source::Source;
use common::{Ran, Room, TARGET, member, members, sha256};
use serde_json::Value;

/// A finished build of `source`, in a room of its own.
fn built(source: &Source) -> (Room, std::path::PathBuf, std::path::PathBuf) {
    common::cache_with_tools();
    let room = Room::new();
    let sdist = source.sdist(&room);
    let wheel = room.build(&sdist, TARGET).ran().succeeded().wheel(&room);
    (room, sdist, wheel)
}

/// The keys of a JSON object, in order.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn standard_output_is_the_paths_as_the_output_folder_gives_them() {
    common::cache_with_tools();
    let room = Room::new();
    Source::c("paths", 1).sdist(&room);
    // The literal spelling of the first page of the documentation.
    let ran = room.wheelbuild(["paths-1.0.tar.gz", "--target", "x86_64-linux"]).ran().succeeded();
    let names = room.names("dist");
    let wheel = names.iter().find(|name| name.ends_with(".whl")).unwrap();
    assert_eq!(ran.stdout, format!("dist/{wheel}\n"));
    assert!(wheel.contains("-manylinux_2_") && wheel.ends_with("_x86_64.whl"), "{wheel}");
    assert_eq!(names.len(), 2, "the wheel and its provenance: {names:?}");
    assert!(names.contains(&format!("{wheel}.intoto.json")), "{names:?}");
    let absolute = room.join("elsewhere/deep");
    let ran = room
        .wheelbuild(["build", "paths-1.0.tar.gz", "--target", "x86_64-linux", "--outdir"])
        .arg(&absolute)
        .ran()
        .succeeded();
    assert_eq!(ran.stdout, format!("{}/{wheel}\n", absolute.display()));
}

#[test]
fn the_wheel_imports_where_it_was_built_for() {
    if std::env::consts::ARCH != "x86_64" {
        return common::skip("the wheel is for x86_64");
    }
    common::cache_with_tools();
    let room = Room::new();
    let sdist = Source::c("runs", 42).sdist(&room);
    let wheel = room.build(&sdist, "x86_64-linux").ran().succeeded().wheel(&room);
    room.wheelbuild(["install", "-o", "site"]).arg(&wheel).ran().succeeded();
    let output = std::process::Command::new("python3")
        .args(["-c", "import runs; print(runs.answer())"])
        .env("PYTHONPATH", room.join("site"))
        .output()
        .unwrap();
    assert_eq!(Ran::of(output).succeeded().stdout, "42\n");
}

#[test]
fn several_sources_for_several_targets() {
    common::cache_with_tools();
    let room = Room::new();
    Source::c("multi", 1).sdist(&room);
    Source::in_tree("other").sdist(&room);
    let arguments = ["multi-1.0.tar.gz", "other-1.0.tar.gz", "--target", TARGET, "--target", "x86_64-linux"];
    let ran = room.wheelbuild(arguments).args(["-o", "out"]).ran().succeeded();
    let names: Vec<&str> =
        ran.stdout.lines().map(|line| line.strip_prefix("out/multi-1.0-").unwrap_or(line)).collect();
    assert!(names[0].ends_with("_aarch64.whl") && names[1].ends_with("_x86_64.whl"), "{ran}");
    assert_eq!(names[2..], ["out/other-1.0-py3-none-any.whl"; 2]);
    // The closing table: every wheel with its digest, and the totals.
    for wheel in ran.wheels(&room) {
        assert!(ran.stderr.contains(&sha256(&wheel)), "{ran}");
    }
    assert!(ran.stderr.lines().last().unwrap().starts_with("4 in "), "{ran}");
}

#[test]
fn one_failure_among_several_leaves_the_others_and_comes_last() {
    common::cache_with_tools();
    let room = Room::new();
    Source::in_tree("good").sdist(&room);
    Source::with_setup("bad", "raise SystemExit('not today')\n").sdist(&room);
    let ran =
        room.wheelbuild(["bad-1.0.tar.gz", "good-1.0.tar.gz", "--target", TARGET]).ran().failed(1, "WB0401");
    assert_eq!(ran.stdout, "dist/good-1.0-py3-none-any.whl\n");
    let lines: Vec<&str> = ran.stderr.lines().rev().take(3).collect();
    assert!(lines[0].contains("1 built") || lines[0].contains("1 cached"), "{ran}");
    assert!(lines[0].contains("1 failed"), "{ran}");
    assert!(lines[1].starts_with("bad-1.0.tar.gz for ") && lines[1].contains("WB0401"), "{ran}");
}

#[test]
fn arguments_from_a_file() {
    common::cache_with_tools();
    let room = Room::new();
    Source::in_tree("listed").sdist(&room);
    room.write("arguments", format!("listed-1.0.tar.gz\n--target\n{TARGET}\n-o\nfolder with spaces\n"));
    let ran = room.wheelbuild(["build", "@arguments"]).ran().succeeded();
    assert_eq!(ran.stdout, "folder with spaces/listed-1.0-py3-none-any.whl\n");
}

#[test]
fn json_of_a_build() {
    common::cache_with_tools();
    let room = Room::new();
    Source::in_tree("shaped").sdist(&room);
    Source::with_setup("bad", "raise SystemExit('not today')\n").sdist(&room);
    let ran = room
        .wheelbuild(["shaped-1.0.tar.gz", "bad-1.0.tar.gz", "--target", TARGET, "--json", "--keep"])
        .ran();
    let json = ran.failed(1, "WB0401").json();
    assert_eq!(keys(&json), ["version", "wheels", "errors"]);
    assert_eq!(json["version"], 1);
    let wheel = &json["wheels"][0];
    let expected = ["path", "name", "project_version", "tag", "target", "sha256", "size", "cached", "notes"];
    assert_eq!(keys(wheel), expected);
    assert_eq!(wheel["path"], "dist/shaped-1.0-py3-none-any.whl");
    assert_eq!(wheel["sha256"], sha256(&room.join("dist/shaped-1.0-py3-none-any.whl")));
    assert_eq!(wheel["target"], TARGET);
    let error = &json["errors"][0];
    assert_eq!(error["code"], "WB0401");
    let expected =
        ["source", "target", "code", "title", "message", "causes", "lines", "hints", "log", "kept"];
    assert_eq!(keys(error), expected);
    assert!(fs::metadata(error["log"].as_str().unwrap()).unwrap().is_file());
    assert!(fs::metadata(error["kept"].as_str().unwrap()).unwrap().is_dir());
}

#[test]
fn json_of_an_error_before_any_work() {
    let room = Room::new();
    let ran = room.wheelbuild(["build", "x==1", "--target", "nowhere", "--json"]).ran().failed(2, "WB0102");
    let json = ran.json();
    assert_eq!(json["error"]["code"], "WB0102");
    assert_eq!(json["version"], 1);
}

#[test]
fn settings_reach_the_backend() {
    common::cache_with_tools();
    let room = Room::new();
    let sdist = Source::in_tree("settings").sdist(&room);
    let ran = room.build(&sdist, TARGET).args(["-C", "a=1", "--config-setting", "b=x", "-C", "b=y=z"]).ran();
    let text = member(&ran.succeeded().wheel(&room), "settings.py");
    assert_eq!(String::from_utf8(text).unwrap(), "settings = {'a': '1', 'b': ['x', 'y=z']}\n");
}

#[test]
fn settings_of_the_configuration_file_reach_the_backend() {
    common::cache_with_tools();
    let room = Room::new();
    let sdist = Source::in_tree("configured").sdist(&room);
    let text = format!(
        "target = '{TARGET}'\noutdir = 'here'\n[packages.Configured]\nconfig-settings = {{ a = 'file', b = 'file' }}\n"
    );
    room.write("wheelbuild.toml", text);
    let ran = room.wheelbuild(["build"]).arg(&sdist).args(["-C", "b=flag"]).ran().succeeded();
    assert!(ran.stdout.starts_with("here/"), "{ran}");
    let text = member(&ran.wheel(&room), "configured.py");
    assert_eq!(String::from_utf8(text).unwrap(), "settings = {'a': 'file', 'b': 'flag'}\n");
}

#[test]
fn quiet_and_verbose() {
    common::cache_with_tools();
    let room = Room::new();
    let sdist = Source::in_tree("loud").sdist(&room);
    let run = |flag: &[&str]| room.build(&sdist, TARGET).args(["--no-cache"]).args(flag).ran().succeeded();
    assert_eq!(run(&["-q"]).stderr, "");
    let normal = run(&[]).stderr;
    assert!(normal.contains("sha256") && !normal.contains("loud 1.0: hooks"), "{normal}");
    let verbose = run(&["-v"]).stderr;
    assert!(verbose.contains("loud 1.0: hooks") && !verbose.contains('…'), "{verbose}");
    assert!(run(&["-vv"]).stderr.contains("loud 1.0: hooks …"));
    // Errors are told however quiet it is to be.
    room.wheelbuild(["-qq", "explain", "nothing"]).ran().failed(2, "WB0101");
}

#[test]
fn colour_only_where_it_is_wanted() {
    let room = Room::new();
    let colored = |flags: &[&str], variables: &[(&str, &str)]| {
        let mut run = room.wheelbuild(["explain", "nothing"]).args(flags);
        for (name, value) in variables {
            run = run.env(name, value);
        }
        run.ran().stderr.contains('\x1b')
    };
    assert!(!colored(&[], &[]), "standard error is no terminal");
    assert!(colored(&["--color", "always"], &[]));
    assert!(colored(&["--color", "always"], &[("NO_COLOR", "1")]), "a flag wins over a variable");
    assert!(colored(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!colored(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn explain_a_code() {
    let room = Room::new();
    insta::assert_snapshot!(room.wheelbuild(["explain", "WB0403"]).ran().succeeded().stdout, @r"
    WB0403: missing header (exit code 1)

    A source includes a header that is neither in the sdist, the target's C library, Python, nor a build requirement. It usually belongs to a native library: give the target's copy with `--sysroot`.
    ");
    let json = room.wheelbuild(["explain", "wb403", "--json"]).ran().succeeded().json();
    assert_eq!(keys(&json), ["version", "code", "title", "explanation", "exit"]);
    room.wheelbuild(["explain", "WB0493"]).ran().failed(2, "WB0101").hints("did you mean `WB0403`?");
}

#[test]
fn doctor() {
    let room = Room::new();
    let json = room.wheelbuild(["doctor", "--json"]).ran().succeeded().json();
    let expected = [
        "version",
        "wheelbuild",
        "recipe",
        "machine",
        "system",
        "cores",
        "cache",
        "configuration",
        "isolation",
        "tools",
        "pythons",
    ];
    assert_eq!(keys(&json), expected);
    let kinds: Vec<&Value> = json["isolation"].as_array().unwrap().iter().map(|kind| &kind["kind"]).collect();
    assert_eq!(kinds, ["namespaces", "landlock", "none"]);
    assert!(!json["pythons"].as_array().unwrap().is_empty());
    room.wheelbuild(["doctor"]).ran().succeeded();
}

#[test]
fn inspect() {
    let (room, sdist, wheel) = built(&Source::c("looked", 1));
    let json = room.wheelbuild(["inspect", "--json"]).arg(&wheel).ran().succeeded().json();
    assert_eq!((&json["kind"], &json["name"]), (&"wheel".into(), &"looked".into()));
    assert_eq!(json["sha256"], sha256(&wheel));
    let binary = json["members"].as_array().unwrap().iter().find(|member| member["machine"].is_string());
    assert_eq!(binary.unwrap()["machine"], "aarch64");
    let json = room.wheelbuild(["inspect", "--json"]).arg(&sdist).ran().succeeded().json();
    assert_eq!((&json["kind"], &json["backend"]), (&"sdist".into(), &"setuptools.build_meta".into()));
    let text = room.wheelbuild(["inspect"]).arg(&wheel).ran().succeeded().stdout;
    assert!(text.contains("kind: wheel") && text.contains("aarch64"), "{text}");
    room.wheelbuild(["inspect", "nothing.whl"]).ran().failed(2, "WB0106");
}

#[test]
fn check() {
    let (room, _, wheel) = built(&Source::c("checked", 1));
    let check = |target: &str| room.wheelbuild(["check", "--target", target]).arg(&wheel).ran();
    let stdout = check(TARGET).succeeded().stdout;
    assert!(stdout.contains(": ok, manylinux_2_17_aarch64"), "{stdout}");
    check("x86_64-linux").failed(4, "WB0501");
    // Its name says so before its content does.
    check("aarch64-linux-musl").failed(4, "WB0505").says("aarch64-linux-musl.so");
    // A whole folder, as JSON.
    let json = room.wheelbuild(["check", "out", "--json", "--target", TARGET]).ran().succeeded().json();
    assert_eq!(keys(&json), ["version", "target", "wheels"]);
    assert_eq!(json["wheels"][0]["ok"], true);
    room.wheelbuild(["check", "nowhere", "--target", TARGET]).ran().failed(2, "WB0106");
}

#[test]
fn verify_says_same_bytes() {
    let (room, sdist, wheel) = built(&Source::c("proven", 1));
    let ran = room.wheelbuild(["verify"]).arg(&wheel).arg("--sdist").arg(&sdist).ran().succeeded();
    assert_eq!(ran.stdout, format!("{}: same bytes, sha256 {}\n", wheel.display(), sha256(&wheel)));
}

#[test]
fn verify_finds_a_changed_wheel() {
    let (room, sdist, wheel) = built(&Source::in_tree("tampered"));
    let before = sha256(&wheel);
    // The same members, one of them another.
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in members(&wheel) {
        let mut bytes = member(&wheel, &name);
        if name == "tampered.py" {
            bytes.extend_from_slice(b"import evil\n");
        }
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, &bytes).unwrap();
    }
    fs::write(&wheel, zip.finish().unwrap().into_inner()).unwrap();
    let verify = || room.wheelbuild(["verify"]).arg(&wheel).arg("--sdist").arg(&sdist).ran();
    verify().failed(5, "WB0603").says("the provenance is not of");
    // Even with a provenance that was changed with it.
    let provenance = room.join(format!("{}.intoto.json", wheel.display()));
    let text = fs::read_to_string(&provenance).unwrap().replace(&before, &sha256(&wheel));
    fs::write(&provenance, text).unwrap();
    verify().failed(1, "WB0510").shows("tampered.py");
    fs::remove_file(&provenance).unwrap();
    verify().failed(2, "WB0106").says("has no provenance");
}

#[test]
fn completions_and_man_page() {
    let room = Room::new();
    for (shell, mark) in
        [("bash", "complete -F"), ("zsh", "#compdef wheelbuild"), ("fish", "complete -c wheelbuild")]
    {
        let text = room.wheelbuild(["completions", shell]).ran().succeeded().stdout;
        assert!(text.contains(mark) && text.contains("--target") || text.contains("-l target"), "{shell}");
    }
    let man = room.wheelbuild(["man"]).ran().succeeded().stdout;
    assert!(man.contains(".TH wheelbuild 1") && man.contains("Exit codes"), "{man}");
}

#[test]
fn help_names_the_exit_codes_and_goes_to_standard_output() {
    let room = Room::new();
    let help = room.wheelbuild(["--help"]).ran().succeeded();
    assert!(help.stdout.contains("Exit codes: 0 ok, 1 build or check failed, 2 usage"), "{help}");
    assert_eq!(help.stderr, "");
    let wrong = room.wheelbuild(["build", "--no-such-flag"]).ran();
    assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(2), ""), "{wrong}");
}

#[test]
fn events_are_json_lines() {
    common::cache_with_tools();
    let room = Room::new();
    let sdist = Source::in_tree("eventful").sdist(&room);
    room.build(&sdist, TARGET).args(["--no-cache", "--events", "run.jsonl"]).ran().succeeded();
    let text = fs::read_to_string(room.join("run.jsonl")).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let phases: Vec<&Value> =
        events.iter().filter(|event| event["event"] == "phase-ended").map(|event| &event["phase"]).collect();
    assert!(phases.ends_with(&[&"hooks".into(), &"judge".into()]) && phases[0] == "unpack", "{phases:?}");
    let wheel = events.iter().find(|event| event["event"] == "wheel").unwrap();
    assert_eq!(wheel["file"], "out/eventful-1.0-py3-none-any.whl");
}

/// What a worker of a build system has lying about must not reach a hermetic run.
#[test]
fn a_hermetic_run_takes_nothing_but_its_arguments() {
    let room = Room::new();
    room.write("wheelbuild.toml", "nonsense = true\n");
    let ran = room.wheelbuild(["toolchain", "list"]).ran();
    assert_eq!(ran.code, Some(2), "the configuration is read otherwise: {}", ran.stderr);
    let ran = room
        .wheelbuild(["toolchain", "list", "--hermetic", "--json"])
        .env("WHEELBUILD_CACHE_DIR", "/proc/nowhere")
        .env("WHEELBUILD_CONFIG", "/proc/nowhere/wheelbuild.toml")
        .env("SOURCE_DATE_EPOCH", "yesterday")
        .ran()
        .succeeded();
    let listed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(listed["tools"][0]["program"].is_null(), "a tool of another cache was found: {listed}");
    let ran = room.wheelbuild(["toolchain", "fetch", "zig", "--hermetic"]).ran();
    assert_eq!(ran.code, Some(5), "the network is not asked: {}", ran.stderr);
}
