"""What the README and the licence files promise."""

import datetime
import re
import tomllib

import chapters
import paper_references
import pytest
import release
import yaml
from chapters import ROOT
from pybtex.database import parse_file

import gmm


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_files_of_the_readme_and_contributing_exist():
    for name in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([\w./-]+)\)", read(name)):
            assert (ROOT / target).exists(), target
        for command in re.findall(r"make ([a-z]+)", read(name)):
            assert re.search(rf"^{command}:", read("Makefile"), re.M), command


@pytest.fixture
def released(tmp_path):
    """A folder with the files that name the version, changed for version 99.0.1."""
    for name in release.PLACES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(read(name), encoding="utf-8")
    changelog = tmp_path / "CHANGELOG.md"
    if "## Unreleased" not in read("CHANGELOG.md"):
        changelog.write_text("## Unreleased\n" + read("CHANGELOG.md"), encoding="utf-8")
    release.set_version("99.0.1", "2099-12-31", tmp_path)
    return tmp_path


class TestOfARelease:
    def test_one_version_everywhere(self):
        assert release.faults() == []
        project = tomllib.loads(read("pyproject.toml"))  # and the wheel's is read from the package
        assert project["project"]["dynamic"] == ["version"]
        assert project["tool"]["setuptools"]["dynamic"] == {"version": {"attr": "gmm.__version__"}}
        assert release.versions()["gmm/__init__.py"] == gmm.__version__

    def test_a_tag_agrees_or_the_files_that_do_not_are_named(self, released):
        assert release.faults("v99.0.1", released) == []
        for tag in ("v99.0.10", "v98.9.9"):
            assert len(release.faults(tag, released)) == len(release.PLACES)
        (released / "CHANGELOG.md").write_text("## Unreleased\n\n## 99.0.1 - 2099-12-31\n", encoding="utf-8")
        assert release.faults("v99.0.1", released) == ['CHANGELOG.md has changes that are "Unreleased"']
        (released / "CITATION.cff").write_text("version: 99.0.0\n", encoding="utf-8")
        assert release.faults(root=released) == ["CITATION.cff says 99.0.0, not 99.0.1"]

    def test_a_version_and_its_date_are_set_and_nothing_else(self, released):
        citation = yaml.safe_load((released / "CITATION.cff").read_text(encoding="utf-8"))
        assert (citation["version"], citation["date-released"]) == ("99.0.1", "2099-12-31")
        assert "## 99.0.1 - 2099-12-31\n" in (released / "CHANGELOG.md").read_text(encoding="utf-8")
        for name in release.PLACES:
            before, after = read(name).splitlines(), (released / name).read_text(encoding="utf-8").splitlines()
            assert sum(line not in before for line in after) == 1 + (name == "CITATION.cff")

    @pytest.mark.parametrize(
        ("version", "why"),
        [
            ("99.0.1", "does not come after 99.0.1"),
            ("99.0.0", "does not come after 99.0.1"),
            ("9.10.0", "does not come after 99.0.1"),
            ("100.0", "a version is MAJOR.MINOR.PATCH, not '100.0'"),
            ("100.0.0", "CHANGELOG.md has a line ^## Unreleased$ 0 times"),  # nothing has changed since
        ],
    )
    def test_what_makes_no_release_is_refused_and_changes_nothing(self, released, version, why):
        before = [(released / name).read_bytes() for name in release.PLACES]
        with pytest.raises(SystemExit, match=re.escape(why)):
            release.set_version(version, "2099-12-31", released)
        assert [(released / name).read_bytes() for name in release.PLACES] == before


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


def test_workflows_have_the_rights_they_need_and_an_end():
    rights = {}
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert workflow["permissions"] == {"contents": "read"}, path.name
        for name, job in workflow["jobs"].items():
            assert job["timeout-minutes"] <= 150, (path.name, name)
            rights[path.stem, name] = {right for right, level in job.get("permissions", {}).items() if level == "write"}
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/checkout@"):  # who keeps the key to push, pushes
                    assert step["with"]["persist-credentials"] == ("contents" in rights[path.stem, name])
    assert {where: found for where, found in rights.items() if found} == {
        ("pages", "notebooks"): {"contents"},
        ("pages", "deploy"): {"pages", "id-token"},
        ("release", "publish"): {"id-token"},
    }


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


class TestOfThePaper:
    """What the Journal of Open Source Education asks of a learning module."""

    HEAD, TEXT = read("paper/paper.md").removeprefix("---\n").split("\n---\n", 1)

    def test_head(self):
        head = yaml.safe_load(self.HEAD)
        assert set(head) == {"title", "tags", "authors", "affiliations", "date", "bibliography"}
        assert head["title"].startswith(yaml.safe_load(read("CITATION.cff"))["title"])
        assert all(set(author) - {"orcid"} == {"name", "affiliation"} for author in head["authors"])
        places = {place["index"]: place["name"] for place in head["affiliations"]}
        assert {author["affiliation"] for author in head["authors"]} == set(places)
        assert datetime.datetime.strptime(head["date"], "%d %B %Y")
        assert head["bibliography"] == paper_references.FILE.name

    def test_sections_and_length(self):
        assert re.findall(r"^# (.+)$", self.TEXT, re.M) == [
            "Summary", "Statement of need", "Learning objectives", "Content", "Instructional design",
            "Experience of use", "Story of the project", "Quality and availability", "References",
        ]  # fmt: skip
        assert self.TEXT.endswith("\n# References\n")  # which are put there
        assert all(len(section.split()) > 25 for section in re.split(r"^# .+$", self.TEXT, flags=re.M)[1:-1])
        assert len(self.TEXT.split()) < 1000

    def test_references_are_beside_it(self):
        assert paper_references.is_current()
        data = parse_file(paper_references.FILE)
        assert set(data.entries) == set(re.findall(r"@(\w+)", self.TEXT))
        without = {key for key, entry in data.entries.items() if not {"doi", "url", "isbn"} & set(entry.fields)}
        assert without <= {"bishop2006", "jin2016", "murphy2012", "pedregosa2011", "roeder1990"}

    def test_a_key_that_the_book_does_not_have_is_an_error(self):
        assert paper_references.bibliography("[@b2; @a1]", "@book{a1,\n x}\n\n@book{b2,\n y}\n@book{c3,\n z}") == (
            "@book{a1,\n x}\n@book{b2,\n y}\n"
        )
        with pytest.raises(KeyError, match="d4"):
            paper_references.bibliography("@d4", "@book{a1,\n x}\n")


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
