/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/key-data.h"

#include <string.h>

#include "base/error.h"
#include "uefi/certificate.h"

/* 77fa9abd-0359-4d32-bd60-28f4e78f784b */
const EfiGuid key_data_microsoft_guid = {
        {0xbd, 0x9a, 0xfa, 0x77, 0x59, 0x03, 0x32, 0x4d, 0xbd, 0x60, 0x28, 0xf4, 0xe7, 0x8f, 0x78,
         0x4b}};
/* a0baa8a3-041d-48a8-bc87-c36d121b5e3d, that of OvmfPkg/EnrollDefaultKeys */
const EfiGuid key_data_default_guid = {
        {0xa3, 0xa8, 0xba, 0xa0, 0x1d, 0x04, 0xa8, 0x48, 0xbc, 0x87, 0xc3, 0x6d, 0x12, 0x1b, 0x5e,
         0x3d}};

/* EFI_VARIABLE_AUTHENTICATION_2: EFI_TIME, then a WIN_CERTIFICATE of these revision and type, which
 * begins with its own length. */
#define UPDATE_CERTIFICATE 16
#define UPDATE_MIN_SIZE (UPDATE_CERTIFICATE + 24)
#define CERTIFICATE_REVISION 0x200
#define CERTIFICATE_TYPE_GUID 0xef1

static gboolean invalid(GError **error, const char *text) {
    g_set_error_literal(error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS, text);
    return FALSE;
}

/* Returns the size of the header of a signed update, or 0 if BYTES are none. */
static gsize measure_update_header(const guint8 *bytes, gsize size) {
    gsize length;

    if (size < UPDATE_MIN_SIZE || efi_u16(bytes + UPDATE_CERTIFICATE + 4) != CERTIFICATE_REVISION ||
        efi_u16(bytes + UPDATE_CERTIFICATE + 6) != CERTIFICATE_TYPE_GUID)
        return 0;
    length = efi_u32(bytes + UPDATE_CERTIFICATE);
    return length <= size - UPDATE_CERTIFICATE ? UPDATE_CERTIFICATE + length : 0;
}

static GPtrArray *read_lists(GBytes *data, GError **error) {
    gsize size, offset;
    const guint8 *bytes = g_bytes_get_data(data, &size);
    const gsize header = measure_update_header(bytes, size);
    g_autoptr(GBytes) lists = g_bytes_new_from_bytes(data, header, size - header);
    g_autoptr(GPtrArray) entries = siglist_read(lists, &offset);

    if (!entries && offset == 0 && header == 0) {
        (void)invalid(
                error,
                "data: neither a certificate (DER, PEM) nor signature lists nor a signed update");
        return NULL;
    }
    if (!entries) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
                "data: byte %" G_GSIZE_FORMAT ": a signature list is malformed", header + offset);
        return NULL;
    }
    return g_steal_pointer(&entries);
}

static void add_certificate(GPtrArray *entries, GBytes *der, const EfiGuid *owner) {
    g_ptr_array_add(entries, siglist_entry_new(&siglist_x509_guid, owner, der));
}

static GPtrArray *read_certificates(GBytes *data, const EfiGuid *owner, GError **error) {
    g_autoptr(GPtrArray) entries =
            g_ptr_array_new_with_free_func((GDestroyNotify)siglist_entry_free);
    g_autoptr(GPtrArray) pem = NULL;
    gsize size;
    const guint8 *bytes = g_bytes_get_data(data, &size);

    if (certificate_is_whole(bytes, size)) {
        add_certificate(entries, data, owner);
        return g_steal_pointer(&entries);
    }
    pem = certificate_read_pem(data);
    if (!pem) {
        (void)invalid(error, "data: a certificate in PEM is malformed");
        return NULL;
    }
    for (guint i = 0; i < pem->len; i++)
        add_certificate(entries, pem->pdata[i], owner);
    return g_steal_pointer(&entries);
}

GPtrArray *key_data_read(GBytes *data, const EfiGuid *owner, GError **error) {
    g_autoptr(GPtrArray) entries = NULL;

    if (g_bytes_get_size(data) > KEY_DATA_MAX_SIZE) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
                "data: %" G_GSIZE_FORMAT " bytes, and at most %d are read", g_bytes_get_size(data),
                KEY_DATA_MAX_SIZE);
        return NULL;
    }
    entries = read_certificates(data, owner, error);
    if (!entries)
        return NULL;
    if (entries->len == 0) {
        g_ptr_array_unref(entries);
        entries = read_lists(data, error);
        if (!entries)
            return NULL;
    }
    if (entries->len == 0) {
        (void)invalid(error, "data: has no certificate and no hash");
        return NULL;
    }
    for (guint i = 0; i < entries->len; i++) {
        const char *fault = siglist_entry_get_fault(entries->pdata[i]);

        if (fault) {
            g_set_error(
                    error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS, "data: entry %u is %s",
                    i + 1, fault);
            return NULL;
        }
    }
    return g_steal_pointer(&entries);
}
