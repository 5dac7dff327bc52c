//! What builds download: fetched beforehand by its declared hash, given, or refused by name.

mod common;

use std::collections::BTreeMap;

use common::server::Server;
use common::source::Source;
use common::{Room, TARGET, member, sha256};

/// The Python that has wheels of every build tool.
const PYTHON: &str = "3.11";

const MODULE: &str = r#"
#include <Python.h>
#include "answer.h"
static PyObject *get(PyObject *self, PyObject *args) { return PyLong_FromLong(answer()); }
static PyMethodDef methods[] = {{"get", get, METH_NOARGS, ""}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_demo", "", -1, methods};
PyMODINIT_FUNC PyInit__demo(void) { return PyModule_Create(&definition); }
"#;

/// A library that a build would download, in `NAME-1.0.tar.gz`, and its digest.
fn library(room: &Room, build_file: &str, text: &str) -> (Vec<u8>, String) {
    let path = Source::new("answer")
        .file(build_file, text)
        .file("answer.c", "int answer(void) { return 42; }\n")
        .file("answer.h", "int answer(void);\n")
        .sdist(room);
    let digest = sha256(&path);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    (bytes, digest)
}

fn serve(bytes: &[u8]) -> Server {
    Server::start(BTreeMap::from([("/answer-1.0.tar.gz".to_owned(), ("application/gzip", bytes.to_vec()))]))
}

fn meson(url: &str, digest: &str) -> Source {
    Source::new("wrapped")
        .file(
            "pyproject.toml",
            "[build-system]\nrequires = ['meson-python']\nbuild-backend = 'mesonpy'\n\
             [project]\nname = 'wrapped'\nversion = '1.0'\n",
        )
        .file(
            "meson.build",
            "project('wrapped', 'c')\nanswer = dependency('answer', fallback: ['answer', 'answer_dep'])\n\
             import('python').find_installation(pure: false).extension_module(\n\
             '_demo', 'demo.c', dependencies: [answer], install: true)\n",
        )
        .file("demo.c", MODULE)
        .file(
            "subprojects/answer.wrap",
            format!(
                "[wrap-file]\ndirectory = answer-1.0\nsource_url = {url}\n\
                 source_filename = answer-1.0.tar.gz\nsource_hash = {digest}\n"
            ),
        )
}

#[test]
fn a_meson_wrap_is_fetched_by_its_hash_and_recorded() {
    let room = Room::with_own_cache();
    let text = "project('answer', 'c')\nanswer_dep = declare_dependency(\n\
                include_directories: include_directories('.'),\n\
                link_with: static_library('answer', 'answer.c', pic: true))\n";
    let (bytes, digest) = library(&room, "meson.build", text);
    let server = serve(&bytes);
    let url = server.url("", "/answer-1.0.tar.gz");
    let sdist = meson(&url, &digest).sdist(&room);
    let build = || room.build(&sdist, TARGET).args(["--python", PYTHON, "--build-lock", "w.lock"]);
    let wheel = build().ran().succeeded().wheel(&room);
    assert_eq!(server.seen(), ["/answer-1.0.tar.gz"]);
    let sbom = String::from_utf8(member(&wheel, "wrapped-1.0.dist-info/sboms/wheelbuild.cdx.json")).unwrap();
    let lock = std::fs::read_to_string(room.join("w.lock")).unwrap();
    for text in [&sbom, &lock] {
        assert!(text.contains(&digest) && text.contains(&url), "{text}");
    }
    // What is known is not fetched again, and without the server the wheel is the same.
    drop(server);
    let first = sha256(&wheel);
    let again = build().args(["--no-cache"]).ran().succeeded().wheel(&room);
    assert_eq!(sha256(&again), first);
}

#[test]
fn a_source_that_cannot_be_had_is_named_and_can_be_given() {
    let room = Room::with_own_cache();
    let text = "cmake_minimum_required(VERSION 3.20)\nproject(answer C)\n\
                set(CMAKE_POSITION_INDEPENDENT_CODE ON)\nadd_library(answer STATIC answer.c)\n\
                target_include_directories(answer PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})\n";
    let (bytes, digest) = library(&room, "CMakeLists.txt", text);
    // Nobody listens there any more.
    let url = serve(&bytes).url("", "/answer-1.0.tar.gz");
    let project = |pin: &str| {
        Source::new("fetching")
            .file(
                "pyproject.toml",
                "[build-system]\nrequires = ['scikit-build-core', 'cmake', 'ninja']\n\
                 build-backend = 'scikit_build_core.build'\n[project]\nname = 'fetching'\nversion = '1.0'\n",
            )
            .file(
                "CMakeLists.txt",
                format!(
                    "cmake_minimum_required(VERSION 3.20...3.30)\nproject(fetching C)\ninclude(FetchContent)\n\
                     FetchContent_Declare(answer {pin})\nFetchContent_MakeAvailable(answer)\n\
                     find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)\n\
                     Python_add_library(_demo MODULE WITH_SOABI demo.c)\n\
                     target_link_libraries(_demo PRIVATE answer)\ninstall(TARGETS _demo DESTINATION .)\n"
                ),
            )
            .file("demo.c", MODULE)
            .sdist(&room)
    };
    let pinned = project(&format!("URL {url} URL_HASH SHA256={digest}"));
    let build = |sdist: &std::path::Path| {
        // One try is enough to see that nobody is there.
        room.build(sdist, TARGET).args(["--python", PYTHON]).env("PIP_RETRIES", "0")
    };
    build(&pinned).ran().failed(5, "WB0480").says(&url).says(&digest).hints("--sources");
    room.write("given/answer-1.0.tar.gz", &bytes);
    let wheel = build(&pinned).args(["--sources", "given"]).ran().succeeded().wheel(&room);
    let names = common::members(&wheel);
    assert!(names.contains(&"_demo.cpython-311-aarch64-linux-gnu.so".to_owned()), "{names:?}");

    let cloned = project("GIT_REPOSITORY https://example.org/answer.git GIT_TAG v1");
    build(&cloned).ran().failed(1, "WB0481").says("https://example.org/answer.git");
}
