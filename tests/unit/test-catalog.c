/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/catalog.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "util-catalog.h"

/* All files in order: "layer/name", with ! invalid, - mask, ^ overridden. */
static void assert_files(const Catalog *catalog, const char *expected) {
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < catalog->files->len; i++) {
        const CatalogFile *file = catalog->files->pdata[i];

        g_assert_cmpint((file->descriptor != NULL) + file->is_mask + (file->fault != NULL), ==, 1);
        g_ptr_array_add(
                files,
                g_strdup_printf(
                        "%s/%s%s%s%s", firmware_layer_to_string(file->layer), file->name,
                        file->fault ? "!" : "", file->is_mask ? "-" : "",
                        file->overridden_by ? "^" : ""));
    }
    test_assert_joined_array(files, expected);
}

/* "path: text" of each problem, with ROOT as @. */
static void assert_problems(const Catalog *catalog, const char *root, const char *expected) {
    g_autoptr(GString) problems = g_string_new(NULL);

    for (guint i = 0; i < catalog->problems->len; i++) {
        const CatalogProblem *problem = catalog->problems->pdata[i];

        g_string_append_printf(
                problems, "%s%s: %s", i > 0 ? "\n" : "", problem->path, problem->text);
    }
    g_string_replace(problems, root, "@", 0);
    g_assert_cmpstr(problems->str, ==, expected);
}

/* -- order ------------------------------------------------------------------------------- */

static void order_is_by_bytes_of_the_file_name(void) {
    static const char *const names[] = {
            "b", "a.b", "a-b", "a", "B", "a b", "\xc3\xa4", "60-x", "9-x", "a!", "aa",
    };
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Catalog) catalog = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *file = g_strdup_printf("%s/%s.json", i % 2 ? "vendor" : "admin", names[i]);
        test_describe(root, file, NULL);
    }
    catalog = test_catalog(root);
    /* '!' and '-' sort before '.', so before the suffix */
    test_assert_firmware(catalog, "60-x, 9-x, B, a b, a!, a-b, a.b, a, aa, b, \xc3\xa4");
}

/* -- layers ------------------------------------------------------------------------------ */

static void a_more_specific_file_takes_the_place(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autofree char *overrides = test_below(root, "@/admin/a.json, @/vendor/a.json");
    g_autoptr(Catalog) catalog = NULL;
    const CatalogFile *file;

    test_describe(root, "vendor/a.json", "description", "'vendor'", NULL);
    test_describe(root, "admin/a.json", "description", "'admin'", NULL);
    test_describe(root, "user/a.json", "description", "'user'", NULL);
    test_describe(root, "vendor/b.json", NULL);
    catalog = test_catalog(root);

    assert_files(catalog, "user/a, admin/a^, vendor/a^, vendor/b");
    test_assert_firmware(catalog, "a, b");
    file = test_find(catalog, "a");
    g_assert_cmpstr(file->descriptor->description, ==, "user");
    test_assert_joined(file->overrides, overrides);
    test_assert_joined(test_find(catalog, "b")->overrides, "");
    for (guint i = 1; i <= 2; i++)
        g_assert_true(((const CatalogFile *)catalog->files->pdata[i])->overridden_by == file);
}

static void an_invalid_file_takes_the_place_too(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Catalog) catalog = NULL;
    const CatalogFile *file;

    test_describe(root, "vendor/a.json", NULL);
    test_write_text(root, "admin/a.json", "{}");
    catalog = test_catalog(root);

    assert_files(catalog, "admin/a!, vendor/a^");
    file = test_find(catalog, "a");
    g_assert_cmpint(file->state, ==, FIRMWARE_STATE_INVALID);
    test_assert_joined(file->reasons, "schema-error:/interface-types: missing");
    g_assert_cmpuint(g_strv_length(file->overrides), ==, 1);
    assert_problems(catalog, root, "@/admin/a.json: schema-error:/interface-types: missing");
}

static void what_is_overridden_is_no_problem(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Catalog) catalog = NULL;

    test_write_text(root, "vendor/a.json", "nonsense");
    test_describe(root, "user/a.json", NULL);
    catalog = test_catalog(root);
    assert_files(catalog, "user/a, vendor/a!^");
    assert_problems(catalog, root, "");
}

