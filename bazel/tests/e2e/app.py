"""Imports what came from wheels of every kind, and says so."""

import sys

import greeting
import grpclib
import kiwisolver
import markupsafe
import markupsafe._speedups
import numpy

print(greeting.text(), sys.version_info[:2], numpy.arange(4).sum(), grpclib.__version__)
print(markupsafe.escape("<a>"), kiwisolver.Variable("x").name())
