#!/usr/bin/env python3
"""Writes a Bazel registry of folders, so that bzlmod resolves without a network.

    registry.py OUT embedded=FOLDER NAME=FOLDER... MODULE.bazel... --inside ROOT

Folders below ROOT are named as a Bazel that has it as its root sees them. Every version that any of the modules asks for is answered with the folder given for its name. A
module that is asked for and not given becomes an empty one when STUBS below knows it, and is
reported when not.
"""

import json
import pathlib
import re
import sys

# Modules that others name but that nothing here loads: what they must define to be named.
STUBS = {
    "apple_support": {},
    "aspect_bazel_lib": {},
    "aspect_tools_telemetry": {},
    "bazel_lib": {},
    "buildozer": {"MODULE": 'binary = use_extension("//:buildozer_binary.bzl", "buildozer_binary")\nuse_repo(binary, "buildozer_binary")\n',
                  "buildozer_binary.bzl": 'def _repo(ctx):\n    ctx.file("BUILD", "")\n\n_rule = repository_rule(_repo)\n\ndef _impl(_):\n    _rule(name = "buildozer_binary")\n\nbuildozer_binary = module_extension(_impl, tag_classes = {"buildozer": tag_class(attrs = {"sha256": attr.string_dict(), "version": attr.string()})})\n'},
    "gazelle": {},
    "protobuf": {},
    "rules_android": {},
    "rules_apple": {},
    "rules_go": {},
    "rules_kotlin": {},
    "rules_license": {},
    "rules_pkg": {},
    "rules_proto": {},
    "rules_shell": {},
    "rules_swift": {},
    "stardoc": {},
    "tar.bzl": {},
    "zlib": {},
    "abseil-cpp": {},
    "bazel_worker_api": {},
    "rules_jvm_external": {},
}


def dependencies(text: str) -> list[tuple[str, str]]:
    """The name and version of every dependency that is not for development only."""
    found = []
    for call in re.findall(r"bazel_dep\(([^)]*)\)", text):
        if re.search(r"dev_dependency\s*=\s*True", call):
            continue
        name = re.search(r'name\s*=\s*"([^"]+)"', call)
        version = re.search(r'version\s*=\s*"([^"]*)"', call)
        if name:
            found.append((name[1], version[1] if version else ""))
    return found


def renamed(text: str, name: str, version: str) -> str:
    """A MODULE.bazel whose module() says `name` and `version`."""
    body = re.sub(r"^module\([^)]*\)", "", text, count=1, flags=re.M)
    level = re.search(r"compatibility_level\s*=\s*(\d+)", text.split("bazel_dep", 1)[0])
    suffix = f", compatibility_level = {level[1]}" if level else ""
    return f'module(name = "{name}", version = "{version}"{suffix})\n{body}'


def main() -> None:
    out = pathlib.Path(sys.argv[1])
    folders = {}
    asked = []
    words = sys.argv[2:]
    inside = words[words.index("--inside") + 1]
    for word in words[: words.index("--inside")]:
        if "=" in word:
            name, folder = word.split("=", 1)
            folders[name] = pathlib.Path(folder)
        else:
            text = pathlib.Path(word).read_text()
            overridden = re.findall(r'_override\(\s*module_name\s*=\s*"([^"]+)"', text)
            asked += [dependency for dependency in dependencies(text) if dependency[0] not in overridden]
    out.mkdir(parents=True, exist_ok=True)
    (out / "bazel_registry.json").write_text("{}\n")
    versions: dict[str, set[str]] = {}
    # What Bazel itself always asks for: its own module, and the one of the local machine's platform.
    asked.append(("platforms", "0.0.7"))
    asked += dependencies(pathlib.Path(f"{folders.pop('embedded')}/MODULE.bazel").read_text())
    unknown = set()
    while asked:
        name, version = asked.pop()
        if version in versions.setdefault(name, set()):
            continue
        versions[name].add(version)
        if name in folders:
            text = (folders[name] / "MODULE.bazel").read_text()
            folder = folders[name]
        elif name in STUBS:
            folder = out / "stubs" / name
            folder.mkdir(parents=True, exist_ok=True)
            for file, content in STUBS[name].items():
                if file != "MODULE":
                    (folder / file).write_text(content)
            (folder / "BUILD.bazel").write_text("")
            (folder / "REPO.bazel").write_text("")
            text = f'module(name = "{name}")\n' + STUBS[name].get("MODULE", "")
        else:
            unknown.add(name)
            continue
        place = out / "modules" / name / (version or "0")
        place.mkdir(parents=True, exist_ok=True)
        (place / "MODULE.bazel").write_text(renamed(text, name, version))
        (place / "source.json").write_text(json.dumps({"type": "local_path", "path": str(folder).removeprefix(inside)}))
        asked += dependencies(text)
    for name, all_versions in versions.items():
        if name not in unknown:
            (out / "modules" / name / "metadata.json").write_text(json.dumps({"versions": sorted(all_versions)}))
    if unknown:
        print("registry.py: nothing given for: " + " ".join(sorted(unknown)), file=sys.stderr)


main()
