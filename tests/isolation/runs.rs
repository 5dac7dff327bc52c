//! What a run is besides an attempt to escape: its world, exit codes, the log, Ctrl-C, other users.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wheelbuild::process::{
    Command, Interrupt, Isolation, IsolationChoice, Mount, Outcome, Sandbox, Status, available, choose, run,
};
use wheelbuild::report::{Code, Error};

use super::works;
use super::world::{World, use_supervisor};

/// Says to a copy of these tests what it is for.
pub const ROLE: &str = "WHEELBUILD_TEST_ROLE";

fn shell(sandbox: &Sandbox, script: &str) -> Result<(Outcome, String), Error> {
    use_supervisor();
    let log = tempfile::NamedTempFile::new().unwrap();
    let command = Command {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        env: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
        cwd: "/".into(),
        log: log.path().to_owned(),
    };
    let outcome = run(&command, sandbox, &Interrupt::new()?)?;
    Ok((outcome, fs::read_to_string(log.path()).unwrap()))
}

fn prints(sandbox: &Sandbox, script: &str) -> String {
    let (outcome, printed) = shell(sandbox, script).unwrap();
    assert!(outcome.success(), "{outcome:?} {printed}");
    printed
}

#[test]
fn the_world_inside_is_the_same_whoever_starts_it() {
    if !works(Isolation::Namespaces) {
        return;
    }
    let sandbox = Sandbox::new(Isolation::Namespaces);
    let seen = prints(
        &sandbox,
        "id -u; id -g; id -un; uname -n; umask; pwd; env | sort; ls -A / /build /tmp /dev/shm",
    );
    let fixed = "1000\n1000\nbuild\nbuild\n0022\n/\nPATH=/usr/bin:/bin\nPWD=/\n";
    assert!(seen.starts_with(fixed), "{seen}");
    for folder in ["home\n", "root\n", "run\n", "var\n", "sys\n"] {
        assert!(!seen[fixed.len()..].split("/build:").next().unwrap().contains(folder), "{seen}");
    }
    assert!(seen.ends_with("/tmp:\n"), "{seen}");
    // Two runs share nothing.
    prints(
        &sandbox,
        "echo x > /tmp/x; echo x > /build/home/x; echo x > /dev/shm/x; test $(ls /proc | grep -c '^[0-9]') -lt 8",
    );
    prints(&sandbox, "test ! -e /tmp/x && test ! -e /build/home/x && test ! -e /dev/shm/x");
}

#[test]
fn the_end_of_the_program_is_told_as_it_was() {
    for isolation in Isolation::ALL.into_iter().filter(|isolation| works(*isolation)) {
        let sandbox = Sandbox::new(isolation);
        assert_eq!(shell(&sandbox, "exit 7").unwrap().0.status, Status::Code(7), "{isolation}");
        assert_eq!(shell(&sandbox, "kill -TERM $$").unwrap().0.status, Status::Signal(15), "{isolation}");
        assert_eq!(shell(&sandbox, "kill -KILL $$").unwrap().0.status, Status::Signal(9), "{isolation}");
        let (outcome, printed) = shell(&sandbox, "echo out; echo GET https://me:pw@host/ >&2; cat").unwrap();
        assert!(outcome.success());
        assert_eq!(printed, "out\nGET https://***@host/\n", "{isolation}");
    }
}

