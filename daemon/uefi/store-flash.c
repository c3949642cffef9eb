/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "uefi/store.h"
#include "uefi/volume.h"

/* edk2's variable store in a flash volume: MdeModulePkg/Include/Guid/VariableFormat.h, read as
 * MdeModulePkg/Universal/Variable/RuntimeDxe/VariableParsing.c reads it. */

#define START_ID 0x55aa
#define ALIGNMENT 4
#define ALL_ONES G_MAXUINT32

/* A record's state. Bits are cleared one after another; other values are those of deleted records.
 */
#define STATE_ERASED 0xff
#define STATE_ADDED 0x3f
#define STATE_IN_DELETED_TRANSITION 0x3e

typedef struct Reader {
    Store *store;
    GBytes *bytes;
    const guint8 *volume; /* the data of BYTES */
    VolumeStore area;
    GHashTable *live; /* GUID and name as stored (GBytes) -> offset of the effective record */
} Reader;

typedef struct Record {
    guint32 offset;
    guint32 size;
    guint8 state;
    gboolean is_torn;
    guint32 attributes;
    guint32 name, name_size;
    guint32 data, data_size;
    guint32 guid;
} Record;

static guint32 align(guint32 offset) {
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static guint32 header_size(const Reader *reader) {
    return reader->area.is_authenticated ? 60 : 32;
}

/* Returns FALSE if no record begins at OFFSET. A record that runs past the end has size 0. */
static gboolean read_record(const Reader *reader, guint32 offset, Record *ret) {
    const guint8 *p = reader->volume + offset;
    /* AUTHENTICATED_VARIABLE_HEADER has count, time and key between attributes and sizes */
    const guint32 sizes = reader->area.is_authenticated ? 36 : 8;
    guint64 size = header_size(reader);

    if (offset > reader->area.end || reader->area.end - offset < size || efi_u16(p) != START_ID)
        return FALSE;

    *ret = (Record){
            .offset = offset,
            .state = p[2],
            .attributes = efi_u32(p + 4),
            .name = offset + (guint32)size,
            .name_size = efi_u32(p + sizes),
            .data_size = efi_u32(p + sizes + 4),
            .guid = offset + sizes + 8,
    };
    ret->is_torn = ret->state == STATE_ERASED || ret->attributes == ALL_ONES ||
            ret->name_size == ALL_ONES || ret->data_size == ALL_ONES;
    if (ret->is_torn) {
        /* edk2 counts it as a header alone, so it writes the next record behind the header */
        ret->size = (guint32)size;
        return TRUE;
    }

    size += (guint64)ret->name_size + ret->data_size;
    if (size > reader->area.end - offset)
        return TRUE;
    ret->size = (guint32)size;
    ret->data = ret->name + ret->name_size;
    return TRUE;
}

/* Returns TRUE for UCS-2 of at least one character, with its only NUL at the end. */
static gboolean is_name(const guint8 *name, guint32 size) {
    if (size < 4 || size % 2 != 0)
        return FALSE;
    for (guint32 i = 0; i < size; i += 2)
        if ((efi_u16(name + i) == 0) != (i == size - 2))
            return FALSE;
    return TRUE;
}

static GBytes *make_identity(const Reader *reader, const Record *record) {
    GByteArray *identity = g_byte_array_new();

    g_byte_array_append(identity, reader->volume + record->guid, sizeof(EfiGuid));
    g_byte_array_append(identity, reader->volume + record->name, record->name_size);
    return g_byte_array_free_to_bytes(identity);
}

/* A record that is being replaced is effective until the new one is live: the first live record of
 * an identity counts, or else the last one that is being replaced. */
static void add_record(Reader *reader, const Record *record) {
    g_autoptr(GBytes) identity = make_identity(reader, record);
    const guint32 known = GPOINTER_TO_UINT(g_hash_table_lookup(reader->live, identity));

    if (known == 0 || reader->volume[known + 2] != STATE_ADDED)
        (void)g_hash_table_replace(
                reader->live, g_steal_pointer(&identity), GUINT_TO_POINTER(record->offset));
}

static gboolean is_erased(const guint8 *bytes, gsize size) {
    return size == 0 || (bytes[0] == 0xff && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* edk2 since 2023 writes header, name and data in one step, and the state behind them: the name of
 * a torn record, or a part of it, may follow its header. The firmware finds at its next start that
 * the space behind the header is not free, and reclaims the store: no other variable is lost if
 * nothing but the torn record is there. Returns its end then, or else that of its header. */
static guint32 end_of_torn(const Reader *reader, const Record *record) {
    const guint64 size = (guint64)record->size + record->name_size + record->data_size;
    const guint32 limit = reader->area.end;
    const guint8 *volume = reader->volume;
    guint32 data, end;

    if (size > limit - record->offset || is_erased(volume + record->name, limit - record->name))
        return record->name;
    data = record->name + record->name_size;
    end = align(record->offset + (guint32)size);
    if (is_erased(volume + end, limit - end) &&
        (is_name(volume + record->name, record->name_size) ||
         is_erased(volume + data, limit - data)))
        return end;
    return record->name;
}

static guint32 read_records(Reader *reader) {
    guint32 offset = reader->area.records;
    Record record = {0};

    while (read_record(reader, offset, &record)) {
        if (record.size == 0) {
            store_set_health(
                    reader->store, STORE_HEALTH_DAMAGED,
                    "byte %u: a variable runs past the end of the store", offset);
            break;
        }
        if (record.is_torn)
            store_set_health(
                    reader->store, STORE_HEALTH_TORN, "byte %u: a variable is incomplete", offset);
        else if (record.state == STATE_ADDED || record.state == STATE_IN_DELETED_TRANSITION) {
            if (is_name(reader->volume + record.name, record.name_size))
                add_record(reader, &record);
            else
                store_set_health(
                        reader->store, STORE_HEALTH_DAMAGED,
                        "byte %u: the name of a variable is malformed", offset);
        }
        offset = align(offset + record.size);
    }
    return record.is_torn ? end_of_torn(reader, &record) : MIN(offset, reader->area.end);
}

/* edk2 writes the next record at END, and reads no records behind it. */
static void check_free(Reader *reader, guint32 end) {
    const guint8 *p = reader->volume + end;
    const guint32 size = reader->area.end - end;

    if (is_erased(p, size))
        return;
    if (size > 1 && p[0] == (START_ID & 0xff) && is_erased(p + 1, size - 1))
        store_set_health(
                reader->store, STORE_HEALTH_TORN, "byte %u: a variable is incomplete", end);
    else
        store_set_health(
                reader->store, STORE_HEALTH_DAMAGED,
                "byte %u: neither a variable nor free space begins here", end);
}

static StoreVariable *make_variable(const Reader *reader, const Record *record) {
    StoreVariable *variable = g_new0(StoreVariable, 1);

    variable->guid = efi_guid(reader->volume + record->guid);
    variable->name = efi_text(reader->volume + record->name, record->name_size / 2 - 1);
    variable->attributes = record->attributes;
    variable->data = g_bytes_new_from_bytes(reader->bytes, record->data, record->data_size);
    variable->origin = g_bytes_new_from_bytes(reader->bytes, record->offset, record->size);
    if (reader->area.is_authenticated)
        memcpy(variable->time, reader->volume + record->offset + 16, EFI_TIME_SIZE);
    return variable;
}

static int compare_offsets(gconstpointer a, gconstpointer b) {
    const guint first = GPOINTER_TO_UINT(*(const gconstpointer *)a);
    const guint second = GPOINTER_TO_UINT(*(const gconstpointer *)b);

    return first < second ? -1 : first > second;
}

static void collect_variables(const Reader *reader) {
    g_autoptr(GPtrArray) offsets = g_ptr_array_new();
    GHashTableIter iter;
    gpointer offset;
    Record record;

    g_hash_table_iter_init(&iter, reader->live);
    while (g_hash_table_iter_next(&iter, NULL, &offset))
        g_ptr_array_add(offsets, offset);
    g_ptr_array_sort(offsets, compare_offsets);

    for (guint i = 0; i < offsets->len; i++) {
        const gboolean is_record =
                read_record(reader, GPOINTER_TO_UINT(offsets->pdata[i]), &record);

        g_assert(is_record);
        reader->store->live += align(record.size);
        g_ptr_array_add(reader->store->variables, make_variable(reader, &record));
    }
}

/* BYTES has all bytes of the layout's variables, with a pending write applied. */
static void read_volume(Store *store, GBytes *bytes, const VolumeLayout *layout) {
    const guint8 *volume = g_bytes_get_data(bytes, NULL);
    Reader reader = {.store = store, .bytes = bytes, .volume = volume};
    g_autoptr(GHashTable) live = NULL;
    g_autofree char *fault = volume_check_header(volume, layout->variables);
    guint32 end;

    if (!fault)
        fault = volume_check_store(volume, layout, &reader.area);
    if (fault) {
        store_set_health(store, STORE_HEALTH_DAMAGED, "%s", fault);
        return;
    }

    live = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    reader.live = live;
    store->kind = reader.area.is_authenticated ? STORE_KIND_EDK2 : STORE_KIND_EDK2_PLAIN;
    store->is_readable = TRUE;
    store->record_header = header_size(&reader);
    store->largest =
            reader.area.is_authenticated ? layout->largest_authenticated : layout->largest_plain;
    store->largest_plain = layout->largest_plain;

    end = read_records(&reader);
    if (store->health != STORE_HEALTH_DAMAGED)
        check_free(&reader, end);
    collect_variables(&reader);
    store->dead = end - reader.area.records - store->live;
    store->free = reader.area.end - end;
}

/* While a write is pending, the volume header itself may be erased. */
static const VolumeLayout *find_layout(
        const guint8 *volume, gsize size, gboolean *ret_is_pending, VolumeWrite *ret_write) {
    const VolumeLayout *layout = volume_get_layout(volume, size);

    *ret_is_pending = FALSE;
    if (layout) {
        *ret_is_pending = size >= layout->length && volume_find_write(volume, layout, ret_write);
        return layout;
    }
    for (guint i = 0; i < VOLUME_N_LAYOUTS; i++)
        if (size >= volume_layouts[i].length &&
            volume_find_write(volume, &volume_layouts[i], ret_write) && ret_write->target == 0) {
            *ret_is_pending = TRUE;
            return &volume_layouts[i];
        }
    return NULL;
}

static void read_pending(
        Store *store, const guint8 *volume, const VolumeLayout *layout, const VolumeWrite *write) {
    guint8 *whole = g_memdup2(volume, layout->variables);
    g_autoptr(GBytes) bytes = g_bytes_new_take(whole, layout->variables);

    store_set_health(
            store, STORE_HEALTH_PENDING,
            "byte %u: a fault-tolerant write is half done; its spare copy was read", write->record);
    if (write->target < layout->variables)
        memcpy(whole + write->target, volume + layout->spare,
               MIN(write->size, layout->variables - write->target));
    read_volume(store, bytes, layout);
}

static gboolean is_blank(const guint8 *bytes, gsize size) {
    return (bytes[0] == 0 || bytes[0] == 0xff) && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static void read_formatted(Store *store, const guint8 *volume, gsize size) {
    gboolean is_pending;
    VolumeWrite write;
    const VolumeLayout *layout = find_layout(volume, size, &is_pending, &write);

    if (!layout) {
        g_autofree char *fault = volume_check_header(volume, size);

        store_set_health(store, STORE_HEALTH_DAMAGED, "%s", fault);
    } else if (size < layout->length)
        store_set_health(
                store, STORE_HEALTH_TRUNCATED,
                "byte %" G_GSIZE_FORMAT ": the file ends, and the store has %u bytes", size,
                layout->length);
    else if (is_pending)
        read_pending(store, volume, layout, &write);
    else
        read_volume(store, store->bytes, layout);
}

static gsize store_length(const guint8 *volume, gsize size) {
    const VolumeLayout *layout = volume_get_layout(volume, size);

    return layout ? MIN(size, layout->length) : size;
}

Store *store_read_flash(GBytes *head, guint64 size) {
    Store *store = store_new(STORE_KIND_UNKNOWN);
    gsize length;
    const guint8 *volume = g_bytes_get_data(head, &length);

    g_assert(length == MIN(size, STORE_MAX_LENGTH));
    store->size = size;
    store->bytes = g_bytes_new_from_bytes(head, 0, store_length(volume, length));
    if (length > 0 && !is_blank(volume, length)) {
        read_formatted(store, volume, length);
        return store;
    }

    store->kind = STORE_KIND_BLANK;
    store->is_readable = TRUE;
    store_set_health(
            store, STORE_HEALTH_EMPTY, "%s",
            length == 0 ? "the file is empty" : "all bytes are alike: it is not formatted");
    return store;
}

GBytes *store_complete_write(GBytes *bytes) {
    gsize size;
    const guint8 *volume = g_bytes_get_data(bytes, &size);
    gboolean is_pending;
    VolumeWrite write;
    const VolumeLayout *layout =
            size < VOLUME_HEADER_SIZE ? NULL : find_layout(volume, size, &is_pending, &write);
    guint8 *completed;

    if (!layout || !is_pending)
        return NULL;
    completed = g_memdup2(volume, size);
    /* each turn completes one record of the queue */
    do
        volume_complete_write(completed, layout, &write);
    while (volume_find_write(completed, layout, &write));
    return g_bytes_new_take(completed, size);
}
