import sys

import grpclib
import kiwisolver
import markupsafe
import markupsafe._speedups
import numpy

x = kiwisolver.Variable("x")
solver = kiwisolver.Solver()
solver.addConstraint(x == 6)
solver.updateVariables()
print("locked", sys.version_info[:2], numpy.arange(4).sum(), grpclib.__version__, x.value(), markupsafe._speedups._escape_inner("<a>"))
