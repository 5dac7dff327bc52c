"""A stand-in for rules_docker's repositories, of which it has none."""

def repositories():
    """Declares nothing."""
