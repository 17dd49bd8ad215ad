"""The web site: whole, linked, escaped, without the network; and, where a browser is installed, used in one."""

import html.parser
import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from shared import catalogue, files
from shared.cli import compare
from shared.comparing import derivations, sidebyside, specification
from shared.site import builder, curves, prose
from shared.training import checkpoints, records

PATHS = ["intro/softmax_regression", "optimizers/sgd", "recurrent/lstm"]
VOID = {"meta", "link", "br", "img", "input", "hr", "path", "polyline"}
PAPERS = {"arxiv.org", "doi.org"}


class Document(html.parser.HTMLParser):
    """What the tests ask of a page: links, resources, anchors, text by class; errors of nesting."""

    def __init__(self, file: Path):
        super().__init__()
        self.file, self.open = file, []
        self.ids, self.links, self.resources, self.errors, self.texts = [], [], [], [], {}
        self.feed(file.read_text())
        self.errors += [f"<{tag}> is not closed" for tag, _ in self.open]

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "a":
            self.links.append(attributes["href"])
        self.resources += [attributes[name] for name in ("src", "srcset", "data") if name in attributes]
        self.resources += [attributes["href"]] if tag == "link" else []
        if tag not in VOID:
            self.open.append((tag, attributes.get("class") or ""))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open[-1][0] != tag:
            self.errors.append(f"</{tag}> at {self.getpos()} closes {self.open[-1:]}")
        self.open.pop()

    def handle_data(self, text):
        for _, classes in self.open:
            for name in classes.split():
                self.texts[name] = self.texts.get(name, "") + text


def record_runs(folder):
    """A benchmark and a run per backend, as `triptych bench --json` and `triptych train` leave them."""
    side = {"how": "<ours>", "ms": 1.0, "quartiles": [0.9, 1.1], "mb": None}
    result = {"algorithm": "optimizers/sgd", "benchmark": "sgd", "backend": "numpy", "ours": side, "theirs": side}
    (folder / "bench.json").write_text(json.dumps([result | {"ratio": 0.876, "quartiles": [0.8, 0.9]}]))
    for backend in ("numpy", "tf"):
        run = folder / "train" / "optimizers" / "sgd" / f"{backend}-quick-seed0"
        run.mkdir(parents=True)
        about = {"path": "optimizers/sgd", "backend": backend, "budget": "quick", "steps": 400, "seed": 0}
        record = about | {"seconds": 1.5, "first_loss": 2.3, "last_loss": 0.4, "metrics": {"accuracy": 0.91}}
        (run / "result.json").write_text(json.dumps(record))
        history = {"loss": 2.3 * 0.99 ** np.arange(400)}
        checkpoints.write(run / "checkpoint.safetensors", checkpoints.Checkpoint(about, 400, 1.5, history, ()))
        (run / "loss.png").write_bytes(b"drawn anew")
        (run / "digits.png").write_bytes(b"\x89PNG")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    record_runs(folder)
    pages = builder.build(folder / "out", PATHS, folder, lambda path: None)
    assert [page.path for page in pages] == PATHS
    return folder / "out"


def documents(site):
    return {file: Document(file) for file in sorted(site.rglob("*.html"))}


def check_whole(site):
    """Every page is well-formed; every link leads somewhere; nothing is loaded from elsewhere."""
    found = documents(site)
    for file, page in found.items():
        assert not page.errors, f"{file}: {page.errors}"
        assert len(page.ids) == len(set(page.ids)), f"{file}: ids are not unique"
        for resource in page.resources:
            assert resource == "data:," or (file.parent / resource).is_file(), f"{file}: {resource}"
        for link in page.links:
            parts = urlsplit(link)
            if parts.netloc:
                assert parts.scheme == "https", link
                assert parts.netloc in PAPERS, link
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            assert target.is_file(), f"{file}: {link} leads nowhere"
            if parts.fragment:
                assert unquote(parts.fragment) in found[target].ids, f"{file}: {link} has no anchor"
        assert file.stat().st_size < 400_000
    for file in (site / "style.css", site / "script.js"):
        assert "//" not in re.sub(r"^\s*//.*$|(?<=;) //.*$|/\*.*?\*/", "", file.read_text(), flags=re.M)


