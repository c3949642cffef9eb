/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/request.h"

#include <string.h>

#include "base/error.h"
#include "util.h"

#define ALL_CALLS (REQUEST_CALL_SELECT | REQUEST_CALL_EXPLAIN | REQUEST_CALL_CAPABILITIES)

static const char *const no_strings[] = {NULL};
static const char *const one_string[] = {"qemu", NULL};

static Request *new_request(RequestCall call) {
    g_autoptr(GError) error = NULL;
    Request *request = request_new(call, "x86_64", "q35", &error);

    g_assert_no_error(error);
    return request;
}

static RequestValue string_value(const char *string) {
    return (RequestValue){.type = REQUEST_VALUE_STRING, .string = string};
}

static RequestValue strings_value(const char *const *strings) {
    return (RequestValue){.type = REQUEST_VALUE_STRINGS, .strings = strings};
}

static void assert_set(Request *request, const char *key, RequestValue value) {
    g_autoptr(GError) error = NULL;

    g_assert_true(request_set(request, key, &value, &error));
    g_assert_no_error(error);
}

static void assert_refused_in(
        RequestCall call, const char *key, RequestValue value, const char *text) {
    g_autoptr(Request) request = new_request(call);
    g_autoptr(GError) error = NULL;

    g_assert_false(request_set(request, key, &value, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS);
    g_assert_cmpstr(error->message, ==, text);
}

static void assert_refused(const char *key, RequestValue value, const char *text) {
    assert_refused_in(REQUEST_CALL_SELECT, key, value, text);
}

/* -- the table of the contract ----------------------------------------------------------- */

typedef struct Key {
    const char *name;
    char type; /* s, a (of s), b */
    guint calls;
    const char *good; /* a string, or element, that the key takes */
    const char *bad;  /* one that it does not; NULL: it takes all */
} Key;

static const Key keys[] = {
        {"interface", 's', ALL_CALLS, "openfirmware", "efi"},
        {"features", 'a', ALL_CALLS, "not-known-yet", NULL},
        {"without-features", 'a', ALL_CALLS, "", NULL},
        {"devices", 'a', ALL_CALLS, "igvm", "rom"},
        {"modes", 'a', ALL_CALLS, "combined", "both"},
        {"formats", 'a', ALL_CALLS, "qcow2", "json"},
        {"firmware", 's', ALL_CALLS, "40-edk2", NULL},
        {"executable", 's', ALL_CALLS, "/a", "a"},
        {"nvram-size", 't', ALL_CALLS, NULL, NULL},
        {"nvram-format", 's', ALL_CALLS, "json", "vdi"},
        {"host-supported", 'b', ALL_CALLS, NULL, NULL},
        {"qemu-version", 's', ALL_CALLS, "10.0.2", "10"},
        {"render", 'a', ALL_CALLS, "qemu-legacy", "xml"},
        {"nvram-filename", 's', REQUEST_CALL_SELECT, "/a", ""},
};

static RequestValue value_of(const Key *key, const char *string, const char **ret_strings) {
    ret_strings[0] = string;
    ret_strings[1] = NULL;
    return key->type == 's'    ? string_value(string)
            : key->type == 'a' ? strings_value(ret_strings)
            : key->type == 't' ? (RequestValue){.type = REQUEST_VALUE_SIZE, .size = G_MAXINT64}
                               : (RequestValue){.type = REQUEST_VALUE_BOOLEAN, .boolean = TRUE};
}

static void each_key_is_taken_in_its_calls(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        for (RequestCall call = 1; call <= REQUEST_CALL_CAPABILITIES; call <<= 1) {
            const char *strings[2];
            RequestValue value = value_of(&keys[i], keys[i].good, strings);
            g_autofree char *text = g_strconcat(keys[i].name, ": unknown key", NULL);
            g_autoptr(Request) request = NULL;

            if (!(keys[i].calls & call)) {
                assert_refused_in(call, keys[i].name, value, text);
                continue;
            }
            request = new_request(call);
            assert_set(request, keys[i].name, value);
        }
}

static void each_key_has_one_type(void) {
    const RequestValue values[] = {
            string_value("/qemu"),           strings_value(one_string),
            {.type = REQUEST_VALUE_BOOLEAN}, {.type = REQUEST_VALUE_SIZE},
            {.type = REQUEST_VALUE_OTHER},
    };
    static const char types[] = {'s', 'a', 'b', 't', 'x'};

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        for (gsize j = 0; j < G_N_ELEMENTS(values); j++) {
            g_autofree char *text = g_strdup_printf(
                    "%s: not %s", keys[i].name,
                    keys[i].type == 's'           ? "a string (D-Bus type s)"
                            : keys[i].type == 'a' ? "a list of strings (D-Bus type as)"
                            : keys[i].type == 't' ? "a number of bytes (D-Bus type t)"
                                                  : "a boolean (D-Bus type b)");

            if (types[j] != keys[i].type)
                assert_refused(keys[i].name, values[j], text);
        }
}

static void words_outside_a_list_are_refused(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *strings[2];
        RequestValue value = value_of(&keys[i], keys[i].bad, strings);
        g_autoptr(Request) request = new_request(REQUEST_CALL_SELECT);
        g_autoptr(GError) error = NULL;
        g_autofree char *prefix = g_strconcat(keys[i].name, ": ", NULL);

        if (!keys[i].bad)
            continue;
        g_assert_false(request_set(request, keys[i].name, &value, &error));
        g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS);
        g_assert_true(g_str_has_prefix(error->message, prefix));
    }
    assert_refused(
            "interface", string_value("UEFI"),
            "interface: \"UEFI\" is none of uefi, bios, openfirmware, uboot");
    assert_refused("executable", string_value("a/b"), "executable: not an absolute file name");
}

