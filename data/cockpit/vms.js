/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The list of all virtual machines. */

import { badge, button, choice, element, link } from "./dom.js";
import { Table, byNumber, byText } from "./table.js";
import { certificatesOf, needs } from "./certificates.js";
import { vmActions } from "./vm-actions.js";
import { date, secureBoot, state, stateOf } from "./words.js";

const _ = cockpit.gettext;

/* what cannot start, then certificates by urgency, then the rest */
function rank(vm) {
    const { tone } = state(stateOf(vm));
    return tone === "danger" || tone === "warning" ? -1 : (certificatesOf(vm)?.urgency ?? 6);
}

const FILTERS = [
    { value: "all", title: _("All"), test: () => true },
    {
        value: "needs",
        title: _("Needing certificates"),
        test: vm => needs(vm.certificates).length > 0,
    },
    { value: "state", title: _("That cannot start"), test: vm => rank(vm) < 0 },
    { value: "in-use", title: _("In use"), test: vm => vm.inUse },
];

const byId = byText(vm => vm.id);

export function vmsView(store) {
    const actions = vmActions(store).filter(action => action.many);
    const selected = new Set();
    const search = element("input", { type: "search", input: () => update() });
    const filter = choice({ change: () => update() }, FILTERS);
    const count = element("span", { class: "count", role: "status" });
    const all = element("input", {
        type: "checkbox",
        "aria-label": _("Select all that are shown"),
        change: selectShown,
    });
    const buttons = actions.map(action =>
        button(
            action.title + "…",
            () => action.open([...selected].map(path => store.vms.get(path)).filter(Boolean)),
            { class: action.danger ? "danger" : null },
        ),
    );
    let shown = [];

    /* Reads whether a VM is in use when its row comes into sight. */
    const observer = new IntersectionObserver(entries => {
        const seen = entries.filter(one => one.isIntersecting).map(one => one.target);
        seen.forEach(row => observer.unobserve(row));
        store.readInUse(seen.map(row => row.dataset.object));
    });

    function inUseCell(vm) {
        if (vm.inUse !== undefined)
            return vm.inUse ? badge({ text: _("In use"), tone: "info" }) : _("No");
        const node = element("span", { "data-object": vm.object }, "…");
        observer.observe(node);
        return node;
    }

    function checkbox(vm) {
        const box = element("input", {
            type: "checkbox",
            "aria-label": cockpit.format(_("Select $0"), vm.id),
            change: () => {
                selected[box.checked ? "add" : "delete"](vm.object);
                showSelection();
            },
        });
        box.checked = selected.has(vm.object);
        return box;
    }

    function certificatesCell(vm) {
        const words = certificatesOf(vm);
        return words ? badge(words) : "–";
    }

    const table = new Table(
        [
            { name: "select", title: all, label: _("Select"), cell: checkbox },
            {
                name: "id",
                title: _("Name"),
                order: byId,
                cell: vm => [
                    link(vm.id, ["vms", String(vm.owner), vm.id]),
                    vm.reference ? element("div", { class: "detail" }, vm.reference) : null,
                ],
            },
            {
                name: "owner",
                title: _("Owner"),
                cell: vm => vm.ownerName,
                order: byText(vm => vm.ownerName),
            },
            {
                name: "state",
                title: _("State"),
                cell: vm => badge(state(stateOf(vm))),
                order: byNumber(rank),
            },
            {
                name: "in-use",
                title: _("In use"),
                cell: inUseCell,
                order: byNumber(vm => (vm.inUse ? 0 : 1)),
            },
            {
                name: "firmware",
                title: _("Firmware"),
                cell: vm => link(vm.firmware, ["firmware", vm.firmware]),
                order: byText(vm => vm.firmware),
            },
            {
                name: "secure-boot",
                title: _("Secure Boot"),
                cell: vm => badge(secureBoot(vm["secure-boot"])),
                order: byText(vm => vm["secure-boot"]),
            },
            {
                name: "certificates",
                title: _("Certificates"),
                cell: certificatesCell,
                order: (a, b) => rank(a) - rank(b) || a.expires - b.expires || byId(a, b),
            },
            {
                name: "prepared",
                title: _("Last start"),
                cell: vm => date(vm["last-prepared"]),
                order: byNumber(vm => -vm["last-prepared"]),
            },
        ],
        {
            name: "vms",
            key: vm => vm.object,
            sort: "certificates",
            label: _("Virtual machines"),
        },
    );

    function selectShown() {
        shown.forEach(vm => selected[all.checked ? "add" : "delete"](vm.object));
        table.node.querySelectorAll("td.select input").forEach(box => {
            box.checked = selected.has(box.closest("tr").dataset.id);
        });
        showSelection();
    }

    function emptyText() {
        if (!store.hasVMs) return "";
        return store.vms.size > 0
            ? _("No virtual machine is as searched for.")
            : _(
                  "No virtual machine is shown. The service keeps one from its first start with “vmfirmwarectl run” or by a VM manager that asks the service.",
              );
    }

    function showSelection() {
        const total = store.vms.size;
        count.hidden = !store.hasVMs;
        count.textContent =
            selected.size > 0
                ? cockpit.format(_("$0 of $1 selected"), selected.size, total)
                : cockpit.format(_("$0 of $1 shown"), shown.length, total);
        buttons.forEach(one => {
            one.disabled = selected.size === 0;
        });
        all.checked = shown.length > 0 && shown.every(vm => selected.has(vm.object));
    }

    function update() {
        const words = search.value.trim().toLowerCase();
        const { test } = FILTERS[filter.selectedIndex];
        const text = vm =>
            `${vm.id}\n${vm.ownerName}\n${vm.firmware}\n${vm.reference}`.toLowerCase();

        for (const path of selected) if (!store.vms.has(path)) selected.delete(path);
        shown = [...store.vms.values()].filter(vm => test(vm) && text(vm).includes(words));
        table.update(shown, emptyText());
        showSelection();
    }

    function refresh() {
        if (!document.hidden) store.refreshInUse();
    }

    document.addEventListener("visibilitychange", refresh);
    update();
    return {
        title: _("Virtual machines"),
        node: element(
            "div",
            {},
            element(
                "div",
                { class: "toolbar" },
                element("label", {}, _("Search"), search),
                element("label", {}, _("Show"), filter),
                count,
                element(
                    "div",
                    {
                        class: "buttons",
                        role: "group",
                        "aria-label": _("For the selected virtual machines"),
                    },
                    ...buttons,
                ),
            ),
            table.node,
        ),
        update: what => {
            if (what === "vms") update();
        },
        close: () => {
            observer.disconnect();
            document.removeEventListener("visibilitychange", refresh);
        },
    };
}
