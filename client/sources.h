/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog.h"
#include "options.h"
#include "service/config.h"
#include "vm/emulator.h"

/*
 * What the service reads, for the verbs that read it themselves: the service's configuration, with
 * the directories that the command line names in its place.
 */

/* The root directory of --root, and what of it is the caller's own. VISITOR is for the functions
 * that read files; without --root it changes nothing. */
typedef struct SourcesRoot {
    GStrv outside;
    FileRoot root;
    FileVisitor visitor;
} SourcesRoot;

/* Error: CLIENT_ERROR. */
gboolean sources_open_root(const Options *options, SourcesRoot *ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
void sources_root_clear(SourcesRoot *root);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SourcesRoot, sources_root_clear)

#define SOURCES_ROOT_INIT ((SourcesRoot){.root.fd = FILE_FD_NONE})

/* Prints the configuration's faults on standard error. ROOT may be NULL. Error: CLIENT_ERROR. */
Config *sources_load_config(const Options *options, const FileRoot *root, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Returns the known certificates of CONFIG. Prints the faults of their files on standard error.
 * Error: CLIENT_ERROR. */
KnownCertificates *sources_load_known(const Config *config, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Returns the layers of CONFIG, or the one file of --descriptor, as CatalogLayers. */
GPtrArray *sources_list_layers(const Options *options, const Config *config, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Adds to MACHINES what the installed QEMU of ARCHITECTURE (NULL: of each of the table's) says of
 * itself. Its answer is kept in the user's cache, where that can be written. */
void sources_ask_emulators(MachineTable *machines, const char *architecture);

/* Queries one emulator, and keeps no answer. */
void sources_ask_emulator(Emulator *emulator);
