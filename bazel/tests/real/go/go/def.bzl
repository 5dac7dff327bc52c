"""A stand-in for rules_go: programs that are never run."""

def _program_impl(ctx):
    program = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(program, "#!/bin/sh\nexit 1\n", is_executable = True)
    return [DefaultInfo(executable = program)]

_program = rule(
    implementation = _program_impl,
    executable = True,
)

def go_binary(name, visibility = None, **_kwargs):
    """A program that fails.

    Args:
        name: its name
        visibility: as on every rule
        **_kwargs: as rules_go has them
    """
    _program(
        name = name,
        visibility = visibility,
    )

def go_library(name, visibility = None, **_kwargs):
    """Nothing.

    Args:
        name: its name
        visibility: as on every rule
        **_kwargs: as rules_go has them
    """
    native.filegroup(
        name = name,
        visibility = visibility,
    )
