#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "answer.h"

#if __has_include("from_toolchain.h")
#include "from_toolchain.h"
#else
#define FROM_TOOLCHAIN 0
#endif

static PyObject *ask(PyObject *self, PyObject *unused) { return PyLong_FromLong(answer() + FROM_TOOLCHAIN); }

static PyMethodDef methods[] = {{"ask", ask, METH_NOARGS, "The answer of the library."}, {0}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "uses_answer", 0, 0, methods};

PyMODINIT_FUNC PyInit_uses_answer(void) { return PyModule_Create(&module); }
