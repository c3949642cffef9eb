/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/request.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "util-pin.h"

/* The keys of the calls on VMs: "options of" in the contract. */

#define REQUIREMENTS                                                                                \
    "interface features without-features devices modes formats firmware executable host-supported " \
    "nvram-size nvram-format "

typedef struct Call {
    RequestCall call;
    const char *keys;
} Call;

static const Call calls[] = {
        {REQUEST_CALL_SELECT, REQUIREMENTS "render nvram-filename"},
        {REQUEST_CALL_EXPLAIN, REQUIREMENTS "render"},
        {REQUEST_CALL_CAPABILITIES, REQUIREMENTS "render"},
        {REQUEST_CALL_PREPARE, REQUIREMENTS "render create owner nvram-template lease reference"},
        {REQUEST_CALL_IMPORT_VM, REQUIREMENTS "render owner format reference"},
        {REQUEST_CALL_GET_VM, "owner"},
        {REQUEST_CALL_LIST_VMS, "owner all"},
        {REQUEST_CALL_REBIND, REQUIREMENTS "render machine reset convert"},
        {REQUEST_CALL_RESET, "nvram-template"},
        {REQUEST_CALL_CLONE, "owner live boot"},
        {REQUEST_CALL_EXPORT, "live backup index"},
        {REQUEST_CALL_IMPORT, "format"},
        {REQUEST_CALL_BARE, ""},
        {REQUEST_CALL_ACQUIRE, "live"},
        {REQUEST_CALL_PIN, REQUIREMENTS},
        {REQUEST_CALL_GET_RESOLUTION, "render check"},
        {REQUEST_CALL_SET_REFERENCE, "reference"},
};

typedef struct Key {
    const char *name;
    char type; /* D-Bus: s, a (of s), b, u, h */
    const char *good;
    const char *bad; /* NULL: it takes all */
} Key;

static const Key keys[] = {
        {"interface", 's', "uefi", "efi"},
        {"features", 'a', "x", NULL},
        {"without-features", 'a', "x", NULL},
        {"devices", 'a', "memory", "rom"},
        {"modes", 'a', "split", "both"},
        {"formats", 'a', "raw", "json"},
        {"firmware", 's', "x", NULL},
        {"executable", 's', "/x", "x"},
        {"host-supported", 'b', NULL, NULL},
        {"render", 'a', "libvirt", "xml"},
        {"nvram-filename", 's', "/x", "x"},
        {"create", 's', "never", "Auto"},
        {"owner", 'u', NULL, NULL},
        {"nvram-size", 't', NULL, NULL},
        {"nvram-format", 's', "json", "vdi"},
        {"reference", 's', "", NULL},
        {"format", 's', "json", "vmdk"},
        {"nvram-template", 'h', NULL, NULL},
        {"boot", 's', "clear-bound", "all"},
        {"lease", 'b', NULL, NULL},
        {"all", 'b', NULL, NULL},
        {"machine", 's', "q35", NULL},
        {"reset", 'b', NULL, NULL},
        {"convert", 'b', NULL, NULL},
        {"live", 'b', NULL, NULL},
        {"backup", 'b', NULL, NULL},
        {"check", 'b', NULL, NULL},
};

static const char types[] = {'s', 'a', 'b', 'u', 't', 'h', 'x'};

static RequestValue value_of(char type, const char *string, const char **ret_strings) {
    ret_strings[0] = string;
    ret_strings[1] = NULL;
    switch (type) {
    case 's':
        return (RequestValue){.type = REQUEST_VALUE_STRING, .string = string};
    case 'a':
        return (RequestValue){.type = REQUEST_VALUE_STRINGS, .strings = ret_strings};
    case 'b':
        return (RequestValue){.type = REQUEST_VALUE_BOOLEAN, .boolean = TRUE};
    case 'u':
        return (RequestValue){.type = REQUEST_VALUE_NUMBER, .number = 1000};
    case 't':
        return (RequestValue){.type = REQUEST_VALUE_SIZE, .size = 1};
    case 'h':
        return (RequestValue){.type = REQUEST_VALUE_FD, .fd = STDOUT_FILENO};
    default:
        return (RequestValue){.type = REQUEST_VALUE_OTHER};
    }
}

