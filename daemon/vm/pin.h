/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/resolution.h"

/* The member version of a record. A record of another one is refused, never rewritten. */
#define PIN_VERSION 1

/*
 * A pin records which firmware a VM got when it was first prepared, with every value that an answer
 * needs: later answers do not depend on the descriptors that are installed then. An immutable,
 * reference-counted value, and its record, versioned JSON. Members that this version does not know
 * are preserved; another version of the record is not read.
 */

/* Bytes of a record. It holds a descriptor of at most 64 KiB and 5 requirements of at most 64
 * strings of 255 bytes; JSON takes up to 6 bytes for one. */
#define PIN_MAX_SIZE (1024 * 1024)

typedef struct Pin Pin;
struct Pin {
    guint64 created;        /* µs since the epoch */
    char *reference;        /* the VM manager's own name for the VM; NULL: none */
    char *machine;          /* as asked */
    char *canonical;        /* the type that matched the descriptor's globs */
    Request *request;       /* the requirements */
    Resolution *resolution; /* without the VM's own file name */

    /* SHA-256 in hexadecimal; "" where there is no such image */
    char *executable_digest;
    char *template_digest;
    gboolean has_own_template; /* the caller sent it, and keeps it */
    GStrv enrolled;            /* SHA-256 of this host's keys in the NVRAM; NULL: none */

    gboolean has_nvram;
    ImageFormat nvram_format;
    guint64 nvram_size; /* bytes that the guest sees; 0 for JSON */

    /* The members of the record that this version does not know, as a JSON object: a newer version
     * wrote them. NULL: none. */
    char *unknown;

    /* The pin whose values these are, except CREATED and REFERENCE; NULL: its own. */
    const Pin *lender;
};

/* Takes ownership of the strings, the request and the resolution in VALUES. */
Pin *pin_new(const Pin *values) G_GNUC_WARN_UNUSED_RESULT;
Pin *pin_ref(const Pin *pin);
void pin_unref(const Pin *pin);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pin, pin_unref)

/* A copy with another machine type, MACHINE, ASKED for by this name, and with another reference
 * ("": none). Either may be NULL: the same. */
Pin *pin_with(const Pin *pin, const Machine *machine, const char *asked, const char *reference)
        G_GNUC_WARN_UNUSED_RESULT;
/* A copy for a new VM: without the reference, which names the other one. */
Pin *pin_for_clone(const Pin *pin, guint64 created) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE where both have the same record. */
gboolean pin_equal(const Pin *a, const Pin *b);
/* TRUE where the records differ in CREATED and REFERENCE at most. */
gboolean pin_is_alike(const Pin *a, const Pin *b);
/* The same for pins that are alike. */
guint pin_hash(const Pin *pin);

/* PIN, or its lender. */
const Pin *pin_get_lender(const Pin *pin);
/* A pin like PIN, with other values of CREATED and REFERENCE (NULL: none). It borrows the rest
 * from pin_get_lender(), and keeps that alive. */
Pin *pin_borrow(const Pin *pin, guint64 created, const char *reference) G_GNUC_WARN_UNUSED_RESULT;

char *pin_to_json(const Pin *pin) G_GNUC_WARN_UNUSED_RESULT;
/* DESCRIPTORS (NULL: none) are those of other pins: the pin shares one with the same document, or
 * its own is added. Error: FIRMWARE_ERROR_IO, naming the faulty member. */
Pin *pin_from_json(GBytes *json, GHashTable *descriptors, GError **error) G_GNUC_WARN_UNUSED_RESULT;
GHashTable *pin_descriptors_new(void) G_GNUC_WARN_UNUSED_RESULT;
