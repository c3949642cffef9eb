/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/siglist.h"

#include <string.h>

#include "uefi/certificate.h"
#include "uefi/digest.h"

/* a5c059a1-94e4-4aa7-87b5-ab155c2bf072 */
const EfiGuid siglist_x509_guid = {
        {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0,
         0x72}};

static const struct {
    SiglistType type;
    EfiGuid guid;
} types[] = {
        /* a5c059a1-94e4-4aa7-87b5-ab155c2bf072 */
        {SIGLIST_X509,
         {{0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0,
           0x72}}},
        /* c1c41626-504c-4092-aca9-41f936934328 */
        {SIGLIST_SHA256,
         {{0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43,
           0x28}}},
        /* 452e8ced-dfff-4b8c-ae01-5118862e682c */
        {SIGLIST_EXTERNAL_MANAGEMENT,
         {{0xed, 0x8c, 0x2e, 0x45, 0xff, 0xdf, 0x8c, 0x4b, 0xae, 0x01, 0x51, 0x18, 0x86, 0x2e, 0x68,
           0x2c}}},
};

SiglistType siglist_find_type(const EfiGuid *guid) {
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        if (efi_guid_equal(&types[i].guid, guid))
            return types[i].type;
    return SIGLIST_OTHER;
}

/* GUID: the type of the list. */
typedef void (*EntryFunc)(
        const EfiGuid *guid, const EfiGuid *owner, const guint8 *data, gsize size,
        gpointer userdata);

/* Returns the size of the list in BYTES, or 0 if it is malformed. */
static gsize visit_list(const guint8 *bytes, gsize size, EntryFunc func, gpointer userdata) {
    EfiGuid guid;
    gsize list_size, header_size, entry_size;
    SiglistType type;

    if (size < SIGLIST_HEADER_SIZE)
        return 0;
    guid = efi_guid(bytes);
    type = siglist_find_type(&guid);
    list_size = efi_u32(bytes + 16);
    header_size = efi_u32(bytes + 20);
    entry_size = efi_u32(bytes + 24);
    if (list_size > size || list_size < SIGLIST_HEADER_SIZE ||
        header_size > list_size - SIGLIST_HEADER_SIZE || entry_size < sizeof(EfiGuid) ||
        (list_size - SIGLIST_HEADER_SIZE - header_size) % entry_size != 0 ||
        (type == SIGLIST_SHA256 && entry_size != SIGLIST_HASH_SIZE))
        return 0;

    for (gsize at = SIGLIST_HEADER_SIZE + header_size; at < list_size; at += entry_size) {
        const EfiGuid owner = efi_guid(bytes + at);

        func(&guid, &owner, bytes + at + sizeof owner, entry_size - sizeof owner, userdata);
    }
    return list_size;
}

static gsize visit_lists(const guint8 *bytes, gsize size, EntryFunc func, gpointer userdata) {
    gsize at = 0;

    while (at < size) {
        const gsize list_size = visit_list(bytes + at, size - at, func, userdata);

        if (list_size == 0)
            break;
        at += list_size;
    }
    return at;
}

typedef struct Visit {
    SiglistFunc func;
    gpointer userdata;
} Visit;

static void call_func(
        const EfiGuid *guid, const EfiGuid *owner, const guint8 *data, gsize size,
        gpointer userdata) {
    const Visit *visit = userdata;

    visit->func(siglist_find_type(guid), owner, data, size, visit->userdata);
}

gsize siglist_visit(const guint8 *bytes, gsize size, SiglistFunc func, gpointer userdata) {
    Visit visit = {func, userdata};

    return visit_lists(bytes, size, call_func, &visit);
}

/* -- entries by themselves -------------------------------------------------------------- */

SiglistEntry *siglist_entry_new(const EfiGuid *type, const EfiGuid *owner, GBytes *data) {
    SiglistEntry *entry = g_new0(SiglistEntry, 1);

    entry->type = *type;
    entry->owner = *owner;
    entry->data = g_bytes_ref(data);
    return entry;
}

void siglist_entry_free(SiglistEntry *entry) {
    if (!entry)
        return;
    g_bytes_unref(entry->data);
    g_free(entry);
}

static void add_entry(
        const EfiGuid *guid, const EfiGuid *owner, const guint8 *data, gsize size,
        gpointer userdata) {
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);

    g_ptr_array_add(userdata, siglist_entry_new(guid, owner, bytes));
}

/* No type has a header in front of its entries. Returns the offset of a list with one, or SIZE. */
static gsize find_header(const guint8 *lists, gsize size) {
    gsize at = 0;

    while (at < size && efi_u32(lists + at + 20) == 0)
        at += efi_u32(lists + at + 16);
    return at;
}

GPtrArray *siglist_read(GBytes *bytes, gsize *ret_offset) {
    g_autoptr(GPtrArray) entries =
            g_ptr_array_new_with_free_func((GDestroyNotify)siglist_entry_free);
    gsize size;
    const guint8 *data = g_bytes_get_data(bytes, &size);
    gsize end = visit_lists(data, size, add_entry, entries);

    if (end == size)
        end = find_header(data, size);
    if (end == size)
        return g_steal_pointer(&entries);
    *ret_offset = end;
    return NULL;
}