#[test]
fn what_cannot_be_started_or_made_is_an_error_with_its_cause() {
    for isolation in Isolation::ALL.into_iter().filter(|isolation| works(*isolation)) {
        let log = tempfile::NamedTempFile::new().unwrap();
        let command = Command {
            program: "/no/such/program".into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: "/".into(),
            log: log.path().to_owned(),
        };
        let error = run(&command, &Sandbox::new(isolation), &Interrupt::new().unwrap()).unwrap_err();
        assert_eq!(error.code(), Code::Program);
        assert!(
            error.to_string().contains("/no/such/program") && error.to_string().contains("No such file"),
            "{error}"
        );
    }
    if works(Isolation::Namespaces) {
        for (source, at) in [("/no/such/folder", "/build/x"), ("/usr/bin", "/usr/lib/not-there")] {
            let sandbox = Sandbox::new(Isolation::Namespaces).mount(Mount::at(source, at));
            let error = shell(&sandbox, "true").unwrap_err();
            assert_eq!(error.code(), Code::Isolation);
            assert!(error.to_string().contains(source) || error.to_string().contains(at), "{error}");
        }
        assert!(!Path::new("/usr/lib/not-there").exists());
    }
}

#[test]
fn a_mount_shows_itself_and_nothing_beside_it() {
    if !works(Isolation::Namespaces) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let private = folder.path().join("private");
    let prefix = private.join("versions/3.11");
    fs::create_dir_all(prefix.join("bin")).unwrap();
    fs::write(prefix.join("bin/tool"), "#!/bin/sh\necho works\n").unwrap();
    fs::set_permissions(prefix.join("bin/tool"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(private.join("secret"), "x").unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    let writable = folder.path().join("writable");
    fs::create_dir(&writable).unwrap();
    fs::set_permissions(&writable, fs::Permissions::from_mode(0o700)).unwrap();
    symlink(&prefix, folder.path().join("link")).unwrap();
    let sandbox = Sandbox::new(Isolation::Namespaces)
        .mount(Mount::here(&prefix))
        .mount(Mount::at(folder.path().join("link"), "/build/by-link"))
        .mount(Mount::at(&writable, "/build/out").writable())
        .mount(Mount::at(prefix.join("bin/tool"), "/usr/include/given/tool"));
    let script = format!(
        "{0}/bin/tool && /build/by-link/bin/tool && ls -A {1} {1}/versions && ls /usr/include && echo made > /build/out/file && ls -ln /build/out",
        prefix.display(),
        private.display()
    );
    let printed = prints(&sandbox, &script);
    let lists = format!("works\nworks\n{0}:\nversions\n\n{0}/versions:\n3.11\ngiven\n", private.display());
    assert!(printed.starts_with(&lists), "{printed}");
    assert!(printed.contains(" 1000 1000 "), "{printed}");
    // Ours afterwards, whoever we are.
    let made = writable.join("file").metadata().unwrap();
    assert_eq!(made.uid(), rustix::process::geteuid().as_raw());
    assert_eq!(made.mode() & 0o777, 0o644);
}

#[test]
fn the_headers_of_the_build_machine_are_hidden() {
    if !works(Isolation::Namespaces) {
        return;
    }
    let sandbox = Sandbox::new(Isolation::Namespaces);
    let script = "for d in /usr/include /usr/local/include /usr/lib/*/pkgconfig /usr/share/pkgconfig; do test -d $d && ls -A $d; done; true";
    assert_eq!(prints(&sandbox, script), "");
    // Unless a mount says otherwise.
    if fs::read_dir("/usr/include").is_ok_and(|mut entries| entries.next().is_some()) {
        let sandbox = sandbox.mount(Mount::here("/usr/include"));
        assert_ne!(prints(&sandbox, "ls -A /usr/include"), "");
    }
}

#[test]
fn the_network_is_there_only_when_asked_for() {
    let interfaces = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
    };
    if !works(Isolation::Namespaces) {
        return;
    }
    let mut sandbox = Sandbox::new(Isolation::Namespaces);
    assert_eq!(interfaces(&prints(&sandbox, "cat /proc/net/dev")), ["lo"]);
    sandbox.network = true;
    let here = interfaces(&fs::read_to_string("/proc/net/dev").unwrap());
    assert_eq!(interfaces(&prints(&sandbox, "cat /proc/net/dev")), here);
    assert_eq!(
        prints(&sandbox, "cat /etc/resolv.conf"),
        fs::read_to_string("/etc/resolv.conf").unwrap_or_default()
    );
}

#[test]
fn root_without_mapped_users_is_held_as_well() {
    if !rustix::process::geteuid().is_root() || !works(Isolation::Namespaces) {
        println!("SKIP: only root can make a file system that maps no users");
        return;
    }
    let copy = Copy::new();
    let place = copy.file("ramfs");
    fs::create_dir(&place).unwrap();
    // A run then stays root outside, so its files there are its own.
    let script = "mount -t ramfs ramfs \"$0\" && chmod 1777 \"$0\" && exec \"$@\"";
    for test in ["namespaces_hold_every_attempt", "runs::a_mount_shows_itself_and_nothing_beside_it"] {
        let plain = copy.command(test, "kept-root");
        let output = std::process::Command::new("unshare")
            .args(["--mount", "/bin/sh", "-c", script])
            .arg(&place)
            .arg(plain.get_program())
            .args(plain.get_args())
            .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("TMPDIR", &place)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        println!("{printed}");
        assert!(
            output.status.success() && printed.contains("1 passed"),
            "{printed}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        if test.starts_with("namespaces") {
            // Not held by being another user, but by there being nothing to write to.
            assert!(printed.contains("Read-only file system: '/proc/sys/kernel/core_pattern'"), "{printed}");
        }
    }
}

#[test]
fn many_runs_at_once_do_not_meet() {
    for isolation in Isolation::ALL.into_iter().filter(|isolation| works(*isolation)) {
        std::thread::scope(|scope| {
            for thread in 0..6 {
                scope.spawn(move || {
                    for number in 0..4 {
                        let printed = prints(&Sandbox::new(isolation), &format!("echo {thread}-{number}"));
                        assert_eq!(printed, format!("{thread}-{number}\n"));
                    }
                });
            }
        });
    }
}

/// The numbers of processes that have `marker` among their arguments.
fn processes_with(marker: &str) -> Vec<i32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|argument| argument == marker.as_bytes())
        })
        .collect()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A program that starts two daemons and waits for ever; each has `marker` as an argument.
