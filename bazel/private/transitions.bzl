"""From the machine that builds to the platform that is built for."""

def _platform_transition_impl(settings, attr):
    return {"//command_line_option:platforms": str(attr.target_platform) if attr.target_platform else settings["//command_line_option:platforms"]}

platform_transition = transition(
    implementation = _platform_transition_impl,
    inputs = ["//command_line_option:platforms"],
    outputs = ["//command_line_option:platforms"],
)

def _split_transition_impl(_settings, attr):
    return {
        str(platform): {"//command_line_option:platforms": str(platform)}
        for platform in attr.target_platforms
    }

platforms_transition = transition(
    implementation = _split_transition_impl,
    inputs = [],
    outputs = ["//command_line_option:platforms"],
)

# Bazel 7 asks for this permission by an attribute.
ALLOWLIST = {
    "_allowlist_function_transition": attr.label(
        default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
    ),
}
