//! What programs of the system say inside the hooks: the target's facts, but to those who ask what the build
//! itself runs on.

mod common;

use std::collections::BTreeMap;

use common::source::{Source, c_module};
use common::{Room, TARGET};

/// Runs each line of `questions` by a shell and packs what it said.
const SETUP: &str = "\
import json, subprocess
from setuptools import Extension, setup
said = {}
for line in open('questions').read().splitlines():
    ran = subprocess.run(line, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said[line] = ran.stdout.strip()
open('answers.py', 'w').write('said = ' + json.dumps(said))
setup(name='asker', version='1.0', py_modules=['answers'])
";

/// What `lines` print in a build for `target`.
fn ask(target: &str, lines: &[&str]) -> BTreeMap<String, String> {
    let room = Room::new();
    common::cache_with_tools();
    let guess =
        "#! /bin/sh\nmachine=$( (uname -m) 2>/dev/null) || machine=unknown\necho $machine-pc-linux-gnu\n";
    let project = "cmake_minimum_required(VERSION 3.10)\nproject(x NONE)\n\
        message(\"host is ${CMAKE_HOST_SYSTEM_PROCESSOR}, target is ${CMAKE_SYSTEM_PROCESSOR}\")\n";
    let source = Source::with_setup("asker", SETUP)
        .file("questions", lines.join("\n"))
        .file("config.guess", guess)
        .file("project/CMakeLists.txt", project);
    let ran = room.build(&source.sdist(&room), target).ran().succeeded();
    let text = String::from_utf8(common::member(&ran.wheel(&room), "answers.py")).unwrap();
    serde_json::from_str(text.strip_prefix("said = ").unwrap()).unwrap()
}

#[test]
fn they_speak_of_the_target() {
    let said = ask(
        TARGET,
        &[
            "uname -m",
            "uname -sr",
            "uname -a",
            "uname -p",
            "uname -i",
            "arch",
            "getconf LONG_BIT",
            "getconf GNU_LIBC_VERSION",
            "ldconfig -p",
            "ldd --version",
            "gcc -dumpmachine",
            "aarch64-linux-gnu-gcc -dumpmachine",
            "python3-config --extension-suffix",
            "aarch64-linux-gnu-python3-config --includes",
            "python3 -c 'import ctypes.util as u; print(u.find_library(\"nosuchthing\"), u.find_library(\"c\"))'",
        ],
    );
    let expect = |line: &str, text: &str| assert_eq!(said[line], text, "{line}: {said:#?}");
    expect("uname -m", "aarch64");
    expect("uname -sr", "Linux 5.10.0");
    expect("uname -a", "Linux localhost 5.10.0 #1 SMP aarch64 GNU/Linux");
    expect("uname -p", "unknown");
    expect("uname -i", "unknown");
    expect("arch", "aarch64");
    expect("getconf LONG_BIT", "64");
    expect("getconf GNU_LIBC_VERSION", "glibc 2.28");
    expect("ldconfig -p", "0 libs found in cache `/etc/ld.so.cache'");
    expect("ldd --version", "ldd (GNU libc) 2.28");
    expect("gcc -dumpmachine", "aarch64-linux-gnu");
    expect("aarch64-linux-gnu-gcc -dumpmachine", "aarch64-linux-gnu");
    assert!(said["python3-config --extension-suffix"].ends_with("-aarch64-linux-gnu.so"), "{said:#?}");
    assert!(said.values().any(|text| text.starts_with("None libc.so")), "{said:#?}");
    let includes = &said["aarch64-linux-gnu-python3-config --includes"];
    assert!(includes.starts_with("-I") && !includes.contains("/usr/"), "{includes}");
}

#[test]
fn of_a_small_and_of_a_musl_target_too() {
    let said = ask("armv7l-linux", &["uname -m", "getconf LONG_BIT", "gcc -dumpmachine"]);
    assert_eq!(said["uname -m"], "armv7l");
    assert_eq!(said["getconf LONG_BIT"], "32");
    assert_eq!(said["gcc -dumpmachine"], "armv7-linux-gnueabihf");
    let said = ask("aarch64-linux-musl", &["getconf GNU_LIBC_VERSION || echo none", "ldd --version"]);
    assert!(said["getconf GNU_LIBC_VERSION || echo none"].ends_with("none"), "{said:?}");
    assert!(said["ldd --version"].starts_with("musl libc (aarch64)"), "{said:?}");
}

#[test]
fn who_asks_for_the_build_machine_hears_of_it() {
    let build = std::env::consts::ARCH;
    let target = if build == "aarch64" { "x86_64-linux" } else { TARGET };
    let asked = [
        "sh ./config.guess",
        "./config.guess 2>/dev/null || /bin/sh config.guess",
        "sh -c 'uname -m'",
        "uname --version | head -n 1",
        "getconf _NPROCESSORS_ONLN",
    ];
    let said = ask(target, &asked);
    for line in &asked[..2] {
        assert_eq!(said[*line], format!("{build}-pc-linux-gnu"), "{said:?}");
    }
    assert_ne!(said[asked[2]], build);
    assert!(said[asked[3]].contains("uname"), "{said:?}");
    said[asked[4]].parse::<u32>().unwrap();
}

#[test]
fn cmake_knows_both_machines() {
    if !common::has("cmake") {
        return common::skip("no cmake on this machine");
    }
    let build = std::env::consts::ARCH;
    let line = "cmake -S project -B /tmp/built 2>&1 | grep 'host is' | tr -d '\\n'";
    let said = ask("s390x-linux", &[line]);
    assert_eq!(said[line], format!("host is {build}, target is s390x"));
}

/// The build machine's own ld.so.cache must not decide that an extension is left out, nor that it is
/// built against what is not there.
#[test]
fn a_library_that_ctypes_is_asked_for() {
    let setup = |library: &str| {
        format!(
            "from ctypes.util import find_library\nfrom setuptools import Extension, setup\n\
             found = find_library('{library}')\n\
             setup(name='loader', version='1.0', py_modules=['loader'], ext_modules=\n\
             \x20   [Extension('_loader', ['_loader.c'], libraries=['{library}'])] if found else [])\n"
        )
    };
    let source = |library: &str| {
        Source::with_setup("loader", &setup(library))
            .file("loader.py", "answer = 42\n")
            .file("_loader.c", c_module("_loader", "", "42"))
    };
    let room = Room::new();
    common::cache_with_tools();
    let sdist = source("nosuchthing").sdist(&room);
    room.build(&sdist, TARGET).ran().failed(1, "WB0406").says("nosuchthing").hints("--allow-pure");
    room.build(&sdist, TARGET).arg("--allow-pure").ran().succeeded();
    // Part of every C library, also of the target's.
    let room = Room::new();
    let ran = room.build(&source("m").sdist(&room), TARGET).ran().succeeded();
    assert!(ran.wheel(&room).to_string_lossy().contains("aarch64"), "{ran}");
}
