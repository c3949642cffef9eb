/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/pin.h"

/* The comparison of pins, by what their records hold. */

static gboolean same_strings(const GStrv a, const GStrv b) {
    return a && b ? g_strv_equal((const char *const *)a, (const char *const *)b) : a == b;
}

static gboolean same_unit(const FlashUnit *a, const FlashUnit *b) {
    for (const FlashKey *key = flash_keys; key->name; key++)
        if (!flash_unit_equal(a, b, key))
            return FALSE;
    return TRUE;
}

static gboolean same_flash(const GPtrArray *a, const GPtrArray *b) {
    if (!a || !b || a->len != b->len)
        return a == b;
    for (guint i = 0; i < a->len; i++)
        if (!same_unit(a->pdata[i], b->pdata[i]))
            return FALSE;
    return TRUE;
}

static gboolean same_resolution(const Resolution *a, const Resolution *b) {
    return g_str_equal(a->name, b->name) && g_str_equal(a->path, b->path) &&
            (a->descriptor == b->descriptor ||
             g_bytes_equal(a->descriptor->document, b->descriptor->document)) &&
            g_str_equal(a->architecture, b->architecture) && g_str_equal(a->machine, b->machine) &&
            a->has_pflash_properties == b->has_pflash_properties &&
            a->has_fixed_flash == b->has_fixed_flash &&
            g_strcmp0(a->s3_device, b->s3_device) == 0 &&
            a->executable_size == b->executable_size &&
            a->nvram_template_size == b->nvram_template_size && same_flash(a->flash, b->flash);
}

static gboolean same_nvram(const Pin *a, const Pin *b) {
    return a->has_nvram == b->has_nvram &&
            (!a->has_nvram ||
             (a->nvram_format == b->nvram_format && a->nvram_size == b->nvram_size));
}

gboolean pin_is_alike(const Pin *a, const Pin *b) {
    if (pin_get_lender(a) == pin_get_lender(b))
        return TRUE;
    return g_str_equal(a->machine, b->machine) && g_str_equal(a->canonical, b->canonical) &&
            g_str_equal(a->executable_digest, b->executable_digest) &&
            g_str_equal(a->template_digest, b->template_digest) &&
            a->has_own_template == b->has_own_template && same_nvram(a, b) &&
            same_strings(a->enrolled, b->enrolled) && g_strcmp0(a->unknown, b->unknown) == 0 &&
            request_same_requirements(a->request, b->request) &&
            same_resolution(a->resolution, b->resolution);
}

gboolean pin_equal(const Pin *a, const Pin *b) {
    return a->created == b->created && g_strcmp0(a->reference, b->reference) == 0 &&
            pin_is_alike(a, b);
}

guint pin_hash(const Pin *pin) {
    return g_str_hash(pin->resolution->name) ^ g_str_hash(pin->machine) ^
            g_str_hash(pin->executable_digest) ^ g_str_hash(pin->template_digest);
}
