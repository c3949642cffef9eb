/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A descriptor's bytes: what is accepted keeps the promises of descriptor.h, and fits no machine by
 * accident; what is refused has a reason that can go out on the bus. */

#include <string.h>

#include "core/flash.h"
#include "fuzz.h"
#include "core/parse.h"
#include "base/text.h"

static void check_reason(const char *reason) {
    g_assert_true(text_is_valid(reason));
    g_assert_true(
            g_str_has_prefix(reason, "parse-error:") || g_str_has_prefix(reason, "schema-error:"));
}

static void check_strings(char **strings) {
    for (; *strings; strings++)
        g_assert_true(text_is_valid(*strings));
}

static void check_image(const DescriptorImage *image) {
    g_assert_true((image->filename != NULL) == (image->format != NULL));
    if (!image->filename)
        return;

    g_assert_cmpint(image->filename[0], ==, '/');
    g_assert_true(text_is_valid(image->filename));
    g_assert_true(text_is_valid(image->format));
}

static void check_targets(const Descriptor *d) {
    g_assert_cmpuint(d->targets->len, >, 0);
    for (guint i = 0; i < d->targets->len; i++) {
        const DescriptorTarget *target = d->targets->pdata[i];

        g_assert_true(text_is_valid(target->architecture));
        g_assert_nonnull(target->machines[0]);
        check_strings(target->machines);
        g_assert_true(descriptor_has_architecture(d, target->architecture));
        (void)descriptor_matches_machine(d, target->architecture, "pc-q35-10.0");
    }
}

/* On a machine that no table knows: what is recorded is the answer. */
static void check_flash(const Descriptor *d) {
    static const guint64 sizes[] = {0, 1, 4096, 1048576, G_MAXINT64};
    const Machine machine = {.architecture = "x", .name = "x", .canonical = "x"};

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        const FirmwareImages images = {
                .executable.size = sizes[i], .nvram_template.size = sizes[i]};
        g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GPtrArray) units = NULL;
        gboolean fits = flash_fit(d, &images, &machine, reasons, &units);

        g_assert_true(fits == (reasons->len == 0));
        for (guint j = 0; units && j < units->len; j++) {
            const FlashUnit *unit = units->pdata[j];

            g_assert_cmpuint(unit->size, ==, unit->num_blocks * unit->sector_length);
            g_assert_cmpuint(unit->size, >=, sizes[i]);
            g_assert_cmpuint(unit->unit, ==, j);
            g_assert_nonnull(unit->name);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    g_autoptr(GBytes) document = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(Descriptor) d = parse_descriptor(document, &error);

    g_assert_true((d == NULL) == (error != NULL));
    if (error) {
        check_reason(error->message);
        return 0;
    }

    g_assert_true(text_is_valid(d->description));
    g_assert_nonnull(d->interface_types[0]);
    check_strings(d->interface_types);
    check_strings(d->features);
    check_strings(d->tags);
    g_assert_nonnull(d->executable.filename);
    check_image(&d->executable);
    check_image(&d->nvram_template);
    check_targets(d);
    check_flash(d);
    return 0;
}
