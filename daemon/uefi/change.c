/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/change.h"

#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "uefi/digest.h"
#include "uefi/key-data.h"

#define MAX_STRINGS 64 /* in one list, as in a request */

/* EFI_VARIABLE_NON_VOLATILE, EFI_VARIABLE_BOOTSERVICE_ACCESS */
#define NEEDED_ATTRIBUTES 3
/* with those of the runtime, hardware errors and authentication */
#define KNOWN_ATTRIBUTES 0xbfu
#define ATTRIBUTE_APPEND 0x40

static const char *const kinds[] = {
        [CHANGE_ENROLL] = "enroll",           [CHANGE_ENROLL_KNOWN] = "enroll-known",
        [CHANGE_ENROLL_FROM] = "enroll-from", [CHANGE_UNENROLL] = "unenroll",
        [CHANGE_SECURE_BOOT] = "secure-boot", [CHANGE_BOOT_ORDER] = "boot-order",
        [CHANGE_REMOVE_BOOT] = "remove-boot", [CHANGE_SET] = "set",
        [CHANGE_DELETE] = "delete",
};

const char *change_kind_to_string(ChangeKind kind) {
    return kinds[kind];
}

static const struct {
    const char *name;
    const EfiGuid *guid;
} key_variables[] = {
        {"PK", &efi_global_guid},
        {"KEK", &efi_global_guid},
        {"db", &efi_image_security_guid},
        {"dbx", &efi_image_security_guid},
};

const EfiGuid *change_find_key_variable(const char *name) {
    for (gsize i = 0; i < G_N_ELEMENTS(key_variables); i++)
        if (g_str_equal(key_variables[i].name, name))
            return key_variables[i].guid;
    return NULL;
}

typedef struct ChangeKey {
    const char *name;
    const char *type; /* of its value */
    guint kinds;      /* bit N: of ChangeKind N */
    gboolean is_needed;
    gsize offset; /* in Change */
} ChangeKey;

#define KIND(kind) (1u << CHANGE_##kind)
#define FIELD(name) offsetof(Change, name)

static const ChangeKey change_keys[] = {
        {"into", "s", KIND(ENROLL), TRUE, FIELD(variable)},
        {"from", "s", KIND(UNENROLL), TRUE, FIELD(variable)},
        {"data", "ay", KIND(ENROLL) | KIND(SET), TRUE, FIELD(data)},
        {"owner", "s", KIND(ENROLL), FALSE, FIELD(owner)},
        {"names", "as", KIND(ENROLL_KNOWN), TRUE, FIELD(names)},
        {"firmware", "s", KIND(ENROLL_FROM), TRUE, FIELD(firmware)},
        {"sha256", "as", KIND(UNENROLL), FALSE, FIELD(digests)},
        {"all", "b", KIND(UNENROLL) | KIND(REMOVE_BOOT), FALSE, FIELD(all)},
        {"bound", "b", KIND(REMOVE_BOOT), FALSE, FIELD(bound)},
        {"on", "b", KIND(SECURE_BOOT), TRUE, FIELD(on)},
        {"order", "aq", KIND(BOOT_ORDER), TRUE, FIELD(numbers)},
        {"numbers", "aq", KIND(REMOVE_BOOT), FALSE, FIELD(numbers)},
        {"guid", "s", KIND(SET) | KIND(DELETE), TRUE, FIELD(guid)},
        {"name", "s", KIND(SET) | KIND(DELETE), TRUE, FIELD(name)},
        {"attributes", "u", KIND(SET), FALSE, FIELD(attributes)},
};

G_STATIC_ASSERT(G_N_ELEMENTS(change_keys) <= 32); /* Change.given */

void change_free(Change *change) {
    if (!change)
        return;
    g_free(change->variable);
    g_bytes_unref(change->data);
    g_strfreev(change->names);
    g_strfreev(change->digests);
    g_free(change->firmware);
    g_clear_pointer(&change->numbers, g_array_unref);
    g_free(change->name);
    g_free(change);
}

