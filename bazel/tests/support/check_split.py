#!/usr/bin/env python3
"""Judges layers by patterns: check_split.py LAYER..., of //:split_layers and of //:image_layers."""

import hashlib
import pathlib
import sys
import tarfile

FOREIGN = {"compiled", "numpy", "texts"}


def files(archive: str) -> dict[str, tuple]:
    """Path → what is there, of everything that is no folder."""
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            if not member.isdir():
                content = hashlib.sha256(tar.extractfile(member).read()).hexdigest() if member.isfile() else member.linkname
                found[member.name] = (member.mode, member.type, content)
    return found


split, plain = {}, {}
for name in sys.argv[1:]:
    target, layer = pathlib.Path(name).name.split(".")[:2]
    {"split_layers": split, "image_layers": plain}[target][layer] = files(name)
print("   files:", {name: len(layer) for name, layer in split.items()})
assert set(split) == set(plain) | FOREIGN, split.keys()

# The same files as without further layers, each once.
every = [path for layer in split.values() for path in layer]
assert len(every) == len(set(every)), "a file is in two layers"
together = {path: entry for layer in split.values() for path, entry in layer.items()}
assert together == {path: entry for layer in plain.values() for path, entry in layer.items()}

# The interpreter has compiled files, too, and stays whole.
assert split["interpreter"] == plain["interpreter"]
assert any(path.endswith(".so") for path in split["interpreter"])
for path in together.keys() - split["interpreter"].keys():
    if path.endswith(".so"):
        wanted = "compiled"
    elif path.endswith("/greeting.txt"):
        wanted = "texts"
    elif path in plain["app"]:
        wanted = "app"
    elif "/numpy/site-packages/" in path:
        wanted = "numpy"
    else:
        wanted = "site_packages"
    assert path in split[wanted], f"{path} is not in {wanted}"
assert all(split.values()), "a layer is empty"
assert any("/numpy/" in path for path in split["compiled"]) and any("/markupsafe/" in path for path in split["compiled"])
