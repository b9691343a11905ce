"""The pages in a real browser, which alone can say whether they work, and whether they ask for anything."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.evaluation.report import page, review
from tasks.evaluation.report.review import Choice, Decision
from tests.tasks.evaluation.report import support

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is missing: pip install '.[dev]'")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not CHROMIUM or not DRIVER:
    pytest.skip(
        "chromium or chromedriver is missing: apt-get install chromium chromium-driver", allow_module_level=True
    )

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900")
MANY = 5_000


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    page.write(support.content(24), folder / "few")
    page.write(support.content(4, reviewer=True), folder / "reviewer")
    return folder


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: Any, reports: Path) -> Iterator[Any]:
    """A browser that has forgotten everything; afterwards it must have complained of nothing and asked for nothing."""
    chromium.get((reports / "few" / "index.html").as_uri())
    chromium.execute_script("localStorage.clear()")
    for kind in ("browser", "performance"):
        chromium.get_log(kind)
    yield chromium
    assert [entry for entry in chromium.get_log("browser") if entry["level"] != "DEBUG"] == []
    assert [url for url in asked(chromium) if not url.startswith(("file://", "data:", "blob:"))] == []


def asked(browser: Any) -> list[str]:
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def click(browser: Any, element: Any) -> None:
    """Click where a person would: not at the edge of the window, where something may stand before it."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def all_of(browser: Any, selector: str) -> list[Any]:
    return browser.find_elements("css selector", selector)


