#!/usr/bin/env bash
# Sourced by scripts/bazel-test: the Bazel, the files and the workspaces of the tiers.
# shellcheck disable=SC2154  # repo, work, root, share, why and wheelbuild are the caller's

skip() { echo "$*" >"$why"; exit 3; }
die() { echo "bazel-test: $*" >&2; exit 1; }

packages=ca-certificates,bazel-bootstrap,bazel-java-tools,bazel-rules-java,bazel-rules-cc,bazel-rules-python,bazel-skylib,bazel-platforms,bazel-features,bazel-lib,bazel-aspect-bazel-lib,bazel-rules-pkg,bazel-rules-shell,bazel-rules-rust,bazel-rules-license,bazel-stardoc,buildbox,crane,jq,zstd,libarchive-tools,git,zip,python3

# The Debian root that Bazel runs in.
need_root() {
    [ ! -x "$root/usr/bin/bazel" ] || return 0
    [ "$(id -u)" = 0 ] || skip "the Debian root for Bazel is made as root"
    if ! command -v mmdebstrap >/dev/null || ! command -v bwrap >/dev/null; then
        { apt-get -qq update && apt-get -qq install -y --no-install-recommends mmdebstrap bubblewrap; } >"$work/apt.log" 2>&1 ||
            skip "mmdebstrap and bubblewrap cannot be installed: $(tail -1 "$work/apt.log")"
    fi
    rm -rf "$root.new"
    mmdebstrap --variant=essential --include="$packages" --aptopt='APT::Install-Recommends "false"' \
        --aptopt='Acquire::Check-Valid-Until "false"' sid "$root.new" >"$work/root.log" 2>&1 ||
        skip "no Debian root: $(tail -1 "$work/root.log")"
    mv "$root.new" "$root"
}

# The program under test, and the interpreters of both machines.
need_programs() {
    if [ -z "$wheelbuild" ]; then
        cargo build --quiet --release --locked || die "wheelbuild does not build"
        wheelbuild=$repo/target/release/wheelbuild
    fi
    # A copy, outside /tmp: Bazel's sandbox has a /tmp of its own.
    mkdir -p "$work/bin"
    cmp -s "$wheelbuild" "$work/bin/wheelbuild" || install "$wheelbuild" "$work/bin/wheelbuild"
    wheelbuild=$work/bin/wheelbuild
    python_x86_64=$(uv_or_pyenv 3.11) || skip "there is no CPython 3.11 of pyenv or uv (a tree of its own)"
    python_aarch64=$("$repo/scripts/pyroot" "$work/pyroot" bookworm arm64 3.11 2>"$work/pyroot.log" | tail -1) ||
        skip "no aarch64 Python: $(tail -1 "$work/pyroot.log")"
}

uv_or_pyenv() {
    local folder
    for folder in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".* "${UV_PYTHON_INSTALL_DIR:-$HOME/.local/share/uv/python}/cpython-$1".*-linux-x86_64-gnu; do
        [ -x "$folder/bin/python$1" ] && { realpath "$folder"; return; }
    done
    return 1
}

# Sdists and wheels of the end-to-end workspace, by pip's own configuration.
need_files() {
    local pip=("$python_x86_64/bin/python3" -m pip download -q --no-deps -d "$work/files") sdist machine
    (
        set -e
        for sdist in markupsafe==3.0.3 grpclib==0.4.8 kiwisolver==1.4.9 regex==2025.11.3 simplejson==3.20.2 wrapt==1.17.3; do
            have "${sdist%%==*}-*.tar.gz" || "${pip[@]}" --no-binary :all: "$sdist"
        done
        have "setuptools-80*.whl" ||
            "${pip[@]}" --only-binary :all: setuptools==80.9.0 wheel==0.45.1 cppy==1.3.1 setuptools_scm==8.3.1 \
                packaging==25.0 typing_extensions==4.15.0 h2==4.3.0 hpack==4.1.0 hyperframe==6.1.0
        for machine in x86_64 aarch64; do
            have "numpy-*$machine.whl" ||
                "${pip[@]}" --only-binary :all: --python-version 3.11 --platform "manylinux_2_28_$machine" \
                    --platform "manylinux_2_17_$machine" --platform "manylinux2014_$machine" numpy==2.3.5 multidict==6.7.0
        done
    ) >"$work/files.log" 2>&1 || skip "packages cannot be fetched: $(tail -1 "$work/files.log")"
    have "ziglang-*.whl" || "$wheelbuild" toolchain fetch zig --wheels "$work/files" >"$work/files.log" 2>&1 ||
        skip "zig cannot be fetched: $(tail -1 "$work/files.log")"
    zig=$(echo "$work"/files/ziglang-*.whl)
}

have() { compgen -G "$work/files/$1" >/dev/null; }

