/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <locale.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "ephemeral.h"
#include "error.h"
#include "firmware.h"
#include "base/text.h"
#include "verbs.h"

/* vmfirmwarectl: arguments, the table of verbs, exit status. */

#define REQUIREMENTS OPTIONS_REQUIREMENTS
/* for verbs that this program can answer by itself */
#define OFFLINE (OPTIONS_OFFLINE | OPTIONS_MACHINES | OPTIONS_SOURCES | OPTIONS_ROOT)
/* for verbs on a virtual machine that may live in a directory of the user's */
#define IN_DIRECTORY (OPTIONS_DIRECTORY | OPTIONS_MACHINES | OPTIONS_SOURCES)
/* for verbs on a variable store */
#define STORE (OPTIONS_SOURCE_FORMAT | OPTIONS_OWNER | OPTIONS_OFFLINE | IN_DIRECTORY)
#define ANY G_MAXUINT
/* width of the usage column in --help */
#define USAGE_WIDTH 35

typedef enum VerbFlags {
    VERB_PLAIN = 0,
    VERB_OFFLINE = 1 << 0,
    VERB_NEEDS_FDS = 1 << 1,  /* not over ssh */
    VERB_UNPAGED = 1 << 2,    /* prints events or bytes, or asks for a password */
    VERB_NO_OUTPUT = 1 << 3,  /* the program that it starts owns the output */
    VERB_NAMELESS = 1 << 4,   /* failures are not about its first argument */
    VERB_TAKES_FILE = 1 << 5, /* its last argument is not sent on the bus */
    VERB_ID_OR_FILE = 1 << 6, /* offline if its argument is a file of this host */
} VerbFlags;

typedef struct Verb {
    const char *name;
    guint min_arguments;
    guint max_arguments;
    guint n_words; /* number of leading arguments that are sent on the bus, as UTF-8 */
    unsigned options;
    VerbFlags flags;
    VerbFunc func;
    const char *usage;
    const char *help;
} Verb;

