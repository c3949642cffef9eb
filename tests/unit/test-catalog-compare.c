/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/catalog-compare.h"

#include <glib/gstdio.h>

#include "util-catalog.h"
#include "util-volume.h"

#define SPLIT_RECORD(record)                                                         \
    "{'device': 'flash',"                                                            \
    " 'executable': {'filename': '/code.fd', 'format': 'raw', 'flash': " record "}," \
    " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw'}}"

/* What ROOT holds before and after a test has changed something there. */
typedef struct Comparison {
    TestDir *root;
    Catalog *before;
    Catalog *after;
    CatalogChange *change;
} Comparison;

static void comparison_clear(Comparison *c) {
    catalog_change_free(c->change);
    catalog_unref(c->before);
    catalog_unref(c->after);
    test_dir_free(c->root);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Comparison, comparison_clear)

/* One firmware, vendor/a, of no special kind, whose template is an unformatted store. */
static void begin(Comparison *c) {
    c->root = test_layers_new();
    test_write_volumes(c->root, "vars.fd", 4096, 0, "", 0);
    test_write_volumes(c->root, "other-vars.fd", 4096, 0, "", 0);
    test_write_sparse(c->root, "other-code.fd", 8192);
    test_describe(c->root, "vendor/a.json", NULL);
    c->before = test_catalog(c->root);
}

static void compare(Comparison *c) {
    c->after = test_catalog(c->root);
    c->change = catalog_compare(c->before, c->after);
}

static void assert_names(const GPtrArray *files, const char *expected) {
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < files->len; i++)
        g_ptr_array_add(names, ((const CatalogFile *)files->pdata[i])->name);
    test_assert_joined_array(names, expected);
}

static void assert_fields(const CatalogChange *change, guint fields) {
    g_assert_nonnull(change);
    assert_names(change->added, "");
    assert_names(change->removed, "");
    assert_names(change->changed, "a");
    g_assert_cmpuint(change->fields->len, ==, 1);
    g_assert_cmphex(g_array_index(change->fields, guint, 0), ==, fields);
}

static void assert_nothing_to_tell(const CatalogChange *change) {
    g_assert_nonnull(change);
    assert_names(change->added, "");
    assert_names(change->removed, "");
    assert_names(change->changed, "");
    g_assert_false(change->problems_differ);
    g_assert_false(change->architectures_differ);
}

/* -- no difference ----------------------------------------------------------------------- */

static void the_same_files_are_no_difference(void) {
    g_auto(Comparison) c = {};

    begin(&c);
    compare(&c);
    g_assert_null(c.change);
}

static void rewritten_white_space_is_no_difference(void) {
    g_auto(Comparison) c = {};
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    g_autoptr(GString) rewritten = NULL;

    begin(&c);
    path = g_build_filename(c.root, "vendor", "a.json", NULL);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    rewritten = g_string_new(text);
    g_assert_cmpuint(g_string_replace(rewritten, ", ", "\n\t,\r\n  ", 0), >, 5);
    test_write_text(c.root, "vendor/a.json", rewritten->str);
    compare(&c);
    g_assert_null(c.change);
}

static void an_unknown_member_is_no_difference(void) {
    g_auto(Comparison) c = {};

    begin(&c);
    test_describe(c.root, "vendor/a.json", "x-unknown", "[1, 2]", NULL);
    compare(&c);
    g_assert_null(c.change);
}

static void files_that_do_not_count_are_no_difference(void) {
    g_auto(Comparison) c = {};
    g_autofree char *directory = NULL;

    begin(&c);
    test_describe(c.root, "vendor/b.json.new", NULL);
    directory = test_mkdir(c.root, "user/a.json");
    compare(&c);
    g_assert_null(c.change);
}

/* -- each field -------------------------------------------------------------------------- */

static void assert_member_changes(
        const char *member, const char *value, guint fields, gboolean architectures_differ) {
    g_auto(Comparison) c = {};

    begin(&c);
    test_describe(c.root, "vendor/a.json", member, value, NULL);
    compare(&c);
    assert_fields(c.change, fields);
    g_assert_false(c.change->problems_differ);
    g_assert_true(c.change->architectures_differ == architectures_differ);
}

