/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/vm-change.h"

#include "bus/error.h"
#include "bus/message-sink.h"
#include "bus/request.h"
#include "bus/state.h"
#include "bus/vm-call.h"
#include "base/error.h"
#include "vm/vm-answer.h"
#include "vm/vm-edit.h"

/* ChangeVariables: its changes are an aa{sv}, which only uefi/change understands. */

/* More keys than any change has: a caller chooses how many there are. */
#define MAX_KEYS 32

/* -- reading ---------------------------------------------------------------------------- */

G_GNUC_PRINTF(2, 3)
static int refuse(sd_bus_error *ret_error, const char *format, ...) {
    g_autoptr(GError) error = NULL;
    va_list args;

    va_start(args, format);
    error = g_error_new_valist(FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS, format, args);
    va_end(args);
    return bus_error_set(ret_error, error);
}

static int read_fixed(sd_bus_message *message, char type, gsize size, GVariant **ret) {
    const char code[] = {type, '\0'};
    gconstpointer data;
    gsize n_bytes;
    int r = sd_bus_message_read_array(message, type, &data, &n_bytes);

    if (r >= 0)
        *ret = g_variant_new_fixed_array(G_VARIANT_TYPE(code), data, n_bytes / size, size);
    return r;
}

/* Returns 0 with *RET NULL for a type that no key has. */
static int read_value(sd_bus_message *message, GVariant **ret) {
    const char *contents;
    int r;

    *ret = NULL;
    r = sd_bus_message_peek_type(message, NULL, &contents);
    if (r < 0)
        return r;
    if (!g_strv_contains((const char *const[]){"s", "b", "u", "ay", "aq", "as", NULL}, contents))
        return 0;
    r = sd_bus_message_enter_container(message, 'v', contents);
    if (r < 0)
        return r;
    if (g_str_equal(contents, "as")) {
        BusStrings strings;

        r = bus_read_strings(message, strings);
        /* the rest of a longer list is not read, and the message ends here */
        if (r == 0)
            return -E2BIG;
        if (r > 0)
            *ret = g_variant_new_strv(strings, -1);
    } else if (contents[0] == 'a')
        r = read_fixed(message, contents[1], contents[1] == 'q' ? 2 : 1, ret);
    else if (contents[0] == 's') {
        const char *text;

        r = sd_bus_message_read_basic(message, 's', &text);
        if (r >= 0)
            *ret = g_variant_new_string(text);
    } else {
        guint32 number; /* a boolean of sd-bus is an int */

        r = sd_bus_message_read_basic(message, contents[0], &number);
        if (r >= 0)
            *ret = contents[0] == 'b' ? g_variant_new_boolean(number != 0)
                                      : g_variant_new_uint32(number);
    }
    return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* N: the change, counted from 1. */
static int read_change(
        sd_bus_message *message, guint n, GVariantBuilder *changes, sd_bus_error *ret_error) {
    guint n_keys = 0;
    int r;

    g_variant_builder_open(changes, G_VARIANT_TYPE_VARDICT);
    while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
        GVariant *value;
        const char *key;

        r = sd_bus_message_read_basic(message, 's', &key);
        if (r < 0)
            return r;
        if (++n_keys > MAX_KEYS)
            return refuse(ret_error, "change %u: more than %d keys", n, MAX_KEYS);
        r = read_value(message, &value);
        if (r == -E2BIG)
            return refuse(ret_error, "change %u: %s: more than 64 strings", n, key);
        if (r < 0)
            return r;
        if (!value)
            return refuse(ret_error, "change %u: %s: of a D-Bus type that no key has", n, key);
        g_variant_builder_add(changes, "{sv}", key, value);
        r = sd_bus_message_exit_container(message);
        if (r < 0)
            return r;
    }
    g_variant_builder_close(changes);
    return r;
}

static int read_changes(sd_bus_message *message, GPtrArray **ret, sd_bus_error *ret_error) {
    g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));
    g_autoptr(GVariant) changes = NULL;
    g_autoptr(GError) error = NULL;
    guint n = 0;
    int r;

    r = sd_bus_message_enter_container(message, 'a', "a{sv}");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_enter_container(message, 'a', "{sv}")) > 0) {
        if (++n > CHANGE_MAX_CHANGES)
            return refuse(ret_error, "changes: more than %d", CHANGE_MAX_CHANGES);
        r = read_change(message, n, &builder, ret_error);
        if (r < 0)
            return r;
        r = sd_bus_message_exit_container(message);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;
    changes = g_variant_ref_sink(g_variant_builder_end(&builder));
    *ret = changes_read(changes, &error);
    if (!*ret)
        return bus_error_set(ret_error, error);
    return sd_bus_message_exit_container(message);
}

/* -- the method ------------------------------------------------------------------------- */

static int finish(VMCall *call, sd_bus_error *ret_error) {
    MessageSink sink;

    message_sink_begin_reply(&sink, call->message);
    vm_answer_changes(&sink.sink, &call->result);
    return message_sink_send(&sink);
}

int bus_method_change_variables(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    static const VMMethod method = {policy_replace_nvram, vm_op_change_variables, finish};
    const VM *vm = userdata;
    sd_bus *connection = sd_bus_message_get_bus(message);
    /* the userdata is the VM, so the bus comes from the slot */
    Bus *bus = sd_bus_slot_get_userdata(sd_bus_get_current_slot(connection));
    g_autoptr(VMCall) call = bus_vm_call_new(bus, &method, message, bus->caller, vm->owner, vm->id);
    int r;

    r = read_changes(message, &call->op.changes, ret_error);
    if (r < 0)
        return r;
    call->op.request = request_new(REQUEST_CALL_CHANGE_VARIABLES, NULL, NULL, NULL);
    r = bus_read_options(message, call->op.request, ret_error);
    if (r < 0)
        return r;
    return bus_vm_call_begin(g_steal_pointer(&call), ret_error);
}
