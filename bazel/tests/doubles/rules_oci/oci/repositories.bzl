"""A stand-in for rules_oci's toolchains, of which it has none."""

LATEST_CRANE_VERSION = "none"

def oci_register_toolchains(name, crane_version):
    """Registers nothing.

    Args:
        name: as rules_oci has it
        crane_version: as rules_oci has it
    """
    _ = (name, crane_version)  # buildifier: disable=unused-variable
