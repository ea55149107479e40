"""Commands as data, and the parser that their options and help are made of.

`--help` prints the brief texts of the common options, `--help-all` the full texts of all options.
"""

import argparse
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

_ARGUMENTS, _OPTIONS = "arguments", "options"
_HEADINGS = ("input", "selection", "archive", "money", "API", "network", "pictures", "output", "help")
"""Headings of the full help, in their order."""
_BRIEF_EXAMPLES = 3
_HELP_COLUMN = 27


@dataclass(frozen=True, slots=True)
class Option:
    """An option or argument of a command.

    Attributes:
        heading: the heading above it in the full help.
        names: all its names, such as -j and --jobs; for an argument its destination.
        brief: its line in the brief help: "" leaves it out there.
        settings: further arguments of `ArgumentParser.add_argument`, with the full text as `help`.
    """

    heading: str
    names: tuple[str, ...]
    brief: str
    settings: dict[str, Any]


Options = Sequence[Option | tuple[Option, ...]]
"""Options in the order of the help. Those of an inner tuple exclude each other."""


@dataclass(frozen=True, slots=True)
class Verb:
    """The help and the options of a command.

    Attributes:
        description: what it does.
        examples: a line each, the most useful ones first.
        options: the arguments and options.
        details: more about it, for `--help-all` only.
        has_brief_help: whether `--help` prints the brief texts, and leaves out options and examples.
    """

    description: str
    examples: str
    options: Options
    details: str = ""
    has_brief_help: bool = False


def option(form: str, text: str, *, brief: str | bool = False, **settings: Any) -> Option:
    """Return an option.

    Args:
        form: its heading, its names and the name of its value, as the full help shows them:
            "network: -j, --jobs N". Without a value, choices or action it is a flag.
        text: its full text in the help.
        brief: its text in the brief help; True means the full one.
        settings: further arguments of `ArgumentParser.add_argument`.
    """
    heading, _, shown = form.partition(": ")
    *names, last = shown.replace(",", "").split()
    if not last.startswith("-"):
        settings["metavar"] = last
    else:
        names.append(last)
        settings = settings or {"action": "store_true"}
    return Option(heading, tuple(names), text if brief is True else brief or "", {"help": text, **settings})


def argument(name: str, metavar: str, text: str, *, brief: str = "", **settings: Any) -> Option:
    """Return an argument without dashes; the brief help has its full text unless there is another."""
    return Option(_ARGUMENTS, (name,), brief or text, {"help": text, "metavar": metavar, **settings})


def without_defaults(options: Options) -> Options:
    """Return options without defaults: the arguments have only what the user gives."""

    def bare(each: Option) -> Option:
        return replace(each, settings=each.settings | {"default": argparse.SUPPRESS})

    return [tuple(map(bare, each)) if isinstance(each, tuple) else bare(each) for each in options]


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Writes `-i, --input FILE`, not `-i FILE, --input FILE`, and breaks no word at a hyphen."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class CommandParser(argparse.ArgumentParser):
    """Parser of one command, with its full help or its brief one.

    Args:
        full: print the full help, for `-h` too.
        settings: arguments of `ArgumentParser`.
    """

    def __init__(self, *, full: bool = True, **settings: Any) -> None:
        formatter = partial(_Formatter, max_help_position=_HELP_COLUMN)
        super().__init__(add_help=False, allow_abbrev=False, formatter_class=formatter, **settings)
        self._full = full
        groups = {heading: self.add_argument_group(heading) for heading in (_ARGUMENTS, _OPTIONS)}
        own = {heading: self.add_argument_group(heading) for heading in _HEADINGS}
        self._groups = groups | (own if full else dict.fromkeys(_HEADINGS, groups[_OPTIONS]))

    def describe(self, verb: Verb) -> None:
        """Add the help and the options of a command."""
        is_brief = verb.has_brief_help and not self._full
        self.add_options(verb.options, is_brief=is_brief)
        self.add_help_options()
        examples = ["examples:", *verb.examples.splitlines()]
        if is_brief:
            examples = [*examples[: _BRIEF_EXAMPLES + 1], "", f"all options: {self.prog} --help-all"]
        self.description = f"{verb.description}\n{verb.details if self._full else ''}"
        self.epilog = "\n".join(examples)
        self.usage = f"{self.prog} [OPTIONS]{''.join(map(_form, verb.options))}"

    def add_help_options(self) -> None:
        """Add -h, --help and --help-all, which the brief help leaves out."""
        self.add_options(_HELP, is_brief=not self._full)

    def add_options(self, options: Options, *, is_brief: bool = False) -> None:
        """Add options below their headings; if `is_brief`, with their brief texts."""
        for each in options:
            alternatives = each if isinstance(each, tuple) else (each,)
            group: argparse._ActionsContainer = self._groups[alternatives[0].heading]
            if isinstance(each, tuple):
                group = group.add_mutually_exclusive_group()
            for one in alternatives:
                text = one.brief or argparse.SUPPRESS if is_brief else one.settings["help"]
                group.add_argument(*one.names, **one.settings | {"help": text})


_HELP = (
    option("help: -h, --help", "print the common options", action="help"),
    option("help: --help-all", "print all options", action="help", dest="help"),
)


def _form(each: Option | tuple[Option, ...]) -> str:
    """Return an argument as the usage line shows it; "" for an option."""
    if isinstance(each, tuple) or each.heading != _ARGUMENTS:
        return ""
    form = {"?": " [{}]", "*": " [{} ...]", "+": " {} ..."}.get(each.settings.get("nargs", ""), " {}")
    return form.format(each.settings["metavar"])
