"""The report in a real browser, and the contact sheet."""

import os
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from playwright.sync_api import sync_playwright

from dsr_core.roll.findings import shrink_marks
from dsr_core.roll.report import rank
from tests.dusty import SPECKS
from tests.roll.conftest import names


@pytest.fixture(scope="module")
def browser():
    """Return a real Chromium without a window."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no Chromium")
    with sync_playwright() as playwright:
        # as root, and in a container, Chromium has no sandbox of its own
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def report(roll, call):
    """Return the report of three scans, the third with markup for a name and more damage than the others."""
    worst = roll / "<b>&.tif"
    (roll / "strip 2" / "1.tif").rename(worst)
    pixels = tifffile.imread(worst)
    pixels[60:64, 10:70] = 65535
    tifffile.imwrite(worst, pixels, photometric="rgb")
    assert call(roll, "--output-dir", "out", "--report", "report.html")[0] == 0
    return Path("report.html").absolute()


@pytest.fixture
def page(browser, report):
    """Return the report as a browser shows it; nothing may be asked for, and nothing go wrong."""
    context = browser.new_context(viewport={"width": 1200, "height": 700}, accept_downloads=True)
    page = context.new_page()
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.goto(report.as_uri())
    yield page
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {report.as_uri()}
    assert not wrong
    context.close()


def shown(page):
    return page.locator("article h2").all_inner_texts()


def at(page):
    return page.locator("article.current .wipe").evaluate("view => view.style.getPropertyValue('--at')")


def test_every_picture_is_there_and_the_most_damaged_scan_comes_first(page):
    assert shown(page)[0] == "<b>&.tif"
    assert sorted(shown(page)) == ["1.tif", "2.tif", "<b>&.tif"]
    page.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    first = page.locator("article").first
    assert first.locator("figure").count() == 3
    sizes = page.locator(".wipe img.after").evaluate_all(
        "all => all.map(one => [one.naturalWidth, one.naturalHeight])"
    )
    assert sizes == [[96, 80]] * 3


def test_the_slider_wipes_by_mouse_keys_and_its_own_knob(page):
    assert at(page) == ""
    view = page.locator("article.current .wipe").bounding_box()
    middle = view["y"] + view["height"] / 2
    page.mouse.move(view["x"] + view["width"] * 0.5, middle)
    page.mouse.down()
    page.mouse.move(view["x"] + view["width"] * 0.25, middle)
    page.mouse.up()
    assert float(at(page).rstrip("%")) == pytest.approx(25, abs=1)
    clip = page.locator("article.current .after").evaluate("image => getComputedStyle(image).clipPath")
    assert float(re.search(r"([\d.]+)%", clip)[1]) == pytest.approx(25, abs=1)
    page.mouse.move(view["x"] + view["width"] * 0.9, middle)
    assert float(at(page).rstrip("%")) == pytest.approx(25, abs=1)
    page.locator("article.current input[type=range]").fill("70")
    assert at(page) == "70%"
    page.locator("h1").click()
    page.keyboard.press("d")
    assert at(page) == "80%"
    page.keyboard.press("Space")
    assert at(page) == "0%"


def test_keys_page_through_and_show_the_marks(page):
    order = shown(page)
    current = page.locator("article.current h2")
    for key, number in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowRight", 2), ("ArrowLeft", 1)):
        page.keyboard.press(key)
        assert current.inner_text() == order[number]
        assert page.locator("article.current").evaluate("scan => scan.getBoundingClientRect().top >= 0")
    marks = page.locator("article.current .wipe .marks")
    assert not marks.is_visible()
    page.keyboard.press("m")
    assert marks.is_visible()
    page.locator("#marks").uncheck()
    assert not marks.is_visible()
    page.locator("#order").select_option("number")
    assert shown(page) == ["1.tif", "2.tif", "<b>&.tif"]


def test_what_is_ticked_makes_a_list_that_the_command_takes(page, roll, call):
    assert page.locator("#save").is_disabled()
    page.keyboard.press("k")
    assert page.locator("#count").inner_text() == "1"
    with page.expect_download() as download:
        page.locator("#save").click()
    assert download.value.suggested_filename == "keep.txt"
    download.value.save_as("keep.txt")
    assert Path("keep.txt").read_text() == f"{roll / '<b>&.tif'}\n"
    before = Path("out/1.restored.tif").stat().st_mtime_ns
    every = (roll, "--output-dir", "out", "--report", "report.html", "--resume", "--except", "keep.txt")
    code, _, err = call(*every)
    assert (code, "<b>&.tif is kept as it is" in err) == (0, True)
    assert names("out") == ["1.restored.tif", "2.restored.tif"]
    assert Path("out/1.restored.tif").stat().st_mtime_ns == before
    page.reload()
    assert shown(page) == ["1.tif", "2.tif"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_light_and_dark(browser, report, scheme):
    context = browser.new_context(viewport={"width": 360, "height": 640}, color_scheme=scheme, has_touch=True)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper)[:3])) > 3 * 128) == (scheme == "light")
    view = page.locator(".wipe").first.bounding_box()
    page.touchscreen.tap(view["x"] + view["width"] * 0.8, view["y"] + 40)
    assert float(at(page).rstrip("%")) == pytest.approx(80, abs=1)
    context.close()


def test_a_report_that_is_not_ours_stays(roll, call):
    Path("report.html").write_text("precious")
    code, _, err = call(roll, "--output-dir", "out", "--report", "report.html", "--resume")
    assert (code, "exists already" in err) == (1, True)
    assert Path("report.html").read_text() == "precious"


@pytest.mark.parametrize("page", ["roll/1.tif", "out/1.restored.tif"])
def test_a_report_never_takes_the_place_of_a_scan_or_a_result(roll, call, page):
    before = (roll / "1.tif").read_bytes()
    code, _, err = call("roll", "--output-dir", "out", "--report", page, "--overwrite")
    assert (code, f"{page} belongs to roll/1.tif" in err) == (1, True)
    assert (roll / "1.tif").read_bytes() == before
    assert not Path("out/1.restored.tif").exists()


def test_a_list_that_is_missing_is_one_sentence(roll, call):
    code, _, err = call(roll, "--output-dir", "out", "--except", "nothing.txt")
    assert (code, err.count("\n")) == (1, 1)
    assert "nothing.txt cannot be read" in err


def test_pictures_are_upright_and_those_of_a_resumed_run_are_the_same(roll, call):
    turned = roll / "1.tif"
    pixels = tifffile.imread(turned)
    tifffile.imwrite(turned, pixels, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    every = (roll, "--output-dir", "out", "--report", "report.html")
    assert call(*every)[0] == 0
    first = Path("report.html").read_text()
    assert "aspect-ratio: 80 / 96" in first
    assert call(*every, "--resume")[0] == 0
    assert Path("report.html").read_text() == first


def test_a_contact_sheet_shows_every_scan(roll, call):
    assert call(roll, "--recursive", "--output-dir", "out", "--contact-sheet", "sheet.jpg")[0] == 0
    sheet = np.asarray(Image.open("sheet.jpg"))
    assert sheet.shape == (24 + 390 + 24, 24 + 3 * (360 + 24), 3)
    red = (sheet[:, :, 0] > 200) & (sheet[:, :, 1] < 90) & (sheet[:, :, 2] < 90)
    assert cv2.connectedComponents(red.astype(np.uint8))[0] - 1 >= 3 * len(SPECKS)
    code, _, err = call(roll, "--output-dir", "out", "--resume", "--contact-sheet", "sheet.pdf")
    assert (code, "suffix" in err) == (2, True)


def test_a_mark_of_one_pixel_stays_one():
    mask = np.zeros((2401, 1000), np.bool_)
    mask[2400, 999] = mask[1001, 500] = True
    small = shrink_marks(mask)
    assert small.shape == (801, 334)
    assert np.argwhere(small).tolist() == [[333, 166], [800, 333]]


def test_what_deserves_a_look_comes_first():
    def record(name, changed=0.01, doubtful=2, notes=()):
        return {"input": name, "changed": changed, "look": {"doubtful": doubtful}, "notes": ["usual", *notes]}

    ranked = rank(
        [record("a"), record("b", changed=0.05), record("c", notes=["lamps"]), record("d", doubtful=30)]
    )
    assert [each["input"] for each in ranked] == ["d", "b", "c", "a"]
    assert [each["remarks"] for each in ranked] == [[], [], ["lamps"], []]
