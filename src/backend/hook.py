"""Runs the PEP 517 hooks of one source tree in one interpreter.

Called as `python hook.py SPEC`, in the source folder, with the target's view active. SPEC is a JSON
file: backend, backend_path, config_settings, setup_args (of ours, for meson), requires (what
get_requires_for_build_wheel answered when the environment was made, or null), complete (the
environment holds it, whatever it is), programs (folders of the build's own programs), jobs (most
compilers at once), out (folder for the wheel), result (file to write).

The answer says one of three things: which requirements are still missing, which wheel was built,
or which exception ended the hook. Besides, it lists the extension modules whose compilation raised
an error, even when the package caught it: a wheel without them is not what was asked for.
"""

import gc

# Imports make objects and no garbage: looking for it is a tenth of their cost.
gc.disable()

import importlib
import json
import os
import sys

from _wheelbuild_view import when_imported

EXTENSIONS = "_wheelbuild_extensions"
BUILD_FOLDER = ".wheelbuild-build"


def build_extensions(jobs):
    """Has extensions built as `extensions.py` says, if setuptools or distutils builds any."""
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "extensions.py")

    def changing(change):
        def changed(module):
            if EXTENSIONS not in sys.modules:
                import importlib.util

                spec = importlib.util.spec_from_file_location(EXTENSIONS, place)
                sys.modules[EXTENSIONS] = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(sys.modules[EXTENSIONS])
            change(sys.modules[EXTENSIONS], module)

        return changed

    def commands(extensions, module):
        extensions.watch(module)
        if jobs > 1:
            extensions.build_at_once(module, jobs)

    def compilers(extensions, module):
        if jobs > 1:
            extensions.compile_at_once(module, jobs)

    # setuptools' own copy of distutils goes by either name.
    for package in ("distutils", "setuptools._distutils"):
        when_imported(package + ".command.build_ext", changing(commands))
        when_imported(package + ".ccompiler", changing(compilers))


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


def settings_of(spec):
    """The config settings. Whatever leads to meson-python gets ours first, so that the user's win."""
    settings = dict(spec["config_settings"])
    if "mesonpy" in sys.modules:
        given = settings.get("setup-args", [])
        settings["setup-args"] = spec["setup_args"] + ([given] if isinstance(given, str) else list(given))
        # Both backends invent a name otherwise, which compilers may write into their output.
        settings.setdefault("builddir", BUILD_FOLDER)
    if "scikit_build_core" in sys.modules and "skbuild.build-dir" not in settings:
        settings.setdefault("build-dir", BUILD_FOLDER)
    return settings


def ask_requirements(backend, settings, spec):
    """What the backend asks for besides. Those that ask for a tool unless the machine has one must
    not see the machine: two machines would build with two tools."""
    ask = getattr(backend, "get_requires_for_build_wheel", None)
    if ask is None:
        return []
    path = os.environ["PATH"]
    if "mesonpy" in sys.modules or "scikit_build_core" in sys.modules:
        os.environ["PATH"] = os.pathsep.join(spec["programs"])
    try:
        return sorted(ask(settings) or [])
    finally:
        os.environ["PATH"] = path


def run(spec):
    build_extensions(spec["jobs"])
    backend = load(spec)
    # What was imported stays: later searches need not go through it, and they need not be as frequent
    # as in a program that runs for long.
    gc.freeze()
    gc.set_threshold(50000, 10, 10)
    gc.enable()
    settings = settings_of(spec)
    requires = ask_requirements(backend, settings, spec)
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
        import traceback

        traceback.print_exc()
        answer = {"status": "failed", "type": type(error).__name__, "message": str(error)}
        if isinstance(error, ModuleNotFoundError):
            answer["module"] = error.name
        code = 1
    answer["failed_extensions"] = getattr(sys.modules.get(EXTENSIONS), "failed", {})
    sys.stdout.flush()
    sys.stderr.flush()
    with open(spec["result"], "w", encoding="utf-8") as file:
        json.dump(answer, file)
    # Threads that a backend left behind must not keep the build alive.
    os._exit(code)


main()
