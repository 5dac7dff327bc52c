//! The root of a run: empty, and in it only what is on the allow list.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive,
    mount_change, mount_remount, move_mount, unmount,
};
use rustix::process::{Gid, Uid, pivot_root};

use super::{Sandbox, Step, Trying, mountinfo};
use crate::process::{BUILD_HOME, CPUINFO, Mount};

/// Folders of the machine that hold programs and libraries. Where it has a link there (merged
/// /usr) the run sees the same link.
const SYSTEM: &[&str] = &["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix/store"];

/// Files and folders of /etc that programs need and that hold nothing of the user.
const ETC: &[&str] = &["ld.so.cache", "alternatives"];

/// The same, needed to reach a network.
const ETC_NETWORK: &[&str] = &["ssl", "pki", "ca-certificates"];

/// The build machine's headers and pkg-config files. A build that finds them believes in libraries
/// that the target does not have (or compiles against the wrong ones).
const HIDDEN: &[&str] = &[
    "usr/include",
    "usr/local/include",
    "usr/lib/pkgconfig",
    "usr/lib32/pkgconfig",
    "usr/lib64/pkgconfig",
    "usr/share/pkgconfig",
    "usr/local/lib/pkgconfig",
    "usr/local/lib64/pkgconfig",
    "usr/local/share/pkgconfig",
];

/// The folder that a run does not see, though it sees all around it, and that `path` lies in.
pub fn hidden(path: &Path) -> Option<PathBuf> {
    HIDDEN.iter().map(|folder| Path::new("/").join(folder)).find(|folder| path.starts_with(folder))
}

const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom"];

/// Where the file system in memory is that /tmp, HOME and /dev/shm are parts of.
pub const SCRATCH: &str = "/tmp";

/// A mount whose source was found.
#[derive(Debug)]
pub struct Source {
    /// Without symbolic links.
    pub real: PathBuf,
    pub at: PathBuf,
    pub writable: bool,
    is_folder: bool,
}

impl Source {
    /// Finds the source of each mount while this machine's root is still ours. One that the run
    /// sees at its place anyway is left out.
    pub fn all(mounts: &[Mount]) -> Step<Vec<Self>> {
        let mut sources = Vec::with_capacity(mounts.len());
        for mount in mounts {
            let shown = || format!("find `{}`", mount.source.display());
            let real = mount.source.canonicalize().trying(shown)?;
            let is_folder = real.metadata().trying(shown)?.is_dir();
            let there = SYSTEM.iter().any(|name| Path::new("/").join(name) == mount.at);
            if !(there && real == mount.at && !mount.writable) {
                sources.push(Self { real, at: mount.at.clone(), writable: mount.writable, is_folder });
            }
        }
        Ok(sources)
    }
}

/// What a mount of the new root may do, by its place in it.
struct Rule {
    at: PathBuf,
    writable: bool,
    device: bool,
}

/// The new root while it is made: the machine's is at /old, the new one at /new.
struct Root {
    rules: Vec<Rule>,
    /// File systems of our own: only there is anything created.
    ours: Vec<u64>,
    owner: Option<(Uid, Gid)>,
}

