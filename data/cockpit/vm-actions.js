/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What can be done with a virtual machine, and what it says before it does it. */

import { alert, badge, element, go } from "./dom.js";
import { openDialog } from "./dialog.js";
import { backupReason, moment } from "./words.js";

const _ = cockpit.gettext;

const CURRENT = "microsoft-2023";

const PCR7 = _(
    "PCR 7 of the TPM changes: Windows with BitLocker asks for its recovery key once, and LUKS that is bound to PCR 7 does not open. Have the recovery keys at hand.",
);

/* What the changes would do. */
function planNodes(result) {
    if (result.changes.length === 0) return [badge({ text: _("Nothing to do"), tone: "success" })];
    return [
        element(
            "ul",
            {},
            ...result.changes.map(change =>
                element("li", {}, element("code", {}, change.variable), ": ", change.what),
            ),
        ),
        result.missing?.length > 0
            ? alert(
                  "info",
                  _("Not on this host, and not required:"),
                  " ",
                  result.missing.join(", "),
              )
            : null,
    ].filter(Boolean);
}

/* An action that changes variables: what a dry run saw is what is changed. */
export function changeVariables(store, vms, changes, texts) {
    openDialog(store, vms, {
        ...texts,
        plan: async vm => {
            const result = await store.service.changeVariables(vm.object, changes, {
                "dry-run": true,
            });
            return {
                nodes: planNodes(result),
                isNeeded: result.changes.length > 0,
                warning: result.pcr7 ? PCR7 : null,
                sha256: result.sha256,
            };
        },
        run: (vm, plan) =>
            store.service.changeVariables(vm.object, changes, { expected: plan.sha256 }),
    });
}

function enroll(store, vms) {
    changeVariables(store, vms, [{ do: "enroll-known", names: [CURRENT] }], {
        title: _("Enroll the certificates of 2023"),
        text: _(
            "Adds Microsoft's certificates of 2023 beside those that are there, so that new boot loaders start, too. The variables as they are now become a backup.",
        ),
        confirm: _("Enroll"),
    });
}

function reset(store, vms) {
    openDialog(store, vms, {
        title: _("Reset the variables"),
        text: _(
            "The virtual machine gets the variables of a new one: its boot entries and all settings of its firmware are lost, and certificates that were enrolled. The variables as they are now become a backup, which can be restored.",
        ),
        confirm: _("Reset"),
        danger: true,
        run: vm => store.service.reset(vm.object),
    });
}

function remove(store, vms) {
    openDialog(store, vms, {
        title: _("Remove from the service"),
        text: _(
            "The service forgets the virtual machine's firmware, and deletes its variables and their backups. That cannot be undone. Disks and settings of the virtual machine stay.",
        ),
        confirm: _("Remove"),
        danger: true,
        run: vm => store.service.remove(vm.object),
        done: () => go(["vms"]),
    });
}

function rename(store, [vm]) {
    openDialog(store, [vm], {
        title: _("Rename"),
        text: _(
            "The service keeps the virtual machine's firmware and variables under another name. Its manager must ask for it by that name from then on.",
        ),
        confirm: _("Rename"),
        fields: [{ name: "id", label: _("New name"), value: vm.id }],
        run: (one, plan, values) => store.service.rename(one.object, values.id),
        done: (one, values) => go(["vms", String(one.owner), values.id]),
    });
}

function clone(store, [vm]) {
    openDialog(store, [vm], {
        title: _("Clone"),
        text: _(
            "Makes another virtual machine with the same firmware and a copy of the variables. Disks are not copied.",
        ),
        confirm: _("Clone"),
        fields: [
            { name: "id", label: _("Name of the copy"), value: `${vm.id}-copy` },
            {
                name: "boot",
                label: _("Boot entries"),
                options: [
                    { value: "keep", title: _("Copy all") },
                    {
                        value: "clear-bound",
                        title: _(
                            "Leave out those that name disks or network cards of the original",
                        ),
                    },
                    { value: "clear", title: _("Leave out all") },
                ],
            },
        ],
        run: (one, plan, values) =>
            store.service.clone(one.object, values.id, { owner: one.owner, boot: values.boot }),
        done: (one, values) => go(["vms", String(one.owner), values.id]),
    });
}

export function restore(store, vm, backup) {
    openDialog(store, [vm], {
        title: _("Restore a backup"),
        text: cockpit.format(
            _(
                "The backup of $0 ($1) becomes the virtual machine's variables. The variables as they are now become a backup.",
            ),
            moment(backup.time),
            backupReason(backup.reason),
        ),
        confirm: _("Restore"),
        run: one => store.service.restore(one.object, backup.index),
    });
}

/* many: it makes sense for several virtual machines at once; needsVariables: and for none whose
   firmware keeps no variables */
export function vmActions(store) {
    return [
        {
            title: _("Enroll certificates"),
            many: true,
            needsVariables: true,
            open: vms => enroll(store, vms),
        },
        { title: _("Rename"), open: vms => rename(store, vms) },
        { title: _("Clone"), open: vms => clone(store, vms) },
        {
            title: _("Reset"),
            many: true,
            needsVariables: true,
            danger: true,
            open: vms => reset(store, vms),
        },
        { title: _("Remove"), many: true, danger: true, open: vms => remove(store, vms) },
    ];
}
