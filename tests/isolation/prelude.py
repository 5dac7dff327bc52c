import ctypes, fcntl, os, signal, socket, stat, sys, termios, threading, time

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def call(function, *arguments):
    result = function(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


globals().update({name[6:]: value for name, value in os.environ.items() if name.startswith("WORLD_")})
try:
    exec(compile(open("attempt.py").read(), "attempt.py", "exec"))
    print("ESCAPED", flush=True)
except BaseException as error:
    print("HELD", type(error).__name__, error, flush=True)
