"""Module extensions."""

load("//bazel/private:oci_repository.bzl", "oci_rules")
load("//bazel/private:pypi_lock.bzl", "DEFAULT_TARGETS", "declare_pypi_lock")
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

_parse = tag_class(
    doc = "A lock file: `@NAME//:numpy` for deps, `@NAME//:numpy_wheel` for the file.",
    attrs = {
        "build_dependencies": attr.string_list_dict(
            doc = "Package to names of packages of the lock that its build needs; what those require comes with them.",
        ),
        "config_settings": attr.string_dict(
            doc = "Package to JSON object of settings for its backend, values being strings or lists.",
        ),
        "groups": attr.string_list(doc = "Dependency groups that count, too."),
        "lock": attr.label(
            doc = "pdm.lock, poetry.lock, uv.lock, pylock.toml or a requirements file with hashes.",
            mandatory = True,
        ),
        "name": attr.string(doc = "Name of the repository.", mandatory = True),
        "native_deps": attr.string_list_dict(doc = "Package to labels of C libraries that its build needs."),
        "no_binary": attr.string_list(doc = "Packages that are built though they have a wheel."),
        "project": attr.label(doc = "The project's pyproject.toml, where the lock needs it (Poetry up to 2.0)."),
        "python_version": attr.string(doc = "For example 3.12.", mandatory = True),
        "targets": attr.string_list(
            default = DEFAULT_TARGETS,
            doc = "Targets as `wheelbuild plan` takes them; each has a repository of its own.",
        ),
    },
)

_ATTRIBUTES = [
    "build_dependencies",
    "config_settings",
    "groups",
    "lock",
    "native_deps",
    "no_binary",
    "project",
    "python_version",
    "targets",
]

def _pypi_lock_impl(mctx):
    declared = {}
    for module in mctx.modules:
        for tag in module.tags.parse:
            if tag.name in declared:
                fail("pypi_lock: `{}` is declared by {} and by {}".format(tag.name, declared[tag.name], module.name))
            declared[tag.name] = module.name
            declare_pypi_lock(tag.name, **{key: getattr(tag, key) for key in _ATTRIBUTES})

pypi_lock = module_extension(
    implementation = _pypi_lock_impl,
    doc = "The packages of lock files, published or built, by platform.",
    tag_classes = {"parse": _parse},
)
