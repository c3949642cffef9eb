/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/root.h"
#include "core/flash.h"
#include "core/image.h"
#include "error.h"
#include "keys.h"
#include "packed.h"
#include "render.h"
#include "sources.h"
#include "uefi/digest.h"
#include "verbs.h"

/* The verb unpack: a virtual machine from an archive of pack, made by the calls of an import. */

/* Of the firmware that fits, in order of priority; each takes a call, and a digest of its image. */
#define MAX_CANDIDATES 16

typedef enum Fit {
    FIT_NONE, /* no firmware satisfies the requirements */
    FIT_OTHER,
    FIT_EQUIVALENT,
    FIT_SAME, /* the same bytes */
} Fit;

static const char *const fit_words[] = {
        [FIT_NONE] = "missing",
        [FIT_OTHER] = "missing",
        [FIT_EQUIVALENT] = "equivalent",
        [FIT_SAME] = "same",
};

/* The firmware of this host that a packed VM gets. */
typedef struct Choice {
    Fit fit;
    char *name;
    GStrv differences;
} Choice;

static void choice_clear(Choice *choice) {
    g_free(choice->name);
    g_strfreev(choice->differences);
    *choice = (Choice){};
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Choice, choice_clear)

/* -- choosing ------------------------------------------------------------------------------ */

/* Of the packed NVRAM, ImportVM asks which certificates it has; Select would ask the template. */
static GVariant *drop_certificates(GVariant *requirements) {
    g_autoptr(GVariant) all = g_variant_ref_sink(requirements);
    GVariantDict keys = G_VARIANT_DICT_INIT(all);

    (void)g_variant_dict_remove(&keys, "certificates");
    return g_variant_dict_end(&keys);
}

/* The packed requirements; those of the command line override them. FIRMWARE, SIZE: also required,
 * unless NULL. Floating. */
static GVariant *make_requirements(
        const Context *context, const Packed *packed, const char *firmware, const guint64 *size,
        GError **error) {
    GVariantDict keys = G_VARIANT_DICT_INIT(packed->requirements);
    GVariant *requirements;

    if (size && !g_variant_dict_contains(&keys, "nvram-size"))
        g_variant_dict_insert(&keys, "nvram-size", "t", *size);
    if (firmware)
        g_variant_dict_insert(&keys, "firmware", "s", firmware);
    requirements = keys_from_options(context->options, OPTIONS_REQUIREMENTS, &keys, error);
    return requirements && packed->nvram_format ? drop_certificates(requirements) : requirements;
}

static gboolean ask(
        Context *context, const Packed *packed, const char *method, GVariant *requirements,
        const char *type, Reply *ret_reply, GError **error) {
    return requirements &&
            connection_call_manager(
                    context->connection, CALL_READ, context->what, method,
                    g_variant_new(
                            "(ss@a{sv})", packed->architecture, packed->machine, requirements),
                    type, ret_reply, error);
}

/* What Select answers with FIRMWARE, or without if that is NULL. */
static GVariant *choose(
        Context *context, const Packed *packed, const char *firmware, GError **error) {
    GVariant *requirements = make_requirements(context, packed, firmware, NULL, error);
    g_auto(Reply) reply = {};

    return ask(context, packed, "Select", requirements, "(oa{sv})", &reply, error)
            ? g_variant_get_child_value(reply.body, 1)
            : NULL;
}

/* The names of the firmware that fits, in order of priority. */
static GStrv list_names(
        Context *context, const Packed *packed, const guint64 *size, GError **error) {
    GVariant *requirements = make_requirements(context, packed, NULL, size, error);
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) capabilities = NULL;
    GStrv names = NULL;

    if (!ask(context, packed, "GetCapabilities", requirements, "(a{sv})", &reply, error))
        return NULL;
    capabilities = g_variant_get_child_value(reply.body, 0);
    return g_variant_lookup(capabilities, "firmware", "^as", &names) ? names : g_new0(char *, 1);
}

/* The size that the NVRAM needs of a firmware with separate variables. An image of a combined
 * firmware is no such NVRAM: no firmware has variables of its size. */
static gboolean get_nvram_size(const Packed *packed, guint64 *ret) {
    ImageFormat format;
    ImageInfo info;

    if (!packed->nvram_format || !image_format_from_string(packed->nvram_format, &format) ||
        image_probe_fd(packed->file.nvram, format, &info) < 0 || info.status != IMAGE_STATUS_OK)
        return FALSE;
    *ret = format == IMAGE_FORMAT_JSON ? 0 : flash_backend_size(info.size);
    return TRUE;
}

static GStrv list_candidates(Context *context, const Packed *packed, GError **error) {
    g_auto(GStrv) names = NULL;
    guint64 size;

    if (get_nvram_size(packed, &size)) {
        names = list_names(context, packed, &size, error);
        if (!names || *names)
            return g_steal_pointer(&names);
    }
    g_clear_pointer(&names, g_strfreev);
    return list_names(context, packed, NULL, error);
}