G_GNUC_PRINTF(2, 3)
static gboolean invalid(GError **error, const char *format, ...) {
    va_list args;

    va_start(args, format);
    if (error)
        *error = g_error_new_valist(FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS, format, args);
    va_end(args);
    return FALSE;
}

/* A text is cut nowhere: the halves of a character are not UTF-8. */
static const char *show(const char *text) {
    return strlen(text) <= 80 ? text : "\xe2\x80\xa6";
}

/* -- values ----------------------------------------------------------------------------- */

static const ChangeKey *find_key(const char *name, ChangeKind kind) {
    for (gsize i = 0; i < G_N_ELEMENTS(change_keys); i++)
        if ((change_keys[i].kinds >> kind & 1) && g_str_equal(change_keys[i].name, name))
            return &change_keys[i];
    return NULL;
}

static gboolean set_guid(const char *key, EfiGuid *field, const char *text, GError **error) {
    return efi_guid_parse(text, field) ||
            invalid(error, "%s: not a GUID as in 8be4df61-93ca-11d2-aa0d-00e098032b8c", key);
}

static gboolean set_strings(const ChangeKey *key, GStrv *field, GVariant *value, GError **error) {
    const gsize n = g_variant_n_children(value);

    if (n == 0 || n > MAX_STRINGS)
        return invalid(
                error, "%s: %" G_GSIZE_FORMAT " strings, and 1 to %d are taken", key->name, n,
                MAX_STRINGS);
    *field = g_variant_dup_strv(value, NULL);
    return TRUE;
}

static gboolean set_numbers(const ChangeKey *key, GArray **field, GVariant *value, GError **error) {
    gsize n;
    const guint16 *numbers = g_variant_get_fixed_array(value, &n, sizeof *numbers);

    if (n > CHANGE_MAX_NUMBERS)
        return invalid(
                error, "%s: %" G_GSIZE_FORMAT " numbers, and at most %d are taken", key->name, n,
                CHANGE_MAX_NUMBERS);
    *field = g_array_new(FALSE, FALSE, sizeof *numbers);
    if (n > 0)
        g_array_append_vals(*field, numbers, (guint)n);
    return TRUE;
}

static gboolean set_value(Change *change, const ChangeKey *key, GVariant *value, GError **error) {
    gpointer field = (char *)change + key->offset;

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE(key->type)))
        return invalid(error, "%s: not of D-Bus type %s", key->name, key->type);
    if (g_str_equal(key->type, "s")) {
        const char *text = g_variant_get_string(value, NULL);

        if (key->offset == FIELD(owner) || key->offset == FIELD(guid))
            return set_guid(key->name, field, text, error);
        *(char **)field = g_strdup(text);
    } else if (g_str_equal(key->type, "as"))
        return set_strings(key, field, value, error);
    else if (g_str_equal(key->type, "ay"))
        *(GBytes **)field = g_variant_get_data_as_bytes(value);
    else if (g_str_equal(key->type, "aq"))
        return set_numbers(key, field, value, error);
    else if (g_str_equal(key->type, "b"))
        *(gboolean *)field = g_variant_get_boolean(value);
    else {
        *(guint32 *)field = g_variant_get_uint32(value);
        change->has_attributes = TRUE;
    }
    return TRUE;
}

static gboolean set_key(Change *change, const char *name, GVariant *value, GError **error) {
    const ChangeKey *key = find_key(name, change->kind);
    guint32 bit;

    if (!key)
        return invalid(error, "%s: unknown key", show(name));
    bit = 1u << (key - change_keys);
    if (change->given & bit)
        return invalid(error, "%s: given twice", name);
    change->given |= bit;
    return set_value(change, key, value, error);
}

/* -- rules of one change ---------------------------------------------------------------- */

static gboolean check_given(const Change *change, GError **error) {
    for (gsize i = 0; i < G_N_ELEMENTS(change_keys); i++) {
        const ChangeKey *key = &change_keys[i];

        if ((key->kinds >> change->kind & 1) && key->is_needed && !(change->given >> i & 1))
            return invalid(error, "%s: missing", key->name);
    }
    return TRUE;
}

