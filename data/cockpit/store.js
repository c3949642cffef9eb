/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The state of the page: all firmware and all virtual machines. The service's signals keep it
   current; nothing is polled.

   Events: "status", "firmware", "vms" whenever that part has changed. */

import {
    Service,
    isAbsent,
    isInterrupted,
    isRefused,
    isUnreadable,
    onAppearance,
} from "./service.js";

/* milliseconds */
const TELL_AFTER = 20;
const AGAIN_AFTER = 200;

/* Runs task, and again after a pause if it was asked for meanwhile: a burst of signals costs few
   calls. */
function coalesced(task) {
    let running = false;
    let again = false;

    return async () => {
        again = true;
        if (running) return;
        running = true;
        while (again) {
            again = false;
            await task();
            if (again) await new Promise(resolve => setTimeout(resolve, AGAIN_AFTER));
        }
        running = false;
    };
}

/* What is as it was stays the same object, whose row is there. */
function keep(old, now) {
    return old && JSON.stringify(old) === JSON.stringify(now) ? old : now;
}

const IN_USE_READERS = 4;

/* the properties of a VM, and the keys of the same values in ReportVMs */
const VM_KEYS = {
    Firmware: "firmware",
    State: "state",
    SecureBoot: "secure-boot",
    Certificates: "certificates",
    Expires: "expires",
    Health: "health",
    LastPrepared: "last-prepared",
};

