"""A Python program as layers: interpreter, packages, application.

Which file belongs where is known from analysis, not from its name: the interpreter is what the runtime
of the target's toolchain consists of, packages are what came out of wheels, the application is the
rest. Every layer is an action of its own with only its own files as inputs, so that an edit of the
application makes one layer anew.
"""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("@rules_python//python:defs.bzl", "PyRuntimeInfo")
load(":driver.bzl", "WHEELBUILD", "driver_args", "run_driver")
load(":layer_split.bzl", "expect_layers", "layer_of")
load(":providers.bzl", "ImageLayersInfo", "InstalledWheelInfo")
load(":target.bzl", "TARGET_ATTRS", "expect_architecture")
load(":transitions.bzl", "ALLOWLIST", "platform_transition")

_PYTHON = "@rules_python//python:toolchain_type"

_PackagesInfo = provider(
    doc = "The files of a target and its dependencies that came out of wheels.",
    fields = {
        "by_label": "depset of structs: `label`, `files` (a depset).",
        "files": "depset of Files.",
    },
)

# The edges along which Python programs depend on packages.
_EDGES = ["actual", "binary", "data", "deps", "srcs"]

def _is_package(target, ctx):
    """True for a target that stands for a wheel: ours, or one of rules_python's or rules_pycross' repositories."""
    if InstalledWheelInfo in target:
        return True
    if not target.label.workspace_name:
        return False
    tags = getattr(ctx.rule.attr, "tags", [])
    return any([tag.startswith("pypi_name=") for tag in tags]) or ctx.rule.kind in _WHEEL_RULES

_WHEEL_RULES = [
    "pycross_wheel_library",
    "_py_wheel_library",
    "py_import",
]

def _packages_aspect_impl(target, ctx):
    below = []
    for edge in _EDGES:
        value = getattr(ctx.rule.attr, edge, None)
        for dep in value if type(value) == "list" else [value]:
            if type(dep) == "Target" and _PackagesInfo in dep:
                below.append(dep[_PackagesInfo])
    files = [info.files for info in below]
    by_label = [info.by_label for info in below]
    own = []
    if _is_package(target, ctx):
        if InstalledWheelInfo in target:
            mine = depset([target[InstalledWheelInfo].site_packages])
        else:
            # What its own rule names: the runfiles hold its dependencies' files, too.
            named = [
                dep[DefaultInfo].files
                for edge in ["data", "srcs"]
                for dep in getattr(ctx.rule.attr, edge, [])
                if type(dep) == "Target"
            ]
            mine = depset(transitive = [target[DefaultInfo].files] + named)
        files.append(mine)
        own = [struct(label = target.label, files = mine)]
    return [_PackagesInfo(
        files = depset(transitive = files),
        by_label = depset(own, transitive = by_label),
    )]

_packages_aspect = aspect(
    implementation = _packages_aspect_impl,
    attr_aspects = _EDGES,
)

def _runtime_of(ctx):
    if PyRuntimeInfo in ctx.attr.binary:
        return ctx.attr.binary[PyRuntimeInfo]
    toolchain = ctx.toolchains[_PYTHON]
    if not toolchain or not toolchain.py3_runtime:
        fail("{}: no Python toolchain is registered for the platform {}; rules_python's `python.toolchain` gives one".format(
            ctx.label,
            ctx.attr.target_platform.label if ctx.attr.target_platform else "of this build",
        ))
    return toolchain.py3_runtime

def _path_in_runfiles(workspace, file):
    """Where a file lies below the runfiles folder."""
    if file.short_path.startswith("../"):
        return file.short_path[3:]
    return workspace + "/" + file.short_path

def _manifest_line(layer, root, workspace, layers):
    """Gives the manifest line of a file, unless it goes to another layer by the patterns of `layers`."""

    def line(file):
        path = _path_in_runfiles(workspace, file)
        entry = {"path": root + path, "file": file.path}

        # The interpreter stays whole.
        if layers and layer != "interpreter":
            chosen, patterns = layer_of(path, layers)
            if chosen and chosen != layer or not chosen and layer in layers:
                return None
            if chosen:
                entry["patterns"] = patterns
        return json.encode(entry) + ","

    return line

