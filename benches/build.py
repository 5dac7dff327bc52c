#!/usr/bin/env python3
"""Whole builds against `uv build --wheel`, paired: A B A B ..., medians of ratios.

A is wheelbuild with warm caches (its wheel cache off, so that it builds), B is `uv build --offline
--wheel` of the same sdist building natively with the machine's own compiler. CPU is user + system
time of the whole process tree; on a busy machine it is the figure to trust, wall stands beside it.
"""

import argparse
import json
import os
import pathlib
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=int(os.environ.get("BENCH_RUNS", 9)))
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    wheelbuild = ROOT / "target/release/wheelbuild"
    if not wheelbuild.exists():
        sys.exit("bench: build it first: cargo build --release")
    cache = pathlib.Path(os.environ.get("WHEELBUILD_CACHE_DIR", ROOT / "target/bench-cache"))
    env = dict(os.environ, WHEELBUILD_CACHE_DIR=str(cache))
    fetched = json.loads(subprocess.run([wheelbuild, "toolchain", "fetch", "--json"], env=env, check=True,
                                        stdout=subprocess.PIPE).stdout)
    uv = next(tool["path"] for tool in fetched["tools"] if tool["name"] == "uv")
    python = "3.11" if shutil.which("python3.11") else "%d.%d" % sys.version_info[:2]
    print("%-34s %9s %9s %9s %9s  %s" % ("case", "ours CPU", "uv CPU", "CPU", "wall", "goal (CPU ratio)"), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        sdists = {}
        for name, version, target, goal, what in CASES:
            if options.cases and name not in options.cases:
                continue
            out = scratch / name
            common = [str(wheelbuild), "build", "--python", python, "-q", "-o", str(out)]
            # Once with the network: sdist, environment, tools.
            timed(common + ["%s==%s" % (name, version), "--target", target], env, scratch)
            found = sorted((cache / "downloads").glob("%s-%s.tar.gz" % (name.replace("-", "_"), version)))
            found = found or [path for path in (cache / "downloads").glob("*.tar.gz")
                              if path.name.lower().startswith(name) and version in path.name]
            sdists[name] = found[0]
            uv_build = [uv, "build", "-q", "--wheel", "--python", python, "-o", str(scratch / "uv"), str(found[0])]
            timed(uv_build, env, scratch)
            result = paired(
                lambda: timed(common + [str(found[0]), "--target", target, "--no-cache", "--offline"], env, scratch),
                lambda: timed(uv_build[:2] + ["--offline"] + uv_build[2:], env, scratch), options.runs)
            print("%-34s %8.2fs %8.2fs %9.2f %9.2f  <= %.2f %s" % (
                "%s (%s)" % (name, what), result["a"], result["b"], result["cpu"], result["wall"], goal,
                "met" if result["cpu"] <= goal else "MISSED"), flush=True)
        if "msgpack" in sdists:
            common = [str(wheelbuild), "build", "--python", python, "-q", "-o", str(scratch / "x"), str(sdists["msgpack"]),
                      "--no-cache", "--target"]
            timed(common + ["x86_64-linux"], env, scratch)
            result = paired(lambda: timed(common + ["aarch64-linux"], env, scratch),
                            lambda: timed(common + ["x86_64-linux"], env, scratch), options.runs)
            print("%-34s %8.2fs %8.2fs %9.2f %9.2f  <= 1.05 %s" % (
                "msgpack aarch64 against x86_64", result["a"], result["b"], result["cpu"], result["wall"],
                "met" if result["cpu"] <= 1.05 else "MISSED"), flush=True)
        if "grpclib" in sdists:
            hit = [str(wheelbuild), "build", "--python", python, "-q", "-o", str(scratch / "grpclib"), str(sdists["grpclib"]),
                   "--target", "aarch64-linux"]
            walls = [timed(hit, env, scratch)[1] for _ in range(options.runs * 2)]
            print("cache hit, whole process: %.1f ms wall (median of %d), goal <= 20 ms %s" % (
                statistics.median(walls) * 1000, len(walls), "met" if statistics.median(walls) <= 0.020 else "MISSED"))


main()
