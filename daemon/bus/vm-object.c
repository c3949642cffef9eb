/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/vm-object.h"

#include <string.h>

#include "bus/error.h"
#include "bus/names.h"
#include "bus/vm-call.h"
#include "bus/vm-properties.h"
#include "bus/vm.h"

char *bus_vm_path(uid_t owner, const char *id) {
    g_autofree char *prefix = g_strdup_printf(BUS_VM_PATH "/%u", (unsigned)owner);
    char *path;

    if (sd_bus_path_encode(prefix, id, &path) < 0)
        g_error("out of memory");
    return path;
}

/* Parses ".../vm/UID/ID" into the owner and the path prefix of that owner's VMs. Returns FALSE for
 * any other path. */
static gboolean parse_path(const char *path, uid_t *ret_owner, char **ret_prefix) {
    g_auto(GStrv) labels = g_strsplit(path + strlen(BUS_VM_PATH), "/", -1);
    guint64 uid;

    /* "", UID, ID */
    if (g_strv_length(labels) != 3 ||
        !g_ascii_string_to_unsigned(labels[1], 10, 0, G_MAXUINT32 - 1, &uid, NULL))
        return FALSE;

    *ret_owner = (uid_t)uid;
    *ret_prefix = g_strconcat(BUS_VM_PATH "/", labels[1], NULL);
    return TRUE;
}

int bus_vm_decode_path(const char *path, uid_t *ret_owner, char **ret_id) {
    g_autofree char *prefix = NULL;
    g_autofree char *canonical = NULL;
    g_autofree char *id = NULL;
    int r;

    if (!parse_path(path, ret_owner, &prefix))
        return 0;
    r = sd_bus_path_decode(path, prefix, &id);
    if (r <= 0)
        return r;

    /* a label can decode to any string, and the reply's error would contain it */
    canonical = vmstore_is_id(id) ? bus_vm_path(*ret_owner, id) : NULL;
    if (g_strcmp0(path, canonical) != 0)
        return 0;
    *ret_id = g_steal_pointer(&id);
    return 1;
}

/* Unknown paths are not errors here: an error would hide the parent nodes from Introspect, see
 * parse_path(). */
static int find_vm(
        sd_bus *connection, const char *path, const char *interface, void *userdata,
        void **ret_found, sd_bus_error *ret_error) {
    const Bus *bus = userdata;
    const VM *vm;
    g_autoptr(GError) error = NULL;
    g_autofree char *id = NULL;
    uid_t owner;
    int r;

    r = bus_vm_decode_path(path, &owner, &id);
    if (r <= 0)
        return r;

    /* a VM with an unreadable record has no properties, and can only be removed */
    vm = sd_bus_message_is_method_call(sd_bus_get_current_message(connection), NULL, "Remove")
            ? vms_find(bus->vms, owner, id)
            : NULL;
    if (!vm)
        vm = bus_find_vm(bus, owner, id, &error);
    if (!vm)
        return bus_error_set(ret_error, error);

    *ret_found = (gpointer)vm;
    return 1;
}

static int list_vms(
        sd_bus *connection, const char *prefix, void *userdata, char ***ret_nodes,
        sd_bus_error *ret_error) {
    Bus *bus = userdata;
    g_autoptr(GPtrArray) list = vms_list(bus->vms);
    char **nodes = g_new0(char *, list->len + 1);

    for (guint i = 0; i < list->len; i++) {
        const VM *vm = list->pdata[i];
        nodes[i] = bus_vm_path(vm->owner, vm->id);
    }
    *ret_nodes = nodes;
    return 1;
}

int bus_vm_add(Bus *bus) {
    int r;

    r = bus_vm_properties_add(bus);
    if (r < 0)
        return r;
    r = sd_bus_add_fallback_vtable(
            bus->connection, NULL, BUS_VM_PATH, BUS_VM_INTERFACE, bus_vm_vtable, find_vm, bus);
    if (r < 0)
        return r;
    return sd_bus_add_node_enumerator(bus->connection, NULL, BUS_VM_PATH, list_vms, bus);
}

/* -- signals ----------------------------------------------------------------------------- */

static int emit_properties_changed(Bus *bus, const char *path, guint properties) {
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (const VMPropertyEntry *entry = vm_properties; entry->name; entry++)
        if (properties & entry->property)
            g_ptr_array_add(names, (gpointer)entry->name);
    if (names->len == 0)
        return 0;
    g_ptr_array_add(names, NULL);

    return sd_bus_emit_properties_changed_strv(
            bus->connection, path, BUS_VM_INTERFACE, (char **)names->pdata);
}

int bus_vm_emit_changed(Bus *bus, const VM *vm, VMChange change, guint properties) {
    g_autofree char *path = bus_vm_path(vm->owner, vm->id);

    switch (change) {
    case VM_CHANGE_ADDED:
    case VM_CHANGE_REMOVED:
        return sd_bus_emit_signal(
                bus->connection, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE,
                change == VM_CHANGE_ADDED ? "VMAdded" : "VMRemoved", "suo", vm->id,
                (uint32_t)vm->owner, path);
    case VM_CHANGE_PIN:
    case VM_CHANGE_STATE:
        return emit_properties_changed(bus, path, properties);
    }
    g_assert_not_reached();
}