/// Makes the root in the present mount namespace, which must be a fresh one, and enters it.
///
/// `mapped` are mounts to use instead of the sources' own; `owner` is whom the writable folders in
/// memory belong to, where that is not who we are.
pub fn build(
    sandbox: &Sandbox,
    sources: &[Source],
    mapped: Vec<Option<OwnedFd>>,
    owner: Option<(Uid, Gid)>,
) -> Step<()> {
    // Often a link to a place that the run does not see.
    let name_servers = sandbox.network.then(|| std::fs::read("/etc/resolv.conf").unwrap_or_default());
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .trying(|| "keep mounts private".to_owned())?;
    let plain = MountFlags::NOSUID | MountFlags::NODEV;
    let memory = |at: &str, options: &str| {
        mount(
            "tmpfs",
            at,
            "tmpfs",
            plain,
            Some(std::ffi::CString::new(options).unwrap_or_default().as_c_str()),
        )
        .trying(|| format!("mount a file system in memory at `{at}`"))
    };
    // Any folder would do: what is in it is found beneath /old again.
    memory("/tmp", "mode=755,size=1m")?;
    for folder in ["/tmp/old", "/tmp/new", "/tmp/scratch", "/tmp/hidden"] {
        make_folder(Path::new(folder), 0o755)?;
    }
    rustix::process::chdir("/tmp").trying(|| "enter the new root".to_owned())?;
    pivot_root("/tmp", "/tmp/old").trying(|| "turn to the new root".to_owned())?;
    rustix::process::chdir("/").trying(|| "enter the new root".to_owned())?;
    memory("/new", "mode=755,size=1m")?;
    // Memory, not disk: never more of it than half of what the run may use.
    let size = sandbox.limits.disk.min(sandbox.limits.memory / 2).max(1 << 20);
    memory("/scratch", &format!("mode=755,size={size},nr_inodes=1m"))?;
    let mut root = Root { rules: Vec::new(), ours: Vec::new(), owner };
    for place in ["/", "/new", "/scratch"] {
        root.ours.push(Path::new(place).metadata().trying(|| "look at the new root".to_owned())?.dev());
    }
    root.rule("/", false);
    root.system()?;
    root.etc(name_servers)?;
    root.devices()?;
    root.scratch()?;
    for (source, mapped) in sources.iter().zip(mapped) {
        root.mount(source, mapped)?;
    }
    // Only where a process sees all of a /proc may it mount its own, which `finish` puts on top.
    make_folder(Path::new("/new/proc"), 0o555)?;
    mount_bind_recursive("/old/proc", "/new/proc").trying(|| "mount /proc".to_owned())?;
    root.enforce()?;
    rustix::process::chdir("/new").trying(|| "enter the root".to_owned())?;
    pivot_root(".", ".").trying(|| "turn to the root".to_owned())?;
    unmount(".", UnmountFlags::DETACH).trying(|| "leave the machine's root".to_owned())?;
    rustix::process::chdir("/").trying(|| "enter the root".to_owned())
}

/// The last step, done by the first process of the PID namespace: its own /proc.
pub fn finish() -> Step<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None).trying(|| "mount /proc".to_owned())?;
    // No namespaces within: they would give back rights that a bug of the kernel needs.
    for kind in ["user", "mnt", "net", "pid", "ipc", "uts", "cgroup", "time"] {
        let _ = std::fs::write(format!("/proc/sys/user/max_{kind}_namespaces"), "0");
    }
    // What the processor can do is the build machine's, unless the caller gave another answer.
    match mount_bind(CPUINFO, "/proc/cpuinfo") {
        Ok(()) => mount_remount("/proc/cpuinfo", MountFlags::BIND | MountFlags::RDONLY | flags, "")
            .trying(|| "show another processor".to_owned())?,
        Err(Errno::NOENT) => {}
        Err(error) => return Err(error).trying(|| "show another processor".to_owned()),
    }
    // Matters where the run is root outside: its files in /proc can be written without any right.
    for place in ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi"] {
        match mount_bind(place, place) {
            Ok(()) => mount_remount(place, MountFlags::BIND | MountFlags::RDONLY | flags, "")
                .trying(|| format!("make `{place}` read-only"))?,
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error).trying(|| format!("make `{place}` read-only")),
        }
    }
    Ok(())
}

impl Root {
    fn rule(&mut self, at: impl Into<PathBuf>, writable: bool) {
        self.rules.push(Rule { at: at.into(), writable, device: false });
    }

