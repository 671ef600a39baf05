"""The protocols between each shell and this program, as used by the scripts that `--install-completion` installs
(Typer's).

The texts that a script evaluates are quoted as Typer quotes them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from access_policy.entrypoints.cli.completing.lines import Offer

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")

_SPACE = re.compile(r"\s")
_ZSH = str.maketrans({'"': '""', "'": "''", "$": "\\$", "`": "\\`", ":": r"\\:"})


def typed(shell: str, environ: Mapping[str, str]) -> tuple[list[str], str]:
    """Return the words after the program's name, and the word to complete."""
    if shell == "bash":
        return _typed_in_bash(environ)
    line = environ.get("_TYPER_COMPLETE_ARGS", "")
    words = _split(line)[1:]
    if shell in ("powershell", "pwsh"):
        incomplete = environ.get("_TYPER_COMPLETE_WORD_TO_COMPLETE", "")
        return words[:-1] if incomplete else words, incomplete
    if words and not line.endswith(" "):
        return words[:-1], words[-1]
    return words, ""


def reply(shell: str, offers: Sequence[Offer], environ: Mapping[str, str]) -> tuple[str, int]:
    """Return the text to print, and the exit status."""
    if shell == "bash":
        return "\n".join(offer.text for offer in offers), 0
    if shell == "zsh":
        return _reply_to_zsh(offers), 0
    if shell == "fish":
        action = environ.get("_TYPER_COMPLETE_FISH_ACTION", "")
        if action == "is-args":  # whether fish offers these instead of files
            return "", 0 if offers else 1
        return "\n".join(f"{text}\t{_SPACE.sub(' ', note)}" if note else text for text, note in offers), 0
    return "\n".join(f"{text}:::{note or ' '}" for text, note in offers), 0


def _typed_in_bash(environ: Mapping[str, str]) -> tuple[list[str], str]:
    """Read the words from Bash, which also splits a line at `=` and passes the sign as a separate word."""
    words = _split(environ.get("COMP_WORDS", ""))
    place = int(environ.get("COMP_CWORD", "0"))
    before = words[1:place]
    incomplete = words[place] if place < len(words) else ""
    before = [word for at, word in enumerate(before) if word != "=" or not (at and before[at - 1].startswith("--"))]
    return before, "" if incomplete == "=" else incomplete


def _split(line: str) -> list[str]:
    """Split like a shell. An open quote ends with the line."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words = []
    try:
        for word in lexer:
            words.append(word)  # noqa: PERF402 - the words before an error count
    except ValueError:
        words.append(lexer.token)
    return words


def _reply_to_zsh(offers: Sequence[Offer]) -> str:
    if not offers:
        return "_files"
    lines = "\n".join(
        f'"{text.translate(_ZSH)}":"{note.translate(_ZSH)}"' if note else f'"{text.translate(_ZSH)}"'
        for text, note in offers
    )
    return f"_arguments '*: :(({lines}))'"