static void each_member_is_a_field(void) {
    assert_member_changes("description", "'other'", CATALOG_FIELD_DESCRIPTION, FALSE);
    assert_member_changes(
            "interface-types", "['uefi', 'bios']", CATALOG_FIELD_INTERFACE_TYPES, FALSE);
    assert_member_changes("features", "['secure-boot']", CATALOG_FIELD_FEATURES, FALSE);
    assert_member_changes("features", "['secure-boot', 'acpi-s3']", CATALOG_FIELD_FEATURES, FALSE);
    assert_member_changes("tags", "['a']", CATALOG_FIELD_TAGS, FALSE);
    assert_member_changes(
            "targets", "[{'architecture': 'x86_64', 'machines': ['pc-q35-*', 'pc-i440fx-*']}]",
            CATALOG_FIELD_TARGETS, FALSE);
    assert_member_changes(
            "targets", "[{'architecture': 'i386', 'machines': ['pc-q35-*']}]",
            CATALOG_FIELD_TARGETS, TRUE);
    assert_member_changes(
            "targets",
            "[{'architecture': 'x86_64', 'machines': ['pc-q35-*']},"
            " {'architecture': 'x86_64', 'machines': ['a']}]",
            CATALOG_FIELD_TARGETS, FALSE);
}

/* of a template that is gone */
#define STORE_FIELDS (CATALOG_FIELD_SECURE_BOOT | CATALOG_FIELD_CERTIFICATES | CATALOG_FIELD_HEALTH)

static void each_part_of_the_mapping_is_a_field(void) {
    assert_member_changes(
            "mapping",
            "{'device': 'flash', 'executable': {'filename': '/other-code.fd', 'format': 'raw'},"
            " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw'}}",
            CATALOG_FIELD_EXECUTABLE, FALSE);
    assert_member_changes(
            "mapping",
            "{'device': 'flash', 'executable': {'filename': '/code.fd', 'format': 'raw'},"
            " 'nvram-template': {'filename': '/other-vars.fd', 'format': 'raw'}}",
            CATALOG_FIELD_NVRAM_TEMPLATE, FALSE);
    assert_member_changes(
            "mapping",
            "{'device': 'flash', 'mode': 'stateless',"
            " 'executable': {'filename': '/code.fd', 'format': 'raw'}}",
            CATALOG_FIELD_MODE | CATALOG_FIELD_NVRAM_TEMPLATE | STORE_FIELDS, FALSE);
    assert_member_changes(
            "mapping", "{'device': 'kernel', 'filename': '/code.fd'}",
            CATALOG_FIELD_DEVICE | CATALOG_FIELD_MODE | CATALOG_FIELD_NVRAM_TEMPLATE | STORE_FIELDS,
            FALSE);
}

static void an_image_that_goes_is_told(void) {
    g_auto(Comparison) c = {};
    g_autofree char *path = NULL;

    begin(&c);
    path = g_build_filename(c.root, "vars.fd", NULL);
    g_assert_no_errno(g_remove(path));
    compare(&c);
    assert_fields(c.change, CATALOG_FIELD_STATE | CATALOG_FIELD_REASONS | STORE_FIELDS);
    g_assert_true(c.change->problems_differ);
    g_assert_true(c.change->architectures_differ);
}

static void a_file_that_breaks_is_told(void) {
    g_auto(Comparison) c = {};

    begin(&c);
    test_write_text(c.root, "vendor/a.json", "{");
    compare(&c);
    assert_fields(
            c.change,
            CATALOG_FIELD_STATE | CATALOG_FIELD_REASONS | CATALOG_FIELD_DESCRIPTION |
                    CATALOG_FIELD_INTERFACE_TYPES | CATALOG_FIELD_DEVICE | CATALOG_FIELD_MODE |
                    CATALOG_FIELD_EXECUTABLE | CATALOG_FIELD_NVRAM_TEMPLATE | STORE_FIELDS |
                    CATALOG_FIELD_TARGETS | CATALOG_FIELD_FEATURES);
}

static void another_fault_is_told(void) {
    g_auto(Comparison) c = {.root = test_layers_new()};

    test_write_text(c.root, "vendor/a.json", "{");
    c.before = test_catalog(c.root);
    test_write_text(c.root, "vendor/a.json", "{}");
    compare(&c);
    assert_fields(c.change, CATALOG_FIELD_REASONS);
    g_assert_true(c.change->problems_differ);
}

