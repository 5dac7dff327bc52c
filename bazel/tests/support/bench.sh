#!/usr/bin/env bash
# Sourced by scripts/bazel-test: how long analysis takes (`scripts/bench bazel`). Prints; judges nothing.
# shellcheck disable=SC2154  # set by setup.sh and the caller

# analysis LABEL NUMBER: seconds that a warm server needs to analyse LABEL in a configuration of its own.
analysis() {
    bazel build --nobuild "--action_env=BENCH=$2" "$1" 2>&1 | sed -n 's/.*Elapsed time: \([0-9.]*\)s.*/\1/p'
}

tier_bench() {
    prepare bench bzlmod
    local run alone image rows=$work/bench.tsv
    : >"$rows"
    # Loads everything and warms the server.
    bazel build --nobuild //:app //:image >/dev/null 2>&1
    for run in $(seq "${BENCH_RUNS:-5}"); do
        # In turn first and second, each in a configuration that nothing was analysed in.
        if [ $((run % 2)) = 0 ]; then
            alone=$(analysis "//:app" "$run-app") image=$(analysis "//:image" "$run-image")
        else
            image=$(analysis "//:image" "$run-image") alone=$(analysis "//:app" "$run-app")
        fi
        printf '%s\t%s\n' "$alone" "$image" >>"$rows"
    done
    python3 - "$rows" <<'PYTHON'
import statistics, sys
rows = [tuple(map(float, line.split())) for line in open(sys.argv[1])]
alone, image = (statistics.median(column) for column in zip(*rows))
more = statistics.median(image - alone for alone, image in rows)
print(f"   analysis: py_binary {alone:.2f} s, py_image of it {image:.2f} s, {more:+.2f} s (medians of {len(rows)} pairs)")
PYTHON
}
