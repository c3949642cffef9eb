/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The service's words as sentences for people, and the colour of each. */

const _ = cockpit.gettext;

/* of a firmware and of a VM */
export function state(word) {
    switch (word) {
        case "usable":
            return { text: _("Usable"), tone: "success" };
        case "unusable":
            return { text: _("Unusable"), tone: "danger" };
        case "invalid":
            return { text: _("Invalid"), tone: "danger" };
        case "ready":
            return { text: _("Ready"), tone: "success" };
        case "changed":
            return { text: _("Firmware updated"), tone: "info" };
        case "firmware-gone":
            return { text: _("Firmware gone"), tone: "danger" };
        case "nvram-missing":
            return { text: _("Variables missing"), tone: "danger" };
        case "nvram-mismatch":
            return { text: _("Variables do not fit"), tone: "danger" };
        case "nvram-damaged":
            return { text: _("Variables damaged"), tone: "danger" };
        case "nvram-owner":
            return { text: _("Variables belong to another user"), tone: "warning" };
        default:
            return { text: word, tone: "neutral" };
    }
}

/* The state of a VM as ReportVMs has it, or nvram-damaged: PrepareVM does not start it from such a
   store. */
export function stateOf(vm) {
    const isDamaged = ["damaged", "truncated", "unreadable"].includes(vm.health);
    return isDamaged && (vm.state === "ready" || vm.state === "changed")
        ? "nvram-damaged"
        : vm.state;
}

/* What the state of a VM means, and what helps; null if nothing is wrong. */
export function stateAdvice(word) {
    switch (word) {
        case "changed":
            return _(
                "The firmware's package was updated after this virtual machine got its firmware. It starts with the new files.",
            );
        case "firmware-gone":
            return _(
                "The firmware of this virtual machine is no longer installed, so it does not start. Install the package again, or choose other firmware with “vmfirmwarectl rebind”.",
            );
        case "nvram-missing":
            return _(
                "The file with the variables of this virtual machine is gone, so it does not start. Restore a backup, or reset the variables.",
            );
        case "nvram-mismatch":
            return _(
                "The file with the variables has another size or format than when it was made, so the virtual machine does not start. Restore a backup, or reset the variables.",
            );
        case "nvram-damaged":
            return _(
                "Its firmware cannot read the variables of this virtual machine, so it does not start. Restore a backup, or reset the variables.",
            );
        case "nvram-owner":
            return _(
                "The file with the variables belongs neither to the owner of the virtual machine nor to a QEMU that uses it.",
            );
        default:
            return null;
    }
}

export function secureBoot(word) {
    switch (word) {
        case "enforced":
            return { text: _("Enforced"), tone: "success" };
        case "off":
            return { text: _("Off"), tone: "warning" };
        case "setup":
            return { text: _("Setup mode"), tone: "warning" };
        case "none":
            return { text: _("Not available"), tone: "neutral" };
        default:
            return { text: _("Not read yet"), tone: "neutral" };
    }
}

export function health(word) {
    switch (word) {
        case "ok":
            return { text: _("Sound"), tone: "success" };
        case "pending":
            return { text: _("A write is half done; the next start completes it"), tone: "info" };
        case "torn":
            return { text: _("A record is incomplete"), tone: "warning" };
        case "damaged":
            return { text: _("Damaged"), tone: "danger" };
        case "truncated":
            return { text: _("Truncated"), tone: "danger" };
        case "empty":
            return { text: _("Empty"), tone: "info" };
        case "unreadable":
            return { text: _("Unreadable"), tone: "danger" };
        default:
            return { text: _("Not known while in use"), tone: "neutral" };
    }
}

export function purpose(word) {
    switch (word) {
        case "kek":
            return _("Updates of the revocation list (KEK)");
        case "windows":
            return _("Windows boot loaders");
        case "third-party":
            return _("Linux and other boot loaders");
        case "option-rom":
            return _("Option ROMs");
        default:
            return word;
    }
}

export function verdict(word) {
    switch (word) {
        case "selected":
            return { text: _("Chosen"), tone: "success" };
        case "accepted":
            return { text: _("Fits, but another comes first"), tone: "info" };
        case "rejected":
            return { text: _("Does not fit"), tone: "neutral" };
        case "overridden":
            return { text: _("Overridden"), tone: "neutral" };
        case "masked":
            return { text: _("Hides this name"), tone: "neutral" };
        case "invalid":
            return { text: _("Invalid"), tone: "danger" };
        default:
            return { text: word, tone: "neutral" };
    }
}

export function layer(word) {
    switch (word) {
        case "builtin":
            return _("vmfirmwared's own");
        case "vendor":
            return _("Distribution");
        case "admin":
            return _("Administrator");
        case "user":
            return _("User");
        default:
            return _("Other directory");
    }
}

