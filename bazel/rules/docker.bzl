"""`py_image` with rules_docker (WORKSPACE only)."""

load("@io_bazel_rules_docker//container:container.bzl", "container_image", "container_layer")
load("//bazel/private:image.bzl", "image_layers")
load("//bazel/private:pycross_binary.bzl", "pycross_binary")
load("//bazel/private:target.bzl", "architecture_of")

_PLATFORM = Label("//bazel/platforms:linux_x86_64")

def py_image(
        name,
        binary,
        base = "@pycross_image_base_container//image",
        layers = [],
        target_platform = _PLATFORM,
        python_config_setting = None,
        cross_name_prefix = "x",
        tag = "latest",
        repo_tag = None,
        groups = {},
        directory = None,
        architecture = None,
        tags = [],
        **kwargs):
    """A `container_image` of a `py_binary`.

    Makes `NAME` (and with it rules_docker's `NAME.tar`), `NAME_interpreter_layer`,
    `NAME_site_packages_layer`, `NAME_app_layer`, and PREFIX + BINARY, the binary as it is for the target.

    Args:
        name: name of the image
        binary: label of the py_binary
        base: label of the base image
        layers: list of further `container_layer` targets, or a dict from the name of a further layer
            to patterns of what belongs in it
        target_platform: label of the platform
        python_config_setting: accepted and not needed: the interpreter is that of the platform's toolchain
        cross_name_prefix: prefix of the name of the transitioned binary
        tag: tag of `repo_tag`'s default
        repo_tag: added to the tags of the image, as PACKAGE/BINARY:TAG
        groups: packages that get a layer of their own: label to the layer's name
        directory: where the program lies in the image; default: the package
        architecture: what the image says that it is for, such as `arm64`; needed for platforms of your own
            that are not for `amd64`
        tags: further tags of the image
        **kwargs: passed on to `container_image`
    """
    _ = python_config_setting  # buildifier: disable=unused-variable
    common = {key: kwargs[key] for key in ["testonly", "visibility"] if key in kwargs}
    further = layers if type(layers) == "dict" else {}

    # rules_docker says amd64 of whatever it is not told about.
    architecture = architecture or architecture_of(target_platform)[0] or "amd64"
    pycross_binary(
        name = cross_name_prefix + native.package_relative_label(binary).name,
        binary = binary,
        target_platform = target_platform,
        tags = tags,
        **common
    )

    # rules_docker wants layers as targets of its own, so these have the names and the archives others.
    parts = image_layers(
        name = name + "_tars",
        binary = binary,
        target_platform = target_platform,
        repo_tag = repo_tag,
        tag = tag,
        directory = directory,
        groups = groups,
        layers = further,
        # rules_docker packs them anew, and reads no more than the first member of a gzip file.
        format = "tar",
        architecture = architecture,
        tags = tags,
        **common
    )
    targets = []
    for label in parts.labels:
        layer = name + label[len(":" + name + "_tars"):]
        container_layer(
            name = layer,
            tars = [label],
            tags = tags,
            **common
        )
        targets.append(":" + layer)
    container_image(
        name = name,
        architecture = architecture,
        base = base,
        layers = ([] if further else layers) + targets,
        # rules_docker takes no files here, so the link that does not depend on repository names.
        entrypoint = kwargs.pop("entrypoint", ["{}/{}.python".format(parts.workdir.rstrip("/"), parts.program)]),
        cmd = kwargs.pop("cmd", [parts.program]),
        workdir = kwargs.pop("workdir", parts.workdir),
        tags = [parts.repo_tag] + tags,
        **kwargs
    )
