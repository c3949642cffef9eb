/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "core/catalog-compare.h"
#include "util-catalog.h"

/* A catalog after another: what is read again, what is shared, what is held back. */

typedef struct Rebuild {
    TestDir *root;
    GPtrArray *layers;
    MachineTable *machines;
    GPtrArray *visited; /* of char*: below ROOT */
    const char *silent; /* what is in the paths that do not answer; NULL: in none */
} Rebuild;

static void rebuild_clear(Rebuild *r) {
    g_clear_pointer(&r->layers, g_ptr_array_unref);
    g_clear_pointer(&r->machines, machine_table_unref);
    g_clear_pointer(&r->visited, g_ptr_array_unref);
    g_clear_pointer(&r->root, test_dir_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rebuild, rebuild_clear)

static void begin(Rebuild *r) {
    r->root = test_layers_new();
    r->layers = test_layers(r->root);
    r->machines = test_shipped_machines();
    r->visited = g_ptr_array_new_with_free_func(g_free);
    test_describe(r->root, "vendor/a.json", NULL);
    test_describe(r->root, "vendor/b.json", NULL);
}

static gboolean visit(const char *path, gpointer userdata) {
    Rebuild *r = userdata;

    g_assert_true(g_str_has_prefix(path, r->root));
    g_ptr_array_add(r->visited, g_strdup(path + strlen(r->root) + 1));
    return !r->silent || !strstr(path, r->silent);
}

static Catalog *build(Rebuild *r, const Catalog *previous, gint64 now) {
    g_autoptr(GError) error = NULL;
    const FileVisitor visitor = {.file = visit, .directory = visit, .userdata = r};
    const CatalogSources sources = {
            .layers = r->layers,
            .machines = r->machines,
            .previous = previous,
            .now = now,
            .visitor = &visitor,
    };
    Catalog *catalog;

    g_ptr_array_set_size(r->visited, 0);
    catalog = catalog_build(&sources, &error);
    g_assert_no_error(error);
    g_assert_nonnull(catalog);
    return catalog;
}

/* Long after every file was written. */
static gint64 later(void) {
    return g_get_real_time() + 2 * FILE_TRUST_USEC;
}

/* While every file is being written: however busy the machine is, none has been left alone yet. */
static gint64 soon(void) {
    return g_get_real_time() - 5 * G_USEC_PER_SEC;
}

/* What was built has to be what a first build finds. */
static void assert_as_new(Rebuild *r, const Catalog *catalog) {
    g_autoptr(Catalog) fresh = test_catalog_of(r->layers, r->machines);
    g_autoptr(CatalogChange) change = catalog_compare(catalog, fresh);

    g_assert_null(change);
    g_assert_false(catalog->is_held);
}

static void what_did_not_change_is_shared(void) {
    g_auto(Rebuild) r = {};
    g_autoptr(Catalog) first = NULL;
    g_autoptr(Catalog) second = NULL;

    begin(&r);
    first = build(&r, NULL, later());
    test_describe(r.root, "vendor/b.json", "description", "'another'", NULL);
    second = build(&r, first, later());
    g_assert_true(test_find(first, "a") == test_find(second, "a"));
    g_assert_true(test_find(first, "b") != test_find(second, "b"));
    g_assert_cmpstr(test_find(second, "b")->descriptor->description, ==, "another");
    assert_as_new(&r, second);
}

/* What keeps it from being read may pass and leave its stamp as it is. */
static void what_could_not_be_read_is_read_again(void) {
    g_auto(Rebuild) r = {};
    g_autoptr(Catalog) first = NULL;
    g_autoptr(Catalog) second = NULL;
    g_autofree char *path = NULL;
    g_autofree char *reason = NULL;

    begin(&r);
    path = g_build_filename(r.root, "vendor/c.json", NULL);
    reason = g_strconcat("file-unreadable:", path, NULL);
    /* a regular file that opens, and whose first page nobody can read */
    g_assert_no_errno(symlink("/proc/self/mem", path));
    first = build(&r, NULL, later());
    g_assert_cmpstr(test_find(first, "c")->fault, ==, reason);
    second = build(&r, first, later());
    g_assert_true(test_find(first, "c") != test_find(second, "c"));
    assert_as_new(&r, second);
}

/* Two changes of one moment leave one stamp. A configured debounce interval may be far shorter than
 * such a moment. */
static void what_has_just_changed_is_read_again(void) {
    g_auto(Rebuild) r = {};
    g_autoptr(Catalog) first = NULL;
    g_autoptr(Catalog) second = NULL;

    begin(&r);
    first = build(&r, NULL, g_get_real_time() + FILE_TRUST_USEC / 2);
    second = build(&r, first, later());
    g_assert_true(test_find(first, "a")->descriptor != test_find(second, "a")->descriptor);
}

static void an_image_that_changes_is_seen(void) {
    g_auto(Rebuild) r = {};
    g_autoptr(Catalog) first = NULL;
    g_autoptr(Catalog) second = NULL;
    g_autofree char *image = NULL;

    begin(&r);
    image = g_build_filename(r.root, "vars.fd", NULL);
    first = build(&r, NULL, later());
    g_assert_no_errno(g_unlink(image));
    second = build(&r, first, later());
    g_assert_cmpint(test_find(first, "a")->state, ==, FIRMWARE_STATE_USABLE);
    g_assert_cmpint(test_find(second, "a")->state, ==, FIRMWARE_STATE_UNUSABLE);
    g_assert_true(test_find(first, "a")->descriptor == test_find(second, "a")->descriptor);
    assert_as_new(&r, second);
}

static void another_machine_table_judges_anew(void) {
    g_auto(Rebuild) r = {};
    g_autoptr(TestDir) empty = test_dir_new();
    const char *const directories[] = {empty, NULL};
    g_autoptr(Catalog) first = NULL;
    g_autoptr(Catalog) second = NULL;

    begin(&r);
    first = build(&r, NULL, later());
    machine_table_unref(r.machines);
    r.machines = machine_table_load(directories, NULL, NULL);
    second = build(&r, first, later());
    g_assert_cmpint(test_find(second, "a")->state, ==, FIRMWARE_STATE_UNUSABLE);
    assert_as_new(&r, second);
}

static void layers_that_change_places_are_read_anew(void) {
    g_auto(Rebuild) r = {};
    g_autoptr(Catalog) first = NULL;
    g_autoptr(Catalog) second = NULL;

    begin(&r);
    test_describe(r.root, "admin/a.json", NULL);
    first = build(&r, NULL, later());
    g_assert_cmpint(test_find(first, "a")->layer, ==, FIRMWARE_LAYER_ADMIN);
    g_ptr_array_add(r.layers, g_ptr_array_steal_index(r.layers, 0)); /* vendor is last now */
    second = build(&r, first, later());
    g_assert_cmpint(test_find(second, "a")->layer, ==, FIRMWARE_LAYER_VENDOR);
    assert_as_new(&r, second);
}

static int compare_strings(gconstpointer a, gconstpointer b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The files of a directory come in any order. */
static void assert_visited(Rebuild *r, const char *expected) {
    g_ptr_array_sort(r->visited, compare_strings);
    test_assert_joined_array(r->visited, expected);
}

static void each_file_is_visited(void) {
    g_auto(Rebuild) r = {};
    g_autoptr(Catalog) first = NULL;
    g_autoptr(Catalog) second = NULL;

    begin(&r);
    test_link(r.root, "admin/b.json", "../vendor/a.json");
    first = build(&r, NULL, later());
    assert_visited(
            &r,
            "admin, admin/b.json, code.fd, user, vars.fd, vendor, vendor/a.json, vendor/b.json");
    second = build(&r, first, later());
    assert_visited(
            &r,
            "admin, admin/b.json, code.fd, user, vars.fd, vendor, vendor/a.json, vendor/b.json");
}

/* Neither is what it was before. */
static void what_does_not_answer_is_not_read(void) {
    g_auto(Rebuild) r = {};
    g_autoptr(Catalog) first = NULL;
    g_autoptr(Catalog) second = NULL;

    begin(&r);
    first = build(&r, NULL, later());
    r.silent = "a.json";
    second = build(&r, first, later());
    g_assert_true(g_str_has_prefix(test_find(second, "a")->fault, "file-unreadable:"));
    g_assert_cmpint(test_find(second, "b")->state, ==, FIRMWARE_STATE_USABLE);

    r.silent = "vendor";
    g_clear_pointer(&second, catalog_unref);
    second = build(&r, first, later());
    g_assert_cmpuint(second->firmware->len, ==, 0);

    r.silent = "code.fd";
    g_clear_pointer(&second, catalog_unref);
    second = build(&r, first, later());
    g_assert_cmpint(test_find(second, "a")->images.executable.status, ==, IMAGE_STATUS_UNREADABLE);
    g_assert_cmpint(test_find(second, "a")->images.nvram_template.status, ==, IMAGE_STATUS_OK);

    r.silent = NULL;
    g_clear_pointer(&first, catalog_unref);
    first = build(&r, second, later());
    assert_as_new(&r, first);
}

/* Every kind of change gives what a first build finds. */
static void any_change_is_seen(void) {
    static const char *const steps[][2] = {
            {"add", "vendor/c.json"},        {"add", "admin/a.json"},
            {"break", "admin/a.json"},       {"mask", "admin/b.json"},
            {"remove", "admin/b.json"},      {"remove", "vendor/a.json"},
            {"remove", "admin/a.json"},      {"add", "user/c.json"},
            {"mask", "user/c.json"},         {"link", "vendor/d.json"},
            {"remove", "vendor/c.json"},     {"add", "vendor/zz.json"},
            {"add", "vendor/0.json"},        {"remove", "user/c.json"},
            {"add", "vendor/no-descriptor"}, {"remove", "vendor/never-there.json"},
    };
    g_auto(Rebuild) r = {};
    g_autoptr(Catalog) catalog = NULL;

    begin(&r);
    catalog = build(&r, NULL, later());
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autofree char *path = g_build_filename(r.root, steps[i][1], NULL);
        Catalog *next;

        (void)g_unlink(path);
        if (g_str_equal(steps[i][0], "add"))
            test_describe(r.root, steps[i][1], NULL);
        else if (g_str_equal(steps[i][0], "break"))
            test_write_text(r.root, steps[i][1], "{");
        else if (g_str_equal(steps[i][0], "mask"))
            test_write_text(r.root, steps[i][1], "");
        else if (g_str_equal(steps[i][0], "link"))
            test_link(r.root, steps[i][1], "b.json");

        next = build(&r, catalog, later());
        catalog_unref(catalog);
        catalog = next;
        assert_as_new(&r, catalog);
    }
    test_assert_firmware(catalog, "0, b, d, zz");
}

/* -- half-written files ------------------------------------------------------------------- */

static void assert_held(const char *content) {
    g_auto(Rebuild) r = {};
    g_autoptr(Catalog) first = NULL;
    g_autoptr(Catalog) held = NULL;
    g_autoptr(Catalog) settled = NULL;

    begin(&r);
    first = build(&r, NULL, later());
    test_write_text(r.root, "vendor/a.json", content);
    test_write_text(r.root, "vendor/new.json", content);
    held = build(&r, first, soon());
    g_assert_true(held->is_held);
    test_assert_firmware(held, "a, b");
    g_assert_true(test_find(held, "a") == test_find(first, "a"));

    settled = build(&r, held, later());
    assert_as_new(&r, settled);
    g_assert_null(test_find(first, "a")->fault);
}

static void a_file_that_is_being_written_stays_what_it_was(void) {
    assert_held("{");
    assert_held("");
}

static void a_complete_file_is_taken_at_once(void) {
    g_auto(Rebuild) r = {};
    g_autoptr(Catalog) first = NULL;
    g_autoptr(Catalog) second = NULL;

    begin(&r);
    first = build(&r, NULL, later());
    test_describe(r.root, "vendor/a.json", "description", "'another'", NULL);
    test_link(r.root, "vendor/b2.json", "/dev/null");
    second = build(&r, first, soon());
    g_assert_false(second->is_held);
    g_assert_cmpstr(test_find(second, "a")->descriptor->description, ==, "another");
}

static void nothing_is_held_at_first(void) {
    g_auto(Rebuild) r = {};
    g_autoptr(Catalog) first = NULL;

    begin(&r);
    test_write_text(r.root, "vendor/a.json", "{");
    first = build(&r, NULL, soon());
    g_assert_false(first->is_held);
    g_assert_cmpint(test_find(first, "a")->state, ==, FIRMWARE_STATE_INVALID);
}

static void an_image_that_is_being_written_stays_what_it_was(void) {
    g_auto(Rebuild) r = {};
    g_autoptr(Catalog) first = NULL;
    g_autoptr(Catalog) held = NULL;
    g_autoptr(Catalog) settled = NULL;

    begin(&r);
    first = build(&r, NULL, later());
    test_write_sparse(r.root, "vars.fd", 100);
    held = build(&r, first, soon());
    g_assert_true(held->is_held);
    g_assert_true(test_find(held, "a") == test_find(first, "a"));
    settled = build(&r, held, later());
    assert_as_new(&r, settled);
    g_assert_cmpint(test_find(settled, "a")->state, ==, FIRMWARE_STATE_UNUSABLE);
}

/* A clock that was set back would hold a file for as long. */
static void a_time_far_ahead_holds_nothing(void) {
    g_auto(Rebuild) r = {};
    g_autoptr(Catalog) first = NULL;
    g_autoptr(Catalog) second = NULL;

    begin(&r);
    first = build(&r, NULL, later());
    test_write_text(r.root, "vendor/a.json", "{");
    second = build(&r, first, soon() - (gint64)3600 * G_USEC_PER_SEC);
    g_assert_false(second->is_held);
    g_assert_cmpint(test_find(second, "a")->state, ==, FIRMWARE_STATE_INVALID);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(what_did_not_change_is_shared),
            TEST_CASE(what_could_not_be_read_is_read_again),
            TEST_CASE(what_has_just_changed_is_read_again),
            TEST_CASE(an_image_that_changes_is_seen),
            TEST_CASE(another_machine_table_judges_anew),
            TEST_CASE(layers_that_change_places_are_read_anew),
            TEST_CASE(any_change_is_seen),
            TEST_CASE(each_file_is_visited),
            TEST_CASE(what_does_not_answer_is_not_read),
            TEST_CASE(a_file_that_is_being_written_stays_what_it_was),
            TEST_CASE(a_complete_file_is_taken_at_once),
            TEST_CASE(nothing_is_held_at_first),
            TEST_CASE(an_image_that_is_being_written_stays_what_it_was),
            TEST_CASE(a_time_far_ahead_holds_nothing),
    };

    return test_main(argc, argv, "catalog-rebuild", cases, G_N_ELEMENTS(cases));
}
