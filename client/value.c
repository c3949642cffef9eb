/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "value.h"

/* Other arrays and structures stay arrays in JSON. */
static const struct {
    const char *property;
    const char *const *names;
} member_names[] = {
        {"executable", (const char *const[]){"filename", "format", NULL}},
        {"nvram-template", (const char *const[]){"filename", "format", NULL}},
        {"nvram", (const char *const[]){"filename", "format", NULL}},
        {"targets", (const char *const[]){"architecture", "machines", NULL}},
        {"problems", (const char *const[]){"path", "text", NULL}},
};

static const char *const *find_member_names(const char *property) {
    for (guint i = 0; i < G_N_ELEMENTS(member_names); i++)
        if (g_str_equal(member_names[i].property, property))
            return member_names[i].names;
    return NULL;
}

/* NVRAMTemplate: nvram-template */
static char *make_key(const char *property) {
    GString *key = g_string_new(NULL);

    for (const char *p = property; *p; p++) {
        gboolean begins_word = p > property && g_ascii_isupper(*p) &&
                (g_ascii_islower(p[-1]) || g_ascii_islower(p[1]));

        if (begins_word)
            g_string_append_c(key, '-');
        g_string_append_c(key, g_ascii_tolower(*p));
    }
    return g_string_free(key, FALSE);
}

/* GVariantDict has no order, and people read JSON, too. */
static GVariant *name_members(GVariant *tuple, const char *const *names) {
    g_auto(GVariantBuilder) dict = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

    for (gsize i = 0; i < g_variant_n_children(tuple) && names[i]; i++) {
        g_autoptr(GVariant) member = g_variant_get_child_value(tuple, i);
        g_variant_builder_add(&dict, "{sv}", names[i], member);
    }
    return g_variant_builder_end(&dict);
}

GVariant *value_name_members(GVariant *array, const char *const *names) {
    g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

    for (gsize i = 0; i < g_variant_n_children(array); i++) {
        g_autoptr(GVariant) tuple = g_variant_get_child_value(array, i);
        g_variant_builder_add_value(&builder, name_members(tuple, names));
    }
    return g_variant_builder_end(&builder);
}

static gboolean is_absent(GVariant *value) {
    const char *filename = NULL;

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE("(ss)")))
        return FALSE;
    g_variant_get(value, "(&s&s)", &filename, NULL);
    return *filename == '\0';
}

static void add_property(GVariantBuilder *dict, const char *property, GVariant *value) {
    g_autofree char *key = make_key(property);
    const char *const *names = find_member_names(key);

    if (is_absent(value))
        return;
    if (names && g_variant_is_of_type(value, G_VARIANT_TYPE_TUPLE))
        g_variant_builder_add(dict, "{sv}", key, name_members(value, names));
    else if (names && g_variant_is_of_type(value, G_VARIANT_TYPE("ar")))
        g_variant_builder_add(dict, "{sv}", key, value_name_members(value, names));
    else
        g_variant_builder_add(dict, "{sv}", key, value);
}

GVariant *value_from_properties(GVariant *properties) {
    g_auto(GVariantBuilder) dict = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
    GVariantIter iter;
    const char *property;
    GVariant *member;

    g_variant_iter_init(&iter, properties);
    while (g_variant_iter_next(&iter, "{&sv}", &property, &member)) {
        g_autoptr(GVariant) value = member;
        add_property(&dict, property, value);
    }
    return g_variant_ref_sink(g_variant_builder_end(&dict));
}

static char *basic_to_text(GVariant *value) {
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
        return g_variant_dup_string(value, NULL);
    case G_VARIANT_CLASS_BOOLEAN:
        return g_strdup(g_variant_get_boolean(value) ? "yes" : "no");
    case G_VARIANT_CLASS_BYTE:
    case G_VARIANT_CLASS_INT16:
    case G_VARIANT_CLASS_UINT16:
    case G_VARIANT_CLASS_INT32:
    case G_VARIANT_CLASS_UINT32:
    case G_VARIANT_CLASS_INT64:
    case G_VARIANT_CLASS_UINT64:
    case G_VARIANT_CLASS_HANDLE:
    case G_VARIANT_CLASS_DOUBLE:
    case G_VARIANT_CLASS_VARIANT:
    case G_VARIANT_CLASS_MAYBE:
    case G_VARIANT_CLASS_ARRAY:
    case G_VARIANT_CLASS_TUPLE:
    case G_VARIANT_CLASS_DICT_ENTRY:
        return g_variant_print(value, FALSE);
    }
    g_assert_not_reached();
}

