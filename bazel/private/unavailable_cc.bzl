"""The configuration of a C toolchain whose every tool says that there is none."""

load("@rules_cc//cc:cc_toolchain_config_lib.bzl", "tool_path")
load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/toolchains:cc_toolchain_config_info.bzl", "CcToolchainConfigInfo")

_TOOLS = ["ar", "cpp", "dwp", "gcc", "gcov", "ld", "nm", "objcopy", "objdump", "strip"]

def _unavailable_cc_config_impl(ctx):
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        abi_libc_version = "unknown",
        abi_version = "unknown",
        compiler = "unavailable",
        host_system_name = "local",
        target_cpu = "unknown",
        target_libc = "unknown",
        target_system_name = "unknown",
        tool_paths = [tool_path(name = tool, path = "unavailable.sh") for tool in _TOOLS],
        toolchain_identifier = "unavailable",
    )

unavailable_cc_config = rule(
    implementation = _unavailable_cc_config_impl,
    provides = [CcToolchainConfigInfo],
)