/* A certificate has a list of its own. */
static gboolean share_list(const SiglistEntry *a, const SiglistEntry *b) {
    return efi_guid_equal(&a->type, &b->type) && !efi_guid_equal(&a->type, &siglist_x509_guid) &&
            g_bytes_get_size(a->data) == g_bytes_get_size(b->data);
}

/* Returns the index behind the list that begins with entry FIRST. */
static guint append_list(GByteArray *lists, const GPtrArray *entries, guint first) {
    const SiglistEntry *entry = entries->pdata[first];
    const guint32 entry_size = (guint32)(sizeof(EfiGuid) + g_bytes_get_size(entry->data));
    guint8 header[SIGLIST_HEADER_SIZE] = {};
    guint end = first + 1;

    while (end < entries->len && share_list(entry, entries->pdata[end]))
        end++;
    memcpy(header, entry->type.bytes, sizeof entry->type.bytes);
    efi_put_u32(header + 16, SIGLIST_HEADER_SIZE + (end - first) * entry_size);
    efi_put_u32(header + 24, entry_size);
    g_byte_array_append(lists, header, sizeof header);
    for (guint i = first; i < end; i++) {
        entry = entries->pdata[i];
        g_byte_array_append(lists, entry->owner.bytes, sizeof entry->owner.bytes);
        g_byte_array_append(
                lists, g_bytes_get_data(entry->data, NULL), (guint)g_bytes_get_size(entry->data));
    }
    return end;
}

GBytes *siglist_write(const GPtrArray *entries) {
    GByteArray *lists;

    if (entries->len == 0)
        return NULL;
    lists = g_byte_array_new();
    for (guint i = 0; i < entries->len;)
        i = append_list(lists, entries, i);
    return g_byte_array_free_to_bytes(lists);
}

const char *siglist_entry_get_fault(const SiglistEntry *entry) {
    static const struct {
        EfiGuid guid;
        gsize size;
    } fixed[] = {
            /* SHA-1, SHA-224, SHA-256, SHA-384, SHA-512 */
            {{{0x12, 0xa5, 0x6c, 0x82, 0x10, 0xcf, 0xc9, 0x4a, 0xb1, 0x87, 0xbe, 0x01, 0x49, 0x66,
               0x31, 0xbd}},
             20},
            {{{0x33, 0x52, 0x6e, 0x0b, 0x5c, 0xa6, 0xc9, 0x44, 0x94, 0x07, 0xd9, 0xab, 0x83, 0xbf,
               0xc8, 0xbd}},
             28},
            {{{0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93,
               0x43, 0x28}},
             32},
            {{{0x07, 0x53, 0x3e, 0xff, 0xd0, 0x9f, 0xc9, 0x48, 0x85, 0xf1, 0x8a, 0xd5, 0x6c, 0x70,
               0x1e, 0x01}},
             48},
            {{{0xae, 0x0f, 0x3e, 0x09, 0xc4, 0xa6, 0x50, 0x4f, 0x9f, 0x1b, 0xd4, 0x1e, 0x2b, 0x89,
               0xc1, 0x9a}},
             64},
            /* RSA-2048 */
            {{{0xe8, 0x66, 0x57, 0x3c, 0x9c, 0x26, 0x34, 0x4e, 0xaa, 0x14, 0xed, 0x77, 0x6e, 0x85,
               0xb3, 0xb6}},
             256},
            /* SHA-256, SHA-384 and SHA-512 of a certificate, with a time */
            {{{0x92, 0xa4, 0xd2, 0x3b, 0xc0, 0x96, 0x79, 0x40, 0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1,
               0x03, 0xed}},
             48},
            {{{0x6e, 0x87, 0x76, 0x70, 0xc2, 0x80, 0xe6, 0x4e, 0xaa, 0xd2, 0x28, 0xb3, 0x49, 0xa6,
               0x86, 0x5b}},
             64},
            {{{0x63, 0xbf, 0x6d, 0x44, 0x02, 0x25, 0xda, 0x4c, 0xbc, 0xfa, 0x24, 0x65, 0xd2, 0xb0,
               0xfe, 0x9d}},
             80},
    };
    gsize size;
    const guint8 *data = g_bytes_get_data(entry->data, &size);

    if (efi_guid_equal(&entry->type, &siglist_x509_guid))
        return certificate_is_whole(data, size) ? NULL : "not a certificate";
    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        if (efi_guid_equal(&entry->type, &fixed[i].guid))
            return size == fixed[i].size ? NULL : "not of the size of its type";
    return "of a type that the firmware does not know";
}

char *siglist_entry_get_digest(const SiglistEntry *entry) {
    gsize size;
    const guint8 *data = g_bytes_get_data(entry->data, &size);
    g_autoptr(GString) digits = NULL;

    if (siglist_find_type(&entry->type) != SIGLIST_SHA256)
        return digest_bytes(data, size);
    digits = g_string_new(NULL);
    for (gsize i = 0; i < size; i++)
        g_string_append_printf(digits, "%02x", data[i]);
    return g_strdup(digits->str);
}
