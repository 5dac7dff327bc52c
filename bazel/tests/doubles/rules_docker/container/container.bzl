"""A stand-in for rules_docker's rules: takes what they take and writes down what it was given."""

def _layer_impl(ctx):
    return [DefaultInfo(files = depset(ctx.files.tars))]

container_layer = rule(
    implementation = _layer_impl,
    attrs = {"tars": attr.label_list(allow_files = True)},
)

def _image_impl(ctx):
    config = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(config, json.encode({
        "architecture": ctx.attr.architecture,
        "cmd": ctx.attr.cmd,
        "entrypoint": ctx.attr.entrypoint,
        "layers": [file.basename for file in ctx.files.layers],
        "workdir": ctx.attr.workdir,
    }))
    return [DefaultInfo(files = depset([config] + ctx.files.layers))]

container_image = rule(
    implementation = _image_impl,
    attrs = {
        "architecture": attr.string(default = "amd64"),
        "base": attr.label(),
        "cmd": attr.string_list(),
        "entrypoint": attr.string_list(),
        "env": attr.string_dict(),
        "layers": attr.label_list(),
        "workdir": attr.string(),
    },
)
