/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lint/lint-members.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "base/alike.h"

/*
 * The members and keywords of QEMU's docs/interop/firmware.json. parse.h keeps unknown ones,
 * because the schema grows; a misspelt one looks the same.
 */

static const char *const architectures[] = {
        "aarch64", "arm", "i386", "loongarch64", "riscv64", "x86_64", NULL,
};

static const char *const root_members[] = {
        "description", "interface-types", "mapping", "targets", "features", "tags", NULL,
};
static const char *const flash_members[] = {
        "device", "mode", "executable", "nvram-template", NULL,
};
static const char *const memory_members[] = {
        "device", "mode", "filename", "uefi-vars", "executable", "nvram-template", NULL,
};
static const char *const file_members[] = {"device", "mode", "filename", NULL};
static const char *const image_members[] = {"filename", "format", "flash", NULL};
static const char *const store_members[] = {"template", NULL};
static const char *const target_members[] = {"architecture", "machines", NULL};

static const char *const *const device_members[] = {
        [FIRMWARE_DEVICE_FLASH] = flash_members,
        [FIRMWARE_DEVICE_KERNEL] = file_members,
        [FIRMWARE_DEVICE_MEMORY] = memory_members,
        [FIRMWARE_DEVICE_IGVM] = file_members,
};

typedef struct Members {
    GPtrArray *findings;
    const char *path;
} Members;

/* RFC 6901 */
static char *member_pointer(const char *parent, const char *member) {
    g_autoptr(GString) escaped = g_string_new(member);

    g_string_replace(escaped, "~", "~0", 0);
    g_string_replace(escaped, "/", "~1", 0);
    return g_strconcat(parent, "/", escaped->str, NULL);
}

/* -- words ------------------------------------------------------------------------------- */

static void add_unknown(
        const Members *members, const char *code, const char *pointer, const char *what,
        const char *word, const char *const *known) {
    g_autofree char *hint = alike_hint(word, known);

    lint_add(
            members->findings, LINT_SEVERITY_WARNING, code, members->path, pointer,
            "unknown %s \"%s\"%s", what, word, hint);
}

static void check_words(const Members *members, const Descriptor *descriptor) {
    for (guint i = 0; descriptor->features[i]; i++) {
        g_autofree char *pointer = g_strdup_printf("/features/%u", i);

        if (!g_strv_contains(known_features, descriptor->features[i]))
            add_unknown(
                    members, "unknown-word", pointer, "feature", descriptor->features[i],
                    known_features);
    }
    for (guint i = 0; i < descriptor->targets->len; i++) {
        const DescriptorTarget *target = descriptor->targets->pdata[i];
        g_autofree char *pointer = g_strdup_printf("/targets/%u/architecture", i);

        if (!g_strv_contains(architectures, target->architecture))
            add_unknown(
                    members, "unknown-word", pointer, "architecture", target->architecture,
                    architectures);
    }
}

/* -- members ----------------------------------------------------------------------------- */

static void check_object(
        const Members *members, JsonObject *object, const char *pointer, const char *const *known) {
    JsonObjectIter iter;
    const char *name;

    json_object_iter_init_ordered(&iter, object);
    while (json_object_iter_next_ordered(&iter, &name, NULL)) {
        g_autofree char *member = member_pointer(pointer, name);

        if (!g_strv_contains(known, name))
            add_unknown(members, "unknown-member", member, "member", name, known);
    }
}

static void check_flash(const Members *members, JsonObject *flash, const char *pointer) {
    g_autoptr(GPtrArray) keys = g_ptr_array_new();

    for (const FlashKey *key = flash_keys; key->name; key++)
        if (key->recordable)
            g_ptr_array_add(keys, (gpointer)key->name);
    g_ptr_array_add(keys, NULL);
    check_object(members, flash, pointer, (const char *const *)keys->pdata);
}

/* The schema has these in every file; libvirt leaves out a file without, and does not say so. */
static void check_missing(const Members *members, JsonObject *root) {
    static const char *const required[] = {"description", "features", "tags", NULL};

    for (const char *const *name = required; *name; name++) {
        g_autofree char *pointer = member_pointer("", *name);

        if (!json_object_has_member(root, *name))
            lint_add(
                    members->findings, LINT_SEVERITY_ERROR, "missing", members->path, pointer,
                    "missing: libvirt ignores the file");
    }
}

