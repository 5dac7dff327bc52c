"""Running `wheelbuild` as an action."""

WHEELBUILD = Label("//toolchains:wheelbuild")
ZIG = Label("//toolchains:zig")

def driver_args(ctx, verb):
    """Arguments of a hermetic run, which go through a parameter file.

    Args:
        ctx: the rule's context
        verb: list of strings, such as `["toolchain", "kit"]`
    Returns:
        Args
    """
    args = ctx.actions.args()
    args.use_param_file("@%s", use_always = True)
    args.set_param_file_format("multiline")
    args.add_all(verb)
    args.add("--hermetic")
    args.add("--quiet")
    return args

def run_driver(ctx, *, args, mnemonic, inputs, outputs, message, more_args = [], resource_set = None, path_mapping = True):
    """Declares an action of `wheelbuild`. It sees its arguments and inputs, and nothing else.

    Args:
        ctx: the rule's context, with the toolchain WHEELBUILD
        args: Args, from driver_args
        mnemonic: string
        inputs: depset of Files
        outputs: list of Files
        more_args: list of Args
        message: string, shown while it runs
        resource_set: function as `ctx.actions.run` takes it
        path_mapping: False when arguments hold paths that Bazel cannot map, being text already
    """
    toolchain = ctx.toolchains[WHEELBUILD]
    ctx.actions.run(
        executable = toolchain.wheelbuild,
        arguments = [args] + more_args,
        mnemonic = mnemonic,
        inputs = inputs,
        outputs = outputs,
        progress_message = message,
        env = {},
        use_default_shell_env = False,
        execution_requirements = {
            "block-network": "1",
        } | ({"supports-path-mapping": "1"} if path_mapping else {}),
        resource_set = resource_set,
        toolchain = WHEELBUILD,
    )
