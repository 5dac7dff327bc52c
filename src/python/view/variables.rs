//! The target's sysconfig data, made of the build interpreter's and the table.

use std::path::Path;

use super::ViewPaths;
use super::literal::{Value, Variables};
use super::table;
use crate::target::{PythonVersion, Target};

/// What fills the placeholders of `[makefile]` in `toolchains/sysconfig.toml`.
pub(super) struct Placeholders(Vec<(&'static str, String)>);

impl Placeholders {
    pub fn new(version: PythonVersion, target: &Target, inside: &ViewPaths) -> Self {
        let flags = table::flags(version.minor);
        let root = inside.root.display();
        let stdlib = format!("{root}/lib/{}", version.program());
        Self(vec![
            ("root", root.to_string()),
            ("bin", inside.bin.display().to_string()),
            ("include", format!("{root}/include/{}", version.program())),
            ("config", format!("{stdlib}/config-{version}-{}", version.multiarch(target))),
            ("stdlib", stdlib),
            ("version", format!("3.{}", version.minor)),
            ("ldversion", version.to_string()),
            ("abiflags", version.abi_flags().to_owned()),
            ("multiarch", version.multiarch(target)),
            ("gnu", target.gnu_triple()),
            ("soabi", version.soabi(target)),
            ("ext_suffix", version.extension_suffix(target)),
            ("basecflags", flags.basecflags.clone()),
            ("opt", flags.opt.clone()),
            ("cflags", format!("{} {}", flags.basecflags, flags.opt)),
        ])
    }

    fn fill(&self, template: &str) -> String {
        let mut text = template.to_owned();
        for (name, value) in &self.0 {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }
}

/// The view's sysconfig data from `build`, that of an interpreter of the same version.
///
/// Kept are the numbers (what configure found out), with the target's where the table says so, and
/// the strings that the table names. A name that `build` does not have is not added.
pub(super) fn synthesise(
    build: &Variables,
    version: PythonVersion,
    target: &Target,
    inside: &ViewPaths,
) -> Variables {
    let settings = table::settings(target);
    let numbers = build.iter().filter(|(_, value)| matches!(value, Value::Int(_))).map(|(name, value)| {
        let value = match settings.get(name.as_str()) {
            Some(setting) => Value::Int(setting.number().unwrap_or(0)),
            None => value.clone(),
        };
        (name.clone(), value)
    });
    let mut variables: Variables = numbers.collect();
    variables.extend(strings(build, &Placeholders::new(version, target, inside)));
    variables
}

/// The data of a real interpreter of the target, with the compilers and folders of the view.
pub(super) fn adapt(
    real: &Variables,
    version: PythonVersion,
    target: &Target,
    inside: &ViewPaths,
) -> Variables {
    let mut variables: Variables = real
        .iter()
        .filter(|(_, value)| matches!(value, Value::Int(_)))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    variables.extend(strings(real, &Placeholders::new(version, target, inside)));
    variables.insert("Py_ENABLE_SHARED".to_owned(), Value::Int(0));
    variables
}

fn strings(known: &Variables, placeholders: &Placeholders) -> Variables {
    let templates = table::makefile().iter().filter(|(name, _)| known.contains_key(*name));
    templates.map(|(name, template)| (name.clone(), Value::Str(placeholders.fill(template)))).collect()
}

/// What of `build` reaches a view, whatever the target and wherever it was built.
pub(super) fn neutral(build: &Variables) -> Variables {
    // Any target and folders do, as long as they are the same for everybody.
    let target: Target = "x86_64-linux-gnu.2.17".parse().expect("a canonical spelling, tested in `target`");
    let version = PythonVersion { minor: 9, free_threaded: false };
    let inside = ViewPaths { root: Path::new("/target").to_owned(), bin: Path::new("/bin").to_owned() };
    synthesise(build, version, &target, &inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::view::literal::Value::{Int, Str};

    fn build() -> Variables {
        [
            ("SIZEOF_LONG", Int(8)),
            ("WORDS_BIGENDIAN", Int(0)),
            ("HAVE_GETRANDOM", Int(1)),
            ("HAVE_ACCEPT4", Int(1)),
            ("CC", Str("gcc -pthread".into())),
            ("EXT_SUFFIX", Str(".cpython-312-x86_64-linux-gnu.so".into())),
            ("CFLAGS", Str("-O3 -g -I/opt/here".into())),
            ("abs_srcdir", Str("/tmp/somewhere".into())),
            ("LIBDIR", Str("/opt/python/lib".into())),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    fn inside() -> ViewPaths {
        ViewPaths { root: "/build/target".into(), bin: "/build/bin".into() }
    }

    #[test]
    fn the_target_decides_and_nothing_of_the_host_remains() {
        let target = "s390x-linux-gnu.2.17".parse().unwrap();
        let found = synthesise(&build(), "3.12".parse().unwrap(), &target, &inside());
        assert_eq!(found["EXT_SUFFIX"], Str(".cpython-312-s390x-linux-gnu.so".into()));
        assert_eq!(found["CC"], Str("/build/bin/cc".into()));
        assert_eq!(found["CFLAGS"], Str("-fno-strict-overflow -Wsign-compare -DNDEBUG -O2 -Wall".into()));
        assert_eq!(found["LIBDIR"], Str("/build/target/lib".into()));
        assert_eq!((&found["WORDS_BIGENDIAN"], &found["HAVE_GETRANDOM"]), (&Int(1), &Int(0)));
        assert_eq!(found["HAVE_ACCEPT4"], Int(1), "what the target does not decide stays");
        assert!(!found.contains_key("abs_srcdir") && !found.contains_key("SIZEOF_VOID_P"));
        for value in found.values() {
            assert!(
                !matches!(value, Str(text) if text.contains("x86_64") || text.contains("/opt") || text.contains('{'))
            );
        }
    }

    #[test]
    fn every_template_is_filled() {
        let known: Variables =
            table::makefile().keys().map(|name| (name.clone(), Str(String::new()))).collect();
        let target = "armv7-linux-musl".parse().unwrap();
        let found = synthesise(&known, "3.13t".parse().unwrap(), &target, &inside());
        assert_eq!(found.len(), table::makefile().len());
        for (name, value) in &found {
            assert!(matches!(value, Str(text) if !text.contains(['{', '}'])), "{name}");
        }
        assert_eq!(found["SOABI"], Str("cpython-313t-arm-linux-musleabihf".into()));
        assert_eq!(found["LDVERSION"], Str("3.13t".into()));
    }

    #[test]
    fn the_same_cpython_on_another_machine_is_neutral_alike() {
        let mut elsewhere = build();
        elsewhere.insert("SIZEOF_LONG".into(), Int(4));
        elsewhere.insert("CC".into(), Str("aarch64-linux-gnu-gcc".into()));
        elsewhere.insert("HAVE_GETRANDOM".into(), Int(0));
        assert_eq!(neutral(&build()), neutral(&elsewhere));
        elsewhere.insert("HAVE_ACCEPT4".into(), Int(0));
        assert_ne!(neutral(&build()), neutral(&elsewhere));
    }
}
