/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-pin.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "base/error.h"

#define TEST_CREATED G_GUINT64_CONSTANT(1700000000123456)

const TestPinKind test_pin_kinds[] = {
        {"split",
         "{'device': 'flash',"
         " 'executable': {'filename': '/code.fd', 'format': 'raw'},"
         " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw'}}",
         "['secure-boot', 'requires-smm']", "x86_64", "q35", TRUE, IMAGE_FORMAT_RAW, 4096},
        {"split-qcow2",
         "{'device': 'flash', 'mode': 'split',"
         " 'executable': {'filename': '/code.fd', 'format': 'raw'},"
         " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw'}}",
         "[]", "x86_64", "pc-q35-7.2", TRUE, IMAGE_FORMAT_QCOW2, 4096},
        {"split-fixed",
         "{'device': 'flash',"
         " 'executable': {'filename': '/64m.fd', 'format': 'raw'},"
         " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw'}}",
         "[]", "aarch64", "virt", TRUE, IMAGE_FORMAT_RAW, 67108864},
        {"combined",
         "{'device': 'flash', 'mode': 'combined',"
         " 'executable': {'filename': '/code.fd', 'format': 'raw'}}",
         "['acpi-s3']", "x86_64", "q35", TRUE, IMAGE_FORMAT_RAW, 8192},
        {"stateless",
         "{'device': 'flash', 'mode': 'stateless',"
         " 'executable': {'filename': '/code.fd', 'format': 'raw'}}",
         "['amd-sev']", "x86_64", "q35", FALSE, IMAGE_FORMAT_RAW, 0},
        {"uefi-vars",
         "{'device': 'memory', 'filename': '/rom', 'uefi-vars': {'template': '/store.json'}}", "[]",
         "x86_64", "q35", TRUE, IMAGE_FORMAT_JSON, 0},
        {"memory", "{'device': 'memory', 'filename': '/rom'}", "[]", "x86_64", "pc", FALSE,
         IMAGE_FORMAT_RAW, 0},
        {"kernel", "{'device': 'kernel', 'filename': '/rom'}", "[]", "x86_64", "q35", FALSE,
         IMAGE_FORMAT_RAW, 0},
        {"igvm", "{'device': 'igvm', 'filename': '/rom'}", "['intel-tdx']", "x86_64", "q35", FALSE,
         IMAGE_FORMAT_RAW, 0},
        {},
};

const TestPinKind *test_pin_kind(const char *name) {
    const TestPinKind *kind = test_pin_kinds;

    while (!g_str_equal(kind->name, name)) {
        kind++;
        g_assert_nonnull(kind->name);
    }
    return kind;
}

static void add_files(const char *root, const TestPinKind *kind) {
    g_autofree char *file = g_strdup_printf("vendor/%s.json", kind->name);
    g_autofree char *targets = g_strdup_printf(
            "[{'architecture': '%s', 'machines': ['pc-*', 'virt', 'virt-*']}]", kind->architecture);

    test_write_sparse(root, "64m.fd", 67108864);
    test_write_sparse(root, "rom", 65536);
    test_write_text(root, "store.json", "{}");
    test_describe(
            root, file, "mapping", kind->mapping, "features", kind->features, "targets", targets,
            "description", "'\\u00fc \\\\ / \u00fc'", "x-unknown", "[1, -2.5e+3, null, {}]", NULL);
}

static Resolution *resolve(
        const char *root, const TestPinKind *kind, const Request *request, char **ret_canonical) {
    g_autoptr(Catalog) catalog = NULL;
    g_autoptr(Request) bare = request_new(REQUEST_CALL_PIN, NULL, NULL, NULL);
    Machine machine;

    add_files(root, kind);
    catalog = test_catalog(root);
    machine = machine_table_resolve(catalog->machines, kind->architecture, kind->machine);
    if (ret_canonical)
        *ret_canonical = g_strdup(machine.canonical);
    return resolution_new(test_find(catalog, kind->name), &machine, request ? request : bare);
}

Resolution *test_resolution(const char *root, const TestPinKind *kind, const Request *request) {
    return resolve(root, kind, request, NULL);
}

Pin *test_pin(const char *root, const TestPinKind *kind, const Request *request) {
    g_autoptr(Request) bare = request_new(REQUEST_CALL_PIN, NULL, NULL, NULL);
    Pin values = {
            .created = TEST_CREATED,
            .machine = g_strdup(kind->machine),
            .request = request_copy_requirements(request ? request : bare),
            .executable_digest = g_strnfill(64, 'e'),
            .has_nvram = kind->has_nvram,
            .nvram_format = kind->nvram_format,
            .nvram_size = kind->nvram_size,
    };

    values.resolution = resolve(root, kind, request, &values.canonical);
    values.template_digest = values.resolution->descriptor->nvram_template.filename
            ? g_strnfill(64, '7')
            : g_strdup("");
    return pin_new(&values);
}

