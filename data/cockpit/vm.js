/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One virtual machine. */

import { alert, badge, button, element, focusSuccessor, link, pair, section, svg } from "./dom.js";
import { bootSection } from "./boot-entries.js";
import { flashSection } from "./flash.js";
import { plainTable } from "./table.js";
import { restore, vmActions } from "./vm-actions.js";
import { certificatesOf } from "./certificates.js";
import * as words from "./words.js";

const _ = cockpit.gettext;

function overview(vm, properties) {
    const [path, format] = properties.NVRAM;
    return element(
        "dl",
        {},
        pair(_("State"), badge(words.state(words.stateOf(vm)))),
        pair(_("In use"), words.yesNo(properties.InUse)),
        pair(_("Firmware"), link(properties.Firmware, ["firmware", properties.Firmware])),
        pair(_("Machine"), `${properties.Architecture} ${properties.Machine}`),
        pair(_("Owner"), vm.ownerName),
        pair(_("Reference"), vm.reference),
        pair(_("Made"), words.moment(properties.Created)),
        pair(_("Last start"), words.moment(properties.LastPrepared)),
        pair(_("Secure Boot"), badge(words.secureBoot(properties.SecureBoot))),
        pair(
            _("Variables"),
            path ? [element("code", {}, path), ` (${format})`] : _("The firmware keeps none"),
        ),
        properties.Changed.length > 0
            ? pair(_("No longer as it was chosen"), properties.Changed.join(", "))
            : null,
    );
}

function certificatesSection(vm, report) {
    const certificates = certificatesOf(vm);
    const guest = {
        yes: _("The guest can update its own revocation list."),
        no: _(
            "The guest cannot get the new certificate for the revocation list by itself: only the host can enroll it.",
        ),
    }[report["guest-can-update-kek"]];
    return section(
        _("Certificates"),
        certificates ? element("p", {}, badge(certificates)) : null,
        element(
            "dl",
            { class: "inner" },
            ...Object.entries(report.certificates).map(([purpose, generation]) =>
                pair(
                    words.purpose(purpose),
                    generation === "none" ? _("none") : generation.replace("+", ", "),
                ),
            ),
        ),
        guest ? element("p", {}, guest) : null,
    );
}

/* For the eye: the text below it says the same. */
function fillBar(parts, total) {
    let x = 0;
    return svg(
        "svg",
        { class: "fill", width: "100%", height: 20, "aria-hidden": "true" },
        parts.map(part => {
            const width = (100 * part.bytes) / total;
            const rectangle = svg("rect", {
                class: part.name,
                x: `${x}%`,
                width: `${width}%`,
                height: "100%",
            });
            x += width;
            return rectangle;
        }),
    );
}

function healthLine(report) {
    return element("p", {}, badge(words.health(report.health)), " ", report["health-detail"]);
}

function storeSection(report) {
    const parts = [
        { name: "live", bytes: report["bytes-live"], title: _("in use") },
        {
            name: "dead",
            bytes: report["bytes-dead"],
            title: _("of old versions, which the firmware clears"),
        },
        { name: "free", bytes: report["bytes-free"], title: _("free") },
    ];
    const total = parts.reduce((sum, part) => sum + part.bytes, 0) || 1;
    return section(
        _("Variables"),
        healthLine(report),
        fillBar(parts, total),
        element(
            "p",
            {},
            parts.map(part => `${words.size(part.bytes)} ${part.title}`).join(", "),
            ". ",
            cockpit.format(
                cockpit.ngettext("$0 variable.", "$0 variables.", report.variables),
                report.variables,
            ),
            " ",
            report["forbidden-room"] === undefined
                ? null
                : cockpit.format(
                      cockpit.ngettext(
                          "The revocation list has $0 entry, and room for $1 more.",
                          "The revocation list has $0 entries, and room for $1 more.",
                          report["forbidden-hashes"],
                      ),
                      report["forbidden-hashes"],
                      report["forbidden-room"],
                  ),
        ),
    );
}

