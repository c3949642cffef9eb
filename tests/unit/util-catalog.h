/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog.h"
#include "util.h"

/*
 * A directory with three layers in it (vendor, admin, user) and two images, code.fd of 8192 and
 * vars.fd of 4096 bytes, which fit a pc-q35 machine.
 */
TestDir *test_layers_new(void) G_GNUC_WARN_UNUSED_RESULT;

/* Writes a descriptor into FILE ("vendor/a.json"), as test_document() makes it; each string in it
 * that begins with "/" is below ROOT. */
void test_describe(const char *root, const char *file, const char *member, ...);

/* What the three layers hold, with the machine table that is shipped. */
Catalog *test_catalog(const char *root) G_GNUC_WARN_UNUSED_RESULT;

/* The same from layers, and a table, of the caller's choice. */
GPtrArray *test_layers(const char *root) G_GNUC_WARN_UNUSED_RESULT;
Catalog *test_catalog_of(const GPtrArray *layers, MachineTable *machines) G_GNUC_WARN_UNUSED_RESULT;

/* A firmware that is there. */
const CatalogFile *test_find(const Catalog *catalog, const char *name);

/* The names of all firmware, by rank, joined by ", ". */
void test_assert_firmware(const Catalog *catalog, const char *expected);

/* TEXT with each @ as ROOT. */
char *test_below(const char *root, const char *text) G_GNUC_WARN_UNUSED_RESULT;
