#!/usr/bin/env bash
# Sourced by scripts/bazel-test: the tiers.
# shellcheck disable=SC2154  # set by setup.sh and the caller

tier_lint() {
    local buildifier=$work/node/node_modules/.bin/buildifier files
    if [ ! -x "$buildifier" ]; then
        command -v npm >/dev/null || skip "buildifier comes from npm, which is not here"
        mkdir -p "$work/node"
        npm install --silent --no-fund --no-audit --prefix "$work/node" @bazel/buildifier@8.2.1 >"$work/npm.log" 2>&1 ||
            skip "buildifier cannot be fetched: $(tail -1 "$work/npm.log")"
    fi
    mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.bzl' '*BUILD.bazel' '*BUILD' 'MODULE.bazel' WORKSPACE)
    "$buildifier" -mode=check -lint=warn -warnings=-module-docstring "${files[@]}"
}

# prepare NAME bzlmod|workspace: everything that a tier with a Bazel needs; sets folder, rc and out.
prepare() {
    need_root
    need_programs
    need_files
    folder=$(make_workspace "$1")
    rc=$work/$1.rc out=$work/out-$1
    write_rc "$rc" "$2"
    cd "$folder" || exit
    trap 'run_bazel "$out" "$rc" shutdown >/dev/null 2>&1 || true' EXIT
}

bazel() { run_bazel "$out" "$rc" "$@"; }

# What users name: the wheels for both machines, the images, and programs with nothing in a layer.
targets=(//:image //:image.tar //:image_arm64 //:bare_layers //:markupsafe_wheel)

tier_analysis() {
    prepare e2e bzlmod
    # docker/ is for the WORKSPACE.
    bazel build --nobuild //:all //cluster:all
    # Each layer's action has its own inputs and no others.
    bazel aquery 'mnemonic(ImageLayer, //:image_layers)' --output=jsonproto >"$work/aquery.json"
    python3 "$repo/bazel/tests/support/check_actions.py" "$work/aquery.json"
}

tier_e2e() {
    prepare e2e bzlmod
    bazel build "${targets[@]}"
    same_as_command_line
    run_image image x86_64
    run_image image_arm64 aarch64
    keep_wheels
    digests >"$work/e2e.sha256"
}

# The wheels of packages in every language, for comparison with those of other machines and modes.
wheel_targets=(//:markupsafe_wheel //:grpclib_wheel //:kiwisolver_wheel)
for_x86_64=--platforms=@pycross_image//bazel/platforms:linux_x86_64

keep_wheels() {
    bazel build "${wheel_targets[@]}" "$for_x86_64"
    mkdir -p "$work/local" && cp -f "$(bazel_bin)"/*_wheel.whl "$work/local/"
}

same_as_kept() {
    local wheel
    [ -d "$work/local" ] || return 0
    for wheel in "$work"/local/*.whl; do
        cmp "$wheel" "$(bazel_bin)/${wheel##*/}"
    done
}

bazel_bin() { bazel info bazel-bin "$for_x86_64" 2>/dev/null; }

# Digests of everything that was built, by name.
digests() {
    local name
    for name in "${targets[@]}"; do
        bazel cquery "$name" --output=files 2>/dev/null
    done | sort -u | while read -r file; do
        find -L "$file" -type f -print0 | sort -z | xargs -0 sha256sum
    done
}

# The wheels of the actions have the bytes that the command line gives for the same inputs.
same_as_command_line() {
    local deps=() wheel
    for wheel in files/setuptools-80*.whl files/wheel-*.whl; do deps+=(--build-dep "$wheel"); done
    rm -rf "$work/cli"
    "$wheelbuild" --cache-dir "$work/cache" files/markupsafe-*.tar.gz --target x86_64-linux --offline --no-cache -q \
        --python "$python_x86_64/bin/python3.11" --zig "$zig" "${deps[@]}" -o "$work/cli" >"$work/cli.log"
    bazel build //:markupsafe_wheel "$for_x86_64"
    cmp "$(cat "$work/cli.log")" "$(bazel_bin)/markupsafe_wheel.whl"
}

# run_image TARGET MACHINE: the layers on each other, started as the image says.
run_image() {
    local image tree=$work/tree-$2 layer entrypoint cmd workdir said
    image=$(bazel cquery "//:$1" --output=files 2>/dev/null)
    rm -rf "$tree"
    mkdir "$tree"
    for layer in "$image"/*.tar.gz; do tar -xzf "$layer" -C "$tree"; done
    entrypoint=$(cat "$image/entrypoint") cmd=$(cat "$image/cmd") workdir=$(cat "$image/workdir")
    case $2 in
        x86_64) said=$(cd "$tree$workdir" && env -i "$tree$entrypoint" -I "$cmd") ;;
        # rules_python's start script starts the interpreter again, which qemu-user alone cannot follow:
        # its module is run directly. The interpreter of the tests brings its C library along.
        aarch64)
            local runfiles=$tree$workdir/$cmd.runfiles own=${tree}${entrypoint%/usr/bin/*} paths
            paths=$(find "$runfiles/_main" -maxdepth 2 -name site-packages | tr '\n' ':')
            said=$(env -i "PYTHONPATH=$paths$runfiles/_main" qemu-aarch64-static -L "$own" \
                -E "LD_LIBRARY_PATH=$own/usr/lib/aarch64-linux-gnu" "$tree$entrypoint" -S "$runfiles/_main/app.py")
            ;;
    esac
    echo "   $2 says: $said"
    [[ "$said" == *"hello (3, 11) 6 0.4.8"* && "$said" == *"&lt;a&gt; x"* ]]
}

tier_twice() {
    [ -f "$work/e2e.sha256" ] || tier_e2e
    prepare e2e bzlmod
    out=$work/out-twice
    rm -rf "$out"
    bazel build "${targets[@]}"
    digests | diff "$work/e2e.sha256" -
}

tier_edit() {
    prepare e2e bzlmod
    bazel build //:image_layers
    echo 'print("edited")' >>app.py
    bazel build //:image_layers --execution_log_json_file="$work/edit.json"
    python3 "$repo/bazel/tests/support/check_executed.py" "$work/edit.json" ImageLayer=1 WheelBuild=0 RuntimeKit=0 WheelInstall=0
}

tier_workspace() {
    prepare workspace workspace
    bazel build "${targets[@]}" //docker:image
    bazel build "${wheel_targets[@]}" "$for_x86_64"
    same_as_kept
}
