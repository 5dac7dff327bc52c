"""An sdist to a wheel: one action."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("@rules_cc//cc:action_names.bzl", "ACTION_NAMES")
load("@rules_cc//cc:find_cc_toolchain.bzl", "find_cc_toolchain")
load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")
load("@rules_python//python:defs.bzl", "PyRuntimeInfo")
load(":driver.bzl", "WHEELBUILD", "ZIG", "driver_args", "run_driver")
load(":providers.bzl", "RuntimeKitInfo", "WheelInfo")
load(":runtime_kit.bzl", "make_kit")
load(":target.bzl", "TARGET_ATTRS", "target_of")

_CC_TOOLCHAIN = "@bazel_tools//tools/cpp:toolchain_type"

# What an action may ask of a machine. Bazel wants functions that stand at the top of a file.
def _one_cpu(_os, _inputs):
    return {"cpu": 1, "memory": 1024}

def _two_cpus(_os, _inputs):
    return {"cpu": 2, "memory": 2048}

def _four_cpus(_os, _inputs):
    return {"cpu": 4, "memory": 4096}

def _eight_cpus(_os, _inputs):
    return {"cpu": 8, "memory": 8192}

_RESOURCE_SETS = {
    1: _one_cpu,
    2: _two_cpus,
    4: _four_cpus,
    8: _eight_cpus,
}

def _wheels(targets):
    """The wheel files of labels: those of `wheel_build`, and `.whl` files."""
    wheels = []
    for target in targets:
        if WheelInfo in target:
            wheels.append(target[WheelInfo].wheel)
        else:
            wheels.extend([file for file in target[DefaultInfo].files.to_list() if file.extension == "whl"])
    return wheels

def _sysroot_files(ctx):
    """Headers and libraries of `native_deps`, and where a sysroot has them."""
    headers, libraries = [], []
    for dep in ctx.attr.native_deps:
        context = dep[CcInfo].compilation_context
        headers.append(struct(
            files = context.headers,
            folders = depset(transitive = [
                context.includes,
                context.system_includes,
                context.quote_includes,
                context.external_includes,
            ]),
        ))
        for linker_input in dep[CcInfo].linking_context.linker_inputs.to_list():
            for library in linker_input.libraries:
                file = library.pic_static_library or library.static_library or library.dynamic_library
                if file:
                    libraries.append(file)
    return headers, libraries

def _below(folders):
    """Says for a header where it lies below an include folder."""

    # The longest folder first: `a/include` before `a`.
    ordered = sorted(folders, key = lambda folder: -len(folder))

    def place(file):
        for folder in ordered:
            if folder in (".", ""):
                return "usr/include/{}={}".format(file.short_path, file.path)
            if file.path.startswith(folder + "/"):
                return "usr/include/{}={}".format(file.path[len(folder) + 1:], file.path)
        return "usr/include/{}={}".format(file.short_path, file.path)

    return place

def _library(file):
    """Says under what name `-lX` finds a library: Bazel marks what is position independent or kept whole."""
    name = file.basename
    for mark, ending in [(".pic.a", ".a"), (".pic.lo", ".a"), (".lo", ".a")]:
        if name.endswith(mark):
            name = name.removesuffix(mark) + ending
            break
    return "usr/lib/{}={}".format(name, file.path)

def _toolchain_folder(file):
    """The repository that a file of a toolchain is in; within the main one, its folder."""
    root, repository = file.root.path, file.owner.workspace_root
    if not repository:
        return file.dirname
    return root + "/" + repository if root and not repository.startswith(root) else repository

def _add_toolchain(ctx, args):
    """Names the registered C toolchain: programs, the flags of each step, its folders. Gives its files."""
    cc = find_cc_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = cc,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )

    def tool(action):
        return cc_common.get_tool_for_action(feature_configuration = features, action_name = action)

    def flags(action, variables):
        return cc_common.get_memory_inefficient_command_line(
            feature_configuration = features,
            action_name = action,
            variables = variables,
        )

    compiling = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = cc,
        use_pic = True,
    )
    linking = cc_common.create_link_variables(
        feature_configuration = features,
        cc_toolchain = cc,
        is_using_linker = True,
        is_linking_dynamic_library = True,
    )
    c = flags(ACTION_NAMES.c_compile, compiling)
    cxx = flags(ACTION_NAMES.cpp_compile, compiling)

    # A backend says itself what it links.
    link = [
        flag
        for flag in flags(ACTION_NAMES.cpp_link_dynamic_library, linking)
        if flag not in ("-shared", "-pie")
    ]
    args.add("--cc", "system")
    args.add("--cc-program", tool(ACTION_NAMES.c_compile))
    if tool(ACTION_NAMES.cpp_compile) != tool(ACTION_NAMES.c_compile):
        args.add("--cxx-program", tool(ACTION_NAMES.cpp_compile))
    args.add("--ar-program", tool(ACTION_NAMES.cpp_link_static_library))
    args.add_all(c, format_each = "--cc-flag=%s")
    args.add_all([flag for flag in cxx if flag not in c], format_each = "--cxx-flag=%s")
    args.add_all(link, format_each = "--link-flag=%s")
    args.add_all(
        cc.all_files,
        format_each = "--cc-folder=%s",
        map_each = _toolchain_folder,
        uniquify = True,
    )
    return cc.all_files

def _wheel_build_impl(ctx):
    target = ctx.attr.target or target_of(ctx, BuildSettingInfo)
    python = ctx.attr.python[PyRuntimeInfo]
    build_deps = _wheels(ctx.attr.build_deps)
    wheel = ctx.actions.declare_file(ctx.attr.wheel_name or ctx.label.name + ".whl")
    name_file = ctx.actions.declare_file(ctx.label.name + ".whl.name")
    provenance = ctx.actions.declare_file(ctx.label.name + ".intoto.json")

    args = driver_args(ctx, ["build"])
    args.add(ctx.file.sdist)
    args.add("--target", target)
    if python.interpreter:
        args.add("--python", python.interpreter)
    else:
        args.add("--python", python.interpreter_path)
    args.add_all(build_deps, before_each = "--build-dep")
    for key, values in ctx.attr.config_settings.items():
        args.add_all(values, before_each = "--config-setting", format_each = key + "=%s")
    args.add_all(["{}={}".format(key, value) for key, value in ctx.attr.env.items()], before_each = "--env")
    if ctx.attr.allow_pure:
        args.add("--allow-pure")
    if ctx.attr.cpus:
        args.add("--jobs", str(ctx.attr.cpus))

    inputs = [ctx.file.sdist] + build_deps
    transitive = [python.files] if python.files else []

    zig = ctx.toolchains[ZIG].zig
    args.add("--zig", zig)
    kit = ctx.attr._kit[RuntimeKitInfo]
    kit_file = kit.kit if kit.target == target else make_kit(ctx, target, ctx.label.name + ".kit.tar")
    args.add("--kit", kit_file)
    inputs.extend([zig, kit_file])

    compiler = ctx.attr.cc or ctx.attr._cc[BuildSettingInfo].value
    if compiler == "toolchain":
        transitive.append(_add_toolchain(ctx, args))

    headers, libraries = _sysroot_files(ctx)
    for part in headers:
        args.add_all(
            part.files,
            before_each = "--sysroot-file",
            map_each = _below(part.folders.to_list()),
            allow_closure = True,
        )
        transitive.append(part.files)
    args.add_all(libraries, before_each = "--sysroot-file", map_each = _library)
    inputs.extend(libraries)

    args.add("--wheel-file", wheel)
    args.add("--name-file", name_file)
    args.add("--provenance-file", provenance)
    run_driver(
        ctx,
        args = args,
        mnemonic = "WheelBuild",
        inputs = depset(inputs, transitive = transitive),
        outputs = [wheel, name_file, provenance],
        message = "Building the wheel of %{label} for " + target,
        # Include folders are text, and so is what a toolchain says of itself.
        path_mapping = not headers and compiler != "toolchain",
        resource_set = _RESOURCE_SETS.get(ctx.attr.cpus),
    )
    return [
        DefaultInfo(files = depset([wheel])),
        WheelInfo(wheel = wheel, name_file = None if ctx.attr.wheel_name else name_file, target = target),
        OutputGroupInfo(
            name = depset([name_file]),
            provenance = depset([provenance]),
            wheel = depset([wheel]),
        ),
    ]

wheel_build_rule = rule(
    implementation = _wheel_build_impl,
    doc = """Builds a source distribution into a wheel of the target platform.

