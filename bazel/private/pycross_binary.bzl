"""A Python program for another platform than the one that builds it."""

load("@rules_python//python:defs.bzl", "PyInfo", "PyRuntimeInfo")
load(":transitions.bzl", "ALLOWLIST", "platform_transition")

def _pycross_binary_impl(ctx):
    binary = ctx.attr.binary[0] if type(ctx.attr.binary) == "list" else ctx.attr.binary
    source = binary[DefaultInfo].files_to_run.executable
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = executable, target_file = source, is_executable = True)
    runfiles = ctx.runfiles([executable]).merge(binary[DefaultInfo].default_runfiles)
    providers = [
        DefaultInfo(executable = executable, files = depset([executable]), runfiles = runfiles),
    ]
    for provider in [PyInfo, PyRuntimeInfo, InstrumentedFilesInfo]:
        if provider in binary:
            providers.append(binary[provider])
    return providers

pycross_binary = rule(
    implementation = _pycross_binary_impl,
    doc = "A `py_binary` as it is for another platform: dependencies, wheels and interpreter are the target's.",
    attrs = ALLOWLIST | {
        "binary": attr.label(
            doc = "The `py_binary`.",
            cfg = platform_transition,
            executable = True,
            mandatory = True,
        ),
        "target_platform": attr.label(
            doc = "The platform it is for.",
            default = "//bazel/platforms:linux_x86_64",
        ),
    },
    executable = True,
)
