"""`py_image` with rules_oci, 1.x and 2.x."""

load("@rules_oci//oci:defs.bzl", "oci_image", "oci_image_index")
load("@wheelbuild_oci//:load.bzl", "oci_load")
load("//bazel/private:image.bzl", "image_layers")
load("//bazel/private:image_base.bzl", "image_base")
load("//bazel/private:pycross_binary.bzl", "pycross_binary")
load("//bazel/private:target.bzl", "architecture_of")

_PLATFORM = Label("//bazel/platforms:linux_x86_64")

def py_image(
        name,
        binary,
        base = "@pycross_image_base_oci",
        layers = [],
        target_platform = _PLATFORM,
        target_platforms = None,
        python_config_setting = None,
        cross_name_prefix = "y",
        tag = "latest",
        repo_tag = None,
        groups = {},
        directory = None,
        format = "tar.gz",
        architecture = None,
        **kwargs):
    """An OCI image of a `py_binary`.

    Makes `NAME`, `NAME.tar` (for `docker load`), `NAME_interpreter_layer`, `NAME_site_packages_layer`,
    `NAME_app_layer`, and PREFIX + BINARY, the binary as it is for the target.

    Args:
        name: name of the image
        binary: label of the py_binary
        base: label of the base image, of one for several platforms (`platforms` of `oci.pull`) the one for
            the image's; None for none
        layers: list of further tar files that go between base and program, or a dict from the name
            of a further layer to patterns of what belongs in it
        target_platform: label of the platform
        target_platforms: dict from a name to a platform's label: makes one image for each, called
            NAME_KEY, and NAME is their index
        python_config_setting: accepted and not needed: the interpreter is that of the platform's toolchain
        cross_name_prefix: prefix of the name of the transitioned binary
        tag: tag of `repo_tag`'s default
        repo_tag: what NAME.tar is loaded as; default PACKAGE/BINARY:TAG
        groups: packages that get a layer of their own: label to the layer's name
        directory: where the program lies in the image; default: the package
        format: `tar.gz`, `tar.zst` or `tar`
        architecture: what an image without a base is for, such as `arm64`; with target_platforms a dict
            from their names. Needed for platforms of your own
        **kwargs: passed on to `oci_image`
    """
    _ = python_config_setting  # buildifier: disable=unused-variable
    how = dict(
        kwargs,
        base = base,
        binary = binary,
        directory = directory,
        format = format,
        groups = groups,
        layers = layers,
        repo_tag = repo_tag,
        tag = tag,
    )
    if not target_platforms:
        _image(name, cross_name_prefix, target_platform, architecture = architecture, **how)
        return
    if type(target_platforms) != "dict":
        fail("py_image `{}`: target_platforms is a dict from a name to the label of a platform, such as {{\"amd64\": \"{}\"}}".format(name, _PLATFORM))
    several = architecture if type(architecture) == "dict" else {}
    for key in several:
        if key not in target_platforms:
            fail("py_image `{}`: architecture names `{}`, and target_platforms does not".format(name, key))
    for key, platform in target_platforms.items():
        _image(
            "{}_{}".format(name, key),
            "{}_{}_".format(cross_name_prefix, key),
            platform,
            architecture = several.get(key) if several else architecture,
            **how
        )
    oci_image_index(
        name = name,
        images = [":{}_{}".format(name, key) for key in target_platforms],
        **_common(kwargs)
    )

def _common(kwargs):
    """What every target of an image takes."""
    return {key: kwargs[key] for key in ["tags", "testonly", "visibility"] if key in kwargs}

def _image(
        name,
        cross_name_prefix,
        target_platform,
        *,
        architecture,
        base,
        binary,
        directory,
        format,
        groups,
        layers,
        repo_tag,
        tag,
        **kwargs):
    """The image for one platform; arguments are `py_image`'s."""
    common = _common(kwargs)
    further = layers if type(layers) == "dict" else {}
    platform = {}
    if base == None:
        # Without a base the image is what these words say.
        known, variant = architecture_of(target_platform)
        if not architecture and not known:
            fail(("py_image `{}`: an image without a base has to be told what it is for, as {} does not say it. " +
                  "hint: architecture = \"arm64\"").format(name, target_platform or "the platform of the build"))
        platform = {"architecture": architecture or known, "os": kwargs.pop("os", "linux")}
        variant = kwargs.pop("variant", variant if platform["architecture"] == known else "")
        if variant:
            platform["variant"] = variant
    elif architecture:
        # rules_oci says that it comes from the base.
        platform = {"architecture": architecture}
    pycross_binary(
        name = cross_name_prefix + native.package_relative_label(binary).name,
        binary = binary,
        target_platform = target_platform,
        **common
    )
    parts = image_layers(
        name = name,
        binary = binary,
        target_platform = target_platform,
        repo_tag = repo_tag,
        tag = tag,
        directory = directory,
        groups = groups,
        layers = further,
        format = format,
        architecture = platform["architecture"] if base == None else "",
        **common
    )
    if base != None:
        image_base(
            name = name + "_platform_base",
            base = base,
            target_platform = target_platform,
            **common
        )
        base = ":{}_platform_base".format(name)
    oci_image(
        name = name,
        base = base,
        tars = ([] if further else layers) + parts.labels,
        entrypoint = kwargs.pop("entrypoint", parts.config("entrypoint")),
        cmd = kwargs.pop("cmd", parts.config("cmd")),
        workdir = kwargs.pop("workdir", parts.workdir),
        **(kwargs | platform)
    )
    oci_load(
        name = name + ".tar",
        image = ":" + name,
        repo_tags = [parts.repo_tag],
        **common
    )