static void empty_files_and_dev_null_mask(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Catalog) catalog = NULL;
    static const char *const names[] = {"a", "b", "c", "d", "e"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *file = g_strdup_printf("vendor/%s.json", names[i]);
        test_describe(root, file, NULL);
    }
    test_write_text(root, "empty", "");
    test_link(root, "null", "/dev/null");
    test_write_text(root, "admin/a.json", "");
    test_link(root, "admin/b.json", "/dev/null");
    test_link(root, "admin/c.json", "../empty");
    test_link(root, "admin/d.json", "../null");
    test_write_text(root, "user/e.json", "");
    test_write_text(root, "user/nothing-to-hide.json", "");
    catalog = test_catalog(root);

    assert_files(
            catalog,
            "admin/a-, vendor/a^, admin/b-, vendor/b^, admin/c-, vendor/c^, admin/d-, vendor/d^, "
            "user/e-, vendor/e^, user/nothing-to-hide-");
    test_assert_firmware(catalog, "");
    assert_problems(catalog, root, "");
    g_assert_null(catalog_find(catalog, "a"));
    g_assert_cmpuint(g_strv_length(catalog->architectures), ==, 0);
}

static void a_mask_can_be_overridden(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autofree char *overrides = test_below(root, "@/admin/a.json, @/vendor/a.json");
    g_autoptr(Catalog) catalog = NULL;

    test_describe(root, "vendor/a.json", NULL);
    test_write_text(root, "admin/a.json", "");
    test_describe(root, "user/a.json", NULL);
    catalog = test_catalog(root);
    assert_files(catalog, "user/a, admin/a-^, vendor/a^");
    test_assert_joined(test_find(catalog, "a")->overrides, overrides);
}

/* -- what is a descriptor ---------------------------------------------------------------- */

static void make_socket(const char *root, const char *name) {
    g_autofree char *path = g_build_filename(root, name, NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpuint(strlen(path), <, sizeof address.sun_path);
    strcpy(address.sun_path, path);
    g_assert_no_errno(bind(fd, (struct sockaddr *)&address, sizeof address));
    g_assert_no_errno(close(fd));
}

static void other_files_are_no_descriptors(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autofree char *fifo = g_build_filename(root, "vendor", "fifo.json", NULL);
    g_autoptr(Catalog) catalog = NULL;

    g_free(test_mkdir(root, "vendor/directory.json"));
    g_assert_no_errno(mkfifo(fifo, 0600));
    make_socket(root, "vendor/socket.json");
    test_link(root, "vendor/device.json", "/dev/zero");
    test_link(root, "vendor/to-directory.json", "directory.json");
    test_link(root, "vendor/to-fifo.json", "fifo.json");
    test_describe(root, "vendor/.hidden.json", NULL);
    test_describe(root, "vendor/.json", NULL);
    test_describe(root, "vendor/a.json~", NULL);
    test_describe(root, "vendor/a.JSON", NULL);
    test_describe(root, "vendor/json", NULL);
    test_describe(root, "vendor/a.json.rpmsave", NULL);
    test_describe(root, "vendor/directory.json/inside.json", NULL);
    catalog = test_catalog(root);
    assert_files(catalog, "");
    assert_problems(catalog, root, "");
}

static void what_is_no_descriptor_takes_no_place(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Catalog) catalog = NULL;

    g_free(test_mkdir(root, "user/a.json"));
    test_describe(root, "vendor/a.json", NULL);
    catalog = test_catalog(root);
    assert_files(catalog, "vendor/a");
}

static void links_to_descriptors_are_descriptors(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autofree char *path = test_below(root, "@/vendor/link.json");
    g_autoptr(Catalog) catalog = NULL;

    test_describe(root, "elsewhere", NULL);
    test_link(root, "vendor/link.json", "../elsewhere");
    catalog = test_catalog(root);
    assert_files(catalog, "vendor/link");
    g_assert_cmpstr(test_find(catalog, "link")->path, ==, path);
}

static void dangling_and_looping_links_are_invalid(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Catalog) catalog = NULL;

    test_link(root, "vendor/dangling.json", "nowhere");
    test_link(root, "vendor/loop.json", "loop.json");
    test_link(root, "vendor/through-a-file.json", "../code.fd/x");
    catalog = test_catalog(root);
    assert_files(catalog, "vendor/dangling!, vendor/loop!, vendor/through-a-file!");
    assert_problems(
            catalog, root,
            "@/vendor/dangling.json: file-missing:@/vendor/dangling.json\n"
            "@/vendor/loop.json: file-unreadable:@/vendor/loop.json\n"
            "@/vendor/through-a-file.json: file-missing:@/vendor/through-a-file.json");
}

