/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tables. The style sheet lays out each row of a long table by itself, so that a browser leaves out
   those that are not in sight, and on a narrow screen shows each as a block. Either would take the
   roles from the elements: they are written out. */

import { element, place } from "./dom.js";

/* rows that are added in one go: at first more than a screen shows, so that something is there
   soon; then most tables whole, because the browser lays out the page anew after each go */
const AT_FIRST = 100;
const AT_ONCE = 1000;
const CONTROL = "a, button, input";

function headingOf(column, content = column.title) {
    return element("th", { role: "columnheader", scope: "col", class: column.name }, content);
}

/* A row without its content, to be cloned for each item. */
function emptyRow(columns) {
    return element(
        "tr",
        { role: "row" },
        ...columns.map(column =>
            element("td", {
                role: "cell",
                class: column.name,
                "data-title": column.label || column.title,
            }),
        ),
    );
}

function rowOf(empty, columns, item) {
    const row = empty.cloneNode(true);
    let cell = row.firstChild;
    for (const column of columns) {
        cell.append(...[column.cell(item)].flat().filter(Boolean));
        cell = cell.nextSibling;
    }
    return row;
}

function frame(kind, label, headings, body) {
    return element(
        "div",
        { class: `table ${kind}` },
        element(
            "table",
            { role: "table", "aria-label": label },
            element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...headings)),
            body,
        ),
    );
}

/* of few rows; columns as below */
export function plainTable(label, columns, items) {
    const empty = emptyRow(columns);
    return frame(
        "plain",
        label,
        columns.map(column => headingOf(column)),
        element("tbody", { role: "rowgroup" }, ...items.map(item => rowOf(empty, columns, item))),
    );
}

/* A table of many rows that can be sorted. A row is built once for each item; an item that changes
   is another object (see store.js), so an update builds the rows of changed items alone. */
export class Table {
    #columns;
    #key;
    #emptyRow;
    #rows = new WeakMap();
    #items = [];
    #sorted = [];
    #frame;
    #timer;
    #sort;
    #descending = false;
    #body = element("tbody", { role: "rowgroup" });
    #headings;
    #empty;

    /* columns: name; title, and label, a text, if the title is a node; cell(item), a node, a text
         or a list of them; order(a, b) if it sorts
       options: name, the class with the widths of the columns; key(item), a text that no other item
         has; sort, the first column's name; label, of the table */
    constructor(columns, { name, key, sort, label }) {
        this.#columns = columns;
        this.#emptyRow = emptyRow(columns);
        this.#key = key;
        this.#sort = sort;
        this.#empty = element("p", { class: "empty" });
        this.#headings = new Map(columns.map(column => [column.name, this.#heading(column)]));
        this.node = frame(`long ${name}`, label, this.#headings.values(), this.#body);
        this.node.append(this.#empty);
    }

    /* empty: the text for no items */
    update(items, empty) {
        this.#items = items;
        this.#empty.textContent = items.length > 0 ? "" : empty;
        this.#show();
    }

    #heading(column) {
        return headingOf(
            column,
            column.order
                ? element(
                      "button",
                      { type: "button", class: "sort", click: () => this.#sortBy(column) },
                      column.title,
                  )
                : column.title,
        );
    }

    #sortBy(column) {
        this.#descending = this.#sort === column.name && !this.#descending;
        this.#sort = column.name;
        this.#show();
    }

    #show() {
        const { order } = this.#columns.find(column => column.name === this.#sort);
        const sign = this.#descending ? -1 : 1;
        const focus = this.#findFocus();

        for (const [name, heading] of this.#headings)
            heading.ariaSort =
                name !== this.#sort ? null : this.#descending ? "descending" : "ascending";
        this.#sorted = [...this.#items].sort((a, b) => sign * order(a, b));
        this.#fill();
        if (focus && !focus.node.isConnected) this.#restoreFocus(focus);
    }

    /* Adds some of the rows that are missing, and the others when the browser has shown these. */
    #fill() {
        const limit = this.#body.rows.length < AT_FIRST ? AT_FIRST : AT_ONCE;
        const rows = [];
        let added = 0;

        for (const item of this.#sorted) {
            const row = this.#row(item);
            if (!row.parentNode && added++ === limit) break;
            rows.push(row);
        }
        place(this.#body, rows);
        cancelAnimationFrame(this.#frame);
        clearTimeout(this.#timer);
        if (rows.length < this.#sorted.length)
            this.#frame = requestAnimationFrame(() => {
                this.#timer = setTimeout(() => this.node.isConnected && this.#fill());
            });
    }

    #row(item) {
        let row = this.#rows.get(item);
        if (!row) {
            row = rowOf(this.#emptyRow, this.#columns, item);
            row.dataset.id = this.#key(item);
            this.#rows.set(item, row);
        }
        return row;
    }

    /* The row that has the focus may be replaced by one of the same item. */
    #findFocus() {
        const node = document.activeElement;
        const cell = this.#body.contains(node) ? node.closest("td") : null;
        return cell && { node, id: cell.parentNode.dataset.id, column: cell.cellIndex };
    }

    #restoreFocus({ id, column }) {
        const row = [...this.#body.rows].find(one => one.dataset.id === id);
        row?.cells[column].querySelector(CONTROL)?.focus();
    }
}

const collator = new Intl.Collator(undefined, { numeric: true });

export function byText(get) {
    return (a, b) => collator.compare(get(a), get(b));
}

export function byNumber(get) {
    return (a, b) => get(a) - get(b);
}
