"""A stand-in for rules_oci's `oci_pull`: a base image that is a file with its name."""

def _pull_impl(rctx):
    rctx.file("base.txt", "{}@{}\n".format(rctx.attr.image, rctx.attr.digest))
    rctx.file("BUILD.bazel", "filegroup(name = {}, srcs = [\"base.txt\"], visibility = [\"//visibility:public\"])\n".format(
        repr(rctx.name.split("~")[-1].split("+")[-1]),
    ))

oci_pull = repository_rule(
    implementation = _pull_impl,
    attrs = {
        "digest": attr.string(mandatory = True),
        "image": attr.string(mandatory = True),
        "platforms": attr.string_list(),
    },
)
