/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The list of all firmware, and one firmware. */

import { alert, badge, choice, element, link, offer, pair, section } from "./dom.js";
import { Table, byNumber, byText } from "./table.js";
import { urgency } from "./certificates.js";
import { health, layer, purpose, reason, secureBoot, state } from "./words.js";

const _ = cockpit.gettext;

/* Problems that leave the firmware below them in sight; more of them are shown when asked for. */
const FEW = 5;

/* A template's expiry is not reported: its generations say enough. */
function certificatesCell(firmware) {
    return firmware.SecureBoot === "none"
        ? "–"
        : badge(urgency(firmware.Certificates, 0, firmware.SecureBoot === "enforced"));
}

function architectures(firmware) {
    return firmware.Targets.map(([architecture]) => architecture);
}

/* A problem has the reasons as one text; the firmware that it belongs to has them as codes. */
function reasonsOf(store, path, text) {
    const firmware = store.firmware.find(one => one.Path === path);
    return firmware ? firmware.Problems.map(reason).join("; ") : text;
}

function titleOf(problems) {
    return cockpit.format(
        cockpit.ngettext("$0 file has a problem", "$0 files have problems", problems.length),
        problems.length,
    );
}

/* While there are problems it stays as the user has opened or closed it. */
function problemsAlert(store) {
    const title = element("summary");
    const list = element("ul");
    const details = element("details", {}, title, list);
    const node = alert("warning", "", details);

    function update() {
        const { Problems: problems } = store.manager;
        if (node.hidden) details.open = problems.length <= FEW;
        node.hidden = problems.length === 0;
        title.textContent = titleOf(problems);
        list.replaceChildren(
            ...problems.map(([path, text]) =>
                element("li", {}, element("code", {}, path), ": ", reasonsOf(store, path, text)),
            ),
        );
    }

    node.hidden = true;
    return { node, update };
}

export function firmwareView(store) {
    const architecture = choice({ change: () => update() }, []);
    const problems = problemsAlert(store);
    const table = new Table(
        [
            {
                name: "rank",
                title: _("Priority"),
                cell: one => String(one.Rank + 1),
                order: byNumber(one => one.Rank),
            },
            {
                name: "id",
                title: _("Name"),
                order: byText(one => one.Name),
                cell: one => [
                    link(one.Name, ["firmware", one.Name]),
                    one.Description ? element("div", { class: "detail" }, one.Description) : null,
                ],
            },
            {
                name: "architecture",
                title: _("Architecture"),
                cell: one => architectures(one).join(", ") || "–",
                order: byText(one => architectures(one).join()),
            },
            {
                name: "state",
                title: _("State"),
                cell: one => badge(state(one.State)),
                order: byText(one => one.State),
            },
            {
                name: "secure-boot",
                title: _("Secure Boot"),
                cell: one => badge(secureBoot(one.SecureBoot)),
                order: byText(one => one.SecureBoot),
            },
            {
                name: "certificates",
                title: _("Certificates"),
                cell: certificatesCell,
                order: byText(one => JSON.stringify(one.Certificates)),
            },
            {
                name: "layer",
                title: _("From"),
                order: byText(one => one.Layer),
                cell: one => [
                    layer(one.Layer),
                    one.Overrides.length > 0
                        ? element(
                              "div",
                              { class: "detail" },
                              cockpit.format(_("overrides $0"), one.Overrides.join(", ")),
                          )
                        : null,
                ],
            },
        ],
        {
            name: "firmware",
            key: one => one.Name,
            sort: "rank",
            label: _("Firmware"),
        },
    );

    function showArchitectures() {
        const all = [...new Set(store.firmware.flatMap(architectures))].sort();
        offer(architecture, [{ value: "", title: _("All") }, ...all.map(one => ({ value: one }))]);
    }

    function update() {
        table.update(
            store.firmware.filter(
                one => !architecture.value || architectures(one).includes(architecture.value),
            ),
            store.hasFirmware
                ? _(
                      "No firmware is shown. Install a package with firmware for virtual machines, such as ovmf.",
                  )
                : "",
        );
    }

    function updateAll() {
        problems.update();
        showArchitectures();
        update();
    }

    updateAll();
    return {
        title: _("Firmware"),
        node: element(
            "div",
            {},
            problems.node,
            element(
                "p",
                {},
                _("A virtual machine gets the first one that fits, from top to bottom. "),
                link(_("Ask which one, and why not another"), ["ask"]),
            ),
            element(
                "div",
                { class: "toolbar" },
                element("label", {}, _("Architecture"), architecture),
            ),
            table.node,
        ),
        update: what => {
            if (what === "firmware") updateAll();
        },
        close: () => {},
    };
}

function file(title, [path, format]) {
    return path && pair(title, element("code", {}, path), ` (${format})`);
}

function detail(one) {
    return element(
        "div",
        {},
        one.Problems.length > 0
            ? alert(
                  one.State === "usable" ? "warning" : "danger",
                  _("What is wrong with it"),
                  element("ul", {}, ...one.Problems.map(code => element("li", {}, reason(code)))),
              )
            : null,
        element(
            "dl",
            {},
            pair(_("Description"), one.Description),
            pair(_("State"), badge(state(one.State))),
            pair(_("Priority"), String(one.Rank + 1)),
            pair(_("Descriptor"), element("code", {}, one.Path)),
            pair(_("From"), layer(one.Layer)),
            one.Overrides.length > 0
                ? pair(_("Overrides"), element("code", {}, one.Overrides.join(", ")))
                : null,
            pair(_("Interface"), one.InterfaceTypes.join(", ")),
            pair(
                _("Loaded by"),
                one.Device === "flash" ? `${one.Device}, ${one.Mode}` : one.Device,
            ),
            file(_("Executable"), one.Executable),
            file(_("Template of the variables"), one.NVRAMTemplate),
            pair(_("Secure Boot of a new virtual machine"), badge(secureBoot(one.SecureBoot))),
            one.Health ? pair(_("Health of the template"), badge(health(one.Health))) : null,
            ...Object.entries(one.Certificates).map(([key, value]) =>
                pair(purpose(key), value === "none" ? _("none") : value.replace("+", ", ")),
            ),
            pair(_("Features"), one.Features.join(", ")),
            pair(_("Tags"), one.Tags.join(", ")),
        ),
        one.Targets.length > 0
            ? section(
                  _("For these machine types"),
                  element(
                      "ul",
                      {},
                      ...one.Targets.map(([architecture, machines]) =>
                          element(
                              "li",
                              {},
                              element("strong", {}, architecture),
                              ": ",
                              machines.join(", "),
                          ),
                      ),
                  ),
              )
            : null,
    );
}

export function oneFirmwareView(store, name) {
    const node = element("div");

    function update() {
        const one = store.firmware.find(firmware => firmware.Name === name);
        if (!one && !store.hasFirmware) return;
        node.replaceChildren(
            one
                ? detail(one)
                : alert(
                      "warning",
                      _("There is no firmware of this name."),
                      " ",
                      link(_("All firmware"), ["firmware"]),
                  ),
        );
    }

    update();
    return {
        title: name,
        parent: { title: _("Firmware"), path: ["firmware"] },
        node,
        update: what => {
            if (what === "firmware") update();
        },
        close: () => {},
    };
}
