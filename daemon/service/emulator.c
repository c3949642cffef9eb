/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/emulator.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "service/sd-cleanup.h"
#include "service/task.h"
#include "vm/confine.h"

#define ANSWER_TIMEOUT_SEC 10
/* An emulator answers in about 100 ms. */
#define PATIENCE_USEC (2 * G_USEC_PER_SEC)
#define ANSWER_MAX_SIZE (1024 * 1024)            /* bytes; QEMU 7.2's longest answer has 14 KiB */
#define MAX_MEMORY (G_GUINT64_CONSTANT(1) << 30) /* bytes; QEMU 7.2 takes less than 300 MiB */
#define MAX_FILE_SIZE (64 * 1024 * 1024)         /* bytes; TCG's buffer is a memfd */

/* RHEL's only emulator. */
#define HOST_EMULATOR "/usr/libexec/qemu-kvm"

typedef struct MachineType {
    char *name;
    char *alias; /* or NULL */
} MachineType;

/* Immutable after its query, and shared between threads. */
typedef struct Emulator {
    char *architecture;
    char *path;
    FileStamp stamp;     /* of the file that was queried */
    QemuVersion version; /* 0: not told */
    GPtrArray *lacks;    /* of char*: types of qemu.h */
    GPtrArray *types;    /* of MachineType; NULL: it gave no answer */
    gboolean is_known;   /* the same file gave no answer before */

    /* during the query */
    GPid pid;
    FileFd input; /* kept open: when it closes, QEMU 10 may drop commands that it has not read */
    FileFd output;
    GByteArray *answer;
} Emulator;

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

static void machine_type_free(MachineType *type) {
    g_free(type->name);
    g_free(type->alias);
    g_free(type);
}

static void stop_asking(Emulator *emulator) {
    if (emulator->pid > 0) {
        (void)confine_end(emulator->pid);
        emulator->pid = 0;
    }
    file_fd_close(emulator->input);
    emulator->input = FILE_FD_NONE;
    file_fd_close(emulator->output);
    emulator->output = FILE_FD_NONE;
    g_clear_pointer(&emulator->answer, g_byte_array_unref);
}

static void emulator_clear(gpointer data) {
    Emulator *emulator = data;

    stop_asking(emulator);
    g_free(emulator->architecture);
    g_free(emulator->path);
    g_clear_pointer(&emulator->types, g_ptr_array_unref);
    g_clear_pointer(&emulator->lacks, g_ptr_array_unref);
}

static void emulator_unref(gpointer data) {
    g_atomic_rc_box_release_full(data, emulator_clear);
}

static GHashTable *answers_new(void) {
    return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, emulator_unref);
}

static void add_answer(GHashTable *answers, Emulator *emulator) {
    g_hash_table_replace(answers, emulator->architecture, g_atomic_rc_box_acquire(emulator));
}

/* -- queries -------------------------------------------------------------------------- */

static gboolean is_program(const char *path, const FileVisitor *visitor) {
    return file_visit(visitor, path) && g_file_test(path, G_FILE_TEST_IS_REGULAR) &&
            access(path, X_OK) == 0;
}

/* Visits all places, because the program can appear in an earlier one. */
static char *find_program(const char *architecture, const FileVisitor *visitor) {
    g_autofree char *name = g_strconcat("qemu-system-", architecture, NULL);
    const char *places = g_getenv("PATH");
    g_auto(GStrv) directories = g_strsplit(places ? places : "", ":", -1);
    g_autofree char *found = NULL;
    struct utsname host;

    for (char **directory = directories; *directory; directory++) {
        g_autofree char *path = g_build_filename(*directory, name, NULL);

        if (path[0] == '/' && is_program(path, visitor) && !found)
            found = g_steal_pointer(&path);
    }
    if (is_program(HOST_EMULATOR, visitor) && !found && uname(&host) == 0 &&
        g_str_equal(host.machine, architecture))
        found = g_strdup(HOST_EMULATOR);
    return g_steal_pointer(&found);
}

