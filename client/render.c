/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "render.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* The keys of a resolution, the most important first. */
static const char *const resolution_keys[] = {
        "name",
        "description",
        "descriptor",
        "architecture",
        "machine",
        "interface-types",
        "features",
        "device",
        "mode",
        "executable",
        "nvram-template",
        "nvram",
        "pinned",
        "changed",
        "flash",
        "machine-properties",
        "global-properties",
        NULL};

static const char *get_arguments_key(const Options *options) {
    const char *form = options_get(options, "render");

    return g_strcmp0(form, "qemu-legacy") == 0 ? "qemu-legacy-arguments" : "qemu-arguments";
}

GStrv render_get_arguments(const Options *options, GVariant *resolution) {
    GStrv arguments = NULL;

    (void)g_variant_lookup(resolution, get_arguments_key(options), "^as", &arguments);
    return arguments;
}

/* Quotes a word for a shell if necessary. On a terminal no shell reads it. */
static char *quote(const Output *output, const char *text) {
    g_autofree char *word = output_is_terminal(output) ? text_make_printable(text) : g_strdup(text);

    return text_quote_word(word);
}

static void print_arguments(const Output *output, const Options *options, GVariant *resolution) {
    g_auto(GStrv) arguments = render_get_arguments(options, resolution);

    for (char **argument = arguments; argument && *argument; argument++) {
        g_autofree char *quoted = quote(output, *argument);
        (void)printf("%s%s", argument == arguments ? "" : " ", quoted);
    }
    (void)putchar('\n');
}

static gboolean is_key(const char *key) {
    return g_ascii_isalpha(*key) &&
            key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] ==
            '\0';
}

/* nvram-template, format: NVRAM_TEMPLATE_FORMAT. Skips a key that is not a valid variable name: a
 * shell would execute it. */
static void print_variable(
        const Output *output, const char *key, const char *member, const char *value) {
    g_autofree char *joined = member ? g_strjoin("_", key, member, NULL) : g_strdup(key);
    g_autofree char *name = g_ascii_strup(joined, -1);
    g_autofree char *quoted = quote(output, value);

    if (is_key(joined))
        (void)printf("%s=%s\n", g_strdelimit(name, "-", '_'), quoted);
}

static void print_basic(
        const Output *output, const char *key, const char *member, GVariant *value) {
    g_autofree char *text = NULL;

    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
        text = g_variant_dup_string(value, NULL);
    else if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
        text = g_strdup(g_variant_get_boolean(value) ? "1" : "0");
    else
        text = g_variant_print(value, FALSE);
    print_variable(output, key, member, text);
}

static void print_image(const Output *output, const char *key, GVariant *image) {
    GVariantIter iter;
    const char *member;
    GVariant *value;

    g_variant_iter_init(&iter, image);
    while (g_variant_iter_next(&iter, "{&sv}", &member, &value)) {
        g_autoptr(GVariant) owned = value;
        /* FILENAME has no suffix */
        print_basic(output, key, g_str_equal(member, "filename") ? NULL : member, owned);
    }
}

