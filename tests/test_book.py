"""The book: rendered strictly from the committed notebooks, complete, and readable offline."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import sync_playwright

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


# --- from a figure to its making ---------------------------------------------------------------

MAKING = re.compile(r'</figure>\s*<p class="making[^"]*">(.*?)</p>', re.DOTALL)
REPOSITORY = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]


def leads_somewhere(html, page, address):
    """Whether a link ends in the repository, or at an anchor of a page of the book."""
    path, _, anchor = address.partition("#")
    if path.startswith(REPOSITORY["url"]):
        kind, branch, within = path.removeprefix(REPOSITORY["url"] + "/").split("/", 2)
        is_there = Path.is_file if kind == "blob" else Path.is_dir
        return branch == REPOSITORY["branch"] and is_there(ROOT / within)
    target = (html / f"{page}.html").parent / path if path else html / f"{page}.html"
    return target.is_file() and f'id="{anchor}"' in target.read_text()


@pytest.mark.parametrize("page", PAGES)
def test_each_figure_leads_to_what_made_it(html, page):
    text = (html / f"{page}.html").read_text()
    lines = MAKING.findall(text)
    assert len(lines) == text.count("<figure ")
    assert all(line.startswith("Made by <a") and "data: " in line for line in lines)
    addresses = re.findall(r'href="([^"]*)"', "".join(lines))
    assert [one for one in addresses if not leads_somewhere(html, page, one)] == []


def test_a_figure_leads_to_its_own_cell_its_function_and_its_data(html):
    lines = MAKING.findall((html / "notebooks" / "25_how_much_can_be_known.html").read_text())
    (line,) = [line for line in lines if "#making-fig-known-readings" in line]
    assert "studies.figures.measured.html#studies.figures.measured.scores_by_share" in line
    assert re.findall(r"/results/(\w+)\.parquet\"", line) == ["attainable", "fitted"]


# --- in a browser ------------------------------------------------------------------------------

WIDTHS = {"a phone": 390, "a laptop": 1400}
# Of what a page shows: how wide it is; images that came to nothing, or have no text of their own;
# and figures without a caption. A file's name is not a text.
LOOKED_AT = """() => {
  const images = [...document.querySelectorAll("article img")];
  const name = (image) => image.alt || image.src.split("/").pop();
  return {
    width: document.scrollingElement.scrollWidth,
    broken: images.filter((i) => i.loading !== "lazy" && !(i.complete && i.naturalWidth)).map(name),
    mute: images.filter((i) => !i.alt || i.alt.endsWith(".png")).map(name),
    bare: images.filter((i) => !i.closest("figure")?.querySelector("figcaption")).map(name),
  };
}"""


@pytest.fixture(scope="module")
def browser():
    """Chromium or Chrome, as installed; without one there is nothing to try."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no browser: install Debian's package chromium")
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def looked_at(html, browser):
    """What each page shows on each screen, what it complains of, and what it asks others for."""
    seen = {}
    for screen, width in WIDTHS.items():
        tab = browser.new_page(viewport={"width": width, "height": 900})
        complaints, asked = [], []
        tab.on("console", lambda m, to=complaints: m.type == "error" and to.append(m.text))
        tab.on("pageerror", lambda error, to=complaints: to.append(str(error)))
        tab.on("request", lambda request, to=asked: to.append(request.url))
        for page in PAGES:
            complaints.clear()
            asked.clear()
            tab.goto((html / f"{page}.html").as_uri())
            abroad = [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
            found = {"complaints": list(complaints), "abroad": abroad}
            seen[page, screen] = tab.evaluate(LOOKED_AT) | found
        tab.close()
    return seen


@pytest.mark.parametrize("fault", ["complaints", "abroad", "broken", "mute", "bare"])
def test_no_page_has_a_fault_that_a_browser_sees(looked_at, fault):
    assert {where: found[fault] for where, found in looked_at.items() if found[fault]} == {}


def test_no_page_scrolls_sideways(looked_at):
    too_wide = {
        (page, screen): found["width"]
        for (page, screen), found in looked_at.items()
        if found["width"] > WIDTHS[screen]
    }
    assert too_wide == {}


def test_a_search_finds_a_word_and_shows_prose(html, browser):
    tab = browser.new_page()
    tab.goto((html / "search.html").as_uri() + "?q=hubs")
    tab.wait_for_selector("#search-results li a")
    assert tab.locator("#search-results li").count() > 5
    tab.close()


def test_the_link_under_a_figure_unfolds_its_cell(html, browser):
    tab = browser.new_page()
    tab.goto((html / "notebooks" / "07_reconstruction.html").as_uri())
    code = tab.locator("#making-fig-reconstruction-columns")
    assert not code.is_visible()
    tab.locator('.making a[href="#making-fig-reconstruction-columns"]').press("Enter")
    assert code.is_visible()
    tab.close()


def test_a_search_shows_nothing_of_how_figures_are_made(html, browser):
    tab = browser.new_page()
    tab.goto((html / "search.html").as_uri())
    page = (html / "notebooks" / "07_reconstruction.html").read_text()
    shown = tab.evaluate("page => Search.htmlToText(page)", page)
    assert "Each ordered pair of neurons" in shown and "Made by" not in shown
    tab.close()


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
