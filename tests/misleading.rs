//! Sdists that would give a wrong wheel, or none, without a word that says why.

mod common;

use common::source::{Source, c_module};
use common::{Ran, Room, TARGET, members};

/// Builds `source` in `room`. What fails leaves no wheel.
fn build(room: &Room, source: &Source, target: &str, more: &[&str]) -> Ran {
    common::cache_with_tools();
    let ran = room.build(&source.sdist(room), target).args(more).ran();
    assert_eq!(ran.code == Some(0), !room.names("out").is_empty(), "{ran}");
    ran
}

/// Writes `#define MADE 7`, if it runs.
const GENERATOR: &str = "#include <stdio.h>\n\
    int main(int n, char **v) { FILE *f = fopen(v[1], \"w\"); return fprintf(f, \"#define MADE 7\\n\") < 0; }\n";

/// meson asks the build machine's compiler which linker it has, and takes one it does not know for none.
#[test]
fn a_program_that_meson_makes_for_the_build_machine_runs() {
    let room = Room::new();
    let source = Source::new("generated")
        .file(
            "pyproject.toml",
            "[build-system]\nrequires = ['meson-python']\nbuild-backend = 'mesonpy'\n\
             [project]\nname = 'generated'\nversion = '1.0'\n",
        )
        .file(
            "meson.build",
            "project('generated', 'c')\ngenerator = executable('gen', 'gen.c', native: true)\n\
             made = custom_target(output: 'made.h', command: [generator, '@OUTPUT@'])\n\
             import('python').find_installation(pure: false).extension_module(\n\
             'generated', 'generated.c', made, install: true)\n",
        )
        .file("gen.c", GENERATOR)
        .file("generated.c", c_module("generated", "#include \"made.h\"\n", "MADE"));
    let wheel = build(&room, &source, TARGET, &[]).succeeded().wheel(&room);
    assert!(members(&wheel).iter().any(|name| name.ends_with("-aarch64-linux-gnu.so")));
}
