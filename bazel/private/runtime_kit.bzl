"""The runtime kit of a target: one action, shared by every wheel built for it."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load(":driver.bzl", "WHEELBUILD", "ZIG", "driver_args", "run_driver")
load(":providers.bzl", "RuntimeKitInfo")
load(":target.bzl", "TARGET_ATTRS", "target_of")

def make_kit(ctx, target, name):
    """Declares the action that makes the kit of `target`.

    Args:
        ctx: the context of a rule with the toolchains WHEELBUILD and ZIG
        target: string
        name: string, of the file
    Returns:
        File
    """
    zig = ctx.toolchains[ZIG].zig
    kit = ctx.actions.declare_file(name)
    args = driver_args(ctx, ["toolchain", "kit"])
    args.add("--target", target)
    args.add("--cxx")
    args.add("--zig", zig)
    args.add("--output", kit)
    run_driver(
        ctx,
        args = args,
        mnemonic = "RuntimeKit",
        inputs = depset([zig]),
        outputs = [kit],
        message = "Making the runtime kit of " + target,
    )
    return kit

def _runtime_kit_impl(ctx):
    target = target_of(ctx, BuildSettingInfo)
    kit = make_kit(ctx, target, ctx.label.name + ".tar")
    return [
        DefaultInfo(files = depset([kit])),
        RuntimeKitInfo(kit = kit, target = target),
    ]

runtime_kit = rule(
    implementation = _runtime_kit_impl,
    doc = "Start objects, C library stubs, compiler runtime, unwinder and libc++ of the target platform.",
    attrs = TARGET_ATTRS,
    provides = [RuntimeKitInfo],
    toolchains = [
        WHEELBUILD,
        ZIG,
    ],
)