def test_pages_are_whole_and_need_no_network(site):
    check_whole(site)
    assert {file.relative_to(site).as_posix() for file in site.rglob("*.html")} == {
        "index.html", "lemmas.html", *(f"{path}.html" for path in PATHS)
    }  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_all_of_the_text_is_there_escaped(site, path):
    """What a reader sees in a column is the file, `<` and `&` included; and the specification in full."""
    page = Document(site / f"{path}.html")
    shown = "".join(page.texts["cell"].split())
    for column in ("numpy", "torch", "tf"):
        for part in sidebyside.parts(path, (column,)):
            for row in part.rows:
                assert "".join(row.cells[column].text.split()) in shown
    told = specification.of(path)
    formulas = [equation.text for equation in told.equations if equation.numbers]
    formulas += [gradient.text for gradient in told.gradients]
    assert "".join(formulas) == "".join(page.texts["formula"].splitlines())
    where = {"Idea": "idea", "Differs": "cards"}
    for name, text in told.sections.items():
        for entry in specification.lines(text) if name == "Differs" else [text]:
            shown = page.texts[where.get(name, "terms")].split()
            assert " ".join(entry.split()).partition(": ")[2] in " ".join(shown)


def test_the_derivation_is_there_with_its_formulas(site):
    page = Document(site / "recurrent" / "lstm.html")
    shown = "".join(page.texts["derivation"].split())
    for fenced, text in derivations.pieces(derivations.text("recurrent/lstm")):
        assert not fenced or "".join(text.split()) in shown
    assert "../lemmas.html#tanh" in page.links
    assert specification.of("recurrent/lstm").gradients[0].text in page.texts["formula"]
    assert "Breaks d_" in page.texts["how"]


def test_numbers_are_those_of_the_checks(site):
    page = Document(site / "recurrent" / "lstm.html")
    assert re.search(r"\d of \d", page.texts["answers"])
    assert re.search(r"\de-1[4-7] at most between two of them|only one backend", page.texts["answers"])
    assert "instead of" in page.texts["how"]
    assert "Gate order" in page.texts["why"]
    assert "step 1" in page.texts["values"]
    assert "d_zs" not in page.texts["formula"]
    index = Document(site / "index.html")
    assert re.search(r"✓ agrees\s*\de-1\d / \de-1\d", index.texts["overview"])
    assert "0.88× time" in index.texts["overview"]


def test_recorded_runs_are_shown(site):
    page = Document(site / "optimizers" / "sgd.html")
    assert "0.88" in page.texts["speeds"]
    assert "<ours>" in page.texts["speeds"]
    text = (site / "optimizers" / "sgd.html").read_text()
    assert text.count("<polyline") == 2
    assert "Quick budget, 400 steps, seed 0" in text
    assert (site / "pictures/optimizers/sgd/numpy-quick-seed0/digits.png").is_file()
    assert not list(site.rglob("loss.png"))
    assert "Training" not in (site / "recurrent" / "lstm.html").read_text()


def test_a_failed_check_is_shown_and_told(tmp_path, monkeypatch, capsys):
    from shared.cases import Mutant
    from shared.cases.optimizers import sgd

    monkeypatch.setattr(sgd, "MUTANTS", [Mutant("p - lr * g", "-(lr * g) + p", "Not a mistake at all.")])
    with pytest.raises(compare.typer.Exit) as stopped:
        compare.site(["sgd"], tmp_path / "out", tmp_path)
    assert stopped.value.exit_code == 1
    assert "mutant survives" in capsys.readouterr().out
    page = Document(tmp_path / "out" / "optimizers" / "sgd.html")
    assert "mutant survives" in page.texts["problem"]
    assert "Not caught" in page.texts["how"]
    assert "✗" in Document(tmp_path / "out" / "index.html").texts["overview"]


def test_a_check_that_stops_is_a_problem_of_its_page(tmp_path, monkeypatch):
    monkeypatch.setattr("shared.site.measured.report", lambda path: 1 / 0)
    (page,) = builder.build(tmp_path / "out", ["optimizers/sgd"], tmp_path, lambda path: None)
    assert page.problems == ["checks: ZeroDivisionError: division by zero"]
    check_whole(tmp_path / "out")


