/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/unknown.h"

#include <string.h>

#include "base/alike.h"
#include "core/architecture.h"
#include "uefi/digest.h"

static char *cut(const char *word, const char *end) {
    return g_strndup(word, end ? (gsize)(end - word) : strlen(word));
}

/* Calls IS_MET with each valid descriptor that is in force, until one meets it. */
typedef gboolean (*Condition)(const Descriptor *descriptor, const void *userdata);
static gboolean some_descriptor(const Catalog *catalog, Condition is_met, const void *userdata) {
    for (guint i = 0; i < catalog->firmware->len; i++) {
        const CatalogFile *file = catalog->firmware->pdata[i];

        if (file->descriptor && is_met(file->descriptor, userdata))
            return TRUE;
    }
    return FALSE;
}

/* -- architecture and machine type ------------------------------------------------------- */

static gboolean has_architecture(const Descriptor *descriptor, const void *architecture) {
    return descriptor_has_architecture(descriptor, architecture);
}

static gboolean knows_architecture(const Catalog *catalog, const char *name) {
    g_autofree const char **targets = architecture_list();

    return g_strv_contains(targets, name) ||
            g_strv_contains(machine_table_get_architectures(catalog->machines), name) ||
            some_descriptor(catalog, has_architecture, name);
}

static char *describe_architecture(const Catalog *catalog, const Request *request) {
    const char *other = architecture_from_name(request->machine);
    g_autofree const char **targets = NULL;
    g_autofree char *hint = NULL;

    if (knows_architecture(catalog, other))
        return g_strdup_printf(
                "unknown architecture \"%s\"; did you mean \"%s\", with the machine type \"%s\"?",
                request->architecture, other, request->architecture);

    targets = architecture_list();
    hint = alike_hint(request->architecture, targets);
    return g_strdup_printf("unknown architecture \"%s\"%s", request->architecture, hint);
}

static gboolean matches_machine(const Descriptor *descriptor, const void *request) {
    return descriptor_matches_machine(
            descriptor, ((const Request *)request)->architecture,
            ((const Request *)request)->machine);
}

static gboolean knows_machine(const Catalog *catalog, const Request *request) {
    return machine_table_knows(catalog->machines, request->architecture, request->machine) ||
            some_descriptor(catalog, matches_machine, request);
}

static char *describe_machine(const Catalog *catalog, const Request *request) {
    g_autoptr(GPtrArray) names = machine_table_list_names(catalog->machines, request->architecture);
    /* as QEMU's -machine has it, with properties behind a comma */
    g_autofree char *type = cut(request->machine, strchr(request->machine, ','));
    g_autofree char *hint = alike_hint(type, (const char *const *)names->pdata);

    return g_strdup_printf(
            "unknown machine type \"%s\" for %s%s", request->machine, request->architecture, hint);
}

/* -- features, certificates and firmware ------------------------------------------------- */

static gboolean has_feature(const Descriptor *descriptor, const void *feature) {
    return descriptor_has_feature(descriptor, feature);
}

static char *describe_features(const Catalog *catalog, const Request *request) {
    for (char **feature = request->features; feature && *feature; feature++) {
        g_autofree char *hint = NULL;

        if (g_strv_contains(known_features, *feature) ||
            some_descriptor(catalog, has_feature, *feature))
            continue;
        hint = alike_hint(*feature, known_features);
        return g_strdup_printf("unknown feature \"%s\"%s", *feature, hint);
    }
    return NULL;
}

static char *describe_certificates(const Catalog *catalog, const Request *request) {
    for (char **name = request->certificates; name && *name; name++) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        g_autofree char *digest = digest_parse(*name);
        g_autofree char *hint = NULL;
        const KnownCertificate *known;

        if (digest || known_certificates_find_name(catalog->known, *name))
            continue;
        for (guint i = 0; (known = known_certificates_get(catalog->known, i)); i++)
            g_ptr_array_add(names, known->name);
        g_ptr_array_add(names, NULL);
        hint = alike_hint(*name, (const char *const *)names->pdata);
        return g_strdup_printf("unknown certificate \"%s\"%s", *name, hint);
    }
    return NULL;
}

char *unknown_firmware_hint(const Catalog *catalog, const char *name) {
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    gboolean is_file = catalog_file_is_name(name);
    g_autofree char *word = cut(name, is_file ? strrchr(name, '.') : NULL);

    for (guint i = 0; i < catalog->firmware->len; i++)
        g_ptr_array_add(names, ((const CatalogFile *)catalog->firmware->pdata[i])->name);
    g_ptr_array_add(names, NULL);
    return alike_hint(word, (const char *const *)names->pdata);
}

char *unknown_describe(const Catalog *catalog, const Request *request) {
    char *features;

    if (!knows_architecture(catalog, request->architecture))
        return describe_architecture(catalog, request);
    if (!knows_machine(catalog, request))
        return describe_machine(catalog, request);
    if (request->firmware && !catalog_find(catalog, request->firmware)) {
        g_autofree char *hint = unknown_firmware_hint(catalog, request->firmware);

        return g_strdup_printf("unknown firmware \"%s\"%s", request->firmware, hint);
    }
    features = describe_features(catalog, request);
    return features ? features : describe_certificates(catalog, request);
}
