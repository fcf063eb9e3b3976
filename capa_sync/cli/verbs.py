"""Verbs with a name and a summary, imported only when they are called; and the format of their help."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from capa_sync.model.light import light

HELP_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@light
class Verb:
    """A verb that may not be imported yet.

    Attributes:
        place: `module:attribute` of its click command. summary: the first line of its help.
    """

    place: str
    summary: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, name = self.place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


class VerbCommand(click.Command):
    """A verb whose help ends with examples: (command line, purpose)."""

    def __init__(self, *args: Any, examples: Sequence[tuple[str, str]] = (), **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = tuple(examples)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb. Its log is quiet, on standard error, unless the verb says otherwise.

        Without that, structlog would print each line to standard output, beside the verb's own result and as it is.
        """
        log = sys.modules.get("capa_sync.daemon.log")  # only a verb that loads it can write a log
        if log is not None:
            log.configure_logs(quiet=True)
        return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each example with its purpose beside it, or above it on a narrow terminal."""
        del ctx
        if not self.examples:
            return
        column = max(len(line) for line, _ in self.examples)
        with formatter.section("Examples"):
            if column + max(len(purpose) for _, purpose in self.examples) + 4 <= formatter.width:
                formatter.write_dl(self.examples, col_max=column)
                return
            for line, purpose in self.examples:
                formatter.write(f"  # {purpose}\n  {line}\n")


class VerbGroup(click.Group):
    """A group that prints its help, and completes the names of its verbs, without importing any of them.

    `capa-sync --help` would otherwise load both tracker libraries, Datasette and the sandbox to print twenty lines.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Mapping[str, Verb]], **settings: Any) -> None:
        settings.setdefault("subcommand_metavar", "VERB [ARGS]...")
        super().__init__(*args, **settings)
        self.sections = sections
        self.verbs = {name: verb for verbs in sections.values() for name, verb in verbs.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the verbs in the order of the help."""
        del ctx
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb of that name; None when there is none."""
        verb = self.verbs.get(cmd_name)
        return verb.load() if verb is not None else super().get_command(ctx, cmd_name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Print the help when no verb was given."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or fail with the most similar name."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, self.verbs, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"there is no verb '{name}'{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write every verb with its whole summary, by section, aligned in one column."""
        del ctx
        width = max(map(len, self.verbs))
        for title, verbs in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), verb.summary) for name, verb in verbs.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the verbs and options that begin with `incomplete`."""
        names = [
            CompletionItem(name, help=verb.summary)
            for name, verb in self.verbs.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)
