/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/machine.h"

#include <fnmatch.h>
#include <string.h>

#include "base/text.h"

struct MachineTable {
    GPtrArray *boards; /* of Board, in order of precedence */
    /* "architecture/name" -> canonical type; names and aliases of the emulators' machine types */
    GHashTable *types;
    GHashTable *emulators; /* architecture -> Emulator */
    GPtrArray *problems;
    GPtrArray *architectures; /* of char*, NULL-terminated */
    GChecksum *digest;        /* over everything that was read and added */
};

typedef struct Emulator {
    QemuVersion version;
    GStrv lacks;
} Emulator;

static void emulator_free(Emulator *emulator) {
    g_strfreev(emulator->lacks);
    g_free(emulator);
}

/* -- files ------------------------------------------------------------------------------- */

/* Covers the section's keys and values, not its comments and white space. */
static void digest_section(GKeyFile *file, const char *section, GChecksum *digest) {
    g_auto(GStrv) keys = g_key_file_get_keys(file, section, NULL, NULL);

    g_checksum_update(digest, (const guchar *)section, (gssize)strlen(section) + 1);
    for (char **key = keys; *key; key++) {
        g_autofree char *value = g_key_file_get_value(file, section, *key, NULL);

        g_checksum_update(digest, (const guchar *)*key, (gssize)strlen(*key) + 1);
        g_checksum_update(digest, (const guchar *)value, (gssize)strlen(value) + 1);
    }
}

/* Adds the boards of a file. Returns NULL, or the fault. */
static char *read_file(GKeyFile *file, gpointer userdata) {
    MachineTable *table = userdata;
    g_autoptr(GPtrArray) boards = g_ptr_array_new_with_free_func((GDestroyNotify)board_free);
    g_auto(GStrv) sections = g_key_file_get_groups(file, NULL);

    for (char **section = sections; *section; section++) {
        char *fault = NULL;
        Board *board = board_read(file, *section, &fault);

        if (!board)
            return fault;
        g_ptr_array_add(boards, board);
    }
    for (char **section = sections; *section; section++)
        digest_section(file, *section, table->digest);
    g_ptr_array_extend_and_steal(table->boards, g_steal_pointer(&boards));
    return NULL;
}

static void collect_architectures(MachineTable *table) {
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < table->boards->len; i++) {
        const Board *board = table->boards->pdata[i];

        for (char **architecture = board->architectures; *architecture; architecture++)
            if (g_hash_table_add(seen, *architecture))
                g_ptr_array_add(table->architectures, g_strdup(*architecture));
    }

    g_ptr_array_sort(table->architectures, text_compare);
    g_ptr_array_add(table->architectures, NULL);
}

MachineTable *machine_table_load(
        const char *const *directories, const FileVisitor *visitor, GError **error) {
    g_autoptr(MachineTable) table = g_atomic_rc_box_new0(MachineTable);

    table->boards = g_ptr_array_new_with_free_func((GDestroyNotify)board_free);
    table->types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    table->emulators =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)emulator_free);
    table->problems = g_ptr_array_new_with_free_func((GDestroyNotify)conf_problem_free);
    table->architectures = g_ptr_array_new_with_free_func(g_free);
    table->digest = g_checksum_new(G_CHECKSUM_SHA256);

    if (!conf_files_load(directories, visitor, read_file, table, table->problems, error))
        return NULL;
    collect_architectures(table);
    return g_steal_pointer(&table);
}

static void table_clear(gpointer data) {
    MachineTable *table = data;

    g_ptr_array_unref(table->boards);
    g_hash_table_unref(table->types);
    g_hash_table_unref(table->emulators);
    g_ptr_array_unref(table->problems);
    g_ptr_array_unref(table->architectures);
    g_checksum_free(table->digest);
}

MachineTable *machine_table_ref(MachineTable *table) {
    return g_atomic_rc_box_acquire(table);
}

void machine_table_unref(MachineTable *table) {
    if (table)
        g_atomic_rc_box_release_full(table, table_clear);
}

/* -- questions --------------------------------------------------------------------------- */

