"""Step 1: set-up of what `repositories()` declared."""

load("@bazel_skylib//:workspace.bzl", "bazel_skylib_workspace")

def _setup_bazel_skylib():
    bazel_skylib_workspace()

step1 = struct(
    setup_bazel_skylib = _setup_bazel_skylib,
)