Pin *test_pin_read(const char *text) {
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
    g_autoptr(GError) error = NULL;
    Pin *pin = pin_from_json(bytes, NULL, &error);

    g_assert_no_error(error);
    g_assert_nonnull(pin);
    return pin;
}

void test_assert_no_pin(const char *text, gsize size, const char *message) {
    g_autoptr(GBytes) bytes = g_bytes_new(text, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(Pin) pin = pin_from_json(bytes, NULL, &error);

    g_assert_null(pin);
    g_assert_nonnull(error);
    if (message)
        g_assert_cmpstr(error->message, ==, message);
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
}

char *test_record(const char *kind) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) pin = test_pin(root, test_pin_kind(kind), NULL);

    return pin_to_json(pin);
}

static JsonNode *parse_value(const char *text) {
    g_autofree char *json = test_quote(text);

    return json_from_string(json, NULL);
}

char *test_record_change(const char *record, const char *path, const char *value) {
    g_autoptr(JsonNode) root = json_from_string(record, NULL);
    g_auto(GStrv) steps = g_strsplit(path, "/", -1);
    JsonObject *object = json_node_get_object(root);
    char **step = steps;

    for (; step[1]; step++) {
        if (g_ascii_isdigit(step[1][0])) {
            guint index = (guint)(step[1][0] - '0');

            object = json_array_get_object_element(
                    json_object_get_array_member(object, step[0]), index);
            step++;
        } else {
            object = json_object_get_object_member(object, step[0]);
        }
    }

    if (value)
        json_object_set_member(object, *step, parse_value(value));
    else
        json_object_remove_member(object, *step);
    return json_to_string(root, FALSE);
}

/* -- comparison -------------------------------------------------------------------------- */

static void append_requirement(const char *key, const RequestValue *value, gpointer userdata) {
    g_autofree char *strings = NULL;

    if (value->type == REQUEST_VALUE_STRINGS)
        strings = g_strjoinv(",", (GStrv)value->strings);
    else
        g_assert_true(
                value->type == REQUEST_VALUE_STRING || value->type == REQUEST_VALUE_BOOLEAN ||
                value->type == REQUEST_VALUE_SIZE);
    if (value->type == REQUEST_VALUE_SIZE)
        strings = g_strdup_printf("%" G_GUINT64_FORMAT, value->size);
    g_string_append_printf(
            userdata, "%s=%s\n", key,
            strings                                       ? strings
                    : value->type == REQUEST_VALUE_STRING ? value->string
                    : value->boolean                      ? "true"
                                                          : "false");
}

char *test_requirements(const Request *request) {
    g_autoptr(GString) text = g_string_new(NULL);

    request_visit_requirements(request, append_requirement, text);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void assert_same_flash(const GPtrArray *a, const GPtrArray *b) {
    g_assert_true((a == NULL) == (b == NULL));
    if (!a)
        return;

    g_assert_cmpuint(a->len, ==, b->len);
    for (guint i = 0; i < a->len; i++)
        for (const FlashKey *key = flash_keys; key->name; key++)
            g_assert_true(flash_unit_equal(a->pdata[i], b->pdata[i], key));
}

static void assert_same_resolution(const Resolution *a, const Resolution *b) {
    g_assert_cmpstr(a->name, ==, b->name);
    g_assert_cmpstr(a->path, ==, b->path);
    g_assert_true(g_bytes_equal(a->descriptor->document, b->descriptor->document));
    g_assert_cmpstr(a->architecture, ==, b->architecture);
    g_assert_cmpstr(a->machine, ==, b->machine);
    g_assert_true(a->has_pflash_properties == b->has_pflash_properties);
    g_assert_true(a->has_fixed_flash == b->has_fixed_flash);
    g_assert_cmpuint(a->executable_size, ==, b->executable_size);
    g_assert_cmpuint(a->nvram_template_size, ==, b->nvram_template_size);
    assert_same_flash(a->flash, b->flash);
    g_assert_cmpstr(a->nvram_filename, ==, b->nvram_filename);
}

void test_assert_same_pin(const Pin *a, const Pin *b) {
    g_autofree char *requirements_a = test_requirements(a->request);
    g_autofree char *requirements_b = test_requirements(b->request);

    g_assert_cmpuint(a->created, ==, b->created);
    g_assert_cmpstr(a->reference, ==, b->reference);
    g_assert_cmpstr(a->unknown, ==, b->unknown);
    g_assert_cmpstr(a->machine, ==, b->machine);
    g_assert_cmpstr(a->canonical, ==, b->canonical);
    g_assert_cmpstr(requirements_a, ==, requirements_b);
    assert_same_resolution(a->resolution, b->resolution);
    g_assert_cmpstr(a->executable_digest, ==, b->executable_digest);
    g_assert_cmpstr(a->template_digest, ==, b->template_digest);
    g_assert_true(a->has_own_template == b->has_own_template);
    g_assert_true(a->has_nvram == b->has_nvram);
    g_assert_cmpint(a->nvram_format, ==, b->nvram_format);
    g_assert_cmpuint(a->nvram_size, ==, b->nvram_size);
}
