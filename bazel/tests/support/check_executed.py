#!/usr/bin/env python3
"""Counts the actions in an execution log: check_executed.py LOG MNEMONIC=COUNT..."""

import json
import sys


def spawns(text: str):
    """The JSON documents of a log, which stand one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        yield document
        while at < len(text) and text[at].isspace():
            at += 1


counts: dict[str, int] = {}
with open(sys.argv[1], encoding="utf-8") as log:
    for spawn in spawns(log.read()):
        if not spawn.get("cacheHit"):
            counts[spawn["mnemonic"]] = counts.get(spawn["mnemonic"], 0) + 1
print("   executed:", counts)
for word in sys.argv[2:]:
    mnemonic, wanted = word.split("=")
    if counts.get(mnemonic, 0) != int(wanted):
        sys.exit(f"{mnemonic}: {counts.get(mnemonic, 0)} actions ran, not {wanted}")
