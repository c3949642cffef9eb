# SPDX-License-Identifier: LGPL-2.1-or-later
"""Chromium at Cockpit: finds what a person, or a screen reader, would find, and waits for it."""

import base64
import contextlib
import time

from selenium import webdriver
from selenium.common import exceptions
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

ORIGIN = "http://localhost:9090"
# the page alone, without Cockpit's shell around it
PAGE = f"{ORIGIN}/cockpit/@localhost/vmfirmware/index.html"
SECONDS = 60
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-proxy-server", "--disable-background-networking")
ROLES = {"button": "button", "link": "a[href]", "checkbox": "input[type=checkbox]",
         "select": "select", "input": "input:not([type=checkbox])", "heading": "h1, h2, h3",
         "dialog": "dialog[open]", "table": "table"}
CONTROLS = ", ".join(selector for role, selector in ROLES.items() if role != "heading")
# What a selector finds in an element and is shown, each with the name that a screen reader says.
NAMED = """
const [root, selector] = arguments;
const textOf = label => {
    const copy = label.cloneNode(true);
    copy.querySelectorAll("input, select").forEach(control => control.remove());
    return copy.textContent;
};
const nameOf = node => node.ariaLabel
    || document.getElementById(node.getAttribute("aria-labelledby"))?.textContent
    || (node.labels?.length ? [...node.labels].map(textOf).join(" ")
        : node.matches("input, select") ? "" : node.textContent);
return [...root.querySelectorAll(selector)].filter(node => node.checkVisibility())
    .map(node => [node, nameOf(node).replace(/…? *$/, "").trim()]);
"""
# what an element of a page that is drawn anew, or still moves, may answer
PASSING = (exceptions.StaleElementReferenceException, exceptions.ElementNotInteractableException,
           exceptions.ElementClickInterceptedException)
# as the form does
LOG_IN = """
const [credentials, superuser, done] = arguments;
fetch("/cockpit/login", { headers: { Authorization: "Basic " + credentials, "X-Superuser": superuser } })
    .then(response => done(response.status));
"""


class Browser:
    """One window; use it in the machine's network."""

    def __init__(self, language="en", size=(1200, 900)):
        options = webdriver.ChromeOptions()
        for argument in (*ARGUMENTS, f"--window-size={size[0]},{size[1]}"):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {"intl.accept_languages": language})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(
            service=webdriver.chrome.service.Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_script_timeout(SECONDS)

    def close(self):
        self.driver.quit()

    def log_in(self, user, password, administrative=False):
        """As Cockpit's form does it; then to the page."""
        self.driver.get(f"{ORIGIN}/cockpit/static/manifest.json")
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        status = self.driver.execute_async_script(LOG_IN, credentials,
                                                  "any" if administrative else "none")
        assert status == 200, f"{user}: {status}"
        self.driver.get(PAGE)

    def log_in_by_form(self, user, password):
        """To the page in Cockpit's shell."""
        self.driver.get(f"{ORIGIN}/vmfirmware")
        for field, text in (("user", user), ("password", password)):
            self.until(lambda field=field: self.driver.find_elements(
                By.ID, f"login-{field}-input"), "the form is there")[0].send_keys(text)
        self.driver.find_element(By.ID, "login-button").click()

    @contextlib.contextmanager
    def page_in_shell(self):
        self.driver.switch_to.frame(self.until(lambda: [
            frame for frame in self.driver.find_elements(By.TAG_NAME, "iframe")
            if "/vmfirmware/" in (frame.get_attribute("src") or "")], "the page is there")[0])
        yield
        self.driver.switch_to.default_content()

    def go(self, place=""):
        """To a place in the page; it stays loaded."""
        self.run("window.location.hash = arguments[0]", f"#/{place}")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def until(self, condition, what, seconds=SECONDS):
        """The condition's first true value."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if value := condition():
                    return value
            except PASSING:
                pass
            if time.monotonic() > deadline:
                console = "\n".join(entry["message"] for entry in self.driver.get_log("browser"))
                raise AssertionError(f"not within {seconds} s: {what}\n{self.text()}\n{console}")
            time.sleep(0.05)

    def text(self):
        return self.run("return document.body.innerText")

    def sees(self, *texts):
        """Waits until all of them can be read on the page."""
        for text in texts:
            self.until(lambda: text in self.text(), f"“{text}” can be read")

    def misses(self, text):
        self.until(lambda: text not in self.text(), f"“{text}” is gone")

    @property
    def top(self):
        """All that can be used: the page, or the dialog over it."""
        dialogs = self.driver.find_elements(By.CSS_SELECTOR, ROLES["dialog"])
        return dialogs[-1] if dialogs else self.driver.find_element(By.TAG_NAME, "body")

    def named(self, selector, within=None):
        """(element, its name) of each that is shown, an ellipsis at the end left out."""
        return self.run(NAMED, within or self.top, selector)

    def all(self, role, name=None):
        within = self.driver.find_element(By.TAG_NAME, "body") if role == "dialog" else None
        return [element for element, its_name in self.named(ROLES[role], within)
                if name in (None, its_name)]

    def find(self, role, name):
        def look():
            found = self.all(role, name)
            return found[0] if len(found) == 1 else None
        return self.until(look, f"one {role} “{name}” is shown")

    def use(self, role, name, action):
        """Also where the page is drawn anew between a look and the action."""
        def do():
            found = [each for each in self.all(role, name) if each.is_enabled()]
            if len(found) != 1:
                return False
            action(found[0])
            return True
        self.until(do, f"{role} “{name}” can be used")

    def click(self, role, name):
        self.use(role, name, lambda element: element.click())

    def type(self, role, name, text):
        def write(element):
            element.send_keys(Keys.CONTROL, "a")
            element.send_keys(text)
        self.use(role, name, write)

    def choose(self, name, text):
        self.use("select", name, lambda element: Select(element).select_by_visible_text(text))

    def names(self):
        """Those in the table's rows; of many, far sooner than what the rows say."""
        return self.run("return [...document.querySelectorAll('td.id a')].map(a => a.textContent)")

    def rows(self):
        """{name: text} of the table's rows."""
        return dict(self.run("""
return [...document.querySelectorAll("tbody tr")].map(row => [
    (row.querySelector("td.id") ?? row.cells[0]).innerText.split("\\n")[0], row.innerText]);
"""))

    def row(self, name):
        return self.until(lambda: [
            row for row in self.driver.find_elements(By.CSS_SELECTOR, "tbody tr")
            if any(link.text == name for link in row.find_elements(By.CSS_SELECTOR, "td.id a"))],
            f"a row of “{name}”")[0]

    def press(self, *keys):
        """Where the focus is."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def nameless(self):
        """Controls that a screen reader could not name."""
        return [element.get_attribute("outerHTML")[:200]
                for element, name in self.named(CONTROLS) if not name]

    def faults(self):
        """Errors of scripts, refusals of the content security policy, failed requests since the last
        call; not Cockpit's own, that nobody is logged in yet."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" and "/cockpit/login" not in entry["message"]]
