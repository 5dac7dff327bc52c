"""A wheel that a lock has for no way to get it on a platform."""

load(":providers.bzl", "WheelInfo")

def _unavailable_wheel_impl(ctx):
    fail("{}: {}".format(ctx.label, ctx.attr.reason))

unavailable_wheel = rule(
    implementation = _unavailable_wheel_impl,
    doc = "Fails where it is used, with the reason.",
    attrs = {"reason": attr.string(mandatory = True)},
    provides = [WheelInfo],
)