export function backupReason(word) {
    switch (word) {
        case "reset":
            return _("Before a reset");
        case "import":
            return _("Before an import");
        case "rebind":
            return _("Before other firmware was chosen");
        case "change":
            return _("Before a change of variables");
        case "restore":
            return _("Before a backup was restored");
        case "recover":
            return _("Before an interrupted write was completed");
        case "good":
            return _("Last sound copy");
        default:
            return word;
    }
}

/* $0 is the detail after the reason's colon */
const REASONS = {
    interface: _("it has another interface than asked for"),
    architecture: _("it is not for this architecture"),
    machine: _("it is not for this machine type"),
    "feature-missing": _("it does not have the feature $0"),
    "feature-present": _("it has the feature $0"),
    device: _("it is loaded by another device than asked for"),
    mode: _("its flash has another mode than asked for"),
    format: _("its executable has another format than asked for"),
    firmware: _("it has another name than asked for"),
    executable: _("it has another executable than asked for"),
    "file-missing": _("$0 does not exist"),
    "file-unreadable": _("$0 cannot be read"),
    "bad-format": _("$0 does not have the format that the descriptor says"),
    "bad-size": _("an image has the wrong size: $0"),
    "bad-pair": _("code and variables do not belong together: $0"),
    "confidential-flash": _("it is in flash, which a guest with $0 does not take"),
    "nvram-size": _("its variables have another size than asked for"),
    "nvram-format": _("its variables have another format than asked for"),
    "qemu-lacks": _("the installed QEMU has no $0, so it would not start"),
    "geometry-unknown": _("the machine type has no flash, or none that is known"),
    "geometry-mismatch": _("it records another $0 of its flash than QEMU has"),
    "host-lacks": _("this host does not offer $0"),
    "certificate-missing": _("a new virtual machine would not have the certificate $0"),
    "overridden-by": _("$0 overrides it"),
    "parse-error": _("it is not valid JSON: line $0"),
    "schema-error": _("it is no firmware descriptor: $0"),
};

export function reason(code) {
    const colon = code.indexOf(":");
    const words = REASONS[colon < 0 ? code : code.slice(0, colon)];
    /* the JSON pointer of the whole document is empty */
    return words ? cockpit.format(words, code.slice(colon + 1).replace(/^: /, "")) : code;
}

/* What to do about an error of the service; null if its own text says all. */
function nextStep(name, isPrivileged) {
    switch (name) {
        case "org.freedesktop.DBus.Error.AccessDenied":
        case "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired":
        case "access-denied":
            return isPrivileged
                ? _("The host's policy does not allow it.")
                : _(
                      "You need administrative access: turn it on at the top of Cockpit. An administrator can also allow it to your group with a polkit rule.",
                  );
        case "org.vmfirmware1.NVRAMInUse":
            return _("Shut the virtual machine down first.");
        case "org.vmfirmware1.VMExists":
            return _("Choose another name, or remove that virtual machine first.");
        case "org.vmfirmware1.NVRAMMissing":
        case "org.vmfirmware1.ImageUnusable":
            return _("Restore a backup, or reset the variables.");
        case "org.vmfirmware1.FirmwareGone":
            return _("Install that firmware again.");
        case "org.vmfirmware1.NoSuchBackup":
            return _("A newer backup has taken its place. Choose another one.");
        case "org.freedesktop.DBus.Error.LimitsExceeded":
            return _("Try again later, or remove virtual machines that are no longer needed.");
        case "org.freedesktop.DBus.Error.NoReply":
        case "org.freedesktop.DBus.Error.Timeout":
        case "disconnected":
            return _("The service went away meanwhile. Look whether the change was made.");
        default:
            return null;
    }
}

export function failure(error, isPrivileged) {
    const step = nextStep(error.name || error.problem, isPrivileged);
    const text = cockpit.message(error);
    return step ? `${text.replace(/\.?$/, ".")} ${step}` : text;
}

/* seconds since the epoch; certificates expire in UTC */
export function day(seconds) {
    return new Date(seconds * 1000).toISOString().slice(0, 10);
}

const language = cockpit.language.replace("_", "-") || "en";
const numberFormat = new Intl.NumberFormat(language, {
    maximumFractionDigits: 2,
    useGrouping: false,
});
const dateFormat = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const momentFormat = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

export function size(bytes) {
    if (bytes >= 1 << 20 && bytes % (1 << 18) === 0)
        return cockpit.format(_("$0 MiB"), numberFormat.format(bytes / (1 << 20)));
    return bytes >= 1 << 10
        ? cockpit.format(_("$0 KiB"), numberFormat.format(bytes / (1 << 10)))
        : cockpit.format(_("$0 bytes"), bytes);
}

/* microseconds since the epoch */
export function date(microseconds) {
    return dateFormat.format(microseconds / 1000);
}

export function moment(microseconds) {
    return momentFormat.format(microseconds / 1000);
}

export function yesNo(value) {
    return value ? _("Yes") : _("No");
}
