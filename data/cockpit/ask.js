/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which firmware a virtual machine would get, and why not another: a form, and Explain's answer in
   words. */

import { alert, badge, choice, element, link, offer, place, section } from "./dom.js";
import { flashSection } from "./flash.js";
import { isNoMatch } from "./service.js";
import { failure, reason, verdict } from "./words.js";

const _ = cockpit.gettext;

/* what Secure Boot that works without further steps takes */
const SECURE_BOOT = ["secure-boot", "enrolled-keys"];
/* machine types that most questions are about, by architecture; any other can be typed */
const MACHINES = {
    x86_64: ["q35", "pc", "microvm"],
    i386: ["q35", "pc", "microvm"],
    aarch64: ["virt"],
    arm: ["virt"],
    riscv64: ["virt"],
    loongarch64: ["virt"],
};
const NO_WISH = { value: "", title: _("does not matter") };
const WISHES = [
    NO_WISH,
    { value: "features", title: _("must have") },
    { value: "without-features", title: _("must not have") },
];

function reasons(codes) {
    return codes.length === 0
        ? null
        : element("ul", {}, ...codes.map(code => element("li", {}, reason(code))));
}

/* chosen first, then the others in their order */
function verdictList(verdicts) {
    const first = verdicts.filter(([, , word]) => word === "selected");
    return element(
        "ol",
        { class: "verdicts" },
        ...[...first, ...verdicts.filter(one => !first.includes(one))].map(
            ([name, path, word, codes]) => {
                return element(
                    "li",
                    { "data-id": name, class: word },
                    badge(verdict(word)),
                    " ",
                    link(name, ["firmware", name]),
                    element("div", { class: "detail" }, path),
                    reasons(codes),
                );
            },
        ),
    );
}

export function askView(store) {
    const architecture = choice({ name: "architecture", change: () => changeArchitecture() }, []);
    const machine = element("input", {
        name: "machine",
        list: "machines",
        required: true,
        autocomplete: "off",
        change: () => ask(),
    });
    const machines = element("datalist", { id: "machines" });
    const secureBoot = element("input", {
        name: "secure-boot",
        type: "checkbox",
        change: () => ask(),
    });
    const wanted = choice({ name: "interface", change: () => ask() }, [NO_WISH]);
    const legend = element("legend", {}, _("Features"));
    const features = element("fieldset", { class: "features", hidden: true }, legend);
    /* feature → the label with its wish */
    const wishes = new Map();
    const outcome = element("div", { role: "status" });
    const answer = element("div");
    /* The newest question; an answer to an older one is dropped. */
    let question = 0;

    function changeArchitecture() {
        const names = MACHINES[architecture.value] || [];
        offer(
            machines,
            names.map(name => ({ value: name })),
        );
        machine.value = names[0] || "";
        ask();
    }

    function wishOf(feature) {
        return wishes.get(feature).control.value;
    }

    function requirements() {
        const asked = {};
        for (const key of ["features", "without-features"]) {
            const list = [...wishes.keys()].filter(feature => wishOf(feature) === key);
            if (key === "features" && secureBoot.checked)
                list.push(...SECURE_BOOT.filter(feature => !list.includes(feature)));
            if (list.length > 0) asked[key] = list;
        }
        if (wanted.value) asked.interface = wanted.value;
        return asked;
    }

    /* What all firmware for the machine together offers is what can be asked for. */
    function showSwitches(capabilities) {
        offer(wanted, [NO_WISH, ...capabilities.interfaces.map(name => ({ value: name }))]);
        for (const feature of capabilities.features)
            if (!wishes.has(feature))
                wishes.set(
                    feature,
                    element("label", {}, feature, choice({ change: () => ask() }, WISHES)),
                );
        const shown = [...wishes.keys()]
            .filter(feature => capabilities.features.includes(feature) || wishOf(feature))
            .sort();
        features.hidden = shown.length === 0;
        place(features, [legend, ...shown.map(feature => wishes.get(feature))]);
    }

    async function chosen(asked) {
        let resolution;
        try {
            resolution = await store.service.select(architecture.value, machine.value, asked);
        } catch (error) {
            if (!isNoMatch(error)) throw error;
            /* what follows is in the list below */
            return [
                alert(
                    "warning",
                    _("No firmware fits:"),
                    " ",
                    error.message.split("; nearest: ")[0],
                    ".",
                ),
            ];
        }
        return [
            alert(
                "success",
                cockpit.format(_("It gets $0."), resolution.name),
                " ",
                resolution.description,
            ),
            flashSection(resolution.flash, resolution.device),
        ];
    }

    async function ask() {
        const mine = ++question;
        const asked = requirements();
        let nodes;

        if (!architecture.value || !machine.value) return;
        try {
            const [capabilities, verdicts, first] = await Promise.all([
                store.service.capabilities(architecture.value, machine.value, {}),
                store.service.explain(architecture.value, machine.value, asked),
                chosen(asked),
            ]);
            nodes = [...first, section(_("All firmware, and why not"), verdictList(verdicts))];
            if (mine === question) showSwitches(capabilities);
        } catch (error) {
            nodes = [
                alert("danger", _("There is no answer."), " ", failure(error, store.isPrivileged)),
            ];
        }
        if (mine !== question) return;
        outcome.replaceChildren(nodes[0]);
        answer.replaceChildren(...nodes.slice(1));
    }

    function update() {
        const isFirst = !architecture.value;
        if (!store.hasFirmware) return;
        const all = [...new Set([...store.manager.Architectures, ...Object.keys(MACHINES)])].sort();
        offer(
            architecture,
            all.map(name => ({ value: name })),
        );
        if (isFirst) {
            architecture.value = "x86_64";
            changeArchitecture();
        } else {
            ask();
        }
    }

    update();
    return {
        title: _("Which firmware, and why not another?"),
        node: element(
            "div",
            {},
            element(
                "form",
                {
                    class: "card",
                    submit: event => {
                        event.preventDefault();
                        ask();
                    },
                },
                element(
                    "div",
                    { class: "toolbar" },
                    element("label", {}, _("Architecture"), architecture),
                    element("label", {}, _("Machine type"), machine),
                    machines,
                    element("label", {}, _("Interface"), wanted),
                    element("label", {}, secureBoot, _("Secure Boot")),
                ),
                features,
            ),
            outcome,
            answer,
        ),
        update: what => {
            if (what === "firmware") update();
        },
        close: () => {
            question++;
        },
    };
}