# in_root COMMAND...: runs a command in the Debian root, with this machine's folders that it needs and
# the configuration of pip's and uv's index. The first python3 is one that has pip.
in_root() {
    local set=() name
    for name in ${!PIP_*} ${!UV_*} SSL_CERT_FILE SSL_CERT_DIR; do
        [ -z "${!name:-}" ] || set+=(--setenv "$name" "${!name}")
    done
    bwrap --bind "$root" / --dev-bind /proc /proc --dev-bind /dev /dev --dev-bind /sys /sys --bind /tmp /tmp \
        --bind "$repo" "$repo" --ro-bind "$python_x86_64" "$python_x86_64" \
        --ro-bind-try /etc/ssl /etc/ssl --ro-bind-try /etc/resolv.conf /etc/resolv.conf --ro-bind-try /etc/hosts /etc/hosts \
        --ro-bind-try /etc/pip.conf /etc/pip.conf --ro-bind-try "$HOME/.config/pip" "$work/home/.config/pip" \
        --ro-bind-try "$HOME/.netrc" "$work/home/.netrc" \
        --clearenv --setenv HOME "$work/home" --setenv PATH "$python_x86_64/bin:/usr/bin:/bin" --setenv LANG C.UTF-8 "${set[@]}" \
        --chdir "$PWD" -- "$@"
}

# fill FILE: this machine's paths in a template.
fill() {
    sed -e "s|@ROOT@|$repo|" -e "s|@WHEELBUILD@|$wheelbuild|" -e "s|@ZIG@|$zig|" \
        -e "s|@PYTHON_X86_64@|$python_x86_64|" -e "s|@PYTHON_AARCH64@|$python_aarch64|" "$1"
}

# make_workspace NAME: the end-to-end workspace, filled in, in a folder of its own.
make_workspace() {
    local folder=$work/$1 file
    rm -rf "$folder"
    cp -r "$repo/bazel/tests/e2e" "$folder"
    cp -r "$repo/bazel/tests/pythons" "$folder/pythons"
    cp "$repo/bazel/tests/doubles/rules_oci/oci/layout.bzl" "$folder/"
    mkdir "$folder/files"
    cp -l "$work"/files/*.whl "$work"/files/*.tar.gz "$folder/files/"
    rm -f "$folder"/files/ziglang-*
    for file in MODULE.bazel WORKSPACE; do
        cat "$folder/$file.in" "$folder/pythons/pythons.$file" >"$folder/$file.all"
        fill "$folder/$file.all" >"$folder/$file"
        rm "$folder/$file.in" "$folder/$file.all"
    done
    echo "$folder"
}

# write_rc FILE bzlmod|workspace: the options that make Bazel need nothing from the network.
write_rc() {
    local rules=$share/rules tools=$share/tools
    {
        echo "common --color=no --curses=no --show_progress_rate_limit=60 --announce_rc=false"
        echo "build --jobs=2 --local_resources=memory=4000 --sandbox_default_allow_network=false"
        echo "build --spawn_strategy=linux-sandbox --verbose_failures --nostamp"
        [ -z "${disk_cache:-}" ] || echo "build --disk_cache=$disk_cache"
        if [ "$2" = bzlmod ]; then
            python3 "$repo/bazel/tests/support/registry.py" "$work/registry" "embedded=$root$share/embedded_tools" \
                "$repo/MODULE.bazel" ${folder:+"$folder/MODULE.bazel"} "bazel_skylib=$root$tools/skylib" "platforms=$root$tools/platforms" \
                "rules_cc=$root$rules/cc" "rules_java=$root$rules/java" "rules_python=$root$rules/python" \
                "bazel_features=$root$tools/features" "rules_license=$root$rules/license" "rules_proto=$root$rules/proto" "rules_shell=$root$rules/shell" \
                "rules_oci=${rules_oci:-$repo/bazel/tests/doubles/rules_oci}" \
                --inside "$root"
            echo "common --registry=file://$work/registry --lockfile_mode=off --noenable_workspace"
        else
            echo "common --noenable_bzlmod --enable_workspace"
            echo "common --override_repository=rules_oci=${rules_oci:-$repo/bazel/tests/doubles/rules_oci}"
            echo "common --override_repository=io_bazel_rules_docker=${rules_docker:-$repo/bazel/tests/doubles/rules_docker}"
            local name
            for name in rules_cc=rules/cc rules_java=rules/java rules_java_builtin=rules/java rules_proto=rules/proto \
                rules_python=rules/python rules_license=rules/license bazel_skylib=tools/skylib \
                bazel_features=tools/features platforms=tools/platforms remote_java_tools=tools/java_tools \
                remote_java_tools_linux=tools/java_tools; do
                echo "common --override_repository=${name%%=*}=$share/${name#*=}"
            done
        fi
    } >"$1"
}

# run_bazel OUTPUT_ROOT RC WORDS...: Bazel in the working folder.
run_bazel() {
    local out=$1 rc=$2
    shift 2
    in_root bazel --nosystem_rc --nohome_rc --noworkspace_rc --bazelrc="$rc" --install_base="$share" --trust_install_base \
        --host_jvm_args=-Xmx768m --max_idle_secs=60 --output_user_root="$out" "$@"
}
