//! What describes the target's Python to tools that start none: build-details.json (PEP 739) and
//! pkg-config files.

use serde_json::json;

use super::ViewPaths;
use crate::target::{PythonVersion, Target};

/// `build-details.json`, schema 1.0.
pub(super) fn build_details(
    version: PythonVersion,
    full_version: &str,
    target: &Target,
    inside: &ViewPaths,
) -> String {
    let root = inside.root.display();
    let (micro, level, serial) = release(full_version);
    let minor = version.minor;
    // CPython's PY_VERSION_HEX.
    let nibble = match level {
        "alpha" => 0xA,
        "beta" => 0xB,
        "candidate" => 0xC,
        _ => 0xF,
    };
    let hexversion = (3 << 24) | (minor << 16) | (micro << 8) | (nibble << 4) | serial;
    let info = json!({"major": 3, "minor": minor, "micro": micro, "releaselevel": level, "serial": serial});
    let flags: Vec<&str> = version.abi_flags().split_terminator("").filter(|flag| !flag.is_empty()).collect();
    let suffix = version.extension_suffix(target);
    let details = json!({
        "schema_version": "1.0",
        "base_prefix": root.to_string(),
        "base_interpreter": format!("{root}/bin/{}", version.program()),
        "platform": target.python_platform(),
        "language": {"version": format!("3.{minor}"), "version_info": info},
        "implementation": {
            "name": "cpython",
            "cache_tag": format!("cpython-3{minor}"),
            "version": info,
            "hexversion": hexversion,
            "_multiarch": version.multiarch(target),
        },
        "abi": {"flags": flags, "extension_suffix": suffix, "stable_abi_suffix": ".abi3.so"},
        "suffixes": {
            "source": [".py"],
            "bytecode": [".pyc"],
            "optimized_bytecode": [".pyc"],
            "debug_bytecode": [".pyc"],
            "extensions": [suffix, ".abi3.so", ".so"],
        },
        // No libpython: extensions of this interpreter do not link one.
        "libpython": {"link_extensions": false},
        "c_api": {
            "headers": format!("{root}/include/{}", version.program()),
            "pkgconfig_path": format!("{root}/lib/pkgconfig"),
        },
    });
    let mut text = serde_json::to_string_pretty(&details).expect("a JSON value always serialises");
    text.push('\n');
    text
}

/// Micro, release level and serial of `3.15.0rc1`.
fn release(full_version: &str) -> (u32, &'static str, u32) {
    let last = full_version.rsplit('.').next().unwrap_or_default();
    let digits = last.find(|c: char| !c.is_ascii_digit()).unwrap_or(last.len());
    let micro = last[..digits].parse().unwrap_or(0);
    let levels = [("rc", "candidate"), ("a", "alpha"), ("b", "beta")];
    let pre = levels.iter().find_map(|(short, level)| Some((*level, last[digits..].strip_prefix(short)?)));
    match pre {
        Some((level, serial)) => (micro, level, serial.parse().unwrap_or(0)),
        None => (micro, "final", 0),
    }
}

/// The pkg-config files, by name: for extensions and for programs that embed Python.
pub(super) fn pkg_config(version: PythonVersion, inside: &ViewPaths) -> Vec<(String, String)> {
    let file = |about: &str, libs: &str| {
        format!(
            "prefix={root}\nexec_prefix=${{prefix}}\nlibdir=${{exec_prefix}}/lib\nincludedir=${{prefix}}/include\n\n\
             Name: Python\nDescription: {about}\nVersion: 3.{minor}\nLibs:{libs}\nCflags: -I${{includedir}}/{program}\n",
            root = inside.root.display(),
            minor = version.minor,
            program = version.program(),
        )
    };
    let extension = file("Build a C extension for Python", "");
    let embed = file("Embed Python into an application", &format!(" -L${{libdir}} -lpython{version}"));
    [("", &extension), ("-embed", &embed)]
        .into_iter()
        .flat_map(|(kind, text)| {
            [
                (format!("python-{version}{kind}.pc"), text.clone()),
                (format!("python3{kind}.pc"), text.clone()),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside() -> ViewPaths {
        ViewPaths { root: "/build/target".into(), bin: "/build/bin".into() }
    }

    #[test]
    fn versions_as_cpython_numbers_them() {
        let hex = |full: &str| {
            let version = full.parse().unwrap();
            let text = build_details(version, full, &"aarch64-linux".parse().unwrap(), &inside());
            let details: serde_json::Value = serde_json::from_str(&text).unwrap();
            details["implementation"]["hexversion"].as_u64().unwrap()
        };
        assert_eq!(hex("3.11.7"), 0x030b_07f0);
        assert_eq!(hex("3.15.0rc1"), 0x030f_00c1);
        assert_eq!(hex("3.14.0a12"), 0x030e_00ac);
    }

    #[test]
    fn details_and_pkg_config_name_the_view() {
        let version: PythonVersion = "3.13t".parse().unwrap();
        let text = build_details(version, "3.13.0", &"riscv64-linux".parse().unwrap(), &inside());
        let details: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(details["abi"]["extension_suffix"], ".cpython-313t-riscv64-linux-gnu.so");
        assert_eq!(details["abi"]["flags"], json!(["t"]));
        assert_eq!(details["platform"], "linux-riscv64");
        assert_eq!(details["c_api"]["headers"], "/build/target/include/python3.13t");
        let names: Vec<_> = pkg_config(version, &inside()).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["python-3.13t.pc", "python3.pc", "python-3.13t-embed.pc", "python3-embed.pc"]);
        assert!(
            pkg_config(version, &inside())[0].1.contains("\nLibs:\nCflags: -I${includedir}/python3.13t\n")
        );
    }
}
