/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/emulator-cache.h"

#include "service/sd-cleanup.h"
#include "service/task.h"
#include "vm/emulator.h"

/* An emulator answers in about 100 ms. */
#define PATIENCE_USEC (2 * G_USEC_PER_SEC)

struct EmulatorCache {
    sd_event *event;
    void (*changed)(gpointer userdata);
    gpointer userdata;
    GHashTable *answers; /* architecture -> Emulator; never changed, only replaced */

    Task *task;       /* runs the queries; NULL: none is running */
    GPtrArray *asked; /* of Emulator; owned by TASK while it runs */
    sd_event_source *patience;
    gboolean is_awaited;
};

static GHashTable *answers_new(void) {
    return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)emulator_unref);
}

static void add_answer(GHashTable *answers, Emulator *emulator) {
    g_hash_table_replace(answers, emulator->architecture, emulator_ref(emulator));
}

static void ask_all(gpointer data) {
    emulator_ask(((EmulatorCache *)data)->asked);
}

/* Warns once for each file, although the emulator is queried again. */
static void complain(const Emulator *emulator, const Emulator *before) {
    gboolean is_known = before && emulator_is_same_file(before, emulator);

    if (emulator->fault)
        g_log_structured(
                G_LOG_DOMAIN, is_known ? G_LOG_LEVEL_DEBUG : G_LOG_LEVEL_WARNING, "MESSAGE",
                "%s does not tell its machine types: %s", emulator->path, emulator->fault);
}

static void stop_waiting(EmulatorCache *cache) {
    cache->is_awaited = FALSE;
    cache->patience = sd_event_source_unref(cache->patience);
    cache->changed(cache->userdata);
}

static int on_patience_over(sd_event_source *source, uint64_t usec, void *userdata) {
    stop_waiting(userdata);
    return 0;
}

static void on_answers(gpointer userdata) {
    EmulatorCache *cache = userdata;
    g_autoptr(GHashTable) before = cache->answers;
    g_autoptr(GPtrArray) asked = g_steal_pointer(&cache->asked);
    GHashTableIter iter;
    gpointer emulator;

    g_clear_pointer(&cache->task, task_free);
    cache->answers = answers_new();
    g_hash_table_iter_init(&iter, before);
    while (g_hash_table_iter_next(&iter, NULL, &emulator))
        add_answer(cache->answers, emulator);
    for (guint i = 0; i < asked->len; i++) {
        const Emulator *answer = asked->pdata[i];

        complain(answer, g_hash_table_lookup(before, answer->architecture));
        add_answer(cache->answers, asked->pdata[i]);
    }
    stop_waiting(cache);
}

EmulatorCache *emulator_cache_new(
        sd_event *event, void (*changed)(gpointer userdata), gpointer userdata) {
    EmulatorCache *cache = g_new0(EmulatorCache, 1);

    cache->event = sd_event_ref(event);
    cache->changed = changed;
    cache->userdata = userdata;
    cache->answers = answers_new();
    return cache;
}

void emulator_cache_free(EmulatorCache *cache) {
    if (!cache)
        return;

    task_free(cache->task);
    g_clear_pointer(&cache->asked, g_ptr_array_unref);
    g_hash_table_unref(cache->answers);
    sd_event_source_unref(cache->patience);
    sd_event_unref(cache->event);
    g_free(cache);
}

GHashTable *emulator_cache_get_answers(const EmulatorCache *cache) {
    return g_hash_table_ref(cache->answers);
}

void emulator_cache_ask(EmulatorCache *cache, GPtrArray *emulators) {
    static const TaskFunctions functions = {.run = ask_all, .done = on_answers};

    if (cache->task || emulators->len == 0)
        return;
    cache->asked = g_ptr_array_ref(emulators);
    if (task_start(cache->event, &functions, cache, &cache->task) < 0) {
        g_clear_pointer(&cache->asked, g_ptr_array_unref);
        return;
    }
    cache->is_awaited = sd_event_add_time_relative(
                                cache->event, &cache->patience, CLOCK_MONOTONIC, PATIENCE_USEC, 0,
                                on_patience_over, cache) >= 0;
}

gboolean emulator_cache_is_awaited(const EmulatorCache *cache) {
    return cache->is_awaited;
}

GPtrArray *emulator_cache_add_types(
        GHashTable *answers, MachineTable *table, gboolean ask_again, const FileVisitor *visitor) {
    GPtrArray *unknown = g_ptr_array_new_with_free_func((GDestroyNotify)emulator_unref);

    for (const char *const *architecture = machine_table_get_architectures(table); *architecture;
         architecture++) {
        const Emulator *known = g_hash_table_lookup(answers, *architecture);
        g_autoptr(Emulator) found = emulator_find(*architecture, visitor);
        gboolean is_known = found && known && emulator_is_same_file(known, found);

        if (found && (!is_known || (known->fault && ask_again)))
            g_ptr_array_add(unknown, emulator_ref(found));
        if (is_known)
            emulator_add_to(known, table);
    }
    return unknown;
}
