#!/usr/bin/env bash
# Sourced by scripts/bazel-test: rules_oci and rules_docker as they are, from folders that variables name.
# shellcheck disable=SC2034,SC2154  # set by setup.sh and the caller

# need_source VARIABLE WHAT: the folder of a rule set's sources.
need_source() {
    local folder=${!1:-}
    [ -n "$folder" ] || skip "$1 does not name a folder with the sources of $2"
    [ -e "$folder/${3:-BUILD.bazel}" ] || die "$1: $folder has no ${3:-BUILD.bazel}"
}

# override NAME FOLDER: a copy of FOLDER, which Bazel sees in its root, as the repository NAME.
override() {
    rm -rf "${work:?}/sources/$1"
    mkdir -p "$work/sources"
    cp -r "$2" "$work/sources/$1"
    touch "$work/sources/$1/WORKSPACE"
    [ -e "$work/sources/$1/BUILD" ] || [ ! -e "$work/sources/$1/BUILD.bazel" ] || : >"$work/sources/$1/BUILD.bazel"
    echo "common --override_repository=$1=$work/sources/$1" >>"$rc"
}

# prepare_real NAME: the end-to-end workspace by WORKSPACE, with the package tests/real/NAME.
prepare_real() {
    disk_cache=$work/disk-cache
    prepare "real-$1" workspace
    cp -r "$repo/bazel/tests/real/$1" "$folder/$1"
    # Debian's programs, in a folder of their own: the programs of a rule set look beside themselves.
    local programs=$work/sources/debian_programs program
    rm -rf "$programs"
    mkdir -p "$programs"
    for program in bsdtar coreutils crane jq zstd; do ln -s "/usr/bin/$program" "$programs/$program"; done
    touch "$programs/WORKSPACE" "$programs/launcher.sh"
    echo 'exports_files(glob(["*"]))' >"$programs/BUILD.bazel"
    echo "common --override_repository=debian_programs=$programs" >>"$rc"
    echo "build --extra_toolchains=//$1:all" >>"$rc"
}

# say_features: bazel_features as it is on 7.7.1; Debian's Bazel does not say its version.
say_features() {
    local place=$work/sources
    mkdir -p "$place/bazel_features_version" "$place/bazel_features_globals"
    touch "$place"/bazel_features_{version,globals}/{WORKSPACE,BUILD.bazel}
    echo 'version = "7.7.1"' >"$place/bazel_features_version/version.bzl"
    echo 'globals = struct()' >"$place/bazel_features_globals/globals.bzl"
    for name in version globals; do
        echo "common --override_repository=bazel_features_$name=$place/bazel_features_$name" >>"$rc"
    done
}

# run_layout FOLDER: a real OCI layout, unpacked by umoci's rules and started as its configuration says.
run_layout() {
    local tree=$work/tree-layout said
    rm -rf "$tree"
    mkdir "$tree"
    python3 "$repo/bazel/tests/support/unpack_layout.py" "$1" "$tree" >"$work/layout.json"
    said=$(run_tree "$tree" x86_64 "$(field "$work/layout.json" Entrypoint)" "$(field "$work/layout.json" Cmd)" \
        "$(field "$work/layout.json" WorkingDir)")
    echo "   $(cat "$work/layout.json")"
    echo "   it says: $said"
    [[ $said == *"hello (3, 11) 6 0.4.8"* ]] || die "it does not say hello"
}

# expect_base LAYOUT ARCHITECTURE: a real OCI layout has that base's layer, and says it is for it.
expect_base() {
    python3 "$repo/bazel/tests/support/check_base.py" "$(bazel info bazel-bin 2>/dev/null)/$1" "$2"
    echo "   $1 is built upon the base for $2"
}

