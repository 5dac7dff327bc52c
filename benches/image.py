"""Images against the tools one would use instead, in paired rounds.

ours      wheelbuild image from wheels, cache and output empty
pigz      tar | pigz -6 of the installed tree, with sha256sum of both (the install is not counted)
lazy      wheelbuild image --estargz, likewise
zstd      wheelbuild image --compression zstd, likewise
tar-zstd  tar | zstd -3 -T2 of the installed tree, with sha256sum of both
app       wheelbuild image again after a change of the application, all else cached
wheel     wheelbuild image again after a small wheel got other content, all else cached
split     wheelbuild image --split, cache and output empty
split-one the same again after a small wheel got other content, all else cached
again     wheelbuild image again, nothing changed

Each line is the median over the rounds; ratios are medians of the ratios of each round. Memory is the most
that the process ever held of its own, without files it maps (RssAnon), looked at every few milliseconds.
Once each: `pip install --target` with tar | gzip, as a user would do it; and what `--split` has to push
after numpy went from 2.2.5 to 2.2.6.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

PACKAGES = """numpy==2.2.6 scipy==1.15.3 pandas==2.2.3 matplotlib==3.10.3 scikit-learn==1.6.1 contourpy kiwisolver
pillow fonttools cycler pyparsing packaging python-dateutil pytz tzdata six joblib threadpoolctl attrs aiohttp
multidict yarl frozenlist propcache aiosignal idna certifi charset-normalizer urllib3 requests click jinja2
markupsafe werkzeug flask itsdangerous blinker sqlalchemy greenlet typing-extensions pydantic pydantic-core
annotated-types rich pygments markdown-it-py mdurl pyyaml lxml cryptography cffi pycparser""".split()
OTHER = "numpy==2.2.5"
# Of the wheels, the one that gets other content.
SMALL = "six"
PLATFORM = ["--only-binary", ":all:", "--python-version", "3.11"]
PLATFORM += ["--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64"]


def timed(command, **options):
    """Wall and CPU seconds of a command and its children, and the most private memory (MB) it had itself."""
    start = time.monotonic()
    process = subprocess.Popen(command, **options)
    most, over = [0], threading.Event()

    def watch():
        while not over.wait(0.002):
            try:
                with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                    lines = [line for line in status if line.startswith("RssAnon")]
            except OSError:
                return
            most[0] = max([most[0], *(int(line.split()[1]) for line in lines)])

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    over.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return wall, used.ru_utime + used.ru_stime, most[0] / 1024


def pip(*arguments):
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True)


def downloaded(folder, *packages):
    """The wheels of `packages` in `folder`, where they are kept."""
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        pip("download", "-q", *PLATFORM, "-d", str(part), *packages)
        part.rename(folder)
    return sorted(str(path) for path in folder.glob("*.whl"))


def changed(wheel, path, number):
    """Copies `wheel` to `path` with one file more."""
    shutil.copyfile(wheel, path)
    with zipfile.ZipFile(path, "a") as archive:
        record = next(name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        text = archive.read(record).decode()
        archive.writestr(f"{SMALL}_changed.py", f"number = {number}\n")
    # A zip cannot lose a member: RECORD is written anew into another file.
    other = f"{path}.new"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            if member.filename != record:
                new.writestr(member, old.read(member))
        new.writestr(record, text + f"{SMALL}_changed.py,,\n")
    os.replace(other, path)


def blobs(layout):
    return {path.name: path.stat().st_size for path in (layout / "blobs/sha256").iterdir()}


def pushed_after_numpy(base, files, state, scratch):
    """Packed bytes that a registry with the image of `files` lacks of the one with the other numpy."""
    [other] = [path for path in downloaded(state / "other", "--no-deps", OTHER) if "numpy" in path]
    known = set()
    for number, wheels in enumerate(([other, *(f for f in files if "/numpy-" not in f)], files)):
        folder = scratch / f"numpy-{number}"
        subprocess.run([*base, "--split", "-o", f"oci:{folder}", *wheels], check=True, stdout=subprocess.DEVNULL)
        found = blobs(folder)
        new = {name: size for name, size in found.items() if name not in known}
        known |= set(found)
        shutil.rmtree(folder)
    return sum(new.values()), len(new)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheelbuild", default="target/release/wheelbuild")
    parser.add_argument("--wheels", help="a folder of wheels for Python 3.11 on x86_64 [default: downloaded]")
    parser.add_argument("--interpreter", required=True, help="a tree of Python 3.11 for x86_64")
    parser.add_argument("--runs", type=int, default=int(os.environ.get("BENCH_RUNS", 5)))
    parser.add_argument("--only", nargs="*", help="only these rows, and nothing that is done once")
    arguments = parser.parse_args()
    state = pathlib.Path("target/bench/image")
    state.mkdir(parents=True, exist_ok=True)
    wheels = pathlib.Path(arguments.wheels) if arguments.wheels else state / "wheels"
    files = downloaded(wheels, *PACKAGES)
    install = ["install", "-q", "--no-deps", "--no-compile", "--no-index", *PLATFORM, "--target"]
    site = state / "site"
    if not site.is_dir():
        part = state / "site.part"
        pip(*install, str(part), *files)
        part.rename(site)
    with tempfile.TemporaryDirectory(dir=state) as scratch:
        scratch = pathlib.Path(scratch)
        app = scratch / "app"
        app.mkdir()
        (app / "main.py").write_text("print(1)\n")
        base = [arguments.wheelbuild, "image", "-q", "-t", "x86_64-linux-gnu.2.36", "--allow", "**"]
        base += ["--app", str(app), "--interpreter", arguments.interpreter, "--cache-dir", str(scratch / "cache")]
        out = scratch / "out"
        tar = (
            f"for t in {arguments.interpreter} {site} {app}; do tar --sort=name -C $t -c . | "
            f"tee >(sha256sum >/dev/null) | %s | tee >(sha256sum >/dev/null) >{scratch}/$(basename $t).%s; done; wait"
        )
        [small] = [path for path in files if pathlib.Path(path).name.startswith(f"{SMALL}-")]
        other = scratch / pathlib.Path(small).name
        with_other = [*(path for path in files if path != small), str(other)]
        ours = [*base, "-o", f"oci:{out}", *files]
        fresh = {
            "ours": ours,
            "pigz": ["bash", "-c", tar % ("pigz -6", "tgz")],
            "lazy": [*ours, "--estargz"],
            "zstd": [*ours, "--compression", "zstd"],
            "tar-zstd": ["bash", "-c", tar % ("zstd -q -3 -T2", "tzst")],
            "split": [*ours, "--split"],
        }
        wheel = [*base, "-o", f"oci:{out}", *with_other]
        # What comes after what has filled cache and output, and what is changed before.
        after = {"ours": [("again", ours), ("app", ours), ("wheel", wheel)]}
        after["split"] = [("split-one", [*wheel, "--split"])]
        wanted = arguments.only or [*fresh, *(name for rows in after.values() for name, _ in rows)]
        rows, sizes = {name: [] for name in wanted}, {}
        quiet = {"stdout": subprocess.DEVNULL}
        for number in range(arguments.runs):
            for name in fresh if number % 2 == 0 else reversed(fresh):
                following = [(row, command) for row, command in after.get(name, []) if row in wanted]
                if name not in wanted and not following:
                    continue
                for folder in (scratch / "cache", out):
                    shutil.rmtree(folder, ignore_errors=True)
                measured = timed(fresh[name], **quiet)
                if name in wanted:
                    rows[name].append(measured)
                if out.is_dir():
                    sizes[name] = sum(blobs(out).values())
                changed(small, other, number)
                for row, command in following:
                    if row == "app":
                        (app / "main.py").write_text(f"print({number}, 'changed')\n")
                    rows[row].append(timed(command, **quiet))
        for name, ending in (("pigz", "tgz"), ("tar-zstd", "tzst")):
            sizes[name] = sum(path.stat().st_size for path in scratch.glob(f"*.{ending}"))
        report(rows, sizes)
        if arguments.only:
            return
        bytes_pushed, count = pushed_after_numpy(base, files, state, scratch)
        print(f"--split after {OTHER} became 2.2.6: {bytes_pushed / 1e6:.1f} MB in {count} blobs to push")
        job, _, _ = timed([sys.executable, "-m", "pip", *install, str(scratch / "installed"), *files])
        for tree in (arguments.interpreter, scratch / "installed", app):
            job += timed(["bash", "-c", f"tar --sort=name -C {tree} -c . | gzip -6 >{scratch}/job.tgz"])[0]
        print(f"pip install --target, tar | gzip -6: {job:.1f} s wall, once", end="")
        print(f"; ours is {job / statistics.median(row[0] for row in rows['ours']):.1f} times as fast")


def report(rows, sizes):
    for name, times in rows.items():
        wall, cpu, memory = (statistics.median(column) for column in zip(*times))
        print(f"{name:9} {wall:7.3f} s wall {cpu:7.3f} s CPU {memory:5.1f} MB of its own")
    for name, peer in (("ours", "pigz"), ("lazy", "pigz"), ("zstd", "tar-zstd")):
        if not (rows.get(name) and rows.get(peer)):
            continue
        for at, what in enumerate(("wall", "CPU")):
            ratio = statistics.median(ours[at] / other[at] for ours, other in zip(rows[name], rows[peer]))
            print(f"{name} / {peer}, {what}: {ratio:.2f}")
        print(f"{name} / {peer}, bytes: {sizes[name] / sizes[peer]:.3f} ({sizes[name] / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
