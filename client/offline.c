/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "offline.h"

#include <systemd/sd-bus.h>

#include "base/error.h"
#include "base/sink.h"
#include "bus/names.h"
#include "core/answer.h"
#include "core/architecture.h"
#include "core/question.h"
#include "service/host.h"
#include "directory.h"
#include "offline-request.h"
#include "output.h"
#include "sources.h"

struct Offline {
    const Options *options;
    SourcesRoot root;
    Config *config;
    GPtrArray *layers;      /* of CatalogLayer */
    Catalog *catalog;       /* NULL: not built yet */
    gboolean is_whole;      /* CATALOG has all firmware */
    MachineTable *machines; /* NULL: not read yet */
    KnownCertificates *known;
    HostKeys *host_keys;
    GPtrArray *problems; /* of ConfProblem: of KNOWN */
    GStrv host_features;
    Directory *directory; /* of --directory; NULL: not opened yet */
};

Offline *offline_new(const Options *options, GError **error) {
    g_autoptr(Offline) offline = g_new0(Offline, 1);

    offline->problems = g_ptr_array_new_with_free_func((GDestroyNotify)conf_problem_free);
    offline->options = options;
    offline->root.root.fd = FILE_FD_NONE;
    if (!sources_open_root(options, &offline->root, error))
        return NULL;
    offline->config = sources_load_config(options, offline->root.visitor.root, error);
    if (!offline->config)
        return NULL;
    offline->layers = sources_list_layers(options, offline->config, error);
    return offline->layers ? g_steal_pointer(&offline) : NULL;
}

void offline_free(Offline *offline) {
    if (!offline)
        return;

    directory_free(offline->directory);
    sources_root_clear(&offline->root);
    config_unref(offline->config);
    g_clear_pointer(&offline->layers, g_ptr_array_unref);
    catalog_unref(offline->catalog);
    machine_table_unref(offline->machines);
    known_certificates_unref(offline->known);
    host_keys_unref(offline->host_keys);
    g_ptr_array_unref(offline->problems);
    g_strfreev(offline->host_features);
    g_free(offline);
}

/* -- the catalog --------------------------------------------------------------------------- */

/* An answer for a machine that nothing describes would be that there is no such machine. */
static void check_machines(const Offline *offline) {
    g_autofree char *directories = NULL;
    g_autofree char *text = NULL;

    if (*machine_table_get_architectures(offline->machines))
        return;
    directories = g_strjoinv(":", offline->config->machine_directories);
    text = g_strdup_printf(
            "no machine table in %s: no machine type is known; name its directory with --machines=",
            directories);
    output_warning(text);
}

/* ARCHITECTURE: the first question is about it alone, and no other emulator changes the answer. */
static gboolean read_tables(Offline *offline, const char *architecture, GError **error) {
    const FileVisitor *visitor = &offline->root.visitor;

    if (offline->known)
        return TRUE;
    offline->machines = machine_table_load(
            (const char *const *)offline->config->machine_directories, visitor, error);
    if (!offline->machines)
        return FALSE;
    check_machines(offline);
    offline->known = known_certificates_load(
            (const char *const *)offline->config->certificate_directories, visitor,
            offline->problems, error);
    if (!offline->known)
        return FALSE;
    offline->host_keys = host_keys_load(
            offline->config->enroll_directory, offline->config->enrolls_platform_key, visitor,
            offline->problems, error);
    if (!offline->host_keys)
        return FALSE;
    /* those of another root may be for another architecture, and need its libraries */
    if (!visitor->root)
        sources_ask_emulators(offline->machines, architecture);
    offline->host_features = host_probe_features(NULL);
    return TRUE;
}

static gboolean build(Offline *offline, CatalogSources *sources, GError **error) {
    sources->layers = offline->layers;
    sources->now = g_get_real_time();
    sources->visitor = &offline->root.visitor;
    sources->machines = offline->machines;
    sources->known = offline->known;
    sources->host_keys = offline->host_keys;
    g_clear_pointer(&offline->catalog, catalog_unref);
    offline->catalog = catalog_build(sources, error);
    if (offline->catalog)
        catalog_add_conf_problems(offline->catalog, offline->problems);
    return offline->catalog != NULL;
}

/* All of it. ARCHITECTURE NULL: the question is about each. */
static gboolean build_whole(Offline *offline, const char *architecture, GError **error) {
    CatalogSources sources = {};

    if (offline->is_whole)
        return TRUE;
    offline->is_whole =
            read_tables(offline, architecture, error) && build(offline, &sources, error);
    return offline->is_whole;
}

/* What a catalog is built for. */
typedef struct Question {
    const Offline *offline;
    const Request *request;
} Question;

static gboolean is_accepted(const Catalog *catalog, const CatalogFile *file, gpointer userdata) {
    const Question *question = userdata;
    SelectionInput input = selection_input(
            catalog, (const char *const *)question->offline->host_features, question->request);

    return selection_accepts(&input, file);
}

