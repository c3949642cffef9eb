/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which firmware a virtual machine would get, and why not another: a form, and Explain's answer in words. */

import { alert, badge, element, link } from "./dom.js";
import { flashSection } from "./flash.js";
import { isNoMatch } from "./service.js";
import { failure, reason, verdict } from "./words.js";

const _ = cockpit.gettext;

/* what Secure Boot that works without further steps takes */
const SECURE_BOOT = ["secure-boot", "enrolled-keys"];
/* machine types that most questions are about, by architecture; any other can be typed */
const MACHINES = {
    "x86_64": ["q35", "pc", "microvm"],
    "i386": ["q35", "pc", "microvm"],
    "aarch64": ["virt"],
    "arm": ["virt"],
    "riscv64": ["virt"],
    "loongarch64": ["virt"],
};
const WISHES = [
    { value: "", title: _("does not matter") },
    { value: "features", title: _("must have") },
    { value: "without-features", title: _("must not have") },
];

function option(value, title, selected) {
    return element("option", { value, selected }, title);
}

function reasons(codes) {
    return codes.length === 0 ? null : element("ul", {}, ...codes.map(code => element("li", {}, reason(code))));
}

/* chosen first, then the others in their order */
function verdictList(verdicts) {
    const first = verdicts.filter(([, , word]) => word === "selected");
    return element("ol", { class: "verdicts" }, ...[...first, ...verdicts.filter(one => !first.includes(one))].map(
        ([name, path, word, codes]) => {
            const { text, tone } = verdict(word);
            return element("li", { "data-id": name, class: word },
                           badge(text, tone), " ", link(name, ["firmware", name]),
                           element("div", { class: "detail" }, path), reasons(codes));
        }));
}

export function askView(store) {
    const architecture = element("select", { name: "architecture", change: () => changeArchitecture() });
    const machine = element("input", { name: "machine", list: "machines", required: true, autocomplete: "off", change: () => ask() });
    const machines = element("datalist", { id: "machines" });
    const secureBoot = element("input", { name: "secure-boot", type: "checkbox", change: () => ask() });
    const wanted = element("select", { name: "interface", change: () => ask() });
    const features = element("fieldset", { class: "features" });
    const answer = element("div", { "aria-live": "polite" });
    /* feature → "features" or "without-features" */
    const wishes = new Map();
    /* The newest question; an answer to an older one is dropped. */
    let question = 0;

    function changeArchitecture() {
        const names = MACHINES[architecture.value] || [];
        machines.replaceChildren(...names.map(name => option(name)));
        machine.value = names[0] || "";
        ask();
    }

    function requirements() {
        const asked = {};
        for (const key of ["features", "without-features"]) {
            const list = [...wishes].filter(([, wish]) => wish === key).map(([feature]) => feature);
            if (key === "features" && secureBoot.checked)
                list.push(...SECURE_BOOT.filter(feature => !list.includes(feature)));
            if (list.length > 0)
                asked[key] = list;
        }
        if (wanted.value)
            asked.interface = wanted.value;
        return asked;
    }

    /* What all firmware for the machine together offers is what can be asked for. */
    function showSwitches(capabilities) {
        const chosen = wanted.value;
        wanted.replaceChildren(option("", _("does not matter")),
                               ...capabilities.interfaces.map(name => option(name, name, name === chosen)));
        const known = [...new Set([...capabilities.features, ...wishes.keys()])].sort();
        const focused = document.activeElement?.name;
        features.replaceChildren(
            element("legend", {}, _("Features")),
            ...known.map(feature => element(
                "label", {}, feature, element(
                    "select", {
                        name: `feature:${feature}`,
                        change: event => {
                            if (event.target.value)
                                wishes.set(feature, event.target.value);
                            else
                                wishes.delete(feature);
                            ask();
                        },
                    }, ...WISHES.map(({ value, title }) => option(value, title, value === (wishes.get(feature) || "")))))));
        if (focused?.startsWith("feature:"))
            features.elements.namedItem(focused)?.focus();
    }

    async function chosen(asked) {
        let resolution;
        try {
            resolution = await store.service.select(architecture.value, machine.value, asked);
        } catch (error) {
            if (!isNoMatch(error))
                throw error;
            /* what follows is in the list below */
            return [alert("warning", _("No firmware fits:"), " ", error.message.split("; nearest: ")[0], ".")];
        }
        return [
            alert("success", cockpit.format(_("It gets $0."), resolution.name), " ", resolution.description),
            flashSection(resolution.flash, resolution.device),
        ];
    }

    async function ask() {
        const mine = ++question;
        const asked = requirements();
        let nodes;

        if (!architecture.value || !machine.value)
            return;
        try {
            const [capabilities, verdicts, first] = await Promise.all([
                store.service.capabilities(architecture.value, machine.value, {}),
                store.service.explain(architecture.value, machine.value, asked),
                chosen(asked),
            ]);
            nodes = [
                ...first,
                element("section", {}, element("h2", {}, _("All firmware, and why not")), verdictList(verdicts)),
            ];
            if (mine === question)
                showSwitches(capabilities);
        } catch (error) {
            nodes = [alert("danger", _("There is no answer."), " ", failure(error, store.isPrivileged))];
        }
        if (mine === question)
            answer.replaceChildren(...nodes);
    }

    function update() {
        const isFirst = !architecture.value;
        if (!store.hasFirmware)
            return;
        const all = [...new Set([...store.manager.Architectures, ...Object.keys(MACHINES)])].sort();
        architecture.replaceChildren(...all.map(name => option(name, name, name === (architecture.value || "x86_64"))));
        if (isFirst)
            changeArchitecture();
        else
            ask();
    }

    update();
    return {
        title: _("Which firmware, and why not another?"),
        node: element(
            "div", {},
            element("form", { class: "card", submit: event => { event.preventDefault(); ask(); } },
                    element("div", { class: "toolbar" },
                            element("label", {}, _("Architecture"), architecture),
                            element("label", {}, _("Machine type"), machine), machines,
                            element("label", {}, _("Interface"), wanted),
                            element("label", {}, secureBoot, _("Secure Boot"))),
                    features),
            answer),
        update: what => {
            if (what === "firmware")
                update();
        },
        close: () => { question++; },
    };
}