static char *join_words(GVariant *words, const char *separator) {
    g_autofree const char **list = g_variant_get_strv(words, NULL);

    return g_strjoinv(separator, (char **)list);
}

/* "FILE (raw, 540672 bytes)" */
static char *image_to_text(GVariant *image) {
    const char *filename = "", *format = "";
    guint64 size = 0;

    (void)g_variant_lookup(image, "filename", "&s", &filename);
    (void)g_variant_lookup(image, "format", "&s", &format);
    if (g_variant_lookup(image, "size", "t", &size) && size > 0)
        return g_strdup_printf("%s (%s, %" G_GUINT64_FORMAT " bytes)", filename, format, size);
    return g_strdup_printf("%s (%s)", filename, format);
}

/* "0: executable at 0xffc84000, 3653632 bytes in 892 blocks, read-only" */
static char *unit_to_text(GVariant *unit) {
    const char *role = "";
    guint32 number = 0, blocks = 0;
    guint64 size = 0, address = 0;
    gboolean is_read_only = FALSE;

    (void)g_variant_lookup(unit, "unit", "u", &number);
    (void)g_variant_lookup(unit, "role", "&s", &role);
    (void)g_variant_lookup(unit, "phys-addr", "t", &address);
    (void)g_variant_lookup(unit, "size", "t", &size);
    (void)g_variant_lookup(unit, "num-blocks", "u", &blocks);
    (void)g_variant_lookup(unit, "read-only", "b", &is_read_only);
    return g_strdup_printf(
            "%u: %s at %#" G_GINT64_MODIFIER "x, %" G_GUINT64_FORMAT " bytes in %u blocks, %s",
            number, role, address, size, blocks, is_read_only ? "read-only" : "writable");
}

static char *dict_to_text(GVariant *dict) {
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    GVariantIter iter;
    GVariant *member;

    g_variant_iter_init(&iter, dict);
    while ((member = g_variant_iter_next_value(&iter))) {
        g_autoptr(GVariant) owned = member;
        const char *key, *value;

        g_variant_get(owned, "{&s&s}", &key, &value);
        g_ptr_array_add(parts, g_strdup_printf("%s=%s", key, value));
    }
    g_ptr_array_add(parts, NULL);
    return g_strjoinv(", ", (char **)parts->pdata);
}

/* "CN=Microsoft Corporation KEK CA 2011,… (microsoft-kek-2011), valid until 2026-06-24" */
static char *certificate_to_text(GVariant *certificate) {
    const char *subject = "", *name = "";
    gint64 not_after = 0;
    g_autoptr(GDateTime) time = NULL;
    g_autofree char *until = NULL;

    (void)g_variant_lookup(certificate, "subject", "&s", &subject);
    (void)g_variant_lookup(certificate, "name", "&s", &name);
    (void)g_variant_lookup(certificate, "not-after", "x", &not_after);
    time = g_date_time_new_from_unix_utc(not_after);
    until = time ? g_date_time_format(time, "%Y-%m-%d") : g_strdup("?");
    return g_strdup_printf(
            "%s%s%s%s, valid until %s", *subject ? subject : "no certificate", *name ? " (" : "",
            name, *name ? ")" : "", until);
}

/* "interface=uefi, features=secure-boot enrolled-keys" */
static char *requirements_to_text(GVariant *dict) {
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    GVariantIter iter;
    const char *key;
    GVariant *member;

    g_variant_iter_init(&iter, dict);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &member)) {
        g_autoptr(GVariant) value = member;
        g_autofree char *text = g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY)
                ? join_words(value, " ")
                : basic_to_text(value);

        g_ptr_array_add(parts, g_strdup_printf("%s=%s", key, text));
    }
    g_ptr_array_add(parts, NULL);
    return g_strjoinv(", ", (char **)parts->pdata);
}