def _line(kind, path, value):
    return json.encode({"path": path, kind: value})

def _layer(ctx, name, root, files, lines, extra_inputs = []):
    """Declares the action that writes one layer."""
    layer = ctx.actions.declare_file("{}.{}.{}".format(ctx.label.name, name, ctx.attr.format))
    manifest = ctx.actions.args()
    manifest.use_param_file("--manifest=%s", use_always = True)
    manifest.set_param_file_format("multiline")
    manifest.add('{{"version": 1, "patterns": {}, "entries": ['.format(json.encode(ctx.attr.layers.get(name, []))))
    manifest.add_all(
        files,
        map_each = _manifest_line(name, root, ctx.workspace_name, ctx.attr.layers),
        allow_closure = True,
        uniquify = True,
    )
    manifest.add_all(lines, format_each = "%s,")

    # The list needs an entry without a comma behind it: the root, which is there anyway.
    manifest.add(json.encode({"folder": True, "path": "/"}) + "]}")
    args = driver_args(ctx, ["layer"])
    args.add("--compression", _COMPRESSIONS[ctx.attr.format])
    args.add("--output", layer)
    run_driver(
        ctx,
        args = args,
        more_args = [manifest],
        mnemonic = "ImageLayer",
        inputs = depset(extra_inputs, transitive = [files]),
        outputs = [layer],
        path_mapping = not lines,
        message = "Writing the {} layer of %{{label}}".format(name),
    )
    return layer

_COMPRESSIONS = {
    "tar": "none",
    "tar.gz": "gzip",
    "tar.zst": "zstd",
}

def _image_layers_impl(ctx):
    if ctx.attr.architecture:
        expect_architecture(ctx, ctx.attr.architecture, BuildSettingInfo)
    expect_layers(ctx.label, ctx.attr.groups.values(), ctx.attr.layers)
    binary = ctx.attr.binary
    runtime = _runtime_of(ctx)
    executable = binary[DefaultInfo].files_to_run.executable
    runfiles = binary[DefaultInfo].default_runfiles
    folder = "/" + (ctx.attr.directory or ctx.label.package)
    program = folder.rstrip("/") + "/" + executable.basename
    root = program + ".runfiles/"

    interpreter = runtime.files.to_list() if runtime.files else []
    if runtime.interpreter:
        interpreter.append(runtime.interpreter)
    in_interpreter = {file: None for file in interpreter}
    info = binary[_PackagesInfo]
    in_packages = {file: None for file in info.files.to_list() if file not in in_interpreter}
    groups = {}
    packages = {package.label: package.files for package in info.by_label.to_list()}
    for target, group in ctx.attr.groups.items():
        if target.label not in packages:
            fail("{}: groups names {}, which is no package that {} depends on. hint: a package is written as in `deps`; it has: {}".format(
                ctx.label,
                target.label,
                binary.label,
                ", ".join(sorted([str(label) for label in packages])) or "none",
            ))
        for file in packages[target.label].to_list():
            groups[file] = group

    # Layer name → files, from the one that changes least to the one that changes most.
    layers = {"interpreter": [], "site_packages": []}
    for name in ctx.attr.layers:
        layers[name] = []
    for name in ctx.attr.groups.values():
        layers.setdefault(name, [])
    layers["app"] = []
    for file in runfiles.files.to_list():
        if file == executable:
            continue
        if file in in_interpreter:
            name = "interpreter"
        elif file in groups:
            name = groups[file]
        elif file in in_packages:
            name = "site_packages"
        else:
            name = "app"
        if name != "interpreter" and ctx.attr.layers:
            if file.is_directory:
                # What is in it goes to one of these or to its own layer.
                for split in ctx.attr.layers:
                    layers[split].append(file)
            else:
                name = layer_of(_path_in_runfiles(ctx.workspace_name, file), ctx.attr.layers)[0] or name
        layers[name].append(file)

    # The application's layer has what names no input: the program, links, and empty files.
    nothing = ctx.actions.declare_file(ctx.label.name + ".empty")
    ctx.actions.write(nothing, "")
    lines = [
        json.encode({"path": program, "file": executable.path, "mode": "0755"}),
    ]
    for link in runfiles.symlinks.to_list():
        lines.append(_line("file", root + ctx.workspace_name + "/" + link.path, link.target_file.path))
    for link in runfiles.root_symlinks.to_list():
        lines.append(_line("file", root + link.path, link.target_file.path))
    for empty in runfiles.empty_filenames.to_list():
        place = empty[3:] if empty.startswith("../") else ctx.workspace_name + "/" + empty
        lines.append(json.encode({"file": nothing.path, "mode": "0644", "path": root + place}))
    extra = [executable, nothing]
    extra.extend([link.target_file for link in runfiles.symlinks.to_list() + runfiles.root_symlinks.to_list()])
    mapping = getattr(binary[DefaultInfo].files_to_run, "repo_mapping_manifest", None)
    if mapping:
        lines.append(_line("file", root + "_repo_mapping", mapping.path))
        extra.append(mapping)
    if runtime.interpreter:
        python = root + _path_in_runfiles(ctx.workspace_name, runtime.interpreter)

        # A name that does not depend on what Bazel calls the interpreter's repository.
        lines.append(_line("link", program + ".python", python[len(folder.rstrip("/")) + 1:]))
    else:
        python = runtime.interpreter_path
        lines.append(_line("link", program + ".python", python))

    outputs = {}
    for name, files in layers.items():
        own = name == "app"
        outputs[name] = _layer(ctx, name, root, depset(files), lines if own else [], extra if own else [])
    config = {
        "cmd": [executable.basename],
        "entrypoint": [python],
        "workdir": folder,
    }
    texts = {}
    for key, value in config.items():
        file = ctx.actions.declare_file("{}.{}.txt".format(ctx.label.name, key))
        ctx.actions.write(file, "\n".join(value) + "\n" if type(value) == "list" else value + "\n")
        texts[key] = depset([file])
    return [
        DefaultInfo(files = depset(outputs.values())),
        ImageLayersInfo(layers = outputs, **config),
        OutputGroupInfo(**({name: depset([file]) for name, file in outputs.items()} | texts)),
    ]

