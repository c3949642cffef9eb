/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "packfile.h"

/*
 * The records in an archive of pack: manifest.json, which describes the archive, and pin.json, what
 * the VM was pinned to. Only its architecture, machine, requirements and NVRAM become those of a
 * new VM, as if a caller had sent them. The rest is compared with what the new VM gets.
 */

typedef struct Packed {
    PackFile file;
    char *architecture;
    char *machine;
    GVariant *requirements; /* a{sv} */
    char *firmware;
    char *description;
    char *executable_digest; /* "": unknown */
    char *template_digest;
    char *nvram_format; /* NULL: no NVRAM */
    JsonNode *resolution;
} Packed;

#define PACKED_INIT ((Packed){.file = PACKFILE_INIT})

void packed_clear(Packed *packed);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Packed, packed_clear)

/* Adds the two records of the VM ID to FILE, which has the NVRAM already. PROPERTIES and RESOLUTION
 * are the service's. Returns a negative errno if the NVRAM cannot be read. */
int packed_add_records(PackFile *file, const char *id, GVariant *properties, GVariant *resolution)
        G_GNUC_WARN_UNUSED_RESULT;

/* Reads and checks an archive; NAME is for messages. */
gboolean packed_read(int fd, const char *name, Packed *ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* The SHA-256 of a new VM's firmware, or of one on this host; "": unknown. */
typedef struct PackedDigests {
    const char *executable;
    const char *template;
} PackedDigests;

/* Returns what differs between the packed VM and one with RESOLUTION: keys of a resolution; an
 * unknown digest does not. *RET_IS_EQUIVALENT: a guest cannot tell its firmware from the packed
 * one, but by its version. */
GStrv packed_compare(
        const Packed *packed, GVariant *resolution, const PackedDigests *digests,
        gboolean *ret_is_equivalent) G_GNUC_WARN_UNUSED_RESULT;
