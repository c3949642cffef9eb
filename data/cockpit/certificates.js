/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which certificates a variable store lacks, and how urgent that is. */

import { day } from "./words.js";

const _ = cockpit.gettext;

const CURRENT = "2023";
/* days before the expiry from which it is worth a warning */
const SOON = 180;

/* The purposes that only old certificates serve. A purpose without any has other keys on purpose,
   and few guests need the one for option ROMs. */
export function needs(certificates) {
    return Object.keys(certificates).filter(
        purpose =>
            purpose !== "option-rom" &&
            certificates[purpose] !== "none" &&
            !certificates[purpose].includes(CURRENT),
    );
}

function consequence(purposes) {
    const loaders = purposes.filter(one => one !== "kek");

    if (loaders.length === 2) return _("new boot loaders do not start");
    if (loaders[0] === "windows") return _("new Windows boot loaders do not start");
    if (loaders[0] === "third-party") return _("new Linux boot loaders do not start");
    return _("updates of the revocation list are refused");
}

/* of a VM or of a firmware's template: the words, their colour, and urgency, 0 for the most */
export function urgency(certificates, expires, isEnforced) {
    const missing = needs(certificates);
    const now = Date.now() / 1000;

    if (Object.values(certificates).every(one => one === "none"))
        return { text: _("None of Microsoft's"), tone: "neutral", urgency: 5 };
    if (missing.length === 0) return { text: _("Current"), tone: "success", urgency: 4 };
    if (!expires)
        return {
            text: cockpit.format(_("Only old ones: $0"), consequence(missing)),
            tone: "warning",
            urgency: 2,
        };
    const words = { day: day(expires), what: consequence(missing) };
    if (expires > now + SOON * 86400)
        return {
            text: cockpit.format(_("Expire ${day}; then ${what}"), words),
            tone: "info",
            urgency: 3,
        };
    if (expires > now)
        return {
            text: cockpit.format(_("Expire ${day}: soon ${what}"), words),
            tone: "warning",
            urgency: 2,
        };
    /* without Secure Boot nothing checks them */
    return isEnforced
        ? { text: cockpit.format(_("Expired ${day}: ${what}"), words), tone: "danger", urgency: 0 }
        : {
              text: cockpit.format(_("Expired ${day}; not checked without Secure Boot"), words),
              tone: "warning",
              urgency: 1,
          };
}

const known = new WeakMap();

/* of a VM as ReportVMs has it, which never changes; null if its firmware checks none, or if they
   have not been read yet */
export function certificatesOf(vm) {
    if (!known.has(vm))
        known.set(
            vm,
            vm["secure-boot"] === "none" || Object.keys(vm.certificates).length === 0
                ? null
                : urgency(vm.certificates, vm.expires, vm["secure-boot"] === "enforced"),
        );
    return known.get(vm);
}
