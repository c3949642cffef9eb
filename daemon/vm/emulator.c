/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/emulator.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <poll.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/lexical.h"
#include "base/text.h"
#include "vm/confine.h"

#define ANSWER_TIMEOUT_SEC 10
#define ANSWER_MAX_SIZE (1024 * 1024)            /* bytes; QEMU 7.2's longest answer has 14 KiB */
#define MAX_MEMORY (G_GUINT64_CONSTANT(1) << 30) /* bytes; QEMU 7.2 takes less than 300 MiB */
#define MAX_FILE_SIZE (64 * 1024 * 1024)         /* bytes; TCG's buffer is a memfd */

/* RHEL's only emulator. */
#define HOST_EMULATOR "/usr/libexec/qemu-kvm"

static void emulator_type_free(EmulatorType *type) {
    g_free(type->name);
    g_free(type->alias);
    g_free(type);
}

static void emulator_clear(gpointer data) {
    Emulator *emulator = data;

    g_free(emulator->architecture);
    g_free(emulator->path);
    g_free(emulator->fault);
    g_ptr_array_unref(emulator->types);
    g_ptr_array_unref(emulator->lacks);
}

Emulator *emulator_ref(Emulator *emulator) {
    return g_atomic_rc_box_acquire(emulator);
}

void emulator_unref(Emulator *emulator) {
    g_atomic_rc_box_release_full(emulator, emulator_clear);
}

gboolean emulator_is_same_file(const Emulator *a, const Emulator *b) {
    return g_str_equal(a->path, b->path) && file_stamp_equal(&a->stamp, &b->stamp);
}

void emulator_add_type(Emulator *emulator, const char *name, const char *alias) {
    EmulatorType *type = g_new0(EmulatorType, 1);

    type->name = g_strdup(name);
    type->alias = g_strdup(alias);
    g_ptr_array_add(emulator->types, type);
}

void emulator_add_to(const Emulator *emulator, MachineTable *table) {
    g_autoptr(GPtrArray) lacks = g_ptr_array_new();

    for (guint i = 0; i < emulator->lacks->len; i++)
        g_ptr_array_add(lacks, emulator->lacks->pdata[i]);
    g_ptr_array_add(lacks, NULL);
    if (emulator->version)
        machine_table_add_emulator(
                table, emulator->architecture, emulator->version,
                (const char *const *)lacks->pdata);
    for (guint i = 0; i < emulator->types->len; i++) {
        const EmulatorType *type = emulator->types->pdata[i];

        machine_table_add_type(table, emulator->architecture, type->name, type->alias);
    }
}

/* -- finding ------------------------------------------------------------------------------ */

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

Emulator *emulator_new(const char *architecture, const char *path) {
    Emulator *emulator;
    struct stat st;

    if (stat(path, &st) < 0)
        return NULL;
    emulator = g_atomic_rc_box_new0(Emulator);
    emulator->architecture = g_strdup(architecture);
    emulator->path = g_strdup(path);
    emulator->stamp = file_stamp(&st);
    emulator->types = g_ptr_array_new_with_free_func((GDestroyNotify)emulator_type_free);
    emulator->lacks = g_ptr_array_new_with_free_func(g_free);
    return emulator;
}

Emulator *emulator_find(const char *architecture, const FileVisitor *visitor) {
    g_autofree char *path = find_program(architecture, visitor);

    return path ? emulator_new(architecture, path) : NULL;
}

/* -- asking ------------------------------------------------------------------------------ */

/* One emulator that runs. */
typedef struct Query {
    Emulator *emulator;
    GPid pid;     /* 0: it could not be started */
    FileFd input; /* kept open: when it closes, QEMU 10 may drop commands that it has not read */
    FileFd output;
    GByteArray *answer;
    gboolean has_machines;
} Query;

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

