/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "core/parse.h"

/* -- running ----------------------------------------------------------------------------- */

static void maps_no_libsystemd(void) {
    g_autofree char *maps = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents("/proc/self/maps", &maps, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(maps, "libjson-glib"));
    g_assert_null(strstr(maps, "libsystemd"));
}

static void add_case(const char *module, const TestCase *test) {
    g_autofree char *path = g_strdup_printf("/%s/%s", module, test->name);

    g_strdelimit(path, "_", '-');
    g_test_add_func(path, test->run);
}

int test_main(int argc, char **argv, const char *module, const TestCase *cases, gsize n_cases) {
    const TestCase last = TEST_CASE(maps_no_libsystemd);

    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < n_cases; i++)
        add_case(module, &cases[i]);
    add_case(module, &last);
    return g_test_run();
}

/* -- files ------------------------------------------------------------------------------- */

TestDir *test_dir_new(void) {
    g_autoptr(GError) error = NULL;
    char *dir = g_dir_make_tmp("vmfirmware-test-XXXXXX", &error);

    g_assert_no_error(error);
    return dir;
}

static void remove_tree(const char *path) {
    struct stat st;

    g_assert_no_errno(lstat(path, &st));
    if (S_ISDIR(st.st_mode)) {
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        const char *name;

        g_assert_nonnull(dir);
        while ((name = g_dir_read_name(dir))) {
            g_autofree char *child = g_build_filename(path, name, NULL);
            remove_tree(child);
        }
    }
    g_assert_no_errno(g_remove(path));
}

void test_dir_free(TestDir *dir) {
    if (!dir)
        return;

    remove_tree(dir);
    g_free(dir);
}

void test_write(const char *dir, const char *name, gconstpointer data, gsize size) {
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autoptr(GError) error = NULL;

    g_file_set_contents_full(
            path, data, (gssize)size, G_FILE_SET_CONTENTS_CONSISTENT, 0644, &error);
    g_assert_no_error(error);
}

void test_write_text(const char *dir, const char *name, const char *text) {
    test_write(dir, name, text, strlen(text));
}

void test_write_sparse(const char *dir, const char *name, guint64 size) {
    g_autofree char *path = g_build_filename(dir, name, NULL);

    test_write_text(dir, name, "image");
    g_assert_no_errno(truncate(path, (off_t)size));
}

void test_link(const char *dir, const char *name, const char *target) {
    g_autofree char *path = g_build_filename(dir, name, NULL);

    g_assert_no_errno(symlink(target, path));
}

char *test_mkdir(const char *dir, const char *name) {
    char *path = g_build_filename(dir, name, NULL);

    g_assert_no_errno(g_mkdir(path, 0755));
    return path;
}

void test_qcow2_header(guint8 *ret_header, guint64 virtual_size) {
    const guint32 version = GUINT32_TO_BE(3);
    const guint32 cluster_bits = GUINT32_TO_BE(16);
    const guint32 header_length = GUINT32_TO_BE(TEST_QCOW2_SIZE);

    memset(ret_header, 0, TEST_QCOW2_SIZE);
    memcpy(ret_header, "QFI\xfb", 4);
    memcpy(ret_header + 4, &version, sizeof version);
    memcpy(ret_header + 20, &cluster_bits, sizeof cluster_bits);
    virtual_size = GUINT64_TO_BE(virtual_size);
    memcpy(ret_header + 24, &virtual_size, sizeof virtual_size);
    memcpy(ret_header + 100, &header_length, sizeof header_length);
}

/* -- descriptors ------------------------------------------------------------------------- */

char *test_quote(const char *text) {
    return g_strdelimit(g_strdup(text), "'", '"');
}

/* In the order of the schema, so that an error's place can be told. */
static const char *const default_members[][2] = {
        {"description", "'a firmware'"},
        {"interface-types", "['uefi']"},
        {"mapping",
         "{'device': 'flash',"
         " 'executable': {'filename': '/code.fd', 'format': 'raw'},"
         " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw'}}"},
        {"targets", "[{'architecture': 'x86_64', 'machines': ['pc-q35-*']}]"},
        {"features", "['acpi-s3', 'secure-boot']"},
        {"tags", "[]"},
};

static gboolean is_default_member(const char *name) {
    for (gsize i = 0; i < G_N_ELEMENTS(default_members); i++)
        if (g_str_equal(default_members[i][0], name))
            return TRUE;
    return FALSE;
}

static void append_member(GString *document, const char *name, const char *value) {
    if (value)
        g_string_append_printf(document, "%s'%s': %s", document->len > 1 ? ", " : "", name, value);
}

