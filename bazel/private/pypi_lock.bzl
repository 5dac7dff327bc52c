"""A lock file as labels: what `wheelbuild plan` says, as repositories.

One repository for each target holds its wheels and what is built for it, and is fetched when something
for that target is built. The hub has one label for each package and chooses by platform.
"""

_CPUS = {
    "aarch64": "aarch64",
    "armv7l": "armv7",
    "i686": "x86_32",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
    "x86_64": "x86_64",
}

DEFAULT_TARGETS = ["x86_64-linux", "aarch64-linux", "x86_64-macos", "aarch64-macos"]

_MODULE = str(Label("//:all")).removesuffix("//:all")

def _repository(name, target):
    return "{}_{}".format(name, target.replace("-", "_").replace(".", "_"))

def _constraints(target):
    """The constraint values of a target as `wheelbuild` spells it."""
    cpu, _, rest = target.partition("-")
    if cpu not in _CPUS or not (rest.startswith("linux") or rest.startswith("macos")):
        fail("`{}` is no target of pypi_lock: that is CPU-linux, CPU-linux-musl or CPU-macos with one of the CPUs {}".format(
            target,
            ", ".join(_CPUS),
        ))
    os = "macos" if rest.startswith("macos") else "linux"
    values = ["@platforms//os:" + os, "@platforms//cpu:" + _CPUS[cpu]]
    if os == "linux":
        values.append("{}//bazel/platforms:{}".format(_MODULE, "musl" if "musl" in rest else "glibc"))
    return values

_ATTRS = {
    "build_dependencies": attr.string_list_dict(
        doc = "Package to names of packages of the lock that its build needs; what those require comes with them.",
    ),
    "config_settings": attr.string_dict(
        doc = "Package to JSON object of settings for its backend, values being strings or lists.",
    ),
    "driver": attr.label(
        default = "@wheelbuild_host//:wheelbuild",
        doc = "The `wheelbuild` of the machine that Bazel runs on.",
    ),
    "groups": attr.string_list(doc = "Dependency groups that count, too."),
    "hub": attr.string(doc = "The name that users gave."),
    "lock": attr.label(
        allow_single_file = True,
        doc = "pdm.lock, poetry.lock, uv.lock, pylock.toml or a requirements file with hashes.",
        mandatory = True,
    ),
    "native_deps": attr.string_list_dict(doc = "Package to labels of C libraries that its build needs."),
    "no_binary": attr.string_list(doc = "Packages that are built though they have a wheel."),
    "project": attr.label(
        allow_single_file = True,
        doc = "The project's pyproject.toml, where the lock needs it (Poetry up to 2.0).",
    ),
    "python_version": attr.string(doc = "For example 3.12.", mandatory = True),
    "targets": attr.string_list(default = DEFAULT_TARGETS, doc = "Targets as `wheelbuild plan` takes them."),
}

def _plan(rctx, targets):
    """The decisions of `wheelbuild plan`."""
    command = [rctx.path(rctx.attr.driver), "plan", rctx.path(rctx.attr.lock), "--json", "--quiet"]

    # A cache of its own: what was built here before must not decide what others build.
    command.extend(["--cache-dir", rctx.path("cache"), "--python", rctx.attr.python_version])
    for target in targets:
        command.extend(["--target", target])
    for package in rctx.attr.no_binary:
        command.extend(["--no-binary", package])
    for group in rctx.attr.groups:
        command.extend(["--group", group])
    if rctx.attr.project:
        command.extend(["--project", rctx.path(rctx.attr.project)])
    result = rctx.execute(command, timeout = 600)
    if result.return_code:
        fail("{} cannot be read:\n{}".format(rctx.attr.lock, result.stderr))
    return [package for package in json.decode(result.stdout)["packages"] if package["verdict"] != "inactive"]

def _normalised(name):
    """A project's name as PEP 503 compares it."""
    name = name.lower().replace("_", "-").replace(".", "-")
    for _ in range(len(name)):
        if "--" not in name:
            break
        name = name.replace("--", "-")
    return name

def _by_package(rctx, packages):
    """The attributes that name packages, by normalised name; fails for what the lock does not have.

    Args:
        rctx: the repository's context
        packages: list of decisions
    Returns:
        struct of dicts: `build_dependencies`, `config_settings`, `native_deps`
    """
    known = {package["name"]: None for package in packages}

    def name(attribute, given):
        found = _normalised(given)
        if found not in known:
            fail("pypi_lock `{}`: {} names `{}`, which {} does not have for Python {}. It has: {}".format(
                rctx.attr.hub,
                attribute,
                given,
                rctx.attr.lock,
                rctx.attr.python_version,
                ", ".join(sorted(known)),
            ))
        return found

    for package in rctx.attr.no_binary:
        name("no_binary", package)
    return struct(
        build_dependencies = {
            name("build_dependencies", package): [name("build_dependencies of " + package, other) for other in others]
            for package, others in rctx.attr.build_dependencies.items()
        },
        config_settings = {
            name("config_settings", package): value
            for package, value in rctx.attr.config_settings.items()
        },
        native_deps = {
            name("native_deps", package): value
            for package, value in rctx.attr.native_deps.items()
        },
    )