/* The digest of the executable, "" if it cannot be read here. */
static char *hash_executable(const Context *context, const FileRoot *root, GVariant *resolution) {
    const Options *options = context->options;
    g_autoptr(GVariant) image =
            g_variant_lookup_value(resolution, "executable", G_VARIANT_TYPE_VARDICT);
    g_auto(FileFd) fd = FILE_FD_NONE;
    char *digest = NULL;
    const char *filename;
    struct stat st;

    if (options->host || options->container || !image ||
        !g_variant_lookup(image, "filename", "&s", &filename) ||
        root_open_regular(root, filename, &fd, &st) < 0 ||
        digest_file(fd, (guint64)st.st_size, &digest) < 0)
        return g_strdup("");
    return digest;
}

static void take_if_better(
        Context *context, const Packed *packed, const FileRoot *root, GVariant *resolution,
        Choice *choice) {
    g_autofree char *digest = hash_executable(context, root, resolution);
    const PackedDigests digests = {.executable = digest, .template = ""};
    gboolean is_equivalent;
    g_auto(Choice) other = {.fit = FIT_OTHER};

    other.differences = packed_compare(packed, resolution, &digests, &is_equivalent);
    if (is_equivalent)
        other.fit = *digest && g_str_equal(digest, packed->executable_digest) ? FIT_SAME
                                                                              : FIT_EQUIVALENT;
    if (other.fit <= choice->fit)
        return;
    (void)g_variant_lookup(resolution, "name", "s", &other.name);
    choice_clear(choice);
    *choice = other;
    other = (Choice){};
}

/* The first firmware that is the same, else the first equivalent, else the first that fits. */
static gboolean find(Context *context, const Packed *packed, Choice *ret, GError **error) {
    g_auto(GStrv) names = list_candidates(context, packed, error);
    g_auto(SourcesRoot) root = SOURCES_ROOT_INIT;

    if (!names || !sources_open_root(context->options, &root, error))
        return FALSE;

    for (guint i = 0; names[i] && i < MAX_CANDIDATES && ret->fit < FIT_SAME; i++) {
        g_autoptr(GVariant) resolution = choose(context, packed, names[i], NULL);

        if (resolution)
            take_if_better(context, packed, root.visitor.root, resolution, ret);
    }
    return TRUE;
}

/* -- unpack --check ------------------------------------------------------------------------ */

static void print_choice(const Context *context, const Packed *packed, const Choice *choice) {
    GVariantDict dict = G_VARIANT_DICT_INIT(NULL);

    if (context->options->json == JSON_OFF) {
        if (choice->fit == FIT_SAME)
            output_line("This host has its firmware: %s.", choice->name);
        else if (choice->fit == FIT_EQUIVALENT)
            output_line(
                    "This host has an equivalent of its firmware %s: %s.", packed->firmware,
                    choice->name);
        return;
    }
    g_variant_dict_insert(&dict, "verdict", "s", fit_words[choice->fit]);
    g_variant_dict_insert(&dict, "firmware", "s", packed->firmware);
    g_variant_dict_insert(&dict, "description", "s", packed->description);
    if (choice->name)
        g_variant_dict_insert(&dict, "here", "s", choice->name);
    if (choice->differences)
        g_variant_dict_insert(&dict, "differences", "^as", choice->differences);
    output_json(context->output, g_variant_dict_end(&dict));
}

static gboolean check(Context *context, const Packed *packed, GError **error) {
    g_auto(Choice) choice = {};
    g_autofree char *differences = NULL;

    if (!find(context, packed, &choice, error))
        return FALSE;
    print_choice(context, packed, &choice);
    if (choice.fit >= FIT_EQUIVALENT)
        return TRUE;
    if (choice.differences)
        differences = g_strjoinv(", ", choice.differences);
    return client_error_set(
            error, CLIENT_ERROR_NO_MATCH,
            "%s: its firmware %s (%s) for %s %s is missing here, and no other is equivalent%s%s%s%s",
            context->what, packed->firmware, packed->description, packed->architecture,
            packed->machine, choice.name ? "; unpack would take " : "",
            choice.name ? choice.name : "", differences ? ", which differs in: " : "",
            differences ? differences : "");
}

/* -- unpack -------------------------------------------------------------------------------- */

/* The choice is left to the call where that has the same result: what is asked for stays with the
 * VM, but for the certificates that its NVRAM had once. */
static GVariant *make_options(
        Context *context, const Packed *packed, const Choice *choice, GError **error) {
    g_autoptr(GVariant) first = choice->name ? choose(context, packed, NULL, NULL) : NULL;
    GVariantDict keys = G_VARIANT_DICT_INIT(packed->requirements);
    const char *name = NULL;

    if (first)
        (void)g_variant_lookup(first, "name", "&s", &name);
    if (choice->fit > FIT_OTHER && g_strcmp0(name, choice->name) != 0)
        g_variant_dict_insert(&keys, "firmware", "s", choice->name);
    if (packed->nvram_format) {
        (void)g_variant_dict_remove(&keys, "certificates");
        g_variant_dict_insert(&keys, "format", "s", packed->nvram_format);
    } else {
        g_variant_dict_insert(&keys, "create", "s", "new");
    }
    return keys_from_options(
            context->options,
            OPTIONS_REQUIREMENTS | OPTIONS_RENDER | OPTIONS_OWNER | OPTIONS_REFERENCE, &keys,
            error);
}

