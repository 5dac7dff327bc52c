"""Toolchains: the `wheelbuild` program, the zig it compiles with, and what is made of them."""

load("//bazel/private:exec_python.bzl", _exec_python = "exec_python")
load("//bazel/private:runtime_kit.bzl", _runtime_kit = "runtime_kit")
load("//bazel/private:toolchain.bzl", _wheelbuild_toolchain = "wheelbuild_toolchain", _zig_toolchain = "zig_toolchain")
load("//bazel/private:unavailable_cc.bzl", _unavailable_cc_config = "unavailable_cc_config")

exec_python = _exec_python
runtime_kit = _runtime_kit
unavailable_cc_config = _unavailable_cc_config
wheelbuild_toolchain = _wheelbuild_toolchain
zig_toolchain = _zig_toolchain
