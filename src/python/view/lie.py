# Shows the target to the Python that imports it: the build hooks, and every Python they start.
#
# TARGET holds what is shown, as the view says it. What describes the platform is the target's: sysconfig,
# distutils.sysconfig, platform, os.uname, os.confstr, packaging.tags, ctypes.util.find_library, whether a
# header below /usr/include exists, sys.implementation._multiarch, and on 32-bit targets sys.maxsize, which
# setup scripts ask for the word size. What describes the running process stays true, since code that
# handles its own data relies on it: struct, ctypes, importlib.machinery.EXTENSION_SUFFIXES,
# sys.implementation.cache_tag, os.cpu_count.
#
# Byte order and size of a word are both: the package's own scripts define macros by them, Python and
# build requirements read their own data. So the answer depends on whose code asks.
#
# Modules are changed when they are first imported, so that a start that needs none pays for none.
import os
import sys

TARGET = {}
BUILD_MACHINE = os.uname().machine


def _sysconfig(module):
    for scheme in module._INSTALL_SCHEMES.values():
        for name in ("include", "platinclude"):
            if name in scheme:
                scheme[name] = TARGET["include"]
    # Variables that were read before were the build machine's.
    if getattr(module, "_CONFIG_VARS", None) is not None:
        module._CONFIG_VARS = None
        module._CONFIG_VARS_INITIALIZED = False


def _distutils_sysconfig(module):
    real = module.get_python_inc

    def get_python_inc(plat_specific=False, prefix=None):
        return TARGET["include"] if prefix is None else real(plat_specific, prefix)

    module.get_python_inc = get_python_inc
    if getattr(module, "_config_vars", None) is not None:
        module._config_vars = None


def _platform(module):
    own = (None, "", sys.executable)
    real_architecture, real_libc_ver = module.architecture, module.libc_ver

    def architecture(executable=None, bits="", linkage=""):
        if executable in own:
            return bits or "%dbit" % TARGET["bits"], linkage or "ELF"
        return real_architecture(executable, bits, linkage)

    def libc_ver(executable=None, *args, **kwargs):
        if executable in own:
            return tuple(TARGET["libc"])
        return real_libc_ver(executable, *args, **kwargs)

    module.architecture = architecture
    module.libc_ver = libc_ver
    module._uname_cache = None
    if hasattr(module, "_Processor"):
        # Otherwise it runs `uname -p`.
        module._Processor.get = classmethod(lambda cls: "")
    if hasattr(module, "_platform_cache"):
        module._platform_cache.clear()


# Parts of the C library, which a process of the build machine may load for itself.
_LIBC = ("c", "m", "pthread", "dl", "rt", "util")


# Formats of struct, and their like of ctypes, that are as long as a word.
_WORDS = ("P", "n", "N", "l", "L")
_WORD_TYPES = ("c_void_p", "c_long", "c_ulong", "c_size_t", "c_ssize_t", "c_char_p", "c_wchar_p")
_BYTEORDER = sys.byteorder
# Code that is not the package's: Python's own, and that of build requirements.
_OTHERS = (os.path.dirname(os.__file__) + os.sep, sys.prefix + os.sep, sys.base_prefix + os.sep, "<frozen ")


def _package_asks():
    """True when what is two calls up is the package's own code: setup.py, and what it imports from its tree."""
    return not sys._getframe(2).f_code.co_filename.startswith(_OTHERS)


class _Sys(type(sys)):
    @property
    def byteorder(self):
        return TARGET["byteorder"] if _package_asks() else _BYTEORDER


def _struct(module):
    real = module.calcsize

    def calcsize(format, /):
        plain = format.decode("ascii", "replace") if isinstance(format, bytes) else format
        if isinstance(plain, str) and plain.lstrip("@") in _WORDS and _package_asks():
            return TARGET["bits"] // 8
        return real(format)

    module.calcsize = calcsize


def _ctypes(module):
    real = module.sizeof
    words = [getattr(module, name) for name in _WORD_TYPES]

    def sizeof(what, /):
        if any(what is word for word in words) and _package_asks():
            return TARGET["bits"] // 8
        return real(what)

    module.sizeof = sizeof


