#!/usr/bin/env bash
# Sourced by scripts/bazel-test: docs/bazel-rules.md is what stardoc makes of the public rules.
# shellcheck disable=SC2154  # set by setup.sh and the caller

tier_docs() {
    prepare docs bzlmod
    local name stardoc=$share/tools/stardoc/stardoc kind templates=() java
    mkdir "$folder/reference"
    # Every file that is loaded has to be named; those of other modules are the tests'.
    cat >"$folder/reference/BUILD.bazel" <<'TEXT'
load("@bazel_skylib//:bzl_library.bzl", "bzl_library")

bzl_library(
    name = "sources",
    srcs = [
        "@@pycross_image~~wheelbuild~wheelbuild_oci//:load.bzl",
        "@@rules_oci~//oci:defs.bzl",
    ],
    deps = [
        "@bazel_skylib//rules:common_settings",
        "@pycross_image//bazel/private",
        "@rules_cc//cc:action_names_bzl",
        "@rules_cc//cc:find_cc_toolchain_bzl",
        "@rules_cc//cc/common",
        "@rules_python//python:defs_bzl",
    ],
)

TEXT
    for name in rules:defs rules:oci workspace:pypi_lock :extensions; do
        printf 'starlark_doc_extract(\n    name = "%s",\n    src = "@pycross_image//bazel%s.bzl",\n    deps = [":sources"],\n)\n\n' \
            "${name##*:}" "$(echo "/$name" | sed 's|^/:|:|')" >>"$folder/reference/BUILD.bazel"
    done
    bazel build --check_visibility=false //reference:defs //reference:oci //reference:pypi_lock //reference:extensions
    java=$(cd "$root" && find usr/lib/jvm -path "*bin/java" | sed -n 1p)
    [ -n "$java" ] || skip "there is no Java in the Debian root"
    for kind in header func provider rule aspect repository_rule module_extension macro; do
        [ ! -e "$root$stardoc/templates/markdown_tables/$kind.vm" ] ||
            templates+=("--${kind}_template=$stardoc/templates/markdown_tables/$kind.vm")
    done
    cat >"$work/bazel-rules.md" <<'TEXT'
# Bazel rules

Made by stardoc (`UPDATE=1 scripts/bazel-test docs`). `//bazel/rules:docker.bzl` has a `py_image` of its own, for rules_docker.
TEXT
    local at
    at=$(bazel info bazel-bin 2>/dev/null)
    for name in rules:defs rules:oci workspace:pypi_lock :extensions; do
        in_root "/$java" -jar "$stardoc/renderer_prebuilt.jar" "--input=$at/reference/${name##*:}.binaryproto" \
            "--output=$work/rendered.md" "${templates[@]}"
        {
            printf '\n## %s.bzl\n\n' "$(echo "//bazel/$name" | sed 's|/:|:|')"
            # Headings one deeper, no comment, no canonical names of this version of Bazel.
            sed -e '/^<!-- Generated/d' -e 's/^#/##/' -e 's/@@\?pycross_image~*\/\//@pycross_image\/\//g' "$work/rendered.md" |
                cat -s | sed -e '1{/^$/d}' -e 's/ *$//'
        } >>"$work/bazel-rules.md"
    done
    if [ -n "${UPDATE:-}" ]; then cp "$work/bazel-rules.md" "$repo/docs/bazel-rules.md"; fi
    diff "$repo/docs/bazel-rules.md" "$work/bazel-rules.md"
}
