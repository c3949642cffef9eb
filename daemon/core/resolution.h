/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog.h"
#include "core/request.h"

/*
 * The answer: one firmware on one machine, with its images, its flash, and the values for QEMU's
 * -machine and -global. It outlives the catalog that it was made from.
 */

typedef struct Resolution {
    char *name; /* of the firmware */
    char *path; /* of its descriptor */
    Descriptor *descriptor;
    char *architecture;
    char *machine; /* argument of -machine */
    /* -machine accepts pflash0= and pflash1=: flash is configured by properties of the board */
    gboolean has_pflash_properties;
    /* the flash units have a fixed size, by the board or as recorded: a shorter NVRAM is extended
     * to it */
    gboolean has_fixed_flash;
    /* the device whose property disable_s3 must be set, as the firmware does not support S3; NULL:
     * none */
    char *s3_device;
    /* bytes that the guest sees; 0: no template, or a JSON store */
    guint64 executable_size;
    guint64 nvram_template_size;
    /* what the QEMU that gets the arguments lacks; NULL: nothing. Not part of a pin. */
    const char *lacking; /* static */
    QemuVersion qemu;
    StoreSummary *store;  /* the variables of a new VM; NULL: unknown. Not part of a pin. */
    GPtrArray *flash;     /* of FlashUnit; NULL: not in flash */
    char *nvram_filename; /* the VM's own copy; NULL: unknown */
    /* the guest's store has a platform key: the template's, or a VM's own. Not part of a pin. */
    gboolean has_platform_key;
} Resolution;

/* FILE must have passed for MACHINE and REQUEST. */
Resolution *resolution_new(const CatalogFile *file, const Machine *machine, const Request *request)
        G_GNUC_WARN_UNUSED_RESULT;
/* The QEMU that gets the arguments is MACHINE's: what it lacks, and whether its board has pflash
 * properties, if a pin's had. */
void resolution_set_qemu(Resolution *resolution, const Machine *machine);

/* -machine needs smm=on; the flash driver needs the global property secure=on. */
gboolean resolution_needs_smm(const Resolution *resolution);
gboolean resolution_needs_secure_flash(const Resolution *resolution);

/* Calls VISIT with each global property that QEMU needs, in order. */
void resolution_visit_globals(
        const Resolution *resolution,
        void (*visit)(
                const char *driver, const char *property, const char *value, gpointer userdata),
        gpointer userdata);

/* The uefi-vars device is to enforce Secure Boot: the firmware relies on keys, and they are there.
 */
gboolean resolution_forces_secure_boot(const Resolution *resolution);

/* The value of -machine max-fw-size in bytes; 0: QEMU's default is enough, or there is none. */
guint64 resolution_get_max_fw_size(const Resolution *resolution);

/* Sets the VM's own copy, which the guest writes to. FILENAME NULL: unknown; FORMAT NULL: the
 * descriptor's. */
void resolution_set_nvram(Resolution *resolution, const char *filename, const char *format);

/* Returns the flash unit that the guest writes to, or NULL. */
const FlashUnit *resolution_get_writable_unit(const Resolution *resolution);

/* Both give a guest the same board: the flash units are equal except for file names and formats. */
gboolean resolution_same_flash(const Resolution *a, const Resolution *b);

Resolution *resolution_copy(const Resolution *resolution) G_GNUC_WARN_UNUSED_RESULT;
void resolution_free(Resolution *resolution);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Resolution, resolution_free)
