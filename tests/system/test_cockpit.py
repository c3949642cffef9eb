# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page in Cockpit, in a real browser, as root and as users that polkit refuses or asks."""

import contextlib
import json

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from lib import cockpit, libvirtd, package, paths
from lib.browser import ORIGIN, Browser
from lib.machine import PASSWORD, STATE, UNIT

from conftest import USERS
from test_polkit import POLKIT, RULE, put_rule

CERTIFICATES = "/etc/vmfirmwared/certificates"
# the table that is shipped, with certificates of the tests in place of those of 2023
STAND_INS = """
mkdir -p {0}; cd {0}; cp /usr/share/vmfirmwared/certificates/50-microsoft.conf .
for name in kek windows uefi option-rom; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null \
        -subj /CN=$name -outform DER -out $name.der 2>/dev/null
    digest=$(sha256sum $name.der | cut -d ' ' -f 1)
    sed -i "/^\\[microsoft-$name-2023\\]/,/^sha256=/s/^sha256=.*/sha256=$digest/" 50-microsoft.conf
done
"""
BOOT_ENTRIES = """
from lib import bootentry, edk2
vms.at('one').change_variables(
    change('remove-boot', all=True),
    *(change('set', guid=edk2.GLOBAL, name=f'Boot000{number}', data=data)
      for number, data in enumerate([bootentry.network(), bootentry.partition(), bootentry.file()], 1)),
    change('boot-order', order=[1, 2, 3]))
"""
EXAMPLE_RULE = paths.REPOSITORY / "docs" / "examples" / "49-vmfirmwared.rules"
SECURE = "features=['secure-boot', 'enrolled-keys']"
LONG_NAME = "a-virtual-machine-with-a-name-as-long-as-managers-make-them"
# each place of the page, and its heading
PLACES = {"vms": "Virtual machines", f"vms/0/{LONG_NAME}": LONG_NAME, "firmware": "Firmware",
          "firmware/40-edk2-x86_64-secure-enrolled": "40-edk2-x86_64-secure-enrolled",
          "ask": "Which firmware, and why not another?"}


TOO_WIDE = """
return document.documentElement.scrollWidth <= innerWidth ? []
    : [...document.body.querySelectorAll("*")]
        .filter(node => node.getBoundingClientRect().right > innerWidth)
        .map(node => node.outerHTML.slice(0, 200));
"""


@pytest.fixture(scope="module")
def console(machine, changes):
    """The machine with Cockpit and the page; this process is in its network."""
    cockpit.install(machine, USERS)
    machine.install(package.deb_of(changes, "cockpit-vmfirmware"))
    machine.shell(STAND_INS.format(CERTIFICATES))
    with machine.network():
        yield machine
    machine.run("dpkg", "--purge", "cockpit-vmfirmware")
    machine.shell(f"rm -r {CERTIFICATES}")
    assert not machine.path("/usr/share/cockpit/vmfirmware").exists()


@pytest.fixture(scope="module")
def browsers(console):
    """The windows of those who are logged in, by user."""
    made = {}
    yield made
    for browser in made.values():
        browser.close()


@pytest.fixture
def visit(browsers, started):
    """A window of this user's, at a place. In the end there is no fault in its console."""
    used = []

    def open_window(user, place="vms", **options):
        if user not in browsers:
            browsers[user] = Browser()
            browsers[user].log_in(user, PASSWORD, **options)
        browser = browsers[user]
        used.append(browser)
        browser.go(place)
        browser.until(lambda: not browser.all("dialog") and not browser.text().count("has stopped"),
                      "the page shows what is")
        return browser
    yield open_window
    for browser in used:
        assert browser.faults() == []
        browser.until(lambda: not browser.nameless(), "each control has a name")
        browser.press(Keys.ESCAPE)


@contextlib.contextmanager
def without_loading(browser):
    """What is shown then comes by signals, not with the page."""
    browser.run("window.isTheSame = true")
    yield
    assert browser.run("return window.isTheSame")


def make(agents, name, owner=0, options=SECURE):
    agents.root.run(f"vms.make({name!r}, owner={owner}, {options})")


def report(agents, name, owner=0):
    return json.loads(agents.root.run(
        f"import json\nprint(json.dumps(vms.at({name!r}, {owner}).read_variables()))")[0])


