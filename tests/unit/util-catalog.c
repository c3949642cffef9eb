/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-catalog.h"

#include <string.h>

TestDir *test_layers_new(void) {
    static const char *const layers[] = {"vendor", "admin", "user"};
    TestDir *root = test_dir_new();

    for (gsize i = 0; i < G_N_ELEMENTS(layers); i++)
        g_free(test_mkdir(root, layers[i]));
    test_write_sparse(root, "code.fd", 8192);
    test_write_sparse(root, "vars.fd", 4096);
    return root;
}

void test_describe(const char *root, const char *file, const char *member, ...) {
    g_autofree char *document = NULL;
    g_autofree char *prefix = g_strconcat("\"", root, "/", NULL);
    g_autoptr(GString) text = NULL;
    va_list list;

    va_start(list, member);
    document = test_document_v(member, list);
    va_end(list);

    text = g_string_new(document);
    g_string_replace(text, "\"/", prefix, 0);
    test_write_text(root, file, text->str);
}

static void add_layer(GPtrArray *layers, FirmwareLayer kind, const char *root, const char *name) {
    CatalogLayer *layer = g_new0(CatalogLayer, 1);

    layer->kind = kind;
    layer->directory = g_build_filename(root, name, NULL);
    g_ptr_array_add(layers, layer);
}

GPtrArray *test_layers(const char *root) {
    GPtrArray *layers = g_ptr_array_new_with_free_func((GDestroyNotify)catalog_layer_free);

    add_layer(layers, FIRMWARE_LAYER_VENDOR, root, "vendor");
    add_layer(layers, FIRMWARE_LAYER_ADMIN, root, "admin");
    add_layer(layers, FIRMWARE_LAYER_USER, root, "user");
    return layers;
}

Catalog *test_catalog_of(const GPtrArray *layers, MachineTable *machines) {
    g_autoptr(GError) error = NULL;
    const CatalogSources sources = {.layers = layers, .machines = machines};
    Catalog *catalog = catalog_build(&sources, &error);

    g_assert_no_error(error);
    g_assert_nonnull(catalog);
    return catalog;
}

Catalog *test_catalog(const char *root) {
    g_autoptr(GPtrArray) layers = test_layers(root);
    g_autoptr(MachineTable) machines = test_shipped_machines();

    return test_catalog_of(layers, machines);
}

const CatalogFile *test_find(const Catalog *catalog, const char *name) {
    const CatalogFile *file = catalog_find(catalog, name);

    g_assert_nonnull(file);
    g_assert_cmpstr(file->name, ==, name);
    return file;
}

void test_assert_firmware(const Catalog *catalog, const char *expected) {
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < catalog->firmware->len; i++) {
        const CatalogFile *file = catalog->firmware->pdata[i];

        g_assert_cmpuint(catalog_get_rank(catalog, file), ==, i);
        g_assert_true(catalog_find(catalog, file->name) == file);
        g_ptr_array_add(names, file->name);
    }
    test_assert_joined_array(names, expected);
}

char *test_below(const char *root, const char *text) {
    g_autoptr(GString) below = g_string_new(text);

    g_string_replace(below, "@", root, 0);
    return g_string_free(g_steal_pointer(&below), FALSE);
}
