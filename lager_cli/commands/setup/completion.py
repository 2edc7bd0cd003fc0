"""`lager completion`: the completion script of a shell. `lager_cli.options.completion` completes the words."""

import click
from click.shell_completion import get_completion_class

from lager_cli.display import output
from lager_cli.options.typed_values import Word

_VARIABLE = "_LAGER_COMPLETE"


@click.command()
@click.argument("shell", type=Word(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL. It completes commands, options, ids, nets and boxes.

    \b
    Examples:
      echo 'eval "$(lager completion bash)"' >> ~/.bashrc
      echo 'eval "$(lager completion zsh)"' >> ~/.zshrc      (below compinit)
      lager completion fish > ~/.config/fish/completions/lager.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    source = kind(context.find_root().command, {}, "lager", _VARIABLE).source()
    # click's function for fish drops what follows a comma in a name or its description.
    output.say(source.replace('string split ","', 'string split --max 1 ","') if shell == "fish" else source)
