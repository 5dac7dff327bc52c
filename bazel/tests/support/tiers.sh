#!/usr/bin/env bash
# Sourced by scripts/bazel-test: the tiers.
# shellcheck disable=SC2034,SC2154  # set by setup.sh and the caller

tier_lint() {
    local buildifier=$work/node/node_modules/.bin/buildifier files
    if [ ! -x "$buildifier" ]; then
        command -v npm >/dev/null || skip "buildifier comes from npm, which is not here"
        mkdir -p "$work/node"
        npm install --silent --no-fund --no-audit --prefix "$work/node" @bazel/buildifier@8.2.1 >"$work/npm.log" 2>&1 ||
            skip "buildifier cannot be fetched: $(tail -1 "$work/npm.log")"
    fi
    mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.bzl' '*BUILD.bazel' '*BUILD' 'MODULE.bazel' WORKSPACE |
        while read -r file; do [ ! -e "$file" ] || echo "$file"; done)
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
targets=(//:image //:image.tar //:image_arm64 //:images //:bare_layers //:split_layers //:scratch)

tier_analysis() {
    prepare e2e bzlmod
    # docker/ is for the WORKSPACE.
    bazel build --nobuild //:all //cluster:all
    # Each layer's action has its own inputs and no others.
    bazel aquery 'mnemonic(ImageLayer, //:image_layers)' --output=jsonproto >"$work/aquery.json"
    python3 "$repo/bazel/tests/support/check_actions.py" "$work/aquery.json"
    refused_layers
}

# Further layers that cannot be what is meant: of the rule, and of the macro, which names targets by them.
refused_layers() {
    local what layer
    while read -r what layer; do
        refuses BUILD.bazel "s/\"$layer\": \[[^]]*\]/\"$layer\": []/" "the layer \`$layer\` has no patterns"
        refuses BUILD.bazel "s/\"$layer\": \[[^]]*\]/\"$layer\": [\"\"]/" "the layer \`$layer\` has an empty pattern"
        refuses BUILD.bazel "s/\"$layer\": \[/\"app\": [/" "\`app\` of layers is the name of something"
        refuses BUILD.bazel "s/\"$layer\": \[/\"a b\": [/" "\`a b\` of layers is no name"
        refuses BUILD.bazel "s/\"$layer\": \[/\"numpy\": [/" "the layer \`numpy\` is named in groups and in layers"
        refuses BUILD.bazel 's/groups = {":numpy"/groups = {":app"/' "groups names" "which is no package that" ":numpy"
    done <<<"//:split_layers texts
//:image_arm64 multidict"
    what=//:scratch_own_layers refuses BUILD.bazel 's/"own": "arm64"/"own": "amd64"/' "architecture is \`amd64\`, and target_platform is for \`arm64\`"
    refuses BUILD.bazel 's/"own": "arm64"/"won": "arm64"/' "architecture names \`won\`, and target_platforms does not"
    refuses BUILD.bazel 's/architecture = {"own": "arm64"},//' "py_image \`scratch_own\`: an image without a base has to be told what it is for" "hint:"
}

tier_e2e() {
    need_qemu
    prepare e2e bzlmod
    bazel build "${targets[@]}"
    same_as_command_line //:image_layers
    run_image //:image x86_64 "hello (3, 11) 6 0.4.8" "&lt;a&gt; x"
    run_image //:image_arm64 aarch64 "hello (3, 11) 6 0.4.8" "&lt;a&gt; x"
    # An image for each platform.
    run_image //:images_amd64 x86_64 "hello (3, 11) 6 0.4.8" "&lt;a&gt; x"
    run_image //:images_arm64 aarch64 "hello (3, 11) 6 0.4.8" "&lt;a&gt; x"
    expect_bases
    expect_split
    expect_platforms
    keep_wheels
    digests >"$work/e2e.sha256"
}

# C libraries of the target in wheels, compiled by zig and by the C toolchain that is registered.
tier_native() {
    need_qemu
    # About other things than kits.
    disk_cache=$work/disk-cache
    prepare native bzlmod
    local wheels=(//native:uses_answer_zig //native:uses_answer_toolchain) how=(--extra_toolchains=//native:all)
    bazel build "${how[@]}" "$for_x86_64" "${wheels[@]}" //native:kiwisolver_toolchain
    expect_answer uses_answer_zig x86_64 42
    expect_flags x86_64
    expect_answer kiwisolver_toolchain x86_64 "$kiwisolver_answer"
    bazel build "${how[@]}" "$for_aarch64" "${wheels[@]}"
    expect_answer uses_answer_zig aarch64 42
    expect_flags aarch64
}

for_aarch64=--platforms=@pycross_image//bazel/platforms:linux_arm64

# What a C++ package says of itself: a solved constraint, and an exception that went through its C++.
kiwisolver_answer='7.0 UnsatisfiableConstraint'

# expect_flags MACHINE: the wheel that the toolchain compiled shows the toolchain's flags.
expect_flags() {
    # One more by a header that the toolchain's flags lead to.
    expect_answer uses_answer_toolchain "$1" 43
    readelf -d "$work/tree-native"/uses_answer*.so | grep -q NODELETE || die "the toolchain's flags for links are not used"
}

# expect_answer WHEEL MACHINE ANSWER: a wheel of //native, imported by the machine's interpreter, says ANSWER.
expect_answer() {
    local tree=$work/tree-native platform=for_$2 wheel said run program
    wheel=$(bazel cquery "${how[@]}" "${!platform}" "//native:$1" --output=files 2>/dev/null)
    rm -rf "$tree"
    mkdir "$tree"
    python3 -m zipfile -e "$wheel" "$tree"
    case $2 in
        x86_64) run=(env "PYTHONPATH=$tree" "$python_x86_64/bin/python3.11") ;;
        aarch64)
            run=(env "PYTHONPATH=$tree" qemu-aarch64-static -L "$python_aarch64" -E "LD_LIBRARY_PATH=$python_aarch64/usr/lib/aarch64-linux-gnu"
                "$python_aarch64/usr/bin/python3.11")
            ;;
    esac
    case $1 in
        uses_answer*) program='import uses_answer; print(uses_answer.ask())' ;;
        kiwisolver*)
            program='import kiwisolver as k
