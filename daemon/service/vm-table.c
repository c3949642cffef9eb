/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/vm-table.h"

#include <string.h>

struct VMTable {
    /* sets of VM */
    GHashTable *pinned;
    GHashTable *unreadable;
    GPtrArray *sorted; /* as from vm_table_list(); NULL: a VM has come, gone or been renamed */
};

static guint hash_vm(gconstpointer data) {
    const VM *vm = data;

    return g_str_hash(vm->id) ^ vm->owner;
}

static gboolean is_same_vm(gconstpointer a, gconstpointer b) {
    const VM *vm_a = a;
    const VM *vm_b = b;

    return vm_a->owner == vm_b->owner && g_str_equal(vm_a->id, vm_b->id);
}

static GHashTable *new_set(void) {
    return g_hash_table_new_full(hash_vm, is_same_vm, (GDestroyNotify)vm_free, NULL);
}

VMTable *vm_table_new(void) {
    VMTable *table = g_new0(VMTable, 1);

    table->pinned = new_set();
    table->unreadable = new_set();
    return table;
}

void vm_table_free(VMTable *table) {
    g_hash_table_unref(table->pinned);
    g_hash_table_unref(table->unreadable);
    g_clear_pointer(&table->sorted, g_ptr_array_unref);
    g_free(table);
}

void vm_table_add(VMTable *table, VM *vm) {
    g_clear_pointer(&table->sorted, g_ptr_array_unref);
    g_hash_table_add(vm->pin ? table->pinned : table->unreadable, vm);
}

void vm_table_remove(VMTable *table, const VM *vm) {
    g_clear_pointer(&table->sorted, g_ptr_array_unref);
    g_hash_table_remove(vm->pin ? table->pinned : table->unreadable, vm);
}

char *vm_table_rename(VMTable *table, VM *vm, const char *new_id) {
    char *old_id = vm->id;

    g_clear_pointer(&table->sorted, g_ptr_array_unref);
    (void)g_hash_table_steal(table->pinned, vm);
    vm->id = g_strdup(new_id);
    g_hash_table_add(table->pinned, vm);
    return old_id;
}

static VM *find_in(GHashTable *set, uid_t owner, const char *id) {
    const VM key = {.owner = owner, .id = (char *)id};

    return g_hash_table_lookup(set, &key);
}

VM *vm_table_find(const VMTable *table, uid_t owner, const char *id) {
    return find_in(table->pinned, owner, id);
}

VM *vm_table_find_unreadable(const VMTable *table, uid_t owner, const char *id) {
    return find_in(table->unreadable, owner, id);
}

guint vm_table_get_size(const VMTable *table) {
    return g_hash_table_size(table->pinned);
}

void vm_table_begin(const VMTable *table, GHashTableIter *iter) {
    g_hash_table_iter_init(iter, table->pinned);
}

static int compare_vms(gconstpointer a, gconstpointer b) {
    const VM *vm_a = *(const VM *const *)a;
    const VM *vm_b = *(const VM *const *)b;

    if (vm_a->owner != vm_b->owner)
        return vm_a->owner < vm_b->owner ? -1 : 1;
    return strcmp(vm_a->id, vm_b->id);
}

GPtrArray *vm_table_list(VMTable *table) {
    GHashTableIter iter;
    gpointer vm;

    if (!table->sorted) {
        table->sorted = g_ptr_array_sized_new(vm_table_get_size(table));
        vm_table_begin(table, &iter);
        while (g_hash_table_iter_next(&iter, NULL, &vm))
            g_ptr_array_add(table->sorted, vm);
        g_ptr_array_sort(table->sorted, compare_vms);
    }
    return g_ptr_array_ref(table->sorted);
}

void vm_table_get_usage(const VMTable *table, uid_t owner, guint *ret_n, guint64 *ret_size) {
    GHashTable *const sets[] = {table->pinned, table->unreadable};
    GHashTableIter iter;
    gpointer value;

    *ret_n = 0;
    *ret_size = 0;
    for (guint i = 0; i < G_N_ELEMENTS(sets); i++) {
        g_hash_table_iter_init(&iter, sets[i]);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
            const VM *vm = value;

            *ret_n += vm->owner == owner;
            if (vm->owner == owner && !g_uint64_checked_add(ret_size, *ret_size, vm->size))
                *ret_size = G_MAXUINT64;
        }
    }
}