    fn system(&mut self) -> Step<()> {
        for name in SYSTEM {
            let (old, new) = (Path::new("/old").join(name), Path::new("/new").join(name));
            let Ok(there) = old.symlink_metadata() else { continue };
            if there.is_symlink() {
                let target = old.read_link().trying(|| format!("read the link `/{name}`"))?;
                symlink(target, new).trying(|| format!("make the link `/{name}`"))?;
            } else if there.is_dir() {
                make_folders(&new)?;
                mount_bind_recursive(&old, &new).trying(|| format!("mount `/{name}`"))?;
            }
        }
        let per_machine = std::fs::read_dir("/old/usr/lib").into_iter().flatten().flatten();
        let per_machine =
            per_machine.map(|entry| Path::new("usr/lib").join(entry.file_name()).join("pkgconfig"));
        for (index, hidden) in HIDDEN.iter().map(PathBuf::from).chain(per_machine).enumerate() {
            let place = Path::new("/new").join(&hidden);
            if place.symlink_metadata().is_ok_and(|there| there.is_dir()) {
                // One for each: a later mount may make a folder in it.
                let empty = format!("/hidden/{index}");
                make_folder(Path::new(&empty), 0o755)?;
                mount_bind(&empty, &place).trying(|| format!("hide `/{}`", hidden.display()))?;
            }
        }
        Ok(())
    }

    fn etc(&mut self, name_servers: Option<Vec<u8>>) -> Step<()> {
        make_folder(Path::new("/new/etc"), 0o755)?;
        let files = [
            (
                "passwd",
                "build:x:1000:1000:build:/build/home:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
            ),
            ("group", "build:x:1000:\nnogroup:x:65534:\n"),
            ("hosts", "127.0.0.1 localhost build\n::1 localhost\n"),
            ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
            ("host.conf", "multi on\n"),
        ];
        for (name, text) in files {
            std::fs::write(Path::new("/new/etc").join(name), text)
                .trying(|| format!("write `/etc/{name}`"))?;
        }
        let network: &[&str] = if name_servers.is_some() { ETC_NETWORK } else { &[] };
        if let Some(text) = name_servers {
            std::fs::write("/new/etc/resolv.conf", text).trying(|| "write `/etc/resolv.conf`".to_owned())?;
        }
        for name in ETC.iter().chain(network) {
            let old = Path::new("/old/etc").join(name);
            // A link leads astray from /old: only real ones.
            let Ok(there) = old.symlink_metadata() else { continue };
            if there.is_dir() || there.is_file() {
                self.bind(&old, &Path::new("/etc").join(name), there.is_dir())?;
            }
        }
        Ok(())
    }