static void start_asking(Query *query) {
    Emulator *emulator = query->emulator;
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
    int r;

    query->answer = g_byte_array_new();
    if (!confine_spawn(&program, &query->pid, &query->input, &query->output, NULL, &error)) {
        emulator->fault = g_strdup(error->message);
        query->pid = 0;
        query->input = query->output = FILE_FD_NONE;
        return;
    }

    question = make_question(emulator->architecture);
    /* the question is shorter than any pipe's capacity */
    r = file_write_all(query->input, question, strlen(question));
    if (r < 0 && r != -EPIPE) /* one that has ended shows as a missing answer */
        emulator->fault = g_strdup(g_strerror(-r));
}

static void query_clear(Query *query) {
    if (query->pid > 0)
        (void)confine_end(query->pid);
    file_fd_close(query->input);
    file_fd_close(query->output);
    g_byte_array_unref(query->answer);
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

        if (name && text_is_valid(name) && (!alias || text_is_valid(alias)))
            emulator_add_type(emulator, name, alias);
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

static void read_line(Query *query, JsonObject *line) {
    Emulator *emulator = query->emulator;
    JsonObject *greeting = get_object(line, "QMP");
    const char *id = json_object_get_string_member_with_default(line, "id", NULL);
    JsonNode *result = json_object_get_member(line, "return");

    if (greeting)
        read_version(emulator, greeting);
    else if (id && text_is_valid(id))
        read_type(emulator, id, line);
    else if (!query->has_machines && result && JSON_NODE_HOLDS_ARRAY(result)) {
        query->has_machines = TRUE;
        read_machines(emulator, json_node_get_array(result));
    }
}

static void read_answer(Query *query) {
    g_auto(GStrv) lines = NULL;

    g_byte_array_append(query->answer, (const guint8 *)"", 1);
    lines = g_strsplit((const char *)query->answer->data, "\n", -1);

    for (char **line = lines; *line; line++) {
        g_autoptr(JsonNode) root = lexical_read_object(*line, strlen(*line), NULL);

        if (root)
            read_line(query, json_node_get_object(root));
    }
    if (!query->has_machines && !query->emulator->fault)
        query->emulator->fault = g_strdup("no answer");
}

/* Returns TRUE while more output is expected. */
static gboolean take_output(Query *query) {
    guint8 buffer[16384];
    ssize_t n = read(query->output, buffer, sizeof buffer);

    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    if (n == 0 || query->answer->len + (gsize)n > ANSWER_MAX_SIZE)
        return FALSE;

    g_byte_array_append(query->answer, buffer, (guint)n);
    return TRUE;
}

static void wait_for_answers(Query *queries, guint n_queries) {
    gint64 deadline = g_get_monotonic_time() + ANSWER_TIMEOUT_SEC * G_USEC_PER_SEC;
    g_autofree struct pollfd *fds = g_new0(struct pollfd, n_queries);
    guint n_open = 0;

    for (guint i = 0; i < n_queries; i++) {
        fds[i] = (struct pollfd){.fd = queries[i].output, .events = POLLIN};
        n_open += queries[i].output >= 0;
    }

    while (n_open > 0) {
        gint64 left = deadline - g_get_monotonic_time();

        if (left <= 0 || (poll(fds, n_queries, (int)(left / 1000) + 1) < 0 && errno != EINTR))
            return;
        for (guint i = 0; i < n_queries; i++)
            if (fds[i].revents && !take_output(&queries[i])) {
                fds[i].fd = -1;
                fds[i].revents = 0;
                n_open--;
            }
    }
}

void emulator_ask(const GPtrArray *emulators) {
    g_autofree Query *queries = g_new0(Query, emulators->len);

    for (guint i = 0; i < emulators->len; i++) {
        queries[i].emulator = emulators->pdata[i];
        start_asking(&queries[i]);
    }
    wait_for_answers(queries, emulators->len);
    for (guint i = 0; i < emulators->len; i++) {
        read_answer(&queries[i]);
        query_clear(&queries[i]);
    }
}