/* What REQUEST can choose from. IS_ONE: only as far as the firmware that it chooses. */
static gboolean build_part(
        Offline *offline, const Request *request, gboolean is_one, GError **error) {
    Question question = {.offline = offline, .request = request};
    CatalogSources sources = {
            .architecture = request->architecture,
            .is_enough = is_one ? is_accepted : NULL,
            .userdata = &question,
    };

    /* any descriptor may name the file by the path that is asked for */
    if (request->executable)
        return build_whole(offline, request->architecture, error);
    if (offline->is_whole)
        return TRUE;
    if (!read_tables(offline, request->architecture, error))
        return FALSE;
    return build(offline, &sources, error);
}

/* -- requests ------------------------------------------------------------------------------ */

/* ARGUMENTS: (ssa{sv}). */
static Request *read_request(RequestCall call, GVariant *arguments, GError **error) {
    g_autoptr(GVariant) options = NULL;
    const char *architecture, *machine;

    g_variant_get(arguments, "(&s&s@a{sv})", &architecture, &machine, &options);
    return offline_request_read(call, architecture, machine, options, error);
}

static SelectionInput make_input(const Offline *offline, const Request *request) {
    return selection_input(offline->catalog, (const char *const *)offline->host_features, request);
}

/* -- the Manager's methods ----------------------------------------------------------------- */

/* bus_firmware_path() of the service. */
static char *make_path(const char *name) {
    g_autofree char *path = NULL;

    if (sd_bus_path_encode(BUS_FIRMWARE_PATH, name, &path) < 0)
        g_error("out of memory");
    return g_steal_pointer(&path);
}

static Resolution *choose(Offline *offline, const Request *request, GError **error) {
    SelectionInput input;
    Resolution *resolution;

    if (!build_part(offline, request, TRUE, error))
        return NULL;
    input = make_input(offline, request);
    resolution = question_select(&input, NULL);
    if (resolution)
        return resolution;

    /* the reasons name firmware for other architectures, too */
    if (!build_whole(offline, request->architecture, error))
        return NULL;
    input = make_input(offline, request);
    return question_select(&input, error);
}

static GVariant *call_select(Offline *offline, GVariant *arguments, GError **error) {
    g_autoptr(Request) request = read_request(REQUEST_CALL_SELECT, arguments, error);
    g_autoptr(Resolution) resolution = request ? choose(offline, request, error) : NULL;
    g_auto(Rendering) rendering = {};
    g_autofree char *path = NULL;
    g_autoptr(GVariant) answer = NULL;
    VariantSink *sink;

    if (!resolution || !rendering_make(resolution, request->render, &rendering, error))
        return NULL;
    sink = variant_sink_new();
    answer_resolution(variant_sink_get_sink(sink), resolution, &rendering);
    answer = variant_sink_end(sink);
    path = make_path(resolution->name);
    return g_variant_new("(o@a{sv})", path, answer);
}

static GVariant *call_explain(Offline *offline, GVariant *arguments, GError **error) {
    g_autoptr(Request) request = read_request(REQUEST_CALL_EXPLAIN, arguments, error);
    g_autoptr(GPtrArray) verdicts = NULL;
    g_autoptr(GVariant) answer = NULL;
    SelectionInput input;
    VariantSink *sink;

    if (!request || !build_whole(offline, request->architecture, error))
        return NULL;
    input = make_input(offline, request);
    verdicts = selection_explain(&input);
    sink = variant_sink_new();
    answer_verdicts(variant_sink_get_sink(sink), verdicts);
    answer = variant_sink_end(sink);
    return g_variant_new("(@a(sssas))", answer);
}

static GVariant *call_get_capabilities(Offline *offline, GVariant *arguments, GError **error) {
    g_autoptr(Request) request = read_request(REQUEST_CALL_CAPABILITIES, arguments, error);
    g_autoptr(Capabilities) capabilities = NULL;
    g_autoptr(GVariant) answer = NULL;
    SelectionInput input;
    VariantSink *sink;

    if (!request || !build_part(offline, request, FALSE, error))
        return NULL;
    input = make_input(offline, request);
    capabilities = selection_capabilities(&input);
    sink = variant_sink_new();
    answer_capabilities(variant_sink_get_sink(sink), capabilities);
    answer = variant_sink_end(sink);
    return g_variant_new("(@a{sv})", answer);
}

static GVariant *call_get_firmware(Offline *offline, GVariant *arguments, GError **error) {
    const CatalogFile *file;
    g_autofree char *path = NULL;
    const char *name;

    g_variant_get(arguments, "(&s)", &name);
    if (!build_whole(offline, NULL, error))
        return NULL;
    file = question_find_firmware(offline->catalog, name, error);
    if (!file)
        return NULL;
    path = make_path(file->name);
    return g_variant_new("(o)", path);
}

/* -- properties ---------------------------------------------------------------------------- */

