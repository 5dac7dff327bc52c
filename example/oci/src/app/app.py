import grpclib
import numpy

print("numpy:", numpy.__version__, numpy.arange(4).sum())
print("grpclib:", grpclib.__version__)
