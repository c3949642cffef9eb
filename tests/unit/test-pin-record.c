/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/pin.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "util-pin.h"

/* What is wrong with a record is found, whatever it is, and named. */

/* JSON of each type, and at the ends of the ranges; a record takes none of the last five. */
static const char *const values[] = {
        "'x'", "1", "true", "{}", "[]", "null", "-1", "1.5", "1e3", "[1]",
};
#define N_TYPES 5 /* the values that have a type that some member has */

static JsonNode *parse_node(const char *text) {
    g_autofree char *json = test_quote(text);
    g_autoptr(GError) error = NULL;
    JsonNode *node = json_from_string(json, &error);

    g_assert_no_error(error);
    return node;
}

static char *print(JsonNode *node) {
    return json_to_string(node, FALSE);
}

static void assert_refused(
        const char *record, const char *path, const char *value, const char *message) {
    g_autofree char *changed = test_record_change(record, path, value);

    test_assert_no_pin(changed, strlen(changed), message);
}

static char *missing_or_wrong(const char *member) {
    return g_strdup_printf("member \"%s\" is missing or wrong", member);
}

/* -- members ----------------------------------------------------------------------------- */

static gboolean is_same_type(JsonNode *a, JsonNode *b) {
    if (JSON_NODE_TYPE(a) != JSON_NODE_TYPE(b))
        return FALSE;
    return !JSON_NODE_HOLDS_VALUE(a) || json_node_get_value_type(a) == json_node_get_value_type(b);
}

/* Each member of the object at PREFIX; NAMED: what the error names, or NULL for the member. */
static void check_members(
        const char *record, const char *prefix, JsonObject *o, const char *named) {
    g_autoptr(GList) members = json_object_get_members(o);

    g_assert_nonnull(members);
    for (GList *member = members; member; member = member->next) {
        g_autofree char *path = g_strconcat(prefix, member->data, NULL);
        g_autofree char *message = missing_or_wrong(named ? named : member->data);

        /* records of version 0.1 lack it */
        if (!g_str_equal(member->data, "s3-device"))
            assert_refused(record, path, NULL, message);
        for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
            g_autoptr(JsonNode) value = parse_node(values[i]);

            if (i >= N_TYPES || !is_same_type(value, json_object_get_member(o, member->data)))
                assert_refused(record, path, values[i], message);
        }
    }
}

static void each_member_must_be_there_and_of_its_type(void) {
    for (const TestPinKind *kind = test_pin_kinds; kind->name; kind++) {
        g_autofree char *record = test_record(kind->name);
        g_autoptr(JsonNode) root = json_from_string(record, NULL);
        JsonObject *object = json_node_get_object(root);

        g_assert_true(json_object_has_member(object, "nvram-format") == kind->has_nvram);
        check_members(record, "", object, NULL);
        check_members(record, "firmware/", json_object_get_object_member(object, "firmware"), NULL);
    }
}

static void each_value_of_a_flash_unit_must_be_there(void) {
    g_autofree char *record = test_record("split");
    g_autoptr(JsonNode) root = json_from_string(record, NULL);
    JsonArray *units = json_object_get_array_member(json_node_get_object(root), "flash");

    g_assert_cmpuint(json_array_get_length(units), ==, 2);
    check_members(record, "flash/0/", json_array_get_object_element(units, 0), "flash");
    check_members(record, "flash/1/", json_array_get_object_element(units, 1), "flash");
}

static void flash_numbers_have_a_range(void) {
    static const char *const beyond[][2] = {
            {"unit", "4294967296"},  {"num-blocks", "4294967296"}, {"width", "256"},
            {"device-width", "256"}, {"max-device-width", "256"},  {"id0", "65536"},
            {"id3", "65536"},
    };
    g_autofree char *record = test_record("combined");
    g_autofree char *message = missing_or_wrong("flash");

    for (gsize i = 0; i < G_N_ELEMENTS(beyond); i++) {
        g_autofree char *path = g_strconcat("flash/0/", beyond[i][0], NULL);

        assert_refused(record, path, beyond[i][1], message);
    }
}

static void files_are_those_of_the_descriptor(void) {
    g_autofree char *record = test_record("split");
    g_autofree char *flash = missing_or_wrong("flash");
    g_autofree char *path = missing_or_wrong("path");

    assert_refused(record, "flash/0/filename", "'/etc/shadow'", flash);
    assert_refused(record, "flash/1/filename", "'/etc/shadow'", flash);
    assert_refused(record, "firmware/path", "'shadow'", path);
    assert_refused(record, "firmware/path", "''", path);
}

