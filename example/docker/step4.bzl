"""Step 4: what depends on the packages' repositories."""

load("@pypi//:requirements.bzl", "PACKAGES")

def _check_pypi_deps(needed):
    missing = [name for name in needed if name not in PACKAGES]
    if missing:
        fail("pdm.lock lacks " + ", ".join(missing))

step4 = struct(
    check_pypi_deps = _check_pypi_deps,
)
