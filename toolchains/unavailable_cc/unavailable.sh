#!/bin/sh
echo "No C toolchain is registered for this target platform. Register one that builds for it, for example
hermetic_cc_toolchain's. (Wheels need none: wheel_build brings its own.)" >&2
exit 1
