"""How setuptools builds extension modules here: watched, and several of them at a time.

Two ways are needed: one extension may have many sources, and many extensions one each. The commands
stay what they are, and so do the bytes. Where a package has changed distutils' own way of building,
everything is built one after the other, since the package may rely on that.
"""

import copy
import os
import threading

# Extensions whose build raised, with the error.
failed = {}

# The modules whose code is distutils' or setuptools' own.
OWN = ("distutils.", "setuptools._distutils.", "setuptools.command.", __name__ + ".")
# What of a compiler takes part in compiling one file.
STEPS = ("compile", "_compile", "_setup_compile", "_get_cc_args", "object_filenames", "spawn", "call")
# Sources that Cython's `build_ext` translates first.
CYTHON_SOURCES = (".pyx", ".py")


def watch(module):
    """Notes each extension whose build raises, before the package can catch it.

    `module` is distutils' `command.build_ext`, which every other `build_ext` ends in.
    """
    base = module.build_ext
    original = base.build_extension

    def build_extension(self, ext):
        try:
            result = original(self, ext)
        except BaseException as error:
            failed[ext.name] = "%s: %s" % (type(error).__name__, error)
            raise
        failed.pop(ext.name, None)
        return result

    base.build_extension = build_extension


def is_own(kind, name, own=OWN):
    """Whether every definition of the method `name` in the classes of `kind` is of the modules `own`."""
    found = [vars(parent)[name] for parent in kind.__mro__ if name in vars(parent)]
    modules = [getattr(method, "__globals__", {}).get("__name__", "") for method in found]
    return all((module + ".").startswith(own) for module in modules)


def is_untouched(compiler):
    """Whether `compiler` compiles a file as distutils' own do."""
    return all(name not in vars(compiler) and is_own(type(compiler), name) for name in STEPS)


def compile_at_once(module, jobs):
    """Lets `CCompiler.compile` of `module` compile the files of one extension at a time.

    No more than `jobs` commands of compilers run at the same moment, however many extensions are built.
    """
    base = module.CCompiler
    one_by_one = base.compile
    # Newer ones have `spawn` end in `call`.
    run_name = "call" if hasattr(base, "call") else "spawn"
    run = getattr(base, run_name)
    slots = threading.BoundedSemaphore(jobs)
    pool = []

    def bounded(self, *args, **kwargs):
        with slots:
            return run(self, *args, **kwargs)

    def compile(self, *args, **kwargs):
        if not is_untouched(self):
            return one_by_one(self, *args, **kwargs)
        # What there is to do is found out by a copy that does nothing.
        planned = []
        plan = copy.copy(self)
        plan._compile = lambda *call, **named: planned.append((call, named))
        objects = one_by_one(plan, *args, **kwargs)
        outputs = {os.path.normpath(call[0]) for call, _ in planned}
        if len(planned) < 2 or len(outputs) < len(planned):
            for call, named in planned:
                self._compile(*call, **named)
            return objects
        if not pool:
            from concurrent.futures import ThreadPoolExecutor

            pool.append(ThreadPoolExecutor(jobs))
        running = [pool[0].submit(self._compile, *call, **named) for call, named in planned]
        try:
            # The first error by the order of the sources, whichever came first.
            for each in running:
                each.result()
        finally:
            # After an error nothing may go on behind the package's back.
            for each in running:
                each.cancel() or each.exception()
        return objects

    base.compile = compile
    setattr(base, run_name, bounded)


def build_at_once(module, jobs):
    """Lets `build_ext` of `module` build extensions that have nothing in common at a time."""
    base = module.build_ext
    build_extensions = base.build_extensions

    def build(self):
        if self.parallel is None and are_apart(self):
            self.parallel = jobs
        return build_extensions(self)

    base.build_extensions = build


def are_apart(command):
    """Whether the extensions of this `build_ext` are built by distutils' own code, from different files."""
    lists = [getattr(extension, "sources", None) for extension in command.extensions]
    if len(lists) < 2 or not all(isinstance(sources, list) for sources in lists):
        return False
    sources = [os.path.normpath(source) for each in lists for source in each]
    own = OWN
    if not any(source.endswith(CYTHON_SOURCES) for source in sources):
        # Then Cython's `build_ext`, which setuptools' is one of, has nothing to do.
        own += ("Cython.Distutils.",)
    if not is_own(type(command), "build_extension", own) or not is_untouched(command.compiler):
        return False
    # Libraries that extensions link with are built among them.
    if getattr(command, "shlibs", None):
        return False
    # An object of another extension may be meant.
    if any(getattr(extension, "extra_objects", None) for extension in command.extensions):
        return False
    # Objects are named by their sources.
    return len({os.path.splitext(source)[0] for source in sources}) == len(sources)
