"""The house rules of the notebooks. What the cells compute is compared by nbval (see conftest.py)."""

import ast
import re
from collections import Counter

import chapters
import exercise_cells
import pytest
import reading
import refresh

MAX_LINES = 25
MAX_WORDS_IN_A_CELL = 400
MAX_MEAN_WORDS = 150
MIN_ALT = 30
BANNED = re.compile(
    r"\b(clearly|obviously|trivially|simply|of course|needless to say"
    r"|(?:is|are|it's) (?:easy|trivial) to (?:see|show))\b",
    re.I,
)
# A folder of some machine, and the address of an object in its memory.
MACHINE = re.compile(
    r"(?<![\w.])(?:/(?:home|Users|root|tmp|work|opt|mnt|private)/\w|[A-Z]:\\\\?[A-Za-z])"
    r"|\bat 0x[0-9a-f]{6,}|ipykernel_\d+|site-packages"
)
REGISTRY = re.compile(r"\b(?:files\.)?py(?:thonhosted|pi)\.org\b|\bregistry\.npmjs\.org\b|conda\.anaconda", re.I)
NUMBERED_ENVIRONMENT = re.compile(r"\\begin\{(?:align|equation|gather|multline|eqnarray|alignat)\}")
TIMING = re.compile(r"perf_counter|timeit|process_time|benchmark|stopwatch", re.I)
EXERCISE = re.compile(
    r"^`{3,}\{(?P<kind>exercise|exercise-start|solution|solution-start)\}(?P<title>[^\n]*)\n(?P<options>(?::\w+:.*\n)*)",
    re.M,
)

NOTEBOOKS = {path.stem: chapters.read(path) for path in chapters.notebooks()}
every_notebook = pytest.mark.parametrize("name", NOTEBOOKS)


def code_cells(name):
    return [cell for cell in NOTEBOOKS[name].cells if cell.cell_type == "code"]


def markdown_cells(name):
    return [cell.source for cell in NOTEBOOKS[name].cells if cell.cell_type == "markdown"]


def tags(cell):
    return set(cell.metadata.get("tags", ()))


def draws(cell):
    """Whether a cell shows a picture or a figure of another kind (SVG, a stepper)."""
    return any(
        kind.startswith("image/") or (kind == "text/html" and "<svg" in str(data))
        for output in cell.outputs
        for kind, data in output.get("data", {}).items()
    )


def printed(cell):
    """Yield every text that the cell shows."""
    for output in cell.outputs:
        yield from filter(None, (output.get("text"), output.get("evalue")))
        for kind, data in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield str(data)


def words(source):
    """Count the words of a Markdown cell; a formula is one word, tables and options are none."""
    text = exercise_cells.unfolded(chapters.visible(source))
    text = re.sub(r"^(`{3,}|:{3,})\{math\}.*?^\1$|\$\$.+?\$\$", " formula ", text, flags=re.M | re.S)
    text = re.sub(r"\$[^$]+\$", " formula ", text)
    text = re.sub(r"^\s*(\|.*|:\w+:.*|[`:]{3,}.*)$", "", text, flags=re.M)
    return len(text.split())


def shown(cell):
    """Return the start of a cell, to find it by."""
    return cell.source[:60]


@every_notebook
def test_has_one_title_and_a_chapter_number(name):
    text = "\n".join(markdown_cells(name))
    assert len(re.findall(r"^# ", chapters.visible(text), re.M)) == 1
    assert re.fullmatch(r"\d\d_[a-z0-9_]+", name)


@every_notebook
def test_cells_were_run_in_order(name):
    counts = [cell.execution_count for cell in code_cells(name)]
    assert counts == list(range(1, len(counts) + 1)), "run make refresh"


@every_notebook
def test_no_errors_but_those_asked_for(name):
    for cell in code_cells(name):
        failed = any(output.output_type == "error" for output in cell.outputs)
        assert failed == ("raises-exception" in tags(cell)), shown(cell)


@every_notebook
def test_no_warnings_on_the_page(name):
    for cell in code_cells(name):
        assert not [o for o in cell.outputs if o.get("name") == "stderr"], shown(cell)


@every_notebook
def test_code_cells_are_short(name):
    long = {shown(c): c.source.count("\n") + 1 for c in code_cells(name)}
    assert {start: lines for start, lines in long.items() if lines > MAX_LINES} == {}


@every_notebook
def test_imports_stand_in_one_cell(name):
    importing = [
        shown(cell)
        for cell in code_cells(name)
        if any(
            isinstance(node, ast.Import | ast.ImportFrom)
            for node in ast.walk(ast.parse(re.sub(r"^[%!].*$", "pass", cell.source, flags=re.M)))
        )
    ]
    assert len(importing) <= 1 if not code_cells(name) else len(importing) == 1, importing


@every_notebook
def test_no_downloads_or_shell_commands(name):
    for cell in code_cells(name):
        assert not re.search(r"^\s*[!%]|urlopen|urlretrieve|requests\.get|fetch_\w+\(", cell.source, re.M), shown(cell)