static gboolean check_key_variable(const Change *change, GError **error) {
    return change_find_key_variable(change->variable) ||
            invalid(error, "%s: \"%s\" is none of PK, KEK, db, dbx",
                    change->kind == CHANGE_ENROLL ? "into" : "from", show(change->variable));
}

static gboolean check_size(const Change *change, GError **error) {
    return g_bytes_get_size(change->data) <= KEY_DATA_MAX_SIZE ||
            invalid(error, "data: %" G_GSIZE_FORMAT " bytes, and at most %d are read",
                    g_bytes_get_size(change->data), KEY_DATA_MAX_SIZE);
}

/* What the firmware takes into PK and KEK: AuthVariableLib's ProcessVarWithPk(). */
static gboolean check_entries(const Change *change, const GPtrArray *entries, GError **error) {
    const gboolean is_platform = g_str_equal(change->variable, "PK");

    if (is_platform && entries->len != 1)
        return invalid(error, "data: %u entries, and PK takes one certificate", entries->len);
    if (!is_platform && !g_str_equal(change->variable, "KEK"))
        return TRUE;
    for (guint i = 0; i < entries->len; i++) {
        const SiglistEntry *entry = entries->pdata[i];

        if (siglist_find_type(&entry->type) != SIGLIST_X509)
            return invalid(
                    error, "data: entry %u is no certificate, and %s takes nothing else", i + 1,
                    change->variable);
    }
    return TRUE;
}

GPtrArray *change_read_entries(const Change *change, GError **error) {
    static const EfiGuid none;
    g_autoptr(GPtrArray) entries = key_data_read(
            change->data,
            efi_guid_equal(&change->owner, &none) ? &key_data_default_guid : &change->owner, error);

    return entries && check_entries(change, entries, error) ? g_steal_pointer(&entries) : NULL;
}

Change *change_new_enroll(const char *variable, GBytes *data) {
    Change *change = g_new0(Change, 1);

    change->kind = CHANGE_ENROLL;
    change->variable = g_strdup(variable);
    change->data = g_bytes_ref(data);
    return change;
}

Change *change_new_remove_boot(gboolean is_all) {
    Change *change = g_new0(Change, 1);

    change->kind = CHANGE_REMOVE_BOOT;
    change->all = is_all;
    change->bound = !is_all;
    return change;
}

static gboolean check_digests(const Change *change, GError **error) {
    for (char **digest = change->digests; digest && *digest; digest++) {
        char *lower = digest_parse(*digest);

        if (!lower)
            return invalid(error, "sha256: \"%s\" has not 64 hexadecimal digits", show(*digest));
        g_free(*digest);
        *digest = lower;
    }
    return TRUE;
}

static gboolean check_unenroll(const Change *change, GError **error) {
    if (!check_key_variable(change, error) || !check_digests(change, error))
        return FALSE;
    return (change->digests != NULL) != change->all ||
            invalid(error, "either sha256 or all is needed");
}

static gboolean check_boot_order(const Change *change, GError **error) {
    BootNumbers seen = {};

    for (guint i = 0; i < change->numbers->len; i++) {
        const guint16 number = g_array_index(change->numbers, guint16, i);

        if (!boot_numbers_add(&seen, number))
            return invalid(error, "order: has Boot%04X twice", number);
    }
    return TRUE;
}

static gboolean check_remove_boot(const Change *change, GError **error) {
    return (change->numbers && change->numbers->len > 0) + change->bound + change->all == 1 ||
            invalid(error, "one of numbers, bound and all is needed");
}

static gboolean check_variable_name(const Change *change, GError **error) {
    g_autofree gunichar2 *units = NULL;
    const EfiGuid *keys;
    long n_units = 0;

    units = g_utf8_to_utf16(change->name, -1, NULL, &n_units, NULL);
    if (!units || n_units < 1 || n_units > CHANGE_MAX_NAME)
        return invalid(
                error, "name: %ld characters, and a variable's name has 1 to %d", n_units,
                CHANGE_MAX_NAME);
    keys = change_find_key_variable(change->name);
    if (keys && efi_guid_equal(&change->guid, keys))
        return invalid(error, "name: %s is changed by enroll and unenroll alone", change->name);
    return TRUE;
}

