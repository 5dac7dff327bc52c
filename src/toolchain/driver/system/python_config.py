# pythonX.Y-config: what a program that embeds or extends Python is compiled with, as sysconfig says it.
import sys
import sysconfig

OPTIONS = ["--prefix", "--exec-prefix", "--includes", "--libs", "--cflags", "--ldflags",
           "--extension-suffix", "--abiflags", "--configdir", "--embed", "--help"]


def unique(words):
    return " ".join(dict.fromkeys(words))


def main(program, options):
    usage = "usage: %s %s" % (program, " ".join("[%s]" % option for option in OPTIONS))
    if not options or [option for option in options if option not in OPTIONS]:
        sys.exit(usage)
    value = lambda name: sysconfig.get_config_var(name) or ""
    version = value("VERSION") + value("ABIFLAGS")
    includes = ["-I" + sysconfig.get_path("include"), "-I" + sysconfig.get_path("platinclude")]
    libraries = (["-lpython" + version] if "--embed" in options else []) + value("LIBS").split() + value("SYSLIBS").split()
    for option in options:
        if option == "--help":
            print(usage)
        elif option == "--prefix":
            print(value("prefix"))
        elif option == "--exec-prefix":
            print(value("exec_prefix"))
        elif option == "--includes":
            print(unique(includes))
        elif option == "--cflags":
            print(unique(includes) + " " + value("CFLAGS"))
        elif option == "--libs":
            print(" ".join(libraries))
        elif option == "--ldflags":
            print(" ".join(["-L" + value("LIBDIR")] + libraries))
        elif option == "--extension-suffix":
            print(value("EXT_SUFFIX"))
        elif option == "--abiflags":
            print(value("ABIFLAGS"))
        elif option == "--configdir":
            print(value("LIBPL"))


main(sys.argv[1], sys.argv[2:])
