#!/usr/bin/python3
"""A stand-in for regctl: what rules_oci 2.x asks of it, on a layout in a folder. For tests only."""

import hashlib
import json
import pathlib
import sys


def layout(reference: str) -> tuple[pathlib.Path, str]:
    folder, _, tag = reference.removeprefix("ocidir://").rpartition(":")
    return pathlib.Path(folder), tag


def blob(folder: pathlib.Path, digest: str) -> pathlib.Path:
    return folder / "blobs" / digest.replace(":", "/")


def put(folder: pathlib.Path, content: bytes) -> str:
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    place = blob(folder, digest)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return digest


def main(words: list[str]) -> None:
    out = sys.stdout.buffer
    if words[0] == "digest":
        print("sha256:" + hashlib.sha256(sys.stdin.buffer.read()).hexdigest())
        return
    folder, tag = layout(words[2])
    index = folder / "index.json"
    match words[:2]:
        case ["blob", "put"]:
            print(put(folder, sys.stdin.buffer.read()))
        case ["blob", "get"]:
            out.write(blob(folder, words[3]).read_bytes())
        case ["manifest", "put"]:
            content = sys.stdin.buffer.read()
            entry = {
                "mediaType": json.loads(content)["mediaType"],
                "digest": put(folder, content),
                "size": len(content),
                "annotations": {"org.opencontainers.image.ref.name": tag},
            }
            (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}\n')
            index.write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
        case ["manifest", "get"]:
            content = blob(folder, json.loads(index.read_text())["manifests"][0]["digest"]).read_bytes()
            if words[-1] == "raw":
                out.write(content)
            else:
                print(json.loads(content)["config"]["digest"])


main(sys.argv[1:])
