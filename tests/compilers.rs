//! Other compilers than the kit's: what `zig cc` and a user's wrapper link is what wheels must be.

mod common;

use std::os::unix::fs::PermissionsExt;

use common::Room;
use common::source::{Source, c_module};

/// An extension that asks something of the C library.
fn with_libc(name: &str) -> Source {
    Source::c(name, 1).file(&format!("{name}.c"), c_module(name, "#include <stdlib.h>", "rand()"))
}

/// What the one extension of the wheel needs.
fn needed(room: &Room, ran: &common::Ran) -> Vec<String> {
    let wheel = ran.wheel(room);
    let name = common::members(&wheel).into_iter().find(|name| name.ends_with(".so")).unwrap();
    let bytes = common::member(&wheel, &name);
    let file = wheelbuild::elf::ElfFile::parse(&bytes).unwrap();
    file.needed.iter().map(|&name| name.to_owned()).collect()
}

/// zig calls its musl `libc.so`, which no musllinux tag promises.
#[test]
fn musl_by_zig_cc_is_needed_by_the_name_of_wheels() {
    common::cache_with_tools();
    let room = Room::new();
    let sdist = with_libc("muslzig").sdist(&room);
    let ran =
        room.build(&sdist, "x86_64-linux-musl").args(["--cc", "zig-cc", "--no-cache"]).ran().succeeded();
    assert_eq!(needed(&room, &ran), ["libc.musl-x86_64.so.1"]);
}

#[test]
fn musl_by_a_users_wrapper_is_needed_by_the_name_of_wheels() {
    let cache = common::cache_with_tools();
    let room = Room::new();
    let zig = (common::names(&cache.join("tools")).into_iter())
        .find(|name| name.starts_with("zig-"))
        .map(|name| cache.join("tools").join(name).join("zig"))
        .unwrap();
    for (name, tool) in [("cc", "cc"), ("c++", "c++")] {
        let script = format!("#!/bin/sh\nexec {} {tool} -target aarch64-linux-musl \"$@\"\n", zig.display());
        let path = room.write(&format!("wrapper/{name}"), script);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let sdist = with_libc("muslwrap").sdist(&room);
    let ran = room
        .build(&sdist, "aarch64-linux-musl")
        .args(["--cc", "system", "--no-cache"])
        .env("CC", room.join("wrapper/cc"))
        .env("CXX", room.join("wrapper/c++"))
        .ran()
        .succeeded();
    assert_eq!(needed(&room, &ran), ["libc.musl-aarch64.so.1"]);
}

/// gcc finds the machine's headers, which other builds do not see, and its own assembler, which is
/// called as one of our drivers is.
#[test]
fn the_machines_own_gcc_builds_for_the_machine() {
    if !cfg!(target_arch = "x86_64") || which::which("gcc").is_err() {
        println!("SKIP the_machines_own_gcc_builds_for_the_machine: no gcc for x86_64");
        return;
    }
    common::cache_with_tools();
    let room = Room::new();
    let sdist = with_libc("bygcc").sdist(&room);
    for isolation in ["auto", "none"] {
        let ran = room
            .build(&sdist, "x86_64-linux")
            .args(["--cc", "system", "--no-cache", "--isolation", isolation])
            .env("CC", "gcc")
            .env("CXX", "g++")
            .ran()
            .succeeded();
        assert_eq!(needed(&room, &ran), ["libc.so.6"], "{isolation}");
    }
}
