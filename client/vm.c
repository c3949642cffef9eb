/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm.h"

#include "keys.h"

char *vm_find(Context *context, const char *id, GError **error) {
    GVariant *options = keys_from_options(context->options, OPTIONS_OWNER, NULL, error);
    g_auto(Reply) reply = {};
    char *path = NULL;

    if (!options)
        return NULL;
    if (!connection_call_manager(
                context->connection, CALL_READ, context->what, "GetVM",
                g_variant_new("(s@a{sv})", id, options), "(o)", &reply, error))
        return NULL;
    g_variant_get(reply.body, "(o)", &path);
    return path;
}

gboolean vm_call(
        Context *context, const char *id, const char *method, GVariant *arguments, const char *type,
        Reply *ret_reply, GError **error) {
    g_autoptr(GVariant) owned = g_variant_ref_sink(arguments);
    g_autofree char *path = vm_find(context, id, error);

    if (!path)
        return FALSE;
    return connection_call(
            context->connection, CALL_CHANGE, context->what, path, BUS_VM_INTERFACE, method, owned,
            type, ret_reply, error);
}

void vm_tell(Context *context, const char *id, const Reply *reply) {
    g_autoptr(GVariant) object = NULL;

    if (context->options->json == JSON_OFF)
        return;
    if (reply)
        object = g_variant_get_child_value(reply->body, 0);
    output_json(
            context->output,
            object ? g_variant_new_parsed(
                             "{'id': <%s>, 'object': <%s>}", id, g_variant_get_string(object, NULL))
                   : g_variant_new_parsed("{'id': <%s>}", id));
}
