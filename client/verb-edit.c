/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "edit.h"
#include "enroll-all.h"
#include "error.h"
#include "uefi/key-data.h"
#include "verbs.h"

/* Verbs that change the variables of a store: enroll, secure-boot, set-variable, delete-variable;
 * and the changes of boot. */

static GVariant *make_list(GPtrArray *changes) {
    return g_variant_new_array(
            G_VARIANT_TYPE_VARDICT, (GVariant *const *)changes->pdata, changes->len);
}

static GVariant *make_string(const char *text) {
    return text ? g_variant_new_string(text) : NULL;
}

/* Returns an ay, floating. */
static GVariant *read_data(const char *path, GError **error) {
    g_autoptr(GBytes) bytes = NULL;
    int r = file_read(AT_FDCWD, path, KEY_DATA_MAX_SIZE, &bytes);

    if (r >= 0)
        return g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, bytes, TRUE);
    (void)client_error_set(
            error, CLIENT_ERROR_FAILURE, "%s: %s", path,
            r == -ENOTSUP ? "it is no regular file" : g_strerror(-r));
    return NULL;
}

static gboolean check_text(const char *text, GError **error) {
    return text_is_valid(text) ||
            client_error_set(error, CLIENT_ERROR_USAGE, "an argument is not UTF-8");
}

/* -- enroll ----------------------------------------------------------------------------- */

static gboolean add_file(const char *path, const char *into, GPtrArray *changes, GError **error) {
    GVariant *data = read_data(path, error);

    if (!data)
        return FALSE;
    g_ptr_array_add(
            changes,
            edit_make_change(
                    "enroll", (const EditKey[]){{"into", make_string(into)}, {"data", data}, {}}));
    return TRUE;
}

/* A word is a file, or else the name of known certificates. */
static gboolean add_keys(const Options *options, char **words, GPtrArray *changes, GError **error) {
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *from = options_get(options, "from");
    const char *into = options_get(options, "into");

    if ((from && !check_text(from, error)) || (into && !check_text(into, error)))
        return FALSE;
    for (; *words; words++) {
        if (store_is_file(*words)) {
            if (!add_file(*words, into ? into : "db", changes, error))
                return FALSE;
        } else if (!check_text(*words, error))
            return FALSE;
        else
            g_ptr_array_add(names, *words);
    }
    if (into && changes->len == 0)
        return client_error_set(
                error, CLIENT_ERROR_USAGE, "enroll: --into says where files go; no file is given");
    if (names->len > 0)
        g_ptr_array_add(
                changes,
                edit_make_change(
                        "enroll-known",
                        (const EditKey[]){
                                {"names",
                                 g_variant_new_strv((const char *const *)names->pdata, names->len)},
                                {}}));
    if (from)
        g_ptr_array_add(
                changes,
                edit_make_change(
                        "enroll-from", (const EditKey[]){{"firmware", make_string(from)}, {}}));
    return changes->len > 0 ||
            client_error_set(
                    error, CLIENT_ERROR_USAGE,
                    "enroll: which keys? Give files, a name such as microsoft-2023, or "
                    "--from=FIRMWARE");
}

static void unref_floating(gpointer variant) {
    g_variant_unref(g_variant_ref_sink(variant));
}

gboolean verb_enroll(Context *context, char **arguments, GError **error) {
    const gboolean is_all = options_get(context->options, "all") != NULL;
    g_autoptr(GPtrArray) changes = g_ptr_array_new();

    if (is_all && (!context->connection || options_get(context->options, "directory")))
        return client_error_set(
                error, CLIENT_ERROR_USAGE,
                "enroll: --all is for the virtual machines of a service");
    if (!is_all && !*arguments)
        return client_error_set(
                error, CLIENT_ERROR_USAGE, "enroll: give a virtual machine, a file, or --all");
    if (!add_keys(context->options, arguments + (is_all ? 0 : 1), changes, error)) {
        g_ptr_array_foreach(changes, (GFunc)(void (*)(void))unref_floating, NULL);
        return FALSE;
    }
    return is_all ? enroll_all(context, make_list(changes), error)
                  : edit_run(context, arguments[0], make_list(changes), error);
}

/* -- others ----------------------------------------------------------------------------- */

static gboolean run_one(
        Context *context, const char *argument, const char *kind, const EditKey *keys,
        GError **error) {
    GVariant *change = edit_make_change(kind, keys);

    return edit_run(
            context, argument, g_variant_new_array(G_VARIANT_TYPE_VARDICT, &change, 1), error);
}