static void flash_is_a_list_of_units(void) {
    g_autofree char *record = test_record("stateless");
    g_autofree char *message = missing_or_wrong("flash");

    assert_refused(record, "flash", "[]", message);
    assert_refused(record, "flash", "[{}]", message);
    assert_refused(record, "flash", "[[]]", message);
    assert_refused(record, "flash", "[null]", message);
}

static void what_a_firmware_does_not_have_is_refused(void) {
    static const char *const stateless[] = {"stateless", "memory", "kernel", "igvm"};
    static const char *const not_flash[] = {"uefi-vars", "memory", "kernel", "igvm"};
    g_autofree char *no_nvram = missing_or_wrong("nvram-format");
    g_autofree char *no_flash = missing_or_wrong("flash");

    for (gsize i = 0; i < G_N_ELEMENTS(stateless); i++) {
        g_autofree char *record = test_record(stateless[i]);

        assert_refused(record, "nvram-format", "'raw'", no_nvram);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(not_flash); i++) {
        g_autofree char *record = test_record(not_flash[i]);

        assert_refused(record, "flash", "[{}]", no_flash);
    }
}

static void nvram_formats_are_words(void) {
    g_autofree char *record = test_record("split");
    g_autofree char *message = missing_or_wrong("nvram-format");

    assert_refused(record, "nvram-format", "'vmdk'", message);
    assert_refused(record, "nvram-format", "''", message);
}

static void the_document_is_a_descriptor(void) {
    static const char *const documents[] = {"''", "'x'", "'{}'", "'[]'", "'{\\\"a\\\": \\\"\\\"}'"};
    g_autofree char *record = test_record("kernel");
    g_autofree char *message = missing_or_wrong("document");

    for (gsize i = 0; i < G_N_ELEMENTS(documents); i++)
        assert_refused(record, "firmware/document", documents[i], message);
}

/* -- requirements ------------------------------------------------------------------------ */

static void requirements_are_held_against_the_table(void) {
    static const char *const wrong[][2] = {
            {"x", "true"},
            {"owner", "1"},
            {"render", "['qemu']"},
            {"interface", "1"},
            {"interface", "null"},
            {"interface", "'efi'"},
            {"features", "['a', 1]"},
            {"features", "{}"},
            {"features", "'a'"},
            {"devices", "['rom']"},
            {"host-supported", "'true'"},
            {"host-supported", "1"},
            {"executable", "'a'"},
    };
    g_autofree char *record = test_record("split");

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *path = g_strconcat("requirements/", wrong[i][0], NULL);
        g_autofree char *message = missing_or_wrong(wrong[i][0]);

        assert_refused(record, path, wrong[i][1], message);
    }
}

/* Escaped, it is JSON, and no bus carries it. */
static void strings_are_what_a_bus_carries(void) {
    static const char *const paths[][2] = {
            {"architecture", "architecture"},
            {"machine", "machine"},
            {"canonical-machine", "canonical-machine"},
            {"qemu-machine", "qemu-machine"},
            {"executable-digest", "executable-digest"},
            {"firmware/name", "name"},
            {"firmware/path", "path"},
            {"flash/0/name", "flash"},
            {"requirements/firmware", "firmware"},
    };
    g_autofree char *record = test_record("split");

    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *message = missing_or_wrong(paths[i][1]);
        g_autofree char *changed = test_record_change(record, paths[i][0], "'PLACE'");
        g_autoptr(GString) text = g_string_new(changed);

        g_assert_cmpuint(g_string_replace(text, "PLACE", "\\uffff", 0), ==, 1);
        test_assert_no_pin(text->str, text->len, message);
    }
}

/* -- versions ---------------------------------------------------------------------------- */

static void records_of_another_version_are_told(void) {
    g_autofree char *record = test_record("split");

    assert_refused(
            record, "version", "2", "version 2 of the record is none that this service knows");
    assert_refused(
            record, "version", "9223372036854775807",
            "version 9223372036854775807 of the record is none that this service knows");
    /* of which nothing else need be understood */
    test_assert_no_pin(
            "{\"version\": 2}", 14, "version 2 of the record is none that this service knows");
    assert_refused(
            record, "version", "0", "version 0 of the record is none that this service knows");
}

static void unknown_members_are_preserved(void) {
    const Machine machine = {.architecture = "x", .name = "n", .canonical = "c"};
    g_autofree char *record = test_record("split");
    g_autofree char *changed = test_record_change(record, "x", "{'a': [1, null, 1.5, 'ü']}");
    g_autoptr(Pin) pin = test_pin_read(changed);
    g_autoptr(Pin) other = pin_with(pin, &machine, "m", "r");
    g_autofree char *text = pin_to_json(other);
    g_autoptr(JsonNode) root = json_from_string(text, NULL);
    g_autofree char *found = print(json_object_get_member(json_node_get_object(root), "x"));
    g_autoptr(Pin) plain = test_pin_read(record);

    g_assert_cmpstr(found, ==, "{\"a\":[1,null,1.5,\"ü\"]}");
    g_assert_false(pin_equal(pin, plain));
    g_assert_null(plain->unknown);
}

