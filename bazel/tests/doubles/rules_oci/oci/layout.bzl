"""A base image for tests: an OCI layout with one layer, which holds the name of its architecture."""

_SCRIPT = """
set -eu
out=$1 architecture=$2
blobs=$out/blobs/sha256
mkdir -p "$blobs" tree/etc
blob() { # MEDIA_TYPE <CONTENT: keeps the content and says its descriptor
    cat >"$blobs/new"
    digest=$(sha256sum "$blobs/new" | cut -d' ' -f1)
    size=$(wc -c <"$blobs/new")
    mv "$blobs/new" "$blobs/$digest"
    printf '{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%d}' "$1" "$digest" "$size"
}
echo "$architecture" >tree/etc/base
layer=$(tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0755 -C tree -c etc | blob layer.v1.tar)
diff_id=$(echo "$layer" | grep -o 'sha256:[0-9a-f]*')
config=$(printf '{"architecture":"%s","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["%s"]}}' \
    "$architecture" "$diff_id" | blob config.v1+json)
manifest=$(printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
    "$config" "$layer" | blob manifest.v1+json)
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s]}' "$manifest" >"$out/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$out/oci-layout"
"""

def _base_layout_impl(ctx):
    layout = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add_all([layout], expand_directories = False)
    args.add(ctx.attr.architecture)
    ctx.actions.run_shell(outputs = [layout], arguments = [args], command = _SCRIPT)
    return [DefaultInfo(files = depset([layout]))]

base_layout = rule(
    implementation = _base_layout_impl,
    attrs = {"architecture": attr.string(mandatory = True)},
)

def base_layouts(name, architectures):
    """Makes a base image for each architecture, and NAME, which is that of the target platform.

    Args:
        name: name of the alias
        architectures: list of `amd64` and `arm64`
    """
    for architecture in architectures:
        base_layout(
            name = "{}_{}".format(name, architecture),
            architecture = architecture,
        )
        native.config_setting(
            name = "{}_is_{}".format(name, architecture),
            constraint_values = [
                "@platforms//os:linux",
                "@platforms//cpu:" + {"amd64": "x86_64", "arm64": "aarch64"}[architecture],
            ],
        )
    native.alias(
        name = name,
        actual = select({
            ":{}_is_{}".format(name, architecture): ":{}_{}".format(name, architecture)
            for architecture in architectures
        }),
        visibility = ["//visibility:public"],
    )
