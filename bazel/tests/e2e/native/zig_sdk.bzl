"""A C toolchain for tests: zig as it is published, behind a script for each target, as hermetic_cc_toolchain has it."""

_CPUS = ["aarch64", "x86_64"]

# Found beside itself; its cache, which it cannot do without, goes with the action.
_TOOL = """#!/bin/sh
here=$(dirname "$0")
export ZIG_GLOBAL_CACHE_DIR="${{ZIG_GLOBAL_CACHE_DIR:-${{TMPDIR:-/tmp}}/zig-cache}}"
export ZIG_LOCAL_CACHE_DIR="$ZIG_GLOBAL_CACHE_DIR"
exec "$here/../../ziglang/zig" {} "$@"
"""

def _zig_sdk_impl(rctx):
    rctx.symlink(rctx.path(rctx.attr.wheel), "zig.zip")
    rctx.extract("zig.zip")
    rctx.delete("zig.zip")
    rctx.execute(["chmod", "+x", "ziglang/zig"])
    for cpu in _CPUS:
        rctx.file("tools/{}/c++".format(cpu), _TOOL.format("c++ -target {}-linux-gnu.2.28".format(cpu)))
        rctx.file("tools/{}/cc".format(cpu), _TOOL.format("cc -target {}-linux-gnu.2.28".format(cpu)))
        rctx.file("tools/{}/ar".format(cpu), _TOOL.format("ar"))
    rctx.file("include/from_toolchain.h", "#define FROM_TOOLCHAIN 1\n", executable = False)
    rctx.symlink(rctx.attr.build_file, "BUILD.bazel")

zig_sdk = repository_rule(
    implementation = _zig_sdk_impl,
    attrs = {
        "build_file": attr.label(allow_single_file = True),
        "wheel": attr.string(mandatory = True),
    },
)
