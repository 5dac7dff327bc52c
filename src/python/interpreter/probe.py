# Prints the facts about the interpreter that runs it, as JSON. Run as `python -I -S -B -c`.
import importlib
import json
import os
import struct
import sys
import sysconfig


def libc():
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return ""


def mapped():
    try:
        with open("/proc/self/maps") as maps:
            fields = (line.rstrip("\n").split(None, 5) for line in maps)
            return sorted({field[5] for field in fields if len(field) == 6 and field[5].startswith("/")})
    except OSError:
        return []


machine = os.uname().machine
if struct.calcsize("P") == 4:
    machine = {"x86_64": "i686", "aarch64": "armv7l", "armv8l": "armv7l"}.get(machine, machine)

data, built = "", {}
try:
    module = importlib.import_module(sysconfig._get_sysconfigdata_name())
    data, built = module.__file__, module.build_time_vars
except (AttributeError, ImportError):
    pass

info = sys.version_info
level = {"alpha": "a", "beta": "b", "candidate": "rc"}.get(info.releaselevel)
print(
    json.dumps(
        {
            "implementation": sys.implementation.name,
            "minor": info.minor if info.major == 3 else 0,
            "full_version": "%d.%d.%d" % info[:3] + ("%s%d" % (level, info.serial) if level else ""),
            "free_threaded": bool(built.get("Py_GIL_DISABLED")),
            "debug": hasattr(sys, "gettotalrefcount"),
            "executable": sys.executable,
            "base_prefix": sys.base_prefix,
            "base_exec_prefix": sys.base_exec_prefix,
            "configured_prefix": built.get("prefix", ""),
            "stdlib": os.path.dirname(os.__file__),
            "sysconfig_data": data,
            "include": [
                path
                for path in (sysconfig.get_path("include"), built.get("INCLUDEPY"), sysconfig.get_path("platinclude"))
                if path
            ],
            "config_header": sysconfig.get_config_h_filename(),
            "platform": sysconfig.get_platform(),
            "multiarch": getattr(sys.implementation, "_multiarch", ""),
            "machine": machine,
            "libc": libc(),
            "mapped": mapped(),
        }
    )
)
