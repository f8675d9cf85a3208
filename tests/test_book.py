"""The book: rendered strictly from the committed notebooks, complete, and readable offline."""

import re
import subprocess
from html.parser import HTMLParser

import pytest
import yaml

from tests.house import ROOT

pytestmark = pytest.mark.slow

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"]] + [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """Folder of the rendered book. The build itself stops at any warning."""
    folder = tmp_path_factory.mktemp("book")
    command = ["make", "--no-print-directory", "render", "from=notebooks", f"to={folder}"]
    build = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert build.returncode == 0, (build.stdout + build.stderr)[-8000:]
    return folder / "_build" / "html"


def test_the_table_of_contents_holds_every_page():
    written = {path.with_suffix("") for path in (ROOT / "book").glob("*.md")}
    written |= {path.with_suffix("") for path in (ROOT / "notebooks").glob("[0-9]*.md")}
    assert {ROOT / page for page in PAGES} == written


def test_every_page_is_rendered(html):
    assert [page for page in PAGES if not (html / f"{page}.html").is_file()] == []
    assert PAGES[0] in (html / "index.html").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_every_glued_value_is_filled_in(html, page):
    text = (html / f"{page}.html").read_text()
    assert "{glue" not in text
    assert not re.search(r'class="pasted-\w+">\s*</', text)


def test_nothing_is_loaded_from_another_host(html):
    foreign = {
        (path.relative_to(html).as_posix(), address)
        for path in html.rglob("*.html")
        for address in loaded_by(path.read_text())
        if re.match(r"(https?:)?//", address)
    }
    assert foreign == set()


def test_style_sheets_load_nothing_from_another_host(html):
    foreign = {
        (path.name, address)
        for path in html.rglob("*.css")
        for address in re.findall(
            r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")]+)", path.read_text()
        )
    }
    assert foreign == set()


def test_mathematics_comes_with_the_book(html):
    page = (html / "book" / "notation.html").read_text()
    (script,) = re.findall(r'<script[^>]*src="([^"]*mathjax[^"]*)"', page)
    assert (html / "book" / script.partition("?")[0]).resolve().is_file()


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("notebooks/")])
def test_readers_can_launch_and_download_a_notebook(html, page):
    text = (html / f"{page}.html").read_text()
    assert "https://mybinder.org/v2/" in text
    assert f"_sources/{page}.ipynb" in text
    assert (html / "_sources" / f"{page}.ipynb").is_file()


def loaded_by(page):
    """Addresses that a browser fetches by itself to show a page."""
    collector = Collector()
    collector.feed(page)
    return collector.addresses


class Collector(HTMLParser):
    SHOWN = {"script", "img", "iframe", "source", "embed", "video", "audio"}
    LINKED = {"stylesheet", "preload", "modulepreload", "icon", "preconnect", "dns-prefetch"}

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag in self.SHOWN:
            self.addresses.append(attributes.get("src") or "")
        if tag == "link" and self.LINKED & set((attributes.get("rel") or "").split()):
            self.addresses.append(attributes.get("href") or "")
