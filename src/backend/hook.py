"""Runs the PEP 517 hooks of one source tree in one interpreter.

Called as `python hook.py SPEC`, in the source folder, with the target's view active. SPEC is a JSON
file: backend, backend_path, config_settings, requires (what get_requires_for_build_wheel answered
when the environment was made, or null), complete (the environment holds it, whatever it is), out (folder for the wheel), result (file to write).

The answer says one of three things: which requirements are still missing, which wheel was built,
or which exception ended the hook. Besides, it lists the extension modules whose compilation raised
an error, even when the package caught it: a wheel without them is not what was asked for.
"""

import importlib
import json
import os
import sys
import traceback

failed_extensions = {}


def watch_setuptools():
    """Notes each extension whose build raises, before the package can catch it."""
    try:
        module = importlib.import_module("setuptools.command.build_ext")
    except Exception:
        return
    base = module.build_ext
    for parent in base.__mro__:
        if parent.__name__ == "build_ext" and parent is not base and "build_extension" in vars(parent):
            base = parent  # distutils' own, which every override ends in
    original = base.build_extension

    def build_extension(self, ext):
        try:
            result = original(self, ext)
        except BaseException as error:
            failed_extensions[ext.name] = "%s: %s" % (type(error).__name__, error)
            raise
        failed_extensions.pop(ext.name, None)
        return result

    base.build_extension = build_extension


def load(spec):
    """The backend object of PEP 517, imported from backend-path if the project brings its own."""
    paths = [os.path.abspath(path) for path in spec["backend_path"]]
    sys.path[:0] = paths
    module, _, attribute = spec["backend"].partition(":")
    backend = importlib.import_module(module)
    if paths:
        origin = os.path.abspath(getattr(backend, "__file__", None) or "")
        if not any(os.path.commonprefix([path, origin]) == path for path in paths):
            raise ImportError("the backend %r was not loaded from backend-path" % module)
    for name in filter(None, attribute.split(".")):
        backend = getattr(backend, name)
    return backend


def run(spec):
    backend = load(spec)
    if "setuptools" in sys.modules:
        watch_setuptools()
    settings = spec["config_settings"]
    ask = getattr(backend, "get_requires_for_build_wheel", None)
    requires = sorted(ask(settings) or []) if ask else []
    known = sorted(spec["requires"] or [])
    if requires and requires != known and not spec["complete"]:
        return {"status": "requires", "requires": requires}
    wheel = backend.build_wheel(spec["out"], settings)
    return {"status": "built", "requires": requires, "wheel": os.path.basename(wheel)}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    # What a script run by hand would see: the hook's own folder must not be importable.
    sys.argv = [""]
    sys.path[0:1] = []
    code = 0
    try:
        answer = run(spec)
    except BaseException as error:
        traceback.print_exc()
        answer = {"status": "failed", "type": type(error).__name__, "message": str(error)}
        if isinstance(error, ModuleNotFoundError):
            answer["module"] = error.name
        code = 1
    answer["failed_extensions"] = failed_extensions
    sys.stdout.flush()
    sys.stderr.flush()
    with open(spec["result"], "w", encoding="utf-8") as file:
        json.dump(answer, file)
    # Threads that a backend left behind must not keep the build alive.
    os._exit(code)


main()
