#!/usr/bin/env python3
"""A list of 40 sdists through `prefill` against one `uv build` after another; and prefills again.

Half of the list is pure, half has extension modules. Both sides have warm caches: sdists, build
requirements, tools and the runtime kit. A prefill builds everything (its cache of wheels is off) with
as many jobs as there are cores. uv builds natively, with the machine's compiler.
"""

import argparse
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PURE = """attrs==26.1.0 click==8.5.1 grpclib==0.4.9 h2==4.4.1 hpack==4.2.0
    hyperframe==6.1.0 idna==3.20 iniconfig==2.3.1 itsdangerous==2.2.0 jinja2==3.1.6 markdown-it-py==4.3.0
    mdurl==0.1.2 packaging==26.4 pluggy==1.7.0 requests==2.34.2 rich==15.0.0
    starlette==1.10.0 typing-extensions==4.16.0 urllib3==2.8.0 werkzeug==3.1.9""".split()
NATIVE = """bitarray==3.12.3 bitstruct==8.24.0 coverage==7.17.4 crcmod==1.7 frozenlist==1.8.0
    httptools==0.9.0 immutables==0.21 kiwisolver==1.5.1 lz4==4.4.5 markupsafe==3.0.4 mmh3==5.3.1
    msgpack==1.2.4 multidict==7.2.1 propcache==0.5.4 psutil==7.2.2 setproctitle==1.3.8
    simplejson==4.3.0 wrapt==2.5.2 xxhash==4.1.0 yarl==1.25.1""".split()
TARGET, SECOND = "x86_64-linux", "aarch64-linux"


def timed(command, env, cwd):
    """CPU and wall seconds of commands that must end well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    for one in command:
        done = subprocess.run(one, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True)
        if done.returncode:
            sys.exit("bench: %s\n%s" % (" ".join(map(str, one)), done.stdout[-3000:]))
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=int(os.environ.get("BENCH_RUNS", 3)))
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/wheelbuild")
    options = parser.parse_args()
    wheelbuild = options.binary.resolve()
    cache = pathlib.Path(os.environ.get("WHEELBUILD_CACHE_DIR", ROOT / "target/bench-cache")).resolve()
    env = dict(os.environ, WHEELBUILD_CACHE_DIR=str(cache))
    tools = subprocess.run([wheelbuild, "toolchain", "fetch"], env=env, check=True, stdout=subprocess.PIPE,
                           universal_newlines=True).stdout.split()
    uv = next(tool for tool in tools if tool.endswith("/uv"))
    missed = []

    def say(what, value, goal, form="%.3f"):
        met = value <= goal
        if not met:
            missed.append(what)
        print("%-52s %s  goal <= %s %s" % (what, form % value, form % goal, "met" if met else "MISSED"), flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "in.txt").write_text("\n".join(PURE + NATIVE) + "\n")
        subprocess.run([uv, "pip", "compile", "-q", "--no-deps", "--format", "pylock.toml", "--no-header",
                        "--python-version", "3.11", "in.txt", "-o", "pylock.toml"], cwd=str(scratch), env=env,
                       check=True)
        (scratch / "build.toml").write_text("no-cache = true\n")
        common = [wheelbuild, "prefill", "pylock.toml", "--python", "3.11", "-q"]
        for name in PURE + NATIVE:
            common += ["--no-binary", name.split("==")[0]]
        number = [0]

        def house():
            number[0] += 1
            return ["-o", "house%d" % number[0]]

        def prefill(*targets, **more):
            words = [word for target in targets for word in ("--target", target)]
            return [common + words + house() + list(more.get("extra", ()))]

        building = ("--config", "build.toml", "--offline")
        timed(prefill(TARGET, SECOND), env, str(scratch))
        wanted = {re.sub(r"[-_.]+", "-", name).lower(): version
                  for name, version in (word.split("==") for word in PURE + NATIVE)}
        sdists = []
        for path in sorted((cache / "downloads").glob("*.tar.gz")):
            name, _, version = path.name[:-len(".tar.gz")].rpartition("-")
            if wanted.get(re.sub(r"[-_.]+", "-", name).lower()) == version:
                sdists.append(path)
        if len(sdists) != len(wanted):
            sys.exit("bench: %d sdists of %d in %s" % (len(sdists), len(wanted), cache / "downloads"))
        theirs = [[uv, "build", "-q", "--wheel", "--python", "3.11", "-o", str(scratch / "uv"), str(sdist)]
                  for sdist in sdists]
        timed(theirs, env, str(scratch))
        theirs = [one[:2] + ["--offline"] + one[2:] for one in theirs]

        print("%d sdists, %d cores, %d pairs, medians" % (len(sdists), os.cpu_count(), options.runs), flush=True)
        pairs = [(timed(prefill(TARGET, extra=building), env, str(scratch)), timed(theirs, env, str(scratch)))
                 for _ in range(options.runs)]
        middle = statistics.median
        print("prefill %.1f s CPU, %.1f s wall; uv build %.1f s CPU, %.1f s wall" % tuple(
            middle(pair[side][kind] for pair in pairs) for side in (0, 1) for kind in (0, 1)), flush=True)
        say("against uv build, wall", middle(a[1] / b[1] for a, b in pairs), 0.45)
        say("against uv build, CPU", middle(a[0] / b[0] for a, b in pairs), 0.55)
        both = [(timed(prefill(TARGET, SECOND, extra=building), env, str(scratch))[0],
                 timed(prefill(TARGET, extra=building), env, str(scratch))[0]) for _ in range(options.runs)]
        say("a second target, CPU against the first", middle(two / one - 1 for two, one in both), 0.85)
        again = [timed(prefill(TARGET), env, str(scratch)) for _ in range(2 * options.runs)]
        say("everything cached, ms of wall a package", 1000 * middle(wall for _, wall in again) / len(sdists), 10, "%.1f")
        print("everything cached, ms of CPU a package: %.1f" % (1000 * middle(cpu for cpu, _ in again) / len(sdists)))
    print("every goal met" if not missed else "missed: " + ", ".join(missed))


main()
