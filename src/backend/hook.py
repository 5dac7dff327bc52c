"""Runs the PEP 517 hooks of one source tree in one interpreter.

Called as `python hook.py SPEC`, in the source folder, with the target's view active. SPEC is a JSON
file: backend, backend_path, config_settings, setup_args (of ours, for meson), requires (what
get_requires_for_build_wheel answered when the environment was made, or null), complete (the
environment holds it, whatever it is), programs (folders of the build's own programs), jobs (most
compilers at once), out (folder for the wheel), result (file to write).

The answer says one of three things: which requirements are still missing, which wheel was built,
or which exception ended the hook. Besides, it lists what tells that a wheel is less than what was
asked for, even when the package went on without a word: extension modules that were declared, those
whose compilation raised an error, and translators of sources in the tree (Cython and the like) that
the package's own scripts looked for and did not find.
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
declared_extensions = set()
# Those that were declared no more when the commands had ended.
withdrawn_extensions = set()
looked_for = set()

# What extension modules are made with, and the endings of the sources that it would be for. Scripts go on
# without an extension when they do not find it.
TRANSLATORS = {
    "Cython": (".pyx",),
    "cffi": (".py",),
    "nanobind": (".cpp", ".cc", ".cxx"),
    "numpy": (".c", ".cpp", ".cc", ".cxx", ".pyx", ".f", ".f90"),
    "pybind11": (".cpp", ".cc", ".cxx"),
    "setuptools_rust": ("Cargo.toml",),
    "skbuild": ("CMakeLists.txt",),
    "torch": (".cpp", ".cc", ".cxx", ".cu"),
}


class Unfound:
    """The last finder: notes which translators the tree's own scripts look for in vain.

    setuptools itself looks for Cython, too, and means nothing by it.
    """

    tree = os.getcwd() + os.sep

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in TRANSLATORS:
            frame = sys._getframe(1)
            while frame is not None and "importlib" in frame.f_code.co_filename:
                frame = frame.f_back
            file = frame.f_code.co_filename if frame else ""
            if not os.path.isabs(file) or file.startswith(cls.tree):
                looked_for.add(name)
        return None


def untranslated():
    """The translators that were looked for in vain, each with a source it would have translated."""
    found = {}
    for folder, _, files in os.walk(".") if looked_for else ():
        for file in sorted(files):
            for name in looked_for:
                if name not in found and file.endswith(TRANSLATORS[name]):
                    found[name] = os.path.normpath(os.path.join(folder, file))
    return found


def watch_declarations():
    """Notes the extensions that setup() is given, before and after its commands change them."""

    def declared(distribution):
        names = set()
        for extension in getattr(distribution, "ext_modules", None) or ():
            name = getattr(extension, "name", None)
            # Without sources it only makes setuptools take the wheel for a platform's.
            if isinstance(name, str) and getattr(extension, "sources", None):
                names.add(name)
        return names

    def change(module):
        original = module.Distribution.run_commands

        def run_commands(self):
            before = declared(self)
            try:
                return original(self)
            finally:
                after = declared(self)
                declared_extensions.update(before | after)
                withdrawn_extensions.update(before - after)

        module.Distribution.run_commands = run_commands

    for package in ("distutils", "setuptools._distutils"):
        when_imported(package + ".dist", change)


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
    sys.meta_path.append(Unfound)
    build_extensions(spec["jobs"])
    watch_declarations()
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
    if not isinstance(wheel, str):
        raise TypeError("build_wheel returned %r, not the name of a wheel (PEP 517)" % (wheel,))
    return {"status": "built", "requires": requires, "wheel": os.path.basename(wheel)}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    # As under other frontends: a path, which scripts look into; an empty word stops some.
    sys.argv = sys.argv[:1]
    # The hook's own folder must not be importable.
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
    answer["declared_extensions"] = sorted(declared_extensions)
    answer["withdrawn_extensions"] = sorted(withdrawn_extensions)
    answer["untranslated"] = untranslated()
    sys.stdout.flush()
    sys.stderr.flush()
    with open(spec["result"], "w", encoding="utf-8") as file:
        json.dump(answer, file)
    # Threads that a backend left behind must not keep the build alive.
    os._exit(code)


main()
