"""The book: rendered strictly from the committed notebooks, complete, and readable offline."""

import re
import shutil
import subprocess
from collections import Counter
from html import unescape
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from lgl_core.metrics.decisions import decision_scores
from lgl_core.metrics.detection import auc
from lgl_core.metrics.scores import pearson, spearman
from studies.explorer import beyond_usual, connected, n_listed
from studies.recurrent import strongest
from studies.results import graphs
from tests.house import ROOT
from tests.local_server import serving

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


def test_every_link_within_the_book_leads_somewhere(html):
    pages = [path for path in html.rglob("*.html") if "_static" not in path.parts]
    places = {path: set(found("id", path)) for path in pages}
    astray = []
    for path in places:
        for address in found("href", path):
            where = urlparse(address)
            target = (path.parent / unquote(where.path)).resolve() if where.path else path
            if where.scheme or not where.path and not where.fragment:
                continue
            there = target in places if target.suffix == ".html" else target.exists()
            if not there or unquote(where.fragment) not in {"", *places.get(target, ())}:
                astray.append((path.relative_to(html).as_posix(), address))
    assert astray == []


def found(attribute, path):
    """What an attribute is set to in a page."""
    return map(unescape, re.findall(rf'\s{attribute}="([^"]*)"', path.read_text()))


# --- in a browser ------------------------------------------------------------------------------

