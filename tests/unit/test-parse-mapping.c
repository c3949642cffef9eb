/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/parse.h"

#include <string.h>

#include "util.h"

#define EXECUTABLE "'executable': {'filename': '/c', 'format': 'raw'}"
#define TEMPLATE "'nvram-template': {'filename': '/v', 'format': 'qcow2'}"

static Descriptor *parse_mapping(const char *mapping) {
    g_autofree char *document = test_document("mapping", mapping, NULL);

    return test_parse(document);
}

/* REASON is without "schema-error:/mapping". */
static void assert_refused(const char *mapping, const char *reason) {
    g_autofree char *document = test_document("mapping", mapping, NULL);
    g_autofree char *expected = g_strconcat("schema-error:/mapping", reason, NULL);

    test_assert_refused(document, expected);
}

static void assert_mapping(
        const char *mapping, FirmwareDevice device, FirmwareMode mode,
        const char *executable_format, const char *template, const char *template_format) {
    g_autoptr(Descriptor) d = parse_mapping(mapping);

    g_assert_cmpint(d->device, ==, device);
    g_assert_cmpint(d->mode, ==, mode);
    g_assert_cmpstr(d->executable.filename, ==, "/c");
    g_assert_cmpstr(d->executable.format, ==, executable_format);
    g_assert_cmpstr(d->nvram_template.filename, ==, template);
    g_assert_cmpstr(d->nvram_template.format, ==, template_format);
}

/* -- flash ------------------------------------------------------------------------------- */

static void flash_is_split_by_default(void) {
    assert_mapping(
            "{'device': 'flash', " EXECUTABLE ", " TEMPLATE "}", FIRMWARE_DEVICE_FLASH,
            FIRMWARE_MODE_SPLIT, "raw", "/v", "qcow2");
    assert_refused("{'device': 'flash', " EXECUTABLE "}", "/nvram-template: missing");
    assert_refused(
            "{'device': 'flash', 'mode': 'split', " EXECUTABLE "}", "/nvram-template: missing");
}

static void other_flash_modes_have_no_template(void) {
    assert_mapping(
            "{'device': 'flash', 'mode': 'combined', " EXECUTABLE ", " TEMPLATE "}",
            FIRMWARE_DEVICE_FLASH, FIRMWARE_MODE_COMBINED, "raw", NULL, NULL);
    assert_mapping(
            "{'device': 'flash', 'mode': 'stateless', " EXECUTABLE "}", FIRMWARE_DEVICE_FLASH,
            FIRMWARE_MODE_STATELESS, "raw", NULL, NULL);
}

static void formats_are_kept_as_written(void) {
    assert_mapping(
            "{'device': 'flash', 'mode': 'stateless',"
            " 'executable': {'filename': '/c', 'format': 'vmdk'}}",
            FIRMWARE_DEVICE_FLASH, FIRMWARE_MODE_STATELESS, "vmdk", NULL, NULL);
}

static void faults_of_a_flash_mapping_are_told(void) {
    assert_refused(
            "{'device': 'flash', 'mode': 'both', " EXECUTABLE "}", "/mode: unknown mode \"both\"");
    assert_refused("{'device': 'flash', 'mode': null, " EXECUTABLE "}", "/mode: not a string");
    assert_refused("{'device': 'flash', " TEMPLATE "}", "/executable: missing");
    assert_refused("{'device': 'flash', 'executable': '/c'}", "/executable: not an object");
    assert_refused(
            "{'device': 'flash', 'executable': {'format': 'raw'}}",
            "/executable/filename: missing");
    assert_refused(
            "{'device': 'flash', 'executable': {'filename': '/c'}}", "/executable/format: missing");
    assert_refused(
            "{'device': 'flash', 'executable': {'filename': 1, 'format': 'raw'}}",
            "/executable/filename: not a string");
    assert_refused(
            "{'device': 'flash', 'executable': {'filename': '/c', 'format': 1}}",
            "/executable/format: not a string");
    assert_refused(
            "{'device': 'flash', " EXECUTABLE ", 'nvram-template': {'filename': '/v'}}",
            "/nvram-template/format: missing");
    assert_refused(
            "{'device': 'flash', " EXECUTABLE ", 'nvram-template': []}",
            "/nvram-template: not an object");
}

static void relative_filenames_are_refused(void) {
    assert_refused(
            "{'device': 'flash', 'executable': {'filename': 'c', 'format': 'raw'}}",
            "/executable/filename: \"c\" is not an absolute file name");
    assert_refused(
            "{'device': 'flash', " EXECUTABLE
            ", 'nvram-template': {'filename': '', 'format': 'raw'}}",
            "/nvram-template/filename: \"\" is not an absolute file name");
    assert_refused(
            "{'device': 'kernel', 'filename': './c'}",
            "/filename: \"./c\" is not an absolute file name");
    assert_refused(
            "{'device': 'memory', 'filename': '/c', 'uefi-vars': {'template': 'v'}}",
            "/uefi-vars/template: \"v\" is not an absolute file name");
}

