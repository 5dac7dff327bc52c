#!/usr/bin/env bash
# Sourced by scripts/bazel-test: from a lock to images, the examples, and the released archive.
# shellcheck disable=SC2034,SC2154  # set by setup.sh and the caller

need_qemu() {
    command -v qemu-aarch64-static >/dev/null || skip "qemu-aarch64-static is not here (Debian: qemu-user-static)"
}

# prepare_project NAME bzlmod|workspace: Bazel for the workspace $work/NAME, which is there already.
prepare_project() {
    folder=$work/$1 rc=$work/$1.rc out=$work/out-$1
    # These tiers are about other things than kits, so they share theirs.
    disk_cache=$work/disk-cache
    write_rc "$rc" "$2"
    cd "$folder" || exit
    trap 'run_bazel "$out" "$rc" shutdown >/dev/null 2>&1 || true' EXIT
}

# need_all: what every tier with a Bazel needs.
need_all() {
    need_root
    need_programs
    need_files
}

# make_project NAME: the workspace of tests/lock with its lock of uv, which names the user's index;
# stdin is how it names pycross_image.
make_project() {
    local made=$work/$1 uv
    rm -rf "$made"
    cp -r "$repo/bazel/tests/lock" "$made"
    cp -r "$repo/bazel/tests/pythons" "$made/pythons"
    cp "$repo/bazel/tests/doubles/rules_oci/oci/layout.bzl" "$made/"
    TEXT=$(cat) awk '$0 == "@PYCROSS_IMAGE@" { print ENVIRON["TEXT"]; next } { print }' "$made/MODULE.bazel.in" >"$made/all"
    cat "$made/pythons/pythons.MODULE.bazel" >>"$made/all"
    fill "$made/all" >"$made/MODULE.bazel"
    rm "$made/MODULE.bazel.in" "$made/all"
    uv=$("$wheelbuild" toolchain fetch uv 2>"$work/uv.log" | grep '/uv$') || skip "uv cannot be fetched: $(tail -1 "$work/uv.log")"
    "$uv" lock -q --project "$made" --python "$python_x86_64/bin/python3.11" 2>"$work/uv.log" ||
        skip "uv cannot lock: $(tail -1 "$work/uv.log")"
}

# What the program of tests/lock says: numpy is published, the other three are built.
locked_words=("locked (3, 11) 6 0.4.9 6.0" "&lt;a&gt;")

tier_lock() {
    need_qemu
    need_all
    make_project lock <<TEXT
bazel_dep(name = "pycross_image")
local_path_override(
    module_name = "pycross_image",
    path = "@ROOT@",
)
TEXT
    prepare_project lock bzlmod
    # Packages are fetched once by the repositories; the actions have no network.
    bazel build //:image //:image_arm64
    run_image //:image x86_64 "${locked_words[@]}"
    run_image //:image_arm64 aarch64 "${locked_words[@]}"
    # Published where there is a wheel, built where the lock's user says so.
    bazel aquery 'mnemonic(WheelBuild, deps(//:image))' 2>/dev/null | grep 'Target:' | sort -u >"$work/built"
    local name
    for name in grpclib kiwisolver markupsafe; do grep -q "${name}_wheel" "$work/built" || die "$name is not built"; done
    if grep numpy "$work/built"; then die "numpy is built, and has a wheel"; fi
    refused
}

# refuses FILE SED WORDS...: with that edit of FILE the build says WORDS and fails.
refuses() {
    local file=$1 edit=$2 word
    shift 2
    cp "$file" "$work/kept"
    sed -i "$edit" "$file"
    if cmp -s "$file" "$work/kept"; then die "the edit $edit changes nothing"; fi
    if bazel build --nobuild "${what:-//:image}" >"$work/refused.log" 2>&1; then die "$edit is not refused"; fi
    for word; do grep -qF -- "$word" "$work/refused.log" || { cat "$work/refused.log"; die "$edit: no \`$word\`"; }; done
    echo "   refused: $*"
    cp "$work/kept" "$file"
}

# What a user gets wrong is said in the user's words.
refused() {
    local digest
    digest=$(grep -o 'grpclib-0.4.9.tar.gz", hash = "sha256:[0-9a-f]*' uv.lock | sed 's/.*://')
    refuses uv.lock "s/$digest/$(printf '%064d' 0)/" "grpclib-0.4.9.tar.gz cannot be fetched" sha256
    refuses MODULE.bazel 's/"setuptools_scm",/"setuptools_scm", "nosuch",/' \
        "build_dependencies of kiwisolver names \`nosuch\`, which" "It has: cppy, grpclib"
    refuses MODULE.bazel 's/python_version = "3.11"/python_version = "3.9"/' "Python 3.9 is outside of" "hint:"
    refuses MODULE.bazel 's/groups = \["build"\]/groups = ["bulid"]/' "has no group \`bulid\`" "did you mean"
    refuses BUILD.bazel 's|"@pypi//:numpy"|"@pypi//:nunpy"|' "no such target" nunpy
    refuses BUILD.bazel 's|binary = ":app"|binary = ":ap"|' "rule '//:ap' does not exist"
    refuses BUILD.bazel 's|binary = ":app",|&\n    target_platforms = ["//:arm"],|' "target_platforms is a dict" amd64
    refuses BUILD.bazel '0,/base = ":base"/s||base = None,\n    architecture = "arm64",\n    os = "linux"|' \
        "architecture is \`arm64\`, and target_platform is for \`amd64\`" 'architecture = "amd64"'
    what=@pypi//:kiwisolver_wheel refuses MODULE.bazel 's|^pypi_lock.parse(|&\n    targets = ["x86_64-windows"],|' \
        "\`x86_64-windows\` is no target of pypi_lock"
    # On macOS kiwisolver is taken as it is published, and that was ruled out.
    printf 'platform(\n    name = "macos",\n    constraint_values = ["@platforms//os:macos", "@platforms//cpu:aarch64"],\n)\n' >>BUILD.bazel
    if bazel build --nobuild @pypi//:kiwisolver_wheel --platforms=//:macos >"$work/refused.log" 2>&1; then die "macOS is not refused"; fi
    grep -F "nothing is built for macOS" "$work/refused.log"
}