static void each_member_that_is_written_is_known(void) {
    for (const TestPinKind *kind = test_pin_kinds; kind->name; kind++) {
        g_autofree char *record = test_record(kind->name);
        g_autofree char *changed = test_record_change(record, "reference", "'/a'");
        g_autoptr(Pin) pin = test_pin_read(changed);

        g_assert_null(pin->unknown);
        g_assert_cmpstr(pin->reference, ==, "/a");
    }
}

static void a_reference_is_text_if_it_is_there(void) {
    g_autofree char *record = test_record("split");
    g_autofree char *message = missing_or_wrong("reference");

    for (gsize i = 1; i < G_N_ELEMENTS(values); i++)
        assert_refused(record, "reference", values[i], message);
}

/* -- bytes ------------------------------------------------------------------------------- */

static void what_is_no_json_object_is_refused(void) {
    static const char *const texts[] = {
            "",
            " ",
            "x",
            "[]",
            "null",
            "1",
            "\"x\"",
            "{",
            "}",
            "{}",
            "{}{}",
            "{} x",
            "{'a': 1}",
            "{\"version\": 1,}",
            "{\"version\": 1, \"version\": 1}",
            "{\"version\": 01}",
            "/* */ {\"version\": 2}",
            "\xef\xbb\xbf{\"version\": 2}",
            "{\"version\": \"\xff\"}",
            "{\"version\": \"\\ud800\"}",
            "{\"version\": \"\\u0000\"}",
            "{\"version\": NaN}",
            "{\"version\": 1e999}",
            "{\"version\": 9223372036854775808}",
            "[{\"version\": 2}]",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        test_assert_no_pin(texts[i], strlen(texts[i]), NULL);
    test_assert_no_pin("{\"a\0\": 1}", 9, NULL);
    test_assert_no_pin("{}\0", 3, NULL);
}

static void nesting_is_limited(void) {
    g_autofree char *arrays = g_strnfill(200000, '[');
    g_autoptr(GString) objects = g_string_new(NULL);

    for (guint i = 0; i < 20000; i++)
        g_string_append(objects, "{\"a\":");
    test_assert_no_pin(arrays, 200000, NULL);
    test_assert_no_pin(objects->str, objects->len, NULL);
}

static void a_record_that_is_cut_short_is_refused(void) {
    g_autofree char *record = test_record("split");

    for (gsize size = 0; size < strlen(record); size++)
        test_assert_no_pin(record, size, NULL);
}

/* Refused with words that can go out, or taken and as good as any. */
static void each_byte_may_be_wrong(void) {
    static const char bytes[] = {'\0', '"', '0', '-', '\\', ' ', (char)0xff};
    g_autofree char *record = test_record("split");
    gsize size = strlen(record);

    for (gsize i = 0; i < size; i++) {
        g_autofree char *changed = g_memdup2(record, size);
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) json = NULL;
        g_autoptr(Pin) pin = NULL;

        changed[i] = bytes[i % sizeof bytes];
        json = g_bytes_new(changed, size);
        pin = pin_from_json(json, NULL, &error);
        g_assert_true((pin == NULL) == (error != NULL));
        if (pin) {
            g_autofree char *again = pin_to_json(pin);
            g_autoptr(Pin) copy = test_pin_read(again);

            test_assert_same_pin(copy, pin);
        } else {
            g_assert_true(text_is_valid(error->message));
        }
    }
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(each_member_must_be_there_and_of_its_type),
            TEST_CASE(each_value_of_a_flash_unit_must_be_there),
            TEST_CASE(flash_numbers_have_a_range),
            TEST_CASE(files_are_those_of_the_descriptor),
            TEST_CASE(flash_is_a_list_of_units),
            TEST_CASE(what_a_firmware_does_not_have_is_refused),
            TEST_CASE(nvram_formats_are_words),
            TEST_CASE(the_document_is_a_descriptor),
            TEST_CASE(requirements_are_held_against_the_table),
            TEST_CASE(strings_are_what_a_bus_carries),
            TEST_CASE(records_of_another_version_are_told),
            TEST_CASE(unknown_members_are_preserved),
            TEST_CASE(each_member_that_is_written_is_known),
            TEST_CASE(a_reference_is_text_if_it_is_there),
            TEST_CASE(what_is_no_json_object_is_refused),
            TEST_CASE(nesting_is_limited),
            TEST_CASE(a_record_that_is_cut_short_is_refused),
            TEST_CASE(each_byte_may_be_wrong),
    };

    return test_main(argc, argv, "pin-record", cases, G_N_ELEMENTS(cases));
}
