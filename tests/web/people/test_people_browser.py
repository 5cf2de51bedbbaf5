"""People in a real Chromium: the first start, logging in, persons, tokens, acts; by keyboard and touch."""

from pathlib import Path

import pytest

from tests.web.browsing import CHROMIUM, PHONE, opened, says, shot, sync_api
from tests.web.fake_station import running
from tests.web.people.folk import ADMIN, OTHER_SECRET, SECRET, closed, make_admin, set_up_code

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)")


def type_in(page: "sync_api.Page", **fields: str) -> None:
    for name, text in fields.items():
        page.fill(f"main [name={name}]", text)


@pytest.mark.slow
def test_from_the_first_start_to_a_second_person(browser: "sync_api.Browser", tmp_path: Path) -> None:
    with running(tmp_path) as station, closed(tmp_path) as served:
        station.judge()
        with opened(browser, served.url) as page:
            says(page, "h1", "Set up this station")
            shot(page, "people-first")
            type_in(page, code=set_up_code(served), name=ADMIN, password=SECRET, again=SECRET)
            page.keyboard.press("Enter")
            says(page, ".whoami", ADMIN)
            page.click("nav.nav a[href='/setup']")
            page.click(".tabs a[href='/setup/people']")
            type_in(page, name="王伟", password=OTHER_SECRET)
            page.select_option("main [name=role]", "operator")
            shot(page, "people-people")
            page.click("main button.main")
            says(page, ".notice.good", "The person was added.")
            page.click(".persons a:has-text('王伟')")
            says(page, "h1", "王伟 Operator")
            page.check("input[value=engineer]")
            page.click("text=Save the role")
            says(page, "h1", "王伟 Engineer")
            shot(page, "people-person")
            page.click(".tabs a[href='/setup/tokens']")
            type_in(page, name="mes")
            page.click("main .form button.main")
            assert page.locator(".secret").inner_text().startswith("okng_")
            shot(page, "people-tokens")
            page.click(".tabs a[href='/setup/acts']")
            says(page, ".acts tbody tr td:nth-child(3)", "Made an API token")
            shot(page, "people-acts")
            page.click(".whoami a")
            says(page, "h1", f"{ADMIN} Admin")
            shot(page, "people-me")
            page.click("text=Log out >> nth=-1")
            says(page, "h1", "Log in")
            shot(page, "people-login")


def test_in_chinese_on_a_phone_with_a_password_that_somebody_else_has_set(
    browser: "sync_api.Browser", tmp_path: Path
) -> None:
    with running(tmp_path), closed(tmp_path) as served:
        with opened(browser, served.url) as page:
            type_in(page, code=set_up_code(served), name=ADMIN, password=SECRET, again=SECRET)
            page.keyboard.press("Enter")
            says(page, ".whoami", ADMIN)
            page.goto(f"{served.url}/setup/people")
            type_in(page, name="王伟", password=OTHER_SECRET)
            page.click("main .form button.main")
            says(page, ".notice.good", "The person was added.")
        phone = {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "is_mobile": True}
        with opened(browser, served.url, locale="zh-CN", **phone) as page:
            says(page, "h1", "登录")
            shot(page, "people-phone-login")
            type_in(page, name="王伟", password=OTHER_SECRET)
            page.tap("main button.main")
            says(page, ".notice.warn", "您的密码由他人设置，请先改为自己的密码。")
            shot(page, "people-phone-must-change")
            type_in(page, now=OTHER_SECRET, password="七盏安静的灯在桥上亮着", again="七盏安静的灯在桥上亮着")
            page.tap("main button.main")
            says(page, ".notice.good", "密码已更改。")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"]
            small = page.evaluate(
                "[...document.querySelectorAll('main a, main button, .whoami a, main input:not([hidden])')]"
                ".filter(e => e.getBoundingClientRect().height > 0 && e.getBoundingClientRect().height < 44)"
                ".map(e => e.outerHTML)"
            )
            assert small == []
            shot(page, "people-phone-me")


def test_a_line_view_whose_log_in_has_ended_goes_to_the_door(browser: "sync_api.Browser", tmp_path: Path) -> None:
    with running(tmp_path), closed(tmp_path) as served:
        admin = make_admin(served)
        context = browser.new_context()
        context.add_cookies(
            [{"name": name, "value": value, "url": served.url} for name, value in admin.cookies.items()]
        )
        page = context.new_page()
        page.goto(served.url)
        says(page, ".whoami", ADMIN)
        assert admin.post("/logout").status_code == 303
        says(page, "h1", "Log in")
        context.close()
