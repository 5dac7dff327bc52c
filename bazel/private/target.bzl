"""From a Bazel platform to a target as `wheelbuild` spells it."""

_CPUS = {
    "aarch64": "aarch64",
    "armv7": "armv7l",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
    "x86_32": "i686",
    "x86_64": "x86_64",
}

# Constraints as @platforms names them; its other spellings (`arm64`, `i386`) are aliases of these.
TARGET_ATTRS = {
    "_cpus": attr.label_list(
        default = ["@platforms//cpu:" + cpu for cpu in _CPUS],
        providers = [platform_common.ConstraintValueInfo],
    ),
    "_glibc_floor": attr.label(default = "//bazel/platforms:glibc_floor"),
    "_linux": attr.label(default = "@platforms//os:linux"),
    "_musl": attr.label(default = "//bazel/platforms:musl"),
}

# As images name them (GOARCH).
_ARCHITECTURES = {
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "386",
    "x86_64": "amd64",
}

# The platforms of //bazel/platforms: architecture and variant.
_PLATFORMS = {
    "aarch64": ("arm64", ""),
    "arm64": ("arm64", ""),
    "armv7": ("arm", "v7"),
    "ppc64le": ("ppc64le", ""),
    "riscv64": ("riscv64", ""),
    "s390x": ("s390x", ""),
    "x86_64": ("amd64", ""),
}
_OURS = Label("//bazel/platforms:linux_x86_64")

# buildifier: disable=unnamed-macro
def architecture_of(platform):
    """What an image says that it is for, known from the name of a platform; for macros.

    Args:
        platform: label of a platform, or None
    Returns:
        architecture and variant, strings; None and "" for a platform that is not this module's
    """
    label = native.package_relative_label(platform) if platform else None
    if not label or (label.workspace_name, label.package) != (_OURS.workspace_name, _OURS.package):
        return None, ""
    return _PLATFORMS.get(label.name.removeprefix("linux_").removesuffix("_musl"), (None, ""))

def expect_architecture(ctx, architecture, BuildSettingInfo):
    """Fails unless an image of this architecture is for the target platform.

    Args:
        ctx: the context of a rule that has TARGET_ATTRS
        architecture: string, as OCI images spell it
        BuildSettingInfo: the provider of string flags
    """
    cpu = target_of(ctx, BuildSettingInfo).split("-")[0]
    wanted = _ARCHITECTURES.get(cpu, cpu)
    if architecture != wanted:
        fail(("{}: architecture is `{}`, and target_platform is for `{}`. " +
              "hint: write architecture = \"{}\", with target_platforms a dict from their names, or leave it away if the platform is one of pycross_image's").format(
            ctx.label,
            architecture,
            wanted,
            wanted,
        ))

def target_of(ctx, BuildSettingInfo):
    """The target platform of a rule that has TARGET_ATTRS.

    Args:
        ctx: the rule's context
        BuildSettingInfo: the provider of string flags
    Returns:
        string: for example `aarch64-linux-gnu.2.28`
    """

    def has(label):
        return ctx.target_platform_has_constraint(label[platform_common.ConstraintValueInfo])

    if not has(ctx.attr._linux):
        fail(("{} builds for Linux; the target platform is another. Build it through a " +
              "`pycross_binary` or `py_image`, or with --platforms=@pycross_image//bazel/platforms:linux_x86_64").format(ctx.label))
    for cpu in ctx.attr._cpus:
        if has(cpu):
            name = _CPUS[cpu.label.name]
            if has(ctx.attr._musl):
                return name + "-linux-musl"
            return "{}-linux-gnu.{}".format(name, ctx.attr._glibc_floor[BuildSettingInfo].value)
    fail("{}: the target platform has no CPU that wheels can be built for".format(ctx.label))
