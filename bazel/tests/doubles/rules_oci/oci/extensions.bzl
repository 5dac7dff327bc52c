"""A stand-in for rules_oci's extension."""

load(":pull.bzl", "oci_pull")

def _oci_impl(mctx):
    for module in mctx.modules:
        for tag in module.tags.pull:
            oci_pull(name = tag.name, digest = tag.digest, image = tag.image, platforms = tag.platforms)

oci = module_extension(
    implementation = _oci_impl,
    tag_classes = {"pull": tag_class(attrs = {
        "digest": attr.string(mandatory = True),
        "image": attr.string(mandatory = True),
        "name": attr.string(mandatory = True),
        "platforms": attr.string_list(),
    })},
)
