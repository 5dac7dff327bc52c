"""A stand-in for rules_oci's `oci_pull`: images of its platforms with nothing but their architecture's name."""

def _pull_impl(rctx):
    rctx.file("BUILD.bazel", 'load("@rules_oci//oci:layout.bzl", "base_layouts")\n\nbase_layouts({}, {})\n'.format(
        repr(rctx.name.split("~")[-1].split("+")[-1]),
        repr([platform.split("/")[1] for platform in rctx.attr.platforms or ["linux/amd64"]]),
    ))

oci_pull = repository_rule(
    implementation = _pull_impl,
    attrs = {
        "digest": attr.string(mandatory = True),
        "image": attr.string(mandatory = True),
        "platforms": attr.string_list(),
    },
)