/* Converts an element of a list, other than a string. */
static char *element_to_text(GVariant *element) {
    const char *a, *b, *c;

    if (g_variant_is_of_type(element, G_VARIANT_TYPE("(sss)"))) {
        g_variant_get(element, "(&s&s&s)", &a, &b, &c);
        return g_strdup_printf("%s.%s=%s", a, b, c);
    }
    if (!g_variant_is_of_type(element, G_VARIANT_TYPE_VARDICT))
        return g_variant_print(element, FALSE);
    if (g_variant_lookup(element, "architecture", "&s", &a)) {
        g_autoptr(GVariant) machines =
                g_variant_lookup_value(element, "machines", G_VARIANT_TYPE_STRING_ARRAY);
        g_autofree char *globs = machines ? join_words(machines, ", ") : g_strdup("");
        return g_strdup_printf("%s: %s", a, globs);
    }
    if (g_variant_lookup(element, "path", "&s", &a) && g_variant_lookup(element, "text", "&s", &b))
        return g_strdup_printf("%s: %s", a, b);
    if (g_variant_lookup(element, "subject", "&s", &a))
        return certificate_to_text(element);
    return unit_to_text(element);
}

static GStrv list_to_lines(GVariant *list) {
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (gsize i = 0; i < g_variant_n_children(list); i++) {
        g_autoptr(GVariant) element = g_variant_get_child_value(list, i);
        g_autofree char *line = element_to_text(element);
        g_strv_builder_add(builder, line);
    }
    return g_strv_builder_end(builder);
}

static char *time_to_text(GVariant *value) {
    g_autoptr(GDateTime) time =
            g_date_time_new_from_unix_local((gint64)(g_variant_get_uint64(value) / G_USEC_PER_SEC));

    return time ? g_date_time_format(time, "%a %Y-%m-%d %H:%M:%S %Z") : basic_to_text(value);
}

/* Converts seconds since the epoch to a day; 0 is never. */
static char *expiry_to_text(GVariant *value) {
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(g_variant_get_int64(value));

    if (g_variant_get_int64(value) == 0)
        return g_strdup("-");
    return time ? g_date_time_format(time, "%Y-%m-%d") : basic_to_text(value);
}

/* Lists that are printed one element a line: reasons and paths. */
static gboolean is_long_list(const char *name) {
    static const char *const names[] = {
            "problems", "overrides", "search-path", "qemu-arguments", "qemu-legacy-arguments",
            NULL};
    return g_strv_contains(names, name);
}

GStrv value_to_lines(const char *name, GVariant *value) {
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autofree char *text = NULL;

    if ((g_variant_is_container(value) && g_variant_n_children(value) == 0) ||
        (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) &&
         *g_variant_get_string(value, NULL) == '\0')) {
        text = g_strdup("-");
    } else if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY)) {
        if (is_long_list(name))
            return g_variant_dup_strv(value, NULL);
        text = join_words(value, ", ");
    } else if (g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
        text = g_str_equal(name, "requirements") ? requirements_to_text(value)
                                                 : image_to_text(value);
    } else if (g_variant_is_of_type(value, G_VARIANT_TYPE("a{ss}"))) {
        text = dict_to_text(value);
    } else if (g_variant_is_of_type(value, G_VARIANT_TYPE_ARRAY)) {
        return list_to_lines(value);
    } else if (
            (g_str_equal(name, "created") || g_str_equal(name, "last-prepared") ||
             g_str_equal(name, "time")) &&
            g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64)) {
        text = time_to_text(value);
    } else if (g_str_equal(name, "expires") && g_variant_is_of_type(value, G_VARIANT_TYPE_INT64)) {
        text = expiry_to_text(value);
    } else {
        text = basic_to_text(value);
    }

    g_strv_builder_add(builder, text);
    return g_strv_builder_end(builder);
}
