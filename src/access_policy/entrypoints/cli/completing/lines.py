"""The completions at the end of a line. The line is read as the commands read it: global options may be anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from access_policy.entrypoints.cli.completing.table import Option, Table


class Offer(NamedTuple):
    text: str
    help: str | None = None


class Ids(NamedTuple):
    """The ids of an API list that begin with `beginning`."""

    listed: str
    beginning: str


class Line:
    """The words before the word that is completed. `options`: the values of the global options, by their first name."""

    def __init__(self, table: Table, words: Sequence[str]) -> None:
        self.options: dict[str, str] = {}
        self.awaiting: Option | None = None
        self._table = table
        self._globals = table[""]
        self._path: str | None = ""
        self._command = self._globals
        self._given: set[str] = set()
        self._arguments = 0
        self._only_arguments = False
        self._read(iter(words))

    def offers(self, incomplete: str) -> list[Offer] | Ids:
        """Return the possible replacements of the incomplete word, or the list whose ids are."""
        if self._path is None:
            return []
        if self.awaiting is not None:
            return _of_value(self.awaiting.value, incomplete)
        if incomplete.startswith("-") and not self._only_arguments:
            return list(self._options(incomplete))
        if self._command.commands is not None:
            return [Offer(name, text) for name, text in self._command.commands.items() if name.startswith(incomplete)]
        for place, argument in enumerate(self._command.arguments):
            if argument.many or place >= self._arguments:
                return _of_value(argument.value, incomplete)
        return []

    def _read(self, words: Iterator[str]) -> None:
        for word in words:
            name, joined, value = word.partition("=")
            if word == "--":
                self._only_arguments = True
                self._arguments += len(list(words))
            elif (own := self._command.named(name)) is not None:
                self._take(own, value if joined else None, words, is_global=self._command is self._globals)
            elif (common := self._globals.named(name)) is not None:
                self._take(common, value if joined else None, words, is_global=True)
            elif self._command.commands is not None and not word.startswith("-"):
                self._enter(word)
            elif not word.startswith("-") or word == "-":
                self._arguments += 1

    def _take(self, option: Option, joined: str | None, words: Iterator[str], *, is_global: bool) -> None:
        self._given.add(option.names[0])
        if not option.takes_value:
            return
        given = joined if joined is not None else next(words, None)
        if given is None:
            self.awaiting = option
        elif is_global:
            self.options[option.names[0]] = given

    def _enter(self, word: str) -> None:
        path = f"{self._path} {word}".strip()
        if self._path is None or path not in self._table:
            self._path = None
        else:
            self._path, self._command = path, self._table[path]

    def _options(self, incomplete: str) -> Iterator[Offer]:
        """Yield the command's options that may still be given, and global ones from the third character of a name
        on."""
        offered = list(self._command.options)
        if self._command is not self._globals and len(incomplete) > 2:
            offered += [each for each in self._globals.options if not any(map(self._command.named, each.names))]
        for option in offered:
            if not option.hidden and (option.repeatable or option.names[0] not in self._given):
                yield from (Offer(name, option.help) for name in option.names if name.startswith(incomplete))


def _of_value(value: list[str] | str | None, incomplete: str) -> list[Offer] | Ids:
    if isinstance(value, str):
        return Ids(value, incomplete)
    return [Offer(each) for each in value or () if each.startswith(incomplete)]
