/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "base/file.h"
#include "core/image.h"

/*
 * One file of one layer: is it a descriptor, a mask, broken, or none of this service's business?
 * And what are the images that it names?
 */

typedef struct CatalogLayer {
    FirmwareLayer kind;
    char *directory;
} CatalogLayer;

void catalog_layer_free(CatalogLayer *layer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CatalogLayer, catalog_layer_free)

/* One descriptor file of one layer: immutable, once it is part of a catalog, and shared by all that
 * it is the same in. */
typedef struct CatalogFile {
    char *name; /* of the firmware: the file name without .json */
    char *path;
    const char *file_name; /* in PATH */
    FirmwareLayer layer;
    guint depth; /* the layer's place in the search path; a greater one is more specific */

    FileStamp stamp;
    gboolean is_trusted; /* while the file has this stamp, it holds what follows */

    /* A file has a descriptor, or is a mask, or has a fault (the reason it is invalid). */
    Descriptor *descriptor;
    gboolean is_mask;
    char *fault;

    gboolean is_complete; /* what follows is set: the catalog is done with it */

    FirmwareImages images; /* set where an effective file has a descriptor */

    /* NULL, or the file of a more specific layer that takes this one's place: it is in each catalog
     * that this one is in. */
    const struct CatalogFile *overridden_by;

    /* Of effective files that are no mask: */
    FirmwareState state;
    GStrv reasons;   /* why it is not usable; empty where it is */
    GStrv overrides; /* paths, most specific layer first */
} CatalogFile;

CatalogFile *catalog_file_ref(CatalogFile *file);
void catalog_file_unref(CatalogFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CatalogFile, catalog_file_unref)

/* What was read from the file, and nothing of its place in a catalog. */
CatalogFile *catalog_file_copy_content(const CatalogFile *file) G_GNUC_WARN_UNUSED_RESULT;

/* *.json, and not hidden. */
gboolean catalog_file_is_name(const char *file_name);

/*
 * How a catalog's files are read. What has the stamp that it had before is not read again. What
 * changed within CATALOG_HOLD_USEC and is broken (or, an image, another than before) may be half
 * written: it stays what it was, and is said to be held.
 */
#define CATALOG_HOLD_USEC (50 * G_USEC_PER_SEC / 1000)

typedef struct CatalogReading {
    gint64 now;                  /* microseconds since the epoch */
    const FileVisitor *visitor;  /* or NULL */
    gboolean is_first;           /* there is no earlier state, so nothing is held */
    GHashTable *images;          /* what is known of images: see catalog_images_new() */
    GHashTable *previous_images; /* or NULL */
    gboolean *ret_is_held;       /* set where something is; NULL where nothing can be */
} CatalogReading;

/* What is known of each image; none is looked at twice for one catalog. */
GHashTable *catalog_images_new(void) G_GNUC_WARN_UNUSED_RESULT;

/* Reads the file PATH of a layer; DIR_FD is the layer's directory, PREVIOUS what the file was or
 * NULL, and is taken for what it is where it did not change. Returns 0, with *RET NULL where it is no
 * descriptor (a directory, a device, gone meanwhile, held and new), or a negative errno where the
 * system failed. */
int catalog_file_read(
        const CatalogReading *reading, FirmwareLayer layer, guint depth, int dir_fd,
        const char *path, CatalogFile *previous, CatalogFile **ret) G_GNUC_WARN_UNUSED_RESULT;

/* Looks at the images that DESCRIPTOR names. Returns 0 or a negative errno. */
int catalog_file_probe_images(
        const CatalogReading *reading, const Descriptor *descriptor, FirmwareImages *ret)
        G_GNUC_WARN_UNUSED_RESULT;

/* Adds to REASONS (of char*) what keeps the images of DESCRIPTOR from being used on any machine:
 * file-missing:PATH, file-unreadable:PATH, bad-format:PATH. TRUE: nothing does. */
gboolean catalog_file_check_images(
        const Descriptor *descriptor, const FirmwareImages *images, GPtrArray *reasons);
