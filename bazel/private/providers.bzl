"""What the rules hand to each other."""

WheelInfo = provider(
    doc = "A wheel.",
    fields = {
        "name_file": "File: one line, the wheel's file name as PEP 427 has it; None when `wheel` is called so.",
        "target": "string: the target it was built for, or None when that is not known.",
        "wheel": "File: the wheel.",
    },
)

InstalledWheelInfo = provider(
    doc = "A wheel that was unpacked for imports.",
    fields = {
        "site_packages": "File: the folder, a tree artifact.",
        "wheel": "File: the wheel it came from.",
    },
)

RuntimeKitInfo = provider(
    doc = "The runtime kit of one target.",
    fields = {
        "kit": "File: the kit, from `wheelbuild toolchain kit --output`.",
        "target": "string: the target it is for.",
    },
)

ImageLayersInfo = provider(
    doc = "The layers of a Python program and how it is started.",
    fields = {
        "cmd": "list of strings.",
        "entrypoint": "list of strings.",
        "layers": "dict from layer name to File, in the order in which they lie on each other.",
        "workdir": "string.",
    },
)