def test_broken_records_are_named(tmp_path):
    (tmp_path / "bench.json").write_text('[{"algorithm": "optimizers/sgd"}]')
    with pytest.raises(ValueError, match=r"bench\.json' is not what `triptych bench --json` prints"):
        records.benchmarks(tmp_path)
    run = tmp_path / "train" / "optimizers" / "sgd" / "numpy-quick-seed0"
    run.mkdir(parents=True)
    files.write(run / "result.json", b"{")
    with pytest.raises(ValueError, match=r"result\.json' is not the record of a training run"):
        records.series(tmp_path, "optimizers/sgd")


def test_papers_are_linked():
    text = prose.linked("Ba & Kiros <2016>, arXiv:1607.06450; Elman 1990, doi:10.1207/s15516709cog1402_1.")
    assert "Ba &amp; Kiros &lt;2016&gt;" in text
    assert '<a href="https://arxiv.org/abs/1607.06450">arXiv:1607.06450</a>;' in text
    assert '<a href="https://doi.org/10.1207/s15516709cog1402_1">doi:10.1207/s15516709cog1402_1</a>.' in text


def test_links_between_derivations_lead_to_pages_that_there_are():
    href = lambda target, pages: prose._address(target, "recurrent/gru", pages, "../")
    assert href("../LEMMAS.md#tanh", set()) == "../lemmas.html#tanh"
    assert href("../losses.md", {"losses"}) == "../losses.html#derivation"
    assert href("rnn.md#2", {"recurrent/rnn"}) == "../recurrent/rnn.html#derivation"
    assert href("rnn.md", set()) == ""
    assert href("#here", set()) == "#here"


@pytest.mark.parametrize("values", [[1.0], [3.0, 3.0], [-1.0, 2.0, 0.0], list(np.geomspace(1e-6, 1e3, 5000))])
def test_curves_of_any_kind(values):
    drawn = curves.svg({"numpy": np.array(values), "tf": np.array(values)}, "<loss>")
    assert drawn.count("<polyline") == 2
    assert "&lt;loss&gt;" in drawn
    assert "nan" not in drawn
    assert len(drawn) < 8000
    points = [tuple(map(float, p.split(","))) for p in re.search(r'points="([^"]+)"', drawn)[1].split()]
    assert all(0 <= x <= curves.WIDTH and 0 <= y <= curves.HEIGHT for x, y in points)


@pytest.mark.full
def test_the_whole_site(tmp_path):
    pages = builder.build(tmp_path, catalogue.paths(), tmp_path, lambda path: None)
    assert not [problem for page in pages for problem in page.problems]
    check_whole(tmp_path)
    sizes = sorted((file.stat().st_size, file.name) for file in tmp_path.rglob("*") if file.is_file())
    assert sum(size for size, _ in sizes) < 20e6, sizes[-5:]


def test_the_right_line_is_neutral_and_the_wrong_one_red_with_its_word(site):
    page = Document(site / "optimizers" / "sgd.html")
    assert page.texts["right"].startswith("right p - lr * g")
    assert page.texts["wrong"].startswith("wrong p + lr * g")
    style = (site / "style.css").read_text()
    colours = dict(re.findall(r"--(\w+): light-dark\(#(\w+)", style))
    background = dict(re.findall(r"\.edit \.(right|wrong) {[^}]*background: var\(--(\w+)\)", style))
    channels = lambda name: [int(colours[name][i : i + 2], 16) for i in (0, 2, 4)]
    assert max(channels(background["right"])) - min(channels(background["right"])) < 8  # grey
    red, green, blue = channels(background["wrong"])
    assert red > green + 8
    assert red > blue + 8


def test_an_anchor_is_a_word(tmp_path):
    """A part may be called `(SELU_LAMBDA, SELU_ALPHA)`."""
    builder.build(tmp_path / "out", ["activations"], tmp_path, lambda path: None)
    check_whole(tmp_path / "out")
    ids = Document(tmp_path / "out" / "activations.html").ids
    assert "SELU_LAMBDA-SELU_ALPHA" in ids
    assert all(re.fullmatch(r"[\w-]+", name) for name in ids)


