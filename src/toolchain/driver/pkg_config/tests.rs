use std::fs;

use super::*;

/// A sysroot with some modules, and the answers of a pkg-config that sees it.
struct World(tempfile::TempDir);

impl World {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("usr/lib/pkgconfig");
        fs::create_dir_all(&place).unwrap();
        for (name, text) in files {
            fs::write(place.join(format!("{name}.pc")), text).unwrap();
        }
        Self(folder)
    }

    fn root(&self) -> String {
        self.0.path().display().to_string()
    }

    fn modules(&self) -> Modules {
        Modules::new(vec![(self.0.path().join("usr/lib/pkgconfig"), Some(self.root()))])
    }

    /// What is printed, with the sysroot called ROOT.
    fn ask(&self, line: &str) -> (String, i32) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let answer = call(&mut self.modules(), &words);
        (answer.stdout.replace(&self.root(), "ROOT").trim_end().to_owned(), answer.code)
    }
}

const XSLT: &str = "prefix=/usr\nexec_prefix=${prefix}\nlibdir=${prefix}/lib\nincludedir=${prefix}/include\n\n\
    Name: libxslt\nDescription: XSLT\nVersion: 1.1.35\nRequires: libxml-2.0\nLibs: -L${libdir} -lxslt\n\
    Libs.private: -lm\nCflags: -I${includedir}\n";
const XML: &str = "prefix=${pcfiledir}/../..\nName: libXML\nVersion: 2.9.14 # why\nRequires.private: zlib absent\n\
    Libs: -L${prefix}/lib \\\n -lxml2\nLibs.private: -lz -lm\nCflags: -I/usr/include/libxml2 -DLIBXML_STATIC\n";
const ZLIB: &str = "prefix=/usr\nName: zlib\nVersion: 1.2.13\nLibs: -L/usr/lib -lz\nCflags: -I/opt/z -I/usr/include/libxml2\n";

fn world() -> World {
    World::new(&[("libxslt", XSLT), ("libxml-2.0", XML), ("zlib", ZLIB)])
}

#[test]
fn flags_lie_below_the_sysroot_once() {
    let world = world();
    let cflags = "-IROOT/usr/include -IROOT/usr/include/libxml2 -DLIBXML_STATIC -IROOT/opt/z";
    assert_eq!(world.ask("--cflags libxslt"), (cflags.to_owned(), 0));
    let libs = "-LROOT/usr/lib -lxslt -LROOT/usr/lib/pkgconfig/../../lib -lxml2";
    assert_eq!(world.ask("--libs libxslt"), (libs.to_owned(), 0));
    assert_eq!(world.ask("--libs-only-l --static libxslt").0, "-lxslt -lxml2 -lm -lz");
    assert_eq!(world.ask("--variable=includedir libxslt").0, "ROOT/usr/include");
    assert_eq!(world.ask("--define-variable=prefix=/x --variable=includedir libxslt").0, "ROOT/x/include");
}

#[test]
fn versions_and_absence() {
    let world = world();
    assert_eq!(world.ask("--modversion libxslt zlib"), ("1.1.35\n1.2.13".to_owned(), 0));
    assert_eq!(world.ask("--exists libxslt>=1.1.28").1, 0);
    assert_eq!(world.ask("--exists libxslt >= 1.2").1, 1);
    assert_eq!(world.ask("--atleast-version=1.1.36 libxslt").1, 1);
    assert_eq!(world.ask("--exists zlib nothing").1, 1);
    assert_eq!(world.ask("--frobnicate zlib").1, 1);
    let answer = call(&mut world.modules(), &["--libs".to_owned(), "nothing".to_owned()]);
    assert!(answer.stderr.contains("Package 'nothing'"), "{}", answer.stderr);
    assert_eq!(call(&mut world.modules(), &["--exists".to_owned(), "nothing".to_owned()]).stderr, "");
}

#[test]
fn modules_that_require_each_other_come_to_an_end() {
    let one = "Name: a\nVersion: 1\nRequires: b\nLibs: -la\n";
    let other = "Name: b\nVersion: 1\nRequires: a\nLibs: -lb\n";
    let world = World::new(&[("a", one), ("b", other)]);
    assert_eq!(world.ask("--libs a").1, 0);
}

#[test]
fn configuration_programs_answer_from_the_modules() {
    let world = world();
    let ask = |name: &str, args: &[&str]| {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let answer = program::answer(&mut world.modules(), name, &args);
        (answer.stdout.replace(&world.root(), "ROOT").trim_end().to_owned(), answer.code)
    };
    assert_eq!(ask("xslt-config", &["--version"]), ("1.1.35".to_owned(), 0));
    assert_eq!(
        ask("xml2-config", &["--cflags"]).0,
        "-IROOT/usr/include/libxml2 -DLIBXML_STATIC -IROOT/opt/z"
    );
    assert_eq!(ask("pg_config", &["--libdir"]).1, 1);
    assert_eq!(ask("xslt-config", &["--frobnicate"]).1, 1);
}
