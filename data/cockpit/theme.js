/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Light or dark, as chosen in Cockpit's menu: its shell keeps the choice in the browser's storage,
   and tells the pages in its window by an event. Without a choice the style sheet follows the
   browser. */

const KEY = "shell:style";

function apply(style) {
    if (style === "light" || style === "dark") document.documentElement.dataset.theme = style;
    else delete document.documentElement.dataset.theme;
}

window.addEventListener("storage", event => {
    if (event.key === KEY) apply(event.newValue);
});
window.addEventListener("cockpit-style", event => apply(event.detail.style));
apply(localStorage.getItem(KEY));
