"""Images against the tools one would use instead, in paired rounds.

ours      wheelbuild image from wheels, cache and output empty
pigz      tar | pigz -6 of the installed tree, with sha256sum of both (the install is not counted)
lazy      wheelbuild image --estargz, likewise
zstd      wheelbuild image --compression zstd, likewise
tar-zstd  tar | zstd -3 -T2 of the installed tree, with sha256sum of both
app       wheelbuild image again after a change of the application, all else cached

Each line is the median over the rounds; ratios are medians of the ratios of each round.
"""

import argparse
import os
import pathlib
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
    start = time.monotonic()
    process = subprocess.Popen(command, **options)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


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
        rows = {"ours": [], "pigz": [], "lazy": [], "zstd": [], "tar-zstd": [], "app": []}
        sizes = {}
        for number in range(arguments.runs):
            ours = [arguments.wheelbuild, "image", "-q", "-t", "x86_64-linux-gnu.2.36", "--allow", "**"]
            ours += ["--app", str(app), "--interpreter", arguments.interpreter, "--cache-dir", str(scratch / "cache")]
            ours += ["-o", f"oci:{scratch / 'out'}", *files]
            tar = (
                f"for t in {arguments.interpreter} {site} {app}; do tar --sort=name -C $t -c . | "
                f"tee >(sha256sum >/dev/null) | %s | tee >(sha256sum >/dev/null) >{scratch}/$(basename $t).%s; done; wait"
            )
            commands = {
                "lazy": [*ours, "--estargz"],
                "zstd": [*ours, "--compression", "zstd"],
                "ours": ours,
                "pigz": ["bash", "-c", tar % ("pigz -6", "tgz")],
                "tar-zstd": ["bash", "-c", tar % ("zstd -q -3 -T2", "tzst")],
            }
            quiet = {"stdout": subprocess.DEVNULL}
            # What comes last leaves its cache to `app`.
            order = list(commands) if number % 2 else ["tar-zstd", "pigz", "zstd", "lazy", "ours"]
            for name in [*(name for name in order if name != "ours"), "ours"]:
                for folder in ("cache", "out"):
                    shutil.rmtree(scratch / folder, ignore_errors=True)
                rows[name].append(timed(commands[name], **quiet))
                blobs = scratch / "out/blobs/sha256"
                if blobs.is_dir():
                    sizes[name] = sum(path.stat().st_size for path in blobs.iterdir())
            (app / "main.py").write_text(f"print({number})\n")
            rows["app"].append(timed(ours, **quiet))
        for name, ending in (("pigz", "tgz"), ("tar-zstd", "tzst")):
            sizes[name] = sum(path.stat().st_size for path in scratch.glob(f"*.{ending}"))
    for name, times in rows.items():
        wall, cpu, memory = (statistics.median(column) for column in zip(*times))
        print(f"{name:8} {wall:7.2f} s wall {cpu:7.2f} s CPU {memory:5.0f} MB resident")
    for name, peer in (("ours", "pigz"), ("lazy", "pigz"), ("zstd", "tar-zstd")):
        for at, what in enumerate(("wall", "CPU")):
            ratio = statistics.median(ours[at] / other[at] for ours, other in zip(rows[name], rows[peer]))
            print(f"{name} / {peer}, {what}: {ratio:.2f}")
        print(f"{name} / {peer}, bytes: {sizes[name] / sizes[peer]:.3f} ({sizes[name] / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