static char *join_pairs(GVariant *dict) {
    g_autoptr(GString) text = g_string_new(NULL);
    GVariantIter iter;
    const char *key, *value;

    g_variant_iter_init(&iter, dict);
    while (g_variant_iter_next(&iter, "{&s&s}", &key, &value))
        g_string_append_printf(text, "%s%s=%s", text->len > 0 ? "," : "", key, value);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Only a shell that has arrays may see one: for another it would be an error of syntax in the whole
 * text. */
static void print_array(const Output *output, const char *name, char *const *words) {
    g_autoptr(GString) text = g_string_new(name);
    g_autofree char *quoted = NULL;

    g_string_append(text, "=(");
    for (char *const *word = words; *word; word++) {
        g_autofree char *part = quote(output, *word);

        g_string_append_printf(text, "%s%s", word == words ? "" : " ", part);
    }
    g_string_append_c(text, ')');
    quoted = g_shell_quote(text->str);
    (void)printf("[ -z \"${BASH_VERSION-}${ZSH_VERSION-}${KSH_VERSION-}\" ] || eval %s\n", quoted);
}

/* Of select, which makes no NVRAM: the caller's copy, and its size in flash. */
static void print_own_nvram(const Output *output, GVariant *resolution) {
    static const char *const members[] = {"filename", "format", "size"};
    g_autoptr(GVariant) flash =
            g_variant_lookup_value(resolution, "flash", G_VARIANT_TYPE("aa{sv}"));
    g_autoptr(GVariant) nvram = g_variant_lookup_value(resolution, "nvram", NULL);

    for (gsize i = 0; flash && !nvram && i < g_variant_n_children(flash); i++) {
        g_autoptr(GVariant) unit = g_variant_get_child_value(flash, i);
        gboolean is_read_only = TRUE;
        const char *filename = "";

        (void)g_variant_lookup(unit, "read-only", "b", &is_read_only);
        (void)g_variant_lookup(unit, "filename", "&s", &filename);
        for (guint j = *filename ? 0 : 1; !is_read_only && j < G_N_ELEMENTS(members); j++) {
            g_autoptr(GVariant) value = g_variant_lookup_value(unit, members[j], NULL);

            if (value)
                print_basic(output, "nvram", j == 0 ? NULL : members[j], value);
        }
    }
}

/* Prints each known key that fits into a variable; lists of structures do not. An unknown key may
 * come from another host's service, and PATH is a variable. */
static void print_shell(const Output *output, const Options *options, GVariant *resolution) {
    g_auto(GStrv) arguments = render_get_arguments(options, resolution);
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_iter_init(&iter, resolution);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        g_autoptr(GVariant) owned = value;
        g_autofree char *text = NULL;

        if (!g_strv_contains(resolution_keys, key))
            continue;
        if (g_variant_is_of_type(owned, G_VARIANT_TYPE_STRING_ARRAY)) {
            g_autofree const char **words = g_variant_get_strv(owned, NULL);
            text = g_strjoinv(" ", (char **)words);
            print_variable(output, key, NULL, text);
        } else if (g_variant_is_of_type(owned, G_VARIANT_TYPE_VARDICT)) {
            print_image(output, key, owned);
        } else if (g_variant_is_of_type(owned, G_VARIANT_TYPE("a{ss}"))) {
            text = join_pairs(owned);
            print_variable(output, key, NULL, text);
        } else if (!g_variant_is_container(owned)) {
            print_basic(output, key, NULL, owned);
        }
    }
    print_own_nvram(output, resolution);
    if (arguments)
        print_array(output, "QEMU_ARGUMENTS", arguments);
}

/* Keeps line breaks. On a terminal no program reads it. */
static void print_xml(const Output *output, const char *xml) {
    g_auto(GStrv) lines = g_strsplit(xml, "\n", -1);

    for (char **line = lines; *line; line++) {
        g_autofree char *safe =
                output_is_terminal(output) ? text_make_printable(*line) : g_strdup(*line);
        (void)printf("%s%s", line == lines ? "" : "\n", safe);
    }
}

void render_resolution(const Output *output, const Options *options, GVariant *resolution) {
    const char *form = options_get(options, "render");
    g_autoptr(GVariant) fields =
            g_variant_lookup_value(resolution, "libvirt-fields", G_VARIANT_TYPE_VARDICT);
    const char *xml;

    if (options->json != JSON_OFF)
        output_json(output, resolution);
    else if (!form)
        output_properties(output, resolution, resolution_keys);
    else if (g_str_equal(form, "shell"))
        print_shell(output, options, resolution);
    else if (g_str_has_prefix(form, "qemu"))
        print_arguments(output, options, resolution);
    else if (g_str_equal(form, "libvirt-fields") && fields)
        output_properties(output, fields, NULL);
    else if (g_variant_lookup(resolution, "libvirt-xml", "&s", &xml))
        print_xml(output, xml);
}
