//! Reading a target in any of its spellings.

use std::str::FromStr;

use super::{Arch, DEFAULT_GLIBC_MINOR, Libc, Target};
use crate::report::{Code, Error, Result};

/// The newest glibc minor a person may ask for; a typo like `2.178` is caught by it.
const NEWEST_GLIBC_MINOR: u32 = 60;

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let spelled = text.trim();
        let lower = spelled.to_ascii_lowercase();
        let parts = match split(&lower) {
            Some(parts) => parts,
            None if is_other_system(&lower) => return Err(other_system(spelled)),
            None => return Err(unknown(spelled)),
        };
        let arch = Arch::find(&parts.machine).ok_or_else(|| unknown(spelled))?;
        let libc = match parts.libc {
            Spelled::Musl => {
                if !arch.musl {
                    return Err(Error::new(
                        Code::UnsupportedTarget,
                        format!("`{spelled}`: there is no musl for {arch}"),
                    ));
                }
                Libc::Musl
            }
            Spelled::Gnu(None) => Libc::Gnu { minor: DEFAULT_GLIBC_MINOR.max(arch.glibc_floor) },
            Spelled::Gnu(Some(minor)) => Libc::Gnu { minor },
        };
        if let Libc::Gnu { minor } = libc
            && !(arch.glibc_floor..=NEWEST_GLIBC_MINOR).contains(&minor)
        {
            let nearest = minor.clamp(arch.glibc_floor, NEWEST_GLIBC_MINOR);
            let nearest = Target { arch, libc: Libc::Gnu { minor: nearest } };
            return Err(Error::new(Code::UnknownTarget, format!("unknown target `{spelled}`"))
                .cause(format!("glibc for {arch} begins at 2.{}", arch.glibc_floor))
                .hint(format!("did you mean `{nearest}`?")));
        }
        Ok(Self { arch, libc })
    }
}

/// True for spellings of systems that wheels may be chosen for but not built: a plan knows them.
fn is_other_system(text: &str) -> bool {
    const SYSTEMS: [&str; 7] = ["macos", "macosx", "darwin", "windows", "win32", "win", "host"];
    text.split(['-', '_', '/', '.']).any(|part| SYSTEMS.contains(&part))
}

fn other_system(spelled: &str) -> Error {
    Error::new(Code::UnsupportedTarget, format!("nothing can be built for `{spelled}`"))
        .cause("wheels are built for Linux only")
        .hint("name a Linux target, for example `--target x86_64-linux`")
}

enum Spelled {
    Gnu(Option<u32>),
    Musl,
}

struct Parts {
    machine: String,
    libc: Spelled,
}

fn gnu(minor: Option<u32>) -> Spelled {
    Spelled::Gnu(minor)
}

/// The machine and C library that `text` (lower case) spells, if it has the form of any spelling.
fn split(text: &str) -> Option<Parts> {
    let parts = |machine: &str, libc| Some(Parts { machine: machine.to_owned(), libc });
    // PEP 600 and PEP 656 platform tags, with the perennial aliases of PEP 600.
    if let Some(rest) = text.strip_prefix("manylinux_2_") {
        let (minor, machine) = rest.split_once('_')?;
        return parts(machine, gnu(Some(minor.parse().ok()?)));
    }
    if let Some(machine) = text.strip_prefix("manylinux2014_") {
        return parts(machine, gnu(Some(17)));
    }
    if let Some(rest) = text.strip_prefix("musllinux_1_") {
        let (minor, machine) = rest.split_once('_')?;
        return if minor == "2" { parts(machine, Spelled::Musl) } else { None };
    }
    if let Some(machine) = text.strip_prefix("linux_") {
        return parts(machine, gnu(None));
    }
    // OCI platforms.
    if let Some(rest) = text.strip_prefix("linux/") {
        return match rest.split_once('/') {
            None => parts(rest, gnu(None)),
            Some(("arm", "v7")) => parts("armv7l", gnu(None)),
            Some(("arm64", "v8")) => parts("aarch64", gnu(None)),
            Some(_) => None,
        };
    }
    // Triples: machine[-vendor]-linux[-libc[abi][.2.minor]].
    let mut fields = text.split('-');
    let machine = fields.next()?;
    let mut rest: Vec<&str> = fields.collect();
    // `x86-64` is the one machine name with a dash in it.
    let machine = if machine == "x86" && rest.first() == Some(&"64") {
        rest.remove(0);
        "x86_64"
    } else {
        machine
    };
    if matches!(rest.first(), Some(&("unknown" | "pc" | "none"))) {
        rest.remove(0);
    }
    if rest.first() != Some(&"linux") || rest.len() > 2 {
        return None;
    }
    let Some(libc) = rest.get(1) else {
        return parts(machine, gnu(None));
    };
    let (name, version) = match libc.split_once('.') {
        Some((name, version)) => (name, Some(version)),
        None => (*libc, None),
    };
    match name {
        "gnu" | "gnueabihf" | "glibc" => match version {
            None => parts(machine, gnu(None)),
            Some(version) => parts(machine, gnu(Some(version.strip_prefix("2.")?.parse().ok()?))),
        },
        "musl" | "musleabihf" => match version {
            None | Some("1.2") => parts(machine, Spelled::Musl),
            Some(_) => None,
        },
        _ => None,
    }
}