static const Verb verbs[] = {
        {"list", 0, 0, 0, OPTIONS_NAMES | OFFLINE, VERB_PLAIN, verb_list, "list",
         "List firmware in order of priority (the default)"},
        {"show", 1, 1, 1, OFFLINE, VERB_PLAIN, verb_show, "show NAME", "Show one firmware"},
        {"select", 2, 2, 2, REQUIREMENTS | OPTIONS_NVRAM | OPTIONS_RENDER | OFFLINE, VERB_NAMELESS,
         verb_select, "select ARCH MACHINE", "Choose firmware for a machine type"},
        {"explain", 2, 2, 2, REQUIREMENTS | OFFLINE, VERB_NAMELESS, verb_explain,
         "explain ARCH MACHINE", "Tell why each firmware is chosen, or is not"},
        {"capabilities", 2, 2, 2, REQUIREMENTS | OFFLINE, VERB_NAMELESS, verb_capabilities,
         "capabilities ARCH MACHINE", "Tell what can be asked for"},
        {"prepare", 3, 3, 3,
         REQUIREMENTS | OPTIONS_RENDER | OPTIONS_OWNER | IN_DIRECTORY | OPTIONS_CREATE |
                 OPTIONS_REFERENCE | OPTIONS_TEMPLATE | OPTIONS_HOST_KEYS,
         VERB_UNPAGED, verb_prepare, "prepare ID ARCH MACHINE",
         "Choose firmware for a virtual machine, keep the choice and its NVRAM"},
        {"run", 4, ANY, 3,
         REQUIREMENTS | OPTIONS_RENDER | OPTIONS_OWNER | IN_DIRECTORY | OPTIONS_CREATE |
                 OPTIONS_REFERENCE | OPTIONS_TEMPLATE | OPTIONS_HOST_KEYS,
         VERB_NEEDS_FDS | VERB_NO_OUTPUT, verb_run, "run ID ARCH MACHINE -- COMMAND…",
         "Prepare it, and execute COMMAND with QEMU's arguments appended"},
        {"lease", 1, ANY, 1, OPTIONS_OWNER | IN_DIRECTORY | OPTIONS_PROCESS,
         VERB_NEEDS_FDS | VERB_NO_OUTPUT, verb_lease, "lease ID [-- COMMAND…]",
         "Hold its lease until this, COMMAND or a process ends"},
        {"vms", 0, 0, 0, OPTIONS_OWNER | OPTIONS_ALL | OPTIONS_NAMES | OPTIONS_UNUSED, VERB_PLAIN,
         verb_vms, "vms", "List virtual machines"},
        {"vm", 1, 1, 1, OPTIONS_OWNER | OPTIONS_RENDER | IN_DIRECTORY, VERB_PLAIN, verb_vm, "vm ID",
         "Show one virtual machine"},
        {"reset", 1, 1, 1, OPTIONS_OWNER | IN_DIRECTORY | OPTIONS_TEMPLATE | OPTIONS_HOST_KEYS,
         VERB_UNPAGED, verb_reset, "reset ID", "Make its NVRAM anew from the template"},
        {"rebind", 1, 2, 2,
         REQUIREMENTS | OPTIONS_OWNER | IN_DIRECTORY | OPTIONS_RESET | OPTIONS_RENDER |
                 OPTIONS_HOST_KEYS,
         VERB_UNPAGED, verb_rebind, "rebind ID [MACHINE]", "Choose its firmware anew"},
        {"clone", 2, 2, 2, OPTIONS_OWNER | IN_DIRECTORY | OPTIONS_CLONE | OPTIONS_LIVE,
         VERB_UNPAGED, verb_clone, "clone ID NEW", "Copy it under another id"},
        {"rename", 2, 2, 2, OPTIONS_OWNER, VERB_UNPAGED, verb_rename, "rename ID NEW",
         "Give it another id"},
        {"export", 2, 2, 2,
         OPTIONS_OWNER | IN_DIRECTORY | OPTIONS_LIVE | OPTIONS_BACKUP | OPTIONS_INDEX,
         VERB_NEEDS_FDS | VERB_UNPAGED | VERB_TAKES_FILE, verb_export, "export ID FILE",
         "Copy its NVRAM to a file (- for standard output)"},
        {"import", 0, 4, 4,
         REQUIREMENTS | OPTIONS_RENDER | OPTIONS_OWNER | IN_DIRECTORY | OPTIONS_REFERENCE |
                 OPTIONS_SOURCE_FORMAT | OPTIONS_LIBVIRT,
         VERB_NEEDS_FDS | VERB_UNPAGED | VERB_TAKES_FILE, verb_import,
         "import ID [ARCH MACHINE] FILE",
         "Make one with NVRAM from a file, or give it to one that is there"},
        {"pack", 2, 2, 2, OPTIONS_OWNER | IN_DIRECTORY | OPTIONS_LIVE,
         VERB_NEEDS_FDS | VERB_UNPAGED | VERB_TAKES_FILE, verb_pack, "pack ID FILE",
         "Put its pin and its NVRAM into an archive (- for standard output)"},
        {"unpack", 1, 2, 2,
         REQUIREMENTS | OPTIONS_RENDER | OPTIONS_OWNER | IN_DIRECTORY | OPTIONS_REFERENCE |
                 OPTIONS_CHECK | OPTIONS_OFFLINE | OPTIONS_ROOT,
         VERB_NEEDS_FDS | VERB_UNPAGED | VERB_TAKES_FILE, verb_unpack, "unpack ID FILE",
         "Make one from an archive of pack"},
        {"remove", 1, 1, 1, OPTIONS_OWNER | IN_DIRECTORY, VERB_UNPAGED, verb_remove, "remove ID",
         "Remove it with its NVRAM"},
        {"backups", 1, 1, 1, OPTIONS_OWNER | IN_DIRECTORY, VERB_PLAIN, verb_backups, "backups ID",
         "List the backups of its NVRAM"},
        {"restore", 1, 2, 2, OPTIONS_OWNER | IN_DIRECTORY, VERB_UNPAGED, verb_restore,
         "restore ID [INDEX]", "Take a backup, by default the newest, back as its NVRAM"},
        {"verify", 1, ANY, 0, OPTIONS_MACHINES | OPTIONS_OFFLINE, VERB_OFFLINE | VERB_NAMELESS,
         verb_verify, "verify FILE…",
         "Check descriptors, and directories of them (needs no service)"},
        {"record", 1, 1, 0, OPTIONS_MACHINES | OPTIONS_OFFLINE, VERB_OFFLINE, verb_record,
         "record FILE", "Print a descriptor with its flash geometry recorded (needs no service)"},
        {"variables", 1, 1, 0, OPTIONS_LIST | STORE | OPTIONS_LIVE | OPTIONS_INDEX, VERB_ID_OR_FILE,
         verb_variables, "variables ID|FILE",
         "Show the contents of its variable store, or of one in a file"},
        {"boot", 1, 1, 0, STORE | OPTIONS_LIVE | OPTIONS_BOOT | OPTIONS_CHANGE,
         VERB_ID_OR_FILE | VERB_UNPAGED, verb_boot, "boot ID|FILE",
         "Show or change the boot entries of a variable store"},
        {"enroll", 0, ANY, 0, STORE | OPTIONS_CHANGE | OPTIONS_ENROLL | OPTIONS_ALL,
         VERB_ID_OR_FILE | VERB_UNPAGED, verb_enroll, "enroll ID|FILE KEYS…",
         "Add certificates to its variables: files, or microsoft-2023"},
        {"secure-boot", 2, 2, 0, STORE | OPTIONS_CHANGE, VERB_ID_OR_FILE | VERB_UNPAGED,
         verb_secure_boot, "secure-boot ID|FILE on|off", "Turn Secure Boot on or off"},
        {"set-variable", 4, 4, 0, STORE | OPTIONS_CHANGE | OPTIONS_ATTRIBUTES,
         VERB_ID_OR_FILE | VERB_UNPAGED, verb_set_variable, "set-variable ID|FILE GUID NAME DATA",
         "Give a variable the content of the file DATA"},
        {"delete-variable", 3, 3, 0, STORE | OPTIONS_CHANGE, VERB_ID_OR_FILE | VERB_UNPAGED,
         verb_delete_variable, "delete-variable ID|FILE GUID NAME", "Delete a variable"},
        {"certificates", 0, 0, 0, 0, VERB_PLAIN, verb_certificates, "certificates",
         "List virtual machines and firmware by the expiry of their certificates"},
        {"metrics", 0, 0, 0, 0, VERB_UNPAGED, verb_metrics, "metrics",
         "Print the state of all virtual machines and firmware for Prometheus"},
        {"check-domain", 1, ANY, 0, OPTIONS_PINNED | OFFLINE, VERB_NAMELESS, verb_check_domain,
         "check-domain FILE…", "Tell what is wrong with the firmware of libvirt domains"},
        {"host", 0, 0, 0, OFFLINE, VERB_PLAIN, verb_host, "host", "Show the service and this host"},
        {"monitor", 0, 0, 0, 0, VERB_UNPAGED, verb_monitor, "monitor", "Follow changes"},
        {"reload", 0, 0, 0, 0, VERB_UNPAGED, verb_reload, "reload", "Read all descriptors again"},
};