static GVariant *get_manager_properties(const Offline *offline) {
    VariantSink *variant_sink = variant_sink_new();
    Sink *sink = variant_sink_get_sink(variant_sink);

    /* in the order of the interface */
    sink_open_array(sink, "{sv}");
    sink_entry_string(sink, "Version", VERSION);
    sink_entry_uint64(sink, "Generation", 1);
    sink_open_entry(sink, "SearchPath", "as");
    answer_search_path(sink, offline->layers);
    sink_close_entry(sink);
    sink_entry_string(sink, "StateDirectory", offline->config->state_directory);
    sink_open_entry(sink, "Problems", "a(ss)");
    answer_problems(sink, offline->catalog);
    sink_close_entry(sink);
    sink_entry_strv(sink, "Architectures", offline->catalog->architectures);
    sink_entry_strv(sink, "HostFeatures", offline->host_features);
    sink_close(sink);
    return variant_sink_end(variant_sink);
}

static GVariant *get_firmware_properties(const Offline *offline, const CatalogFile *file) {
    g_auto(GVariantBuilder) dict = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

    for (const FirmwareProperty *property = firmware_properties; property->name; property++) {
        VariantSink *sink = variant_sink_new();
        g_autoptr(GVariant) value = NULL;

        property->write(variant_sink_get_sink(sink), offline->catalog, file);
        value = variant_sink_end(sink);
        g_variant_builder_add(&dict, "{sv}", property->name, value);
    }
    return g_variant_ref_sink(g_variant_builder_end(&dict));
}

static GVariant *call_get_all(Offline *offline, const char *path, GError **error) {
    g_autoptr(GVariant) properties = NULL;
    g_autofree char *name = NULL;

    if (!build_whole(offline, NULL, error))
        return NULL;
    if (g_str_equal(path, BUS_MANAGER_PATH)) {
        properties = get_manager_properties(offline);
    } else {
        const CatalogFile *file;

        (void)sd_bus_path_decode(path, BUS_FIRMWARE_PATH, &name);
        file = question_find_firmware(offline->catalog, name, error);
        if (!file)
            return NULL;
        properties = get_firmware_properties(offline, file);
    }
    return g_variant_new("(@a{sv})", properties);
}

static GVariant *call_get_managed_objects(Offline *offline, GError **error) {
    g_auto(GVariantBuilder) objects = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a{oa{sa{sv}}}"));

    if (!build_whole(offline, NULL, error))
        return NULL;
    for (guint i = 0; i < offline->catalog->firmware->len; i++) {
        const CatalogFile *file = offline->catalog->firmware->pdata[i];
        g_autofree char *path = make_path(file->name);
        g_autoptr(GVariant) properties = get_firmware_properties(offline, file);

        g_variant_builder_open(&objects, G_VARIANT_TYPE("{oa{sa{sv}}}"));
        g_variant_builder_add(&objects, "o", path);
        g_variant_builder_open(&objects, G_VARIANT_TYPE("a{sa{sv}}"));
        g_variant_builder_add(&objects, "{s@a{sv}}", BUS_FIRMWARE_INTERFACE, properties);
        g_variant_builder_close(&objects);
        g_variant_builder_close(&objects);
    }
    return g_variant_new("(a{oa{sa{sv}}})", &objects);
}

/* -- dispatch ------------------------------------------------------------------------------ */

/* The architecture that a call on a VM is about. */
static const char *get_architecture(const Directory *directory, GVariant *arguments) {
    const char *pinned = directory_get_architecture(directory);
    const char *asked;

    if (pinned || !arguments || g_variant_n_children(arguments) < 4)
        return pinned;
    g_variant_get_child(arguments, 1, "&s", &asked);
    return architecture_from_name(asked);
}

static GVariant *call_directory(
        Offline *offline, const char *method, GVariant *arguments, GError **error) {
    if (!offline->directory)
        offline->directory = directory_open(
                offline->options, offline->config,
                g_str_equal(method, "PrepareVM") || g_str_equal(method, "ImportVM"), error);
    if (!offline->directory ||
        !build_whole(offline, get_architecture(offline->directory, arguments), error))
        return NULL;
    return directory_call(
            offline->directory, offline->catalog, offline->host_features, method, arguments, error);
}

static GVariant *dispatch(
        Offline *offline, const char *path, const char *method, GVariant *arguments,
        GError **error) {
    if (g_str_has_suffix(method, "VM") || g_str_has_prefix(path, BUS_VM_PATH))
        return call_directory(offline, method, arguments, error);
    if (g_str_equal(method, "Select"))
        return call_select(offline, arguments, error);
    if (g_str_equal(method, "Explain"))
        return call_explain(offline, arguments, error);
    if (g_str_equal(method, "GetCapabilities"))
        return call_get_capabilities(offline, arguments, error);
    if (g_str_equal(method, "GetFirmware"))
        return call_get_firmware(offline, arguments, error);
    if (g_str_equal(method, "GetManagedObjects"))
        return call_get_managed_objects(offline, error);
    if (g_str_equal(method, "GetAll"))
        return call_get_all(offline, path, error);
    /* the table of verbs admits no other */
    g_assert_not_reached();
}

GVariant *offline_call(
        Offline *offline, const char *path, const char *method, GVariant *arguments,
        GError **error) {
    GVariant *body = dispatch(offline, path, method, arguments, error);

    return body ? g_variant_ref_sink(body) : NULL;
}
