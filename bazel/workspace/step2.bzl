"""Step 2: `wheelbuild`, zig, and their toolchains."""

load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")
load("//bazel/private:oci_repository.bzl", "oci_rules")
load("//bazel/private:repositories.bzl", "declare_wheelbuild")

def _setup_wheelbuild(name = "wheelbuild", lock = None, program = None, zig = None):
    """Declares the program and zig for every platform that builds, and registers their toolchains.

    Args:
        name: what the names of the repositories begin with
        lock: label of another lock of prebuilt programs
        program: path of a local `wheelbuild`
        zig: path of the pinned zig's wheel, if it is here already
    """
    declare_wheelbuild(name, lock = lock, program = program, zig = zig, declare = _declare)
    native.register_toolchains(
        "@{}_toolchains//:all".format(name),
        "@pycross_image//toolchains/unavailable_cc:all",
    )

def _setup_oci(defs = "@rules_oci//oci:defs.bzl"):
    """Lets //bazel/rules:oci.bzl work with the version of rules_oci that is there.

    Args:
        defs: label of rules_oci's rules
    """
    maybe(oci_rules, name = "wheelbuild_oci", defs = defs)

def _declare(rule, name, **kwargs):
    maybe(rule, name = name, **kwargs)

step2 = struct(
    setup_oci = _setup_oci,
    setup_wheelbuild = _setup_wheelbuild,
)
