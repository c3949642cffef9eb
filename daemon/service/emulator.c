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
#include "vm/confine.h"

#define ANSWER_TIMEOUT_SEC 10
#define ANSWER_MAX_SIZE (1024 * 1024)            /* bytes; QEMU 7.2's longest answer has 14 KiB */
#define MAX_MEMORY (G_GUINT64_CONSTANT(1) << 30) /* bytes; QEMU 7.2 takes below 300 MiB */
#define MAX_FILE_SIZE (64 * 1024 * 1024)         /* bytes; TCG's buffer is a memfd */

/* Where RHEL has the one emulator it ships. */
#define HOST_EMULATOR "/usr/libexec/qemu-kvm"

static const char question[] = "{\"execute\":\"qmp_capabilities\"}\n"
                               "{\"execute\":\"query-machines\"}\n"
                               "{\"execute\":\"quit\"}\n";

typedef struct Alias {
    char *name;
    char *canonical;
} Alias;

typedef struct Emulator {
    char *architecture;
    char *path;
    FileStamp stamp;    /* of the file that was asked */
    GPtrArray *aliases; /* of Alias; NULL: it gave no answer */
    gboolean is_known;  /* the same file gave no answer before */

    /* while it is asked */
    GPid pid;
    FileFd input; /* kept open: QEMU 10 may drop commands that it has not read when this closes */
    FileFd output;
    GByteArray *answer;
} Emulator;

struct EmulatorCache {
    GHashTable *emulators; /* architecture -> Emulator */
};

static void alias_free(Alias *alias) {
    g_free(alias->name);
    g_free(alias->canonical);
    g_free(alias);
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

static void emulator_free(Emulator *emulator) {
    if (!emulator)
        return;

    stop_asking(emulator);
    g_free(emulator->architecture);
    g_free(emulator->path);
    g_clear_pointer(&emulator->aliases, g_ptr_array_unref);
    g_free(emulator);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Emulator, emulator_free)

EmulatorCache *emulator_cache_new(void) {
    EmulatorCache *cache = g_new0(EmulatorCache, 1);

    cache->emulators =
            g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)emulator_free);
    return cache;
}

void emulator_cache_free(EmulatorCache *cache) {
    if (!cache)
        return;

    g_hash_table_unref(cache->emulators);
    g_free(cache);
}

/* -- asking ------------------------------------------------------------------------------ */

/* All places where the program is looked for. */
static void visit_places(const char *name, const FileVisitor *visitor) {
    g_auto(GStrv) directories = g_strsplit(g_getenv("PATH") ? g_getenv("PATH") : "", ":", -1);

    for (char **directory = directories; *directory; directory++) {
        g_autofree char *path = g_build_filename(*directory, name, NULL);

        if (path[0] == '/')
            file_visit(visitor, path);
    }
    file_visit(visitor, HOST_EMULATOR);
}

static char *find_program(const char *architecture, const FileVisitor *visitor) {
    g_autofree char *name = g_strconcat("qemu-system-", architecture, NULL);
    g_autofree char *path = NULL;
    struct utsname host;

    visit_places(name, visitor);
    path = g_find_program_in_path(name);
    if (!path && uname(&host) == 0 && g_str_equal(host.machine, architecture) &&
        g_file_test(HOST_EMULATOR, G_FILE_TEST_IS_EXECUTABLE))
        return g_strdup(HOST_EMULATOR);
    return g_steal_pointer(&path);
}

/* Asked again now and then, but told once. */
static void complain(const Emulator *emulator, const char *fault) {
    g_log_structured(
            G_LOG_DOMAIN, emulator->is_known ? G_LOG_LEVEL_DEBUG : G_LOG_LEVEL_WARNING, "MESSAGE",
            "%s does not tell its machine types: %s", emulator->path, fault);
}

static void start_asking(Emulator *emulator) {
    /* Where memory must not be writable and executable at once, as in the service's unit, TCG starts
     * with its buffer mapped twice only; a small one, for no guest runs. Emulators without TCG go on to
     * the next accelerator. */
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

    if (!confine_spawn(
                &program, &emulator->pid, &emulator->input, &emulator->output, NULL, &error)) {
        complain(emulator, error->message);
        emulator->pid = 0;
        emulator->input = emulator->output = FILE_FD_NONE;
        return;
    }

    emulator->answer = g_byte_array_new();
    /* shorter than any pipe is deep; SIGPIPE is ignored, and no answer tells enough */
    if (write(emulator->input, question, sizeof question - 1) < 0)
        g_debug("%s takes no question: %s", emulator->path, g_strerror(errno));
}