/* Warns once for each file, although the emulator is queried again. */
static void complain(const Emulator *emulator, const char *fault) {
    g_log_structured(
            G_LOG_DOMAIN, emulator->is_known ? G_LOG_LEVEL_DEBUG : G_LOG_LEVEL_WARNING, "MESSAGE",
            "%s does not tell its machine types: %s", emulator->path, fault);
}

/* A type's properties are listed only if the QEMU has it, or can load it as a module. */
static char *make_question(const char *architecture) {
    static const char ask[] = "{\"execute\":\"qom-list-properties\",\"id\":\"%s\","
                              "\"arguments\":{\"typename\":\"%s\"}}\n";
    const char *uefi_vars = qemu_uefi_vars_type(architecture);
    GString *question = g_string_new("{\"execute\":\"qmp_capabilities\"}\n"
                                     "{\"execute\":\"query-machines\"}\n");

    g_string_append_printf(question, ask, uefi_vars, uefi_vars);
    g_string_append_printf(question, ask, QEMU_TYPE_IGVM, QEMU_TYPE_IGVM);
    g_string_append(question, "{\"execute\":\"quit\"}\n");
    return g_string_free(question, FALSE);
}

static void start_asking(Emulator *emulator) {
    /* Where memory cannot be writable and executable at once, as in the service's unit, TCG starts
     * only with split-wx, which maps its buffer twice. The buffer is small, because no guest runs.
     * Emulators without TCG try the next accelerator. */
    const char *const arguments[] = {
            emulator->path,
            "-no-user-config",
            "-nodefaults",
            "-display",
            "none",
            "-machine",
            "none",
            "-accel",
            "tcg,split-wx=on,tb-size=16",
            "-accel",
            "kvm",
            "-accel",
            "qtest",
            "-S",
            "-qmp",
            "stdio",
            NULL,
    };
    const ConfinedProgram program = {
            .arguments = arguments,
            .max_memory = MAX_MEMORY,
            .max_file_size = MAX_FILE_SIZE,
            .max_cpu = ANSWER_TIMEOUT_SEC,
            .input = FILE_FD_NONE,
            .output = FILE_FD_NONE,
    };
    g_autoptr(GError) error = NULL;
    g_autofree char *question = NULL;

    if (!confine_spawn(
                &program, &emulator->pid, &emulator->input, &emulator->output, NULL, &error)) {
        complain(emulator, error->message);
        emulator->pid = 0;
        emulator->input = emulator->output = FILE_FD_NONE;
        return;
    }

    emulator->answer = g_byte_array_new();
    emulator->lacks = g_ptr_array_new_with_free_func(g_free);
    question = make_question(emulator->architecture);
    /* the question is shorter than any pipe's capacity; SIGPIPE is ignored, and a failure shows as
     * a missing answer */
    if (write(emulator->input, question, strlen(question)) < 0)
        g_debug("%s takes no question: %s", emulator->path, g_strerror(errno));
}

