"""The interpreter of the platform that actions run on."""

load("@rules_python//python:defs.bzl", "PyRuntimeInfo")

_TYPE = "@rules_python//python:toolchain_type"

def _exec_python_impl(ctx):
    runtime = ctx.toolchains[_TYPE].py3_runtime
    if runtime == None:
        fail("{}: the Python toolchain has no Python 3 runtime".format(ctx.label))
    return [runtime, DefaultInfo(files = runtime.files or depset())]

exec_python = rule(
    implementation = _exec_python_impl,
    doc = "The runtime of the registered Python toolchain; depended on with `cfg = \"exec\"`.",
    provides = [PyRuntimeInfo],
    toolchains = [_TYPE],
)
