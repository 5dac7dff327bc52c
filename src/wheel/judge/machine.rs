//! Whether a file is for the target's machine and C library at all.

use crate::elf::{ElfFile, FloatAbi, Kind};
use crate::target::{Arch, Endian, Libc, Target};

/// Machines that are no CPU: NVIDIA and AMD GPUs, the kernel's BPF.
const DEVICES: [(u16, &str); 3] = [(190, "NVIDIA GPU"), (224, "AMD GPU"), (247, "BPF")];

/// The device whose code `file` holds, if it is none for a CPU.
pub(super) fn device(file: &ElfFile<'_>) -> Option<&'static str> {
    DEVICES.iter().find(|(machine, _)| *machine == file.machine).map(|(_, name)| *name)
}

/// Why `file` cannot run on `target`, as the rest of a sentence that begins with the file's name.
pub(in crate::wheel) fn mismatch(file: &ElfFile<'_>, target: &Target) -> Option<String> {
    let arch = target.arch;
    if file.machine != arch.elf_machine || file.bits != arch.bits || file.endian != arch.endian {
        return Some(format!("is for {}, not for {arch}", describe(file)));
    }
    if file.kind == Kind::Core {
        return Some("is a core dump".to_owned());
    }
    if let Some(reason) = wrong_abi(file, arch) {
        return Some(reason);
    }
    match (libc_of(file), target.libc) {
        (Some(Flavour::Other(name)), _) => Some(format!("is for {name}, not for {}", target.libc.describe())),
        (Some(Flavour::Gnu), Libc::Musl) => Some("is for glibc, not for musl".to_owned()),
        (Some(Flavour::Musl), Libc::Gnu { .. }) => Some("is for musl, not for glibc".to_owned()),
        _ => None,
    }
}

fn wrong_abi(file: &ElfFile<'_>, arch: &Arch) -> Option<String> {
    match (arch.machine.as_str(), file.float_abi) {
        ("armv7l", Some(FloatAbi::Soft)) => {
            Some("uses the soft-float ABI, not the hard-float one".to_owned())
        }
        ("riscv64" | "loongarch64", Some(abi)) if abi != FloatAbi::Double => {
            Some(format!("uses the {abi:?}-float ABI, not the double-float one").to_lowercase())
        }
        // 0 is written where code uses nothing that differs.
        ("ppc64le", _) if file.flags & 3 == 1 => Some("uses the ELFv1 ABI, not ELFv2".to_owned()),
        _ => None,
    }
}

/// `32-bit x86_64`-like name of what the header says.
fn describe(file: &ElfFile<'_>) -> String {
    match file.arch() {
        Some(arch) if (arch.bits, arch.endian) == (file.bits, file.endian) => arch.machine.clone(),
        known => {
            let name = known.map_or_else(|| format!("machine {}", file.machine), |arch| arch.machine.clone());
            let endian = if file.endian == Endian::Little { "little" } else { "big" };
            format!("{}-bit {endian}-endian {name}", file.bits)
        }
    }
}

enum Flavour {
    Gnu,
    Musl,
    Other(&'static str),
}

/// The C library `file` is bound to, by what it needs and by its loader.
fn libc_of(file: &ElfFile<'_>) -> Option<Flavour> {
    let node = |wanted: fn(&str) -> bool| {
        file.version_needs.iter().any(|need| need.versions.iter().any(|version| wanted(version)))
    };
    if node(|version| version == "LIBC") {
        return Some(Flavour::Other("Android's C library"));
    }
    let loader = file.interpreter.map(|path| path.rsplit('/').next().unwrap_or(path));
    let names = file.needed.iter().copied().chain(loader);
    let (mut gnu, mut musl) = (node(|version| version.starts_with("GLIBC_")), false);
    for name in names {
        gnu |= name == "libc.so.6" || name.starts_with("ld-linux") || name.starts_with("ld64.so");
        musl |= name == "libc.so" || name.starts_with("libc.musl-") || name.starts_with("ld-musl-");
    }
    match (gnu, musl) {
        (true, true) => Some(Flavour::Other("two C libraries at once")),
        (true, false) => Some(Flavour::Gnu),
        (false, true) => Some(Flavour::Musl),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::sample::Sample;

    fn verdict(sample: &Sample, target: &str) -> Option<String> {
        let bytes = sample.bytes();
        mismatch(&ElfFile::parse(&bytes).unwrap(), &target.parse().unwrap())
    }

    #[test]
    fn every_machine_suits_itself_only() {
        for file in Arch::all() {
            for target in Arch::all() {
                let sample = Sample::library(&format!("{}-linux", file.machine));
                let reason = verdict(&sample, &format!("{}-linux", target.machine));
                assert_eq!(reason.is_none(), file == target, "{file} {target}: {reason:?}");
            }
        }
    }

    #[test]
    fn class_and_byte_order_count() {
        let x32 = Sample { bits: 32, ..Sample::library("x86_64-linux") };
        assert!(verdict(&x32, "x86_64-linux").unwrap().contains("32-bit"));
        let big = Sample { endian: Endian::Big, ..Sample::library("aarch64-linux") };
        assert!(verdict(&big, "aarch64-linux").unwrap().contains("big-endian"));
        let big = Sample { endian: Endian::Big, flags: 1, ..Sample::library("ppc64le-linux") };
        assert!(verdict(&big, "ppc64le-linux").is_some());
    }

    #[test]
    fn float_and_call_abis_count() {
        for (target, flags, word) in [
            ("armv7-linux", 0x0500_0200, "soft-float"),
            ("riscv64-linux", 1, "soft-float"),
            ("loongarch64-linux", 0x41, "soft-float"),
            ("ppc64le-linux", 1, "ELFv1"),
        ] {
            let sample = Sample { flags, ..Sample::library(target) };
            assert!(verdict(&sample, target).unwrap().contains(word), "{target}");
        }
        let plain = Sample { flags: 0x0500_0000, ..Sample::library("armv7-linux") };
        assert_eq!(verdict(&plain, "armv7-linux"), None);
    }

    #[test]
    fn the_c_library_counts() {
        let of = |name: &str| Sample::library("x86_64-linux").need(name);
        for name in ["libc.so.6", "ld-linux-x86-64.so.2"] {
            assert_eq!(verdict(&of(name), "x86_64-linux"), None);
            assert!(verdict(&of(name), "x86_64-linux-musl").unwrap().contains("glibc"));
        }
        for name in ["libc.so", "libc.musl-x86_64.so.1", "ld-musl-x86_64.so.1"] {
            assert_eq!(verdict(&of(name), "x86_64-linux-musl"), None);
            assert!(verdict(&of(name), "x86_64-linux").unwrap().contains("musl"));
        }
        let both = of("libc.so.6").need("libc.so");
        assert!(verdict(&both, "x86_64-linux").unwrap().contains("two C libraries"));
        let android = of("libc.so").import_of("malloc", "libc.so", "LIBC");
        assert!(verdict(&android, "x86_64-linux-musl").unwrap().contains("Android"));
        let loader = Sample { interpreter: Some("/lib/ld-musl-x86_64.so.1".into()), ..of("libm.so.6") };
        assert!(verdict(&loader, "x86_64-linux").unwrap().contains("musl"));
        let by_version = of("libm.so.6").import_of("exp", "libm.so.6", "GLIBC_2.29");
        assert!(verdict(&by_version, "x86_64-linux-musl").unwrap().contains("glibc"));
    }
}
