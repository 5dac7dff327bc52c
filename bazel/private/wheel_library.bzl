"""A wheel as a dependency of `py_binary`."""

load("@rules_python//python:defs.bzl", "PyInfo")
load(":driver.bzl", "WHEELBUILD", "driver_args", "run_driver")
load(":providers.bzl", "InstalledWheelInfo", "WheelInfo")

def _wheel_library_impl(ctx):
    if WheelInfo in ctx.attr.wheel:
        wheel = ctx.attr.wheel[WheelInfo].wheel
    else:
        wheel = ctx.file.wheel
    site_packages = ctx.actions.declare_directory(ctx.label.name + "/site-packages")
    args = driver_args(ctx, ["install"])
    args.add(wheel)
    args.add_all("--outdir", [site_packages], expand_directories = False)
    run_driver(
        ctx,
        args = args,
        mnemonic = "WheelInstall",
        inputs = depset([wheel]),
        outputs = [site_packages],
        message = "Installing the wheel of %{label}",
    )
    package = "/".join([part for part in [ctx.label.workspace_name or ctx.workspace_name, ctx.label.package, ctx.label.name, "site-packages"] if part])
    deps = [dep[PyInfo] for dep in ctx.attr.deps]
    runfiles = ctx.runfiles([site_packages])
    runfiles = runfiles.merge_all([dep[DefaultInfo].default_runfiles for dep in ctx.attr.deps])
    return [
        DefaultInfo(files = depset([site_packages]), runfiles = runfiles),
        InstalledWheelInfo(site_packages = site_packages, wheel = wheel),
        PyInfo(
            has_py2_only_sources = False,
            has_py3_only_sources = True,
            imports = depset([package], transitive = [dep.imports for dep in deps]),
            transitive_sources = depset([site_packages], transitive = [dep.transitive_sources for dep in deps]),
            uses_shared_libraries = True,
        ),
        OutputGroupInfo(wheel = depset([wheel])),
    ]

wheel_library = rule(
    implementation = _wheel_library_impl,
    doc = "Unpacks a wheel so that `py_binary` and `py_library` can depend on it.",
    attrs = {
        "deps": attr.label_list(
            doc = "What the wheel's project requires at run time.",
            providers = [PyInfo],
        ),
        "wheel": attr.label(
            doc = "A `wheel_build` target or a `.whl` file.",
            allow_single_file = [".whl"],
            mandatory = True,
        ),
    },
    provides = [PyInfo],
    toolchains = [WHEELBUILD],
)