gboolean verb_secure_boot(Context *context, char **arguments, GError **error) {
    const gboolean is_on = g_str_equal(arguments[1], "on");

    if (!is_on && !g_str_equal(arguments[1], "off"))
        return client_error_set(
                error, CLIENT_ERROR_USAGE, "secure-boot %s: it is on or off", arguments[1]);
    return run_one(
            context, arguments[0], "secure-boot",
            (const EditKey[]){{"on", g_variant_new_boolean(is_on)}, {}}, error);
}

gboolean verb_set_variable(Context *context, char **arguments, GError **error) {
    const char *attributes = options_get(context->options, "attributes");
    GVariant *attributes_value = NULL, *data;
    guint64 number;

    if (!check_text(arguments[1], error) || !check_text(arguments[2], error))
        return FALSE;
    if (attributes) {
        const gboolean is_hex = g_str_has_prefix(attributes, "0x");

        if (!g_ascii_string_to_unsigned(
                    attributes + (is_hex ? 2 : 0), is_hex ? 16 : 10, 0, G_MAXUINT32, &number, NULL))
            return client_error_set(
                    error, CLIENT_ERROR_USAGE, "--attributes=%s: it is a number, such as 0x7",
                    attributes);
        attributes_value = g_variant_new_uint32((guint32)number);
    }
    data = read_data(arguments[3], error);
    if (!data) {
        g_clear_pointer(&attributes_value, unref_floating);
        return FALSE;
    }
    return run_one(
            context, arguments[0], "set",
            (const EditKey[]){{"guid", make_string(arguments[1])},
                              {"name", make_string(arguments[2])},
                              {"attributes", attributes_value},
                              {"data", data},
                              {}},
            error);
}

gboolean verb_delete_variable(Context *context, char **arguments, GError **error) {
    if (!check_text(arguments[1], error) || !check_text(arguments[2], error))
        return FALSE;
    return run_one(
            context, arguments[0], "delete",
            (const EditKey[]){
                    {"guid", make_string(arguments[1])}, {"name", make_string(arguments[2])}, {}},
            error);
}

/* -- boot ------------------------------------------------------------------------------- */

/* Returns an aq of "0001,A,…", floating. */
static GVariant *read_numbers(const char *option, const char *text, GError **error) {
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint16));

    for (char **word = words; *word; word++) {
        const gboolean has_prefix = g_str_has_prefix(*word, "Boot");
        guint64 number;
        guint16 unit;

        if (!g_ascii_string_to_unsigned(
                    *word + (has_prefix ? 4 : 0), 16, 0, G_MAXUINT16, &number, NULL)) {
            (void)client_error_set(
                    error, CLIENT_ERROR_USAGE,
                    "--%s=%s: it is %sa list of numbers as 'boot' shows them, such as 0001,0003",
                    option, text, g_str_equal(option, "clear") ? "all, bound, or " : "");
            return NULL;
        }
        unit = (guint16)number;
        g_array_append_val(numbers, unit);
    }
    return g_variant_new_fixed_array(
            G_VARIANT_TYPE_UINT16, numbers->data, numbers->len, sizeof(guint16));
}

static GVariant *make_clear(const char *clear, GError **error) {
    GVariant *numbers;

    if (g_str_equal(clear, "all") || g_str_equal(clear, "bound"))
        return edit_make_change(
                "remove-boot", (const EditKey[]){{clear, g_variant_new_boolean(TRUE)}, {}});
    numbers = read_numbers("clear", clear, error);
    return numbers ? edit_make_change("remove-boot", (const EditKey[]){{"numbers", numbers}, {}})
                   : NULL;
}

gboolean edit_boot(Context *context, const char *argument, GError **error) {
    const char *order = options_get(context->options, "order");
    const char *clear = options_get(context->options, "clear");
    g_autoptr(GPtrArray) changes = g_ptr_array_new();
    GVariant *numbers, *change;

    if (clear) {
        change = make_clear(clear, error);
        if (!change)
            return FALSE;
        g_ptr_array_add(changes, change);
    }
    if (order) {
        numbers = read_numbers("order", order, error);
        if (!numbers) {
            g_ptr_array_foreach(changes, (GFunc)(void (*)(void))unref_floating, NULL);
            return FALSE;
        }
        g_ptr_array_add(
                changes, edit_make_change("boot-order", (const EditKey[]){{"order", numbers}, {}}));
    }
    return edit_run(context, argument, make_list(changes), error);
}
