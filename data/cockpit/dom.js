/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Builds elements. Ids, paths and texts of other users are data: they become text nodes and values
   of attributes, never markup. */

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === "function") node.addEventListener(name, value);
        else if (value !== undefined && value !== null && value !== false)
            node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat().filter(child => child || child === 0));
    return node;
}

/* A function as an attribute is a listener: { click: save }. A child that is null, false or empty
   is left out. */
export function element(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function button(text, click, attributes = {}) {
    return element("button", { type: "button", click, ...attributes }, text);
}

export function section(title, ...children) {
    return element("section", {}, element("h2", {}, title), ...children);
}

/* What a <select> offers; a choice that is still offered stays. options: value, and title if that
   differs */
export function offer(select, options) {
    const { value: chosen } = select;
    select.replaceChildren(
        ...options.map(({ value, title = value }) =>
            element("option", { value, selected: value === chosen }, title),
        ),
    );
}

export function choice(attributes, options) {
    const select = element("select", attributes);
    offer(select, options);
    return select;
}

/* What cockpit.location decodes. Its own encoder leaves a number sign in a name as it is. */
function hashOf(path) {
    return "#/" + path.map(encodeURIComponent).join("/");
}

export function go(path) {
    window.location.hash = hashOf(path);
}

export function link(text, path, attributes = {}) {
    return element("a", { href: hashOf(path), ...attributes }, text);
}

/* A name with its value; a value that is null leaves the pair out. */
export function pair(name, ...value) {
    return value.every(one => one === null || one === "")
        ? null
        : element("div", {}, element("dt", {}, name), element("dd", {}, ...value));
}

/* Words with a colour, as words.js has them; the words alone say everything. */
export function badge({ text, tone }) {
    return element("span", { class: `badge ${tone}` }, text);
}

/* tone: danger, warning, info, success; title: its first words, or empty */
export function alert(tone, title, ...children) {
    return element(
        "div",
        { class: `alert ${tone}`, role: tone === "danger" ? "alert" : "status" },
        title && element("strong", {}, title),
        ...children,
    );
}

/* Gives the focus to the control that has taken the place of one that is gone, if there is one. */
export function focusSuccessor(gone) {
    const name = node => node.ariaLabel || node.textContent;
    const main = document.querySelector("main");

    ([...main.querySelectorAll("button, a")].find(one => name(one) === name(gone)) || main).focus();
}

/* Makes nodes the children of parent. A node that stays in its place is not moved, and keeps the
   focus. */
export function place(parent, nodes) {
    const wanted = new Set(nodes);

    for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
    let next = parent.firstChild;
    for (const node of nodes) {
        if (node === next) next = next.nextSibling;
        else parent.insertBefore(node, next);
    }
}
