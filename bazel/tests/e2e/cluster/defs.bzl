"""Several targets for several platforms at once."""

def _transition_impl(_settings, attr):
    return {str(platform): {"//command_line_option:platforms": str(platform)} for platform in attr.platforms}

_platforms_transition = transition(
    implementation = _transition_impl,
    inputs = [],
    outputs = ["//command_line_option:platforms"],
)

def _for_platforms_impl(ctx):
    return [DefaultInfo(files = depset(transitive = [src[DefaultInfo].files for src in ctx.attr.srcs]))]

for_platforms = rule(
    implementation = _for_platforms_impl,
    attrs = {
        "platforms": attr.label_list(),
        "srcs": attr.label_list(cfg = _platforms_transition),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)
