"""Tests of extensions.py against a stand-in for distutils: `python3 extensions_tests.py`.

Threads meet at barriers, so what shall happen at the same time does, or the test ends in an error.
"""

import importlib.util
import os
import sys
import threading
import types

PATIENCE = 60

FAKE = '''
import threading


class CCompiler:
    def __init__(self):
        self.lock, self.running, self.most, self.made = threading.Lock(), 0, 0, []
        self.meeting, self.bad = None, ()

    def _setup_compile(self, sources):
        return {source[:-2] + ".o": source for source in sources}

    def _get_cc_args(self):
        return []

    def object_filenames(self, sources):
        return sources

    def compile(self, sources, **named):
        build = self._setup_compile(sources)
        objects = [source[:-2] + ".o" for source in sources]
        for each in objects:
            self._compile(each, build[each], ".c", self._get_cc_args(), [], [])
        return objects

    def _compile(self, obj, src, ext, cc_args, extra, pp):
        self.spawn([src, obj])

    def spawn(self, words):
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        if self.meeting:
            self.meeting.wait()
        with self.lock:
            self.running -= 1
            self.made.append(words[1])
        if words[0] in self.bad:
            raise ValueError(words[0])


class build_ext:
    def __init__(self, *extensions):
        self.extensions, self.parallel, self.compiler, self.built = list(extensions), None, CCompiler(), []

    def build_extensions(self):
        for extension in self.extensions:
            self.build_extension(extension)

    def build_extension(self, ext):
        self.built.append(ext.name)
        if ext.name == "broken":
            raise ValueError("no")
'''


def distutils():
    """A fresh distutils, and extensions.py at work on it with two jobs."""
    fake = types.ModuleType("distutils.fake")
    exec(FAKE, vars(fake))
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "extensions.py")
    spec = importlib.util.spec_from_file_location("_wheelbuild_extensions", place)
    extensions = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(extensions)
    extensions.watch(fake)
    extensions.build_at_once(fake, 2)
    extensions.compile_at_once(fake, 2)
    return fake, extensions


def extension(name, *sources, **more):
    return types.SimpleNamespace(name=name, sources=list(sources), **more)


def files_of_one_extension_are_compiled_two_at_a_time():
    compiler = distutils()[0].CCompiler()
    compiler.meeting = threading.Barrier(2, timeout=PATIENCE)
    objects = compiler.compile(["a.c", "b.c", "c.c", "d.c"])
    assert objects == ["a.o", "b.o", "c.o", "d.o"], objects
    assert sorted(compiler.made) == objects and compiler.most == 2, vars(compiler)


def no_more_than_two_commands_run_however_many_extensions_are_built():
    compiler = distutils()[0].CCompiler()
    compiler.meeting = threading.Barrier(2, timeout=PATIENCE)
    # A single file is compiled, and every link made, in the thread of its extension.
    builds = [
        threading.Thread(target=compiler.compile, args=(["%s%d.c" % (name, n) for n in range(count)],))
        for name, count in zip("abcdefg", (4, 1, 1, 4, 1, 1, 4))
    ]
    for build in builds:
        build.start()
    for build in builds:
        build.join()
    assert len(compiler.made) == 16 and compiler.most == 2, vars(compiler)


def the_first_error_by_the_order_of_the_sources_is_raised_when_all_have_ended():
    compiler = distutils()[0].CCompiler()
    compiler.bad = ("b.c", "d.c")
    try:
        compiler.compile(["a.c", "b.c", "c.c", "d.c"])
    except ValueError as error:
        assert str(error) == "b.c", error
    else:
        raise AssertionError("no error")
    assert compiler.running == 0


def what_a_package_changed_is_left_alone():
    fake, _ = distutils()

    class Own(fake.CCompiler):
        def _compile(self, obj, src, ext, cc_args, extra, pp):
            super()._compile(obj, src, ext, cc_args, extra, pp)

    compiler, patched = Own(), fake.CCompiler()
    patched._compile = lambda obj, src, *rest: patched.spawn([src, obj])
    for each in (compiler, patched):
        each.compile(["a.c", "b.c", "c.c"])
        # One after the other, and so in order.
        assert each.made == ["a.o", "b.o", "c.o"] and each.most == 1, vars(each)


def one_object_twice_is_made_one_after_the_other():
    compiler = distutils()[0].CCompiler()
    compiler.compile(["a.c", "a.c"])
    assert compiler.made == ["a.o", "a.o"] and compiler.most == 1


def extensions_are_built_at_once_only_where_they_have_nothing_in_common():
    fake, extensions = distutils()

    class Own(fake.build_ext):
        def build_extension(self, ext):
            super().build_extension(ext)

    apart = [extension("a", "a.c"), extension("b", "src/a.c")]
    for expected, command in [
        (2, fake.build_ext(*apart)),
        (None, fake.build_ext(apart[0])),
        (None, fake.build_ext(extension("a", "a.c"), extension("b", "b.c", "./a.cpp"))),
        (None, fake.build_ext(extension("a", "a.c"), extension("b", "b.c", extra_objects=["a.o"]))),
        (None, Own(*apart)),
        (None, fake.build_ext(("a", {}), ("b", {}))),
    ]:
        command.extensions = [each for each in command.extensions]
        try:
            command.build_extensions()
        except AttributeError:
            pass  # distutils itself refuses tuples
        assert command.parallel == expected, (command.extensions, command.parallel)
    asked = fake.build_ext(*apart)
    asked.parallel = 1
    asked.build_extensions()
    assert asked.parallel == 1
    touched = fake.build_ext(*apart)
    touched.compiler.spawn = print
    touched.build_extensions()
    assert touched.parallel is None


def an_extension_that_fails_is_noted_until_it_is_built():
    fake, extensions = distutils()
    command = fake.build_ext(extension("broken", "a.c"))
    try:
        command.build_extensions()
    except ValueError:
        pass
    assert extensions.failed == {"broken": "ValueError: no"}, extensions.failed


if __name__ == "__main__":
    for test in (
        files_of_one_extension_are_compiled_two_at_a_time,
        no_more_than_two_commands_run_however_many_extensions_are_built,
        the_first_error_by_the_order_of_the_sources_is_raised_when_all_have_ended,
        what_a_package_changed_is_left_alone,
        one_object_twice_is_made_one_after_the_other,
        extensions_are_built_at_once_only_where_they_have_nothing_in_common,
        an_extension_that_fails_is_noted_until_it_is_built,
    ):
        test()
    print("extensions.py: every test passed", sys.version.split()[0])
