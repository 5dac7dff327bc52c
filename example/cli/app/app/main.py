"""Says what it is running on and what it imported."""

import platform
import sys

import grpclib
import markupsafe
import numpy


def main() -> None:
    native = markupsafe._speedups is not None if hasattr(markupsafe, "_speedups") else False
    print(
        f"python {sys.version.split()[0]} on {platform.machine()}:",
        f"numpy {numpy.__version__} (published wheel)",
        f"sum {numpy.arange(9.0).sum()}",
        f"grpclib {grpclib.__version__} (built here)",
        f"markupsafe {markupsafe.escape('<a>')} (built here, native {native})",
        sep="\n  ",
    )


if __name__ == "__main__":
    main()