def reset(page):
    """As far as the service's answer."""
    page.click("button", "Reset")
    page.sees("which can be restored")
    page.click("button", "Reset")


@pytest.mark.parametrize("user", ["root", "alice"])
def test_lists(visit, agents, uids, user):
    make(agents, "one", uids.alice)
    make(agents, "<img src=x onerror=alert(1)>", options="without_features=['secure-boot']")
    page = visit(user)
    for name, words in (("one", ("alice", "Ready", "Enforced", "Expired")),
                        ("<img src=x onerror=alert(1)>", ("root", "Ready", "Not available"))):
        page.until(lambda name=name, words=words: all(
            word in page.row(name).text for word in words), f"the row of {name} says {words}")
    assert set(page.rows()) == {"one", "<img src=x onerror=alert(1)>"}
    page.go("firmware")
    page.sees("40-edk2-x86_64-secure-enrolled")
    names = agents.root.run("print(client.names())")[0]
    assert str(list(page.rows())) == names
    page.click("link", "40-edk2-x86_64-secure-enrolled")
    page.sees("/usr/share/OVMF/OVMF_VARS_4M.ms.fd", "requires-smm", "pc-q35-*")


def test_every_place_fits_a_narrow_screen(visit, agents):
    make(agents, LONG_NAME)
    page = visit("root")
    size = {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for place, heading in PLACES.items():
            page.go(place)
            page.find("heading", heading)
            page.until(lambda: page.run(TOO_WIDE) == [], f"{place} fits")
            page.until(lambda: not page.nameless(), "each control has a name")
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture
def descriptor(console):
    console.shell(f"mkdir -p /etc/qemu/firmware {libvirtd.IMAGES}; cp /usr/share/OVMF/OVMF_CODE_4M.fd"
                  f" /usr/share/OVMF/OVMF_VARS_4M.fd {libvirtd.IMAGES}")
    path = console.path(libvirtd.DESCRIPTOR)
    yield path
    path.unlink(missing_ok=True)


def test_a_changed_descriptor_is_shown_at_once(visit, console, descriptor):
    page = visit("alice", "firmware")
    page.sees("60-edk2-x86_64")
    with without_loading(page):
        libvirtd.add_firmware(console)
        page.until(lambda: "10-mine" in page.rows(), "the new firmware is there")
        assert list(page.rows())[0] == "10-mine"
        descriptor.write_text(descriptor.read_text("utf-8").replace('"mine"', '"<i>ours</i>"', 1),
                              encoding="utf-8")
        page.until(lambda: "<i>ours</i>" in page.rows()["10-mine"], "its new description is there")
        descriptor.write_text("{", encoding="utf-8")
        page.sees(f"{libvirtd.DESCRIPTOR}: it is not valid JSON")
        descriptor.unlink()
        page.until(lambda: "10-mine" not in page.rows(), "it is gone")
        page.misses(libvirtd.DESCRIPTOR)


def test_many_problems_leave_the_firmware_in_sight(visit, descriptor):
    broken = [descriptor.with_name(f"70-broken-{number}.json") for number in range(6)]
    page = visit("alice", "firmware")
    try:
        for path in broken:
            path.write_text("{", encoding="utf-8")
        page.until(lambda: "70-broken-5" in page.rows(), "all are known")
        page.go("ask")
        page.sees("It gets ")
        page.go("firmware")
        page.sees("files have problems")
        page.misses("it is not valid JSON")
        page.driver.find_element(By.TAG_NAME, "summary").click()
        page.sees("70-broken-5.json: it is not valid JSON")
    finally:
        for path in broken:
            path.unlink()


def test_explain(visit):
    page = visit("alice", "ask")
    page.choose("Architecture", "x86_64")
    page.sees("It gets ")
    page.click("checkbox", "Secure Boot")
    page.sees("It gets 40-edk2-x86_64-secure-enrolled.",
              "it does not have the feature secure-boot", "it is not for this architecture")
    verdicts = page.driver.find_elements(By.CSS_SELECTOR, "ol.verdicts li[data-id]")
    assert verdicts[0].text.startswith("Chosen 40-edk2-x86_64-secure-enrolled")
    drawing = page.driver.find_element(By.CSS_SELECTOR, "svg[role=img]")
    # 4 MiB below 4 GiB
    assert "from 0xffc00000 to 0x100000000" in drawing.accessible_name
    assert "0xffc00000" in page.find("table", "Flash").text
    page.type("input", "Machine type", "Q35" + Keys.TAB)
    page.sees("No firmware fits", "did you mean")


def test_reset_and_restore(visit, agents, uids):
    make(agents, "one", uids.alice)
    agents.root.run(f"vms.at('one', {uids.alice}).change_variables(change('secure-boot', on=False))")
    before = report(agents, "one", uids.alice)
    page = visit("root", f"vms/{uids.alice}/one")
    page.find("heading", "Backups")
    reset(page)
    page.sees("Before a reset")
    after = report(agents, "one", uids.alice)
    assert (before["secure-boot"], after["secure-boot"]) == ("off", "enforced")
    page.until(lambda: [element for element, name in page.named("td button")
                        if name.startswith("Restore the backup")],
               "backups can be restored")[0].click()
    page.click("button", "Restore")
    page.sees("Before a backup was restored")
    assert report(agents, "one", uids.alice)["sha256"] == before["sha256"]
    page.until(lambda: page.driver.switch_to.active_element.tag_name != "body",
               "the focus is not lost with what was drawn anew")


def test_enrolment_of_three(visit, agents, uids):
    for name in ("one", "two", "three"):
        make(agents, name, uids.alice)
    make(agents, "plain", options="without_features=['secure-boot']")
    page = visit("root")
    for name in ("one", "two", "three"):
        page.row(name)
        page.click("checkbox", f"Select {name}")
    page.sees("3 of 4 selected")
    with without_loading(page):
        page.click("button", "Enroll certificates")
        page.sees("KEK", "db", "PCR 7 of the TPM changes", "3 would change, 0 need nothing")
        assert report(agents, "one", uids.alice)["certificates"]["kek"] == "2011"
        page.click("button", "Enroll")
        page.sees("3 of 3 done, 0 failed.")
        page.click("button", "Close")
        for name in ("one", "two", "three"):
            page.until(lambda name=name: "Current" in page.row(name).text, "its row is new")
            certificates = report(agents, name, uids.alice)["certificates"]
            assert {certificates[purpose] for purpose in ("kek", "windows", "third-party")} == {
                "2011+2023"}


def test_what_polkit_refuses(visit, agents, uids):
    """A user in Cockpit is in no local session."""
    make(agents, "mine", uids.alice)
    make(agents, "roots")
    before = report(agents, "mine", uids.alice)
    page = visit("alice", f"vms/{uids.alice}/mine")
    reset(page)
    page.sees("Not done.", "administrative access")
    assert report(agents, "mine", uids.alice) == before
    page.click("button", "Close")
    page.go("vms/0/roots")
    page.sees("/nvram.raw", "Not shown.")


def test_administrative_access(visit, agents, uids):
    """As whoever may become root."""
    make(agents, "one", uids.alice)
    page = visit("carol", f"vms/{uids.alice}/one", administrative=True)
    page.click("button", "Rename")
    page.type("input", "New name", "other")
    page.click("button", "Rename")
    page.find("heading", "other")
    page.click("button", "Clone")
    page.type("input", "Name of the copy", "copy")
    page.click("button", "Clone")
    page.find("heading", "copy")
    page.click("button", "Remove")
    page.sees("That cannot be undone")
    page.click("button", "Remove")
    page.until(lambda: set(page.rows()) == {"other"}, "the copy is gone")
    assert agents.root.run("print([e[0] for e in vms.list(all=True)])") == ["['other']"]


def test_administrative_access_from_the_shell(console, agents, started, uids):
    """Turned on and off again, in Cockpit's own dialogs."""
    make(agents, "one", uids.alice)
    with contextlib.closing(Browser()) as browser:
        browser.log_in_by_form("carol", PASSWORD)
        browser.find("button", "Limited access")
        with browser.page_in_shell():
            browser.row("one")
            browser.go(f"vms/{uids.alice}/one")
            reset(browser)
            browser.sees("Not done.", "turn it on at the top of Cockpit")
            browser.click("button", "Close")
        browser.click("button", "Limited access")
        browser.until(lambda: browser.driver.find_elements(By.ID, "switch-to-admin-access-password"),
                      "it asks for the password")[0].send_keys(PASSWORD, Keys.ENTER)
        browser.find("button", "Administrative access")
        with browser.page_in_shell():
            browser.find("heading", "Variables")
            reset(browser)
            browser.sees("Before a reset")
        browser.click("button", "Administrative access")
        browser.click("button", "Limit access")
        browser.find("button", "Limited access")
        with browser.page_in_shell():
            browser.misses("Before a reset")
            reset(browser)
            browser.sees("Not done.")


def test_a_polkit_rule_for_a_group(visit, agents, uids, started):
    """The example: dave is one of the group, in no local session, and has no administrative access."""
    make(agents, "his", uids.dave)
    make(agents, "roots")
    page = visit("dave", f"vms/{uids.dave}/his")
    reset(page)
    page.sees("Not done.", "with a polkit rule")
    page.click("button", "Close")
    put_rule(started, EXAMPLE_RULE.read_text("utf-8"))
    try:
        reset(page)
        page.sees("Before a reset")
        page.go("vms/0/roots")
        reset(page)
        page.sees("Not done.", "with a polkit rule")
    finally:
        started.path(RULE).unlink()
        started.run("systemctl", "restart", POLKIT)


def test_boot_entries(visit, agents):
    make(agents, "one")
    agents.root.run(BOOT_ENTRIES)
    page = visit("root", "vms/0/one")
    page.find("table", "Boot entries")
    page.click("button", "Change")
    page.click("button", "Show what changes")
    page.sees("Nothing would change.")
    page.click("button", "Move Boot0003 file up")
    page.click("button", "Move Boot0003 file up")
    page.choose("Boot0001 network", "remove it")
    page.choose("Boot0002 disk", "do not try it")
    page.click("button", "Show what changes")
    page.sees("Boot0001", "BootOrder")
    assert report(agents, "one")["boot-order"] == [1, 2, 3]
    page.click("button", "Change")
    page.until(lambda: "network" not in page.find("table", "Boot entries").text, "it is removed")
    changed = report(agents, "one")
    assert changed["boot-order"] == [3]
    assert [entry["title"] for entry in changed["boot-entries"]] == ["disk", "file"]
    # what is tried first
    assert list(page.rows())[:2] == ["Boot0003", "Boot0002"]


def test_several_at_once(visit, agents):
    """One of them cannot be changed, which keeps none of the others."""
    for name in ("one", "two", "three"):
        make(agents, name)
        agents.root.run(f"vms.at({name!r}).change_variables(change('secure-boot', on=False))")
    agents.root.run("lease = vms.at('two').acquire()")
    page = visit("root")
    page.row("three")
    page.click("checkbox", "Select all that are shown")
    page.sees("3 of 3 selected")
    page.click("button", "Reset")
    page.click("button", "Reset")
    page.sees("2 of 3 done, 1 failed.", "Shut the virtual machine down first.")
    page.click("button", "Close")
    assert [report(agents, name)["secure-boot"] for name in ("one", "three")] == ["enforced"] * 2
    page.click("button", "Remove")
    page.click("button", "Remove")
    page.sees("2 of 3 done, 1 failed.")
    page.click("button", "Close")
    page.until(lambda: set(page.rows()) == {"two"}, "the other is left")
    page.sees("1 of 1 selected")
    page.type("input", "Search", "one")
    page.sees("No virtual machine is as searched for.")
    agents.root.run("os.close(lease)")
    page.click("button", "Remove")
    page.click("button", "Remove")
    page.sees("No virtual machine is shown.")


def test_by_keyboard_alone(visit, agents):
    make(agents, "one")
    page = visit("root", "vms/0/one")
    button = page.find("button", "Rename")
    page.find("heading", "Backups")
    page.run("document.querySelector('main').focus()")

    def active():
        return page.driver.switch_to.active_element
    while active() != button:
        page.press(Keys.TAB)
        assert active().tag_name != "body"
    page.press(Keys.ENTER)
    dialog = page.find("dialog", "Rename")
    # it stays in the dialog, or is the browser's
    for _ in range(6):
        page.press(Keys.TAB)
        assert page.run("return arguments[0].contains(document.activeElement) || "
                        "document.activeElement === document.body", dialog)
    page.press(Keys.ESCAPE)
    page.until(lambda: active() == button, "the focus is where it was")
    page.press(Keys.ENTER)
    page.find("dialog", "Rename")
    page.until(lambda: active().tag_name == "input", "the name can be typed")
    page.press(Keys.CONTROL + "a", "another", Keys.ENTER)
    page.find("heading", "another")
    page.click("button", "Clone")
    page.driver.back()
    page.until(lambda: not page.all("dialog"), "it does not stay over another page")


def test_the_service_stops_and_starts(visit, agents, started):
    make(agents, "one")
    page = visit("alice")
    page.row("one")
    with without_loading(page):
        started.run("systemctl", "stop", UNIT)
        page.sees("The service vmfirmwared has stopped.")
        page.row("one")
        started.run("systemctl", "start", UNIT)
        page.misses("has stopped")
        make(agents, "two")
        page.row("two")
        agents.root.run("vms.at('one').remove()")
        page.until(lambda: set(page.rows()) == {"two"}, "the one that is removed is gone")
        started.run("systemctl", "stop", UNIT)
        page.click("button", "Start it")
        page.misses("has stopped")
        page.until(lambda: started.show("ActiveState") == "active", "it runs")


def test_a_service_that_cannot_start(visit, started):
    page = visit("alice")
    started.run("systemctl", "mask", "--runtime", "--now", UNIT)
    try:
        page.driver.refresh()
        page.sees("The service vmfirmwared does not run, and cannot be started.",
                  f"systemctl status {UNIT.removesuffix('.service')}")
    finally:
        started.run("systemctl", "unmask", "--runtime", UNIT)
    page.click("button", "Try again")
    page.misses("cannot be started")


def test_virtual_machines_that_cannot_be_listed(visit, agents, started):
    """Firmware is shown nevertheless."""
    page = visit("alice")
    said = "The virtual machines cannot be listed."
    started.shell(f"systemctl stop {UNIT}; mv {STATE} {STATE}.away; touch {STATE}; "
                  f"systemctl start {UNIT}")
    try:
        page.driver.refresh()
        page.sees(said, STATE)
        page.go("firmware")
        page.row("40-edk2-x86_64-secure-enrolled")
        page.sees(said)
    finally:
        started.shell(f"systemctl stop {UNIT}; rm {STATE}; mv {STATE}.away {STATE}; "
                      f"systemctl start {UNIT}")
    make(agents, "one")
    page.misses(said)
    page.go("vms")
    page.row("one")


def test_many(visit, agents, console, descriptor):
    """All of them can be reached."""
    directory = descriptor.parent
    for number in range(200):
        libvirtd.add_firmware(console).rename(directory / f"70-many-{number:03}.json")
    try:
        agents.root.run("for number in range(1000):\n    vms.prepare(f'vm{number:04}', "
                        "without_features=['secure-boot'])")
        page = visit("root")
        page.sees("1000 of 1000 shown")
        page.until(lambda: set(page.names()) == {f"vm{number:04}" for number in range(1000)},
                   "each has a row")
        last = page.driver.find_elements(By.CSS_SELECTOR, "tbody tr")[-1]
        # the rows above it get their height only when they come into sight
        page.until(lambda: page.run("""
arguments[0].scrollIntoView();
const box = arguments[0].getBoundingClientRect();
return box.top >= 0 && box.bottom <= innerHeight;""", last), "the last one is in sight")
        page.type("input", "Search", "vm0999")
        page.sees("1 of 1000 shown")
        page.go("firmware")
        page.until(lambda: sum(name.startswith("70-many-") for name in page.names()) == 200,
                   "all firmware is listed")
    finally:
        for path in directory.glob("70-many-*"):
            path.unlink()


def test_german_in_the_shell(console, agents, started):
    """By Cockpit's own form and menu."""
    make(agents, "eine")
    with contextlib.closing(Browser("de")) as browser:
        browser.log_in_by_form("carol", PASSWORD)
        browser.find("link", "VM-Firmware")
        with browser.page_in_shell():
            browser.sees("Virtuelle Maschinen", "Suchen", "eine", "Bereit")
            assert browser.run("return document.documentElement.lang") == "de"