def one(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", selector)


def names(browser: Any) -> list[str]:
    return browser.execute_script("return [...document.querySelectorAll('#rows bdi')].map((e) => e.textContent)")


def press(browser: Any, name: str, choice: str) -> None:
    (row,) = [row for row in all_of(browser, "#rows tr") if row.find_element("tag name", "bdi").text == name]
    click(browser, row.find_element("css selector", f".{choice}"))


def export(browser: Any, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    click(browser, one(browser, "#export"))
    end = time.monotonic() + 10
    while not (folder / "review.json").exists() and time.monotonic() < end:
        time.sleep(0.05)
    return folder / "review.json"


def test_shows_everything_and_runs_no_name(browser: Any, reports: Path) -> None:
    browser.get((reports / "few" / "index.html").as_uri())
    assert one(browser, "h1").text == support.content(0).title
    assert one(browser, ".verdict h2").text == "Needs a look"
    assert len(all_of(browser, "#rows tr")) == 24
    assert set(support.HOSTILE) <= set(names(browser))
    assert names(browser)[0] == support.HOSTILE[0]
    assert not one(browser, "#unkept").is_displayed()
    assert all(svg.size["width"] > 300 for svg in all_of(browser, ".chart"))
    width = "return document.documentElement.scrollWidth - innerWidth"
    assert browser.execute_script(width) <= 0


def test_sorts_by_any_column_both_ways(browser: Any, reports: Path) -> None:
    browser.get((reports / "few" / "index.html").as_uri())
    for column in range(6):
        orders = []
        for _ in range(2):
            click(browser, all_of(browser, ".files th button")[column])
            head = all_of(browser, ".files th")[column]
            orders.append((head.get_attribute("aria-sort"), names(browser)))
        assert len(all_of(browser, ".files th[aria-sort]")) == 1
        assert {way for way, _ in orders} == {"ascending", "descending"}
        assert len({tuple(order) for _, order in orders}) == (1 if column == 5 else 2)
    click(browser, all_of(browser, ".files th button")[4])
    faces = [int(cell.text.replace(",", "")) for cell in all_of(browser, "#rows td:nth-child(5)")]
    assert faces == sorted(faces)


def test_filters(browser: Any, reports: Path) -> None:
    browser.get((reports / "few" / "index.html").as_uri())
    click(browser, one(browser, "#by-outcome option[value=fail]"))
    assert names(browser) == [support.HOSTILE[0]]
    click(browser, one(browser, "#by-outcome option[value='']"))
    one(browser, "#find").send_keys("VIDEOS/000")
    assert len(names(browser)) == 5
    assert one(browser, "#shown").text == "5 of 24 files"
    press(browser, names(browser)[0], "redo")
    click(browser, one(browser, "#by-decision option[value=redo]"))
    assert len(names(browser)) == 1
    click(browser, one(browser, "#by-decision option[value=open]"))
    assert len(names(browser)) == 4


def test_decisions_are_kept_exported_and_accepted(browser: Any, reports: Path, tmp_path: Path) -> None:
    browser.get((reports / "few" / "index.html").as_uri())
    for name, choice in zip(support.HOSTILE, ("reject", "redo", "accept", "accept", "accept"), strict=True):
        press(browser, name, choice)
    press(browser, support.HOSTILE[3], "accept")
    one(browser, "#rows .note").send_keys('"Seen" </script> at 0:12')
    assert one(browser, "#decided").text == "20 open · 2 accepted · 1 rejected · 1 to redo"
    browser.refresh()
    assert one(browser, "#decided").text == "20 open · 2 accepted · 1 rejected · 1 to redo"
    found = review.load(export(browser, tmp_path / "downloads"), reports / "few")
    assert set(found.decisions) == {
        Decision(support.HOSTILE[0], Choice.REJECT, '"Seen" </script> at 0:12'),
        Decision(support.HOSTILE[1], Choice.REDO),
        Decision(support.HOSTILE[2], Choice.ACCEPT),
        Decision(support.HOSTILE[4], Choice.ACCEPT),
    }
    assert len(found.undecided) == 20


def test_all_that_passed_are_accepted_at_once_and_no_other(browser: Any, reports: Path, tmp_path: Path) -> None:
    browser.get((reports / "few" / "index.html").as_uri())
    press(browser, support.HOSTILE[4], "reject")
    click(browser, one(browser, "#accept-passing"))
    browser.switch_to.alert.accept()
    assert one(browser, "#decided").text == "2 open · 21 accepted · 1 rejected · 0 to redo"
    assert not one(browser, "#accept-passing").is_enabled()
    found = review.load(export(browser, tmp_path / "downloads"), reports / "few")
    assert set(found.undecided) == set(support.HOSTILE[:2])


def test_page_of_a_file_shares_its_decision(browser: Any, reports: Path) -> None:
    browser.get((reports / "few" / "index.html").as_uri())
    click(browser, one(browser, "#rows a"))
    assert one(browser, "h1").text == support.HOSTILE[0]
    assert all_of(browser, ".originals") == []
    assert one(browser, ".sheets img").get_property("naturalWidth") == 480
    assert len(all_of(browser, ".worst tbody tr")) == 5
    click(browser, one(browser, ".decide .reject"))
    one(browser, ".decide .note").send_keys("a leak")
    click(browser, one(browser, ".around [rel=next]"))
    assert one(browser, "h1").text == support.HOSTILE[1]
    assert one(browser, ".decide .reject").get_attribute("aria-pressed") == "false"
    click(browser, one(browser, ".around a"))
    assert one(browser, "#rows .note").get_property("value") == "a leak"
    assert one(browser, "#decided").text == "23 open · 0 accepted · 1 rejected · 0 to redo"


def test_what_another_tab_decides_is_seen(browser: Any, reports: Path) -> None:
    browser.get((reports / "few" / "index.html").as_uri())
    overview = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.get((reports / "few" / "videos" / "v00000.html").as_uri())
    click(browser, one(browser, ".decide .redo"))
    browser.close()
    browser.switch_to.window(overview)
    end = time.monotonic() + 5
    while not one(browser, "#decided").text.endswith("1 to redo") and time.monotonic() < end:
        time.sleep(0.05)
    assert one(browser, "#rows .redo").get_attribute("aria-pressed") == "true"


def test_policy_stops_what_a_page_does_not_hold(browser: Any, reports: Path) -> None:
    browser.get((reports / "few" / "index.html").as_uri())
    attempts = """
        const stopped = [], done = arguments[0];
        addEventListener("securitypolicyviolation", (event) => {
            stopped.push(event.effectiveDirective);
            if (stopped.length === 4) done(stopped);
        });
        const put = (kind, values) => document.body.append(Object.assign(document.createElement(kind), values));
        put("img", { src: "http://127.0.0.1:9/x.png" });
        put("script", { textContent: "window.ran = true" });
        put("iframe", { src: "http://127.0.0.1:9/" });
        fetch("http://127.0.0.1:9/").catch(() => {});
    """
    stopped = browser.execute_async_script(attempts)
    assert sorted(stopped) == ["connect-src", "frame-src", "img-src", "script-src-elem"]
    assert browser.execute_script("return window.ran") is None
    # The browser says in its log that it stopped them.
    for kind in ("browser", "performance"):
        browser.get_log(kind)


def test_reviewers_are_warned_everywhere(browser: Any, reports: Path) -> None:
    for path in ("index.html", "videos/v00000.html"):
        browser.get((reports / "reviewer" / path).as_uri())
        banner = one(browser, ".originals")
        assert "do not pass on" in banner.text
        assert banner.value_of_css_property("background-color") == "rgba(176, 0, 32, 1)"
    assert len(all_of(browser, ".sheets img")) == 2


def test_decisions_of_one_report_are_not_those_of_another(browser: Any, reports: Path) -> None:
    browser.get((reports / "few" / "index.html").as_uri())
    press(browser, support.HOSTILE[0], "accept")
    browser.get((reports / "reviewer" / "index.html").as_uri())
    assert one(browser, "#decided").text.startswith("4 open")


def test_without_storage_the_page_works_and_says_so(browser: Any, reports: Path, tmp_path: Path) -> None:
    broken = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };"
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": broken})
    try:
        browser.get((reports / "few" / "index.html").as_uri())
        press(browser, support.HOSTILE[0], "reject")
        assert "lost" in one(browser, "#unkept").text
        found = review.load(export(browser, tmp_path / "downloads"), reports / "few")
        assert found.decisions == (Decision(support.HOSTILE[0], Choice.REJECT),)
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_on_paper_is_what_needs_a_signature(browser: Any, reports: Path) -> None:
    browser.get((reports / "few" / "index.html").as_uri())
    press(browser, support.HOSTILE[4], "reject")
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert set(names(browser)) == {*support.HOSTILE[:2], support.HOSTILE[4]}
        assert "3 of 24 files" in one(browser, "#printed").text
        assert [term.text for term in all_of(browser, ".signature dt")] == ["Name", "Date", "Signature"]
        assert all_of(browser, "#rows button") == []
        assert not one(browser, "#export").is_displayed()
        assert "For every anonymized clip" in one(browser, "section[aria-labelledby=privacy] .numbers").text
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert len(names(browser)) == 24
    assert all_of(browser, "details[open]") == []


def test_without_scripts_the_rest_can_be_read(browser: Any, reports: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get((reports / "few" / "index.html").as_uri())
        assert "need JavaScript" in one(browser, "noscript").text
        assert not one(browser, "#review").is_displayed()
        assert one(browser, ".numbers").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_thousands_of_files_stay_usable(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_bytes(page.index(support.content(MANY), "0" * 64))
    browser.get((tmp_path / "index.html").as_uri())
    assert len(names(browser)) == 100
    assert one(browser, "#where").text == "Page 1 of 50"
    timed = """
        const begun = performance.now();
        arguments[0].click();
        document.body.getBoundingClientRect();
        return performance.now() - begun;
    """
    for head in all_of(browser, ".files th button"):
        assert browser.execute_script(timed, head) < 2000
    click(browser, one(browser, "#on"))
    assert one(browser, "#where").text == "Page 2 of 50"
    assert browser.execute_script(timed, one(browser, "#rows .accept")) < 500
    one(browser, "#find").send_keys("4999")
    assert names(browser) == ["videos/4999abcdefghijkl.mp4"]
