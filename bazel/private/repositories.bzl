"""Repositories that hold `wheelbuild`, zig and the toolchains made of them."""

# The machines that actions run on: repository suffix → constraints, and what `wheelbuild` calls it.
HOSTS = {
    "linux_aarch64": struct(cpu = "aarch64", host = "aarch64-linux-gnu", os = "linux"),
    "linux_x86_64": struct(cpu = "x86_64", host = "x86_64-linux-gnu", os = "linux"),
    "macos_aarch64": struct(cpu = "aarch64", host = "aarch64-macos", os = "macos"),
    "macos_x86_64": struct(cpu = "x86_64", host = "x86_64-macos", os = "macos"),
}

_OS = {"linux": "linux", "mac os x": "macos"}
_CPU = {"aarch64": "aarch64", "amd64": "x86_64", "arm64": "aarch64", "x86_64": "x86_64"}

def host_of(os):
    """The key in HOSTS of the machine that Bazel runs on.

    Args:
        os: `repository_os`
    Returns:
        string
    """
    return "{}_{}".format(_OS.get(os.name.lower(), os.name), _CPU.get(os.arch, os.arch))

def _wheelbuild_prebuilt_impl(rctx):
    host = rctx.attr.host or host_of(rctx.os)
    named = ""
    if host == host_of(rctx.os):
        named = rctx.attr.program or rctx.os.environ.get("WHEELBUILD_PROGRAM", "")
    found = [entry for entry in json.decode(rctx.read(rctx.attr.lock)) if "{}_{}".format(entry["os"], entry["cpu"]) == host]
    if named:
        rctx.symlink(named, "wheelbuild")
    elif found:
        rctx.download(
            url = found[0]["urls"],
            output = "wheelbuild",
            sha256 = found[0]["sha256"],
            executable = True,
        )
    else:
        fail(("There is no prebuilt wheelbuild for {}. Use a release of pycross_image, or name a program: " +
              "--repo_env=WHEELBUILD_PROGRAM=/path/to/wheelbuild").format(host))
    rctx.file("BUILD.bazel", 'exports_files(["wheelbuild"])\n')

wheelbuild_prebuilt = repository_rule(
    implementation = _wheelbuild_prebuilt_impl,
    doc = "The released `wheelbuild` of one platform, by the lock of the release, or a local one.",
    attrs = {
        "host": attr.string(doc = "A key of HOSTS; default: the machine that Bazel runs on."),
        "lock": attr.label(
            default = "//bazel/private:prebuilt.json",
            doc = "JSON list of `{os, cpu, sha256, urls}`.",
        ),
        "program": attr.string(doc = "Path of a local program."),
    },
    environ = ["WHEELBUILD_PROGRAM"],
)

def _zig_wheel_impl(rctx):
    named = ""
    if rctx.attr.host == host_of(rctx.os):
        named = rctx.attr.wheel or rctx.os.environ.get("WHEELBUILD_ZIG_WHEEL", "")
    if named:
        rctx.symlink(named, rctx.path(named).basename)
    else:
        driver = rctx.path(rctx.attr.driver)
        result = rctx.execute(
            [driver, "toolchain", "fetch", "zig", "--wheels", ".", "--host", HOSTS[rctx.attr.host].host],
            timeout = 1200,
        )
        if result.return_code:
            fail("zig could not be fetched:\n" + result.stderr)
    wheels = [path.basename for path in rctx.path(".").readdir() if path.basename.endswith(".whl")]
    rctx.file("BUILD.bazel", "exports_files({})\nalias(name = \"zig\", actual = {}, visibility = [\"//visibility:public\"])\n".format(
        wheels,
        repr(wheels[0]),
    ))

zig_wheel = repository_rule(
    implementation = _zig_wheel_impl,
    doc = """The pinned zig of one platform, through the package index that pip or uv is configured to use.

`wheelbuild` has its version and sha256, and refuses any other file.""",
    attrs = {
        "driver": attr.label(mandatory = True, doc = "The `wheelbuild` of the machine that Bazel runs on."),
        "host": attr.string(mandatory = True, doc = "A key of HOSTS."),
        "wheel": attr.string(doc = "Path of a local file."),
    },
    environ = ["WHEELBUILD_ZIG_WHEEL"],
)

_TOOLCHAIN = """
wheelbuild_toolchain(
    name = "wheelbuild_{host}_impl",
    tool = "@{prefix}_{host}//:wheelbuild",
)

toolchain(
    name = "wheelbuild_{host}",
    exec_compatible_with = ["@platforms//os:{os}", "@platforms//cpu:{cpu}"],
    toolchain = ":wheelbuild_{host}_impl",
    toolchain_type = "{module}//toolchains:wheelbuild",
)

zig_toolchain(
    name = "zig_{host}_impl",
    zig = "@{prefix}_zig_{host}//:zig",
)

toolchain(
    name = "zig_{host}",
    exec_compatible_with = ["@platforms//os:{os}", "@platforms//cpu:{cpu}"],
    toolchain = ":zig_{host}_impl",
    toolchain_type = "{module}//toolchains:zig",
)
"""

def _toolchains_impl(rctx):
    module = str(Label("//:all")).removesuffix("//:all")
    text = 'load("{}//bazel/rules:toolchains.bzl", "wheelbuild_toolchain", "zig_toolchain")\n'.format(module)
    text += 'package(default_visibility = ["//visibility:public"])\n'
    for name, host in HOSTS.items():
        text += _TOOLCHAIN.format(host = name, os = host.os, cpu = host.cpu, prefix = rctx.attr.prefix, module = module)
    rctx.file("BUILD.bazel", text)

wheelbuild_toolchains = repository_rule(
    implementation = _toolchains_impl,
    doc = "The toolchains of every platform. What they are made of is fetched when one is chosen.",
    attrs = {"prefix": attr.string(default = "wheelbuild", doc = "What the other repositories' names begin with.")},
)

def declare_wheelbuild(prefix, lock = None, program = None, zig = None, declare = None):
    """Declares the repositories of every platform and their toolchains.

    Args:
        prefix: what their names begin with
        lock: label of the lock of prebuilt programs, or None for the one of this release
        program: path of a local `wheelbuild` for the machine that Bazel runs on
        zig: path of a local zig wheel for it
        declare: function of a repository rule and its arguments; default: calls it
    """
    declare = declare or _call
    arguments = {"program": program or ""}
    if lock:
        arguments["lock"] = lock
    declare(wheelbuild_prebuilt, name = prefix + "_host", **arguments)
    for name in HOSTS:
        declare(wheelbuild_prebuilt, name = "{}_{}".format(prefix, name), host = name, **arguments)
        declare(
            zig_wheel,
            name = "{}_zig_{}".format(prefix, name),
            driver = "@{}_host//:wheelbuild".format(prefix),
            host = name,
            wheel = zig or "",
        )
    declare(wheelbuild_toolchains, name = prefix + "_toolchains", prefix = prefix)

def _call(rule, **kwargs):
    rule(**kwargs)