static gboolean check_set(const Change *change, GError **error) {
    if (!check_variable_name(change, error))
        return FALSE;
    if (g_bytes_get_size(change->data) == 0)
        return invalid(error, "data: empty, and a variable has data; delete removes one");
    if (!check_size(change, error))
        return FALSE;
    if (!change->has_attributes)
        return TRUE;
    if (change->attributes & ATTRIBUTE_APPEND)
        return invalid(error, "attributes: 0x40 is no attribute of a variable, but of a write");
    if ((change->attributes & NEEDED_ATTRIBUTES) != NEEDED_ATTRIBUTES)
        return invalid(
                error,
                "attributes: 0x%x is not of a variable that is kept: 0x1 "
                "(non-volatile) and 0x2 (boot services) are needed",
                change->attributes);
    return (change->attributes & ~KNOWN_ATTRIBUTES) == 0 ||
            invalid(error, "attributes: 0x%x has bits that UEFI does not know", change->attributes);
}

static gboolean check(Change *change, GError **error) {
    if (!check_given(change, error))
        return FALSE;
    switch (change->kind) {
    case CHANGE_ENROLL:
        return check_key_variable(change, error) && check_size(change, error);
    case CHANGE_UNENROLL:
        return check_unenroll(change, error);
    case CHANGE_BOOT_ORDER:
        return check_boot_order(change, error);
    case CHANGE_REMOVE_BOOT:
        return check_remove_boot(change, error);
    case CHANGE_SET:
        return check_set(change, error);
    case CHANGE_DELETE:
        return check_variable_name(change, error);
    case CHANGE_ENROLL_KNOWN:
    case CHANGE_ENROLL_FROM:
    case CHANGE_SECURE_BOOT:
        return TRUE;
    }
    g_assert_not_reached();
}

/* -- the list --------------------------------------------------------------------------- */

static gboolean read_kind(GVariant *dictionary, ChangeKind *ret, GError **error) {
    g_autoptr(GVariant) value = g_variant_lookup_value(dictionary, "do", NULL);
    const char *word;

    if (!value)
        return invalid(error, "do: missing");
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
        return invalid(error, "do: not of D-Bus type s");
    word = g_variant_get_string(value, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_str_equal(kinds[i], word)) {
            *ret = (ChangeKind)i;
            return TRUE;
        }
    return invalid(
            error,
            "do: \"%s\" is none of enroll, enroll-known, enroll-from, unenroll, "
            "secure-boot, boot-order, remove-boot, set, delete",
            show(word));
}

static Change *read_change(GVariant *dictionary, GError **error) {
    g_autoptr(Change) change = g_new0(Change, 1);
    gboolean has_kind = FALSE;
    GVariantIter iter;
    const char *key;
    GVariant *boxed;

    if (!read_kind(dictionary, &change->kind, error))
        return NULL;
    g_variant_iter_init(&iter, dictionary);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &boxed)) {
        g_autoptr(GVariant) value = boxed;

        if (!g_str_equal(key, "do")) {
            if (!set_key(change, key, value, error))
                return NULL;
        } else if (has_kind) {
            (void)invalid(error, "do: given twice");
            return NULL;
        } else
            has_kind = TRUE;
    }
    return check(change, error) ? g_steal_pointer(&change) : NULL;
}

GPtrArray *changes_read(GVariant *changes, GError **error) {
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)change_free);
    const gsize n = g_variant_n_children(changes);

    if (n == 0 || n > CHANGE_MAX_CHANGES) {
        (void)invalid(
                error, "changes: %" G_GSIZE_FORMAT ", and 1 to %d are made at once", n,
                CHANGE_MAX_CHANGES);
        return NULL;
    }
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) dictionary = g_variant_get_child_value(changes, i);
        Change *change = read_change(dictionary, error);

        if (!change) {
            g_prefix_error(error, "change %" G_GSIZE_FORMAT ": ", i + 1);
            return NULL;
        }
        g_ptr_array_add(list, change);
    }
    return g_steal_pointer(&list);
}