static void an_override_is_told(void) {
    g_auto(Comparison) c = {};

    begin(&c);
    test_describe(c.root, "admin/a.json", NULL);
    compare(&c);
    assert_fields(c.change, CATALOG_FIELD_PATH | CATALOG_FIELD_LAYER | CATALOG_FIELD_OVERRIDES);
}

/* -- what no property tells -------------------------------------------------------------- */

static void an_image_of_another_size_is_a_difference(void) {
    g_auto(Comparison) c = {};

    begin(&c);
    test_write_volumes(c.root, "vars.fd", 8192, 0, "", 0);
    compare(&c);
    assert_nothing_to_tell(c.change);
}

static void recorded_geometry_is_a_difference(void) {
    g_auto(Comparison) c = {};

    begin(&c);
    test_describe(c.root, "vendor/a.json", "mapping", SPLIT_RECORD("{'width': 1}"), NULL);
    compare(&c);
    assert_nothing_to_tell(c.change);
}

static void a_mask_that_hides_nothing_is_a_difference(void) {
    g_auto(Comparison) c = {};

    begin(&c);
    test_write_text(c.root, "vendor/b.json", "");
    compare(&c);
    assert_nothing_to_tell(c.change);
}

static void another_machine_table_is_a_difference(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(GPtrArray) layers = test_layers(root);
    const char *const directories[] = {root, NULL};
    g_autoptr(MachineTable) few = NULL;
    g_autoptr(MachineTable) all = test_shipped_machines();
    g_autoptr(Catalog) before = NULL;
    g_autoptr(Catalog) after = test_catalog_of(layers, all);
    g_autoptr(CatalogChange) change = NULL;

    test_write_text(root, "a.conf", "[virt]\narchitectures=x\n");
    few = machine_table_load(directories, NULL, NULL);
    before = test_catalog_of(layers, few);
    change = catalog_compare(before, after);
    assert_nothing_to_tell(change);
}

/* -- names ------------------------------------------------------------------------------- */

static void names_come_and_go(void) {
    g_auto(Comparison) c = {};

    begin(&c);
    test_write_text(c.root, "user/a.json", "");
    test_describe(c.root, "vendor/c.json", NULL);
    test_write_text(c.root, "vendor/b.json", "{");
    compare(&c);
    assert_names(c.change->added, "b, c");
    assert_names(c.change->removed, "a");
    assert_names(c.change->changed, "");
    g_assert_true(c.change->problems_differ);
}

static void another_rank_alone_is_not_told_of_a_firmware(void) {
    g_auto(Comparison) c = {};

    begin(&c);
    test_describe(c.root, "vendor/0.json", NULL);
    compare(&c);
    assert_names(c.change->added, "0");
    assert_names(c.change->changed, "");
}

static void the_first_catalog_is_all_new(void) {
    g_auto(Comparison) c = {};

    begin(&c);
    c.change = catalog_compare(NULL, c.before);
    assert_names(c.change->added, "a");
    assert_names(c.change->removed, "");
    g_assert_true(c.change->problems_differ);
    g_assert_true(c.change->architectures_differ);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(the_same_files_are_no_difference),
            TEST_CASE(rewritten_white_space_is_no_difference),
            TEST_CASE(an_unknown_member_is_no_difference),
            TEST_CASE(files_that_do_not_count_are_no_difference),
            TEST_CASE(each_member_is_a_field),
            TEST_CASE(each_part_of_the_mapping_is_a_field),
            TEST_CASE(an_image_that_goes_is_told),
            TEST_CASE(a_file_that_breaks_is_told),
            TEST_CASE(another_fault_is_told),
            TEST_CASE(an_override_is_told),
            TEST_CASE(an_image_of_another_size_is_a_difference),
            TEST_CASE(recorded_geometry_is_a_difference),
            TEST_CASE(a_mask_that_hides_nothing_is_a_difference),
            TEST_CASE(another_machine_table_is_a_difference),
            TEST_CASE(names_come_and_go),
            TEST_CASE(another_rank_alone_is_not_told_of_a_firmware),
            TEST_CASE(the_first_catalog_is_all_new),
    };

    return test_main(argc, argv, "catalog-compare", cases, G_N_ELEMENTS(cases));
}
