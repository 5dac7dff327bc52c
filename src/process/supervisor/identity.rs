//! Whom the run becomes: new namespaces, in which it is user 1000 whoever started it.
//!
//! Started as root, the run becomes a user that owns nothing on this machine, and the folders
//! given to it are mounted with their users mapped (root's files are its own there). Where the
//! kernel or a file system cannot map users it stays root outside, but without any of root's
//! rights. Started by anyone else it stays that user outside.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use rustix::mount::{OpenTreeFlags, open_tree};
use rustix::process::{DumpableBehavior, Gid, Uid, set_dumpable_behavior};
use rustix::thread::{CapabilitySet, UnshareFlags, capabilities};

use super::{Sandbox, Step, Trying, kernel, root};

/// User and group inside.
const INSIDE: u32 = 1000;

/// User and group outside when root starts the run: the one that by convention owns no file.
const NOBODY: u32 = 65534;

/// Enters new namespaces with the root that `sandbox` describes. The next process forked is the
/// first of the new PID namespace.
pub fn enter(sandbox: &Sandbox) -> Step<()> {
    let sources = root::Source::all(&sandbox.mounts)?;
    let every = UnshareFlags::NEWUSER
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS
        | UnshareFlags::NEWCGROUP
        | if sandbox.network { UnshareFlags::empty() } else { UnshareFlags::NEWNET };
    match is_root().then(|| map_users(&sources)).flatten() {
        Some(mapped) => {
            // The root is made with all rights, and is out of reach of the next namespace: its
            // mounts are locked there.
            kernel::unshare(UnshareFlags::NEWNS).trying(|| "make a mount namespace".to_owned())?;
            root::build(sandbox, &sources, mapped, Some((Uid::from_raw(NOBODY), Gid::from_raw(NOBODY))))?;
            become_nobody()?;
            kernel::unshare(every).trying(|| "make namespaces".to_owned())?;
            name_ourselves(NOBODY, NOBODY)?;
        }
        None => {
            let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            kernel::unshare(every).trying(|| "make namespaces".to_owned())?;
            name_ourselves(uid, gid)?;
            root::build(sandbox, &sources, sources.iter().map(|_| None).collect(), None)?;
        }
    }
    // Nobody else with this user, on the machine, may look into the supervisor.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).trying(|| "hide the supervisor".to_owned())
}

fn is_root() -> bool {
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::SETUID | CapabilitySet::SETGID;
    rustix::process::geteuid().is_root()
        && capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

/// The mounts of `sources` with root's files shown as nobody's, in their order; nothing for a
/// read-only one that cannot be mapped (it is then shown as it is), nothing at all when a writable
/// one cannot.
fn map_users(sources: &[root::Source]) -> Option<Vec<Option<OwnedFd>>> {
    let namespace = mapping_namespace().ok()?;
    let mut mapped = Vec::with_capacity(sources.len());
    for source in sources {
        let tree = open_tree(
            rustix::fs::CWD,
            &source.real,
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE,
        );
        let tree = tree.ok().filter(|tree| kernel::map_mount(tree, &namespace).is_ok());
        if tree.is_none() && source.writable {
            return None;
        }
        mapped.push(tree);
    }
    Some(mapped)
}

/// A user namespace in which user 0 is nobody, as the mapping of a mount.
fn mapping_namespace() -> Step<OwnedFd> {
    let pipe =
        || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).trying(|| "make a pipe".to_owned());
    let (made, make) = pipe()?;
    let (done, wait) = pipe()?;
    let child = kernel::fork().trying(|| "fork".to_owned())?;
    let Some(child) = child else {
        drop(wait);
        let entered = kernel::unshare(UnshareFlags::NEWUSER).is_ok();
        let _ = std::fs::File::from(make).write_all(&[u8::from(entered)]);
        // Until the parent has taken hold of the namespace.
        let _ = std::fs::File::from(done).read(&mut [0]);
        std::process::exit(0);
    };
    drop(make);
    let mut entered = [0];
    let told = std::fs::File::from(made).read_exact(&mut entered);
    let namespace = (|| {
        if told.is_err() || entered != [1] {
            return Err("a user namespace cannot be made".to_owned());
        }
        let folder = format!("/proc/{}", child.as_raw_pid());
        for map in ["uid_map", "gid_map"] {
            std::fs::write(format!("{folder}/{map}"), format!("0 {NOBODY} 1"))
                .trying(|| format!("write {map}"))?;
        }
        std::fs::File::open(format!("{folder}/ns/user")).trying(|| "hold a user namespace".to_owned())
    })();
    drop(wait);
    let _ = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty());
    namespace.map(OwnedFd::from)
}

fn become_nobody() -> Step<()> {
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    rustix::thread::set_thread_groups(&[]).trying(|| "leave root's groups".to_owned())?;
    rustix::thread::set_thread_res_gid(gid, gid, gid).trying(|| "leave root's group".to_owned())?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).trying(|| "stop being root".to_owned())?;
    // A change of user takes /proc/self away from us; we still have to write our maps there.
    set_dumpable_behavior(DumpableBehavior::Dumpable).trying(|| "keep /proc/self".to_owned())
}

/// Says who the user outside is inside.
fn name_ourselves(uid: u32, gid: u32) -> Step<()> {
    // Not there before Linux 3.19, where it is also not needed.
    let _ = std::fs::write("/proc/self/setgroups", "deny");
    std::fs::write("/proc/self/uid_map", format!("{INSIDE} {uid} 1"))
        .trying(|| "write uid_map".to_owned())?;
    std::fs::write("/proc/self/gid_map", format!("{INSIDE} {gid} 1")).trying(|| "write gid_map".to_owned())
}
