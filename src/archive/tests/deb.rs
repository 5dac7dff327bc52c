use std::path::Path;

use super::tar::{entry, file, folder, gzip, hard_link, symlink, tar};
use super::{Sandbox, assert_refused};
use crate::archive::{Limits, Unpacked, unpack_deb};
use crate::report::{Code, Result};

fn member(name: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, data.len()).into_bytes();
    bytes.extend_from_slice(data);
    if data.len() % 2 == 1 {
        bytes.push(b'\n');
    }
    bytes
}

fn deb(data: &[u8]) -> Vec<u8> {
    [
        b"!<arch>\n".to_vec(),
        member("debian-binary", b"2.0\n"),
        member("control.tar.gz", &gzip(&tar(&[]))),
        member("data.tar.gz", data),
    ]
    .concat()
}

fn run(sandbox: &Sandbox, bytes: &[u8]) -> Result<Unpacked> {
    sandbox.run(bytes, |archive, into| unpack_deb(archive, into, &Limits::default()))
}

#[track_caller]
fn assert_fails(bytes: &[u8], code: Code, words: &[&str]) {
    assert_refused(&run(&Sandbox::new(), bytes).unwrap_err(), code, words);
}

#[test]
fn files_are_unpacked_as_below_the_root() {
    let data = [
        folder("./"),
        folder("./usr/"),
        file("./usr/lib/libz.so.1.3", b"elf"),
        symlink("./usr/lib/libz.so.1", "libz.so.1.3"),
        symlink("./usr/lib/absolute.so", "/usr/lib/libz.so.1"),
        symlink("./lib", "usr/lib"),
        symlink("./usr/share/across", "../../lib/libz.so.1"),
        hard_link("./usr/lib/copy", "./usr/lib/libz.so.1.3"),
    ];
    for packed in [gzip(&tar(&data)), tar(&data)] {
        let sandbox = Sandbox::new();
        run(&sandbox, &deb(&packed)).unwrap();
        for name in ["usr/lib/absolute.so", "lib/copy", "usr/share/across"] {
            assert_eq!(std::fs::read(sandbox.inside().join(name)).unwrap(), b"elf", "{name}");
        }
        let link = std::fs::read_link(sandbox.inside().join("usr/lib/absolute.so")).unwrap();
        assert_eq!(link, Path::new("../../usr/lib/libz.so.1"));
    }
}

#[test]
fn links_that_lead_out_are_refused() {
    let hostile = Code::HostileArchive;
    assert_fails(&deb(&gzip(&tar(&[symlink("a", "../evil")]))), hostile, &["`a`", "leads out"]);
    assert_fails(&deb(&gzip(&tar(&[symlink("usr/a", "/../../evil")]))), hostile, &["`usr/a`", "leads out"]);
    assert_fails(
        &deb(&gzip(&tar(&[symlink("u/v/up", ".."), symlink("l", "u/v/up/../../x")]))),
        hostile,
        &["`l`"],
    );
    assert_fails(
        &deb(&gzip(&tar(&[symlink("a", "/etc"), file("a/evil", b"x")]))),
        hostile,
        &["through the link"],
    );
    assert_fails(&deb(&gzip(&tar(&[entry(b'3', b"dev/null", b"", b"")]))), hostile, &["device"]);
}

#[test]
fn names_may_differ_by_case_and_not_be_the_same() {
    let sandbox = Sandbox::new();
    run(&sandbox, &deb(&gzip(&tar(&[file("usr/xt_MARK.h", b"1"), file("usr/xt_mark.h", b"2")])))).unwrap();
    assert_eq!(std::fs::read(sandbox.inside().join("usr/xt_MARK.h")).unwrap(), b"1");
    let twice = deb(&gzip(&tar(&[file("usr/a", b"1"), file("usr/a", b"2")])));
    assert_fails(&twice, Code::HostileArchive, &["twice"]);
}

#[test]
fn containers_that_are_no_package_are_refused() {
    let data = gzip(&tar(&[file("usr/a", b"x")]));
    let broken = Code::BrokenArchive;
    assert_fails(b"!<arch>\n", broken, &["debian-binary"]);
    assert_fails(b"nothing", broken, &[]);
    assert_fails(&[b"!<arch>\n".to_vec(), member("data.tar.gz", &data)].concat(), broken, &["debian-binary"]);
    assert_fails(&[b"!<arch>\n".to_vec(), member("debian-binary", b"3.0\n")].concat(), broken, &["format 2"]);
    let head = [b"!<arch>\n".to_vec(), member("debian-binary", b"2.0\n")].concat();
    assert_fails(&head, Code::HostileArchive, &["exactly one"]);
    let two = [head.clone(), member("data.tar.gz", &data), member("data.tar.xz", &data)].concat();
    assert_fails(&two, Code::HostileArchive, &["exactly one"]);
    let twice = [head.clone(), member("data.tar.gz", &data), member("data.tar.gz", &data)].concat();
    assert_fails(&twice, Code::HostileArchive, &["twice"]);
    assert_fails(&[head.clone(), member("data.tar.gz", b"not packed")].concat(), broken, &["no known way"]);
    assert_fails(&[head.clone(), member("data.tar.gz", b"PK\x05\x06")].concat(), broken, &["no tar"]);
    let many: Vec<u8> = (0..20).flat_map(|n| member(&format!("m{n}"), b"")).collect();
    assert_fails(&[head, many].concat(), Code::HostileArchive, &["more than 16"]);
}

#[test]
fn packages_cut_short_are_broken_wherever_they_are_cut() {
    let bytes = deb(&gzip(&tar(&[file("usr/a", b"x")])));
    let end = bytes.len() - usize::from(bytes.ends_with(b"\n"));
    for cut in 0..end {
        let error = run(&Sandbox::new(), &bytes[..cut]).unwrap_err();
        assert!(matches!(error.code(), Code::BrokenArchive | Code::HostileArchive), "cut at {cut}: {error}");
    }
    assert_fails(&[&bytes[..], b"tail"].concat(), Code::BrokenArchive, &[]);
}

#[test]
fn malformed_headers_are_broken() {
    let good = deb(&gzip(&tar(&[])));
    for (at, byte) in [(8 + 58, b'x'), (8 + 48, b'-'), (8 + 48, b'+'), (8, b'/'), (8, 0xff), (8 + 49, b'9')] {
        let mut bytes = good.clone();
        bytes[at] = byte;
        assert_fails(&bytes, Code::BrokenArchive, &[]);
    }
}