static void one_wrong_word_spoils_a_list(void) {
    static const char *const devices[] = {"flash", "memory", "flsh", NULL};

    assert_refused(
            "devices", strings_value(devices),
            "devices: \"flsh\" is none of flash, memory, kernel, igvm");
}

static void unknown_keys_are_refused(void) {
    g_autofree char *longest = g_strnfill(REQUEST_MAX_STRING + 1, 'x');

    assert_refused("feature", strings_value(no_strings), "feature: unknown key");
    assert_refused("Features", strings_value(no_strings), "Features: unknown key");
    assert_refused("without_features", strings_value(no_strings), "without_features: unknown key");
    assert_refused("", string_value(""), ": unknown key");
    assert_refused("create", string_value("auto"), "create: unknown key");
    assert_refused(longest, string_value(""), "a key is longer than 255 bytes");
}

static void a_key_given_twice_is_refused(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *strings[2];
        RequestValue value = value_of(&keys[i], keys[i].good, strings);
        g_autoptr(Request) request = new_request(REQUEST_CALL_SELECT);
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strconcat(keys[i].name, ": given twice", NULL);

        assert_set(request, keys[i].name, value);
        g_assert_false(request_set(request, keys[i].name, &value, &error));
        g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS);
        g_assert_cmpstr(error->message, ==, text);
    }
}

/* -- limits ------------------------------------------------------------------------------ */

static GStrv repeat(const char *string, guint n) {
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (guint i = 0; i < n; i++)
        g_strv_builder_add(builder, string);
    return g_strv_builder_end(builder);
}

static void lists_are_limited_to_64_strings(void) {
    g_auto(GStrv) most = repeat("raw", 64);
    g_auto(GStrv) more = repeat("raw", 65);
    g_autoptr(Request) request = new_request(REQUEST_CALL_SELECT);

    assert_set(request, "formats", strings_value((const char *const *)most));
    assert_set(request, "features", strings_value((const char *const *)most));
    g_assert_cmpuint(g_strv_length(request->features), ==, 64);
    assert_refused(
            "formats", strings_value((const char *const *)more), "formats: more than 64 strings");
    assert_refused(
            "features", strings_value((const char *const *)more), "features: more than 64 strings");
}

