/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/pin.h"

#include <string.h>

#include "base/error.h"
#include "core/selection.h"
#include "util-pin.h"

static void set_strings(Request *request, const char *key, const char *words) {
    g_auto(GStrv) strings = g_strsplit(words, " ", -1);
    RequestValue value = {.type = REQUEST_VALUE_STRINGS, .strings = (const char *const *)strings};
    g_autoptr(GError) error = NULL;

    g_assert_true(request_set(request, key, &value, &error));
    g_assert_no_error(error);
}

static void set_string(Request *request, const char *key, const char *string) {
    RequestValue value = {.type = REQUEST_VALUE_STRING, .string = string};
    g_autoptr(GError) error = NULL;

    g_assert_true(request_set(request, key, &value, &error));
    g_assert_no_error(error);
}

/* -- round trips ------------------------------------------------------------------------- */

static void assert_round_trip(const Pin *pin) {
    g_autofree char *json = pin_to_json(pin);
    g_autoptr(Pin) copy = test_pin_read(json);
    g_autofree char *again = pin_to_json(copy);

    test_assert_same_pin(copy, pin);
    g_assert_cmpstr(again, ==, json);
    g_assert_cmpuint(strlen(json), <=, PIN_MAX_SIZE);
}

static void each_kind_of_firmware_comes_back(void) {
    for (const TestPinKind *kind = test_pin_kinds; kind->name; kind++) {
        g_autoptr(TestDir) root = test_layers_new();
        g_autoptr(Pin) pin = test_pin(root, kind, NULL);

        g_assert_true(kind->has_nvram == descriptor_keeps_variables(pin->resolution->descriptor));
        assert_round_trip(pin);
    }
}

static void all_requirements_come_back(void) {
    static const RequestValue yes = {.type = REQUEST_VALUE_BOOLEAN, .boolean = TRUE};
    static const RequestValue size = {.type = REQUEST_VALUE_SIZE, .size = G_MAXINT64};
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Request) request = request_new(REQUEST_CALL_PREPARE, "x86_64", "q35", NULL);
    g_autofree char *requirements = NULL;
    g_autoptr(Pin) pin = NULL;

    set_string(request, "interface", "uefi");
    set_strings(request, "features", "secure-boot b\"\\\n\x01\x7f\u00fc");
    set_strings(request, "without-features", "");
    set_strings(request, "devices", "flash memory");
    set_strings(request, "modes", "split");
    set_strings(request, "formats", "raw qcow2");
    set_string(request, "firmware", "split");
    set_string(request, "executable", "/a");
    g_assert_true(request_set(request, "nvram-size", &size, NULL));
    set_string(request, "nvram-format", "raw");
    g_assert_true(request_set(request, "host-supported", &yes, NULL));
    set_strings(request, "render", "qemu");
    set_string(request, "create", "new");
    pin = test_pin(root, test_pin_kind("split"), request);
    assert_round_trip(pin);
    requirements = test_requirements(pin->request);
    g_assert_cmpstr(
            requirements, ==,
            "interface=uefi\nfeatures=secure-boot,b\"\\\n\x01\x7f\u00fc\nwithout-features=\n"
            "devices=flash,memory\nmodes=split\nformats=raw,qcow2\nfirmware=split\n"
            "executable=/a\nnvram-size=9223372036854775807\nnvram-format=raw\n"
            "host-supported=true\n");
}

/* A list without strings is satisfied by another firmware than no list. */
static void an_empty_list_is_not_no_list(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Request) request = request_new(REQUEST_CALL_PREPARE, "x86_64", "q35", NULL);
    static const char *const none[] = {NULL};
    const RequestValue empty = {.type = REQUEST_VALUE_STRINGS, .strings = none};
    const RequestValue no = {.type = REQUEST_VALUE_BOOLEAN};
    g_autofree char *json = NULL;
    g_autoptr(Pin) pin = NULL;
    g_autoptr(Pin) copy = NULL;

    g_assert_true(request_set(request, "devices", &empty, NULL));
    g_assert_true(request_set(request, "host-supported", &no, NULL));
    pin = test_pin(root, test_pin_kind("split"), request);
    assert_round_trip(pin);
    json = pin_to_json(pin);
    copy = test_pin_read(json);
    g_assert_nonnull(copy->request->devices);
    g_assert_null(copy->request->modes);
    g_assert_null(copy->request->devices[0]);
}

