#!/usr/bin/env python3
"""Says whether the image of an OCI layout is built upon the tests' base for an architecture: check_base.py LAYOUT ARCHITECTURE."""

import io
import json
import pathlib
import sys
import tarfile

layout, architecture = pathlib.Path(sys.argv[1]), sys.argv[2]


def blob(descriptor: dict) -> bytes:
    return (layout / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()


manifest = json.loads(blob(json.loads((layout / "index.json").read_text())["manifests"][0]))
config = json.loads(blob(manifest["config"]))
assert config["architecture"] == architecture, config
assert "BASE=1" in config["config"]["Env"], config
assert len(manifest["layers"]) == 4, manifest
with tarfile.open(fileobj=io.BytesIO(blob(manifest["layers"][0]))) as base:
    found = base.extractfile("etc/base").read().decode().strip()
assert found == architecture, found
