/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "base/root.h"
#include "core/image.h"
#include "uefi/summary.h"

/*
 * One file of one layer: a descriptor, a mask, broken, or not a descriptor file; and the images
 * that it names.
 */

typedef struct CatalogLayer {
    FirmwareLayer kind;
    char *directory;
    char *file_name; /* the only file of it that is read; NULL: all descriptor files */
} CatalogLayer;

void catalog_layer_free(CatalogLayer *layer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CatalogLayer, catalog_layer_free)

/* One descriptor file of one layer. Immutable once it is in a catalog. Catalogs share it while it
 * does not change. */
typedef struct CatalogFile {
    char *name; /* of the firmware: the file name without .json */
    char *path;
    const char *file_name; /* in PATH */
    FirmwareLayer layer;
    guint depth; /* the layer's place in the search path; a greater one is more specific */

    FileStamp stamp;
    gboolean is_trusted; /* the stamp proves that the following is up to date */

    /* A file has a descriptor, or is a mask, or has a fault (the reason it is invalid). */
    Descriptor *descriptor;
    gboolean is_mask;
    char *fault;

    gboolean is_complete; /* the following is set */

    /* set where an effective file has a descriptor: */
    FirmwareImages images;
    GStrv pair_faults;       /* why its images cannot belong together: see pair.h; or NULL */
    StoreSummary *store;     /* the variables in the template; NULL: none, or not readable */
    StoreSummary *with_keys; /* the same with the keys of this host; NULL as STORE */

    /* The file of a more specific layer that overrides this one, or NULL. Each catalog with this
     * file has that one as well. */
    const struct CatalogFile *overridden_by;

    /* Of effective files that are no mask: */
    FirmwareState state;
    GStrv reasons;   /* why it is not usable, or not for what it claims; otherwise empty */
    GStrv overrides; /* paths, most specific layer first */
} CatalogFile;

CatalogFile *catalog_file_ref(CatalogFile *file);
void catalog_file_unref(CatalogFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CatalogFile, catalog_file_unref)

/* Copies the content of the file, without its place in a catalog. */
CatalogFile *catalog_file_copy_content(const CatalogFile *file) G_GNUC_WARN_UNUSED_RESULT;

/* The value of the property SecureBoot. */
const char *catalog_file_get_secure_boot(const CatalogFile *file);

/* *.json, and not hidden. */
gboolean catalog_file_is_name(const char *file_name);

/*
 * A file with a trusted stamp is not read again. A file that changed within CATALOG_HOLD_USEC, and
 * is broken (an image: differs from before), may be half written: its change is deferred, and the
 * previous content stays.
 */
#define CATALOG_HOLD_USEC (50 * G_USEC_PER_SEC / 1000)

typedef struct CatalogReading {
    gint64 now;                  /* microseconds since the epoch */
    const FileVisitor *visitor;  /* or NULL */
    gboolean is_first;           /* there is no previous catalog, so no change is deferred */
    GHashTable *images;          /* see catalog_images_new() */
    GHashTable *previous_images; /* or NULL */
    gboolean *ret_is_held;       /* set if a change is deferred; NULL if none can be */
} CatalogReading;

/* The images of a catalog, so that each is probed once. */
GHashTable *catalog_images_new(void) G_GNUC_WARN_UNUSED_RESULT;
/* Both are paths of images of the catalog, and links of one file. */
gboolean catalog_images_are_same(GHashTable *images, const char *a, const char *b);
/* The images of both catalogs are the same paths, and the same of them lead to one file. */
gboolean catalog_images_have_same_links(GHashTable *a, GHashTable *b);

/* Reads the file PATH of a layer. PREVIOUS, or NULL, is the file
 * in the previous catalog, which is shared if the file has not changed. Returns 0, with *RET NULL
 * if it is no descriptor file (a directory, a device, removed meanwhile, deferred and new), or a
 * negative errno if the system failed. */
int catalog_file_read(
        const CatalogReading *reading, FirmwareLayer layer, guint depth, const char *path,
        CatalogFile *previous, CatalogFile **ret) G_GNUC_WARN_UNUSED_RESULT;

/* Looks at the images that DESCRIPTOR names. Error: FIRMWARE_ERROR_IO, naming the image, if the
 * system failed. */
gboolean catalog_file_probe_images(
        const CatalogReading *reading, const Descriptor *descriptor, FirmwareImages *ret,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Adds to REASONS (of char*) what keeps the images of DESCRIPTOR from being used on any machine:
 * file-missing:PATH, file-unreadable:PATH, bad-format:PATH, bad-size:PATH: text. TRUE: nothing
 * does. */
gboolean catalog_file_check_images(
        const Descriptor *descriptor, const FirmwareImages *images, GPtrArray *reasons);
