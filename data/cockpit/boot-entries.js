/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A virtual machine's boot entries: the list, and its change. */

import { badge, button, choice, element, place, section } from "./dom.js";
import { plainTable } from "./table.js";
import { show } from "./dialog.js";
import { changeVariables } from "./vm-actions.js";

const _ = cockpit.gettext;

function nameOf(number) {
    return "Boot" + number.toString(16).toUpperCase().padStart(4, "0");
}

function boundTo(word) {
    switch (word) {
        case "partition":
            return _("a partition");
        case "mac":
            return _("a network card");
        case "device":
            return _("a device");
        default:
            return "–";
    }
}

/* in the order in which they are tried; then those that are not tried */
function sorted(report) {
    const order = report["boot-order"];
    const rank = entry =>
        order.includes(entry.number) ? order.indexOf(entry.number) : order.length;
    return [...report["boot-entries"]].sort((a, b) => rank(a) - rank(b));
}

function columns(order) {
    return [
        {
            name: "number",
            title: _("Entry"),
            cell: entry => element("code", {}, nameOf(entry.number)),
        },
        {
            name: "title",
            title: _("Title"),
            cell: entry =>
                [
                    entry.title || "–",
                    entry.active ? null : [" ", badge({ text: _("inactive"), tone: "neutral" })],
                    /* without an order the firmware makes one at the next start */
                    order.length === 0 || order.includes(entry.number)
                        ? null
                        : [" ", badge({ text: _("not tried"), tone: "neutral" })],
                ].flat(),
        },
        { name: "bound", title: _("Bound to"), cell: entry => boundTo(entry["bound-to"]) },
        { name: "path", title: _("Boots"), cell: entry => element("code", {}, entry.path) },
    ];
}

const FATES = [
    { value: "tried", title: _("try it") },
    { value: "kept", title: _("do not try it") },
    { value: "removed", title: _("remove it") },
];

/* One entry in the editor. Its buttons move it, and keep the focus. */
function editorRow(entry, list, isTried) {
    const name = `${nameOf(entry.number)} ${entry.title}`;
    const move = step => {
        const rows = [...list.children];
        const from = rows.indexOf(row);
        const focused = document.activeElement;
        rows.splice(from, 1);
        rows.splice(Math.max(from + step, 0), 0, row);
        place(list, rows);
        focused.focus();
    };
    const fate = choice({ "aria-label": name }, FATES);
    const row = element(
        "li",
        { "data-number": entry.number },
        button("↑", () => move(-1), { "aria-label": cockpit.format(_("Move $0 up"), name) }),
        button("↓", () => move(1), { "aria-label": cockpit.format(_("Move $0 down"), name) }),
        fate,
        name,
    );
    fate.value = isTried ? "tried" : "kept";
    return row;
}

/* What the rows say, as changes of ChangeVariables; none if nothing differs. */
function changesOf(rows, order) {
    const numbers = fate =>
        rows
            .filter(row => row.querySelector("select").value === fate)
            .map(row => Number(row.dataset.number));
    const removed = numbers("removed");
    const tried = numbers("tried");
    const changes = [];

    if (removed.length > 0) changes.push({ do: "remove-boot", numbers: removed });
    if (tried.join() !== order.filter(number => !removed.includes(number)).join())
        changes.push({ do: "boot-order", order: tried });
    return changes;
}

function openEditor(store, vm, report) {
    const entries = sorted(report);
    const order =
        report["boot-order"].length > 0 ? report["boot-order"] : entries.map(one => one.number);
    const list = element("ol", { class: "editor" });
    const status = element("p", { role: "status" });
    const next = button(_("Show what changes"), null, { type: "submit", class: "primary" });
    const dialog = element(
        "dialog",
        { "aria-labelledby": "editor-title" },
        element("h2", { id: "editor-title" }, _("Boot entries")),
        element("p", {}, _("The firmware tries them from top to bottom.")),
        element(
            "form",
            { submit },
            list,
            status,
            element(
                "div",
                { class: "buttons" },
                next,
                button(_("Cancel"), () => dialog.close()),
            ),
        ),
    );

    function submit(event) {
        const changes = changesOf([...list.children], order);

        event.preventDefault();
        if (changes.length === 0) {
            status.textContent = _("Nothing would change.");
            return;
        }
        dialog.close();
        changeVariables(store, [vm], changes, {
            title: _("Change the boot entries"),
            text: _("The variables as they are now become a backup."),
            confirm: _("Change"),
        });
    }

    list.append(...entries.map(entry => editorRow(entry, list, order.includes(entry.number))));
    show(dialog);
}

export function bootSection(store, vm, report) {
    const entries = sorted(report);
    return section(
        _("Boot entries"),
        entries.length === 0
            ? element(
                  "p",
                  {},
                  _(
                      "None yet: the firmware makes them at the first start, and finds disks without them.",
                  ),
              )
            : [
                  plainTable(_("Boot entries"), columns(report["boot-order"]), entries),
                  element(
                      "div",
                      { class: "buttons" },
                      button(_("Change") + "…", () => openEditor(store, vm, report)),
                  ),
              ],
    );
}
