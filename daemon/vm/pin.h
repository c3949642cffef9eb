/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/resolution.h"

/*
 * A choice that stays: what a VM got when it was first prepared, with everything that an answer
 * needs, so that it is the same whatever has been installed since. An immutable value, and its
 * record: JSON, versioned.
 */

/* Bytes. The descriptor in it has 64 KiB at the most, the requirements 5 times 64 strings of 255
 * bytes; JSON writes a byte with up to 6. */
#define PIN_MAX_SIZE (1024 * 1024)

typedef struct Pin {
    guint64 created;        /* µs since the epoch */
    char *machine;          /* as asked */
    char *canonical;        /* what the descriptor's globs were held against */
    Request *request;       /* the requirements */
    Resolution *resolution; /* without the VM's own file name */

    /* SHA-256 in hexadecimal; "" where there is no such image */
    char *executable_digest;
    char *template_digest;
    gboolean has_own_template; /* the caller's, which only he has */

    gboolean has_nvram;
    ImageFormat nvram_format;
    guint64 nvram_size; /* bytes that the guest sees; 0 for JSON */
} Pin;

/* Takes the strings, the request and the resolution that are set in TEMPLATE. */
Pin *pin_new(const Pin *values) G_GNUC_WARN_UNUSED_RESULT;
Pin *pin_ref(const Pin *pin);
void pin_unref(const Pin *pin);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pin, pin_unref)

/* Another machine type, or another time of creation; all else is the same. */
Pin *pin_with_machine(const Pin *pin, const Machine *machine, const char *asked)
        G_GNUC_WARN_UNUSED_RESULT;
Pin *pin_with_created(const Pin *pin, guint64 created) G_GNUC_WARN_UNUSED_RESULT;

/* Both have the same record. */
gboolean pin_equal(const Pin *a, const Pin *b);

char *pin_to_json(const Pin *pin) G_GNUC_WARN_UNUSED_RESULT;
/* Error: FIRMWARE_ERROR_IO with what is wrong with the record. */
Pin *pin_from_json(GBytes *json, GError **error) G_GNUC_WARN_UNUSED_RESULT;