/* Returns the member if it is an object, or NULL. */
static JsonObject *get_object(JsonObject *object, const char *member) {
    JsonNode *node = json_object_get_member(object, member);

    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static void check_image(const Members *members, JsonObject *mapping, const char *name) {
    g_autofree char *pointer = member_pointer("/mapping", name);
    g_autofree char *flash_pointer = member_pointer(pointer, "flash");
    JsonObject *image = get_object(mapping, name);
    JsonObject *flash = image ? get_object(image, "flash") : NULL;

    if (image)
        check_object(members, image, pointer, image_members);
    if (flash)
        check_flash(members, flash, flash_pointer);
}

static void add_ignored(const Members *members, const char *pointer, const char *why) {
    lint_add(
            members->findings, LINT_SEVERITY_WARNING, "mode", members->path, pointer, "ignored: %s",
            why);
}

static LintSpelling find_spelling(JsonObject *mapping, const Descriptor *descriptor) {
    gboolean is_extended = descriptor->device == FIRMWARE_DEVICE_FLASH ||
            (descriptor->device == FIRMWARE_DEVICE_MEMORY &&
             json_object_has_member(mapping, "executable"));

    return is_extended ? LINT_SPELLING_EXTENDED : LINT_SPELLING_PLAIN;
}

/* Members that are valid, but ignored because of others. */
static void check_ignored(
        const Members *members, JsonObject *mapping, const Descriptor *descriptor,
        LintSpelling spelling) {
    gboolean has_template = json_object_has_member(mapping, "nvram-template");

    if (spelling == LINT_SPELLING_EXTENDED && has_template &&
        descriptor->mode != FIRMWARE_MODE_SPLIT)
        add_ignored(members, "/mapping/nvram-template", "only mode split has a template");
    if (descriptor->device != FIRMWARE_DEVICE_MEMORY)
        return;
    if (spelling == LINT_SPELLING_EXTENDED) {
        if (json_object_has_member(mapping, "filename"))
            add_ignored(members, "/mapping/filename", "there is an executable, too");
        if (json_object_has_member(mapping, "uefi-vars"))
            add_ignored(members, "/mapping/uefi-vars", "there is an executable, too");
    } else if (has_template) {
        add_ignored(members, "/mapping/nvram-template", "there is no executable");
    }
}

static LintSpelling check_mapping(
        const Members *members, JsonObject *mapping, const Descriptor *descriptor) {
    LintSpelling spelling = find_spelling(mapping, descriptor);
    JsonObject *store = get_object(mapping, "uefi-vars");

    check_object(members, mapping, "/mapping", device_members[descriptor->device]);
    check_ignored(members, mapping, descriptor, spelling);
    check_image(members, mapping, "executable");
    check_image(members, mapping, "nvram-template");
    if (store)
        check_object(members, store, "/mapping/uefi-vars", store_members);
    return spelling;
}

LintSpelling lint_members(GPtrArray *findings, const char *path, const Descriptor *descriptor) {
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    const Members members = {.findings = findings, .path = path};
    gsize size;
    const char *data = g_bytes_get_data(descriptor->document, &size);
    gboolean is_loaded = json_parser_load_from_data(parser, data, (gssize)size, NULL);
    JsonObject *root;
    JsonObject *mapping;
    JsonArray *targets;
    LintSpelling spelling;

    g_assert(is_loaded);
    root = json_node_get_object(json_parser_get_root(parser));
    mapping = json_object_get_object_member(root, "mapping");
    targets = json_object_get_array_member(root, "targets");

    check_missing(&members, root);
    check_object(&members, root, "", root_members);
    spelling = check_mapping(&members, mapping, descriptor);
    for (guint i = 0; i < json_array_get_length(targets); i++) {
        g_autofree char *pointer = g_strdup_printf("/targets/%u", i);

        check_object(&members, json_array_get_object_element(targets, i), pointer, target_members);
    }
    check_words(&members, descriptor);
    return spelling;
}
