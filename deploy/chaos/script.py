"""What every answer of the engine must be: so that whoever reads one can tell each token that is lost, doubled, late
or another's.

A prompt is `Job NAME: N tokens`. Token I of its answer is ` NAME.I.MARK`, where MARK is the same for all tokens of one
attempt and rises from attempt to attempt: an answer that went on elsewhere has marks in rising order, and one that
has the token of an attempt after that of a later one was spliced.
"""

import re

MODEL = "chaos"
#: Who asks for what is to be refused, as often as he likes.
STRAY = "x0"
#: Tokens that the engine counts for any prompt of its own, without an output that goes on.
PROMPT_TOKENS = 9
TOKEN = re.compile(r" ([0-9a-z-]+)\.(\d+)\.(\d+)")
PROMPT = re.compile(r"Job ([0-9a-z-]+): (\d+) tokens")


def prompt(name, count):
    return f"Job {name}: {count} tokens"


def token(name, number, mark):
    return f" {name}.{number}.{mark}"


class Wrong(Exception):
    """A text that no honest course of events gives."""


class Script:
    """The answer to one prompt, checked as it comes: in pieces of any size."""

    def __init__(self, name):
        self.name, self.text, self.count, self.mark, self._read = name, "", 0, -1, 0

    @property
    def checked(self):
        """What has come of whole tokens."""
        return self.text[:self._read]

    def take(self, piece):
        """Checks what came; a token may be cut where pieces meet."""
        self.text += piece
        for found in TOKEN.finditer(self.text, self._read):
            if found.end() == len(self.text):
                return  # its mark may have more digits
            self._one(found)

    def end(self):
        """There is no more: what is left must be whole."""
        for found in TOKEN.finditer(self.text, self._read):
            self._one(found)
        if self._read != len(self.text):
            raise Wrong(f"{self.name}: {self.text[self._read:][:80]!r} is no whole token")

    def _one(self, found):
        name, number, mark = found.group(1), int(found.group(2)), int(found.group(3))
        if found.start() != self._read or name != self.name or number != self.count:
            raise Wrong(f"{self.name}: token {self.count} is {self.text[self._read:found.end()]!r}")
        if mark < self.mark:
            raise Wrong(f"{self.name}: token {number} is of attempt {mark}, and one of {self.mark} came before")
        self.count, self.mark, self._read = number + 1, mark, found.end()


def whole(name, text):
    """The number of tokens in a text that must be a beginning of an answer, cut between tokens."""
    script = Script(name)
    script.take(text)
    script.end()
    return script.count
