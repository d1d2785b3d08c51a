"""Whether an edited Dockerfile says the same as before, the edited words aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bakegen.dockerfile.parser import Dockerfile, Edit, Instruction


def same_but_for(before: Dockerfile, after: Dockerfile, edits: Sequence[Edit]) -> bool:
    """Return whether the instructions are the same but for the words that ``edits`` take out and put in.

    An instruction that an edit takes out whole is gone; every other one is there, in its place, of its kind, with its
    heredocs, and has the words it had, without those taken out and with those put in.
    """
    kept = [i for i in before.instructions if not _gone(i, edits)]
    if len(kept) != len(after.instructions) or _directives(before) != _directives(after):
        return False
    return all(_same(before, old, new, edits) for old, new in zip(kept, after.instructions, strict=True))


def _directives(dockerfile: Dockerfile) -> list[tuple[str, str]]:
    return [(directive.name, directive.value) for directive in dockerfile.directives]


def _stretch(instruction: Instruction) -> tuple[int, int]:
    return instruction.span(0, len(instruction.text))


def _gone(instruction: Instruction, edits: Sequence[Edit]) -> bool:
    start, end = _stretch(instruction)
    return any(first <= start and end <= last and not new for first, last, new in edits)


def _same(before: Dockerfile, old: Instruction, new: Instruction, edits: Sequence[Edit]) -> bool:
    if old.name != new.name or [h.content for h in old.heredocs] != [h.content for h in new.heredocs]:
        return False
    start, end = _stretch(old)
    mine = [e for e in edits if (e[0] < end and e[1] > start) or (e[0] == e[1] and start <= e[0] <= end)]
    if not mine:
        return old.text == new.text
    letters = Counter("".join(old.text.split()))
    for first, last, put in mine:
        letters.subtract(Counter(_letters(before.text[first:last], before.escape)))
        letters.update(Counter(_letters(put, before.escape)))
    letters.subtract(Counter("".join(new.text.split())))
    return not any(count for letter, count in letters.items() if letter != before.escape)


def _letters(text: str, escape: str) -> str:
    """Return what of a stretch of the file reaches the logical line, blanks and escapes aside."""
    lines = [line for line in text.split("\n") if not line.lstrip().startswith("#")]
    return "".join("".join(lines).replace(escape, "").split())
