/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sources.h"

#include <fcntl.h>
#include <signal.h>

#include "base/text.h"
#include "emulator-file.h"
#include "error.h"
#include "output.h"

/* -- the root directory -------------------------------------------------------------------- */

/* "the builtin layer is the client's own": so is all that is installed with it. */
static GStrv list_outside(const Options *options) {
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
    const char *machines = options_get(options, "machines");
    const char *descriptor = options_get(options, "descriptor");
    g_auto(GStrv) directories = g_strsplit(machines ? machines : "", ":", -1);

    g_strv_builder_add(paths, DATADIR);
    for (char **directory = directories; *directory; directory++) {
        g_autofree char *path = g_canonicalize_filename(*directory, NULL);
        g_strv_builder_add(paths, path);
    }
    if (descriptor) {
        g_autofree char *path = g_canonicalize_filename(descriptor, NULL);
        g_strv_builder_add(paths, path);
    }
    return g_strv_builder_end(paths);
}

gboolean sources_open_root(const Options *options, SourcesRoot *ret, GError **error) {
    const char *directory = options_get(options, "root");

    *ret = (SourcesRoot){.root.fd = FILE_FD_NONE};
    if (!directory)
        return TRUE;
    if (options->is_user) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_USAGE, "--root and --user exclude each other");
        return FALSE;
    }
    ret->root.fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (ret->root.fd < 0) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "--root: \"%s\": %s", directory,
                g_strerror(errno));
        return FALSE;
    }
    ret->outside = list_outside(options);
    ret->root.outside = (const char *const *)ret->outside;
    ret->visitor.root = &ret->root;
    return TRUE;
}

void sources_root_clear(SourcesRoot *root) {
    file_fd_close(root->root.fd);
    g_strfreev(root->outside);
}

/* -- the configuration --------------------------------------------------------------------- */

/* Makes the directories of an option absolute. NULL without an error: it is not given. */
static char *find_directories(
        const Options *options, const char *name, const FileRoot *root, GError **error) {
    const char *given = options_get(options, name);
    g_auto(GStrv) directories = given ? g_strsplit(given, ":", -1) : NULL;

    if (!given)
        return NULL;
    for (char **directory = directories; *directory; directory++) {
        char *absolute;

        if (!root && !g_file_test(*directory, G_FILE_TEST_IS_DIR)) {
            g_set_error(
                    error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "--%s: \"%s\" is no directory", name,
                    *directory);
            return NULL;
        }
        absolute = g_canonicalize_filename(*directory, root ? "/" : NULL);
        g_free(*directory);
        *directory = absolute;
    }
    return g_strjoinv(":", directories);
}

Config *sources_load_config(const Options *options, const FileRoot *root, GError **error) {
    const FileVisitor visitor = {.root = root};
    g_auto(ConfigOptions) config_options = {.is_user = options->is_user};
    g_autoptr(GError) failure = NULL;
    Config *config;

    config_options.search_path = find_directories(options, "search-path", root, &failure);
    if (!failure)
        config_options.machines = find_directories(options, "machines", NULL, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }

    config = config_load(&config_options, &visitor, &failure);
    if (!config)
        g_set_error_literal(error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, failure->message);
    return config;
}

/* -- the layers ---------------------------------------------------------------------------- */

static CatalogLayer *copy_layer(const CatalogLayer *layer) {
    CatalogLayer *copy = g_new0(CatalogLayer, 1);

    copy->kind = layer->kind;
    copy->directory = g_strdup(layer->directory);
    return copy;
}

/* The layer of one file. */
static CatalogLayer *make_layer(const char *descriptor, GError **error) {
    g_autofree char *path = g_canonicalize_filename(descriptor, NULL);
    CatalogLayer *layer;

    if (!g_str_has_suffix(path, ".json") || !text_is_valid(path)) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_USAGE,
                "--descriptor: \"%s\" does not end in .json, or is not UTF-8", descriptor);
        return NULL;
    }
    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE,
                "--descriptor: \"%s\" is not there, or is no regular file", descriptor);
        return NULL;
    }

    layer = g_new0(CatalogLayer, 1);
    layer->kind = FIRMWARE_LAYER_CUSTOM;
    layer->directory = g_path_get_dirname(path);
    layer->file_name = g_path_get_basename(path);
    return layer;
}

KnownCertificates *sources_load_known(const Config *config, GError **error) {
    g_autoptr(GPtrArray) problems =
            g_ptr_array_new_with_free_func((GDestroyNotify)conf_problem_free);
    g_autoptr(GError) failure = NULL;
    KnownCertificates *known = known_certificates_load(
            (const char *const *)config->certificate_directories, NULL, problems, &failure);

    if (!known)
        (void)client_error_set(error, CLIENT_ERROR_FAILURE, "%s", failure->message);
    for (guint i = 0; i < problems->len; i++)
        output_problem(problems->pdata[i]);
    return known;
}

GPtrArray *sources_list_layers(const Options *options, const Config *config, GError **error) {
    g_autoptr(GPtrArray) layers =
            g_ptr_array_new_with_free_func((GDestroyNotify)catalog_layer_free);
    const char *descriptor = options_get(options, "descriptor");
    CatalogLayer *layer = NULL;

    if (descriptor && options_get(options, "search-path")) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_USAGE,
                "--descriptor and --search-path exclude each other");
        return NULL;
    }
    layer = descriptor ? make_layer(descriptor, error) : NULL;
    if (descriptor && !layer)
        return NULL;
    if (layer)
        g_ptr_array_add(layers, layer);
    for (guint i = 0; !layer && i < config->layers->len; i++)
        g_ptr_array_add(layers, copy_layer(config->layers->pdata[i]));
    return g_steal_pointer(&layers);
}

/* -- the emulators ------------------------------------------------------------------------- */

static void ask(const GPtrArray *emulators) {
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;

    (void)sigaction(SIGPIPE, &ignore, &before);
    emulator_ask(emulators);
    (void)sigaction(SIGPIPE, &before, NULL);
}

static void take_answer(const Emulator *emulator, MachineTable *machines) {
    if (emulator->fault)
        g_warning("%s does not tell its machine types: %s", emulator->path, emulator->fault);
    else
        emulator_file_write(emulator);
    emulator_add_to(emulator, machines);
}

void sources_ask_emulators(MachineTable *machines, const char *architecture) {
    g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func((GDestroyNotify)emulator_unref);
    const char *const *each = machine_table_get_architectures(machines);

    for (; *each; each++) {
        g_autoptr(Emulator) emulator = NULL;

        if (architecture && !g_str_equal(*each, architecture))
            continue;
        emulator = emulator_find(*each, NULL);
        if (emulator && emulator_file_read(emulator))
            emulator_add_to(emulator, machines);
        else if (emulator)
            g_ptr_array_add(unknown, g_steal_pointer(&emulator));
    }

    if (unknown->len > 0)
        ask(unknown);
    for (guint i = 0; i < unknown->len; i++)
        take_answer(unknown->pdata[i], machines);
}

void sources_ask_emulator(Emulator *emulator) {
    g_autoptr(GPtrArray) one = g_ptr_array_new();

    g_ptr_array_add(one, emulator);
    ask(one);
}