static char *describe_verbs(void) {
    g_autoptr(GString) text = g_string_new("Verbs:\n");

    /* printf's width counts bytes */
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++)
        g_string_append_printf(
                text, "  %s%*s %s\n", verbs[i].usage,
                (int)MAX(USAGE_WIDTH - g_utf8_strlen(verbs[i].usage, -1), 0), "", verbs[i].help);
    g_string_append(
            text,
            "\nExit status: 0, 1 failure, 2 usage, 3 no matching firmware. "
            "See vmfirmwarectl(1).");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static const Verb *find_verb(const char *name) {
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (g_str_equal(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

static gboolean check_arguments(
        const Options *options, const Verb *verb, char **arguments, GError **error) {
    guint n_arguments = g_strv_length(arguments);
    /* an id alone is that of import --libvirt */
    gboolean has_file =
            (verb->flags & VERB_TAKES_FILE) && (n_arguments > 1 || options_get(options, "check"));
    guint n_sent = n_arguments - (has_file ? 1 : 0);

    if (n_arguments < verb->min_arguments || n_arguments > verb->max_arguments) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_USAGE, "usage: vmfirmwarectl [OPTION…] %s",
                verb->usage);
        return FALSE;
    }
    /* from an unset variable of a script */
    for (guint i = 0; i < MIN(n_arguments, MAX(verb->min_arguments, verb->n_words)); i++)
        if (*arguments[i] == '\0') {
            g_set_error(
                    error, CLIENT_ERROR, CLIENT_ERROR_USAGE, "%s: argument %u is empty", verb->name,
                    i + 1);
            return FALSE;
        }
    for (guint i = 0; i < MIN(verb->n_words, n_sent); i++)
        if (!text_is_valid(arguments[i])) {
            g_set_error(
                    error, CLIENT_ERROR, CLIENT_ERROR_USAGE, "%s: argument %u is not UTF-8",
                    verb->name, i + 1);
            return FALSE;
        }
    return TRUE;
}

static gboolean is_offline(const Options *options, const Verb *verb, char **arguments) {
    if (options_get(options, "directory") || options_get(options, "all"))
        return FALSE;
    if (verb->flags & VERB_ID_OR_FILE)
        return options_are_offline(options) || (arguments[0] && store_is_file(arguments[0]));
    return (verb->flags & VERB_OFFLINE) != 0;
}

/* Checked before a password is asked for in vain. */
static gboolean check_transport(
        const Options *options, const Verb *verb, char **arguments, GError **error) {
    gboolean is_template = g_hash_table_contains(options->given, "nvram-template");

    if ((is_offline(options, verb, arguments) || options_are_offline(options) ||
         options_get(options, "orphans")) &&
        (options->host || options->container)) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_USAGE,
                "%s: it looks at files here; --%s does not go with it", verb->name,
                options->host ? "host" : "machine");
        return FALSE;
    }
    if (!options->host || !(verb->flags & VERB_NEEDS_FDS || is_template))
        return TRUE;
    g_set_error(
            error, CLIENT_ERROR, CLIENT_ERROR_FAILURE,
            "%s: file descriptors do not pass over ssh; do it there: ssh %s vmfirmwarectl %s …",
            verb->name, options->host, verb->name);
    return FALSE;
}

