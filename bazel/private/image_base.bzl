"""The base of an image as it is for the image's platform, and the check that it is."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load(":driver.bzl", "WHEELBUILD", "driver_args", "run_driver")
load(":target.bzl", "TARGET_ATTRS", "target_of")
load(":transitions.bzl", "ALLOWLIST", "platform_transition")

def _image_base_impl(ctx):
    base = ctx.attr.base[DefaultInfo]
    passed = ctx.actions.declare_file(ctx.label.name + ".checked")
    args = driver_args(ctx, ["check"])
    args.add("--platform-only")
    args.add("--target", target_of(ctx, BuildSettingInfo))
    args.add("--passed", passed)

    # A layout is one folder; its files may be links to those of the layouts that it builds upon.
    args.add_all(base.files, expand_directories = False)
    run_driver(
        ctx,
        args = args,
        mnemonic = "ImageBase",
        inputs = depset(transitive = [base.files, base.default_runfiles.files]),
        outputs = [passed],
        message = "Checking the platform of the base %{label}",
    )
    return [
        DefaultInfo(
            files = base.files,
            runfiles = base.default_runfiles,
        ),
        # Bazel runs it for whatever is built with the base.
        OutputGroupInfo(_validation = depset([passed])),
    ]

image_base = rule(
    implementation = _image_base_impl,
    doc = """The base of an image as it is for another platform: of a base for several, the one for that.

Whether it is for that platform is checked by what its configuration says.""",
    attrs = ALLOWLIST | TARGET_ATTRS | {
        "base": attr.label(
            doc = "The base: an OCI layout, as `oci_pull` and `oci_image` of rules_oci give it.",
            mandatory = True,
        ),
        "target_platform": attr.label(
            doc = "The platform it is for.",
            default = "//bazel/platforms:linux_x86_64",
        ),
    },
    cfg = platform_transition,
    toolchains = [WHEELBUILD],
)
