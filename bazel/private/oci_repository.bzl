"""rules_oci 1.x calls it `oci_tarball`, 2.x `oci_load`: a repository that knows which."""

def _oci_rules_impl(rctx):
    text = rctx.read(rctx.attr.defs)
    name = "oci_load" if "oci_load" in text else "oci_tarball"
    rctx.file("BUILD.bazel", 'exports_files(["load.bzl"])\n')
    rctx.file("load.bzl", 'load("{}", _load = "{}")\n\noci_load = _load\n'.format(rctx.attr.defs, name))

oci_rules = repository_rule(
    implementation = _oci_rules_impl,
    doc = "`load.bzl` with `oci_load`, whatever the version of rules_oci. Reads rules_oci only when it is itself loaded.",
    attrs = {"defs": attr.label(default = "@rules_oci//oci:defs.bzl", doc = "Where rules_oci has its rules.")},
)