# make_release: the archive of the rules with the program under test, twice.
make_release() {
    local each
    for each in release release-again; do
        rm -rf "${work:?}/$each"
        "$repo/scripts/release" --base-url "file://$work/release" --program "linux-$(uname -m)=$wheelbuild" "$work/$each"
    done
    diff -r "$work/release" "$work/release-again"
    rm -rf "$work/release-again"
}

tier_release() {
    need_qemu
    need_all
    make_release
    # As a user would paste it, and with the program of the release's lock.
    sed -n '/^# MODULE.bazel/,/^# WORKSPACE/p' "$work/release/snippet.txt" | sed '/^# /d' | make_project released
    sed -i '/^wheelbuild = use_extension/,/^)/d;/^wheelbuild.local/,/^)/d' "$work/released/MODULE.bazel"
    prepare_project released bzlmod
    echo "common --repo_env=WHEELBUILD_ZIG_WHEEL=$zig" >>"$rc"
    bazel build //:image
    run_image //:image x86_64 "${locked_words[@]}"
    # Another archive than the one that was released is refused.
    sed -i 's|integrity = "sha256-....|integrity = "sha256-AAAA|' MODULE.bazel
    if bazel build --nobuild //:image >"$work/refused.log" 2>&1; then die "a wrong integrity is not refused"; fi
    grep -m1 -iF "checksum was" "$work/refused.log"
}

# local_interpreters: the interpreters of the tests as rules_python's repositories would have them.
local_interpreters() {
    local cpu tree place
    for cpu in x86_64 aarch64; do
        place=$work/interpreters/$cpu
        rm -rf "$place"
        mkdir -p "$place"
        [ "$cpu" = x86_64 ] && tree=$python_x86_64 || tree=$python_aarch64
        find "$tree" -mindepth 1 -maxdepth 1 -exec ln -s {} "$place" \;
        {
            echo 'load("@rules_python//python:defs.bzl", "py_runtime", "py_runtime_pair")'
            cat "$repo/bazel/tests/pythons/python_$cpu.BUILD"
            sed "s|@PROGRAM@|$([ "$cpu" = x86_64 ] && echo bin/python3.11 || echo usr/bin/python3.11)|" <<'TEXT'

py_runtime(
    name = "py3_runtime",
    files = [":files"],
    interpreter = "@PROGRAM@",
    python_version = "PY3",
)

py_runtime_pair(
    name = "python_runtimes",
    py2_runtime = None,
    py3_runtime = ":py3_runtime",
    visibility = ["//visibility:public"],
)
TEXT
        } >"$place/BUILD.bazel"
        touch "$place/WORKSPACE"
        echo "common --override_repository=python_3_11_$cpu-unknown-linux-gnu=$place" >>"$1"
    done
}

# example_words: what the program of the examples says.
example_words=("grpclib: 0.4.9" "numpy: 2")

# The examples as they stand; base images, interpreters and image rules are replaced from outside.
tier_examples() {
    need_qemu
    need_all
    make_release
    local kind
    for kind in oci docker; do
        rm -rf "$work/example-$kind"
        cp -r "$repo/example/$kind" "$work/example-$kind"
        rm -f "$work/example-$kind/MODULE.bazel"
        cp "$work/release/$kind.WORKSPACE" "$work/example-$kind/WORKSPACE"
        prepare_project "example-$kind" workspace
        echo "common --repo_env=WHEELBUILD_ZIG_WHEEL=$zig" >>"$rc"
        local_interpreters "$rc"
        bazel build //src/app:image
        run_image //src/app:image x86_64 "${example_words[@]}"
        [ "$kind" = docker ] || {
            bazel build //src/app:image_arm64
            run_image //src/app:image_arm64 aarch64 "${example_words[@]}"
        }
        bazel shutdown
    done
    # The same with bzlmod; interpreters come from the tests.
    rm -rf "$work/example-bzlmod"
    cp -r "$repo/example/oci" "$work/example-bzlmod"
    cp -r "$repo/bazel/tests/pythons" "$work/example-bzlmod/pythons"
    awk 'BEGIN { RS = ""; ORS = "\n\n" } !/^python = use_extension/' "$repo/example/oci/MODULE.bazel" |
        sed "s|path = \"../..\"|path = \"$repo\"|" | cat - "$repo/bazel/tests/pythons/pythons.MODULE.bazel" >"$work/all"
    fill "$work/all" >"$work/example-bzlmod/MODULE.bazel"
    prepare_project example-bzlmod bzlmod
    bazel build //src/app:image //src/app:image_arm64
    run_image //src/app:image x86_64 "${example_words[@]}"
    run_image //src/app:image_arm64 aarch64 "${example_words[@]}"
}
