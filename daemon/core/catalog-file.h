/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "descriptor.h"
#include "image.h"

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

/* One descriptor file of one layer. */
typedef struct CatalogFile {
    char *name; /* of the firmware: the file name without .json */
    char *path;
    FirmwareLayer layer;

    /* A file has a descriptor, or is a mask, or has a fault (the reason it is invalid). */
    Descriptor *descriptor;
    gboolean is_mask;
    char *fault;

    ImageInfo executable; /* set where an effective descriptor names such an image */
    ImageInfo nvram_template;

    /* NULL, or the file of a more specific layer that takes this one's place. */
    const struct CatalogFile *overridden_by;

    /* Of effective files that are no mask: */
    guint rank;
    FirmwareState state;
    GStrv reasons;   /* why it is not usable; empty where it is */
    GStrv overrides; /* paths, most specific layer first */
} CatalogFile;

void catalog_file_free(CatalogFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CatalogFile, catalog_file_free)

/* *.json, and not hidden. */
gboolean catalog_file_is_name(const char *file_name);

/* Reads the file of a layer; DIR_FD is the layer's directory. Returns 0, with *RET NULL where it is
 * no descriptor (a directory, a device, gone meanwhile), or a negative errno where the system
 * failed. */
int catalog_file_read(
        const CatalogLayer *layer, int dir_fd, const char *file_name, CatalogFile **ret)
        G_GNUC_WARN_UNUSED_RESULT;

/* Looks at the images of a file with a descriptor. SEEN (char* -> ImageInfo, both owned) keeps what
 * is known already: many descriptors name one image. Returns 0 or a negative errno. */
int catalog_file_probe_images(CatalogFile *file, GHashTable *seen) G_GNUC_WARN_UNUSED_RESULT;

/* What stands against FILE's images whatever the machine: file-missing:PATH, file-unreadable:PATH,
 * bad-format:PATH, added to REASONS (of char*). TRUE where nothing does. */
gboolean catalog_file_check_images(const CatalogFile *file, GPtrArray *reasons);
