"""Layers by patterns: what is refused, and which file goes where.

Files are chosen one by one, those of installed wheels, too: what a wheel holds is known when the layer
is written, so patterns are then compared anew.
"""

# From bottom to top; further ones lie between the last two.
LAYERS = ["interpreter", "site_packages", "app"]

# Names of a layer's output group that mean something else.
_TAKEN = LAYERS + ["cmd", "entrypoint", "workdir"]

def expect_layers(label, groups, layers):
    """Fails when further layers cannot be what is written.

    Args:
        label: what is named in the message
        groups: names of the layers of `groups`
        layers: the dict `layers`
    """
    for attribute, names in [("groups", groups), ("layers", layers)]:
        for name in names:
            if name in _TAKEN:
                fail("{}: `{}` of {} is the name of something that every image has; choose another".format(label, name, attribute))
            if not name.replace("_", "").replace("-", "").replace(".", "").isalnum():
                fail("{}: `{}` of {} is no name of a layer: letters, digits, `-`, `_` and `.`".format(label, name, attribute))
    for name, patterns in layers.items():
        if name in groups:
            fail("{}: the layer `{}` is named in groups and in layers; give one of them another name".format(label, name))
        if not patterns:
            fail("{}: the layer `{}` has no patterns; name some, or leave it away".format(label, name))
        for pattern in patterns:
            if not pattern:
                fail("{}: the layer `{}` has an empty pattern, which no file is of".format(label, name))

def matches(pattern, path):
    """Whether the whole of `path` is like `pattern`, in which `*` stands for anything, slashes included.

    Args:
        pattern: string
        path: string
    Returns:
        bool
    """
    parts = pattern.split("*")
    if len(parts) == 1:
        return pattern == path
    if len(parts[0]) + len(parts[-1]) > len(path) or not path.startswith(parts[0]) or not path.endswith(parts[-1]):
        return False
    rest = path[len(parts[0]):len(path) - len(parts[-1])]
    for part in parts[1:-1]:
        at = rest.find(part)
        if at < 0:
            return False
        rest = rest[at + len(part):]
    return True

def layer_of(path, layers):
    """The first layer one of whose patterns a path is of.

    Args:
        path: string, below the runfiles folder
        layers: dict from a layer's name to its patterns
    Returns:
        its name, and which of its patterns: a list of places in them; None and [] for no layer
    """
    for name, patterns in layers.items():
        found = [number for number, pattern in enumerate(patterns) if matches(pattern, path)]
        if found:
            return name, found
    return None, []
