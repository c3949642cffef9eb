/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A VM's record: what is accepted is written again as it was, and has an answer; what is refused
 * has a reason that can go out on the bus. */

#include <string.h>

#include "base/error.h"
#include "fuzz.h"
#include "vm/pin-reader.h"
#include "core/render.h"
#include "base/text.h"

static void check_flash(const GPtrArray *units) {
    for (guint i = 0; units && i < units->len; i++)
        for (const FlashKey *key = flash_keys; key->name; key++) {
            gconstpointer value = flash_unit_get(units->pdata[i], key);

            if (key->type == 's')
                g_assert_true(text_is_valid(*(char *const *)value));
            else if (key->type != 'b')
                g_assert_cmpuint(flash_unit_get_number(units->pdata[i], key), <=, G_MAXINT64);
        }
}

static void check_arguments(GStrv arguments, const GError *error) {
    g_assert_true((arguments == NULL) == (error != NULL));
    for (char **argument = arguments; argument && *argument; argument++)
        g_assert_true(text_is_valid(*argument));
}

static void check_xml(const char *xml, const GError *error) {
    static const GMarkupParser nothing = {};
    g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&nothing, 0, NULL, NULL);
    g_autofree char *document = g_strconcat("<domain>", xml, "</domain>", NULL);

    g_assert_true((xml == NULL) == (error != NULL));
    g_assert_true(text_is_valid(xml ? xml : error->message));
    g_assert_true(!xml || g_markup_parse_context_parse(context, document, -1, NULL));
}

static void check_answer(const Pin *pin) {
    g_autoptr(Resolution) resolution = resolution_copy(pin->resolution);
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) legacy_error = NULL;
    g_auto(GStrv) arguments = NULL;
    g_auto(GStrv) legacy = NULL;
    g_autoptr(GError) xml_error = NULL;
    g_autofree char *xml = NULL;

    g_assert_nonnull(resolution->descriptor);
    g_assert_true(
            (resolution->flash != NULL) ==
            (resolution->descriptor->device == FIRMWARE_DEVICE_FLASH));
    g_assert_true(resolution_same_flash(resolution, pin->resolution));
    check_flash(resolution->flash);

    if (pin->has_nvram)
        resolution_set_nvram(resolution, "/n", image_format_to_string(pin->nvram_format));
    arguments = render_qemu(resolution, &error);
    check_arguments(arguments, error);
    legacy = render_qemu_legacy(resolution, &legacy_error);
    check_arguments(legacy, legacy_error);
    xml = render_libvirt(resolution, &xml_error);
    check_xml(xml, xml_error);
}

static Pin *read_pin(const char *json) {
    g_autoptr(GBytes) bytes = g_bytes_new_static(json, strlen(json));
    g_autoptr(GError) error = NULL;
    Pin *pin = pin_from_json(bytes, NULL, &error);

    g_assert_no_error(error);
    return pin;
}

static void check_pin(const Pin *pin) {
    const Machine machine = {.architecture = "x", .name = "n", .canonical = "c"};
    g_autofree char *json = pin_to_json(pin);
    g_autoptr(Pin) copy = read_pin(json);
    g_autoptr(Pin) other = pin_with(copy, &machine, "a", "r");
    g_autofree char *again = pin_to_json(copy);

    g_assert_cmpstr(again, ==, json);
    g_assert_cmpstr(other->machine, ==, "a");
    g_assert_cmpstr(other->reference, ==, "r");
    g_assert_true(pin->has_nvram == descriptor_keeps_variables(pin->resolution->descriptor));
    g_assert_cmpuint(pin->created, <=, G_MAXINT64);
    check_answer(pin);
}

/* Twice, of which the second need not be parsed. */
static void check_reader(GBytes *json, const Pin *pin) {
    g_autoptr(PinReader) reader = pin_reader_new();
    g_autoptr(Pin) first = pin_reader_read(reader, json, NULL);
    g_autoptr(Pin) second = pin_reader_read(reader, json, NULL);

    g_assert_true(pin_equal(first, pin));
    g_assert_true(pin_equal(second, pin));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    g_autoptr(GBytes) json = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(Pin) pin = pin_from_json(json, NULL, &error);

    g_assert_true((pin == NULL) == (error != NULL));
    if (pin) {
        check_pin(pin);
        check_reader(json, pin);
        return 0;
    }

    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
    g_assert_true(text_is_valid(error->message));
    return 0;
}
