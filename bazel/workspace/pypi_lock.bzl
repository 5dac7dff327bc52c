"""`pypi_lock` for a WORKSPACE; with bzlmod it is an extension (//bazel:extensions.bzl)."""

load("//bazel/private:pypi_lock.bzl", "DEFAULT_TARGETS", "declare_pypi_lock")

def pypi_lock(name, lock, python_version, targets = DEFAULT_TARGETS, config_settings = {}, **kwargs):
    """The packages of a lock file: `@NAME//:numpy` for deps, `@NAME//:numpy_wheel` for the file.

    Args:
        name: name of the repository
        lock: label of pdm.lock, poetry.lock, uv.lock, pylock.toml or a requirements file with hashes
        python_version: for example `3.12`
        targets: targets as `wheelbuild plan` takes them; each has a repository of its own
        config_settings: package to a dict of settings for its backend
        **kwargs: `build_dependencies` (package to names of packages of the lock that its build needs),
            `no_binary` (packages that are built though they have a wheel), `native_deps` (package to
            labels of C libraries), `groups`, `project`
    """
    declare_pypi_lock(
        name,
        lock = lock,
        python_version = python_version,
        targets = targets,
        config_settings = {key: json.encode(value) for key, value in config_settings.items()},
        **kwargs
    )