def _ctypes_util(module):
    """What can be linked is what the target has: the build machine's ld.so.cache is not asked."""
    real = module.find_library

    def find_library(name):
        if name in _LIBC or not name:
            return real(name)
        import subprocess
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            line = [TARGET["cc"], "-nostartfiles", "-l" + name, "-o", folder + "/found"]
            try:
                found = subprocess.call(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
            except (OSError, ValueError):
                found = False
        return "lib%s.so" % name if found else None

    module.find_library = find_library


# What the build machine has below these is no header of the target's.
_HEADER_FOLDERS = ("/usr/include/", "/usr/local/include/")
_headers = {}


def _header_of(path):
    """The name by which a source would include the header at `path` of the build machine, if it is one."""
    if isinstance(path, os.PathLike):
        path = os.fspath(path)
    if not isinstance(path, str) or not path.startswith(_HEADER_FOLDERS):
        return None
    name = path.split("/include/", 1)[1]
    if not name.endswith((".h", ".hh", ".hpp", ".hxx")):
        return None
    # Debian has a folder for each machine.
    first, _, rest = name.partition("/")
    return rest if "-linux-" in first else name


def _has_header(name):
    """The compiler is asked, so that the call log knows what was looked for."""
    if name not in _headers:
        import subprocess
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            source = folder + "/asked_header.c"
            with open(source, "w", encoding="utf-8") as file:
                file.write("#if !__has_include(<%s>)\n#include <%s>\n#endif\n" % (name, name))
            line = [TARGET["cc"], "-fsyntax-only", source]
            try:
                found = subprocess.call(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
            except (OSError, ValueError):
                found = False
        _headers[name] = found
    return _headers[name]


def _asks_for_headers(holder, *names):
    """Has the functions or methods `names`, which tell whether a file exists, tell of the target's headers."""

    def change(real):
        def exists(path, *args, **kwargs):
            header = _header_of(path)
            return real(path, *args, **kwargs) if header is None else _has_header(header)

        exists.__name__, exists.__doc__ = real.__name__, real.__doc__
        return exists

    for name in names:
        setattr(holder, name, change(getattr(holder, name)))


def _pathlib(module):
    _asks_for_headers(module.Path, "exists", "is_file")


def _manylinux(module):
    name, version = TARGET["libc"]
    glibc = name == "glibc"
    numbers = tuple(int(number) for number in version.split("."))
    if hasattr(module, "_have_compatible_abi"):
        module._have_compatible_abi = lambda *args: glibc
    if hasattr(module, "_have_compatible_manylinux_abi"):
        module._have_compatible_manylinux_abi = lambda *args: glibc
    if hasattr(module, "_get_glibc_version"):
        module._get_glibc_version = lambda: numbers if glibc else (-1, -1)
    if hasattr(module, "_glibc_version_string"):
        module._glibc_version_string = lambda: version if glibc else None


def _musllinux(module):
    name, version = TARGET["libc"]
    musl = None
    if name == "musl":
        musl = module._MuslVersion(*(int(number) for number in version.split(".")))
    module._get_musl_version = lambda *args: musl


def _meson_environment(module):
    """Meson asks platform what the build machine is, and no machine file can tell it."""
    real = module.detect_machine_info

    def detect_machine_info(*args, **kwargs):
        import platform

        shown, platform.machine = platform.machine, lambda: BUILD_MACHINE
        try:
            return real(*args, **kwargs)
        finally:
            platform.machine = shown

    module.detect_machine_info = detect_machine_info


def _meson_wraps(module):
    """Lets meson ask the build for what it would download: the hooks have no network."""
    real = module.Resolver.check_can_download

    def check_can_download(self):
        wrap = getattr(self, "wrap", None)
        file = os.environ.get("WHEELBUILD_WANTED")
        if wrap is None or not file:
            return real(self)
        kind = str(getattr(wrap.type, "value", wrap.type))
        lines, values = [], wrap.values
        for what in ("source", "patch"):
            url, name = values.get(what + "_url"), values.get(what + "_filename")
            # A file that is there already is not what this call is about.
            if url and not (name and os.path.exists(os.path.join(self.cachedir, name))):
                fields = [("name", wrap.name), ("url", url), ("url", values.get(what + "_fallback_url", "")),
                          ("file", name or ""), ("hash", "SHA256=" + values.get(what + "_hash", ""))]
                lines.append(fields)
        if kind != "file":
            lines = [[("name", wrap.name), ("kind", kind), ("repository", values.get("url", "")),
                      ("revision", values.get("revision", ""))]]
        with open(file, "a", encoding="utf-8") as out:
            for fields in lines:
                fields = [("by", "meson")] + fields
                out.write("\t".join("%s=%s" % field for field in fields if field[1] != "SHA256=") + "\n")
        raise module.WrapException("the build has no network to fetch %s" % wrap.name)

    def note_use(name):
        file = os.environ.get("WHEELBUILD_WANTED")
        if file:
            with open(file + ".used", "a", encoding="utf-8") as out:
                out.write(name + "\n")

    module.Resolver.check_can_download = check_can_download
    real_get = getattr(module.Resolver, "_get_file_internal", None)
    if real_get is None:
        # Before 0.50; that every file was used is the safe thing to say.
        return note_use("*")

    def _get_file_internal(self, what, *args, **kwargs):
        path = real_get(self, what, *args, **kwargs)
        note_use(os.path.basename(str(path)))
        return path

    module.Resolver._get_file_internal = _get_file_internal


_CHANGES = {
    "sysconfig": _sysconfig,
    "platform": _platform,
    "pathlib": _pathlib,
    "ctypes.util": _ctypes_util,
    "distutils.sysconfig": _distutils_sysconfig,
    "setuptools._distutils.sysconfig": _distutils_sysconfig,
    "mesonbuild.environment": _meson_environment,
    "mesonbuild.wrap.wrap": _meson_wraps,
}
# Wherever they are vendored: setuptools, wheel, pip and others carry their own copy.
_VENDORED = {
    "packaging._manylinux": _manylinux,
    "packaging._musllinux": _musllinux,
    "packaging.tags": _manylinux,
}


def when_imported(name, change):
    """Has `change` called with the module `name` right after its import."""
    _CHANGES[name] = change
    if name in sys.modules:
        change(sys.modules[name])


def _change(name):
    found = _CHANGES.get(name)
    if found is None:
        parts = name.rsplit(".", 2)
        found = _VENDORED.get(".".join(parts[-2:])) if len(parts) > 1 else None
    return found


class _Changing:
    """The loader of a module that is changed right after it ran."""

    def __init__(self, loader, change):
        self._loader, self._change = loader, change

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        spec = getattr(module, "__spec__", None)
        if spec is not None and spec.loader is self:
            spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._change(module)


class _Watch:
    """Finds the target's sysconfig data, and what must be changed once imported."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == TARGET["data"]:
            from importlib.util import spec_from_file_location

            return spec_from_file_location(name, TARGET["stdlib"] + "/" + name + ".py")
        change = _change(name)
        if change is None:
            return None
        for finder in sys.meta_path:
            find = None if finder is _Watch else getattr(finder, "find_spec", None)
            spec = find and find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Changing(spec.loader, change)
                return spec
        return None


def _show():
    os.environ["_PYTHON_HOST_PLATFORM"] = TARGET["platform"]
    os.environ["_PYTHON_SYSCONFIGDATA_NAME"] = TARGET["data"]
    sys.implementation._multiarch = TARGET["multiarch"]
    if TARGET["bits"] == 32:
        sys.maxsize = 2**31 - 1
        _CHANGES.update({"struct": _struct, "ctypes": _ctypes})
    if TARGET["byteorder"] != _BYTEORDER:
        sys.__class__ = _Sys

    uname = os.uname_result(("Linux", *TARGET["kernel"], TARGET["machine"]))
    real_confstr = os.confstr

    def confstr(name):
        if name == "CS_GNU_LIBC_VERSION":
            if TARGET["libc"][0] != "glibc":
                raise ValueError("unrecognized configuration name")
            return " ".join(TARGET["libc"])
        return real_confstr(name)

    import posix

    for module in (os, posix):
        module.uname = lambda: uname
        module.confstr = confstr

    _asks_for_headers(os.path, "exists", "isfile", "lexists")
    sys.meta_path.insert(0, _Watch)
    for name, module in list(sys.modules.items()):
        change = _change(name)
        if change is not None and module is not None:
            change(module)


def show(file):
    with open(file, encoding="utf-8") as shown:
        TARGET.update(eval(shown.read()))
    if TARGET["python"] == "%d.%d" % sys.version_info[:2]:
        try:
            _show()
        except Exception as error:
            raise SystemExit("wheelbuild: the target cannot be shown to this Python: %r" % error)
