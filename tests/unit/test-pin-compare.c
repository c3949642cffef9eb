/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <json-glib/json-glib.h>

#include "util-pin.h"

/* Pins are alike where their records differ in "created" and "reference" at most. */

/* Another value of the same type. */
static char *other_value(const Pin *pin, const char *path, JsonNode *node) {
    if (json_node_get_value_type(node) == G_TYPE_BOOLEAN)
        return g_strdup(json_node_get_boolean(node) ? "false" : "true");
    if (json_node_get_value_type(node) == G_TYPE_INT64)
        return g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node) + 1);
    if (g_str_equal(path, "nvram-format"))
        return g_strdup(g_str_equal(json_node_get_string(node), "raw") ? "'qcow2'" : "'raw'");
    if (g_str_has_suffix(path, "/filename") && !*json_node_get_string(node))
        return g_strdup_printf("'%s'", pin->resolution->descriptor->executable.filename);
    if (g_str_has_suffix(path, "/filename"))
        return g_strdup("''");
    return g_strdup("'/other'");
}

/* NULL takes the member away. */
static void assert_differs(const Pin *pin, const char *path, const char *value) {
    g_autofree char *record = pin_to_json(pin);
    g_autofree char *changed = test_record_change(record, path, value);
    g_autoptr(Pin) other = test_pin_read(changed);
    gboolean is_own = g_str_equal(path, "created") || g_str_equal(path, "reference");

    g_assert_false(pin_equal(pin, other));
    g_assert_false(pin_equal(other, pin));
    g_assert_cmpint(pin_is_alike(pin, other), ==, is_own);
    g_assert_cmpint(pin_is_alike(other, pin), ==, is_own);
    g_assert_true(!is_own || pin_hash(pin) == pin_hash(other));
}

static void assert_each_member_differs(const Pin *pin, const char *prefix, JsonObject *object) {
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    json_object_iter_init(&iter, object);
    while (json_object_iter_next(&iter, &name, &node)) {
        g_autofree char *path = g_strconcat(prefix, name, NULL);
        g_autofree char *value = JSON_NODE_HOLDS_VALUE(node) ? other_value(pin, path, node) : NULL;

        /* no other version is read; a descriptor is another one below */
        if (value && !g_str_equal(path, "version") && !g_str_equal(path, "firmware/document"))
            assert_differs(pin, path, value);
    }
}

static void each_member_makes_a_difference(void) {
    for (const TestPinKind *kind = test_pin_kinds; kind->name; kind++) {
        g_autofree char *record = test_record(kind->name);
        g_autofree char *named = test_record_change(record, "reference", "'/a'");
        g_autoptr(Pin) pin = test_pin_read(named);
        g_autoptr(Pin) same = test_pin_read(named);
        g_autoptr(JsonNode) root = json_from_string(named, NULL);
        JsonObject *object = json_node_get_object(root);
        JsonArray *units = json_object_has_member(object, "flash")
                ? json_object_get_array_member(object, "flash")
                : NULL;

        g_assert_true(pin_equal(pin, same));
        assert_each_member_differs(pin, "", object);
        assert_each_member_differs(
                pin, "firmware/", json_object_get_object_member(object, "firmware"));
        for (guint i = 0; units && i < json_array_get_length(units); i++) {
            g_autofree char *prefix = g_strdup_printf("flash/%u/", i);

            assert_each_member_differs(pin, prefix, json_array_get_object_element(units, i));
        }
        assert_differs(pin, "reference", NULL);
        assert_differs(pin, "x", "1");
        assert_differs(pin, "enrolled", "[]");
        assert_differs(pin, "enrolled", "['a']");
        assert_differs(pin, "requirements/host-supported", "false");
        assert_differs(pin, "requirements/features", "[]");
    }
}

static void each_requirement_makes_a_difference(void) {
    static const struct {
        const char *key;
        const char *value;
        const char *other;
    } cases[] = {
            {"features", "['a']", "['b']"},   {"features", "['a']", "['a', 'a']"},
            {"devices", "[]", "['flash']"},   {"firmware", "'a'", "'b'"},
            {"executable", "'/a'", "'/b'"},   {"nvram-size", "1", "2"},
            {"host-supported", "true", NULL}, {"host-supported", "true", "false"},
    };
    g_autofree char *record = test_record("split");

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("requirements/", cases[i].key, NULL);
        g_autofree char *changed = test_record_change(record, path, cases[i].value);
        g_autoptr(Pin) pin = test_pin_read(changed);

        assert_differs(pin, path, cases[i].other);
    }
}

static void another_document_makes_a_difference(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) pin = test_pin(root, test_pin_kind("split"), NULL);
    g_autoptr(Pin) other = test_pin(root, test_pin_kind("split"), NULL);
    gsize size;
    const char *document = g_bytes_get_data(pin->resolution->descriptor->document, &size);
    g_autofree char *longer = g_strdup_printf("%.*s ", (int)size, document);

    g_assert_true(pin_equal(pin, other));
    descriptor_unref(other->resolution->descriptor);
    other->resolution->descriptor = test_parse(longer);
    g_assert_false(pin_is_alike(pin, other));
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(each_member_makes_a_difference),
            TEST_CASE(each_requirement_makes_a_difference),
            TEST_CASE(another_document_makes_a_difference),
    };

    return test_main(argc, argv, "pin-compare", cases, G_N_ELEMENTS(cases));
}
