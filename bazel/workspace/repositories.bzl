"""What a WORKSPACE needs besides its own: archives, declared unless they are there already."""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")

def repositories(
        bazel_skylib = "bazel_skylib",
        platforms = "platforms",
        rules_cc = "rules_cc",
        rules_python = "rules_python"):
    """Declares the rule sets that //bazel/rules loads. rules_oci and rules_docker are the user's own.

    Args:
        bazel_skylib: name of the repository, or None to leave it out
        platforms: the same
        rules_cc: the same
        rules_python: the same
    """
    if bazel_skylib:
        maybe(
            http_archive,
            name = bazel_skylib,
            sha256 = "118e313990135890ee4cc8504e32929844f9578804a1b2f571d69b1dd080cfb8",
            strip_prefix = "bazel-skylib-1.5.0",
            urls = ["https://github.com/bazelbuild/bazel-skylib/archive/1.5.0.tar.gz"],
        )
    if platforms:
        maybe(
            http_archive,
            name = platforms,
            sha256 = "218efe8ee736d26a3572663b374a253c012b716d8af0c07e842e82f238a0a7ee",
            urls = ["https://github.com/bazelbuild/platforms/releases/download/0.0.10/platforms-0.0.10.tar.gz"],
        )
    if rules_cc:
        maybe(
            http_archive,
            name = rules_cc,
            sha256 = "b26168b9a13f094794982b832975eaf53cefc5dced5b3be7df6b8b794dc2744b",
            strip_prefix = "rules_cc-0.0.12",
            urls = ["https://github.com/bazelbuild/rules_cc/releases/download/0.0.12/rules_cc-0.0.12.tar.gz"],
        )
    if rules_python:
        maybe(
            http_archive,
            name = rules_python,
            sha256 = "d71d2c67e0bce986e1c5a7731b4693226867c45bfe0b7c5e0067228a536fc580",
            strip_prefix = "rules_python-0.29.0",
            urls = [
                "https://github.com/bazelbuild/rules_python/releases/download/0.29.0/rules_python-0.29.0.tar.gz",
                "https://github.com/bazelbuild/rules_python/archive/0.29.0.tar.gz",
            ],
        )
