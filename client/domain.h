/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The firmware of a libvirt domain, as its XML (libvirt's formatdomain) describes it.
 */

/* Bytes of XML. libvirt's own parser takes more; domains of thousands of disks have less. */
#define DOMAIN_MAX_SIZE ((gsize)4 << 20)

/* A string is NULL, and a flag FALSE, if the XML has no such element or attribute. */
typedef struct Domain {
    char *name;
    char *uuid;
    char *architecture;  /* a QEMU target name */
    char *machine;       /* libvirt fills in the canonical type */
    char *auto_firmware; /* <os firmware=>: libvirt chooses */
    char *loader;
    char *loader_type;
    char *loader_format;
    gboolean loader_readonly;
    gboolean loader_secure;
    gboolean loader_stateless;
    char *nvram;
    char *nvram_type;
    char *nvram_format;
    char *nvram_template;
    char *template_format;
    char *varstore;
    char *varstore_template;
    gboolean has_smm;
    gboolean has_acpi;
} Domain;

/* Reads the first <domain> of TEXT. Returns NULL with an error: TEXT is no XML or has none, or
 * lacks the architecture or the machine type. NAME is the file, for the message. */
Domain *domain_new_from_xml(const char *name, const char *text, gsize length, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* The same of a file of at most DOMAIN_MAX_SIZE bytes; "-" is standard input. */
Domain *domain_new_from_file(const char *file, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void domain_free(Domain *domain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Domain, domain_free)