static Request *new_request(RequestCall call) {
    g_autoptr(GError) error = NULL;
    Request *request = request_new(call, NULL, NULL, &error);

    g_assert_no_error(error);
    g_assert_null(request->architecture);
    g_assert_null(request->machine);
    g_assert_cmpint(request->nvram_template, ==, FILE_FD_NONE);
    return request;
}

static void assert_set(Request *request, const char *key, RequestValue value) {
    g_autoptr(GError) error = NULL;

    g_assert_true(request_set(request, key, &value, &error));
    g_assert_no_error(error);
}

static void assert_refused(
        RequestCall call, const char *key, RequestValue value, const char *text) {
    g_autoptr(Request) request = new_request(call);
    g_autoptr(GError) error = NULL;

    g_assert_false(request_set(request, key, &value, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS);
    if (text)
        g_assert_cmpstr(error->message, ==, text);
    else
        g_assert_true(g_str_has_prefix(error->message, key));
}

/* Some call that takes the key. */
static RequestCall call_of(const char *key) {
    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
        g_auto(GStrv) words = g_strsplit(calls[i].keys, " ", -1);

        if (g_strv_contains((const char *const *)words, key))
            return calls[i].call;
    }
    g_assert_not_reached();
}

/* -- the table of the contract ----------------------------------------------------------- */

static void each_call_takes_its_keys_and_no_other(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
        g_auto(GStrv) words = g_strsplit(calls[i].keys, " ", -1);
        g_autoptr(Request) request = new_request(calls[i].call);

        for (gsize j = 0; j < G_N_ELEMENTS(keys); j++) {
            g_autofree char *unknown = g_strconcat(keys[j].name, ": unknown key", NULL);
            g_autofree char *twice = g_strconcat(keys[j].name, ": given twice", NULL);
            const char *strings[2];
            RequestValue value = value_of(keys[j].type, keys[j].good, strings);
            g_autoptr(GError) error = NULL;

            if (!g_strv_contains((const char *const *)words, keys[j].name)) {
                assert_refused(calls[i].call, keys[j].name, value, unknown);
                continue;
            }
            assert_set(request, keys[j].name, value);
            g_assert_false(request_set(request, keys[j].name, &value, &error));
            g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS);
            g_assert_cmpstr(error->message, ==, twice);
        }
    }
}

static void each_key_has_one_type(void) {
    static const char *const names[] = {
            "a string (D-Bus type s)",          "a list of strings (D-Bus type as)",
            "a boolean (D-Bus type b)",         "a user id (D-Bus type u)",
            "a number of bytes (D-Bus type t)", "a file descriptor (D-Bus type h)",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        for (gsize j = 0; j < G_N_ELEMENTS(types); j++) {
            gsize own = 0;
            g_autofree char *text = NULL;
            const char *strings[2];

            while (types[own] != keys[i].type)
                own++;
            text = g_strdup_printf("%s: not %s", keys[i].name, names[own]);
            if (j != own)
                assert_refused(
                        call_of(keys[i].name), keys[i].name, value_of(types[j], "/qemu", strings),
                        text);
        }
}

static void words_outside_a_list_are_refused(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *strings[2];

        if (keys[i].bad)
            assert_refused(
                    call_of(keys[i].name), keys[i].name,
                    value_of(keys[i].type, keys[i].bad, strings), NULL);
    }
    assert_refused(
            REQUEST_CALL_PREPARE, "create",
            (RequestValue){.type = REQUEST_VALUE_STRING, .string = ""},
            "create: \"\" is none of auto, never, new, adopt");
}

static void machine_types_are_not_empty(void) {
    assert_refused(
            REQUEST_CALL_REBIND, "machine",
            (RequestValue){.type = REQUEST_VALUE_STRING, .string = ""}, "machine: empty");
}

/* -- owners ------------------------------------------------------------------------------ */

static void owners_are_user_ids(void) {
    static const guint32 good[] = {0, 1, 1000, 65534, 65536, 4294967294u};

    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(Request) request = new_request(REQUEST_CALL_GET_VM);

        g_assert_false(request->has_owner);
        assert_set(
                request, "owner", (RequestValue){.type = REQUEST_VALUE_NUMBER, .number = good[i]});
        g_assert_true(request->has_owner);
        g_assert_cmpuint(request->owner, ==, good[i]);
    }
    assert_refused(
            REQUEST_CALL_CLONE, "owner",
            (RequestValue){.type = REQUEST_VALUE_NUMBER, .number = 65535},
            "owner: 65535 is no user id");
    assert_refused(
            REQUEST_CALL_LIST_VMS, "owner",
            (RequestValue){.type = REQUEST_VALUE_NUMBER, .number = 4294967295u},
            "owner: 4294967295 is no user id");
}

