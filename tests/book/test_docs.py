"""What the README and the licence files promise."""

import re
import tomllib

import chapters
import release
import yaml
from chapters import ROOT


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_files_of_the_readme_and_contributing_exist():
    for name in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([\w./-]+)\)", read(name)):
            assert (ROOT / target).exists(), target
        for command in re.findall(r"make ([a-z]+)", read(name)):
            assert re.search(rf"^{command}:", read("Makefile"), re.M), command


def test_a_release_has_one_version_everywhere():
    assert release.faults() == []
    version = release.versions()["pyproject.toml"]
    assert len(release.faults("v" + version + "1")) == len(release.PLACES) + ("Unreleased" in read("CHANGELOG.md"))


def test_the_citation_is_of_this_package():
    citation, project = yaml.safe_load(read("CITATION.cff")), tomllib.loads(read("pyproject.toml"))["project"]
    assert citation["authors"] == project["authors"]
    assert " AND ".join(citation["license"]) == project["license"]
    assert citation["title"] == yaml.safe_load(read("_config.yml"))["title"]


def test_workflows_call_commands_that_there_are():
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        for command in re.findall(r"run: make ([a-z]+)", text):
            assert re.search(rf"^{command}:", read("Makefile"), re.M), (path.name, command)
        for place in re.findall(r"tools/elsewhere\.py ([a-z]+)", text):
            assert re.search(rf"^def {place}\(", read("tools/elsewhere.py"), re.M), (path.name, place)


def test_workflows_use_actions_by_their_hashes():
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        for action in re.findall(r"uses: *(.+)", path.read_text(encoding="utf-8")):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", action), (path.name, action)


def test_requirements_are_exact_and_free_of_the_machine():
    lines = [line for line in read("requirements.txt").splitlines() if not line.startswith("#")]
    assert lines[-1] == "-e ."
    for line in lines[:-1]:
        assert re.fullmatch(r"[\w.-]+(\[[\w,]+\])?==[\w.+!]+( ; .+)?", line), line
    assert not re.search(r"https?:|file:|--(?:index|find)", read("requirements.txt"))


def test_requirements_cover_what_the_project_asks_for():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    wanted = project["dependencies"] + [line for extra in project["optional-dependencies"].values() for line in extra]
    names = {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in wanted}
    pinned = {line.split("==")[0].split("[")[0] for line in read("requirements.txt").splitlines()}
    assert sorted(names - pinned) == []


def test_licences_are_whole():
    assert "Redistribution and use in source and binary forms" in read("LICENSE")
    assert "Attribution 4.0 International" in read("LICENSE-PROSE")
    assert "Section 8 – Interpretation" in read("LICENSE-PROSE")


def test_tables_have_no_row_twice():
    for path in sorted((ROOT / "book").glob("*.md")):
        rows = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "$" in line]
        assert len(rows) == len(set(rows)), path.name


GREEK = """
alpha beta gamma delta varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi varphi chi psi omega
Gamma Delta Theta Lambda Sigma Phi Psi Omega ell
"""
NO_SYMBOL = re.compile(
    r"\\(?:text|texttt|operatorname\*?|begin|end|mathrm|label|tag|hspace)\s*\{[^}]*\}(?:\{[a-z]*\})?"
)
SYMBOL = re.compile(r"(\\(?:mathbf|mathcal)\s*\{?\s*\w|\\boldsymbol\s*\{?\s*\\[a-zA-Z]+)|\\([a-zA-Z]+)|([A-Za-z])")


def symbols(tex):
    """Return the letters of a formula, each with its face."""
    found = set()
    for faced, command, letter in SYMBOL.findall(NO_SYMBOL.sub(" ", tex)):
        if faced:
            found.add(re.sub(r"[{\s]", "", faced))
        elif letter or command in GREEK.split():
            found.add(letter or command)
    return found


def test_symbols_of_a_formula():
    tex = r"\log\mathcal N(\mathbf{x}_i \mid \boldsymbol\mu) + \lambda_k \texttt{tol} \begin{aligned}[t] \mathbf y"
    assert symbols(tex) == {r"\mathcalN", r"\mathbfx", "i", r"\boldsymbol\mu", "lambda", "k", "t", r"\mathbfy"}


def test_every_letter_of_a_numbered_equation_is_in_the_notation():
    text = chapters.markdown(chapters.BOOK / "notation.md")
    known = set().union(*map(symbols, re.findall(r"\$([^$]+)\$", text)))
    missing = {
        (symbol, equation.label)
        for equation in chapters.equations()
        if not equation.is_step
        for symbol in symbols(equation.tex) - known
    }
    assert sorted(missing) == []


def test_the_paper_cites_what_the_bibliography_has():
    entries = set(re.findall(r"^@\w+\{(\w+),", read("book/references.bib"), re.M))
    cited = set(re.findall(r"@(\w+\d{4})", read("paper/paper.md")))
    assert cited
    assert not cited - entries
    assert len(read("paper/paper.md").split()) < 1000  # the journal's limit


def test_what_the_short_treatments_have_stands_in_the_preface():
    """Each topic has a row with a link; that the links lead somewhere is seen when the pages are built."""
    rows = dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", read("book/preface.md"), re.M))
    topics = (
        "Definition; Soft and hard; k-means; pseudo-code; Initialisation; E-step; M-step; Log-likelihood; convergence; "
        "Covariance structures; AIC, BIC; Cross-validation; Variational Bayes; Sampling, and its order; score_samples; "
        "Cost; Strengths, when to use; Weaknesses, when to avoid; Applications; Tips"
    )
    for topic in topics.split("; "):
        places = [place for title, place in rows.items() if topic.lower() in title.lower()]
        assert places, topic
        assert all(re.search(r"\{(?:ref|doc|prf:ref)\}`|\]\(\w+\.ipynb", place) for place in places), topic