fn endless(isolation: Isolation, marker: &str, interrupt: &Interrupt) -> Result<Outcome, Error> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let daemon = "setsid sh -c 'while :; do sleep 1; done' x \"$0\"";
    let command = Command {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), format!("{daemon} & {daemon} & wait").into(), marker.into()],
        env: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
        cwd: "/".into(),
        log: log.path().to_owned(),
    };
    run(&command, &Sandbox::new(isolation), interrupt)
}

#[test]
fn ctrl_c_ends_everything() {
    for isolation in Isolation::ALL.into_iter().filter(|isolation| works(*isolation)) {
        let marker = format!("interrupted-{isolation}-{}", std::process::id());
        let interrupt = Interrupt::new().unwrap();
        std::thread::scope(|scope| {
            let run = scope.spawn(|| endless(isolation, &marker, &interrupt));
            wait_until("all three run", || processes_with(&marker).len() >= 3);
            interrupt.set();
            assert_eq!(run.join().unwrap().unwrap_err().code(), Code::Interrupted);
        });
        assert_eq!(processes_with(&marker), Vec::<i32>::new(), "{isolation}");
        // And nothing starts afterwards.
        assert_eq!(endless(isolation, &marker, &interrupt).unwrap_err().code(), Code::Interrupted);
    }
}

/// This test program, as a copy that another user can start, asked to run only `test` as `role`.
struct Copy {
    folder: tempfile::TempDir,
}

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(std::env::current_exe().unwrap(), folder.path().join("tests")).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_wheelbuild"), folder.path().join("wheelbuild")).unwrap();
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, test: &str, role: &str) -> std::process::Command {
        let mut command = std::process::Command::new(self.file("tests"));
        command
            .args(["--exact", test, "--nocapture", "--test-threads", "1"])
            .env(ROLE, role)
            .env("WHEELBUILD_TEST_SUPERVISOR", self.file("wheelbuild"));
        command
    }
}