char *test_document_v(const char *member, va_list list) {
    g_autoptr(GHashTable) values = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GString) document = g_string_new("{");
    gpointer value;

    for (gsize i = 0; i < G_N_ELEMENTS(default_members); i++)
        g_hash_table_insert(
                values, (gpointer)default_members[i][0], (gpointer)default_members[i][1]);

    for (const char *name = member; name; name = va_arg(list, const char *)) {
        value = (gpointer)va_arg(list, const char *);
        if (is_default_member(name))
            g_hash_table_replace(values, (gpointer)name, value);
        else
            append_member(document, name, value);
    }

    for (gsize i = 0; i < G_N_ELEMENTS(default_members); i++)
        append_member(
                document, default_members[i][0],
                g_hash_table_lookup(values, default_members[i][0]));
    g_string_append_c(document, '}');
    return test_quote(document->str);
}

char *test_document(const char *member, ...) {
    char *document;
    va_list list;

    va_start(list, member);
    document = test_document_v(member, list);
    va_end(list);
    return document;
}

Descriptor *test_parse(const char *document) {
    g_autoptr(GBytes) bytes = g_bytes_new(document, strlen(document));
    g_autoptr(GError) error = NULL;
    Descriptor *descriptor = parse_descriptor(bytes, &error);

    g_assert_no_error(error);
    g_assert_nonnull(descriptor);
    return descriptor;
}

char *test_parse_fault(const char *document, gsize size) {
    g_autoptr(GBytes) bytes = g_bytes_new(document, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(Descriptor) descriptor = parse_descriptor(bytes, &error);

    g_assert_null(descriptor);
    g_assert_nonnull(error);
    g_assert_true(error->domain == PARSE_ERROR);
    g_assert_cmpint(
            error->code, ==,
            g_str_has_prefix(error->message, "schema-error:") ? PARSE_ERROR_SCHEMA
                                                              : PARSE_ERROR_SYNTAX);
    return g_strdup(error->message);
}

void test_assert_refused(const char *document, const char *reason) {
    g_autofree char *fault = test_parse_fault(document, strlen(document));

    g_assert_cmpstr(fault, ==, reason);
}

MachineTable *test_shipped_machines(void) {
    static const char *const directories[] = {SHIPPED_MACHINES, NULL};
    MachineTable *table = machine_table_load(directories, NULL, NULL);

    g_assert_cmpuint(machine_table_get_problems(table)->len, ==, 0);
    g_assert_nonnull(machine_table_get_architectures(table)[0]);
    return table;
}

/* -- a failing system -------------------------------------------------------------------- */

static void set_max_fd(rlim_t max) {
    struct rlimit limit;

    g_assert_no_errno(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = max;
    g_assert_no_errno(setrlimit(RLIMIT_NOFILE, &limit));
}

static gboolean count_down(const char *path, gpointer n_visits) {
    if ((*(guint *)n_visits)-- == 0)
        set_max_fd(0);
    return TRUE;
}

void test_fail_at_each_visit(TestLoad load, GDestroyNotify free, gconstpointer userdata) {
    struct rlimit before;
    gpointer loaded = NULL;

    g_assert_no_errno(getrlimit(RLIMIT_NOFILE, &before));
    for (guint n = 0; !loaded; n++) {
        guint n_visits = n;
        const FileVisitor visitor = {
                .file = count_down, .directory = count_down, .userdata = &n_visits};
        g_autoptr(GError) error = NULL;

        loaded = load(&visitor, userdata, &error);
        set_max_fd(before.rlim_cur);
        if (n_visits <= n) {
            /* it visits no path more */
            g_assert_no_error(error);
            g_assert_cmpuint(n, >, 1);
            g_assert_nonnull(loaded);
        } else {
            g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
            g_assert_true(g_str_has_prefix(error->message, "cannot read "));
            g_assert_null(loaded);
        }
    }
    free(loaded);
}

/* -- assertions -------------------------------------------------------------------------- */

void test_assert_joined(char **actual, const char *expected) {
    g_autofree char *joined = g_strjoinv(", ", actual);

    g_assert_cmpstr(joined, ==, expected);
}

void test_assert_joined_array(const GPtrArray *actual, const char *expected) {
    g_autoptr(GString) joined = g_string_new(NULL);

    for (guint i = 0; i < actual->len; i++)
        g_string_append_printf(joined, "%s%s", i > 0 ? ", " : "", (const char *)actual->pdata[i]);
    g_assert_cmpstr(joined->str, ==, expected);
}