/* Of a store that cannot be read the report says that alone. */
function variablesSections(store, vm, report) {
    if (report.variables === undefined) return section(_("Variables"), healthLine(report));
    return element(
        "div",
        {},
        certificatesSection(vm, report),
        bootSection(store, vm, report),
        storeSection(report),
    );
}

function backupsSection(store, vm, backups) {
    const columns = [
        { name: "time", title: _("Made"), cell: backup => words.moment(backup.time) },
        { name: "reason", title: _("Why"), cell: backup => words.backupReason(backup.reason) },
        {
            name: "health",
            title: _("Health"),
            cell: backup => badge(words.health(backup.health)),
        },
        { name: "size", title: _("Size"), cell: backup => words.size(backup.size) },
        {
            name: "action",
            title: _("Action"),
            cell: backup =>
                button(_("Restore") + "…", () => restore(store, vm, backup), {
                    "aria-label": cockpit.format(
                        _("Restore the backup of $0"),
                        words.moment(backup.time),
                    ),
                }),
        },
    ];
    return section(
        _("Backups"),
        backups.length === 0
            ? element("p", {}, _("None yet. A change of the variables makes one."))
            : plainTable(_("Backups"), columns, backups),
    );
}

/* A part of the page that may be refused, or fail, without the others. */
function part(store, title, result, show) {
    return result.status === "fulfilled"
        ? show(result.value)
        : section(
              title,
              alert("info", _("Not shown."), " ", words.failure(result.reason, store.isPrivileged)),
          );
}

function advice(vm) {
    const state = words.stateOf(vm);
    const text = words.stateAdvice(state);
    const certificates = certificatesOf(vm);
    return [
        text && alert(words.state(state).tone, text),
        certificates?.urgency < 3
            ? alert(
                  certificates.tone,
                  certificates.text,
                  ". ",
                  _("Shut the virtual machine down, and enroll the certificates of 2023."),
              )
            : null,
    ];
}

export function vmView(store, owner, id) {
    const actions = vmActions(store);
    const content = element("div");
    const find = () =>
        [...store.vms.values()].find(vm => vm.id === id && String(vm.owner) === owner);
    let shown = null;
    let isClosed = false;

    function actionButtons(vm, hasVariables) {
        return element(
            "div",
            { class: "buttons", role: "group", "aria-label": _("Actions") },
            ...actions
                .filter(action => hasVariables || !action.needsVariables)
                .map(action =>
                    button(action.title + "…", () => action.open([vm]), {
                        class: action.danger ? "danger" : null,
                    }),
                ),
        );
    }

    async function load(vm) {
        const { service } = store;
        const [properties, resolution, report, backups] = await Promise.allSettled([
            service.vm(vm.object),
            service.resolution(vm.object),
            service.variables(vm.object),
            service.backups(vm.object),
        ]);
        if (isClosed || shown !== vm) return;
        const focused = content.contains(document.activeElement) && document.activeElement;
        const hasVariables = properties.status === "rejected" || properties.value.NVRAM[0] !== "";
        const variables = () => [
            part(store, _("Variables"), report, value => variablesSections(store, vm, value)),
            part(store, _("Backups"), backups, value => backupsSection(store, vm, value)),
        ];
        content.replaceChildren(
            ...advice(vm).filter(Boolean),
            actionButtons(vm, hasVariables),
            part(store, _("Virtual machine"), properties, value => overview(vm, value)),
            ...(hasVariables ? variables() : []),
            part(store, _("Flash"), resolution, value => flashSection(value.flash, value.device)),
        );
        if (focused) focusSuccessor(focused);
    }

    function update() {
        const vm = find();
        if (vm === shown && vm) return;
        shown = vm;
        if (vm) load(vm);
        else if (store.hasVMs)
            content.replaceChildren(
                alert(
                    "warning",
                    _("There is no virtual machine of this name."),
                    " ",
                    link(_("All virtual machines"), ["vms"]),
                ),
            );
    }

    update();
    return {
        title: id,
        parent: { title: _("Virtual machines"), path: ["vms"] },
        node: content,
        update: what => {
            if (what === "vms") update();
        },
        close: () => {
            isClosed = true;
        },
    };
}