/* -- the other devices ------------------------------------------------------------------- */

static void unknown_devices_are_refused(void) {
    assert_refused("{}", "/device: missing");
    assert_refused("{'device': 1}", "/device: not a string");
    assert_refused("{'device': 'rom', 'filename': '/c'}", "/device: unknown device \"rom\"");
    assert_refused("{'device': 'Flash', " EXECUTABLE "}", "/device: unknown device \"Flash\"");
}

static void kernel_and_igvm_are_raw_and_stateless(void) {
    assert_mapping(
            "{'device': 'kernel', 'filename': '/c'}", FIRMWARE_DEVICE_KERNEL,
            FIRMWARE_MODE_STATELESS, "raw", NULL, NULL);
    assert_mapping(
            "{'device': 'igvm', 'filename': '/c'}", FIRMWARE_DEVICE_IGVM, FIRMWARE_MODE_STATELESS,
            "raw", NULL, NULL);
    assert_refused("{'device': 'kernel'}", "/filename: missing");
    assert_refused("{'device': 'igvm', 'filename': {}}", "/filename: not a string");
}

static void memory_is_a_file(void) {
    assert_mapping(
            "{'device': 'memory', 'filename': '/c'}", FIRMWARE_DEVICE_MEMORY,
            FIRMWARE_MODE_STATELESS, "raw", NULL, NULL);
    assert_refused("{'device': 'memory'}", "/filename: missing");
}

static void memory_may_have_uefi_vars(void) {
    assert_mapping(
            "{'device': 'memory', 'filename': '/c', 'uefi-vars': {'template': '/v'}}",
            FIRMWARE_DEVICE_MEMORY, FIRMWARE_MODE_STATELESS, "raw", "/v", "json");
    assert_refused(
            "{'device': 'memory', 'filename': '/c', 'uefi-vars': '/v'}",
            "/uefi-vars: not an object");
    assert_refused(
            "{'device': 'memory', 'filename': '/c', 'uefi-vars': {}}",
            "/uefi-vars/template: missing");
    assert_refused(
            "{'device': 'memory', 'filename': '/c', 'uefi-vars': {'template': 1}}",
            "/uefi-vars/template: not a string");
}

static void memory_may_be_written_like_flash(void) {
    assert_mapping(
            "{'device': 'memory', 'executable': {'filename': '/c'}}", FIRMWARE_DEVICE_MEMORY,
            FIRMWARE_MODE_STATELESS, "raw", NULL, NULL);
    assert_mapping(
            "{'device': 'memory', 'executable': {'filename': '/c'},"
            " 'nvram-template': {'filename': '/v'}}",
            FIRMWARE_DEVICE_MEMORY, FIRMWARE_MODE_SPLIT, "raw", "/v", "json");
    assert_mapping(
            "{'device': 'memory', 'mode': 'split', 'executable': {'filename': '/c', 'format':"
            " 'raw'}, 'nvram-template': {'filename': '/v', 'format': 'json'}}",
            FIRMWARE_DEVICE_MEMORY, FIRMWARE_MODE_SPLIT, "raw", "/v", "json");
    assert_mapping(
            "{'device': 'memory', 'mode': 'stateless', 'executable': {'filename': '/c'},"
            " 'nvram-template': {'filename': '/v'}}",
            FIRMWARE_DEVICE_MEMORY, FIRMWARE_MODE_STATELESS, "raw", NULL, NULL);
}

static void faults_of_a_memory_mapping_are_told(void) {
    assert_refused(
            "{'device': 'memory', 'mode': 'combined', 'executable': {'filename': '/c'}}",
            "/mode: a guest can write to flash only: not combined");
    assert_refused(
            "{'device': 'memory', 'mode': 'split', 'executable': {'filename': '/c'}}",
            "/nvram-template: missing");
    assert_refused(
            "{'device': 'memory', 'mode': 'x', 'executable': {'filename': '/c'}}",
            "/mode: unknown mode \"x\"");
    assert_refused("{'device': 'memory', 'executable': {}}", "/executable/filename: missing");
}

/* -- recorded geometry ------------------------------------------------------------------- */

static Descriptor *parse_record(const char *record) {
    g_autofree char *mapping = g_strdup_printf(
            "{'device': 'flash', 'mode': 'stateless',"
            " 'executable': {'filename': '/c', 'format': 'raw', 'flash': %s}}",
            record);

    return parse_mapping(mapping);
}

