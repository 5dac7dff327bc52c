//! The allow list where there is no root of our own: Landlock, Linux 5.13 and later.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};

use super::{Sandbox, Step, Trying};

/// Read and execute: what a compiler and an interpreter need of the system. `/proc` shows other
/// processes' names; Landlock keeps their memory and environment closed.
const READABLE: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/proc",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld-musl-x86_64.path",
    "/etc/ld-musl-aarch64.path",
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/sys/devices/system/cpu",
];

/// Read and write. `/dev/shm` is shared with the machine: named semaphores of Python's
/// multiprocessing live there.
const WRITABLE: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/shm"];

/// Newest version whose rights we name; an older kernel enforces what it knows of them.
const NEWEST: ABI = ABI::V10;

/// Restricts this process and its future children for good.
pub fn restrict(sandbox: &Sandbox) -> Step<()> {
    let status = ruleset(sandbox).trying(|| "restrict the build with Landlock".to_owned())?;
    match status.ruleset {
        RulesetStatus::NotEnforced => {
            Err("the kernel has no Landlock, or it is not enabled at boot".to_owned())
        }
        _ if !status.no_new_privs => Err("Landlock works only without new privileges".to_owned()),
        _ => Ok(()),
    }
}

fn ruleset(sandbox: &Sandbox) -> Result<RestrictionStatus, landlock::RulesetError> {
    let mut ruleset =
        Ruleset::default().handle_access(AccessFs::from_all(NEWEST))?.scope(Scope::from_all(NEWEST))?;
    if !sandbox.network {
        ruleset = ruleset.handle_access(AccessNet::from_all(NEWEST))?;
    }
    let read = AccessFs::from_read(NEWEST);
    let write = AccessFs::from_all(NEWEST);
    let mut ruleset = ruleset.create()?;
    for path in READABLE {
        ruleset = allow(ruleset, path.as_ref(), read)?;
    }
    for path in WRITABLE {
        ruleset = allow(ruleset, path.as_ref(), write)?;
    }
    for mount in &sandbox.mounts {
        ruleset = allow(ruleset, &mount.source, if mount.writable { write } else { read })?;
    }
    ruleset.restrict_self()
}

/// Allows `access` beneath `path`; one that is not there needs no rule.
fn allow(
    ruleset: RulesetCreated,
    path: &std::path::Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, landlock::RulesetError> {
    match PathFd::new(path) {
        // Rights that only folders have are left out for files, by the library.
        Ok(fd) => ruleset.add_rule(PathBeneath::new(fd, access)),
        Err(_) => Ok(ruleset),
    }
}
