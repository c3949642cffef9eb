/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A dialog that says what an action will do with one or several virtual machines, does it, and
   shows the result for each. The browser keeps the focus in a modal <dialog>, and returns it when
   that closes. */

import { alert, badge, button, choice, element, focusSuccessor } from "./dom.js";
import { failure } from "./words.js";

const _ = cockpit.gettext;

/* The service accepts 16 unfinished calls of a user. */
const AT_ONCE = 4;

async function forEach(items, task) {
    const queue = [...items];
    await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
            while (queue.length > 0) await task(queue.shift());
        }),
    );
}

/* One virtual machine in the dialog: its plan, and then what came of it. */
class Entry {
    /* waiting, planned, needless, failed, done */
    state = "waiting";
    plan = null;
    #result = element("div");

    constructor(vm) {
        this.vm = vm;
        this.node = element(
            "li",
            { "data-id": vm.object },
            element("strong", {}, vm.id),
            this.#result,
        );
    }

    show(state, ...nodes) {
        this.state = state;
        this.#result.replaceChildren(...nodes);
    }

    fail(error, isPrivileged) {
        this.show("failed", alert("danger", _("Not done."), " ", failure(error, isPrivileged)));
    }
}

/* Until it is closed. What opened it may be drawn anew meanwhile, and then gets no focus back from the
   browser. */
export function show(dialog) {
    const opener = document.activeElement;

    dialog.addEventListener("close", () => {
        dialog.remove();
        if (!opener.isConnected && document.activeElement === document.body) focusSuccessor(opener);
    });
    document.body.append(dialog);
    dialog.showModal();
}

function input({ name, label, value, options }) {
    if (options) return element("label", {}, label, choice({ name }, options));
    return element(
        "label",
        {},
        label,
        element("input", { name, value, required: true, autocomplete: "off" }),
    );
}

/* action:
     title, text   what it is, and what it will do
     confirm       on the button; danger: it loses something
     fields        inputs: name, label, value, or options for a choice
     plan(vm)      what it will do with this one: { nodes, isNeeded, warning }; optional, changes
                   nothing. The warning is a text; one that several have is shown once
     run(vm, plan, values)  does it; values by the names of the fields
     done(vm, values)       after the success of the only one; optional */
export function openDialog(store, vms, action) {
    const entries = vms.map(vm => new Entry(vm));
    const summary = element("p", { role: "status" });
    const warnings = element("div");
    const confirm = button(action.confirm, null, {
        type: "submit",
        class: action.danger ? "danger" : "primary",
    });
    const cancel = button(_("Cancel"), () => dialog.close());
    const form = element(
        "form",
        {
            method: "dialog",
            submit: event => {
                event.preventDefault();
                run();
            },
        },
        ...(action.fields || []).map(input),
    );
    const dialog = element(
        "dialog",
        {
            "aria-labelledby": "dialog-title",
            close: () => {
                isClosed = true;
            },
        },
        element("h2", { id: "dialog-title" }, action.title),
        element("p", {}, action.text),
        element("ul", { class: "entries" }, ...entries.map(entry => entry.node)),
        warnings,
        summary,
        form,
    );
    let isClosed = false;

    function count(state) {
        return entries.filter(entry => entry.state === state).length;
    }

    async function makePlan(entry) {
        if (isClosed) return;
        try {
            entry.plan = await action.plan(entry.vm);
            entry.show(entry.plan.isNeeded ? "planned" : "needless", ...entry.plan.nodes);
        } catch (error) {
            entry.fail(error, store.isPrivileged);
        }
    }

    async function makePlans() {
        confirm.disabled = true;
        summary.textContent = _("Looking what would change…");
        await forEach(entries, makePlan);
        const texts = new Set(entries.map(entry => entry.plan?.warning).filter(Boolean));
        warnings.replaceChildren(...[...texts].map(text => alert("warning", "", text)));
        confirm.disabled = count("planned") === 0;
        confirm.hidden = confirm.disabled;
        summary.textContent =
            entries.length === 1
                ? ""
                : cockpit.format(
                      _("$0 would change, $1 need nothing, $2 cannot be changed."),
                      count("planned"),
                      count("needless"),
                      count("failed"),
                  );
    }

    async function runOne(entry, values) {
        if (isClosed) return;
        try {
            await action.run(entry.vm, entry.plan, values);
            entry.show("done", badge({ text: _("Done"), tone: "success" }));
            store.touch(entry.vm.object);
        } catch (error) {
            entry.fail(error, store.isPrivileged);
        }
        if (entries.length > 1)
            summary.textContent = cockpit.format(
                _("$0 of $1 done, $2 failed."),
                count("done"),
                entries.length,
                count("failed"),
            );
    }

    async function run() {
        const values = Object.fromEntries(new FormData(form));
        const wanted = entries.filter(
            entry =>
                entry.state === (action.plan ? "planned" : "waiting") ||
                (entries.length === 1 && entry.state === "failed"),
        );

        confirm.disabled = true;
        summary.textContent = _("Working…");
        await forEach(wanted, entry => runOne(entry, values));
        cancel.textContent = _("Close");
        if (isClosed) return;
        if (entries.length > 1) {
            confirm.hidden = true;
            cancel.focus();
        } else if (entries[0].state === "done") {
            dialog.close();
            action.done?.(entries[0].vm, values);
        } else {
            summary.textContent = "";
            confirm.disabled = false;
            form.elements[0].focus();
        }
    }

    form.append(element("div", { class: "buttons" }, confirm, cancel));
    show(dialog);
    if (action.plan) makePlans();
}