static JsonObject *get_object(JsonObject *object, const char *member) {
    JsonNode *node = json_object_get_member(object, member);

    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* query-machines answers with [{"name": "pc-q35-7.2", "alias": "q35", …}, …]. */
static void read_machines(Emulator *emulator, JsonArray *machines) {
    for (guint i = 0; i < json_array_get_length(machines); i++) {
        JsonNode *node = json_array_get_element(machines, i);
        JsonObject *machine = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
        const char *name =
                machine ? json_object_get_string_member_with_default(machine, "name", NULL) : NULL;
        const char *alias =
                machine ? json_object_get_string_member_with_default(machine, "alias", NULL) : NULL;

        if (name && text_is_valid(name) && (!alias || text_is_valid(alias))) {
            MachineType *type = g_new0(MachineType, 1);

            type->name = g_strdup(name);
            type->alias = g_strdup(alias);
            g_ptr_array_add(emulator->types, type);
        }
    }
}

/* The greeting: {"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, …}, …}} */
static void read_version(Emulator *emulator, JsonObject *greeting) {
    static const char *const path[] = {"version", "qemu"};
    JsonObject *object = greeting;
    guint64 numbers[3];

    for (gsize i = 0; object && i < G_N_ELEMENTS(path); i++)
        object = get_object(object, path[i]);
    if (!object)
        return;
    numbers[0] = (guint64)json_object_get_int_member_with_default(object, "major", -1);
    numbers[1] = (guint64)json_object_get_int_member_with_default(object, "minor", -1);
    numbers[2] = (guint64)json_object_get_int_member_with_default(object, "micro", -1);
    if (numbers[0] <= G_MAXUINT8 && numbers[1] <= G_MAXUINT8 && numbers[2] <= G_MAXUINT8)
        emulator->version = QEMU_VERSION(numbers[0], numbers[1], numbers[2]);
}

/* An error of the class DeviceNotFound is the answer for a type that the QEMU does not have. */
static void read_type(Emulator *emulator, const char *type, JsonObject *answer) {
    JsonObject *error = get_object(answer, "error");
    const char *class =
            error ? json_object_get_string_member_with_default(error, "class", NULL) : NULL;

    if (g_strcmp0(class, "DeviceNotFound") == 0)
        g_ptr_array_add(emulator->lacks, g_strdup(type));
}

static void read_line(Emulator *emulator, JsonObject *line) {
    JsonObject *greeting = get_object(line, "QMP");
    const char *id = json_object_get_string_member_with_default(line, "id", NULL);
    JsonNode *result = json_object_get_member(line, "return");

    if (greeting)
        read_version(emulator, greeting);
    else if (id && text_is_valid(id))
        read_type(emulator, id, line);
    else if (!emulator->types && result && JSON_NODE_HOLDS_ARRAY(result)) {
        emulator->types = g_ptr_array_new_with_free_func((GDestroyNotify)machine_type_free);
        read_machines(emulator, json_node_get_array(result));
    }
}

static void read_answer(Emulator *emulator) {
    g_auto(GStrv) lines = NULL;

    g_byte_array_append(emulator->answer, (const guint8 *)"", 1);
    lines = g_strsplit((const char *)emulator->answer->data, "\n", -1);

    for (char **line = lines; *line; line++) {
        g_autoptr(JsonParser) parser = json_parser_new();
        JsonNode *root;

        if (!json_parser_load_from_data(parser, *line, -1, NULL))
            continue;
        root = json_parser_get_root(parser);
        if (root && JSON_NODE_HOLDS_OBJECT(root))
            read_line(emulator, json_node_get_object(root));
    }
    if (!emulator->types)
        complain(emulator, "no answer");
}

/* Returns TRUE while more output is expected. */
static gboolean take_output(Emulator *emulator) {
    guint8 buffer[16384];
    ssize_t n = read(emulator->output, buffer, sizeof buffer);

    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    if (n == 0 || emulator->answer->len + (gsize)n > ANSWER_MAX_SIZE)
        return FALSE;

    g_byte_array_append(emulator->answer, buffer, (guint)n);
    return TRUE;
}

static void wait_for_answers(GPtrArray *asked) {
    gint64 deadline = g_get_monotonic_time() + ANSWER_TIMEOUT_SEC * G_USEC_PER_SEC;
    g_autofree struct pollfd *fds = g_new0(struct pollfd, asked->len);
    guint n_open = 0;

    for (guint i = 0; i < asked->len; i++) {
        const Emulator *emulator = asked->pdata[i];

        fds[i] = (struct pollfd){.fd = emulator->output, .events = POLLIN};
        n_open += emulator->output >= 0;
    }

    while (n_open > 0) {
        gint64 left = deadline - g_get_monotonic_time();

        if (left <= 0 || (poll(fds, asked->len, (int)(left / 1000) + 1) < 0 && errno != EINTR))
            return;
        for (guint i = 0; i < asked->len; i++)
            if (fds[i].revents && !take_output(asked->pdata[i])) {
                fds[i].fd = -1;
                fds[i].revents = 0;
                n_open--;
            }
    }
}

static void ask_all(gpointer data) {
    GPtrArray *asked = ((EmulatorCache *)data)->asked;

    for (guint i = 0; i < asked->len; i++)
        start_asking(asked->pdata[i]);
    wait_for_answers(asked);
    for (guint i = 0; i < asked->len; i++) {
        Emulator *emulator = asked->pdata[i];

        if (emulator->answer)
            read_answer(emulator);
        stop_asking(emulator);
    }
}

/* -- the cache --------------------------------------------------------------------------- */

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
    for (guint i = 0; i < asked->len; i++)
        add_answer(cache->answers, asked->pdata[i]);
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

static gboolean is_same_file(const Emulator *a, const Emulator *b) {
    return g_str_equal(a->path, b->path) && file_stamp_equal(&a->stamp, &b->stamp);
}

/* A build that begins while other queries run has not seen their answers. */
static void recognise(const EmulatorCache *cache, Emulator *emulator) {
    const Emulator *known = g_hash_table_lookup(cache->answers, emulator->architecture);

    emulator->is_known = emulator->is_known || (known && is_same_file(known, emulator));
}

void emulator_cache_ask(EmulatorCache *cache, GPtrArray *emulators) {
    static const TaskFunctions functions = {.run = ask_all, .done = on_answers};

    if (cache->task || emulators->len == 0)
        return;
    for (guint i = 0; i < emulators->len; i++)
        recognise(cache, emulators->pdata[i]);
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

/* -- machine types ----------------------------------------------------------------------- */

/* Returns NULL if the host has no emulator, or if its file has been removed meanwhile. */
static Emulator *find_emulator(const char *architecture, const FileVisitor *visitor) {
    g_autofree char *path = find_program(architecture, visitor);
    Emulator *emulator;
    struct stat st;

    if (!path || stat(path, &st) < 0)
        return NULL;
    emulator = g_atomic_rc_box_new0(Emulator);
    emulator->architecture = g_strdup(architecture);
    emulator->path = g_steal_pointer(&path);
    emulator->stamp = file_stamp(&st);
    emulator->input = emulator->output = FILE_FD_NONE;
    return emulator;
}

static void add_emulator(MachineTable *table, const Emulator *emulator) {
    g_autoptr(GPtrArray) lacks = g_ptr_array_new();

    for (guint i = 0; i < emulator->lacks->len; i++)
        g_ptr_array_add(lacks, emulator->lacks->pdata[i]);
    g_ptr_array_add(lacks, NULL);
    machine_table_add_emulator(
            table, emulator->architecture, emulator->version, (const char *const *)lacks->pdata);
}

GPtrArray *emulator_add_types(
        GHashTable *answers, MachineTable *table, gboolean ask_again, const FileVisitor *visitor) {
    GPtrArray *unknown = g_ptr_array_new_with_free_func(emulator_unref);

    for (const char *const *architecture = machine_table_get_architectures(table); *architecture;
         architecture++) {
        const Emulator *known = g_hash_table_lookup(answers, *architecture);
        Emulator *found = find_emulator(*architecture, visitor);

        if (!found)
            continue;
        found->is_known = known && is_same_file(known, found);
        if (!found->is_known || (!known->types && ask_again))
            g_ptr_array_add(unknown, g_atomic_rc_box_acquire(found));
        if (found->is_known && known->version)
            add_emulator(table, known);
        for (guint i = 0; found->is_known && known->types && i < known->types->len; i++) {
            const MachineType *type = known->types->pdata[i];

            machine_table_add_type(table, *architecture, type->name, type->alias);
        }
        emulator_unref(found);
    }
    return unknown;
}
