"""Step 3: the packages of the lock."""

load("@pycross_image//bazel/workspace:pypi_lock.bzl", "pypi_lock")

def _setup_pypi_deps(python_version = "3.11"):
    pypi_lock(
        name = "pypi",
        # grpclib has a wheel, too; it is built to show how.
        build_dependencies = {
            "grpclib": [
                "setuptools",
                "wheel",
            ],
        },
        lock = "@//:pdm.lock",
        no_binary = ["grpclib"],
        project = "@//:pyproject.toml",
        python_version = python_version,
    )

step3 = struct(
    setup_pypi_deps = _setup_pypi_deps,
)
