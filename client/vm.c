/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm.h"

#include <unistd.h>

#include "base/text.h"
#include "error.h"
#include "fleet.h"
#include "keys.h"

/* Adds to the error which other users have a virtual machine of this id. */
static void name_owners(Context *context, const char *id, GError **error) {
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(Reply) reply = {};
    g_autoptr(GVariantIter) rows = NULL;
    const char *row_id;
    guint32 owner;

    if (options_get(context->options, "owner") || options_get(context->options, "directory") ||
        !connection_call_manager(
                context->connection, CALL_READ, context->what, "ListVMs",
                g_variant_new_parsed("({'all': <true>},)"), "(a(susso))", &reply, NULL))
        return;
    g_variant_get(reply.body, "(a(susso))", &rows);
    while (g_variant_iter_next(rows, "(&su&s&s&o)", &row_id, &owner, NULL, NULL, NULL))
        if (g_str_equal(row_id, id))
            g_string_append_printf(text, "%s--owner=%u", text->len > 0 ? ", " : "", owner);
    if (text->len > 0) {
        GError *longer = g_error_new(
                CLIENT_ERROR, (*error)->code, "%s; another user has one of this id: %s",
                (*error)->message, text->str);

        g_clear_error(error);
        g_propagate_error(error, longer);
    }
}

char *vm_find(Context *context, const char *id, GError **error) {
    GVariant *options = keys_from_options(context->options, OPTIONS_OWNER, NULL, error);
    g_auto(Reply) reply = {};
    char *path = NULL;

    if (!options)
        return NULL;
    if (!connection_call_manager(
                context->connection, CALL_READ, context->what, "GetVM",
                g_variant_new("(s@a{sv})", id, options), "(o)", &reply, error)) {
        name_owners(context, id, error);
        return NULL;
    }
    g_variant_get(reply.body, "(o)", &path);
    return path;
}

/* The caller's uid as the bus reports it, which a container or another host may have changed. */
static gboolean get_own_uid(Context *context, guint32 *ret, GError **error) {
    sd_bus *bus = connection_get_bus(context->connection);
    g_autoptr(sd_bus_creds) creds = NULL;
    const char *name;
    uid_t uid;
    int r;

    if (!bus) {
        *ret = geteuid();
        return TRUE;
    }
    r = sd_bus_get_unique_name(bus, &name);
    if (r >= 0)
        r = sd_bus_get_name_creds(bus, name, SD_BUS_CREDS_EUID, &creds);
    if (r >= 0)
        r = sd_bus_creds_get_euid(creds, &uid);
    if (r < 0) {
        connection_set_error(context->connection, context->what, r, error);
        return FALSE;
    }
    *ret = uid;
    return TRUE;
}

char *vm_make_path(Context *context, const char *id, GError **error) {
    g_autoptr(GVariant) options = NULL;
    g_autofree char *parent = NULL;
    g_autofree char *encoded = NULL;
    guint32 owner;
    int r;

    options = keys_from_options(context->options, OPTIONS_OWNER, NULL, error);
    if (!options)
        return NULL;
    g_variant_ref_sink(options);
    if (!g_variant_lookup(options, "owner", "u", &owner) && !get_own_uid(context, &owner, error))
        return NULL;
    parent = g_strdup_printf(BUS_VM_PATH "/%u", owner);
    r = sd_bus_path_encode(parent, id, &encoded);
    if (r < 0) {
        connection_set_error(context->connection, context->what, r, error);
        return NULL;
    }
    return g_steal_pointer(&encoded);
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

gboolean vm_has_new_keys(GVariant *resolution) {
    g_autoptr(GVariant) nvram = g_variant_lookup_value(resolution, "nvram", G_VARIANT_TYPE_VARDICT);
    const char *secure_boot = "";
    gboolean is_created = FALSE;

    (void)g_variant_lookup(resolution, "secure-boot", "&s", &secure_boot);
    return nvram && g_variant_lookup(nvram, "created", "b", &is_created) && is_created &&
            g_str_equal(secure_boot, "enforced");
}

static void append_option(GString *command, const char *option, const char *value) {
    g_autofree char *quoted = value ? text_quote_word(value) : NULL;

    if (quoted)
        g_string_append_printf(command, "%s%s ", option, quoted);
}

char *vm_make_command(
        const Options *options, const char *verb, const char *owner, const char *id,
        const char *words) {
    g_autoptr(GString) command = g_string_new("vmfirmwarectl ");
    g_autofree char *quoted = text_quote_word(id);
    const char *before = options_get(options, "directory") ? "--directory="
            : *id == '-'                                   ? "-- "
                                                           : "";

    if (options->is_user)
        g_string_append(command, "--user ");
    append_option(command, "--host=", options->host);
    append_option(command, "--machine=", options->container);
    g_string_append_printf(command, "%s ", verb);
    append_option(command, "--owner=", owner);
    g_string_append_printf(command, "%s%s%s", before, quoted, words);
    return g_string_free(g_steal_pointer(&command), FALSE);
}

void vm_warn_expired(Context *context, const char *id, const char *object) {
    g_autofree char *found = object ? g_strdup(object) : vm_find(context, id, NULL);
    g_autofree char *enroll = vm_make_command(
            context->options, "enroll", options_get(context->options, "owner"), id,
            " microsoft-2023");
    g_autoptr(GVariant) properties = NULL;
    g_autofree char *date = NULL;
    g_autofree char *text = NULL;

    if (found)
        properties = connection_get_properties(
                context->connection, context->what, found, BUS_VM_INTERFACE, NULL);
    if (properties)
        date = fleet_find_expired(properties);
    if (!date)
        return;
    text = g_strdup_printf(
            "%s: its certificates expired on %s, so boot loaders signed since then do not start; "
            "'%s' adds the new ones, see vmfirmware-secure-boot(7)",
            context->what, date, enroll);
    output_warning(text);
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
