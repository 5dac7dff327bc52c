"""The rules behind toolchain() targets."""

def _wheelbuild_toolchain_impl(ctx):
    return [platform_common.ToolchainInfo(wheelbuild = ctx.attr.tool[DefaultInfo].files_to_run)]

wheelbuild_toolchain = rule(
    implementation = _wheelbuild_toolchain_impl,
    doc = "A `wheelbuild` for the execution platform, prebuilt or built from source.",
    attrs = {
        "tool": attr.label(
            doc = "The program.",
            allow_files = True,
            cfg = "exec",
            executable = True,
            mandatory = True,
        ),
    },
)

def _zig_toolchain_impl(ctx):
    return [platform_common.ToolchainInfo(zig = ctx.file.zig)]

zig_toolchain = rule(
    implementation = _zig_toolchain_impl,
    doc = "The zig that `wheelbuild` pins, as the one file that it is published as: 19,000 unpacked files would cost every sandbox more than unpacking them.",
    attrs = {
        "zig": attr.label(
            doc = "The wheel of `ziglang` for the execution platform (`wheelbuild toolchain fetch --wheels`).",
            allow_single_file = [".whl"],
            cfg = "exec",
            mandatory = True,
        ),
    },
)