# expect_platform LAYOUT ARCHITECTURE...: a real OCI layout without a base has images for these.
expect_platform() {
    local layout=$1
    shift
    "$wheelbuild" inspect --json "$(bazel info bazel-bin 2>/dev/null)/$layout" >"$work/index.json"
    [ "$(grep -oE '"platform": *"linux/[a-z0-9]*"' "$work/index.json" | sed 's|.*/||;s|"||' | sort -u | tr '\n' ' ')" = "$* " ] ||
        { cat "$work/index.json"; die "$layout is not for $*"; }
    echo "   $layout is for $*"
}

tier_oci1() {
    need_source RULES_OCI_1 "rules_oci 1.x (1.8.0)" oci/defs.bzl
    need_source BAZEL_LIB_1 "aspect_bazel_lib 1.x (1.42.1)" lib/jq.bzl
    prepare_real oci1
    override rules_oci "$RULES_OCI_1"
    override aspect_bazel_lib "$BAZEL_LIB_1"
    sed 's/{{CRANE}}/crane/' "$RULES_OCI_1/oci/private/registry/crane_launcher.sh.tpl" >"$work/sources/debian_programs/launcher.sh"
    chmod +x "$work/sources/debian_programs/launcher.sh"
    # Its crane serves a registry on the loopback interface of the action.
    bazel build //oci1:image
    # Its tarball is written by yq, which Debian does not have.
    bazel build --nobuild //oci1:image.tar
    run_layout "$(bazel info bazel-bin 2>/dev/null)/oci1/image"
    bazel build //oci1:images_amd64 //oci1:images_arm64
    expect_base oci1/images_amd64 amd64
    expect_base oci1/images_arm64 arm64
    bazel build //oci1:scratch_amd64 //oci1:scratch_arm64
    expect_platform oci1/scratch_amd64 amd64
    expect_platform oci1/scratch_arm64 arm64
}

tier_oci2() {
    need_source RULES_OCI_2 "rules_oci 2.x (2.3.2)" oci/defs.bzl
    need_source BAZEL_LIB_2 "aspect_bazel_lib 2.x (2.14.0)" lib/jq.bzl
    need_source TAR_BZL "tar.bzl (0.7.0)" tar/toolchain/toolchain.bzl
    prepare_real oci2
    say_features
    override rules_oci "$RULES_OCI_2"
    override aspect_bazel_lib "$BAZEL_LIB_2"
    override tar.bzl "$TAR_BZL"
    bazel build //oci2:image //oci2:image.tar //oci2:images //oci2:scratch
    run_layout "$(bazel info bazel-bin 2>/dev/null)/oci2/image"
    expect_base oci2/images_amd64 amd64
    expect_base oci2/images_arm64 arm64
    # Their index has both, each with what it says of itself.
    expect_platform oci2/images amd64 arm64
    expect_platform oci2/scratch amd64 arm64
}

tier_docker() {
    need_source RULES_DOCKER "rules_docker (0.25.0)" container/container.bzl
    prepare_real docker1
    override io_bazel_rules_docker "$RULES_DOCKER"
    override io_bazel_rules_go "$repo/bazel/tests/real/go"
    echo "common --@io_bazel_rules_docker//transitions:enable=false" >>"$rc"
    bazel build //docker1:image_interpreter_layer //docker1:image_site_packages_layer //docker1:image_app_layer
    local layer tree=$work/tree-docker said
    rm -rf "$tree"
    mkdir "$tree"
    for layer in interpreter site_packages app; do
        tar -xf "$(bazel cquery "//docker1:image_${layer}_layer" --output=files 2>/dev/null | grep '\.tar$' | sed -n 1p)" -C "$tree"
    done
    said=$(run_tree "$tree" x86_64 /app/app.python app /app)
    echo "   its layers say: $said"
    [[ $said == *"hello (3, 11) 6 0.4.8"* ]] || die "they do not say hello"
    # The image itself needs its Go programs: analysed, and its action looked at.
    bazel build --nobuild //docker1:image //docker1:image.tar //docker1:image_arm64
    bazel aquery 'outputs(".*image.*", //docker1:image)' 2>/dev/null | grep -c '^action' >"$work/docker.actions"
    echo "   $(cat "$work/docker.actions") actions for the image"
    bazel aquery //docker1:image 2>/dev/null >"$work/docker.aquery"
    grep -q 'app.python' "$work/docker.aquery" || die "the entrypoint is not in the image's actions"
    for layer in amd64:image arm64:image_arm64; do
        bazel aquery "//docker1:${layer#*:}" 2>/dev/null | tr -d '\n\\' | grep -qE -- "-architecture +${layer%:*} " ||
            die "${layer#*:} is not said to be for ${layer%:*}"
    done
}
