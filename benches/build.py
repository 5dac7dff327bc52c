#!/usr/bin/env python3
"""Whole builds against `uv build --wheel`, paired: A B A B ..., medians of ratios.

A is wheelbuild with warm caches (its wheel cache off, so that it builds), B is `uv build --offline
--wheel` of the same sdist building natively with the machine's own compiler. CPU is user + system
time of the whole process tree; on a busy machine it is the figure to trust, wall stands beside it.
The runtime kit has its own: `scripts/bench kit`.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# name, version, target (None: the build machine's), goal for the CPU ratio, what it shows
CASES = [
    ("grpclib", "0.4.9", "aarch64-linux", 0.40, "pure, setuptools"),
    ("packaging", "25.0", "aarch64-linux", 0.50, "pure, flit"),
    ("starlette", "0.50.0", "aarch64-linux", 0.50, "pure, hatchling"),
    ("rich", "14.2.0", "aarch64-linux", 0.50, "pure, poetry-core"),
    ("markupsafe", "3.0.4", "aarch64-linux", 0.45, "one small C file, cross"),
    ("msgpack", "1.2.4", "aarch64-linux", 0.95, "compile-dominated, cross"),
]
# Builds that are compared with our own for x86_64.
CROSS = [("markupsafe", "aarch64-linux"), ("msgpack", "aarch64-linux"), ("msgpack", "armv7-linux"),
         ("msgpack", "s390x-linux"), ("msgpack", "x86_64-linux-musl")]


def timed(command, env, cwd):
    """CPU and wall seconds of a command that must end well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit("bench: %s\n%s" % (" ".join(map(str, command)), done.stdout[-2000:]))
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def paired(one, two, runs):
    """Medians of both and of their ratios, run by run."""
    pairs = []
    for turn in range(runs + 1):
        a, b = one(), two()
        if turn:  # the first pair warms
            pairs.append((a, b))
    middle = statistics.median
    return {
        "cpu": middle(a[0] / b[0] for a, b in pairs),
        "wall": middle(a[1] / b[1] for a, b in pairs),
        "a": middle(a[0] for a, _ in pairs),
        "b": middle(b[0] for _, b in pairs),
    }


ROW = "%-42s %10s %10s %9s %9s  %s"
missed = []


def verdict(what, met):
    """The last word of a row."""
    if not met:
        missed.append(what)
    return "met" if met else "MISSED"


def row(what, result, goal):
    """Prints one comparison and whether its CPU ratio meets the goal."""
    print(ROW % (what, "%.3f s" % result["a"], "%.3f s" % result["b"], "%.3f" % result["cpu"],
                 "%.3f" % result["wall"], "<= %.2f %s" % (goal, verdict(what, result["cpu"] <= goal))), flush=True)


def driver_cost(common, sdist, env, scratch, runs):
    """CPU milliseconds of a call of the compiler driver, less those of the program that it runs."""
    kept = subprocess.run(common + [str(sdist), "--no-cache", "--keep", "-v", "--target", "aarch64-linux"],
                          env=env, cwd=str(scratch), check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True).stdout
    folder = pathlib.Path(re.search(r"build folder kept: (.*)", kept).group(1))
    bin_folder = scratch / "driver"
    bin_folder.mkdir()
    text = (folder / "bin/driver.toml").read_text()
    nothing = shutil.which("true")
    text = re.sub(r'"[^"]*/zig"', json.dumps(nothing), text)
    text = re.sub(r'(?m)^log = .*', "log = " + json.dumps(str(scratch)), text)
    (bin_folder / "driver.toml").write_text(text)
    (bin_folder / "cc").symlink_to(common[0])
    (scratch / "a.c").write_text("int x;\n")
    shutil.rmtree(str(folder), ignore_errors=True)
    arguments = ["-O2", "-fPIC", "-Iinclude", "-DX=1", "-c", "a.c", "-o", "a.o"]

    def cpu(program):
        # Single calls are too short for the clock.
        return sum(timed([program] + arguments, env, scratch)[0] for _ in range(10)) / 10

    costs = [(cpu(str(bin_folder / "cc")) - cpu(nothing)) * 1000 for _ in range(runs + 1)][1:]
    return min(costs), statistics.median(costs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=int(os.environ.get("BENCH_RUNS", 9)))
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/wheelbuild")
    parser.add_argument("cases", nargs="*", help="names of packages; all unless named")
    options = parser.parse_args()
    wheelbuild = options.binary.resolve()
    if not wheelbuild.exists():
        sys.exit("bench: build it first: cargo build --release")
    cache = pathlib.Path(os.environ.get("WHEELBUILD_CACHE_DIR", ROOT / "target/bench-cache")).resolve()
    env = dict(os.environ, WHEELBUILD_CACHE_DIR=str(cache))
    fetched = json.loads(subprocess.run([wheelbuild, "toolchain", "fetch", "--json"], env=env, check=True,
                                        stdout=subprocess.PIPE).stdout)
    uv = next(tool["path"] for tool in fetched["tools"] if tool["name"] == "uv")
    python = "3.11" if shutil.which("python3.11") else "%d.%d" % sys.version_info[:2]
    print("CPython %s, %d cores, %d pairs, medians" % (python, os.cpu_count(), options.runs))
    print(ROW % ("case", "ours CPU", "uv CPU", "CPU", "wall", "goal (CPU ratio)"), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        common = [str(wheelbuild), "build", "--python", python, "-q", "-o", str(scratch / "out")]
        sdists = {}
        for name, version, target, goal, what in CASES:
            if options.cases and name not in options.cases:
                continue
            # Once with the network: sdist, environment, tools.
            timed(common + ["%s==%s" % (name, version), "--target", target], env, scratch)
            sdists[name] = next(path for path in (cache / "downloads").glob("*.tar.gz")
                                if path.name.lower() == "%s-%s.tar.gz" % (name, version))
            ours = common + [str(sdists[name]), "--target", target, "--no-cache", "--offline"]
            theirs = [uv, "build", "-q", "--wheel", "--python", python, "-o", str(scratch / "uv"), str(sdists[name])]
            timed(theirs, env, scratch)
            row("%s: %s" % (name, what), paired(
                lambda: timed(ours, env, scratch),
                lambda: timed(theirs[:2] + ["--offline"] + theirs[2:], env, scratch), options.runs), goal)
        for name, target in CROSS:
            if name not in sdists:
                continue
            build = common + [str(sdists[name]), "--no-cache", "--target"]
            for warmed in (target, "x86_64-linux"):
                timed(build + [warmed], env, scratch)
            build.insert(-1, "--offline")
            row("%s: %s against x86_64" % (name, target), paired(
                lambda: timed(build + [target], env, scratch),
                lambda: timed(build + ["x86_64-linux"], env, scratch), options.runs), 1.05)
        if "grpclib" in sdists:
            hit = common + [str(sdists["grpclib"]), "--target", "aarch64-linux"]
            wall = 1000 * statistics.median(timed(hit, env, scratch)[1] for _ in range(options.runs * 2))
            print("cache hit, whole process: %.1f ms wall (median), goal <= 20 ms %s" % (
                wall, verdict("cache hit", wall <= 20)), flush=True)
            least, middle = driver_cost(common, sdists["grpclib"], env, scratch, options.runs)
            print("compiler driver's own cost: %.2f ms CPU a call (median; least %.2f), goal <= 1 ms %s" % (
                middle, least, verdict("driver", middle <= 1)), flush=True)
    print("every goal met" if not missed else "missed: " + ", ".join(missed))


main()
