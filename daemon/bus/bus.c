/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/bus.h"

#include "bus/admission.h"
#include "bus/export.h"
#include "bus/firmware.h"
#include "bus/log-control.h"
#include "bus/manager.h"
#include "bus/reload.h"
#include "bus/state.h"
#include "bus/stats.h"
#include "bus/vm-object.h"
#include "bus/vm-call.h"

static void log_failure(int r) {
    if (r < 0)
        g_warning("cannot tell the bus about the new catalog: %s", g_strerror(-r));
}

static void on_vm_changed(const VM *vm, VMChange change, guint properties, gpointer userdata) {
    int r = bus_vm_emit_changed(userdata, vm, change, properties);

    if (r < 0)
        g_warning("cannot tell the bus about VM %s: %s", vm->id, g_strerror(-r));
}

static void on_about_to_publish(const CatalogChange *change, gpointer userdata) {
    log_failure(bus_firmware_emit_removed(userdata, change));
}

/* "CatalogChanged … once per published change, after the objects and properties have changed" */
static void on_published(const Publication *publication, gpointer userdata) {
    Bus *bus = userdata;

    if (publication->change)
        log_failure(bus_firmware_emit_published(bus, publication->change));
    log_failure(bus_manager_emit_published(bus, publication));
}

int bus_new(sd_bus *connection, sd_bus *questions, LiveCatalog *live, VMs *vms, Bus **ret) {
    g_autoptr(Bus) bus = g_new0(Bus, 1);
    LiveCatalogObserver observer = {
            .about_to_publish = on_about_to_publish,
            .published = on_published,
            .userdata = bus,
    };
    const VMsObserver vms_observer = {.changed = on_vm_changed, .userdata = bus};
    int r;

    bus->connection = sd_bus_ref(connection);
    bus->questions = sd_bus_ref(questions);
    bus->live = live;
    bus->vms = vms;
    bus->places = g_ptr_array_new();
    bus->reloads = bus_reloads_new();
    bus->calls = g_ptr_array_new_with_free_func((GDestroyNotify)bus_vm_call_free);
    bus->exports = bus_exports_new();

    r = bus_manager_add(bus);
    if (r < 0)
        return r;
    r = bus_firmware_add(bus);
    if (r < 0)
        return r;

    r = bus_vm_add(bus);
    if (r < 0)
        return r;
    r = bus_log_control_add(bus);
    if (r < 0)
        return r;
    r = bus_stats_add(bus);
    if (r < 0)
        return r;
    /* after all other filters, because libsystemd calls the last added filter first */
    r = admission_new(bus, &bus->admission);
    if (r < 0)
        return r;

    live_catalog_set_observer(live, &observer);
    vms_set_observer(vms, &vms_observer);
    *ret = g_steal_pointer(&bus);
    return 0;
}

void bus_free(Bus *bus) {
    if (!bus)
        return;

    g_ptr_array_unref(bus->exports);
    g_ptr_array_unref(bus->calls);
    g_ptr_array_unref(bus->reloads);
    g_ptr_array_unref(bus->places);
    admission_free(bus->admission);
    sd_bus_unref(bus->connection);
    sd_bus_unref(bus->questions);
    g_free(bus);
}