def _with_requirements(names, requires):
    """Packages and what they require, each once, in the order in which they are found."""
    found = {name: None for name in names}
    for _ in requires:
        more = [other for name in found for other in requires.get(name, []) if other not in found]
        if not more:
            break
        found.update([(name, None) for name in more])
    return found.keys()

def _fetch(rctx, package):
    """Puts the file of a decision into the folder `files` and gives its label."""
    file = package["file"]
    if package.get("path"):
        rctx.symlink(rctx.path(rctx.attr.lock).dirname.get_child(package["path"]), "files/" + file)
    elif not package.get("sha256"):
        fail("{} of {} has no sha256 in {}".format(file, package["name"], rctx.attr.lock))
    elif package.get("url") and not package["locked"]:
        fail("{} of {} is not in {}".format(file, package["name"], rctx.attr.lock))
    else:
        command = [rctx.path(rctx.attr.driver), "fetch", package["name"], file, "--sha256", package["sha256"], "--outdir", "files", "--quiet"]
        result = rctx.execute(command, timeout = 1200)
        if result.return_code:
            # Not an index's file, or no index can be asked: the lock says where it lies.
            got = struct(success = False)
            if package.get("url"):
                got = rctx.download(
                    url = package["url"],
                    output = "files/" + file,
                    sha256 = package["sha256"],
                    allow_fail = True,
                )
            if not got.success:
                fail("{} cannot be fetched with the sha256 that {} has:\n{}".format(file, rctx.attr.lock, result.stderr))
    return "files/" + file

def _target_impl(rctx):
    target = rctx.attr.targets[0]
    build = [
        'load("{}//bazel/rules:defs.bzl", "unavailable_wheel", "wheel_build", "wheel_library")'.format(_MODULE),
        'package(default_visibility = ["//visibility:public"])',
    ]
    packages = _plan(rctx, [target])
    given = _by_package(rctx, packages)
    requires = {package["name"]: package["requires"] for package in packages}
    for package in packages:
        name = package["name"]
        wheel = ":" + name + "_wheel"
        deps = [":" + other for other in package["requires"]]
        verdict = package["verdict"]
        if verdict == "check":
            verdict = "wheel" if (package.get("file") or "").endswith(".whl") else "build"
        if verdict == "wheel":
            build.append("alias(name = {}, actual = {})".format(repr(name + "_wheel"), repr(_fetch(rctx, package))))
        elif verdict == "build":
            build.append("wheel_build(name = {}, sdist = {}, build_deps = {}, native_deps = {}, config_settings = {})".format(
                repr(name + "_wheel"),
                repr(_fetch(rctx, package)),
                [
                    "@{}//:{}_wheel".format(rctx.attr.hub, other)
                    for other in _with_requirements(given.build_dependencies.get(name, []), requires)
                ],
                given.native_deps.get(name, []),
                repr(json.decode(given.config_settings.get(name, "{}"))),
            ))
        else:
            build.append("unavailable_wheel(name = {}, reason = {})".format(
                repr(name + "_wheel"),
                repr("{} {} for {}: {}".format(name, package.get("version") or "", target, package["reason"])),
            ))
        build.append("wheel_library(name = {}, wheel = {}, deps = {})".format(repr(name), repr(wheel), deps))
    rctx.file("BUILD.bazel", "\n\n".join(build) + "\n")
    rctx.delete("cache")

pypi_target_repository = repository_rule(
    implementation = _target_impl,
    doc = "The packages of a lock for one target.",
    attrs = _ATTRS,
)

def _hub_impl(rctx):
    build = ['package(default_visibility = ["//visibility:public"])']
    for target in rctx.attr.targets:
        build.append("config_setting(name = {}, constraint_values = {})".format(repr("on_" + target), _constraints(target)))
    packages = {}
    plan = _plan(rctx, rctx.attr.targets)
    _by_package(rctx, plan)
    for package in plan:
        packages.setdefault(package["name"], []).append(package["target"])
    for name, targets in packages.items():
        for suffix in ["", "_wheel"]:
            choices = {
                ":on_" + target: "@{}//:{}{}".format(_repository(rctx.attr.hub, target), name, suffix)
                for target in targets
            }
            build.append("alias(name = {}, actual = select({}, no_match_error = {}))".format(
                repr(name + suffix),
                choices,
                repr("{} is not in the lock for this platform; it is for {}".format(name, ", ".join(targets))),
            ))
    rctx.file("BUILD.bazel", "\n\n".join(build) + "\n")
    rctx.file("requirements.bzl", "PACKAGES = {}\n\ndef requirement(name):\n    return {} + name\n".format(
        packages.keys(),
        repr("@{}//:".format(rctx.attr.hub)),
    ))
    rctx.delete("cache")

pypi_hub_repository = repository_rule(
    implementation = _hub_impl,
    doc = "A label for each package of a lock, which chooses by platform.",
    attrs = _ATTRS,
)

def declare_pypi_lock(name, targets = DEFAULT_TARGETS, **kwargs):
    """Declares the repositories of a lock.

    Args:
        name: name of the hub
        targets: targets as `wheelbuild plan` takes them
        **kwargs: attributes of the repository rules
    """
    for target in targets:
        pypi_target_repository(name = _repository(name, target), hub = name, targets = [target], **kwargs)
    pypi_hub_repository(name = name, hub = name, targets = targets, **kwargs)
