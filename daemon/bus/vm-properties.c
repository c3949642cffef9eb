/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/vm-properties.h"

#include <string.h>

#include "bus/error.h"
#include "bus/names.h"
#include "bus/vm-object.h"
#include "bus/vm.h"
#include "bus/vm-call.h"
#include "bus/vm-read.h"

/* Get and GetAll of State, InUse and the properties of the store. The getter of a vtable cannot
 * wait for a worker thread, so a filter handles these calls before libsystemd looks up their
 * object. libsystemd answers all other calls, and calls whose arguments the filter does not accept.
 */

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

static int append_value(sd_bus_message *reply, const sd_bus_vtable *property, const VM *vm) {
    const char *signature = property->x.property.signature;
    int r;

    r = sd_bus_message_open_container(reply, 'v', signature);
    if (r < 0)
        return r;
    r = property->x.property.get(
            sd_bus_message_get_bus(reply), NULL, BUS_VM_INTERFACE, property->x.property.member,
            reply, (void *)vm, NULL);
    if (r < 0)
        return r;
    return sd_bus_message_close_container(reply);
}

static int append_entry(sd_bus_message *reply, const sd_bus_vtable *property, const VM *vm) {
    int r;

    r = sd_bus_message_open_container(reply, 'e', "sv");
    if (r < 0)
        return r;
    r = sd_bus_message_append(reply, "s", property->x.property.member);
    if (r < 0)
        return r;
    r = append_value(reply, property, vm);
    if (r < 0)
        return r;
    return sd_bus_message_close_container(reply);
}

static const sd_bus_vtable *find_property(const char *name) {
    for (const sd_bus_vtable *v = bus_vm_vtable; v->type != _SD_BUS_VTABLE_END; v++)
        if (v->type == _SD_BUS_VTABLE_PROPERTY && g_str_equal(v->x.property.member, name))
            return v;
    g_assert_not_reached();
}

static int append_all(sd_bus_message *reply, const VM *vm) {
    int r;

    r = sd_bus_message_open_container(reply, 'a', "{sv}");
    for (const sd_bus_vtable *v = bus_vm_vtable; r >= 0 && v->type != _SD_BUS_VTABLE_END; v++)
        if (v->type == _SD_BUS_VTABLE_PROPERTY)
            r = append_entry(reply, v, vm);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int reply_properties(const VMRead *read, sd_bus_error *ret_error) {
    g_autoptr(sd_bus_message) reply = NULL;
    g_autoptr(GError) error = NULL;
    const VM *vm = bus_find_vm(read->bus, read->owner, read->id, &error);
    int r;

    if (!vm)
        return bus_error_set(ret_error, error);
    r = sd_bus_message_new_method_return(read->message, &reply);
    if (r < 0)
        return r;
    r = read->property ? append_value(reply, find_property(read->property), vm)
                       : append_all(reply, vm);
    if (r < 0)
        return r;
    return sd_bus_send(NULL, reply, NULL);
}

/* Returns TRUE if MESSAGE reads a property of the condition, or all properties (then RET_PROPERTY
 * is NULL). */
static gboolean asks_for_condition(sd_bus_message *message, const char **ret_property) {
    static const char *const properties[] = {"State",        "InUse",   "SecureBoot",
                                             "Certificates", "Expires", "Health"};
    const char *interface;
    const char *name;

    /* as in libsystemd: "" means all interfaces, and further arguments are not read */
    if (sd_bus_message_is_method_call(message, PROPERTIES_INTERFACE, "GetAll")) {
        *ret_property = NULL;
        return sd_bus_message_read(message, "s", &interface) > 0 &&
                (g_str_equal(interface, "") || g_str_equal(interface, BUS_VM_INTERFACE));
    }
    if (!sd_bus_message_is_method_call(message, PROPERTIES_INTERFACE, "Get") ||
        sd_bus_message_read(message, "ss", &interface, &name) <= 0 ||
        !g_str_equal(interface, BUS_VM_INTERFACE))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(properties); i++)
        if (g_str_equal(name, properties[i])) {
            *ret_property = properties[i];
            return TRUE;
        }
    return FALSE;
}

/* libsystemd answers a call of a member that it does not know with -EIO where find_vm() has failed.
 */
static int check_vm(
        const Bus *bus, sd_bus_message *message, uid_t owner, const char *id,
        sd_bus_error *ret_error) {
    g_autoptr(GError) error = NULL;

    /* a VM whose record cannot be read can only be removed */
    if (bus_find_vm(bus, owner, id, &error) ||
        (sd_bus_message_is_method_call(message, BUS_VM_INTERFACE, "Remove") &&
         vms_find(bus->vms, owner, id)))
        return 0;
    return bus_error_set(ret_error, error);
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    Bus *bus = userdata;
    const char *path = sd_bus_message_get_path(message);
    const char *property;
    g_autofree char *id = NULL;
    VMRead *read;
    uid_t owner;
    int r;

    if (!path || !g_str_has_prefix(path, BUS_VM_PATH) ||
        !sd_bus_message_is_method_call(message, NULL, NULL) ||
        bus_vm_decode_path(path, &owner, &id) <= 0)
        return 0;
    r = check_vm(bus, message, owner, id, ret_error);
    if (r < 0)
        return r;
    if (!asks_for_condition(message, &property))
        return sd_bus_message_rewind(message, TRUE) < 0 ? -EBADMSG : 0;

    read = bus_vm_read_new(bus, message, reply_properties);
    read->owner = owner;
    read->id = g_steal_pointer(&id);
    read->property = property;
    return bus_vm_read_begin(read, ret_error);
}

int bus_vm_properties_add(Bus *bus) {
    return sd_bus_add_filter(bus->connection, NULL, on_message, bus);
}
