/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The D-Bus interface org.vmfirmware1. No other module knows its names and signatures. */

const NAME = "org.vmfirmware1";
const MANAGER_PATH = "/org/vmfirmware1";
const FIRMWARE_PATH = "/org/vmfirmware1/firmware";
const MANAGER = "org.vmfirmware1.Manager";
const FIRMWARE = "org.vmfirmware1.Firmware";
const VM = "org.vmfirmware1.VM";
const PROPERTIES = "org.freedesktop.DBus.Properties";

/* the requirements that this page asks for, and the options that it gives */
const OPTION_TYPES = {
    all: "b",
    boot: "s",
    "dry-run": "b",
    expected: "s",
    features: "as",
    interface: "s",
    live: "b",
    owner: "u",
    "without-features": "as",
};
const CHANGE_TYPES = { do: "s", names: "as", numbers: "aq", order: "aq" };

export function isNoMatch(error) {
    return error.name === "org.vmfirmware1.NoMatchingFirmware";
}

/* There is no service, and the bus cannot start one. */
export function isAbsent(error) {
    return (
        error.problem === "not-found" ||
        /\.(ServiceUnknown|NameHasNoOwner|NoSuchUnit|UnitMasked)$|\.Spawn\./.test(error.name)
    );
}

/* The service has ended during the call. */
export function isInterrupted(error) {
    return error.name === "org.freedesktop.DBus.Error.NoReply";
}

/* The service cannot read the files of virtual machines, and answers all that needs none. */
export function isUnreadable(error) {
    return error.name === "org.freedesktop.DBus.Error.IOError";
}

export function isRefused(error) {
    return (
        error.problem === "access-denied" ||
        error.name === "org.freedesktop.DBus.Error.AccessDenied"
    );
}

/* Calls back when the service appears on the bus. A connection to a service that is absent has
   ended, and learns nothing of that. */
export function onAppearance(callback) {
    cockpit
        .dbus("org.freedesktop.DBus", { bus: "system" })
        .subscribe(
            { interface: "org.freedesktop.DBus", member: "NameOwnerChanged", arg0: NAME },
            (path, name, member, [, , owner]) => {
                if (owner) callback();
            },
        );
}

function wrap(types, values) {
    return Object.fromEntries(
        Object.entries(values).map(([key, value]) => [key, cockpit.variant(types[key], value)]),
    );
}

/* The bridge sends a variant as { t: signature, v: value }. */
function unwrap(value) {
    if (Array.isArray(value)) return value.map(unwrap);
    if (value === null || typeof value !== "object") return value;
    if (typeof value.t === "string" && "v" in value && Object.keys(value).length === 2)
        return unwrap(value.v);
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, unwrap(one)]));
}

/* One connection to the service. With administrative access it is root's, otherwise the user's own;
   then polkit decides.

   listener.up(), listener.stopped(): the service is there, or no longer; the connection stays
   listener.ended({ problem }): "not-found" if there is no service, "access-denied", another word of
     Cockpit's
   listener.catalogChanged()
   listener.vmAdded(), listener.vmRemoved(path), listener.vmChanged(path, properties) */
export class Service {
    #client;
    #isClosed = false;

    constructor(listener) {
        this.#client = cockpit.dbus(NAME, { bus: "system", superuser: "try" });
        this.#client.addEventListener("owner", (event, owner) =>
            owner ? listener.up() : listener.stopped(),
        );
        this.#client.addEventListener("close", (event, { problem }) => {
            if (!this.#isClosed) listener.ended({ problem: problem || "disconnected" });
        });
        this.#client.subscribe(
            { path: MANAGER_PATH, interface: MANAGER },
            (path, name, member, args) => {
                if (member === "CatalogChanged") listener.catalogChanged();
                else if (member === "VMAdded") listener.vmAdded();
                else if (member === "VMRemoved") listener.vmRemoved(args[2]);
            },
        );
        this.#client.subscribe(
            { path_namespace: MANAGER_PATH, interface: PROPERTIES, member: "PropertiesChanged" },
            (path, name, member, [owner, changed]) => {
                if (owner === VM) listener.vmChanged(path, unwrap(changed));
            },
        );
    }

    close() {
        this.#isClosed = true;
        this.#client.close();
    }

    async #call(path, name, method, type, args, options) {
        const reply = await this.#client.call(path, name, method, args, { type, ...options });
        return unwrap(reply);
    }

    #manager(method, type, ...args) {
        return this.#call(MANAGER_PATH, MANAGER, method, type, args);
    }

    /* A call that changes something; polkit may ask for a password. */
    #change(path, method, type, ...args) {
        return this.#call(path, VM, method, type, args, { flags: "i" });
    }

    async manager() {
        return (await this.#call(MANAGER_PATH, PROPERTIES, "GetAll", "s", [MANAGER]))[0];
    }

    /* the properties of all firmware, in priority order */
    async firmware() {
        const [objects] = await this.#call(
            FIRMWARE_PATH,
            "org.freedesktop.DBus.ObjectManager",
            "GetManagedObjects",
            "",
            [],
        );
        return Object.values(objects)
            .map(one => one[FIRMWARE])
            .filter(Boolean)
            .sort((a, b) => a.Rank - b.Rank);
    }

    async vms() {
        return (await this.#manager("ReportVMs", "a{sv}", wrap(OPTION_TYPES, { all: true })))[0];
    }

    async capabilities(architecture, machine, requirements) {
        return (
            await this.#manager(
                "GetCapabilities",
                "ssa{sv}",
                architecture,
                machine,
                wrap(OPTION_TYPES, requirements),
            )
        )[0];
    }

    async explain(architecture, machine, requirements) {
        return (
            await this.#manager(
                "Explain",
                "ssa{sv}",
                architecture,
                machine,
                wrap(OPTION_TYPES, requirements),
            )
        )[0];
    }

    async select(architecture, machine, requirements) {
        return (
            await this.#manager(
                "Select",
                "ssa{sv}",
                architecture,
                machine,
                wrap(OPTION_TYPES, requirements),
            )
        )[1];
    }

    async vm(path) {
        return (await this.#call(path, PROPERTIES, "GetAll", "s", [VM]))[0];
    }

    async inUse(path) {
        return (await this.#call(path, PROPERTIES, "Get", "ss", [VM, "InUse"]))[0];
    }

    async resolution(path) {
        return (await this.#call(path, VM, "GetResolution", "a{sv}", [{}]))[0];
    }

    async variables(path) {
        return (
            await this.#call(path, VM, "ReadVariables", "a{sv}", [
                wrap(OPTION_TYPES, { live: true }),
            ])
        )[0];
    }

    async backups(path) {
        return (await this.#call(path, VM, "ListBackups", "a{sv}", [{}]))[0];
    }

    async changeVariables(path, changes, options) {
        return (
            await this.#change(
                path,
                "ChangeVariables",
                "aa{sv}a{sv}",
                changes.map(one => wrap(CHANGE_TYPES, one)),
                wrap(OPTION_TYPES, options),
            )
        )[0];
    }

    reset(path) {
        return this.#change(path, "Reset", "a{sv}", {});
    }

    restore(path, index) {
        return this.#change(path, "Restore", "ua{sv}", index, {});
    }

    async clone(path, id, options) {
        return (await this.#change(path, "Clone", "sa{sv}", id, wrap(OPTION_TYPES, options)))[0];
    }

    async rename(path, id) {
        return (await this.#change(path, "Rename", "s", id))[0];
    }

    remove(path) {
        return this.#change(path, "Remove", "a{sv}", {});
    }
}
