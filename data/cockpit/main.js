/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The frame of the page: navigation, the state of the service, and one view at a time:

     #/vms                  all virtual machines
     #/vms/OWNER/ID         one of them, with the owner's uid
     #/firmware             all firmware
     #/firmware/NAME        one of them
     #/ask                  which firmware, and why not another */

import { alert, button, element, link } from "./dom.js";
import { askView } from "./ask.js";
import { Store } from "./store.js";
import { firmwareView, oneFirmwareView } from "./firmware.js";
import { vmView } from "./vm.js";
import { vmsView } from "./vms.js";
import { failure } from "./words.js";
import "./theme.js";

const _ = cockpit.gettext;

/* shows: the part of the store that it needs first */
const TABS = [
    { path: ["vms"], title: _("Virtual machines"), shows: "vms" },
    { path: ["firmware"], title: _("Firmware"), shows: "firmware" },
    { path: ["ask"], title: _("Why not?"), shows: "firmware" },
];

const store = new Store(tabOf(cockpit.location.path).shows);
const status = element("div", { id: "status" });
const navigation = element("nav", { "aria-label": _("VM firmware") });
const main = element("main", { tabindex: "-1" });
let view = null;

function viewOf([kind, ...rest]) {
    if (kind === "firmware")
        return rest.length > 0 ? oneFirmwareView(store, rest[0]) : firmwareView(store);
    if (kind === "ask") return askView(store);
    return rest.length === 2 ? vmView(store, ...rest) : vmsView(store);
}

function tabOf([kind]) {
    return TABS.find(tab => tab.path[0] === kind) || TABS[0];
}

function showNavigation(path) {
    const current = tabOf(path);
    navigation.replaceChildren(
        ...TABS.map(tab =>
            link(tab.title, tab.path, {
                "aria-current": tab === current ? "page" : null,
            }),
        ),
    );
}

function show() {
    const { path } = cockpit.location;
    const isFirst = view === null;

    /* it is about what was there before */
    document.querySelectorAll("dialog").forEach(dialog => dialog.close());
    view?.close();
    view = viewOf(path);
    showNavigation(path);
    main.replaceChildren(
        element(
            "header",
            {},
            view.parent ? link(view.parent.title, view.parent.path, { class: "parent" }) : null,
            element("h1", {}, view.title),
        ),
        view.node,
    );
    document.title = view.title;
    if (!isFirst) main.focus();
}

function statusAlert() {
    const again = button(_("Try again"), () => store.connect());

    switch (store.status) {
        case "stopped":
            return alert(
                "warning",
                _("The service vmfirmwared has stopped."),
                " ",
                _("What you see is from before. "),
                button(_("Start it"), () => store.start()),
            );
        case "absent":
            return alert(
                "danger",
                _("The service vmfirmwared does not run, and cannot be started."),
                " ",
                _(
                    "Install the package vmfirmwared. If it is installed, “systemctl status vmfirmwared” says why it does not start. ",
                ),
                again,
            );
        case "refused":
            return alert(
                "danger",
                _("You are not allowed to ask the service vmfirmwared."),
                " ",
                store.isPrivileged
                    ? _("The host's policy does not allow it.")
                    : _("Turn on administrative access at the top of Cockpit."),
                " ",
                again,
            );
        case "broken":
            return alert(
                "danger",
                _("The service vmfirmwared cannot be asked."),
                " ",
                failure(store.error, store.isPrivileged),
                " ",
                again,
            );
        case "up":
            return (
                store.vmsError &&
                alert(
                    "danger",
                    _("The virtual machines cannot be listed."),
                    " ",
                    failure(store.vmsError, store.isPrivileged),
                    " ",
                    again,
                )
            );
        default:
            return null;
    }
}

function showStatus() {
    status.replaceChildren(...[statusAlert()].filter(Boolean));
    main.ariaBusy = String(store.status === "connecting");
}

for (const what of ["firmware", "vms"]) store.addEventListener(what, () => view.update(what));
store.addEventListener("status", showStatus);
cockpit.addEventListener("locationchanged", show);
document.body.append(navigation, status, main);
document.documentElement.lang = cockpit.language.replace("_", "-");
show();
showStatus();
