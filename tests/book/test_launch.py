"""The buttons that open a chapter elsewhere, and the cell that installs the package there."""

import shutil
import subprocess
import sys
import types

import chapters
import check_site
import colab
import nbformat
import plain
import pytest
from IPython.core.interactiveshell import InteractiveShell

sys.path.append(str(chapters.ROOT / "_ext"))
import launch


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://github.com/somebody/a-book.git\n", "somebody/a-book"),
        ("https://github.com/somebody/a.book", "somebody/a.book"),
        ("git@github.com:somebody/a-book.git", "somebody/a-book"),
        ("ssh://git@github.com/somebody/a-book", "somebody/a-book"),
        ("https://example.org/somebody/a-book.git", None),
        ("/home/somebody/a-book", None),
        ("", None),
    ],
)
def test_repository_of_an_address(url, found):
    assert launch.from_address(url) == found


@pytest.mark.skipif(shutil.which("git") is None, reason="no git on this computer")
class TestRepository:
    def git(self, folder, *arguments):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)

    def test_named_by_the_environment(self, monkeypatch, tmp_path):
        monkeypatch.setenv("GITHUB_REPOSITORY", "a/b")
        assert launch.repository(tmp_path) == "a/b"

    def test_told_by_the_remote(self, monkeypatch, tmp_path):
        monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
        self.git(tmp_path, "init", "-q")
        assert launch.repository(tmp_path) is None
        self.git(tmp_path, "remote", "add", "origin", "https://github.com/c/d.git")
        assert launch.repository(tmp_path) == "c/d"

    @pytest.mark.parametrize("found", ["c/d", None])
    def test_without_an_address_there_are_no_buttons(self, found, monkeypatch):
        monkeypatch.setattr(launch, "repository", lambda folder: found)
        config = types.SimpleNamespace(html_theme_options={"launch_buttons": {"colab_url": "x"}})
        launch.set_address(types.SimpleNamespace(srcdir="."), config)
        assert ("launch_buttons" in config.html_theme_options) == (found is not None)
        assert config.html_theme_options.get("repository_url") == (found and "https://github.com/c/d")


@pytest.mark.slow
@pytest.mark.parametrize("path", chapters.notebooks(), ids=lambda path: path.stem[:2])
def test_each_chapter_opens_in_binder_and_colab(path, site, repository):
    page = check_site.soup(site / "book" / f"{path.stem}.html")
    links = {a["href"] for a in page.select(".dropdown-launch-buttons a")}
    place = f"{repository}/blob/{launch.BRANCH}/book/{path.name}"
    assert links == {
        f"https://mybinder.org/v2/gh/{repository}/{launch.BRANCH}?urlpath=lab/tree/book/{path.name}",
        f"https://colab.research.google.com/github/{place}",
    }


def test_workflow_writes_the_branch_that_the_buttons_name():
    text = (chapters.ROOT / ".github" / "workflows" / "pages.yml").read_text(encoding="utf-8")
    assert "tools/colab.py" in text
    assert f"HEAD:{launch.BRANCH}" in text


class TestTheFirstCell:
    ADDRESS = "https://github.com/somebody/a-book"

    @pytest.fixture
    def shell(self):
        """A fresh IPython whose `%pip` notes what it is asked for."""
        shell = InteractiveShell()
        shell.asked = []
        shell.register_magic_function(shell.asked.append, "line", "pip")
        return shell

    def run(self, shell):
        result = shell.run_cell(colab.install_cell(self.ADDRESS, "abc").source)
        result.raise_error()
        return shell.asked

    def test_on_colab_it_installs_the_package(self, shell, monkeypatch):
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
        assert self.run(shell) == [f'install -q "git+{self.ADDRESS}@abc"']

    def test_elsewhere_it_does_nothing(self, shell, monkeypatch):
        monkeypatch.delitem(sys.modules, "google.colab", raising=False)
        assert self.run(shell) == []

    @pytest.mark.parametrize("there", [None, types.ModuleType("gmm")], ids=["missing", "another project's"])
    @pytest.mark.parametrize("address", [ADDRESS, ""])
    def test_without_the_package_it_says_how_to_install_it(self, there, address, monkeypatch):
        for name in [name for name in sys.modules if name.startswith("gmm.")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "gmm", there)
        how = f'pip install "git+{self.ADDRESS}@abc"' if address else "pip install . in a copy of the book's repository"
        shell = InteractiveShell()
        with pytest.raises(ImportError, match="needs the package of its book, gmm-book") as raised:
            shell.run_cell(colab.install_cell(address, "abc").source).raise_error()
        assert str(raised.value).endswith(how)

    def test_it_stands_first_and_once(self):
        before = chapters.read(chapters.notebooks()[0])
        once = colab.with_install_cell(chapters.read(chapters.notebooks()[0]), self.ADDRESS, "abc")
        after = colab.with_install_cell(once, self.ADDRESS, "def")
        assert 'a-book@def"' in after.cells[0].source
        assert after.cells[1:] == before.cells
        nbformat.validate(after)

    def test_the_branch_gets_plain_words_and_the_cell(self, tmp_path, monkeypatch):
        copies = [tmp_path / path.name for path in chapters.notebooks()[:2]]
        for path, copy in zip(chapters.notebooks(), copies):
            shutil.copy(path, copy)
        monkeypatch.setattr(colab, "notebooks", lambda: copies)
        colab.main(["somebody/a-book", "--ref", "abc"])
        for path, copy in zip(chapters.notebooks(), copies):
            found = chapters.read(copy)
            assert found.cells[1:] == plain.plain(chapters.read(path)).cells
            assert f"{self.ADDRESS}@abc" in found.cells[0].source


def test_binder_takes_the_pins_of_the_book():
    folder = chapters.ROOT / ".binder"
    lines = [line for line in (folder / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert [(folder / line.removeprefix("-r ")).resolve() for line in lines] == [chapters.ROOT / "requirements.txt"]