py_image_layers = rule(
    implementation = _image_layers_impl,
    doc = """The layers of a `py_binary`: `interpreter`, `site_packages`, further ones, `app`.

Each is an output group; so are the files `entrypoint`, `cmd` (one word a line) and `workdir`. An empty
layer is a valid empty archive.""",
    attrs = ALLOWLIST | TARGET_ATTRS | {
        "architecture": attr.string(
            doc = "What the image will say that it is for, such as `arm64`: another than `target_platform`'s is an error.",
        ),
        "binary": attr.label(
            doc = "The `py_binary` or `pycross_binary`.",
            aspects = [_packages_aspect],
            executable = True,
            # Already in the target's configuration: the transition is this rule's own.
            cfg = "target",
            mandatory = True,
        ),
        "directory": attr.string(doc = "Where the program lies in the image; default: the package."),
        "format": attr.string(
            doc = "How layers are packed.",
            default = "tar.gz",
            values = ["tar", "tar.gz", "tar.zst"],
        ),
        "groups": attr.label_keyed_string_dict(
            doc = "Packages (labels as in `deps`) that get a layer of their own, and its name. One that the binary does not depend on is an error.",
        ),
        "layers": attr.string_list_dict(
            doc = "Further layers: name to patterns of whole paths below the runfiles folder, in which `*` is anything. Each file but the interpreter's goes to the first layer that it matches, those of wheels, too; a pattern that gets none is an error.",
        ),
        "target_platform": attr.label(
            doc = "The platform it is for.",
            default = "//bazel/platforms:linux_x86_64",
        ),
    },
    cfg = platform_transition,
    provides = [ImageLayersInfo],
    toolchains = [
        WHEELBUILD,
        config_common.toolchain_type(_PYTHON, mandatory = False),
    ],
)
