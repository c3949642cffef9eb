/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog.h"
#include "core/request.h"

/*
 * The answer: one firmware on one machine, with its images, its flash, and what QEMU's -machine
 * and -global need. A value of its own: it outlives the catalog it came from.
 */

typedef struct Resolution {
    char *name; /* of the firmware */
    char *path; /* of its descriptor */
    Descriptor *descriptor;
    char *architecture;
    char *machine; /* what to give to -machine */
    /* -machine takes pflash0= and pflash1=: QEMU's board knows its flash as properties */
    gboolean has_pflash_properties;
    /* the board's flash units have a size of their own: a shorter NVRAM is extended to it */
    gboolean has_fixed_flash;
    /* bytes that the guest sees; of the template 0 where there is none, or a JSON store */
    guint64 executable_size;
    guint64 nvram_template_size;
    GPtrArray *flash;     /* of FlashUnit; NULL where device is not flash */
    char *nvram_filename; /* the VM's own copy; NULL where none is known */
} Resolution;

/* FILE is one that passed for MACHINE and REQUEST. */
Resolution *resolution_new(const CatalogFile *file, const Machine *machine, const Request *request)
        G_GNUC_WARN_UNUSED_RESULT;
/* -machine needs smm=on; the flash driver's global property secure is to be on. */
gboolean resolution_needs_smm(const Resolution *resolution);
gboolean resolution_needs_secure_flash(const Resolution *resolution);

/* Names the VM's own copy, which a guest writes to; FORMAT NULL: as in the descriptor. */
void resolution_set_nvram(Resolution *resolution, const char *filename, const char *format);

/* The flash unit that a guest writes to, or NULL. */
const FlashUnit *resolution_get_writable_unit(const Resolution *resolution);

/* Both give a guest the same board: all of the flash units' values but file names and formats. */
gboolean resolution_same_flash(const Resolution *a, const Resolution *b);

Resolution *resolution_copy(const Resolution *resolution) G_GNUC_WARN_UNUSED_RESULT;
void resolution_free(Resolution *resolution);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Resolution, resolution_free)