WIDTHS = {"a phone": 390, "a laptop": 1400}
SERIOUS = {"serious", "critical"}  # barriers, as axe calls them
HEAVIEST = 2.5e6  # bytes
SLOWEST = 2.0  # seconds, or as many times what a page without content takes as a fast machine needs
TIMES_AN_EMPTY_PAGE = 10
# Of what a page shows: how wide it is and how long it took; images that came to nothing, have no
# text of their own, or leave room beside them on a phone; figures without a caption; and signs of a
# table, such as the card's verdicts, that are cut by what holds them. A file's name is not a text.
LOOKED_AT = """() => {
  const images = [...document.querySelectorAll("article img")];
  const name = (image) => image.alt || image.src.split("/").pop();
  const [loaded] = performance.getEntriesByType("navigation");
  const room = (image) => image.closest("section, article").clientWidth;
  const cut = (sign) => {
    const end = sign.getBoundingClientRect().right - 1;
    for (let holder = sign.parentElement; holder; holder = holder.parentElement) {
      const hides = getComputedStyle(holder).overflowX !== "visible" || holder === document.body;
      if (hides && holder.getBoundingClientRect().right < end) return true;
    }
    return end > innerWidth;
  };
  return {
    width: document.scrollingElement.scrollWidth,
    seconds: loaded.loadEventEnd / 1000,
    shown: images.map((i) => i.src),
    broken: images.filter((i) => i.loading !== "lazy" && !(i.complete && i.naturalWidth)).map(name),
    mute: images.filter((i) => !i.alt || i.alt.endsWith(".png")).map(name),
    bare: images.filter((i) => !i.closest("figure")?.querySelector("figcaption")).map(name),
    narrow: images.filter((i) => innerWidth < 640 && i.width < room(i) - 1).map(name),
    cut: [...document.querySelectorAll("article td .sd-badge")].filter(cut).map((s) => s.innerText),
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
            found = {"complaints": list(complaints), "abroad": abroad, "asked": list(asked)}
            seen[page, screen] = tab.evaluate(LOOKED_AT) | found | {"barriers": barriers(tab)}
        tab.close()
    return seen


def barriers(tab):
    """What keeps some readers from a page, and an element where it does."""
    options = {"resultTypes": ["violations"], "preload": False}  # a file may not read another
    result = Axe().run(tab, options=options).response
    found = [of for of in result["violations"] if of["impact"] in SERIOUS]
    return [f"{of['help']}: {of['nodes'][0]['html'][:200]}" for of in found]


FAULTS = ["complaints", "abroad", "broken", "mute", "bare", "narrow", "cut", "barriers"]


@pytest.mark.parametrize("fault", FAULTS)
def test_no_page_has_a_fault_that_a_browser_sees(looked_at, fault):
    assert {where: found[fault] for where, found in looked_at.items() if found[fault]} == {}


def test_no_page_scrolls_sideways(looked_at):
    too_wide = {
        (page, screen): found["width"]
        for (page, screen), found in looked_at.items()
        if found["width"] > WIDTHS[screen]
    }
    assert too_wide == {}


def test_no_page_of_the_reference_scrolls_sideways_on_a_phone(html, browser):
    tab = browser.new_page(viewport={"width": WIDTHS["a phone"], "height": 900})
    tab.route("**/*.js*", lambda route: route.abort())  # there are many, and scripts are the same
    widths = {}
    for page in (html / "book" / "generated").glob("*.html"):
        tab.goto(page.as_uri(), wait_until="domcontentloaded")
        widths[page.name] = tab.evaluate("document.scrollingElement.scrollWidth")
    tab.close()
    assert len(widths) > 1
    assert {page: width for page, width in widths.items() if width > WIDTHS["a phone"]} == {}


def test_no_page_is_heavy(html, looked_at):
    """Of what a page loads, all that most others do not load: they share the theme's files.

    Plotly's script does not count: its package has the whole of it only, and one page loads it.
    """
    asked = {
        page: {
            file
            for file in map(page_file, found["asked"] + found["shown"])
            if file.is_file() and file.name != "plotly.min.js"
        }
        for (page, screen), found in looked_at.items()
        if screen == "a laptop"
    }
    by_how_many = Counter(chain.from_iterable(asked.values()))
    weights = {
        page: sum(file.stat().st_size for file in files if by_how_many[file] < len(PAGES) / 2)
        for page, files in asked.items()
    }
    assert min(weights.values()) > 0
    assert {page: weight for page, weight in weights.items() if weight > HEAVIEST} == {}


def page_file(url):
    return Path(unquote(urlparse(url).path))


def test_no_page_is_slow(html, browser, looked_at):
    """Whose machine is slow, or busy just then, sees a page without content take long as well."""
    tab = browser.new_page(viewport={"width": WIDTHS["a laptop"], "height": 900})

    def seconds(page):
        tab.goto((html / f"{page}.html").as_uri())
        return tab.evaluate(LOOKED_AT)["seconds"]

    took = {page: looked_at[page, "a laptop"]["seconds"] for page in PAGES}
    slow = [page for page, at_first in took.items() if at_first > SLOWEST]
    for page in slow:  # again, beside the empty one
        took[page] = min(seconds(page) for _ in range(3))
    print("\n".join(f"{page}: {of_one:.2f} s" for page, of_one in took.items()))
    allowed = max(SLOWEST, TIMES_AN_EMPTY_PAGE * seconds("search")) if slow else SLOWEST
    tab.close()
    assert {page: of_one for page, of_one in took.items() if of_one > allowed} == {}


def test_a_search_finds_a_word_and_shows_the_sentences_around_it(html, browser):
    tab = browser.new_page()
    with serving(html) as address:  # excerpts are read from the pages, which a file may not do
        tab.goto(f"{address}search.html?q=hubs")
        tab.wait_for_function("document.querySelectorAll('#search-results .context').length > 8")
        excerpts = tab.locator("#search-results .context").all_inner_texts()
        tab.close()
    assert sum("hubs" in excerpt.lower() for excerpt in excerpts) > 4
    for word in ("Contents", "import ", "Show code", "#", ".pdf"):
        assert [excerpt for excerpt in excerpts if word in excerpt] == []


def test_a_search_in_files_finds_a_word(html, browser):
    tab = browser.new_page()
    tab.goto((html / "search.html").as_uri() + "?q=hubs")
    tab.wait_for_function("document.querySelectorAll('#search-results li a').length > 5")
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


# --- the explorer ------------------------------------------------------------------------------


@pytest.fixture
def explorer(html, browser):
    """Open the explorer on a screen of a width that the test names, and see that nothing fails."""
    tabs, failures = [], []

    def opened(width=1400, **options):
        tab = browser.new_page(viewport={"width": width, "height": 900}, **options)
        tab.on("pageerror", lambda error: failures.append(str(error)))
        tabs.append(tab)
        tab.goto((html / "book" / "explorer.html").as_uri())
        if options.get("java_script_enabled", True):
            tab.wait_for_selector("#explorer-graph .main-svg")
        return tab

    yield opened
    for tab in tabs:
        tab.close()
    assert failures == []


def choose(tab, **choices):
    """Choose network, method and reading, and how many pairs are called connected."""
    called = choices.pop("called", None)
    for name, value in choices.items():
        tab.select_option(f"#explorer-{name}", value)
    if called is not None:
        tab.fill("#explorer-called", str(called))


def shown(tab, *names):
    return [tab.inner_text(f"#explorer-{name}") for name in names]


def place_of(tab, pre, post):
    """Where on the screen a pair of the matrix is."""
    matrix = tab.locator("#explorer-matrix .nsewdrag")
    matrix.scroll_into_view_if_needed()
    area = matrix.bounding_box()
    across, down = (pre + 0.5) / 60, (post + 0.5) / 60
    return area["x"] + across * area["width"], area["y"] + down * area["height"]


@pytest.mark.parametrize(
    ("network", "method", "reading", "called"),
    [
        ("hubs", "glm", "plain", 300),
        ("stripes", "attention", "standing out", 354),
        ("ring", "covariance", "size", 1000),
    ],
)
def test_the_explorer_scores_as_the_library_does(explorer, network, method, reading, called):
    tab = explorer()
    choose(tab, network=network, method=method, reading=reading, called=called)
    kept = graphs("explorer")
    truth, graph = (kept[f"{network}, {name}"].astype(float) for name in ("truth", method))
    if reading == "standing out":
        graph = beyond_usual(graph).astype(np.float32).astype(float)
    weights, synapses = truth, connected(truth)
    if reading == "size":
        graph, weights = np.abs(graph), np.abs(weights)
    decided = decision_scores(np.sign(graph) * strongest(graph, called), synapses)
    hits = decided["precision"] * called
    expected = [
        *(f"{decided[name]:.0%}".replace("%", " %") for name in ("precision", "recall")),
        f"{hits:.0f}",
        f"{called * decided['synapses'] / 3540:.0f}",
        *(
            f"{value:.2f}".replace("-", "−")
            for value in (auc(graph, synapses), pearson(graph, weights), spearman(graph, weights))
        ),
    ]
    names = ("precision", "recall", "found", "chance", "auc", "pearson", "spearman")
    assert shown(tab, *names) == expected
    counts = [hits, decided["synapses"] - hits, called - hits]
    assert [int(one) for one in shown(tab, "n-found", "n-missed", "n-invented")] == counts
    marks = tab.evaluate(
        "() => new Promise(requestAnimationFrame).then(() => "
        "document.getElementById('explorer-matrix').data.slice(1).map((t) => t.x.length))"
    )
    assert marks == counts


def test_another_method_moves_the_scores_and_the_list_sets_the_threshold(explorer):
    tab = explorer()
    before = shown(tab, "precision", "auc")
    assert tab.is_hidden("#explorer-listed")
    choose(tab, method="glm test")
    assert shown(tab, "precision", "auc") != before
    tab.click("#explorer-listed")
    n = n_listed(graphs("explorer")["hubs, glm test"])
    assert shown(tab, "number") == [f"{n} of 3540"]
    tab.focus("#explorer-called")
    tab.keyboard.press("ArrowRight")
    assert shown(tab, "number") == [f"{n + 1} of 3540"]
    tab.click("#explorer-as-many")
    assert shown(tab, "precision") == shown(tab, "recall")


def test_marks_change_their_colours_with_the_theme(explorer):
    tab = explorer(color_scheme="light")
    marks = "document.getElementById('explorer-matrix').data[3].marker.color"
    in_light = tab.evaluate(marks)
    tab.evaluate("() => { document.documentElement.dataset.theme = 'dark'; }")
    tab.wait_for_function(f"{marks} !== '{in_light}'")


def test_arrow_keys_move_the_cursor_and_the_pair_is_named(explorer):
    tab = explorer()
    choose(tab, method="glm")
    truth = graphs("explorer")["hubs, truth"]
    graph = graphs("explorer")["hubs, glm"]
    (pre, post) = map(int, re.findall(r"neuron (\d+)", *shown(tab, "pair")))
    assert truth[post, pre] != 0
    tab.focus("#explorer-matrix")
    tab.keyboard.press("Shift+ArrowUp" if post > 10 else "Shift+ArrowDown")
    post += -10 if post > 10 else 10
    tab.keyboard.press("ArrowLeft" if pre else "ArrowRight")
    pre += -1 if pre else 1
    (said,) = shown(tab, "pair")
    assert said.startswith(f"From neuron {pre} to neuron {post}: ")
    sizes = np.abs(graph[~np.eye(60, dtype=bool)])
    rank = 1 + np.count_nonzero(sizes > abs(graph[post, pre]))
    assert f"rank {rank} of 3540" in said
    assert ("no synapse" in said) == (truth[post, pre] == 0)
    frame = tab.evaluate("() => document.getElementById('explorer-matrix').layout.shapes[0]")
    assert (frame["x0"] + frame["x1"], frame["y0"] + frame["y1"]) == (2 * pre, 2 * post)


def test_a_pointer_and_the_buttons_name_pairs_too(explorer):
    tab = explorer()
    tab.mouse.move(*place_of(tab, pre=5, post=3))
    tab.wait_for_selector("#explorer-pair:text('From neuron 5 to neuron 3:')")
    for kind in ("invented", "missed"):
        tab.click(f"#explorer-next-{kind}")
        first = shown(tab, "pair")
        tab.click(f"#explorer-next-{kind}")
        assert shown(tab, "pair") != first and first[0].endswith(f"{kind}.")


def test_a_button_in_the_text_shows_what_the_text_speaks_of(explorer):
    tab = explorer()
    tab.click("button[data-network=ring][data-method=glm]")
    assert tab.input_value("#explorer-network") == "ring"
    assert tab.input_value("#explorer-method") == "glm"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_the_explorer_is_one_column_and_cuts_nothing(explorer, scheme):
    tab = explorer(width=390, color_scheme=scheme, has_touch=True)
    assert tab.evaluate("document.scrollingElement.scrollWidth") == 390
    boxes = [tab.locator(f"#explorer-{name}").bounding_box() for name in ("matrix", "graph")]
    assert boxes[0]["y"] + boxes[0]["height"] < boxes[1]["y"]
    cut = tab.evaluate(
        "() => [...document.querySelectorAll('#explorer *')].filter((one) => {"
        " const box = one.getBoundingClientRect(); return box.width && box.right > 391;"
        "}).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert cut == []
    tab.touchscreen.tap(*place_of(tab, pre=30, post=14))
    tab.wait_for_selector("#explorer-pair:text('From neuron 30 to neuron 14:')")


def test_only_the_explorer_loads_plotly_and_without_scripts_it_says_so(html, explorer):
    loading = [page for page in PAGES if "plotly.min.js" in (html / f"{page}.html").read_text()]
    assert loading == ["book/explorer"]
    tab = explorer(java_script_enabled=False)
    assert tab.is_visible("#explorer-absent") and not tab.is_visible("#explorer")
    assert tab.locator("table.dataframe tbody tr").count() == 8


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