static gboolean make_vm(
        Context *context, const char *id, const Packed *packed, GVariant *options, Reply *ret_reply,
        GError **error) {
    const char *method = packed->nvram_format ? "ImportVM" : "PrepareVM";
    GVariant *arguments = packed->nvram_format
            ? g_variant_new(
                      "(sssh@a{sv})", id, packed->architecture, packed->machine, packed->file.nvram,
                      options)
            : g_variant_new("(sss@a{sv})", id, packed->architecture, packed->machine, options);

    return connection_call_manager(
            context->connection, CALL_CHANGE, context->what, method, arguments, "(oa{sv})",
            ret_reply, error);
}

/* What of the new VM is not as it was packed. */
static GStrv compare(
        Context *context, const Packed *packed, const char *path, GVariant *resolution,
        GError **error) {
    PackedDigests digests = {.executable = "", .template = ""};
    g_autoptr(GVariant) properties = connection_get_properties(
            context->connection, context->what, path, BUS_VM_INTERFACE, error);
    gboolean is_equivalent;

    if (!properties)
        return NULL;
    (void)g_variant_lookup(properties, "executable-digest", "&s", &digests.executable);
    (void)g_variant_lookup(properties, "template-digest", "&s", &digests.template);
    return packed_compare(packed, resolution, &digests, &is_equivalent);
}

static void print(Context *context, GVariant *resolution, char **differences) {
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(resolution);
    g_autoptr(GVariant) answer = NULL;

    g_variant_dict_insert(&dict, "differences", "^as", differences);
    answer = g_variant_ref_sink(g_variant_dict_end(&dict));
    render_resolution(context->output, context->options, answer);
    if (*differences && options_get(context->options, "render")) {
        g_autofree char *list = g_strjoinv(", ", differences);
        g_autofree char *text =
                g_strdup_printf("%s: not as it was packed: %s", context->what, list);

        output_warning(text);
    }
}

static gboolean unpack(Context *context, const char *id, const Packed *packed, GError **error) {
    g_auto(Choice) choice = {};
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) resolution = NULL;
    g_auto(GStrv) differences = NULL;
    const char *path;
    GVariant *options;

    if (!find(context, packed, &choice, error))
        return FALSE;
    options = make_options(context, packed, &choice, error);
    if (!options || !make_vm(context, id, packed, options, &reply, error))
        return FALSE;
    g_variant_get(reply.body, "(&o@a{sv})", &path, &resolution);
    differences = compare(context, packed, path, resolution, error);
    if (!differences)
        return FALSE;
    print(context, resolution, differences);
    return TRUE;
}

static gboolean open_file(const char *filename, FileFd *ret, GError **error) {
    int r = 0;

    if (g_str_equal(filename, "-"))
        *ret = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    else
        r = file_open_regular(AT_FDCWD, filename, ret, NULL);
    if (r == -ENOTSUP)
        return client_error_set(error, CLIENT_ERROR_FAILURE, "%s: it is no regular file", filename);
    return r >= 0 ||
            client_error_set(error, CLIENT_ERROR_FAILURE, "%s: %s", filename, g_strerror(-r));
}

/* Of the options of unpack, each form has some of its own. */
static gboolean check_options(const Options *options, gboolean is_check, GError **error) {
    const unsigned both = OPTIONS_REQUIREMENTS | OPTIONS_MACHINES | OPTIONS_SOURCES;
    const unsigned allowed = is_check
            ? both | OPTIONS_CHECK | OPTIONS_OFFLINE | OPTIONS_ROOT
            : both | OPTIONS_RENDER | OPTIONS_OWNER | OPTIONS_REFERENCE | OPTIONS_DIRECTORY;

    return options_check(options, allowed, is_check ? "unpack --check" : "unpack ID FILE", error);
}

gboolean verb_unpack(Context *context, char **arguments, GError **error) {
    gboolean is_check = options_get(context->options, "check") != NULL;
    guint n_arguments = g_strv_length(arguments);
    g_auto(Packed) packed = PACKED_INIT;
    g_auto(FileFd) fd = FILE_FD_NONE;
    const char *filename;

    if (!check_options(context->options, is_check, error))
        return FALSE;
    if (n_arguments != (is_check ? 1 : 2))
        return client_error_set(
                error, CLIENT_ERROR_USAGE, "unpack: it takes ID FILE, or with --check FILE alone");
    filename = arguments[n_arguments - 1];
    if (!open_file(filename, &fd, error) || !packed_read(fd, filename, &packed, error))
        return FALSE;
    return is_check ? check(context, &packed, error)
                    : unpack(context, arguments[0], &packed, error);
}