#[test]
fn when_the_caller_is_killed_everything_ends() {
    let role = std::env::var(ROLE).unwrap_or_default();
    use_supervisor();
    if let Some((isolation, marker)) = role.split_once(':') {
        let isolation = Isolation::ALL.into_iter().find(|each| each.name() == isolation).unwrap();
        endless(isolation, marker, &Interrupt::new().unwrap()).unwrap();
        return;
    }
    let copy = Copy::new();
    for isolation in Isolation::ALL.into_iter().filter(|isolation| works(*isolation)) {
        let marker = format!("orphaned-{isolation}-{}", std::process::id());
        let test = "runs::when_the_caller_is_killed_everything_ends";
        let mut caller = copy.command(test, &format!("{isolation}:{marker}")).spawn().unwrap();
        wait_until("all three run", || processes_with(&marker).len() >= 3);
        caller.kill().unwrap();
        caller.wait().unwrap();
        wait_until("all are gone", || processes_with(&marker).is_empty());
    }
}

#[test]
fn another_user_than_root_is_isolated_as_well() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIP: not root, so every other test ran as another user");
        return;
    }
    let copy = Copy::new();
    for test in [
        "namespaces_hold_every_attempt",
        "runs::the_world_inside_is_the_same_whoever_starts_it",
        "runs::a_mount_shows_itself_and_nothing_beside_it",
        "runs::ctrl_c_ends_everything",
    ] {
        let output =
            copy.command(test, "").uid(65534).gid(65534).current_dir("/").env("HOME", "/").output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        println!("{printed}");
        assert!(
            output.status.success() && printed.contains("1 passed"),
            "{printed}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn within_another_sandbox_the_strongest_that_works_is_taken_and_the_reason_told() {
    if std::env::var(ROLE).is_ok_and(|role| role == "within") {
        use_supervisor();
        let why = available().next().unwrap().1.clone().unwrap_err();
        let refused = choose(IsolationChoice::Namespaces).unwrap_err();
        assert_eq!((refused.code(), refused.causes()), (Code::Isolation, [why.clone()].as_slice()));
        let taken = choose(IsolationChoice::Auto).unwrap();
        assert_ne!(taken, Isolation::Namespaces);
        assert_eq!(prints(&Sandbox::new(taken), "echo inner"), "inner\n");
        println!("auto takes {taken}: {why}");
        return;
    }
    if !works(Isolation::Namespaces) {
        return;
    }
    let copy = Copy::new();
    let sandbox = Sandbox::new(Isolation::Namespaces).mount(Mount::at(copy.folder.path(), "/copy"));
    let test = "runs::within_another_sandbox_the_strongest_that_works_is_taken_and_the_reason_told";
    let script = format!(
        "{ROLE}=within WHEELBUILD_TEST_SUPERVISOR=/copy/wheelbuild /copy/tests --exact {test} --nocapture"
    );
    let printed = prints(&sandbox, &script);
    println!("{printed}");
    assert!(printed.contains("auto takes landlock") || printed.contains("auto takes none"), "{printed}");
}

#[test]
fn a_file_left_open_reaches_a_plain_child_but_not_a_run() {
    // The attempt `open-files` shows the second half; this shows that there is something to find.
    let world = World::new();
    let found = "for f in /proc/self/fd/*; do case $(readlink $f) in */leaked) echo found;; esac; done";
    let plain = std::process::Command::new("/bin/sh").args(["-c", found]).output().unwrap();
    assert!(String::from_utf8_lossy(&plain.stdout).contains("found"));
    for isolation in Isolation::ALL.into_iter().filter(|isolation| works(*isolation)) {
        assert_eq!(prints(&Sandbox::new(isolation), found), "", "{isolation}");
    }
    drop(world);
}