static void own_templates_and_extremes_come_back(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) pin = test_pin(root, test_pin_kind("split"), NULL);

    pin->has_own_template = TRUE;
    pin->created = G_MAXINT64;
    pin->nvram_size = G_MAXINT64;
    g_free(pin->machine);
    pin->machine = g_strdup("q35\"\\\x01\x7f\u00fc");
    assert_round_trip(pin);
}

/* -- what a question can make large ------------------------------------------------------ */

static void set_longest(Request *request, const char *key) {
    g_autofree char *longest = g_strnfill(REQUEST_MAX_STRING, '\x01');
    g_autoptr(GString) words = g_string_new(longest);

    for (guint i = 1; i < REQUEST_MAX_STRINGS; i++)
        g_string_append_printf(words, " %s", longest);
    set_strings(request, key, words->str);
}

/* A record that is larger than what is read back would lose the VM at the next start. */
static void the_largest_record_can_be_read_back(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Request) request = request_new(REQUEST_CALL_PREPARE, "x86_64", "q35", NULL);
    g_autofree char *path = g_strnfill(REQUEST_MAX_PATH, '\x01');
    g_autofree char *name = g_strnfill(REQUEST_MAX_STRING, '\x01');
    g_autoptr(GBytes) document = NULL;
    g_autofree char *large = NULL;
    g_autoptr(Pin) pin = NULL;
    gsize size;
    char *end;

    path[0] = '/';
    set_longest(request, "features");
    set_longest(request, "without-features");
    set_string(request, "executable", path);
    set_string(request, "firmware", name);
    pin = test_pin(root, test_pin_kind("split"), request);
    assert_round_trip(pin);

    /* and a descriptor of 64 KiB, of characters that JSON may hold as they are */
    g_bytes_get_data(pin->resolution->descriptor->document, &size);
    large = g_strnfill(64 * 1024, '\x7f');
    memcpy(large, g_bytes_get_data(pin->resolution->descriptor->document, NULL), size - 1);
    end = large + size - 1;
    memcpy(end, ",\"x\":\"", 6);
    memcpy(large + 64 * 1024 - 2, "\"}", 2);
    document = g_bytes_new(large, 64 * 1024);
    descriptor_unref(pin->resolution->descriptor);
    pin->resolution->descriptor = test_parse(large);
    assert_round_trip(pin);
}

/* Sizes are 64 bits without a sign, and JSON's numbers are not: a descriptor of which no record can
 * be made must not be usable. */
static void a_firmware_that_is_accepted_can_be_pinned(void) {
    static const char mapping[] =
            "{'device': 'flash', 'mode': 'combined', 'executable': {'filename': '/code.fd',"
            " 'format': 'raw', 'flash': {'num-blocks': 3, 'sector-length': 4611686018427387904,"
            " 'width': 4, 'phys-addr': 0, 'name': 'a'}}}";
    static const char *const none[] = {NULL};
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Request) request = request_new(REQUEST_CALL_PREPARE, "x", "y", NULL);
    g_autoptr(Catalog) catalog = NULL;
    SelectionInput input = {.request = request, .host_features = none};
    Pin values = {
            .machine = g_strdup("y"),
            .canonical = g_strdup("y"),
            .executable_digest = g_strdup(""),
            .template_digest = g_strdup(""),
            .has_nvram = TRUE,
    };
    g_autoptr(Pin) pin = NULL;

    test_describe(
            root, "vendor/a.json", "mapping", mapping, "targets",
            "[{'architecture': 'x', 'machines': ['*']}]", NULL);
    catalog = test_catalog(root);
    input.catalog = catalog;
    input.machine = machine_table_resolve(catalog->machines, "x", "y");
    values.request = request_copy_requirements(request);
    if (selection_accepts(&input, test_find(catalog, "a")))
        values.resolution = resolution_new(test_find(catalog, "a"), &input.machine, request);
    pin = pin_new(&values);
    if (pin->resolution)
        assert_round_trip(pin);
}

/* -- values ------------------------------------------------------------------------------ */