/* -- file descriptors -------------------------------------------------------------------- */

static void a_file_descriptor_is_kept_as_a_copy(void) {
    g_autoptr(Request) request = new_request(REQUEST_CALL_RESET);
    g_auto(FileFd) fd = memfd_create("template", 0);
    struct stat own;
    struct stat copy;
    int kept;

    assert_set(request, "nvram-template", (RequestValue){.type = REQUEST_VALUE_FD, .fd = fd});
    kept = request->nvram_template;
    g_assert_cmpint(kept, !=, fd);
    g_assert_cmpint(kept, >=, 3);
    g_assert_cmpint(fcntl(kept, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    g_assert_no_errno(fstat(fd, &own));
    g_assert_no_errno(fstat(kept, &copy));
    g_assert_cmpuint(own.st_ino, ==, copy.st_ino);

    g_clear_pointer(&request, request_free);
    g_assert_cmpint(fcntl(kept, F_GETFD), ==, -1);
    g_assert_cmpint(fcntl(fd, F_GETFD), ==, 0);
}

static void what_is_no_file_descriptor_is_told(void) {
    g_autoptr(Request) request = new_request(REQUEST_CALL_PREPARE);
    RequestValue value = {.type = REQUEST_VALUE_FD, .fd = -1};
    g_autoptr(GError) error = NULL;

    g_assert_false(request_set(request, "nvram-template", &value, &error));
    g_assert_nonnull(error);
    g_assert_true(g_str_has_prefix(error->message, "nvram-template: "));
    g_assert_cmpint(request->nvram_template, ==, FILE_FD_NONE);
}

/* -- what a pin records ------------------------------------------------------------------ */

static void set_string(Request *request, const char *key, const char *string) {
    const char *strings[2];
    RequestValue value = value_of('s', string, strings);

    assert_set(request, key, value);
}

static void filters_alone_are_recorded(void) {
    static const Call asking[] = {
            {REQUEST_CALL_SELECT, NULL},
            {REQUEST_CALL_PREPARE, NULL},
            {REQUEST_CALL_IMPORT_VM, NULL},
            {REQUEST_CALL_REBIND, NULL},
    };
    const char *strings[2];

    for (gsize i = 0; i < G_N_ELEMENTS(asking); i++) {
        g_autoptr(Request) request = request_new(asking[i].call, "x86_64", "q35", NULL);
        g_autofree char *none = test_requirements(request);
        g_autofree char *some = NULL;
        g_autofree char *copied = NULL;
        g_autoptr(Request) copy = NULL;

        g_assert_cmpstr(none, ==, "");
        set_string(request, "firmware", "40-edk2");
        set_string(request, "interface", "uefi");
        assert_set(request, "features", value_of('a', "x", strings));
        assert_set(request, "modes", value_of('a', NULL, strings));
        assert_set(request, "render", value_of('a', "qemu", strings));
        assert_set(request, "host-supported", value_of('b', NULL, strings));
        some = test_requirements(request);
        g_assert_cmpstr(
                some, ==,
                "interface=uefi\nfeatures=x\nmodes=\nfirmware=40-edk2\nhost-supported=true\n");

        copy = request_copy_requirements(request);
        g_clear_pointer(&request, request_free);
        copied = test_requirements(copy);
        g_assert_cmpstr(copied, ==, some);
        g_assert_cmpint(copy->call, ==, REQUEST_CALL_PIN);
        g_assert_null(copy->architecture);
        g_assert_null(copy->machine);
        g_assert_cmpuint(copy->render, ==, 0);
        g_assert_null(copy->modes[0]);
    }
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(each_call_takes_its_keys_and_no_other),
            TEST_CASE(each_key_has_one_type),
            TEST_CASE(words_outside_a_list_are_refused),
            TEST_CASE(machine_types_are_not_empty),
            TEST_CASE(owners_are_user_ids),
            TEST_CASE(a_file_descriptor_is_kept_as_a_copy),
            TEST_CASE(what_is_no_file_descriptor_is_told),
            TEST_CASE(filters_alone_are_recorded),
    };

    return test_main(argc, argv, "request-vm", cases, G_N_ELEMENTS(cases));
}