static void assert_record_is_refused(const char *record, const char *reason) {
    g_autofree char *mapping = g_strdup_printf(
            "{'device': 'flash', 'mode': 'stateless',"
            " 'executable': {'filename': '/c', 'format': 'raw', 'flash': %s}}",
            record);
    g_autofree char *whole_reason = g_strconcat("/executable/flash", reason, NULL);

    assert_refused(mapping, whole_reason);
}

static void no_record_is_told_from_an_empty_one(void) {
    g_autoptr(Descriptor) without =
            parse_mapping("{'device': 'flash', " EXECUTABLE ", " TEMPLATE "}");
    g_autoptr(Descriptor) with = parse_record("{}");

    g_assert_null(without->executable.flash);
    g_assert_null(without->nvram_template.flash);
    g_assert_nonnull(with->executable.flash);
    g_assert_cmpuint(with->executable.flash->present, ==, 0);
}

static void recorded_values_are_read(void) {
    static const char *const recorded[] = {
            "num-blocks", "sector-length", "width", "id3", "big-endian", "name", NULL,
    };
    g_autoptr(Descriptor) d = parse_record(
            "{'num-blocks': 4294967295, 'sector-length': 9223372036854775807, 'width': 255,"
            " 'id3': 65535, 'big-endian': true, 'name': 'a.flash', 'x-unknown': [1]}");
    const FlashUnit *values = &d->executable.flash->values;

    g_assert_cmpuint(values->num_blocks, ==, G_MAXUINT32);
    g_assert_cmpuint(values->sector_length, ==, G_MAXINT64);
    g_assert_cmpuint(values->width, ==, 255);
    g_assert_cmpuint(values->id[3], ==, 65535);
    g_assert_true(values->big_endian);
    g_assert_cmpstr(values->name, ==, "a.flash");
    for (const FlashKey *key = flash_keys; key->name; key++)
        g_assert_true(
                !flash_record_has(d->executable.flash, key) ==
                !g_strv_contains(recorded, key->name));
}

static void assert_value_is_refused(const FlashKey *key, const char *value) {
    g_autofree char *record = g_strdup_printf("{'%s': %s}", key->name, value);
    g_autofree char *reason = key->type == 's'
            ? g_strdup_printf("/%s: not a string", key->name)
            : g_strdup_printf(
                      "/%s: not a value of the D-Bus type \"%c\" that the key has", key->name,
                      key->type);

    assert_record_is_refused(record, reason);
}

static void each_recorded_key_has_its_type_and_range(void) {
    for (const FlashKey *key = flash_keys; key->name; key++) {
        if (!key->recordable)
            continue;
        assert_value_is_refused(key, "null");
        assert_value_is_refused(key, "[]");
        assert_value_is_refused(key, "{}");
        assert_value_is_refused(key, "1.0");
        assert_value_is_refused(key, "-1");
        assert_value_is_refused(key, key->type == 's' ? "1" : "'1'");
        assert_value_is_refused(key, key->type == 'b' ? "1" : "true");
        if (strchr("yqu", key->type))
            assert_value_is_refused(
                    key,
                    key->type == 'y'           ? "256"
                            : key->type == 'q' ? "65536"
                                               : "4294967296");
    }
}

static void file_and_format_are_not_recorded(void) {
    g_autoptr(Descriptor) d = parse_record("{'filename': 1, 'format': false}");

    g_assert_cmpuint(d->executable.flash->present, ==, 0);
}

static void a_record_must_be_an_object(void) {
    assert_record_is_refused("[]", ": not an object");
    assert_record_is_refused("null", ": not an object");
    assert_record_is_refused(
            "{'name': '\\uffff'}", "/name: holds a character that no text may hold");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(flash_is_split_by_default),
            TEST_CASE(other_flash_modes_have_no_template),
            TEST_CASE(formats_are_kept_as_written),
            TEST_CASE(faults_of_a_flash_mapping_are_told),
            TEST_CASE(relative_filenames_are_refused),
            TEST_CASE(unknown_devices_are_refused),
            TEST_CASE(kernel_and_igvm_are_raw_and_stateless),
            TEST_CASE(memory_is_a_file),
            TEST_CASE(memory_may_have_uefi_vars),
            TEST_CASE(memory_may_be_written_like_flash),
            TEST_CASE(faults_of_a_memory_mapping_are_told),
            TEST_CASE(no_record_is_told_from_an_empty_one),
            TEST_CASE(recorded_values_are_read),
            TEST_CASE(each_recorded_key_has_its_type_and_range),
            TEST_CASE(file_and_format_are_not_recorded),
            TEST_CASE(a_record_must_be_an_object),
    };

    return test_main(argc, argv, "parse-mapping", cases, G_N_ELEMENTS(cases));
}
