/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/resolution.h"

#include <string.h>

#include "util-pin.h"

static Resolution *resolve(const char *kind) {
    g_autoptr(TestDir) root = test_layers_new();

    return test_resolution(root, test_pin_kind(kind), NULL);
}

static const FlashUnit *unit_of(const Resolution *resolution, guint index) {
    g_assert_nonnull(resolution->flash);
    g_assert_cmpuint(resolution->flash->len, >, index);
    return resolution->flash->pdata[index];
}

/* -- the VM's own copy ------------------------------------------------------------------- */

static void assert_writable(const Resolution *r, const char *filename, const char *format) {
    const FlashUnit *unit = resolution_get_writable_unit(r);

    g_assert_nonnull(unit);
    g_assert_false(unit->read_only);
    g_assert_cmpstr(unit->filename, ==, filename);
    g_assert_cmpstr(unit->format, ==, format);
}

static void the_copy_is_named_in_the_unit_that_is_written(void) {
    g_autoptr(Resolution) r = resolve("split");
    g_autofree char *executable = g_strdup(unit_of(r, 0)->filename);

    g_assert_null(r->nvram_filename);
    assert_writable(r, "", "raw");
    resolution_set_nvram(r, "/vm/nvram.raw", NULL);
    assert_writable(r, "/vm/nvram.raw", "raw");
    g_assert_cmpstr(r->nvram_filename, ==, "/vm/nvram.raw");
    /* again: nothing is left of the first */
    resolution_set_nvram(r, "/vm/nvram.qcow2", "qcow2");
    assert_writable(r, "/vm/nvram.qcow2", "qcow2");
    g_assert_cmpstr(r->nvram_filename, ==, "/vm/nvram.qcow2");
    g_assert_cmpstr(unit_of(r, 0)->filename, ==, executable);
    g_assert_cmpstr(unit_of(r, 0)->format, ==, "raw");
    g_assert_true(resolution_get_writable_unit(r) == unit_of(r, 1));
}

static void a_combined_image_is_the_copy(void) {
    g_autoptr(Resolution) r = resolve("combined");

    assert_writable(r, "", "raw");
    g_assert_cmpuint(r->flash->len, ==, 1);
    resolution_set_nvram(r, "/vm/nvram.raw", "raw");
    assert_writable(r, "/vm/nvram.raw", "raw");
    g_assert_cmpstr(unit_of(r, 0)->role, ==, "executable");
}

static void a_store_has_no_flash(void) {
    g_autoptr(Resolution) r = resolve("uefi-vars");

    g_assert_null(r->flash);
    g_assert_null(resolution_get_writable_unit(r));
    resolution_set_nvram(r, "/vm/nvram.json", "json");
    g_assert_cmpstr(r->nvram_filename, ==, "/vm/nvram.json");
    g_assert_cmpuint(r->nvram_template_size, ==, 0);
}

static void what_writes_nothing_has_no_writable_unit(void) {
    g_autoptr(Resolution) r = resolve("stateless");

    g_assert_null(resolution_get_writable_unit(r));
    g_assert_true(unit_of(r, 0)->read_only);
}

/* -- boards ------------------------------------------------------------------------------ */

static void fixed_flash_is_the_board_s(void) {
    g_autoptr(Resolution) q35 = resolve("split");
    g_autoptr(Resolution) virt = resolve("split-fixed");
    g_autoptr(Resolution) memory = resolve("memory");

    g_assert_false(q35->has_fixed_flash);
    g_assert_cmpuint(unit_of(q35, 1)->size, ==, q35->nvram_template_size);
    g_assert_true(virt->has_fixed_flash);
    g_assert_cmpuint(unit_of(virt, 1)->size, ==, 67108864);
    g_assert_cmpuint(virt->nvram_template_size, ==, 4096);
    g_assert_false(memory->has_fixed_flash);
}

