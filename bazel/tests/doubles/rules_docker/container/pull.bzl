"""A stand-in for rules_docker's `container_pull`: a base image that is a file with its name."""

def _pull_impl(rctx):
    rctx.file("image/base.txt", "{}/{}@{}\n".format(rctx.attr.registry, rctx.attr.repository, rctx.attr.digest))
    rctx.file("image/BUILD.bazel", 'filegroup(name = "image", srcs = ["base.txt"], visibility = ["//visibility:public"])\n')

container_pull = repository_rule(
    implementation = _pull_impl,
    attrs = {
        "digest": attr.string(mandatory = True),
        "registry": attr.string(mandatory = True),
        "repository": attr.string(mandatory = True),
    },
)
