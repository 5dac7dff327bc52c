//! The tags, computed: what the files prove, narrowed to what the backend claims, never widened.

use std::collections::BTreeSet;

use super::Expectation;
use super::binaries::Binary;
use super::contents::Contents;
use super::extension::{Extension, Suffix, specific_tags};
use super::verdict::Docket;
use crate::report::Code;
use crate::target::{Libc, PlatformTag, PythonVersion, Target};

/// Interpreter and ABI tags.
pub(super) struct Abi {
    pub pythons: Vec<String>,
    pub abis: Vec<String>,
    /// The minor (of 3) from which on the wheel claims the stable ABI.
    pub stable_since: Option<u32>,
}

impl Abi {
    fn single(python: String, abi: String) -> Self {
        Self { pythons: vec![python], abis: vec![abi], stable_since: None }
    }
}

/// The interpreter and ABI tags of the wheel.
pub(super) fn abi(
    contents: &Contents<'_>,
    expectation: &Expectation<'_>,
    binaries: &[Binary<'_>],
    extensions: &[Extension],
    docket: &mut Docket,
) -> Abi {
    let python = expectation.python;
    let specific = specific_tags(python);
    let claimed: BTreeSet<(&str, &str)> =
        contents.tags.iter().map(|tag| (tag.python.as_str(), tag.abi.as_str())).collect();
    let pythons: BTreeSet<&str> = claimed.iter().map(|(python, _)| *python).collect();
    let abis: BTreeSet<&str> = claimed.iter().map(|(_, abi)| *abi).collect();
    let spelled: Vec<String> = claimed.iter().map(|(python, abi)| format!("{python}-{abi}")).collect();
    let spelled = spelled.join(" ");
    let keep = || Abi {
        pythons: pythons.iter().map(|&tag| tag.to_owned()).collect(),
        abis: abis.iter().map(|&tag| tag.to_owned()).collect(),
        stable_since: claimed.iter().filter_map(|(python, abi)| stable_minor(python, abi)).min(),
    };
    if claimed.len() != pythons.len() * abis.len() || claimed.is_empty() {
        docket.general(Code::BadWheel, format!("WHEEL claims no tag set: `{spelled}`"));
        return keep();
    }
    if !claimed.iter().any(|(interpreter, abi)| suits(interpreter, abi, python)) {
        docket.general(
            Code::BadWheel,
            format!("WHEEL claims `{spelled}`, which Python {python} does not install"),
        );
        return keep();
    }
    let is_specific = claimed.iter().eq([&(specific.0.as_str(), specific.1.as_str())]);
    let stable = abis.iter().any(|abi| is_stable(abi));
    let general = abis.iter().eq([&"none"]);
    let of_suffix = |suffix| extensions.iter().filter(move |extension| extension.suffix == suffix);
    let narrowed = |docket: &mut Docket, tags: (String, String), why: &str| {
        docket
            .note(format!("the backend claims `{spelled}`; {why}, so the wheel is `{}-{}`", tags.0, tags.1));
        Abi::single(tags.0, tags.1)
    };

    if of_suffix(Suffix::Specific).next().is_some() {
        if stable {
            for extension in of_suffix(Suffix::Specific) {
                let reason = format!("is made for Python {python} alone, but the wheel claims `{spelled}`");
                docket.fault(Code::BadExtension, binaries[extension.index].member, reason);
            }
        } else if !is_specific {
            if !general {
                docket.general(
                    Code::BadWheel,
                    format!(
                        "WHEEL claims `{spelled}`, its extensions are for `{}-{}`",
                        specific.0, specific.1
                    ),
                );
            }
            return narrowed(docket, specific, "its extensions are of one version");
        }
        return keep();
    }
    if of_suffix(Suffix::Bare).next().is_some() && !stable {
        for extension in of_suffix(Suffix::Bare) {
            docket.fault(
                Code::BadExtension,
                binaries[extension.index].member,
                format!(
                    "has the bare suffix `.so`, so any Python would load it, but the wheel is for `{spelled}`: \
                     it should end in `{}`",
                    python.extension_suffix(&expectation.target)
                ),
            );
        }
        return keep();
    }
    if !extensions.is_empty() && general {
        let suffix = if of_suffix(Suffix::Abi3).next().is_some() { "abi3" } else { "abi3t" };
        let mut abi = narrowed(docket, (specific.0, suffix.to_owned()), "its extensions use the stable ABI");
        abi.stable_since = Some(python.minor);
        return abi;
    }
    if general && binaries.iter().any(|binary| !binary.is_program() && binary.uses_python()) {
        return narrowed(docket, specific, "its libraries use Python's C API");
    }
    keep()
}

fn is_stable(abi: &str) -> bool {
    abi == "abi3" || abi == "abi3t"
}

/// 9 of `cp39`-`abi3`.
fn stable_minor(python: &str, abi: &str) -> Option<u32> {
    is_stable(abi).then(|| python.strip_prefix("cp3")?.parse().ok())?
}

/// True when `python` installs wheels of this interpreter and ABI tag (PEP 425, PEP 703, PEP 803).
fn suits(interpreter: &str, abi: &str, python: PythonVersion) -> bool {
    let minor = |prefix: &str| interpreter.strip_prefix(prefix).and_then(|minor| minor.parse::<u32>().ok());
    match abi {
        "none" => {
            interpreter == "py3"
                || interpreter == python.interpreter_tag()
                || minor("py3").is_some_and(|minor| minor <= python.minor)
        }
        "abi3" => !python.free_threaded && minor("cp3").is_some_and(|minor| minor <= python.minor),
        "abi3t" => python.minor >= 15 && minor("cp3").is_some_and(|minor| minor <= python.minor),
        _ => interpreter == python.interpreter_tag() && abi == python.abi_tag(),
    }
}

/// The platform tag, from the highest floor of any file (None without one). `native` tells whether
/// anything in the wheel is bound to a machine.
pub(super) fn platform(
    contents: &Contents<'_>,
    expectation: &Expectation<'_>,
    native: bool,
    floor: Option<u32>,
    abi: &mut Abi,
    docket: &mut Docket,
) -> PlatformTag {
    let target = &expectation.target;
    let lowest = lowest(target, floor);
    let claims_any = contents.tags.iter().all(|tag| tag.platform == "any");
    if native {
        if claims_any {
            docket.note(format!("the backend claims `any`, but the wheel is native: it is `{lowest}`"));
        }
        return lowest;
    }
    if claims_any {
        return PlatformTag::Any;
    }
    let claimed = contents.tags.first().map_or("", |tag| tag.platform.as_str());
    if contents.purelib {
        docket
            .note(format!("the backend claims `{claimed}`, but nothing in the wheel is native: it is `any`"));
        if abi.abis != ["none"] {
            *abi = Abi::single("py3".to_owned(), "none".to_owned());
        }
        return PlatformTag::Any;
    }
    // Its Python files may have been chosen for the platform, so `any` could be a lie.
    if expectation.allow_pure {
        docket.note(format!("nothing in the wheel is native, yet it claims `{claimed}`: it is `{lowest}`"));
    } else {
        docket
            .general(
                Code::LostExtension,
                format!(
                    "the wheel claims `{claimed}` and Root-Is-Purelib: false, but nothing in it is native"
                ),
            )
            .hint("`--allow-pure` accepts it, for this platform");
    }
    lowest
}

/// The tag of the lowest floor that is at least `floor` and that the machine has.
fn lowest(target: &Target, floor: Option<u32>) -> PlatformTag {
    let libc = match target.libc {
        Libc::Gnu { .. } => Libc::Gnu { minor: floor.unwrap_or(0).max(target.arch.glibc_floor) },
        Libc::Musl => Libc::Musl,
    };
    Target { libc, ..*target }.platform_tag()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_tags_a_python_installs() {
        let suits = |tag: &str, python: &str| {
            let (interpreter, abi) = tag.split_once('-').unwrap();
            suits(interpreter, abi, python.parse().unwrap())
        };
        for tag in ["py3-none", "py37-none", "cp311-none", "cp311-cp311", "cp38-abi3", "cp311-abi3"] {
            assert!(suits(tag, "3.11"), "{tag}");
        }
        for tag in ["py2-none", "py312-none", "cp310-none", "cp310-cp310", "cp312-abi3", "pp310-pypy310_pp73"]
        {
            assert!(!suits(tag, "3.11"), "{tag}");
        }
        assert!(suits("cp313-cp313t", "3.13t") && !suits("cp313-cp313", "3.13t"));
        assert!(
            !suits("cp38-abi3", "3.13t") && suits("cp315-abi3t", "3.15t") && suits("cp315-abi3t", "3.15")
        );
    }

    #[test]
    fn floors_never_go_below_the_machine_s_first() {
        let target: Target = "riscv64-linux-gnu.2.35".parse().unwrap();
        assert_eq!(lowest(&target, Some(17)).to_string(), "manylinux_2_27_riscv64");
        assert_eq!(lowest(&target, Some(31)).to_string(), "manylinux_2_31_riscv64");
        let target: Target = "aarch64-linux-gnu.2.28".parse().unwrap();
        assert_eq!(lowest(&target, None).to_string(), "manylinux_2_17_aarch64.manylinux2014_aarch64");
        let target: Target = "aarch64-linux-musl".parse().unwrap();
        assert_eq!(lowest(&target, None).to_string(), "musllinux_1_2_aarch64");
    }
}
