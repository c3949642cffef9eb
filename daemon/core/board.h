/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/qemu.h"

/*
 * How QEMU's board code handles firmware: one section of the machine table.
 * data/machines/50-x86.conf documents the keys.
 */

typedef enum FlashPlacement {
    /* each unit at its own address */
    FLASH_PLACEMENT_FIXED,
    /* unit 0 ends at the board's top, each further unit ends where the previous one begins */
    FLASH_PLACEMENT_STACKED_DOWN,
} FlashPlacement;

#define BOARD_MAX_UNITS 2

typedef struct Board {
    char *glob; /* of canonical machine types; the section's name */
    GStrv architectures;
    GStrv aliases;
    char *canonical; /* the type behind the aliases if no QEMU can be asked; NULL without aliases */

    guint n_units;     /* 0: the board has no pflash */
    QemuVersion since; /* the section describes the board since then; 0: always */
    /* -machine takes pflash0= and pflash1= since then; 0: always, G_MAXUINT32: never */
    QemuVersion pflash_properties_since;
    char *driver;
    GStrv names;
    FlashPlacement placement;
    guint64 top;                        /* address; stacked-down only */
    guint64 addresses[BOARD_MAX_UNITS]; /* fixed only */
    guint n_addresses;
    guint64 unit_size;      /* bytes; 0: as large as its image */
    guint64 max_unit_size;  /* bytes; 0: none */
    guint64 max_total_size; /* bytes, all units; 0: none */
    guint64 sector_length;  /* bytes */
    guint8 width;
    guint8 device_width;
    guint8 max_device_width;
    gboolean big_endian;
    guint16 id[4];

    guint64 bios_size_multiple; /* bytes; 0: any size */
    guint64 bios_max_size;      /* bytes; 0: none */

    char *s3_device; /* its property disable_s3 turns S3 off; NULL: the board has no S3 */
} Board;

void board_free(Board *board);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Board, board_free)

/* Returns NULL with *RET_FAULT, which names section and key, if the section is invalid. */
Board *board_read(GKeyFile *file, const char *section, char **ret_fault) G_GNUC_WARN_UNUSED_RESULT;

gboolean board_has_architecture(const Board *board, const char *architecture);
gboolean board_has_alias(const Board *board, const char *name);
