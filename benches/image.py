"""Images against the tools one would use instead, in paired rounds.

ours      wheelbuild image from wheels, cache and output empty
pigz      tar | pigz -6 of the installed tree, with sha256sum of both (the install is not counted)
app       wheelbuild image again after a change of the application, all else cached

Each line is the median over the rounds; ratios are medians of the ratios of each round.
"""

import argparse
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PACKAGES = """numpy==2.2.6 scipy==1.15.3 pandas==2.2.3 matplotlib==3.10.3 scikit-learn==1.6.1 contourpy kiwisolver
pillow fonttools cycler pyparsing packaging python-dateutil pytz tzdata six joblib threadpoolctl attrs aiohttp
multidict yarl frozenlist propcache aiosignal idna certifi charset-normalizer urllib3 requests click jinja2
markupsafe werkzeug flask itsdangerous blinker sqlalchemy greenlet typing-extensions pydantic pydantic-core
annotated-types rich pygments markdown-it-py mdurl pyyaml lxml cryptography cffi pycparser""".split()


def timed(command, **options):
    """Wall and CPU seconds and the largest resident set (MB) of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    subprocess.run(command, check=True, **options)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, after.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheelbuild", default="target/release/wheelbuild")
    parser.add_argument("--wheels", help="a folder of wheels for Python 3.11 on x86_64 [default: downloaded]")
    parser.add_argument("--interpreter", required=True, help="a tree of Python 3.11 for x86_64")
    parser.add_argument("--runs", type=int, default=int(os.environ.get("BENCH_RUNS", 5)))
    arguments = parser.parse_args()
    state = pathlib.Path("target/bench/image")
    wheels = pathlib.Path(arguments.wheels) if arguments.wheels else state / "wheels"
    if not wheels.is_dir():
        command = [sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:", "-d", str(wheels)]
        command += ["--python-version", "3.11", "--platform", "manylinux2014_x86_64"]
        command += ["--platform", "manylinux_2_28_x86_64", *PACKAGES]
        subprocess.run(command, check=True)
    files = sorted(str(path) for path in wheels.glob("*.whl"))
    site = state / "site"
    if not site.is_dir():
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--target", str(site)]
        command += ["--python-version", "3.11", "--only-binary", ":all:", "--no-index"]
        command += ["--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64", *files]
        subprocess.run(command, check=True)
    with tempfile.TemporaryDirectory(dir=state) as scratch:
        scratch = pathlib.Path(scratch)
        app = scratch / "app"
        app.mkdir()
        (app / "main.py").write_text("print(1)\n")
        rows = {"ours": [], "pigz": [], "app": []}
        for number in range(arguments.runs):
            for name in ("cache", "out"):
                shutil.rmtree(scratch / name, ignore_errors=True)
            ours = [arguments.wheelbuild, "image", "-q", "-t", "x86_64-linux-gnu.2.36", "--allow", "**"]
            ours += ["--app", str(app), "--interpreter", arguments.interpreter, "--cache-dir", str(scratch / "cache")]
            ours += ["-o", f"oci:{scratch / 'out'}", *files]
            pigz = (
                f"for t in {arguments.interpreter} {site} {app}; do tar --sort=name -C $t -c . | "
                f"tee >(sha256sum >/dev/null) | pigz -6 | tee >(sha256sum >/dev/null) >{scratch}/$(basename $t).tgz; done; wait"
            )
            quiet = {"stdout": subprocess.DEVNULL}
            jobs = [("ours", lambda: timed(ours, **quiet)), ("pigz", lambda: timed(["bash", "-c", pigz]))]
            for name, job in jobs if number % 2 else reversed(jobs):
                rows[name].append(job())
            (app / "main.py").write_text(f"print({number})\n")
            rows["app"].append(timed(ours, **quiet))
        sizes = {
            "ours": sum(path.stat().st_size for path in (scratch / "out/blobs/sha256").iterdir()),
            "pigz": sum(path.stat().st_size for path in scratch.glob("*.tgz")),
        }
    for name, times in rows.items():
        wall, cpu, memory = (statistics.median(column) for column in zip(*times))
        print(f"{name:5} {wall:7.2f} s wall {cpu:7.2f} s CPU  (largest process so far {memory:.0f} MB)")
    for at, what in enumerate(("wall", "CPU")):
        ratio = statistics.median(ours[at] / pigz[at] for ours, pigz in zip(rows["ours"], rows["pigz"]))
        print(f"ours / pigz, {what}: {ratio:.2f}")
    print(f"ours / pigz, bytes: {sizes['ours'] / sizes['pigz']:.3f} ({sizes['ours'] / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