One action, with everything it uses among its inputs: it runs the same on this machine, in a sandbox
and on a remote worker, and gives the bytes that the command line gives.""",
    attrs = TARGET_ATTRS | {
        "allow_pure": attr.bool(doc = "Accept a wheel whose compiled extensions were lost."),
        "build_deps": attr.label_list(
            doc = "Wheels (`wheel_build` targets or `.whl` files) of everything the build backend needs.",
            allow_files = [".whl"],
            cfg = "exec",
        ),
        "cc": attr.string(
            doc = "`zig`, or `toolchain` for the registered C toolchain; empty: what `--@pycross_image//toolchains:cc` says.",
            values = ["", "zig", "toolchain"],
        ),
        "config_settings": attr.string_list_dict(doc = "Settings for the backend (PEP 517), each a list of values."),
        "cpus": attr.int(
            doc = "How many compilers run at once, and what the local scheduler counts; 0 leaves both alone.",
            values = [0, 1, 2, 4, 8],
        ),
        "env": attr.string_dict(doc = "Variables for the build backend."),
        "native_deps": attr.label_list(
            doc = "C and C++ libraries of the target: their headers and libraries stand in the sysroot.",
            providers = [CcInfo],
        ),
        "python": attr.label(
            doc = "The `py_runtime` that runs the backend; its version is the wheel's. Default: that of the registered toolchain.",
            cfg = "exec",
            default = "//toolchains:python",
            providers = [PyRuntimeInfo],
        ),
        "sdist": attr.label(
            doc = "The source distribution.",
            allow_single_file = [".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz", ".tar"],
            mandatory = True,
        ),
        "target": attr.string(doc = "A target as `wheelbuild` spells it; default: the target platform."),
        "wheel_name": attr.string(doc = "The name of the output; default: the rule's name with `.whl`."),
        "_cc": attr.label(default = "//toolchains:cc"),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:optional_current_cc_toolchain"),
        "_kit": attr.label(default = "//toolchains:kit", providers = [RuntimeKitInfo]),
    },
    provides = [WheelInfo],
    toolchains = [
        WHEELBUILD,
        ZIG,
        config_common.toolchain_type(_CC_TOOLCHAIN, mandatory = False),
    ],
    fragments = ["cpp"],
)

def wheel_build(name, sdist, config_settings = {}, **kwargs):
    """Builds a source distribution into a wheel of the target platform.

    Args:
        name: name of the target; its file is NAME.whl, or `wheel_name`
        sdist: label of the source distribution
        config_settings: settings for the backend (PEP 517); a value is a string or a list of strings
        **kwargs: `target`, `python`, `build_deps`, `native_deps`, `env`, `cc`, `cpus`, `allow_pure`,
            `wheel_name`, as the rule documents them, and what every rule takes (`exec_properties`, ...)
    """
    wheel_build_rule(
        name = name,
        sdist = sdist,
        config_settings = {
            key: value if type(value) == "list" else [value]
            for key, value in config_settings.items()
        },
        **kwargs
    )