export class Store extends EventTarget {
    /* connecting, up, stopped, absent, refused, broken; error: why, of the last three */
    status = "connecting";
    error = null;
    /* why the virtual machines cannot be listed, where all else can; null: they can */
    vmsError = null;
    /* root's connection; null if not known yet */
    isPrivileged = null;
    /* whether there is a first list of each */
    hasFirmware = false;
    hasVMs = false;
    manager = { Problems: [], Architectures: [] };
    firmware = [];
    /* object path → what ReportVMs says. A VM that changes is another object: none is changed in
       place */
    vms = new Map();
    /* uid → name; null: not known */
    #users = new Map([[0, "root"]]);
    #toTell = new Set();
    #inUseQueue = new Set();
    #inUseReaders = 0;
    #permission = cockpit.permission({ admin: true });
    #loaders;
    #loadFirmware = coalesced(() =>
        this.#load(async () => {
            const [manager, firmware] = await Promise.all([
                this.service.manager(),
                this.service.firmware(),
            ]);
            const known = new Map(this.firmware.map(one => [one.Name, one]));
            this.manager = manager;
            this.firmware = firmware.map(one => keep(known.get(one.Name), one));
            this.hasFirmware = true;
            this.#tell("firmware");
        }),
    );
    #loadVMs = coalesced(() =>
        this.#load(async () => {
            const vms = await this.service.vms().catch(error => {
                if (!isUnreadable(error)) throw error;
                this.#failToList(error);
            });
            if (!vms) return;
            this.#failToList(null);
            this.vms = new Map(vms.map(vm => [vm.object, this.#complete(vm)]));
            this.hasVMs = true;
            this.#tell("vms");
            this.#findUsers(vms);
        }),
    );

    /* first: "firmware" or "vms", the part that is in sight. One bridge translates all answers, so
       the other part is asked for when this one is there. */
    constructor(first) {
        super();
        this.#loaders =
            first === "firmware"
                ? [this.#loadFirmware, this.#loadVMs]
                : [this.#loadVMs, this.#loadFirmware];
        this.isPrivileged = this.#permission.allowed;
        this.#permission.addEventListener("changed", () => {
            this.isPrivileged = this.#permission.allowed;
            this.#tell("status");
        });
        onAppearance(() => {
            if (this.status !== "up" && this.status !== "connecting" && this.status !== "stopped")
                this.connect();
        });
        this.connect();
    }

    /* Calling the service starts it, where the bus can. */
    connect() {
        this.service?.close();
        this.#become("connecting");
        this.service = new Service({
            up: () => this.#begin(),
            /* before the first call it may just not have been started yet */
            stopped: () =>
                this.hasFirmware || this.hasVMs ? this.#become("stopped") : this.#begin(),
            ended: reason => this.#fail(reason),
            catalogChanged: () => this.#loadFirmware(),
            vmAdded: () => this.#loadVMs(),
            vmRemoved: path => {
                if (this.vms.delete(path)) this.#tell("vms");
            },
            vmChanged: (path, properties) => this.#changeVM(path, properties),
        });
    }

    /* A call starts a service that has stopped. */
    start() {
        return this.status === "stopped" ? this.#begin() : this.connect();
    }

    /* Boot entries and backups of a VM have no signal: who has changed them says so. */
    touch(path) {
        this.#replace(path, { changes: (this.vms.get(path)?.changes || 0) + 1 });
    }

    /* Whether a VM is in use is computed when it is read, and has no signal. The service accepts 16
       unfinished calls of a user; this takes a few of them. */
    readInUse(paths) {
        paths.forEach(path => this.#inUseQueue.add(path));
        while (this.#inUseReaders < IN_USE_READERS && this.#inUseReaders < this.#inUseQueue.size)
            this.#drainInUse();
    }

    /* Asks again about each VM that was asked about. */
    refreshInUse() {
        this.readInUse(
            [...this.vms.values()].filter(vm => vm.inUse !== undefined).map(vm => vm.object),
        );
    }

    /* What comes in a burst, such as the signals of an action on many VMs, is told once. */
    #tell(what) {
        if (this.#toTell.size === 0)
            setTimeout(() => {
                const all = [...this.#toTell];
                this.#toTell.clear();
                all.forEach(one => this.dispatchEvent(new Event(one)));
            }, TELL_AFTER);
        this.#toTell.add(what);
    }

    #become(status, error = null) {
        this.status = status;
        this.error = error;
        this.#tell("status");
    }

    #failToList(error) {
        if (error === this.vmsError) return;
        this.vmsError = error;
        this.#tell("status");
    }

    async #begin() {
        this.#become("connecting");
        for (const load of this.#loaders) {
            await load();
            if (this.status !== "connecting") return;
        }
        this.#become("up");
    }

    #fail(error) {
        this.#become(isAbsent(error) ? "absent" : isRefused(error) ? "refused" : "broken", error);
    }

    async #load(task) {
        const { service } = this;
        try {
            await task();
        } catch (error) {
            if (service !== this.service) return; /* closed, and replaced */
            if (isInterrupted(error)) this.#become("stopped");
            else this.#fail(error);
        }
    }

    /* ReportVMs does not say whether a VM is in use: what was read stays until it is read again. */
    #complete(vm) {
        const old = this.vms.get(vm.object);
        return keep(old, {
            ...vm,
            inUse: old?.inUse,
            ownerName: this.#users.get(vm.owner) || String(vm.owner),
            changes: old?.changes,
        });
    }

    #replace(path, changes) {
        const vm = this.vms.get(path);
        if (!vm || Object.keys(changes).every(key => vm[key] === changes[key])) return;
        this.vms.set(path, { ...vm, ...changes });
        this.#tell("vms");
    }

    async #drainInUse() {
        this.#inUseReaders++;
        for (const path of this.#inUseQueue) {
            this.#inUseQueue.delete(path);
            try {
                this.#replace(path, { inUse: await this.service.inUse(path) });
            } catch {
                /* the VM is gone, or the connection; both have their signal */
            }
        }
        this.#inUseReaders--;
    }

    #changeVM(path, properties) {
        if (this.vms.get(path)?.inUse !== undefined) this.readInUse([path]);
        this.#replace(
            path,
            Object.fromEntries(
                Object.entries(properties)
                    .filter(([key]) => key in VM_KEYS)
                    .map(([key, value]) => [VM_KEYS[key], value]),
            ),
        );
    }

    async #findUsers(vms) {
        const unknown = [...new Set(vms.map(vm => vm.owner))].filter(uid => !this.#users.has(uid));
        if (unknown.length === 0) return;
        unknown.forEach(uid => this.#users.set(uid, null));
        /* it exits with 2 if it does not know one of them */
        const output = await cockpit
            .spawn(["getent", "passwd", ...unknown.map(String)])
            .catch((error, found) => found || "");
        for (const line of output.split("\n")) {
            const [name, , uid] = line.split(":");
            if (uid) this.#users.set(Number(uid), name);
        }
        for (const [path, vm] of this.vms)
            if (unknown.includes(vm.owner))
                this.vms.set(path, { ...vm, ownerName: this.#users.get(vm.owner) || vm.ownerName });
        this.#tell("vms");
    }
}