static void add_name(
        MachineTable *table, const char *architecture, const char *name, const char *canonical) {
    char *key = g_strconcat(architecture, "/", name, NULL);

    g_checksum_update(table->digest, (const guchar *)key, (gssize)strlen(key) + 1);
    g_checksum_update(table->digest, (const guchar *)canonical, (gssize)strlen(canonical) + 1);
    g_hash_table_replace(table->types, key, g_strdup(canonical));
}

void machine_table_add_type(
        MachineTable *table, const char *architecture, const char *canonical, const char *alias) {
    add_name(table, architecture, canonical, canonical);
    if (alias)
        add_name(table, architecture, alias, canonical);
}

void machine_table_add_emulator(
        MachineTable *table, const char *architecture, QemuVersion version,
        const char *const *lacks) {
    Emulator *emulator = g_new0(Emulator, 1);
    g_autofree char *list = g_strjoinv(" ", (GStrv)lacks);
    g_autofree char *text = g_strdup_printf("%s %u %s", architecture, version, list);

    g_checksum_update(table->digest, (const guchar *)text, (gssize)strlen(text) + 1);
    emulator->version = version;
    emulator->lacks = g_strdupv((GStrv)lacks);
    g_hash_table_replace(table->emulators, g_strdup(architecture), emulator);
}

const GPtrArray *machine_table_get_problems(const MachineTable *table) {
    return table->problems;
}

const char *const *machine_table_get_architectures(const MachineTable *table) {
    return (const char *const *)table->architectures->pdata;
}

/* For a QEMU that is older than all sections, which lacks their flash, that of the newest. */
static const Board *find_board(
        const MachineTable *table, const char *architecture, const char *canonical,
        QemuVersion version) {
    const Board *found = NULL;

    for (guint i = 0; i < table->boards->len; i++) {
        const Board *board = table->boards->pdata[i];

        if (!board_has_architecture(board, architecture) || fnmatch(board->glob, canonical, 0) != 0)
            continue;
        if (version == 0 || board->since <= version)
            return board;
        found = found ? found : board;
    }
    return found;
}

static const char *find_canonical(
        const MachineTable *table, const char *architecture, const char *alias) {
    for (guint i = 0; i < table->boards->len; i++) {
        const Board *board = table->boards->pdata[i];

        if (board_has_architecture(board, architecture) && board_has_alias(board, alias))
            return board->canonical;
    }
    return NULL;
}

Machine machine_table_resolve_for(
        const MachineTable *table, const char *architecture, const char *name,
        QemuVersion version) {
    g_autofree char *key = g_strconcat(architecture, "/", name, NULL);
    const char *told = g_hash_table_lookup(table->types, key);
    const char *canonical = find_canonical(table, architecture, name);
    const Emulator *emulator = g_hash_table_lookup(table->emulators, architecture);
    Machine machine = {
            .architecture = architecture, .name = name, .canonical = name, .qemu = version};

    if (emulator && (version == 0 || version == emulator->version)) {
        machine.qemu = emulator->version;
        machine.lacks = (const char *const *)emulator->lacks;
        version = 0;
    }
    if (told && version == 0)
        machine.name = machine.canonical = told;
    else if (canonical || told)
        machine.canonical = canonical ? canonical : told;

    machine.board = find_board(table, architecture, machine.canonical, machine.qemu);
    return machine;
}

Machine machine_table_resolve(
        const MachineTable *table, const char *architecture, const char *name) {
    return machine_table_resolve_for(table, architecture, name, 0);
}

gboolean machine_has_pflash_properties(const Machine *machine) {
    return !machine->board ||
            machine->board->pflash_properties_since <=
            (machine->qemu ? machine->qemu : G_MAXUINT32 - 1);
}

gboolean machine_table_knows(
        const MachineTable *table, const char *architecture, const char *name) {
    g_autofree char *key = g_strconcat(architecture, "/", name, NULL);

    return g_hash_table_contains(table->types, key) ||
            machine_table_resolve(table, architecture, name).board;
}

