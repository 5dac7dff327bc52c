"""The configuration of a C toolchain whose programs lie in a folder of their own for each target."""

load("@rules_cc//cc:action_names.bzl", "ACTION_NAMES")
load("@rules_cc//cc:cc_toolchain_config_lib.bzl", "feature", "flag_group", "flag_set", "tool_path")
load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/toolchains:cc_toolchain_config_info.bzl", "CcToolchainConfigInfo")

_PROGRAMS = {
    "ar": "ar",
    "cpp": "cc",
    "gcc": "cc",
    "gcov": "cc",
    "ld": "cc",
    "nm": "cc",
    "objdump": "cc",
    "strip": "cc",
}

def _flags(actions, flags):
    return flag_set(actions = actions, flag_groups = [flag_group(flags = flags)])

def _zig_cc_config_impl(ctx):
    # One that is relative to the working folder, as toolchains write them, and one for the linker.
    flags = feature(
        name = "flags",
        enabled = True,
        flag_sets = [
            _flags(
                [ACTION_NAMES.c_compile, ACTION_NAMES.cpp_compile],
                ["-isystem", ctx.label.workspace_root + "/include"],
            ),
            _flags([ACTION_NAMES.cpp_link_dynamic_library], ["-Wl,-z,nodelete"]),
        ],
    )
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        abi_libc_version = "unknown",
        abi_version = "unknown",
        compiler = "clang",
        features = [flags, feature(name = "supports_pic", enabled = True)],
        host_system_name = "local",
        target_cpu = ctx.attr.cpu,
        target_libc = "glibc",
        target_system_name = ctx.attr.cpu + "-linux-gnu",
        tool_paths = [
            tool_path(name = name, path = "tools/{}/{}".format(ctx.attr.cpu, program))
            for name, program in _PROGRAMS.items()
        ],
        toolchain_identifier = "zig_" + ctx.attr.cpu,
    )

zig_cc_config = rule(
    implementation = _zig_cc_config_impl,
    attrs = {"cpu": attr.string(mandatory = True)},
    provides = [CcToolchainConfigInfo],
)
