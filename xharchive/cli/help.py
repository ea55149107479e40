"""Help in two lengths: `--help` prints the common options, `--help-all` prints every option."""

import argparse
import copy
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

_HEADINGS = ("input", "selection", "archive", "money", "API", "network", "pictures", "output")
"""Headings of `--help-all`, in their order."""
_COMMON_EXAMPLES = 3
_ARGUMENT_FORMS = {"?": "[{}]", "*": "[{} ...]", "+": "{} ...", argparse.PARSER: "{} ..."}
_HELP_COLUMN = 27


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Writes `-i, --input FILE`, not `-i FILE, --input FILE`, and breaks no word at a hyphen."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class _PrintFullHelp(argparse.Action):
    """Prints the full help and exits."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,  # noqa: ARG002 - argparse calls with it
        values: str | Sequence[Any] | None,  # noqa: ARG002
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        if isinstance(parser, CommandParser):
            parser._print_message(parser.format_full_help(), sys.stdout)
        parser.exit()


class CommandParser(argparse.ArgumentParser):
    """Parser of one command.

    Attributes:
        details: text that only `--help-all` prints, below the description.
        common: the options and arguments that `--help` lists, by destination, each with a text of one line.
            An argument that is missing here keeps its full text. Without any, `--help` lists all options
            with their full texts.
        common_epilog: end of `--help`; by default the first examples of the epilog.
    """

    def __init__(self, *, add_help: bool = True, **settings: Any) -> None:
        settings.setdefault("formatter_class", partial(_Formatter, max_help_position=_HELP_COLUMN))
        super().__init__(add_help=False, allow_abbrev=False, **settings)
        self.details = ""
        self.common: dict[str, str] = {}
        self.common_epilog = ""
        self._groups: dict[str, argparse._ArgumentGroup] = {}
        if add_help:
            group = self.group("help")
            group.add_argument("-h", "--help", action="help", help="print the common options")
            group.add_argument(
                "--help-all",
                action=_PrintFullHelp,
                nargs=0,
                dest="help",
                default=argparse.SUPPRESS,
                help="print all options",
            )

    def describe(self, *, description: str, examples: str, details: str = "") -> None:
        """Set the texts of the help.

        Args:
            description: what the command does, for both lengths of help.
            examples: a line each, the most useful ones first; the short help prints a few.
            details: more about it, for the full help only.
        """
        self.description = description
        self.epilog = "examples:\n" + examples.rstrip()
        self.details = details

    def group(self, heading: str) -> argparse._ArgumentGroup:
        """Return the group of options below a heading of `--help-all`; add it if it is new."""
        if heading not in self._groups:
            self._groups[heading] = self.add_argument_group(heading)
        return self._groups[heading]

    def format_usage(self) -> str:
        """Return the usage line, which names arguments but not each option."""
        formatter = self._get_formatter()
        formatter.add_usage(self._usage(), [], [])
        return formatter.format_help()

    def format_help(self) -> str:
        """Return the help with the common options."""
        formatter = self._begin_help(self.description or "")
        _add_section(formatter, "arguments", self._arguments(), self.common)
        options = self._options()
        if self.common:
            by_name = {action.dest: action for action in options}
            options = [by_name[name] for name in self.common if name in by_name]
        _add_section(formatter, "options", options, self.common)
        self._add_commands(formatter)
        formatter.add_text(self.common_epilog or self._common_examples())
        if len(options) < len(self._options()):
            formatter.add_text(f"all options: {self.prog} --help-all")
        return formatter.format_help()

    def format_full_help(self) -> str:
        """Return the help with all options below their headings, and all examples."""
        formatter = self._begin_help(f"{self.description or ''}\n{self.details}".rstrip())
        _add_section(formatter, "arguments", self._arguments())
        for heading in (*_HEADINGS, "help"):
            if heading in self._groups:
                _add_section(formatter, heading, self._groups[heading]._group_actions)
        self._add_commands(formatter)
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def _begin_help(self, description: str) -> argparse.HelpFormatter:
        formatter = self._get_formatter()
        formatter.add_usage(self._usage(), [], [])
        formatter.add_text(description)
        return formatter

    def _add_commands(self, formatter: argparse.HelpFormatter) -> None:
        if self._subparsers is not None:
            _add_section(formatter, "commands", self._subparsers._group_actions)

    def _usage(self) -> str:
        arguments = [action for action in self._actions if not action.option_strings]
        forms = [
            _ARGUMENT_FORMS.get(str(action.nargs), "{}").format(action.metavar or action.dest)
            for action in arguments
        ]
        return " ".join(["%(prog)s", "[OPTIONS]", *forms])

    def _arguments(self) -> list[argparse.Action]:
        return self._positionals._group_actions

    def _options(self) -> list[argparse.Action]:
        """Return the options in the order of the headings, without those that print help."""
        groups = [self._groups[heading] for heading in _HEADINGS if heading in self._groups]
        return [action for group in groups for action in group._group_actions]

    def _common_examples(self) -> str:
        lines = (self.epilog or "").splitlines()
        return "\n".join(lines[: _COMMON_EXAMPLES + 1] if self.common else lines)


def _add_section(
    formatter: argparse.HelpFormatter,
    heading: str,
    actions: Iterable[argparse.Action],
    texts: Mapping[str, str] | None = None,
) -> None:
    """Add options or arguments below a heading, with these texts, by destination, in place of their own."""
    shown = [copy.copy(action) for action in actions]
    for action in shown:
        action.help = (texts or {}).get(action.dest, action.help)
    formatter.start_section(heading)
    formatter.add_arguments(shown)
    formatter.end_section()
