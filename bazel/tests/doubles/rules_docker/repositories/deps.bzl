"""A stand-in for rules_docker's dependencies, of which it has none."""

def deps():
    """Declares nothing."""