x, s = k.Variable("x"), k.Solver()
s.addConstraint(x == 7); s.updateVariables()
try: s.addConstraint(x == 8)
except k.UnsatisfiableConstraint as e: print(x.value(), type(e).__name__)'
            ;;
    esac
    said=$("${run[@]}" -c "$program")
    echo "   $1 on $2: $said"
    [ "$said" = "$3" ] || die "$1 does not say $3"
}

tier_small() {
    prepare e2e bzlmod
    bazel build //:small_image
    same_as_command_line //:small_image_layers
    run_image //:small_image x86_64 "small &lt;a&gt;"
}

# The wheels of packages in every language, for comparison with those of other machines and modes.
wheel_targets=(//:markupsafe_wheel //:grpclib_wheel //:kiwisolver_wheel)
for_x86_64=--platforms=@pycross_image//bazel/platforms:linux_x86_64

# wheel_in IMAGE NAME: the file of a wheel as the image has it.
wheel_in() { bazel cquery "filter('//:$2\$', deps($1))" --output=files 2>/dev/null | grep '\.whl$' | sed -n 1p; }

keep_wheels() {
    local name
    mkdir -p "$work/local"
    for name in "${wheel_targets[@]}"; do cp -f "$(wheel_in //:image_layers "${name#//:}")" "$work/local/"; done
    sha256sum <"$wheelbuild" >"$work/local/program"
}

# Whether this program built what the tier e2e kept: a wheel's SBOM names the program by its digest.
same_program() { [ "$(cat "$work/local/program" 2>/dev/null)" = "$(sha256sum <"$wheelbuild")" ]; }

# same_as_kept [IMAGE]: the wheels of this workspace, or of its image, have the bytes that the tier e2e kept.
same_as_kept() {
    local name file
    same_program || die "run the tier e2e first, with this program: its wheels are compared with"
    for name in "${wheel_targets[@]#//:}"; do
        if [ $# -gt 0 ]; then file=$(wheel_in "$1" "$name"); else file=$(bazel_bin)/$name.whl; fi
        cmp "$work/local/$name.whl" "$file"
    done
    echo "   the wheels are those that were built here with bzlmod"
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

# same_as_command_line IMAGE: its wheel has the bytes that the command line gives for the same inputs.
same_as_command_line() {
    local deps=() wheel
    for wheel in files/setuptools-80*.whl files/wheel-*.whl; do deps+=(--build-dep "$wheel"); done
    rm -rf "$work/cli"
    "$wheelbuild" --cache-dir "$work/cache" files/markupsafe-*.tar.gz --target x86_64-linux --offline --no-cache -q \
        --python "$python_x86_64/bin/python3.11" --zig "$zig" "${deps[@]}" -o "$work/cli" >"$work/cli.log"
    cmp "$(cat "$work/cli.log")" "$(wheel_in "$1" markupsafe_wheel)"
    echo "   the wheel is that of the command line"
}

# run_image LABEL MACHINE WORDS...: the image's layers on each other, started as the image says; what
# it prints has each of the WORDS.
run_image() {
    local files image tree=$work/tree-$2 layer entrypoint cmd workdir said word
    files=$(bazel cquery "$1" --output=files 2>/dev/null)
    image=$(head -1 <<<"$files")
    rm -rf "$tree"
    mkdir "$tree"
    case $image in
        *.json)
            # The stand-in for rules_docker's image.
            entrypoint=$(field "$image" entrypoint) cmd=$(field "$image" cmd) workdir=$(field "$image" workdir)
            for layer in $(field "$image" layers); do tar -xf "$(grep "/$layer\$" <<<"$files")" -C "$tree"; done
            ;;
        *)
            entrypoint=$(cat "$image/entrypoint") cmd=$(cat "$image/cmd") workdir=$(cat "$image/workdir")
            for layer in "$image"/*.tar.gz; do tar -xzf "$layer" -C "$tree"; done
            ;;
    esac
    said=$(run_tree "$tree" "$2" "$entrypoint" "$cmd" "$workdir")
    echo "   $1 on $2 says: $said"
    shift 2
    for word; do [[ "$said" == *"$word"* ]] || die "it does not say $word"; done
}

# Each image is built upon the base of its own platform, and upon no other.
expect_bases() {
    local name image
    for name in image:amd64 image_arm64:arm64 images_amd64:amd64 images_arm64:arm64; do
        image=$(bazel cquery "//:${name%:*}" --output=files 2>/dev/null)
        grep -rhqF "\"architecture\":\"${name#*:}\"" "$image/base/blobs" || die "${name%:*} has another base"
    done
    if bazel build //:image_on_another_base >"$work/refused.log" 2>&1; then die "a base for another machine is not refused"; fi
    grep -F -A2 "is not for linux/amd64" "$work/refused.log" || { cat "$work/refused.log"; die "it is not said why"; }
    grep -qF "its configuration says linux/arm64" "$work/refused.log" || die "the cause is not said"
    grep -qF "hint: name the image for linux/amd64" "$work/refused.log" || die "there is no hint"
    echo "   each image has the base of its platform"
}

# Each file is in the layer that its pattern names, and what no file is of is an error.
expect_split() {
    local each layers=()
    for each in split_layers image_layers; do
        mapfile -t -O "${#layers[@]}" layers < <(bazel cquery "//:$each" --output=files 2>/dev/null)
    done
    python3 "$repo/bazel/tests/support/check_split.py" "${layers[@]}"
    if bazel build //:split_by_nothing >"$work/refused.log" 2>&1; then die "a pattern without files is not refused"; fi
    grep -F "nothing goes to a layer by \`*/models/*\`" "$work/refused.log" || { cat "$work/refused.log"; die "it is not said why"; }
}

# What images without a base say that they are for.
expect_platforms() {
    local name image
    for name in amd64:linux/amd64 arm64:linux/arm64 own:linux/arm64; do
        image=$(bazel cquery "//:scratch_${name%%:*}" --output=files 2>/dev/null)
        [ "$(cat "$image/platform")" = "${name#*:}" ] || die "scratch_${name%%:*} is for $(cat "$image/platform")"
    done
}

# field FILE KEY: words of a JSON file.
field() {
    python3 -c 'import json, sys
value = json.load(open(sys.argv[1]))[sys.argv[2]]
print(value if isinstance(value, str) else " ".join(value))' "$@"
}

# run_tree TREE MACHINE ENTRYPOINT CMD WORKDIR: starts the program of an unpacked image.
run_tree() {
    local tree=$1 runfiles=$1$5/$4.runfiles own paths main
    case $2 in
        x86_64) (cd "$tree$5" && env -i "$tree$3" -I "$4") ;;
        # rules_python's start script starts the interpreter again, which qemu-user alone cannot follow:
        # its module is run directly. The interpreter of the tests brings its C library along.
        aarch64)
            own=${tree}$(cd "$tree" && readlink -m "$tree$3" | sed "s|^$tree||;s|/usr/bin/.*||")
            main=$(find "$runfiles" -maxdepth 4 -name app.py | sed -n 1p)
            paths=$(find "$runfiles" -mindepth 2 -maxdepth 3 -name site-packages | tr '\n' ':')
            env -i "PYTHONPATH=$paths" qemu-aarch64-static -L "$own" -E "LD_LIBRARY_PATH=$own/usr/lib/aarch64-linux-gnu" \
                "$own/usr/bin/python3.11" -S "$main"
            ;;
    esac
}

tier_twice() {
    need_programs
    { [ -f "$work/e2e.sha256" ] && same_program; } || tier_e2e
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
    need_qemu
    prepare workspace workspace
    bazel build "${targets[@]}" //docker:image //docker:image_arm64
    [ "$(field "$(bazel cquery //docker:image_arm64 --output=files 2>/dev/null | grep '\.json$')" architecture)" = arm64 ] || die "the image of rules_docker is not for Arm"
    run_image //:image x86_64 "hello (3, 11) 6 0.4.8" "&lt;a&gt; x"
    run_image //:image_arm64 aarch64 "hello (3, 11) 6 0.4.8" "&lt;a&gt; x"
    run_image //docker:image x86_64 "hello (3, 11) 6 0.4.8" "&lt;a&gt; x"
    same_as_kept //:image_layers
}
