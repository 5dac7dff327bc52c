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
              "hint: write architecture = \"{}\", for several platforms a py_image for each").format(
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
