#!/usr/bin/env python3
"""Unpacks the one image of an OCI layout and prints its configuration: unpack_layout.py LAYOUT TREE."""

import gzip
import hashlib
import json
import pathlib
import subprocess
import sys

layout, tree = map(pathlib.Path, sys.argv[1:])


def blob(descriptor: dict) -> bytes:
    content = (layout / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
    assert "sha256:" + hashlib.sha256(content).hexdigest() == descriptor["digest"], descriptor
    assert len(content) == descriptor["size"], descriptor
    return content


manifest = json.loads(blob(json.loads((layout / "index.json").read_text())["manifests"][0]))
config = json.loads(blob(manifest["config"]))
assert config["architecture"] == "amd64" and config["os"] == "linux", config
assert len(manifest["layers"]) == len(config["rootfs"]["diff_ids"]) == 3, manifest
for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"]):
    content = gzip.decompress(blob(layer))
    assert "sha256:" + hashlib.sha256(content).hexdigest() == diff_id, layer
    subprocess.run(["tar", "-x", "-C", tree], input=content, check=True)
print(json.dumps(config["config"]))
