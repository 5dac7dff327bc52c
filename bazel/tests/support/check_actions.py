#!/usr/bin/env python3
"""Judges the actions of layers (`bazel aquery --output=jsonproto`): each has its own inputs only."""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    graph = json.load(file)
artifacts = {artifact["id"]: artifact for artifact in graph["artifacts"]}
fragments = {fragment["id"]: fragment for fragment in graph["pathFragments"]}
sets = {one["id"]: one for one in graph["depSetOfFiles"]}


def path(fragment: int) -> str:
    parts = []
    while fragment:
        parts.append(fragments[fragment]["label"])
        fragment = fragments[fragment].get("parentId", 0)
    return "/".join(reversed(parts))


def files(number: int) -> set[str]:
    one = sets[number]
    found = {path(artifacts[artifact]["pathFragmentId"]) for artifact in one.get("directArtifactIds", [])}
    for below in one.get("transitiveDepSetIds", []):
        found |= files(below)
    return found


layers = {}
for action in graph["actions"]:
    out = path(artifacts[action["outputIds"][0]]["pathFragmentId"])
    inputs = set().union(*(files(number) for number in action["inputDepSetIds"]))
    layers[out.split("image_layers.")[1].split(".")[0]] = {
        name for name in inputs if not name.endswith((".params", "/wheelbuild"))
    }
print("   inputs:", {name: len(inputs) for name, inputs in layers.items()})
assert set(layers) == {"interpreter", "site_packages", "app"}, layers.keys()
everything = [name for inputs in layers.values() for name in inputs]
assert len(everything) == len(set(everything)), "a file is in two layers"
assert all("python_x86_64" in name for name in layers["interpreter"])
assert all("/site-packages" in name for name in layers["site_packages"])
assert any(name.endswith("/numpy/site-packages") for name in layers["site_packages"])
assert any(name.endswith("greeting.txt") for name in layers["app"])
