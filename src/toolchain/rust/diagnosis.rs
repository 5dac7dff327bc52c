//! Why cargo failed: read off what it printed.

use crate::report::{Code, Error};

/// Lines of the output that go with a cause.
const LINES: usize = 6;

/// The causes in the hooks' output `log`, the most telling first.
pub fn causes(log: &str) -> Vec<Error> {
    let lines: Vec<&str> = log.lines().collect();
    let readers = [no_library, too_old, not_fetched, no_libclang, build_script, not_compiled];
    readers.into_iter().filter_map(|reader| reader(&lines)).collect()
}

fn with_lines(error: Error, lines: &[&str]) -> Error {
    let told = lines.iter().filter(|line| !line.trim().is_empty()).take(LINES);
    told.fold(error, |error, line| error.line(line.trim_end()))
}

fn position(lines: &[&str], marks: &[&str]) -> Option<usize> {
    lines.iter().position(|line| marks.iter().any(|mark| line.contains(mark)))
}

/// What stands between backticks behind `mark`.
fn named<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    line.split_once(mark)?.1.split('`').next()
}

fn no_library(lines: &[&str]) -> Option<Error> {
    let at = position(lines, &["can't find crate for `std`", "can't find crate for `core`"])?;
    let near = &lines[at..lines.len().min(at + LINES)];
    let target =
        near.iter().find_map(|line| named(line, "the `").filter(|_| line.contains("target may not")));
    let error = match target {
        Some(target) => Error::new(Code::RustTarget, format!("rustc has no standard library for {target}"))
            .hint(format!("rustup target add {target}")),
        None => Error::new(Code::RustTarget, "rustc does not find its standard library"),
    };
    Some(with_lines(error, near))
}

fn too_old(lines: &[&str]) -> Option<Error> {
    let at = position(lines, &["requires rustc ", "not supported by the following package"])?;
    let near = &lines[at..lines.len().min(at + 2 * LINES)];
    let version = near.iter().find_map(|line| {
        let rest = line.split_once("requires rustc ")?.1;
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        Some(rest[..end].trim_end_matches('.'))
    });
    let version = version.filter(|version| !version.is_empty())?;
    let error = Error::new(Code::RustVersion, format!("a crate needs Rust {version}"))
        .hint(format!("name a toolchain of Rust {version} or later: `--rust DIR`"));
    Some(with_lines(error, near))
}

fn not_fetched(lines: &[&str]) -> Option<Error> {
    let at = position(
        lines,
        &[
            "no matching package named `",
            "perhaps a crate was updated and forgotten to be re-vendored",
            "--offline was specified",
            "offline mode (via `--offline`)",
            "can't checkout from",
        ],
    )?;
    let near = &lines[at..lines.len().min(at + LINES)];
    let error = match named(lines[at], "no matching package named `") {
        Some(name) => {
            Error::new(Code::CrateFetch, format!("the crate `{name}` is in no Cargo.lock of the project"))
        }
        None => {
            Error::new(Code::CrateFetch, "cargo asks for a crate that is in no Cargo.lock of the project")
        }
    };
    let error = error.cause("the build has no network: what the locks name was fetched before it");
    Some(with_lines(error, near))
}

fn no_libclang(lines: &[&str]) -> Option<Error> {
    let at = position(lines, &["Unable to find libclang", "a `libclang` shared library is not loaded"])?;
    let error = Error::new(
        Code::MissingLibrary,
        "a crate generates bindings with bindgen, which needs libclang",
    )
    .hint("install libclang on the build machine (Debian: `libclang-dev`)")
    .hint("or choose a feature of the crate that brings the bindings along, by `-C build-args=--features=…`");
    Some(with_lines(error, &lines[at..=at]))
}

fn build_script(lines: &[&str]) -> Option<Error> {
    const MARK: &str = "failed to run custom build command for `";
    let at = position(lines, &[MARK])?;
    let package = named(lines[at], MARK)?;
    let name = package.split(' ').next().unwrap_or(package);
    // What the script printed to stderr says more than what it told cargo.
    let said =
        lines[at..].iter().position(|line| line.trim() == "--- stderr").map_or(at, |offset| at + offset + 1);
    let error = match name.strip_suffix("-sys") {
        Some(library) => {
            let library = library.strip_prefix("lib").unwrap_or(library);
            Error::new(
                Code::MissingLibrary,
                format!("the crate `{name}` does not find the native library `{library}` of the target"),
            )
            .hint("give the target's copy with `--sysroot DIR`")
        }
        None => Error::new(Code::Program, format!("the build script of the crate `{name}` failed")),
    };
    Some(with_lines(error, &lines[said.min(lines.len())..]))
}

fn not_compiled(lines: &[&str]) -> Option<Error> {
    const MARK: &str = "error: could not compile `";
    let at = position(lines, &[MARK])?;
    let name = named(lines[at], MARK)?;
    let first = lines[..at]
        .iter()
        .rposition(|line| line.starts_with("error[E") || line.starts_with("error: linking"))
        .or_else(|| lines[..at].iter().rposition(|line| line.starts_with("error")))
        .unwrap_or(at);
    let error = Error::new(Code::Compiler, format!("the crate `{name}` does not compile"));
    Some(with_lines(error, &lines[first..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(log: &str) -> Error {
        causes(log).into_iter().next().expect("a cause")
    }

    #[test]
    fn each_failure_has_its_own_cause() {
        let error = first(
            "error[E0463]: can't find crate for `std`\n  |\n  = note: the `s390x-unknown-linux-gnu` target may not be installed\n",
        );
        assert_eq!(error.code(), Code::RustTarget);
        assert_eq!(error.hints(), ["rustup target add s390x-unknown-linux-gnu"]);

        let error = first(
            "error: rustc 1.80.0 is not supported by the following packages:\n  a@1.0 requires rustc 1.88.1\n",
        );
        assert_eq!(error.code(), Code::RustVersion);
        assert!(error.headline().ends_with("1.88.1"), "{error}");

        let error = first("error: no matching package named `left-pad` found\nlocation searched: x\n");
        assert_eq!(error.code(), Code::CrateFetch);
        assert!(error.headline().contains("`left-pad`"), "{error}");

        let log = "error: failed to run custom build command for `openssl-sys v0.9.117`\n\nCaused by:\n  \
                   --- stdout\n  cargo:x\n  --- stderr\n  Could not find directory of OpenSSL installation\n";
        let error = first(log);
        assert_eq!(error.code(), Code::MissingLibrary);
        assert!(error.headline().contains("`openssl`"), "{error}");
        assert_eq!(error.lines(), ["  Could not find directory of OpenSSL installation"]);

        let error = first("error: failed to run custom build command for `ring v0.17.8`\n");
        assert_eq!(error.code(), Code::Program);

        let error = first(
            "error[E0308]: mismatched types\n --> src/lib.rs:1:1\nerror: could not compile `own` (lib)\n",
        );
        assert_eq!(error.code(), Code::Compiler);
        assert_eq!(error.lines()[0], "error[E0308]: mismatched types");
        assert!(causes("error: something else").is_empty());
    }

    #[test]
    fn bindgen_says_what_it_needs() {
        let log = "thread 'main' panicked\nUnable to find libclang: x\nerror: failed to run custom build command for `rocksdb-sys v1.0`\n";
        assert!(first(log).headline().contains("libclang"));
    }

    proptest::proptest! {
        #[test]
        fn no_output_breaks_the_reader(log in "(\\PC|\n|`|requires rustc |can't find crate for `std`){0,60}") {
            let _ = causes(&log);
        }
    }
}
