/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A drawing of a machine's flash, to scale: each unit at its place in the guest's address space.
   The drawing is for the eye; the table below it says the same in words. */

import { element, section, svg } from "./dom.js";
import { plainTable } from "./table.js";
import { size } from "./words.js";

const _ = cockpit.gettext;

const BAR_TOP = 4;
const BAR_HEIGHT = 62;
const LINE = 18;
/* per cent of the width that the label of an address takes */
const LABEL = 24;

function hex(address) {
    return "0x" + address.toString(16).padStart(8, "0");
}

function title(unit) {
    if (unit.role === "nvram") return _("Variables");
    return unit["read-only"] ? _("Code") : _("Code and variables");
}

function writers(unit) {
    if (unit["read-only"]) return _("Nobody: read-only");
    return unit.secure
        ? _("The guest's firmware alone, not its operating system (SMM)")
        : _("The guest");
}

function writersInShort(unit) {
    if (unit["read-only"]) return _("read-only");
    return unit.secure ? _("the firmware writes") : _("the guest writes");
}

function end(unit) {
    return unit["phys-addr"] + unit.size;
}

/* A nested svg clips the text of a narrow unit. */
function rectangle(unit, percent) {
    const x = percent(unit["phys-addr"]);
    const width = percent(end(unit)) - x;
    return svg(
        "svg",
        { x: `${x}%`, y: BAR_TOP, width: `${width}%`, height: BAR_HEIGHT },
        svg("title", {}, `${title(unit)}, ${size(unit.size)}, ${writersInShort(unit)}`),
        svg("rect", {
            class: unit["read-only"] ? "code" : "writable",
            width: "100%",
            height: "100%",
        }),
        svg("text", { x: 8, y: 18 }, title(unit)),
        svg("text", { x: 8, y: 36, class: "size" }, size(unit.size)),
        svg("text", { x: 8, y: 54, class: "size" }, writersInShort(unit)),
    );
}

/* The address of each edge, a line lower where it would run into the one before. */
function edgeLabels(units, percent) {
    const edges = [...new Set(units.flatMap(unit => [unit["phys-addr"], end(unit)]))].sort(
        (a, b) => a - b,
    );
    let row = 0;

    return edges
        .map((address, index) => {
            const x = percent(address);
            row = index > 0 && x - percent(edges[index - 1]) < LABEL ? row + 1 : 0;
            const y = BAR_TOP + BAR_HEIGHT + LINE * (row + 1);
            const anchor = x > 100 - LABEL ? "end" : "start";
            return [
                svg("line", { x1: `${x}%`, x2: `${x}%`, y1: BAR_TOP, y2: y }),
                svg(
                    "text",
                    { x: `${x}%`, y, dx: anchor === "end" ? -4 : 4, "text-anchor": anchor },
                    hex(address),
                ),
            ];
        })
        .flat();
}

function drawing(units) {
    const first = Math.min(...units.map(unit => unit["phys-addr"]));
    const last = Math.max(...units.map(end));
    const percent = address => (100 * (address - first)) / (last - first);
    const labels = edgeLabels(units, percent);
    const height = Math.max(...labels.map(node => Number(node.getAttribute("y")))) + 6;

    return svg(
        "svg",
        {
            role: "img",
            class: "flash",
            width: "100%",
            height,
            "aria-label": cockpit.format(
                _("The flash, to scale, from $0 to $1"),
                hex(first),
                hex(last),
            ),
        },
        units.map(unit => rectangle(unit, percent)),
        labels,
    );
}

const COLUMNS = [
    { name: "holds", title: _("Holds"), cell: title },
    {
        name: "addresses",
        title: _("Addresses"),
        cell: unit => element("code", {}, `${hex(unit["phys-addr"])} – ${hex(end(unit) - 1)}`),
    },
    { name: "size", title: _("Size"), cell: unit => size(unit.size) },
    {
        name: "blocks",
        title: _("Blocks"),
        cell: unit => `${unit["num-blocks"]} × ${size(unit["sector-length"])}`,
    },
    { name: "writers", title: _("Who may write"), cell: writers },
    {
        name: "file",
        title: _("File"),
        cell: unit =>
            unit.filename
                ? element("code", {}, unit.filename)
                : _("A copy of the template for each virtual machine"),
    },
];

/* units: the key flash of a resolution; undefined if the firmware is not in flash */
export function flashSection(units, device) {
    const title = _("Flash");
    if (!units)
        return section(
            title,
            element("p", {}, cockpit.format(_("None: this firmware is loaded by “$0”."), device)),
        );
    return section(
        title,
        element("p", {}, _("Where the guest finds its firmware in its memory, to scale:")),
        drawing(units),
        plainTable(title, COLUMNS, units),
    );
}
