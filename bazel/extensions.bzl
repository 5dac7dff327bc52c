"""Module extensions."""

load("//bazel/private:oci_repository.bzl", "oci_rules")
load("//bazel/private:repositories.bzl", "declare_wheelbuild")

_local = tag_class(
    doc = "Files of this machine instead of released ones; of the root module only.",
    attrs = {
        "program": attr.string(doc = "Path of a `wheelbuild`."),
        "zig": attr.string(doc = "Path of the pinned zig's wheel."),
    },
)

_prebuilt = tag_class(
    doc = "Other prebuilt programs than this release's; of the root module only.",
    attrs = {"lock": attr.label(doc = "JSON list of `{os, cpu, sha256, urls}`.", mandatory = True)},
)

def _wheelbuild_impl(mctx):
    program, zig, lock = None, None, None
    for module in mctx.modules:
        if not module.is_root:
            continue
        for tag in module.tags.local:
            program, zig = tag.program or program, tag.zig or zig
        for tag in module.tags.prebuilt:
            lock = tag.lock
    declare_wheelbuild("wheelbuild", lock = lock, program = program, zig = zig)
    oci_rules(name = "wheelbuild_oci")

wheelbuild = module_extension(
    implementation = _wheelbuild_impl,
    doc = "The `wheelbuild` program, zig, and the toolchains made of them.",
    tag_classes = {
        "local": _local,
        "prebuilt": _prebuilt,
    },
)
