"""Print the exercises by chapter, each with the usual mistakes that its check recognises.

``python tools/exercise_table.py`` prints Markdown: one line an exercise, made from the catalogue (gmm/exercises) and
the stored texts. A mistake is named by the first words of its message.
"""

import re

from gmm.exercises import EXERCISES, _core, _session

#: What is recognised in every exercise that asks for code, whatever the exercise (tests/exercises/test_verdicts.py).
EVERYWHERE = (
    "None; a called function; wrong parameters; an exception, at the reader's line; an endless loop; a huge array",
    "an input changed in place; random results; wrong shape, transposed, an axis too many; a tuple in another order or "
    "incomplete",
    "the sign; total for mean and mean for total; n − 1 for n; log base 2 or 10; a factor 2 or ½; square or square "
    "root (variance, standard deviation); exp or log; a forgotten constant −½ log 2π",
    "NaN, −inf, inf; integer division; integers or float32 for floats; digits lost far from the origin",
)
#: What one change in the source would put right (tests/exercises/test_repair.py).
IN_THE_SOURCE = (
    "wrong or missing axis; //; log base; n − 1; std and var; sum and mean; min and max; shape[0] and shape[1]",
    "an early return; overwriting in a loop; a fixed index; dtype=int; brackets; broadcasting; a term too many; sign",
    "factor; product and quotient; square; root; comparison; divisor; off by one; transpose; log; the wrong variable",
)

_CLAUSES = re.compile(r"(?<=[\w)²])(?:[:;?]|\.)(?:\s+|$)")
#: First clauses that say what is right, not what is wrong.
_PRAISE = re.compile(r"(nearly|.*\b(is|are) right( now)?|the size is right.*|the sign)$")


def name(message, longest=64):
    """Return the first clause of a message that says what is wrong."""
    clauses = [clause.strip() for clause in _CLAUSES.split(message) if clause.strip()]
    text = next((clause for clause in clauses if not _PRAISE.match(clause)), clauses[0])
    text = re.sub(r"^(this is )?right .*?(, (but|and|for) |; )", "", text)
    text = re.sub(r"^(this|that|these) (is|are) |^nearly[;:,] ", "", text)
    text = text[:1].lower() + text[1:] if text[1:2].islower() else text
    if len(text) > longest:
        clause = text.rfind(", ", 20, longest)
        text = text[: clause if clause > 0 else text.rfind(" ", 0, longest)] + " …"
    return text


def lines():
    """Yield the lines of the table."""
    _core._load()
    chapter, mistakes = None, 0
    for label, text in _session.texts().items():
        if text["chapter"] != chapter:
            chapter = text["chapter"]
            yield f"\n## {chapter}. {text['chapter_title']}"
        task = EXERCISES.get(label)
        level = f", {text['level']}" if text["level"] else ""
        kind = re.match(r"\w+", text["title"])[0].lower()
        if task is None:
            yield f"- `{label}` ({kind}{level}): compared with the solution; {len(text['hints'])} hints"
            continue
        mistakes += len(task.mistakes)
        yield f"- `{label}` ({kind}{level}): " + "; ".join(name(m.message) for m in task.mistakes)
    yield f"\n{len(_session.texts())} exercises, {len(EXERCISES)} with a check, {mistakes} usual mistakes."
    yield f"\nIn every function besides: {'; '.join(EVERYWHERE)}."
    yield f"\nBy one change in the source, with its line: {'; '.join(IN_THE_SOURCE)}."


if __name__ == "__main__":
    print("\n".join(lines()).strip())