/* query-machines answers with [{"name": "pc-q35-7.2", "alias": "q35", …}, …]. */
static void read_machines(Emulator *emulator, JsonArray *machines) {
    for (guint i = 0; i < json_array_get_length(machines); i++) {
        JsonNode *node = json_array_get_element(machines, i);
        JsonObject *machine = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
        const char *name =
                machine ? json_object_get_string_member_with_default(machine, "name", NULL) : NULL;
        const char *alias_name =
                machine ? json_object_get_string_member_with_default(machine, "alias", NULL) : NULL;

        if (name && alias_name && text_is_valid(name) && text_is_valid(alias_name)) {
            Alias *alias = g_new0(Alias, 1);
            alias->name = g_strdup(alias_name);
            alias->canonical = g_strdup(name);
            g_ptr_array_add(emulator->aliases, alias);
        }
    }
}

static void read_answer(Emulator *emulator) {
    g_auto(GStrv) lines = NULL;

    g_byte_array_append(emulator->answer, (const guint8 *)"", 1);
    lines = g_strsplit((const char *)emulator->answer->data, "\n", -1);

    for (char **line = lines; *line; line++) {
        g_autoptr(JsonParser) parser = json_parser_new();
        JsonNode *root;
        JsonNode *result;

        if (!json_parser_load_from_data(parser, *line, -1, NULL))
            continue;
        root = json_parser_get_root(parser);
        if (!root || !JSON_NODE_HOLDS_OBJECT(root))
            continue;
        result = json_object_get_member(json_node_get_object(root), "return");
        if (!result || !JSON_NODE_HOLDS_ARRAY(result))
            continue;

        emulator->aliases = g_ptr_array_new_with_free_func((GDestroyNotify)alias_free);
        read_machines(emulator, json_node_get_array(result));
        return;
    }
    complain(emulator, "no answer");
}

/* TRUE while more is to come. */
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

/* Those whose answer is not known yet; the cache owns them. */
static GPtrArray *find_unasked(
        EmulatorCache *cache, const char *const *architectures, gboolean ask_again,
        const FileVisitor *visitor) {
    GPtrArray *unasked = g_ptr_array_new();

    for (; *architectures; architectures++) {
        const Emulator *known = g_hash_table_lookup(cache->emulators, *architectures);
        g_autoptr(Emulator) emulator = g_new0(Emulator, 1);
        struct stat st;

        emulator->input = emulator->output = FILE_FD_NONE;
        emulator->architecture = g_strdup(*architectures);
        emulator->path = find_program(*architectures, visitor);
        if (!emulator->path || stat(emulator->path, &st) < 0) {
            g_hash_table_remove(cache->emulators, *architectures);
            continue;
        }
        emulator->stamp = file_stamp(&st);
        emulator->is_known = known && g_str_equal(known->path, emulator->path) &&
                file_stamp_equal(&known->stamp, &emulator->stamp);
        if (emulator->is_known && (known->aliases || !ask_again))
            continue;

        g_ptr_array_add(unasked, emulator);
        g_hash_table_replace(cache->emulators, emulator->architecture, emulator);
        g_steal_pointer(&emulator);
    }
    return unasked;
}

void emulator_add_aliases(
        EmulatorCache *cache, MachineTable *table, gboolean ask_again, const FileVisitor *visitor) {
    const char *const *architectures = machine_table_get_architectures(table);
    g_autoptr(GPtrArray) asked = find_unasked(cache, architectures, ask_again, visitor);

    for (guint i = 0; i < asked->len; i++)
        start_asking(asked->pdata[i]);
    wait_for_answers(asked);
    for (guint i = 0; i < asked->len; i++) {
        Emulator *emulator = asked->pdata[i];

        if (emulator->answer)
            read_answer(emulator);
        stop_asking(emulator);
    }

    for (; *architectures; architectures++) {
        const Emulator *emulator = g_hash_table_lookup(cache->emulators, *architectures);

        for (guint i = 0; emulator && emulator->aliases && i < emulator->aliases->len; i++) {
            const Alias *alias = emulator->aliases->pdata[i];
            machine_table_add_alias(table, *architectures, alias->name, alias->canonical);
        }
    }
}