/* Of the options of a verb on a variable store, some are for a virtual machine alone, and one for a
 * file. */
static gboolean check_options(
        const Options *options, const Verb *verb, char **arguments, GError **error) {
    const gboolean is_file = is_offline(options, verb, arguments);
    const unsigned other = is_file
            ? OPTIONS_OWNER | OPTIONS_DIRECTORY | OPTIONS_LIVE | OPTIONS_INDEX
            : OPTIONS_SOURCE_FORMAT;
    g_autofree char *form = g_strdup_printf("%s %s", verb->name, is_file ? "FILE" : "ID");

    return !(verb->flags & VERB_ID_OR_FILE) ||
            options_check(options, verb->options & ~other, form, error);
}

static void context_clear(Context *context) {
    if (context->connection)
        connection_close(context->connection);
    g_free(context->what);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Context, context_clear)

static gboolean run_verb(
        const Options *options, const Verb *verb, char **arguments, int *ret_status,
        GError **error) {
    g_auto(Context) context = {.options = options};
    Options unpaged = *options;
    g_autofree char *first = arguments[0] ? text_make_printable(arguments[0]) : NULL;
    gboolean is_done;

    context.what = first && !(verb->flags & VERB_NAMELESS)
            ? g_strdup_printf("%s %s", verb->name, first)
            : g_strdup(verb->name);
    if (!is_offline(options, verb, arguments)) {
        /* only the service knows virtual machines */
        gboolean is_read = (verb->options & OPTIONS_OFFLINE) && !(verb->flags & VERB_ID_OR_FILE) &&
                !options_get(options, "pinned") &&
                (!(verb->options & OPTIONS_CHECK) || options_get(options, "check"));

        context.connection = connection_open(options, is_read, error);
        if (!context.connection || !firmware_find_executable(&context, error))
            return FALSE;
    }
    unpaged.no_pager |= (verb->flags & VERB_UNPAGED) != 0;
    if (!(verb->flags & VERB_NO_OUTPUT))
        context.output = output_new(&unpaged);

    is_done = verb->func(&context, arguments, error);
    *ret_status = context.wait_status;

    if (!output_free(context.output) && is_done) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: standard output: %s", context.what,
                g_strerror(errno));
        return FALSE;
    }
    return is_done;
}