static void strings_are_limited_to_255_bytes(void) {
    g_autofree char *longest = g_strnfill(255, 'a');
    g_autofree char *longer = g_strnfill(256, 'a');
    const char *const longest_list[] = {longest, NULL};
    const char *const longer_list[] = {"a", longer, NULL};
    g_autoptr(Request) request = new_request(REQUEST_CALL_SELECT);

    assert_set(request, "firmware", string_value(longest));
    assert_set(request, "features", strings_value(longest_list));
    assert_refused("firmware", string_value(longer), "firmware: longer than 255 bytes");
    assert_refused("interface", string_value(longer), "interface: longer than 255 bytes");
    assert_refused("features", strings_value(longer_list), "features: longer than 255 bytes");
    assert_refused("qemu-version", string_value(longer), "qemu-version: longer than 255 bytes");
}

static void file_names_are_limited_to_4095_bytes(void) {
    g_autofree char *longest = g_strnfill(4095, '/');
    g_autofree char *longer = g_strnfill(4096, '/');
    g_autoptr(Request) request = new_request(REQUEST_CALL_SELECT);

    assert_set(request, "executable", string_value(longest));
    assert_set(request, "nvram-filename", string_value(longest));
    assert_refused("executable", string_value(longer), "executable: longer than 4095 bytes");
    assert_refused(
            "nvram-filename", string_value(longer), "nvram-filename: longer than 4095 bytes");
}

static void assert_arguments_refused(
        const char *architecture, const char *machine, const char *text) {
    g_autoptr(GError) error = NULL;
    g_autoptr(Request) request = request_new(REQUEST_CALL_EXPLAIN, architecture, machine, &error);

    g_assert_null(request);
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS);
    g_assert_cmpstr(error->message, ==, text);
}

static void architecture_and_machine_are_needed(void) {
    g_autofree char *longer = g_strnfill(256, 'a');

    assert_arguments_refused("", "q35", "architecture: empty");
    assert_arguments_refused("x86_64", "", "machine: empty");
    assert_arguments_refused(longer, "q35", "architecture: longer than 255 bytes");
    assert_arguments_refused("x86_64", longer, "machine: longer than 255 bytes");
}

/* -- what is kept ------------------------------------------------------------------------ */

static void values_are_kept(void) {
    static const char *const features[] = {"b", "a", "b", NULL};
    static const char *const render[] = {"libvirt", "qemu-legacy", "qemu", NULL};
    g_autoptr(Request) request = new_request(REQUEST_CALL_SELECT);

    g_assert_null(request->features);
    g_assert_null(request->firmware);
    assert_set(request, "features", strings_value(features));
    assert_set(request, "without-features", strings_value(no_strings));
    assert_set(request, "firmware", string_value(""));
    assert_set(request, "render", strings_value(render));
    assert_set(
            request, "host-supported",
            (RequestValue){.type = REQUEST_VALUE_BOOLEAN, .boolean = TRUE});

    g_assert_cmpstr(request->architecture, ==, "x86_64");
    g_assert_cmpstr(request->machine, ==, "q35");
    test_assert_joined(request->features, "b, a, b");
    test_assert_joined(request->without_features, "");
    g_assert_cmpstr(request->firmware, ==, "");
    g_assert_cmpuint(
            request->render, ==,
            REQUEST_RENDER_QEMU | REQUEST_RENDER_QEMU_LEGACY | REQUEST_RENDER_LIBVIRT);
    g_assert_true(request->host_supported);
}

static void no_error_may_be_asked_for(void) {
    g_autoptr(Request) request = new_request(REQUEST_CALL_SELECT);
    RequestValue value = string_value("x");

    g_assert_false(request_set(request, "no-such-key", &value, NULL));
    g_assert_null(request_new(REQUEST_CALL_SELECT, "", "", NULL));
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(each_key_is_taken_in_its_calls),
            TEST_CASE(each_key_has_one_type),
            TEST_CASE(words_outside_a_list_are_refused),
            TEST_CASE(one_wrong_word_spoils_a_list),
            TEST_CASE(unknown_keys_are_refused),
            TEST_CASE(a_key_given_twice_is_refused),
            TEST_CASE(lists_are_limited_to_64_strings),
            TEST_CASE(strings_are_limited_to_255_bytes),
            TEST_CASE(file_names_are_limited_to_4095_bytes),
            TEST_CASE(architecture_and_machine_are_needed),
            TEST_CASE(values_are_kept),
            TEST_CASE(no_error_may_be_asked_for),
    };

    return test_main(argc, argv, "request", cases, G_N_ELEMENTS(cases));
}
