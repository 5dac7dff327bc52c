"""A stand-in for rules_oci's dependencies, of which it has none."""

def rules_oci_dependencies():
    """Declares nothing."""
