/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-render.h"

void test_answer_clear(TestAnswer *f) {
    resolution_free(f->resolution);
    request_free(f->request);
    catalog_unref(f->catalog);
    test_dir_free(f->root);
}

void test_answer_describe(
        TestAnswer *f, const char *mapping, const char *member, const char *value) {
    f->root = test_layers_new();
    test_write_sparse(f->root, "rom", 65536);
    test_write_text(f->root, "store.json", "{}");
    if (mapping)
        test_describe(f->root, "vendor/a.json", "mapping", mapping, member, value, NULL);
    else
        test_describe(f->root, "vendor/a.json", member, value, NULL);
    f->catalog = test_catalog(f->root);
}

void test_answer_resolve(
        TestAnswer *f, const char *architecture, const char *machine_name, const char *nvram) {
    RequestValue value = {.type = REQUEST_VALUE_STRING, .string = nvram};
    Machine machine = machine_table_resolve(f->catalog->machines, architecture, machine_name);

    f->request = request_new(REQUEST_CALL_SELECT, architecture, machine_name, NULL);
    if (nvram)
        g_assert_true(request_set(f->request, "nvram-filename", &value, NULL));
    f->resolution = resolution_new(test_find(f->catalog, "a"), &machine, f->request);
}