/* A board that the table does not know has what the descriptor records. */
static void an_unknown_board_has_the_flash_that_is_recorded(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Request) request = request_new(REQUEST_CALL_PIN, NULL, NULL, NULL);
    const Machine machine = {.architecture = "x", .name = "y", .canonical = "y"};
    g_autoptr(Catalog) catalog = NULL;
    g_autoptr(Resolution) r = NULL;

    test_describe(
            root, "vendor/a.json", "mapping",
            "{'device': 'flash', 'mode': 'combined', 'executable': {'filename': '/code.fd',"
            " 'format': 'raw', 'flash': {'num-blocks': 2, 'sector-length': 4096, 'width': 4,"
            " 'phys-addr': 0, 'name': 'a'}}}",
            "targets", "[{'architecture': 'x', 'machines': ['*']}]", NULL);
    catalog = test_catalog(root);
    r = resolution_new(test_find(catalog, "a"), &machine, request);
    g_assert_true(r->has_fixed_flash);
    g_assert_true(r->has_pflash_properties);
    g_assert_cmpuint(unit_of(r, 0)->size, ==, 8192);
    g_assert_cmpuint(r->executable_size, ==, 8192);
}

/* -- the same flash ---------------------------------------------------------------------- */

static void assert_same(const Resolution *a, const Resolution *b, gboolean is_same) {
    g_assert_true(resolution_same_flash(a, b) == is_same);
    g_assert_true(resolution_same_flash(b, a) == is_same);
    g_assert_true(resolution_same_flash(a, a));
}

static void file_names_and_formats_do_not_matter(void) {
    g_autoptr(Resolution) a = resolve("split-qcow2");
    g_autoptr(Resolution) b = resolve("split-qcow2");

    assert_same(a, b, TRUE);
    resolution_set_nvram(a, "/vm/nvram.qcow2", "qcow2");
    assert_same(a, b, TRUE);
    g_assert_true(a->flash->len == 2 && b->flash->len == 2);
}

static void alter(FlashUnit *unit, const FlashKey *key) {
    if (key->type == 's')
        g_assert_true(flash_unit_set_string(unit, key, "other"));
    else if (key->type == 'b')
        g_assert_true(
                flash_unit_set_boolean(unit, key, !*(const gboolean *)flash_unit_get(unit, key)));
    else
        g_assert_true(
                flash_unit_set_number(unit, key, flash_unit_get_number(unit, key) == 77 ? 78 : 77));
}

static void each_value_of_each_unit_matters(void) {
    g_autoptr(Resolution) a = resolve("split");

    for (guint i = 0; i < 2; i++)
        for (const FlashKey *key = flash_keys; key->name; key++) {
            g_autoptr(Resolution) b = resolve("split");
            gboolean is_free =
                    g_str_equal(key->name, "filename") || g_str_equal(key->name, "format");

            alter(b->flash->pdata[i], key);
            assert_same(a, b, is_free);
        }
}

static void the_number_of_units_matters(void) {
    g_autoptr(Resolution) split = resolve("split");
    g_autoptr(Resolution) stateless = resolve("stateless");
    g_autoptr(Resolution) memory = resolve("memory");
    g_autoptr(Resolution) kernel = resolve("kernel");

    assert_same(split, stateless, FALSE);
    assert_same(split, memory, FALSE);
    assert_same(memory, kernel, TRUE);
}

/* Who writes makes a combined image another board than a stateless one of the same size. */
static void read_only_matters(void) {
    g_autoptr(Resolution) combined = resolve("combined");
    g_autoptr(Resolution) stateless = resolve("stateless");

    assert_same(combined, stateless, FALSE);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(the_copy_is_named_in_the_unit_that_is_written),
            TEST_CASE(a_combined_image_is_the_copy),
            TEST_CASE(a_store_has_no_flash),
            TEST_CASE(what_writes_nothing_has_no_writable_unit),
            TEST_CASE(fixed_flash_is_the_board_s),
            TEST_CASE(an_unknown_board_has_the_flash_that_is_recorded),
            TEST_CASE(file_names_and_formats_do_not_matter),
            TEST_CASE(each_value_of_each_unit_matters),
            TEST_CASE(the_number_of_units_matters),
            TEST_CASE(read_only_matters),
    };

    return test_main(argc, argv, "resolution", cases, G_N_ELEMENTS(cases));
}