    fn devices(&mut self) -> Step<()> {
        make_folder(Path::new("/new/dev"), 0o755)?;
        for name in DEVICES {
            let at = Path::new("/dev").join(name);
            self.bind(&Path::new("/old/dev").join(name), &at, false)?;
            self.rules.push(Rule { at, writable: true, device: true });
        }
        for (name, target) in
            [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")]
        {
            symlink(target, Path::new("/new/dev").join(name)).trying(|| format!("make `/dev/{name}`"))?;
        }
        Ok(())
    }

    /// /tmp, HOME and /dev/shm: in memory, gone with the run.
    fn scratch(&mut self) -> Step<()> {
        for (name, at, mode) in
            [("tmp", SCRATCH, 0o1777), ("home", BUILD_HOME, 0o755), ("shm", "/dev/shm", 0o1777)]
        {
            let folder = Path::new("/scratch").join(name);
            make_folder(&folder, 0o755)?;
            rustix::fs::chmod(&folder, Mode::from_raw_mode(mode)).trying(|| format!("make `{at}`"))?;
            if let Some((uid, gid)) = self.owner {
                rustix::fs::chown(&folder, Some(uid), Some(gid)).trying(|| format!("give away `{at}`"))?;
            }
            self.bind(&folder, Path::new(at), true)?;
            self.rule(at, true);
        }
        Ok(())
    }

    fn mount(&mut self, source: &Source, mapped: Option<OwnedFd>) -> Step<()> {
        let what = || format!("mount `{}` at `{}`", source.real.display(), source.at.display());
        match mapped {
            None => {
                let beneath = source.real.strip_prefix("/").unwrap_or(&source.real);
                self.bind(&Path::new("/old").join(beneath), &source.at, source.is_folder)?;
            }
            Some(tree) => {
                let place = self.place(&source.at, source.is_folder)?;
                move_mount(
                    tree.as_fd(),
                    "",
                    place.as_fd(),
                    "",
                    MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH,
                )
                .trying(what)?;
            }
        }
        self.rule(&source.at, source.writable);
        Ok(())
    }

    /// Shows `from` at `at` in the new root.
    fn bind(&self, from: &Path, at: &Path, is_folder: bool) -> Step<()> {
        let place = self.place(at, is_folder)?;
        let target = format!("/old/proc/self/fd/{}", place.as_raw_fd());
        mount_bind_recursive(from, target).trying(|| format!("mount at `{}`", at.display()))
    }

    /// A folder or file at `at` to mount on, made if need be. No link on the way is followed, and
    /// nothing is made but in file systems of our own.
    fn place(&self, at: &Path, is_folder: bool) -> Step<OwnedFd> {
        let shown = || format!("make the place `{}`", at.display());
        let path = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut here = rustix::fs::open("/new", path | OFlags::DIRECTORY, Mode::empty()).trying(shown)?;
        let names: Vec<_> = at
            .components()
            .filter_map(|part| if let Component::Normal(name) = part { Some(name) } else { None })
            .collect();
        for (index, name) in names.iter().enumerate() {
            let folder = is_folder || index + 1 < names.len();
            let flags = if folder { path | OFlags::DIRECTORY } else { path };
            here = match rustix::fs::openat(&here, *name, flags, Mode::empty()) {
                Err(Errno::NOENT) => {
                    let device = rustix::fs::fstat(&here).trying(shown)?.st_dev;
                    if !self.ours.contains(&device) {
                        return Err(format!("cannot {}: it is not in what is mounted there", shown()));
                    }
                    if folder {
                        rustix::fs::mkdirat(&here, *name, Mode::from_raw_mode(0o755)).trying(shown)?;
                    } else {
                        let create = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                        rustix::fs::openat(&here, *name, create, Mode::from_raw_mode(0o644)).trying(shown)?;
                    }
                    rustix::fs::openat(&here, *name, flags, Mode::empty()).trying(shown)?
                }
                other => other.trying(shown)?,
            };
        }
        Ok(here)
    }

    /// Makes every mount of the new root what its rule says, whatever was mounted beneath the
    /// sources: read-only unless writable, never with set-uid programs or devices.
    fn enforce(&self) -> Step<()> {
        let table =
            std::fs::read_to_string("/old/proc/self/mountinfo").trying(|| "read the mounts".to_owned())?;
        for line in table.lines() {
            let Some((place, options)) = mountinfo::parse(line) else { continue };
            let Ok(beneath) = place.strip_prefix("/new") else { continue };
            let at = Path::new("/").join(beneath);
            if at.starts_with("/proc") {
                continue;
            }
            let rule = self
                .rules
                .iter()
                .filter(|rule| at.starts_with(&rule.at))
                .max_by_key(|rule| rule.at.as_os_str().len());
            let Some(rule) = rule else { continue };
            let mut flags = options | MountFlags::BIND | MountFlags::NOSUID;
            if !rule.writable {
                flags |= MountFlags::RDONLY;
            }
            if !rule.device {
                flags |= MountFlags::NODEV;
            }
            mount_remount(&place, flags, "").trying(|| format!("protect `{}`", at.display()))?;
        }
        Ok(())
    }
}

fn make_folder(path: &Path, mode: u32) -> Step<()> {
    std::fs::DirBuilder::new().mode(mode).create(path).trying(|| format!("make `{}`", path.display()))
}

fn make_folders(path: &Path) -> Step<()> {
    std::fs::create_dir_all(path).trying(|| format!("make `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_that_is_there_anyway_is_left_out() {
        let sources = Source::all(&[Mount::here("/usr"), Mount::at("/usr", "/build/usr")]).unwrap();
        assert_eq!(sources.len(), 1);
        assert!(Source::all(&[Mount::here("/no/such/folder")]).unwrap_err().contains("/no/such/folder"));
    }
}
