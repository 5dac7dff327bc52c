//! Published wheels of many makers, rewritten: the same bytes from any order of members and any
//! number of threads, and what comes out is what installers take.

use std::path::{Path, PathBuf};
use std::process::Command;

use wheelbuild::wheel::{Member, RawWheel, Wheel, WheelBuilder, compare};

/// Checks a wheel as an installer does, but with every statement of RECORD held against every file.
const JUDGE: &str = r#"
import base64, csv, hashlib, io, sys, zipfile
for path in sys.argv[1:]:
    wheel = zipfile.ZipFile(path)
    assert wheel.testzip() is None
    names = wheel.namelist()
    (record,) = [name for name in names if name.endswith(".dist-info/RECORD")]
    assert names[-1] == record, names[-1]
    info = record.rsplit("/", 1)[0] + "/"
    assert names[:-1] == sorted(names[:-1], key=lambda name: (name.startswith(info), name.encode()))
    rows = list(csv.reader(io.StringIO(wheel.read(record).decode())))
    assert [row[0] for row in rows] == names
    for name, digest, size in rows[:-1]:
        data = wheel.read(name)
        expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        assert (digest, size) == ("sha256=" + expected, str(len(data))), name
    assert rows[-1] == [record, "", ""]
    for entry in wheel.infolist():
        assert entry.date_time == (1980, 1, 1, 0, 0, 0) and not entry.extra and not entry.comment
        assert entry.external_attr >> 16 in (0o100644, 0o100755) and entry.flag_bits & ~0x800 == 0
    print("good", path)
"#;

/// Lists the files below a folder: path, executable or not, digest.
const LIST: &str = r#"
import hashlib, os, sys
for folder, _, files in os.walk(sys.argv[1]):
    for file in files:
        path = os.path.join(folder, file)
        digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
        print(os.path.relpath(path, sys.argv[1]), os.access(path, os.X_OK), digest)
"#;

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Downloads the pinned wheels once and gives their paths; the reason when that is not possible.
fn published() -> Result<Vec<PathBuf>, String> {
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/published-wheels.txt");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("published-wheels");
    let into = folder.to_string_lossy();
    let platforms = ["any", "manylinux_2_5_x86_64", "manylinux2014_x86_64", "manylinux_2_28_x86_64"];
    let mut arguments = vec!["-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", &into];
    arguments.extend(["--python-version=3.11", "--implementation=cp", "--require-hashes", "-r", list]);
    let platforms: Vec<String> = platforms.iter().map(|name| format!("--platform={name}")).collect();
    arguments.extend(platforms.iter().map(String::as_str));
    run("python3", &arguments)?;
    let wanted = std::fs::read_to_string(list).unwrap().lines().filter(|line| line.contains("==")).count();
    let mut wheels: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .collect();
    wheels.sort();
    assert_eq!(wheels.len(), wanted, "{}", folder.display());
    Ok(wheels)
}

/// The canonical form, from members in the order that `order` makes of them.
fn rewrite(path: &Path, jobs: usize, order: impl Fn(&mut Vec<Member>)) -> Wheel {
    let mut raw = RawWheel::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    order(raw.members_mut());
    let tags = raw.file_name().tags().clone();
    WheelBuilder::new(raw, tags).jobs(jobs).build().unwrap()
}

#[test]
fn published_wheels_have_one_canonical_form() {
    let wheels = match published() {
        Ok(wheels) => wheels,
        Err(reason) => {
            println!("SKIP: the published wheels cannot be fetched: {}", reason.trim());
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let mut written = Vec::new();
    for path in &wheels {
        let wheel = rewrite(path, 1, |_| ());
        for other in [
            rewrite(path, 2, |members| members.reverse()),
            rewrite(path, 4, |members| {
                members.sort_by_key(|member| (member.data.len(), member.name.clone()))
            }),
        ] {
            assert_eq!(other.sha256, wheel.sha256, "{:?}", compare(&wheel.bytes, &other.bytes).unwrap());
        }
        let out = folder.path().join(wheel.file_name.to_string());
        std::fs::write(&out, &wheel.bytes).unwrap();
        let again = rewrite(&out, 2, |_| ());
        assert_eq!((again.sha256, again.notes), (wheel.sha256.clone(), Vec::<String>::new()));
        println!("{} {}", wheel.sha256, wheel.file_name);
        wheel.notes.iter().for_each(|note| println!("    {note}"));
        written.push(out.to_string_lossy().into_owned());
    }

    let mut arguments = vec!["-c", JUDGE];
    arguments.extend(written.iter().map(String::as_str));
    let judged = run("python3", &arguments).unwrap();
    assert_eq!(judged.lines().count(), wheels.len(), "{judged}");

    // Installed side by side: the files must be those of the published wheels installed.
    let installed = |wheels: &[String], name: &str| {
        let target = folder.path().join(name).to_string_lossy().into_owned();
        let mut arguments = vec!["-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile"];
        arguments.extend(["--no-warn-conflicts", "--only-binary=:all:", "--python-version=3.11"]);
        arguments.extend(["--implementation=cp", "--platform=any", "--platform=manylinux_2_5_x86_64"]);
        arguments.extend(["--platform=manylinux2014_x86_64", "--platform=manylinux_2_28_x86_64"]);
        arguments.extend(["--target", &target]);
        arguments.extend(wheels.iter().map(String::as_str));
        run("python3", &arguments).unwrap();
        let mut files: Vec<String> =
            run("python3", &["-c", LIST, &target]).unwrap().lines().map(str::to_owned).collect();
        files.sort();
        files
    };
    let originals: Vec<String> = wheels.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let (before, after) = (installed(&originals, "before"), installed(&written, "after"));
    assert!(after.len() > 400, "{}", after.len());
    // RECORD, WHEEL and foreign SBOMs are ours to change; direct_url.json is pip's and names the folder.
    let rewritten = |line: &&String| {
        ["RECORD", "WHEEL", ".cyclonedx.json", "direct_url.json"]
            .iter()
            .any(|name| line.contains(&format!("{name} ")))
            && line.contains(".dist-info/")
    };
    let only = |one: &[String], other: &[String]| -> Vec<String> {
        one.iter().filter(|line| !other.contains(line) && !rewritten(line)).cloned().collect()
    };
    assert_eq!(only(&before, &after), Vec::<String>::new());
    assert_eq!(only(&after, &before), Vec::<String>::new());
}