static void a_pin_lives_as_long_as_anybody_has_it(void) {
    g_autoptr(TestDir) root = test_layers_new();
    Pin *pin = test_pin(root, test_pin_kind("combined"), NULL);
    g_autoptr(Pin) second = pin_ref(pin);

    g_assert_true(second == pin);
    pin_unref(pin);
    g_assert_cmpstr(second->machine, ==, "q35");
    pin_unref(NULL);
}

static void another_machine_changes_nothing_else(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) pin = test_pin(root, test_pin_kind("split"), NULL);
    const Machine machine = {.architecture = "x", .name = "pc-q35-8.0", .canonical = "canonical"};
    g_autoptr(Pin) other = pin_with(pin, &machine, "asked", NULL);

    g_assert_cmpstr(other->machine, ==, "asked");
    g_assert_cmpstr(other->canonical, ==, "canonical");
    g_assert_cmpstr(other->resolution->machine, ==, "pc-q35-8.0");
    g_assert_cmpstr(pin->machine, ==, "q35");

    g_free(other->machine);
    other->machine = g_strdup(pin->machine);
    g_free(other->canonical);
    other->canonical = g_strdup(pin->canonical);
    g_free(other->resolution->machine);
    other->resolution->machine = g_strdup(pin->resolution->machine);
    test_assert_same_pin(other, pin);
}

static void a_reference_comes_and_goes(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) pin = test_pin(root, test_pin_kind("split"), NULL);
    g_autoptr(Pin) named = pin_with(pin, NULL, NULL, "qemu:///system?x");
    g_autoptr(Pin) same = pin_with(named, NULL, NULL, NULL);
    g_autoptr(Pin) other = pin_with(named, NULL, NULL, "");
    g_autoptr(Pin) twin = pin_for_clone(named, pin->created);
    g_autofree char *json = pin_to_json(named);
    g_autoptr(Pin) again = test_pin_read(json);

    g_assert_cmpstr(again->reference, ==, "qemu:///system?x");
    g_assert_true(pin_equal(same, named));
    g_assert_false(pin_equal(pin, named));
    test_assert_same_pin(other, pin);
    test_assert_same_pin(twin, pin);
}

static void another_time_changes_nothing_else(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) pin = test_pin(root, test_pin_kind("uefi-vars"), NULL);
    g_autoptr(Pin) other = pin_for_clone(pin, 5);

    g_assert_cmpuint(other->created, ==, 5);
    g_assert_cmpuint(pin->created, !=, 5);
    other->created = pin->created;
    test_assert_same_pin(other, pin);
}

static void an_answer_is_a_value_of_its_own(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) pin = test_pin(root, test_pin_kind("split"), NULL);
    g_autoptr(Resolution) answer = resolution_copy(pin->resolution);
    g_autoptr(Resolution) second = NULL;

    resolution_set_nvram(answer, "/vm/nvram.qcow2", "qcow2");
    second = resolution_copy(pin->resolution);
    g_assert_null(second->nvram_filename);
    g_assert_cmpstr(resolution_get_writable_unit(second)->filename, ==, "");
    g_assert_cmpstr(resolution_get_writable_unit(second)->format, ==, "raw");
    g_clear_pointer(&pin, pin_unref);
    g_assert_cmpstr(answer->name, ==, "split");
    g_assert_true(resolution_needs_smm(answer));
    g_assert_true(resolution_needs_secure_flash(answer));
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(each_kind_of_firmware_comes_back),
            TEST_CASE(all_requirements_come_back),
            TEST_CASE(an_empty_list_is_not_no_list),
            TEST_CASE(own_templates_and_extremes_come_back),
            TEST_CASE(the_largest_record_can_be_read_back),
            TEST_CASE(a_firmware_that_is_accepted_can_be_pinned),
            TEST_CASE(a_pin_lives_as_long_as_anybody_has_it),
            TEST_CASE(another_machine_changes_nothing_else),
            TEST_CASE(a_reference_comes_and_goes),
            TEST_CASE(another_time_changes_nothing_else),
            TEST_CASE(an_answer_is_a_value_of_its_own),
    };

    return test_main(argc, argv, "pin", cases, G_N_ELEMENTS(cases));
}