static void names_that_are_not_utf8_are_problems_alone(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Catalog) catalog = NULL;

    test_write_text(root, "vendor/\xff.json", "{}");
    test_describe(root, "vendor/b.json", NULL);
    catalog = test_catalog(root);
    assert_files(catalog, "vendor/b");
    assert_problems(catalog, root, "@/vendor/\\xff.json: the file name is not UTF-8");
}

static void too_large_a_file_is_invalid(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Catalog) catalog = NULL;

    test_write_sparse(root, "vendor/huge.json", G_GUINT64_CONSTANT(1) << 40);
    test_write_sparse(root, "vendor/large.json", 65537);
    catalog = test_catalog(root);
    assert_problems(
            catalog, root,
            "@/vendor/huge.json: parse-error:1:1: the file is larger than 65536 bytes\n"
            "@/vendor/large.json: parse-error:1:1: the file is larger than 65536 bytes");
}

/* -- layers and limits ------------------------------------------------------------------- */

static void layers_that_are_not_there_are_empty(void) {
    g_autoptr(TestDir) root = test_dir_new();
    g_autoptr(Catalog) catalog = NULL;

    test_write_text(root, "vendor", "no directory");
    test_link(root, "admin", "nowhere");
    catalog = test_catalog(root);
    assert_files(catalog, "");
    assert_problems(catalog, root, "");
}

static void files_are_limited_to_16384(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(GPtrArray) layers = test_layers(root);
    g_autoptr(MachineTable) machines = test_shipped_machines();
    g_autoptr(Catalog) catalog = NULL;
    CatalogSources sources = {.layers = layers, .machines = machines};
    g_autoptr(Catalog) too_large = NULL;
    g_autofree char *path = NULL;
    const CatalogProblem *problem;
    g_autoptr(GError) error = NULL;

    /* one of each three has a name that is not UTF-8: it counts, too */
    for (guint i = 0; i < 16384; i++) {
        g_autofree char *name =
                g_strdup_printf("%s/%u%s.json", i % 2 ? "vendor" : "user", i, i % 3 ? "" : "\xff");
        test_link(root, name, "/dev/null");
    }
    catalog = test_catalog_of(layers, machines);
    g_assert_cmpuint(catalog->files->len + catalog->problems->len, ==, 16384);
    g_assert_cmpuint(catalog->problems->len, ==, 16384 / 3 + 1);

    test_link(root, "vendor/one-more.json", "/dev/null");
    sources.previous = catalog;
    too_large = catalog_build(&sources, &error);
    g_assert_null(too_large);
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED);
    g_assert_nonnull(strstr(error->message, "more than 16384 descriptor files"));

    /* without a previous one: the last layer is the first with which there are too many */
    sources.previous = NULL;
    g_clear_error(&error);
    too_large = catalog_build(&sources, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(too_large->files->len, <, 16384 / 2 + 1);
    path = g_build_filename(root, "user", NULL);
    problem = too_large->problems->pdata[too_large->problems->len - 1];
    g_assert_cmpstr(problem->path, ==, path);
}

static gpointer load(const FileVisitor *visitor, gconstpointer userdata, GError **error) {
    CatalogSources sources = *(const CatalogSources *)userdata;

    sources.visitor = visitor;
    return catalog_build(&sources, error);
}

static void a_failing_system_is_an_error(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(GPtrArray) layers = test_layers(root);
    g_autoptr(MachineTable) machines = test_shipped_machines();
    const CatalogSources sources = {.layers = layers, .machines = machines};

    test_describe(root, "vendor/a.json", NULL);
    test_fail_at_each_visit(load, (GDestroyNotify)catalog_unref, &sources);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(order_is_by_bytes_of_the_file_name),
            TEST_CASE(a_more_specific_file_takes_the_place),
            TEST_CASE(an_invalid_file_takes_the_place_too),
            TEST_CASE(what_is_overridden_is_no_problem),
            TEST_CASE(empty_files_and_dev_null_mask),
            TEST_CASE(a_mask_can_be_overridden),
            TEST_CASE(other_files_are_no_descriptors),
            TEST_CASE(what_is_no_descriptor_takes_no_place),
            TEST_CASE(links_to_descriptors_are_descriptors),
            TEST_CASE(dangling_and_looping_links_are_invalid),
            TEST_CASE(names_that_are_not_utf8_are_problems_alone),
            TEST_CASE(too_large_a_file_is_invalid),
            TEST_CASE(layers_that_are_not_there_are_empty),
            TEST_CASE(files_are_limited_to_16384),
            TEST_CASE(a_failing_system_is_an_error),
    };

    return test_main(argc, argv, "catalog", cases, G_N_ELEMENTS(cases));
}
