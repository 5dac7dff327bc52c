"""What the images of both rule sets have in common."""

load(":image_layers.bzl", "py_image_layers")
load(":layer_split.bzl", "LAYERS", "expect_layers")

def image_layers(
        name,
        binary,
        target_platform,
        repo_tag,
        tag,
        directory = None,
        groups = {},
        layers = {},
        format = "tar.gz",
        architecture = "",
        tags = [],
        testonly = False,
        visibility = None):
    """Declares the layers of `binary` and a target for each.

    Args:
        name: name of the image
        binary: label of the py_binary
        target_platform: label of the platform, or None for the platform of the build
        repo_tag: name under which a container engine loads the image, or None
        tag: tag of its default, PACKAGE/BINARY:TAG
        directory: where the program lies in the image
        groups: packages that get a layer of their own, label to name
        layers: further layers, name to patterns
        format: how layers are packed
        architecture: what an image without a base says it is for
        tags: tags of the targets
        testonly: as on every rule
        visibility: as on every rule
    Returns:
        struct: `labels`, the layers from bottom to top; `config(key)`, the label of the file that
        holds `entrypoint`, `cmd` or `workdir`; `workdir`, `program` and `repo_tag`, strings
    """
    expect_layers("py_image `{}`".format(name), groups.values(), layers)
    all = name + "_layers"
    py_image_layers(
        name = all,
        binary = binary,
        target_platform = target_platform,
        directory = directory,
        groups = groups,
        layers = layers,
        format = format,
        architecture = architecture,
        tags = tags,
        testonly = testonly,
        visibility = visibility,
    )
    further = list(layers)
    for group in groups.values():
        if group not in further:
            further.append(group)
    labels = []
    for layer in LAYERS[:-1] + further + LAYERS[-1:]:
        label = "{}_{}_layer".format(name, layer)
        native.filegroup(
            name = label,
            srcs = [":" + all],
            output_group = layer,
            tags = tags,
            testonly = testonly,
            visibility = visibility,
        )
        labels.append(":" + label)
    for key in ["cmd", "entrypoint", "workdir"]:
        native.filegroup(
            name = "{}_{}".format(name, key),
            srcs = [":" + all],
            output_group = key,
            tags = tags + ["manual"],
            testonly = testonly,
        )
    target = native.package_relative_label(binary)
    workdir = "/" + (directory or native.package_name())
    return struct(
        labels = labels,
        config = lambda key: ":{}_{}".format(name, key),
        workdir = workdir,
        program = target.name.split("/")[-1],
        repo_tag = repo_tag or "{}:{}".format("/".join([part for part in [target.package, target.name] if part]), tag),
    )