fn unknown(spelled: &str) -> Error {
    let error = Error::new(Code::UnknownTarget, format!("unknown target `{spelled}`"));
    match nearest(spelled) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error
            .hint("targets are spelled like `x86_64-linux`, `aarch64-linux-gnu.2.17`, `x86_64-linux-musl`"),
    }
}

/// The known spelling most like `spelled`.
fn nearest(spelled: &str) -> Option<String> {
    let lower = spelled.to_ascii_lowercase();
    let mut known = Vec::new();
    for arch in Arch::all() {
        for name in arch.aliases.iter().chain([&arch.machine]) {
            known.push(format!("{name}-linux"));
            known.push(format!("{name}-linux-gnu"));
            known.push(format!("{name}-linux-gnu.2.17"));
            known.push(format!("{name}-linux-gnu.2.28"));
            known.push(format!("{name}-linux-musl"));
            known.push(format!("linux/{name}"));
            known.push(format!("manylinux_2_28_{name}"));
            known.push(format!("musllinux_1_2_{name}"));
        }
        known.push(arch.rust.replace("{libc}", "gnu"));
        known.push(arch.rust.replace("{libc}", "musl"));
    }
    known
        .into_iter()
        .filter(|name| split(name).is_some())
        .map(|name| (strsim::damerau_levenshtein(&lower, &name), name))
        .min()
        .map(|(_, name)| name)
        // A suggestion must itself be accepted.
        .filter(|name| name.parse::<Target>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> String {
        text.parse::<Target>().map_or_else(|error| error.to_string(), |target| target.to_string())
    }

    #[test]
    fn every_documented_spelling_is_understood() {
        for (spelled, meant) in [
            ("x86_64-linux", "x86_64-linux-gnu.2.28"),
            ("x86-64-linux", "x86_64-linux-gnu.2.28"),
            ("aarch64-linux-gnu.2.17", "aarch64-linux-gnu.2.17"),
            ("x86_64-linux-musl", "x86_64-linux-musl"),
            ("x86_64-unknown-linux-gnu", "x86_64-linux-gnu.2.28"),
            ("armv7-unknown-linux-gnueabihf", "armv7l-linux-gnu.2.28"),
            ("armv7-unknown-linux-musleabihf", "armv7l-linux-musl"),
            ("riscv64gc-unknown-linux-gnu", "riscv64-linux-gnu.2.28"),
            ("powerpc64le-unknown-linux-gnu", "ppc64le-linux-gnu.2.28"),
            ("i686-pc-linux-gnu", "i686-linux-gnu.2.28"),
            ("manylinux_2_28_aarch64", "aarch64-linux-gnu.2.28"),
            ("manylinux2014_s390x", "s390x-linux-gnu.2.17"),
            ("musllinux_1_2_x86_64", "x86_64-linux-musl"),
            ("linux/arm64", "aarch64-linux-gnu.2.28"),
            ("linux/amd64", "x86_64-linux-gnu.2.28"),
            ("linux/arm/v7", "armv7l-linux-gnu.2.28"),
            ("linux/arm64/v8", "aarch64-linux-gnu.2.28"),
            ("loongarch64-linux", "loongarch64-linux-gnu.2.36"),
            ("Linux/AMD64", "x86_64-linux-gnu.2.28"),
        ] {
            assert_eq!(canonical(spelled), meant, "{spelled}");
        }
    }

    #[test]
    fn an_unknown_spelling_is_answered_with_a_near_one_that_works() {
        for (spelled, near) in [
            ("x86_46-linux", "x86_64-linux"),
            ("aarch65-linux-gnu.2.17", "aarch64-linux-gnu.2.17"),
            ("x86_64-linux-mussel", "x86_64-linux-musl"),
            ("linux/amd65", "linux/amd64"),
            ("riscv64-linux-gnu.2.17", "riscv64-linux-gnu.2.27"),
            ("x86_64-linux-gnu.2.5", "x86_64-linux-gnu.2.17"),
        ] {
            let error = spelled.parse::<Target>().unwrap_err();
            assert_eq!(error.code(), Code::UnknownTarget);
            assert_eq!(error.hints(), [format!("did you mean `{near}`?")], "{spelled}");
        }
    }

    #[test]
    fn another_system_is_named_as_such() {
        for spelled in ["host", "aarch64-macos", "x86_64-apple-darwin", "macosx_11_0_arm64", "win_amd64"] {
            assert_eq!(spelled.parse::<Target>().unwrap_err().code(), Code::UnsupportedTarget, "{spelled}");
        }
    }

    #[test]
    fn every_canonical_spelling_reads_back() {
        for arch in Arch::all() {
            for libc in [Libc::Musl, Libc::Gnu { minor: arch.glibc_floor }, Libc::Gnu { minor: 39 }] {
                let target = Target { arch, libc };
                assert_eq!(target.to_string().parse::<Target>().ok(), Some(target));
                for tag in target.platform_tag().spellings() {
                    assert_eq!(tag.parse::<Target>().ok(), Some(target), "{tag}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(text in ".{0,60}") {
            let _ = text.parse::<Target>();
        }
    }
}
