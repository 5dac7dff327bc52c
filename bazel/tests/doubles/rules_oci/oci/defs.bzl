"""A stand-in for rules_oci's rules: takes what they take and writes down what it was given."""

_FILE_OR_LIST = ["cmd", "entrypoint"]

def _image_impl(ctx):
    # As rules_oci has it.
    platform = [ctx.attr.os, ctx.attr.architecture]
    if ctx.attr.base and any(platform):
        fail("'os' and 'architecture' come from the image provided by 'base' and cannot be overridden.")
    if not ctx.attr.base and not all(platform):
        fail("'os' and 'architecture' are mandatory when 'base' is unspecified.")
    layout = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add_all([layout], expand_directories = False)
    args.add(ctx.attr.workdir)
    args.add("/".join([word for word in platform + [ctx.attr.variant] if word]))
    args.add(ctx.file.entrypoint)
    args.add(ctx.file.cmd)
    args.add_all([ctx.file.base] if ctx.file.base else ["/dev/null"], expand_directories = False)
    args.add_all(ctx.files.tars)
    ctx.actions.run_shell(
        outputs = [layout],
        inputs = ctx.files.tars + ctx.files.base + [ctx.file.entrypoint, ctx.file.cmd],
        arguments = [args],
        command = """out=$1; echo "$2" >"$out/workdir"; echo "$3" >"$out/platform"; cp "$4" "$out/entrypoint"; cp "$5" "$out/cmd"; [ "$6" = /dev/null ] || cp -rL "$6" "$out/base"; shift 6
number=0; for tar; do cp "$tar" "$out/$number-${tar##*/}"; number=$((number+1)); done""",
    )
    return [DefaultInfo(files = depset([layout]))]

_oci_image = rule(
    implementation = _image_impl,
    attrs = {
        "annotations": attr.label(allow_single_file = True),
        "architecture": attr.string(),
        "base": attr.label(allow_single_file = True),
        "cmd": attr.label(allow_single_file = True),
        "entrypoint": attr.label(allow_single_file = True),
        "env": attr.label(allow_single_file = True),
        "exposed_ports": attr.label(allow_single_file = True),
        "labels": attr.label(allow_single_file = True),
        "os": attr.string(),
        "tars": attr.label_list(allow_files = True),
        "user": attr.string(),
        "variant": attr.string(),
        "workdir": attr.string(),
    },
)

def oci_image(name, **kwargs):
    """Like rules_oci's macro: lists become files.

    Args:
        name: name of the image
        **kwargs: as rules_oci has them
    """
    for key in _FILE_OR_LIST:
        if type(kwargs.get(key)) == "list":
            native.genrule(
                name = "{}_{}_lines".format(name, key),
                outs = ["{}.{}.lines".format(name, key)],
                cmd = "printf '%s\\n' {} >$@".format(" ".join(kwargs[key])),
            )
            kwargs[key] = "{}_{}_lines".format(name, key)
    _oci_image(name = name, **kwargs)

def _index_impl(ctx):
    return [DefaultInfo(files = depset(ctx.files.images))]

oci_image_index = rule(
    implementation = _index_impl,
    attrs = {"images": attr.label_list()},
)

def _load_impl(ctx):
    tags = ctx.actions.declare_file(ctx.label.name + ".tags")
    ctx.actions.write(tags, "\n".join(ctx.attr.repo_tags))
    return [DefaultInfo(files = depset([tags] + ctx.files.image))]

oci_load = rule(
    implementation = _load_impl,
    attrs = {
        "format": attr.string(),
        "image": attr.label(),
        "repo_tags": attr.string_list(),
    },
)