def test_a_site_that_stops_half_way_leaves_nothing_or_what_was_there(tmp_path, monkeypatch):
    record_runs(tmp_path)
    builder.build(tmp_path / "old", ["optimizers/sgd"], tmp_path, lambda path: None)
    before = {file: file.read_bytes() for file in (tmp_path / "old").rglob("*.html")}
    monkeypatch.setattr(builder.curves, "svg", lambda *_: 1 / 0)
    for out in (tmp_path / "old", tmp_path / "new" / "site"):
        with pytest.raises(ZeroDivisionError):
            builder.build(out, ["optimizers/sgd"], tmp_path, lambda path: None)
    assert {file: file.read_bytes() for file in (tmp_path / "old").rglob("*.html")} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bench.json", "old", "train"]


def test_foreign_files_in_the_folder_stay(tmp_path):
    (tmp_path / "out" / "optimizers").mkdir(parents=True)
    (tmp_path / "out" / "optimizers" / "mine.txt").write_text("mine")
    builder.build(tmp_path / "out", ["optimizers/sgd"], tmp_path, lambda path: None)
    assert (tmp_path / "out" / "optimizers" / "mine.txt").read_text() == "mine"
    check_whole(tmp_path / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


# --- in a browser: these tests are there where Debian's Chromium and its driver are -----------------------------

if shutil.which("chromium") and shutil.which("chromedriver"):
    WIDTHS = {"desktop": 1440, "phone": 390}

    @pytest.fixture(scope="module")
    def chromium(tmp_path_factory):
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        profile = tmp_path_factory.mktemp("profile")
        for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking",
                         "disable-dev-shm-usage", f"user-data-dir={profile}"):  # fmt: skip
            options.add_argument(f"--{argument}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        yield driver
        driver.quit()

    @pytest.fixture(params=list(WIDTHS))
    def browser(request, chromium):
        """The browser at one width, with nothing remembered; fails if anything was written to its console."""
        chromium.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {
                "width": WIDTHS[request.param],
                "height": 850,
                "deviceScaleFactor": 1,
                "mobile": request.param == "phone",
            },
        )
        chromium.width = WIDTHS[request.param]
        yield chromium
        chromium.execute_script("localStorage.clear()")
        assert chromium.get_log("browser") == []

    def visit(browser, file):
        browser.get(file.as_uri())
        check_width(browser)

    def check_width(browser):
        widest = browser.execute_script("return document.documentElement.scrollWidth")
        assert widest <= browser.width, f"{browser.current_url} is {widest} wide"

    def find(browser, selector):
        return browser.find_elements("css selector", selector)

    def click(browser, selector):
        (element,) = find(browser, selector)
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def marked(browser):
        return {int(n) for element in find(browser, ".on") for n in element.get_attribute("data-eq").split()}

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_no_page_is_wider_than_the_window(browser, site, scheme):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        for file in documents(site):
            visit(browser, file)
            for summary in find(browser, "summary"):
                browser.execute_script("arguments[0].parentElement.open = true", summary)
            check_width(browser)
            paper, ink = browser.execute_script(
                "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
            )
            darker = lambda colour: sum(map(int, re.findall(r"\d+", colour)[:3]))
            assert (darker(paper) < darker(ink)) == (scheme == "dark")

    def test_links_lead_from_page_to_page(browser, site):
        visit(browser, site / "index.html")
        for path in PATHS:
            click(browser, f'.overview a[href="{path}.html"]')
            assert unquote(urlsplit(browser.current_url).path) == str(site / f"{path}.html")
            check_width(browser)
            click(browser, ".home")
        click(browser, f'.overview a[href="{PATHS[0]}.html"]')
        click(browser, "a[rel=next]")
        assert browser.current_url.startswith((site / f"{PATHS[1]}.html").as_uri())
        for link in find(browser, ".sections a"):
            browser.execute_script("arguments[0].click()", link)
            assert urlsplit(browser.current_url).fragment == link.get_attribute("href").split("#")[1]

    def test_columns_are_chosen_and_remembered(browser, site):
        shown = lambda: {
            c for c in ("numpy", "torch", "tf") if any(x.is_displayed() for x in find(browser, f".split .{c}"))
        }
        visit(browser, site / "recurrent" / "lstm.html")
        assert shown() == {"numpy", "torch", "tf"}
        click(browser, ".toggle[data-column=tf]")
        assert shown() == {"numpy", "torch"}
        click(browser, ".home")
        click(browser, f'.overview a[href="{PATHS[0]}.html"]')
        assert shown() == {"numpy", "torch"}
        assert find(browser, ".toggle[data-column=tf]")[0].get_attribute("aria-pressed") == "false"
        click(browser, ".toggle[data-column=numpy]")
        assert shown() == {"torch"}
        visit(browser, site / "recurrent" / "lstm.html")
        assert shown() == {"torch"}
        assert not any(part.is_displayed() for part in find(browser, ".only-numpy"))
        click(browser, ".toggle[data-column=torch]")  # the last one: all come back
        assert shown() == {"numpy", "torch", "tf"}

    def test_choices_travel_without_storage(browser, site):
        visit(browser, site / "recurrent" / "lstm.html")
        click(browser, ".toggle[data-column=tf]")
        click(browser, ".theme")
        browser.execute_script("localStorage.clear()")
        click(browser, "a[rel=prev]")
        assert browser.execute_script("return document.documentElement.dataset.hide") == "tf"
        assert browser.execute_script("return document.documentElement.dataset.theme") == "light"
        assert "?" not in browser.current_url

    def test_theme_is_chosen_and_remembered(browser, site):
        theme = lambda: browser.execute_script("return getComputedStyle(document.documentElement).colorScheme")
        visit(browser, site / "index.html")
        assert theme() == "light dark"
        click(browser, ".theme")
        assert theme() == "light"
        click(browser, ".theme")
        assert theme() == "dark"
        assert find(browser, ".theme")[0].get_attribute("aria-label") == "Theme: Dark"
        visit(browser, site / "recurrent" / "lstm.html")
        assert theme() == "dark"

    def test_an_equation_is_marked_in_every_column(browser, site):
        from selenium.webdriver import ActionChains, Keys

        visit(browser, site / "recurrent" / "lstm.html")
        assert marked(browser) == set()
        ActionChains(browser).move_to_element(find(browser, "#equation-4 .formula")[0]).perform()
        assert {tag.text for tag in find(browser, "#_cell .on .tag")} == {"4"}
        assert find(browser, "tr.on")
        ActionChains(browser).move_to_element(find(browser, "h1")[0]).perform()
        assert marked(browser) == set()
        click(browser, "#_cell [data-eq='4'] .tag")
        ActionChains(browser).move_to_element(find(browser, "#_cell h3")[0]).perform()
        assert 4 in marked(browser)
        assert "c = f ⊙ state.c + i ⊙ g" in find(browser, "#bar")[0].text
        assert find(browser, "#_cell [data-eq='4'] .tag")[0].get_attribute("aria-pressed") == "true"
        check_width(browser)
        ActionChains(browser).send_keys(Keys.ESCAPE).perform()
        assert marked(browser) == set()
        assert not find(browser, "#bar")[0].is_displayed()

    def test_by_keyboard(browser, site):
        from selenium.webdriver import ActionChains, Keys

        visit(browser, site / "recurrent" / "lstm.html")
        focus = lambda: browser.switch_to.active_element
        ActionChains(browser).send_keys(Keys.TAB).perform()
        assert focus().get_attribute("class") == "skip"
        assert focus().rect["x"] >= 0
        ActionChains(browser).send_keys(Keys.ENTER).send_keys(Keys.TAB).send_keys(Keys.TAB).perform()
        assert focus().get_attribute("class") == "tag"
        assert marked(browser) >= {1}
        ActionChains(browser).send_keys(Keys.TAB).send_keys(Keys.ENTER).perform()
        assert focus().get_attribute("aria-pressed") == "true"
        assert marked(browser) >= {2}

    def test_what_is_the_same_is_shown_once_on_a_phone(browser, site):
        visit(browser, site / "recurrent" / "lstm.html")
        rows = [row for row in find(browser, "#_cell .row") if "c = f * state.c" in row.text]
        times = rows[0].text.count("c = f * state.c")
        assert times == (1 if browser.width < 1000 else 3)
        click(browser, ".toggle.dim")
        (row,) = find(browser, "#_cell .row.same[data-eq='4'] .cell.numpy")
        assert float(row.value_of_css_property("opacity")) < 1
