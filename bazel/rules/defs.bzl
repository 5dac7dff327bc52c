"""Wheels, programs for other platforms, and their layers. Images: oci.bzl, docker.bzl."""

load("//bazel/private:image_layers.bzl", _py_image_layers = "py_image_layers")
load("//bazel/private:providers.bzl", _ImageLayersInfo = "ImageLayersInfo", _InstalledWheelInfo = "InstalledWheelInfo", _WheelInfo = "WheelInfo")
load("//bazel/private:pycross_binary.bzl", _pycross_binary = "pycross_binary")
load("//bazel/private:unavailable_wheel.bzl", _unavailable_wheel = "unavailable_wheel")
load("//bazel/private:wheel_build.bzl", _wheel_build = "wheel_build")
load("//bazel/private:wheel_library.bzl", _wheel_library = "wheel_library")

ImageLayersInfo = _ImageLayersInfo
InstalledWheelInfo = _InstalledWheelInfo
WheelInfo = _WheelInfo
py_image_layers = _py_image_layers
pycross_binary = _pycross_binary
unavailable_wheel = _unavailable_wheel
wheel_build = _wheel_build
wheel_library = _wheel_library