/* The table and an emulator may both have the alias. */
static void list_name(GPtrArray *names, char *name) {
    if (!g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
        g_ptr_array_add(names, name);
}

GPtrArray *machine_table_list_names(const MachineTable *table, const char *architecture) {
    g_autofree char *prefix = g_strconcat(architecture, "/", NULL);
    GPtrArray *names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key;

    for (guint i = 0; i < table->boards->len; i++) {
        const Board *board = table->boards->pdata[i];

        if (!board_has_architecture(board, architecture))
            continue;
        for (char **alias = board->aliases; alias && *alias; alias++)
            list_name(names, *alias);
        if (!strpbrk(board->glob, "*?[\\"))
            list_name(names, board->glob);
    }
    g_hash_table_iter_init(&iter, table->types);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        if (g_str_has_prefix(key, prefix))
            list_name(names, (char *)key + strlen(prefix));
    g_ptr_array_add(names, NULL);
    return names;
}

/* A descriptor may hold any text: no longer bracket expression is looked for, and no longer name of
 * a class. */
#define MAX_BRACKET 255
#define MAX_CLASS 16

/* Returns the end of the bracket expression that begins at START, or NULL: the bracket is plain. */
static const char *find_bracket_end(const char *start) {
    const char *first = start + (start[1] == '!' || start[1] == '^' ? 2 : 1);

    for (const char *p = first; *p && p - start < MAX_BRACKET; p++) {
        const char class_end[] = {p[1], ']', '\0'};
        const char *end = NULL;

        if (*p == ']' && p > first)
            return p;
        /* [:digit:], [=a=], [.a.] */
        if (*p == '[' && p[1] && strchr(":=.", p[1]))
            end = g_strstr_len(p + 2, MAX_CLASS, class_end);
        if (end)
            p = end + 1;
        else if (*p == '\\' && p[1])
            p++;
    }
    return NULL;
}

/* Returns a printable character that the bracket expression from START to END matches, if possible
 * a digit, or NUL. */
static char find_matching(const char *start, const char *end) {
    const guint n = '~' - ' ';
    g_autofree char *expression = g_strndup(start, (gsize)(end - start) + 1);

    for (guint i = 0; i < n; i++) {
        const char name[] = {(char)('!' + (i + '0' - '!') % n), '\0'};

        if (fnmatch(expression, name, 0) == 0)
            return *name;
    }
    return '\0';
}

/* GLOB as a name: "pc-q35-*" gives "pc-q35-", which every glob for that family matches too. */
static char *glob_to_name(const char *glob) {
    g_autoptr(GString) name = g_string_new(NULL);

    for (const char *p = glob; *p; p++) {
        const char *bracket_end = *p == '[' ? find_bracket_end(p) : NULL;
        char c = *p;

        if (bracket_end) {
            c = find_matching(p, bracket_end);
            if (!c)
                break; /* no name matches */
            p = bracket_end;
        } else if (c == '?') {
            c = 'x';
        } else if (c == '\\' && p[1]) {
            c = *++p;
        } else if (c == '*') {
            continue;
        }
        g_string_append_c(name, c);
    }
    return g_string_free(g_steal_pointer(&name), FALSE);
}

void machine_table_visit(
        const MachineTable *table, const char *architecture, const char *glob, MachineVisit visit,
        gpointer userdata) {
    g_autofree char *own_name = glob_to_name(glob);
    Machine machine = machine_table_resolve(table, architecture, own_name);

    if (fnmatch(glob, machine.canonical, 0) == 0 && !visit(&machine, userdata))
        return;

    for (guint i = 0; i < table->boards->len; i++) {
        const Board *board = table->boards->pdata[i];
        g_autofree char *name =
                board->canonical ? g_strdup(board->canonical) : glob_to_name(board->glob);

        if (!board_has_architecture(board, architecture) || fnmatch(glob, name, 0) != 0)
            continue;

        machine.name = machine.canonical = name;
        machine.board = find_board(table, architecture, name, machine.qemu);
        if (!visit(&machine, userdata))
            return;
    }
}

gboolean machine_table_equal(const MachineTable *a, const MachineTable *b) {
    g_autoptr(GChecksum) digest_a = g_checksum_copy(a->digest);
    g_autoptr(GChecksum) digest_b = g_checksum_copy(b->digest);

    return a == b || g_str_equal(g_checksum_get_string(digest_a), g_checksum_get_string(digest_b));
}
