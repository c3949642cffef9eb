/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "lint/lint.h"
#include "lint/record.h"
#include "util-catalog.h"
#include "util-volume.h"

/* What reads descriptors and their images, while each openat(2) fails in turn as without file
 * descriptors: the error names the file that could not be opened. */

static guint n_until_failure; /* 0: none fails */
static char *failed;          /* its path */

/* This takes the place of the C library's, of the name that files of 64 bits have there. */
int openat(int dir_fd, const char *path, int flags, ...) {
    static int (*real)(int, const char *, int, ...);
    va_list arguments;
    mode_t mode = 0;

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "openat64");
    va_start(arguments, flags);
    if (flags & O_CREAT)
        mode = va_arg(arguments, mode_t);
    va_end(arguments);
    if (n_until_failure == 0 || --n_until_failure > 0)
        return real(dir_fd, path, flags, mode);
    failed = g_strdup(path);
    errno = EMFILE;
    return -1;
}

/* Also of the variables' kind, so that their stores are read. */
static TestDir *make_layers(void) {
    TestDir *root = test_layers_new();

    test_write_volumes(root, "code.fd", 65536, 0xff, "f0", 65536);
    test_write_volumes(root, "vars.fd", 4096, 0xff, "v0", 4096);
    test_write_volumes(root, "whole.fd", 8192, 0xff, "v0 f4096", 4096);
    test_describe(root, "vendor/split.json", NULL);
    test_describe(
            root, "vendor/whole.json", "mapping",
            "{'device': 'flash', 'mode': 'combined',"
            " 'executable': {'filename': '/whole.fd', 'format': 'raw'}}",
            NULL);
    test_describe(
            root, "vendor/snp.json", "features", "['amd-sev-snp']", "mapping",
            "{'device': 'memory', 'filename': '/code.fd'}", NULL);
    return root;
}

static gpointer build(const char *root, const char *name, MachineTable *machines, GError **error) {
    g_autoptr(GPtrArray) layers = test_layers(root);
    const CatalogSources sources = {.layers = layers, .machines = machines};
    g_autoptr(Catalog) catalog = catalog_build(&sources, error);

    return catalog ? g_strdup("built") : NULL;
}

static GBytes *read_document(const char *root, const char *name) {
    g_autofree char *path = g_build_filename(root, "vendor", name, NULL);
    g_autofree char *text = NULL;
    gsize size;

    g_assert_true(g_file_get_contents(path, &text, &size, NULL));
    return g_bytes_new_take(g_steal_pointer(&text), size);
}

static gpointer lint(const char *root, const char *name, MachineTable *machines, GError **error) {
    g_autoptr(KnownCertificates) known = known_certificates_new();
    const LintFacts facts = {.machines = machines, .known = known};
    g_autoptr(GBytes) document = read_document(root, name);
    g_autoptr(GPtrArray) findings = lint_document(document, name, &facts, error);

    return findings ? g_strdup("checked") : NULL;
}

static gpointer record(const char *root, const char *name, MachineTable *machines, GError **error) {
    g_autoptr(GBytes) document = read_document(root, name);

    return record_geometry(document, machines, error);
}

/* N_FILES: the number of files that are opened. */
static void assert_each_is_named(
        gpointer (*run)(const char *, const char *, MachineTable *, GError **), const char *name,
        guint n_files) {
    g_autoptr(TestDir) root = make_layers();
    g_autoptr(MachineTable) machines = test_shipped_machines();
    g_autofree char *result = NULL;

    for (guint n = 1; !result; n++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *expected = NULL;

        n_until_failure = n;
        result = run(root, name, machines, &error);
        n_until_failure = 0;
        if (result) {
            g_assert_no_error(error);
            g_assert_null(failed);
            g_assert_cmpuint(n, ==, n_files + 1);
            continue;
        }
        expected = g_strdup_printf("cannot read %s: %s", failed, g_strerror(EMFILE));
        g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
        g_assert_cmpstr(error->message, ==, expected);
        g_clear_pointer(&failed, g_free);
    }
}

static void of_a_catalog(void) {
    /* three descriptors, three images, and two stores in them */
    assert_each_is_named(build, NULL, 8);
}

static void of_a_check(void) {
    assert_each_is_named(lint, "split.json", 3);
    assert_each_is_named(lint, "whole.json", 2);
    assert_each_is_named(lint, "snp.json", 2);
}

static void of_a_record(void) {
    assert_each_is_named(record, "split.json", 2);
    assert_each_is_named(record, "whole.json", 1);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(of_a_catalog),
            TEST_CASE(of_a_check),
            TEST_CASE(of_a_record),
    };

    return test_main(argc, argv, "open-errors", cases, G_N_ELEMENTS(cases));
}
