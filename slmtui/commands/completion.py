"""slmtui completion SHELL: print the script that completes commands, options, runs and phase files in a shell.

slmtui completion fish > ~/.config/fish/completions/slmtui.fish      for fish
eval "$(slmtui completion bash)"                                     in ~/.bashrc; zsh: the same in ~/.zshrc
"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from slmtui.commands.options import Job
from slmtui.output import ExitStatus, put

VARIABLE = "_SLMTUI_COMPLETE"  # set by such a script when it asks slmtui what could come next


@click.command(cls=Job, help=__doc__)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> ExitStatus:
    kind = get_completion_class(shell)
    assert kind is not None, "click knows these three"
    put(kind(ctx.find_root().command, {}, "slmtui", VARIABLE).source())
    return ExitStatus.DONE