@every_notebook
def test_figures_are_described(name):
    for cell in code_cells(name):
        if not draws(cell):
            continue
        about = cell.metadata.get("mystnb", {})
        figure, image = about.get("figure", {}), about.get("image", {})
        assert re.fullmatch(r"fig(-[a-z0-9]+)+", figure.get("name", "")), shown(cell)
        assert len(figure.get("caption", "")) >= 15, f"caption of {figure['name']}"
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            alt = image.get("alt", "")
            assert len(alt) >= MIN_ALT, f"alt text of {figure['name']}"
            assert re.match(r"[A-Z0-9].*[.!?]$", alt, re.S), f"alt text of {figure['name']}: a sentence"
            assert alt.rstrip(".") != figure["caption"].rstrip("."), f"alt text of {figure['name']}"
            assert "dark-light" in image.get("classes", ""), f"classes of {figure['name']}"


@every_notebook
def test_figures_stand_alone_in_their_cell(name):
    """The caption belongs to the first output; anything beside the figure would take it."""
    for cell in code_cells(name):
        if cell.metadata.get("mystnb", {}).get("figure"):
            assert len(cell.outputs) == 1, shown(cell)


@every_notebook
def test_only_figures_and_timings_are_exempt_from_comparison(name):
    for cell in code_cells(name):
        comments = re.findall(r"#\s*(?:NBVAL|PYTEST_VALIDATE)\w+", cell.source)
        assert not comments, "use a tag in the cell's metadata"
        assert "nbval-skip" not in tags(cell), shown(cell)
        if "nbval-ignore-output" in tags(cell):
            assert draws(cell) or TIMING.search(cell.source), shown(cell)


@every_notebook
def test_nothing_of_the_machine_it_ran_on(name):
    for cell in NOTEBOOKS[name].cells:
        texts = [cell.source, *(printed(cell) if cell.cell_type == "code" else ())]
        for text in texts:
            assert not MACHINE.search(text), MACHINE.search(text)[0]
            assert not REGISTRY.search(text), REGISTRY.search(text)[0]


@every_notebook
def test_metadata_is_what_refresh_writes(name):
    path = next(path for path in chapters.notebooks() if path.stem == name)
    stored = path.read_bytes().decode("utf-8")
    assert refresh.text(refresh.tidy(chapters.read(path))) == stored, "run make refresh"


@every_notebook
def test_prose_says_why_and_stays_short(name):
    lengths = [words(source) for source in markdown_cells(name)]
    for source, length in zip(markdown_cells(name), lengths):
        text = chapters.visible(source)
        assert not BANNED.search(text), BANNED.search(text)[0]
        assert length <= MAX_WORDS_IN_A_CELL, source[:60]
    assert sum(lengths) <= MAX_MEAN_WORDS * len(lengths)


@every_notebook
def test_essential_part_takes_25_minutes_at_most(name):
    essential, _ = reading.readings(NOTEBOOKS[name].cells)
    assert essential.words <= 3500
    assert round(essential.minutes) <= 25


@every_notebook
def test_opens_with_question_picture_and_answer(name):
    first, imports, picture, answer = NOTEBOOKS[name].cells[:4]
    assert first.source.startswith("# ")
    assert words(first.source) <= 60
    assert "hide-input" in tags(imports)
    assert "hide-input" in tags(picture)
    assert draws(picture)
    assert "{admonition} At a glance" in answer.source
    headings = re.findall(r"^## (.+)$", "\n".join(map(chapters.visible, markdown_cells(name))), re.M)
    assert headings[headings.index("In practice") + 1] == "Exercises"


@every_notebook
def test_no_unlabelled_numbered_equations(name):
    for source in markdown_cells(name):
        found = NUMBERED_ENVIRONMENT.search(source)
        assert not found, f"{found[0]} takes a number that nothing can refer to: use aligned in $$"
    for equation in chapters.equations_of("\n\n".join(markdown_cells(name))):
        assert equation.tex, equation.label


@every_notebook
def test_exercises_have_labels_and_folded_solutions(name):
    exercises, solved = [], []
    for match in EXERCISE.finditer("\n\n".join(markdown_cells(name))):
        label = re.search(r":label: (\S+)", match["options"])
        assert label, match[0]
        if match["kind"].startswith("exercise"):
            assert label[1].startswith("ex-"), label[1]
            exercises.append(label[1])
        else:
            assert label[1].startswith("sol-"), label[1]
            assert ":class: dropdown" in match["options"], label[1]
            solved.append(match["title"].strip())
    assert sorted(exercises) == sorted(solved)


def test_labels_are_unique_in_the_book():
    labels = Counter()
    for name in NOTEBOOKS:
        text = "\n\n".join(markdown_cells(name))
        labels.update(re.findall(r"^:(?:label|name): (\S+)", text, re.M))
        labels.update(re.findall(r"^\(([\w-]+)\)=$", text, re.M))
        labels.update(
            cell.metadata["mystnb"]["figure"]["name"]
            for cell in code_cells(name)
            if cell.metadata.get("mystnb", {}).get("figure")
        )
    assert [label for label, count in labels.items() if count > 1] == []