static gboolean check_directory(
        const Options *options, const Verb *verb, char **words, GError **error) {
    const char *directory = options_get(options, "directory");
    const char *ephemeral = options_get(options, "ephemeral");
    const gboolean is_file = (verb->flags & VERB_ID_OR_FILE) && *words && store_is_file(*words) &&
            !options_get(options, "all") && !options_get(options, "no-lease");

    if ((directory || ephemeral) && options_get(options, "owner"))
        return client_error_set(
                error, CLIENT_ERROR_USAGE, "--%s and --owner exclude each other",
                directory ? "directory" : "ephemeral");
    if (directory && options_get(options, "new-owner"))
        return client_error_set(
                error, CLIENT_ERROR_USAGE,
                "--directory and --new-owner exclude each other: the files of a directory are yours");
    if (directory && ephemeral)
        return client_error_set(
                error, CLIENT_ERROR_USAGE, "--directory and --ephemeral exclude each other");
    if (!directory && !ephemeral && !is_file && (verb->options & OPTIONS_DIRECTORY) &&
        !options_get(options, "check") &&
        (options_are_offline(options) || options_get(options, "no-lease"))) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_USAGE,
                "%s: without a service only --directory says where the virtual machine is",
                verb->name);
        return FALSE;
    }
    return TRUE;
}

/* --directory is in the place of the first argument, the id. */
static GStrv add_directory(const Options *options, char **words) {
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    if (options_get(options, "directory")) {
        g_autofree char *path = options_get_directory(options);
        g_strv_builder_add(builder, path);
    }
    g_strv_builder_addv(builder, (const char **)words);
    return g_strv_builder_end(builder);
}

static gboolean run(const Options *options, char **words, int *ret_status, GError **error) {
    g_autoptr(Ephemeral) ephemeral = NULL;
    g_auto(GStrv) arguments = NULL;
    static char *no_words[] = {(char *)"list", NULL};
    const Verb *verb;

    if (!*words)
        words = no_words;
    verb = find_verb(*words);
    if (!verb) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_USAGE,
                "%s: no such verb; see 'vmfirmwarectl --help'", *words);
        return FALSE;
    }
    if (!options_check(options, verb->options, verb->name, error) ||
        !check_directory(options, verb, words + 1, error))
        return FALSE;
    if (options_get(options, "ephemeral")) {
        ephemeral = ephemeral_new(error);
        if (!ephemeral)
            return FALSE;
        options_add(options, "directory", ephemeral_get_path(ephemeral));
    }
    arguments = add_directory(options, words + 1);
    return check_arguments(options, verb, arguments, error) &&
            check_options(options, verb, arguments, error) &&
            check_transport(options, verb, arguments, error) &&
            run_verb(options, verb, arguments, ret_status, error);
}

/* Ends as the command did whose STATUS it is. */
static int end(int status) {
    if (!WIFSIGNALED(status))
        return WEXITSTATUS(status);
    (void)signal(WTERMSIG(status), SIG_DFL);
    (void)raise(WTERMSIG(status));
    return EXIT_FAILURE;
}

int main(int argc, char **argv) {
    g_auto(Options) options = {};
    g_autoptr(GError) error = NULL;
    g_autofree char *description = describe_verbs();
    g_autofree char *message = NULL;
    g_auto(GStrv) words = NULL;
    int status = 0;

    /* a locale has twelve files, which take time; nothing here uses the other ones */
    (void)setlocale(LC_CTYPE, "");
    (void)setlocale(LC_MESSAGES, "");
    (void)setlocale(LC_TIME, "");
    g_log_set_writer_func(output_write_message, NULL, NULL);
    if (options_parse(&options, description, argv, &words, &error)) {
        if (options.show_version) {
            (void)printf("vmfirmwarectl %s\n", VERSION);
            return EXIT_SUCCESS;
        }
        if (run(&options, words, &status, &error))
            return end(status);
    }

    /* one line, whatever text it quotes */
    message = text_make_printable(error->message);
    (void)fprintf(stderr, "vmfirmwarectl: %s\n", message);
    return error->code & 0xff;
}
