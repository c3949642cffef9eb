/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "packed.h"

#include <string.h>

#include "base/lexical.h"
#include "base/text.h"
#include "base/vocab.h"
#include "core/geometry.h"
#include "uefi/digest.h"
#include "error.h"

/* The member version of manifest.json: an archive of another one is not read. */
#define MANIFEST_VERSION 1

void packed_clear(Packed *packed) {
    packfile_clear(&packed->file);
    g_free(packed->architecture);
    g_free(packed->machine);
    g_clear_pointer(&packed->requirements, g_variant_unref);
    g_free(packed->firmware);
    g_free(packed->description);
    g_free(packed->executable_digest);
    g_free(packed->template_digest);
    g_free(packed->nvram_format);
    g_clear_pointer(&packed->resolution, json_node_unref);
    *packed = PACKED_INIT;
}

/* -- writing ------------------------------------------------------------------------------- */

static GBytes *make_json(GVariantDict *dict) {
    g_autoptr(GVariant) value = g_variant_ref_sink(g_variant_dict_end(dict));
    g_autoptr(JsonNode) root = json_gvariant_serialize(value);
    g_autofree char *text = json_to_string(root, TRUE);
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    char *escaped = lexical_escape(line);

    return g_bytes_new_take(escaped, strlen(escaped));
}

static void copy_member(GVariantDict *to, GVariant *from, const char *name) {
    g_autoptr(GVariant) value = g_variant_lookup_value(from, name, NULL);

    if (value)
        g_variant_dict_insert_value(to, name, value);
}

static GBytes *make_pin(GVariant *properties, GVariant *resolution) {
    static const char *const members[] = {"architecture",      "machine",         "created",
                                          "executable-digest", "template-digest", NULL};
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

    for (const char *const *member = members; *member; member++)
        copy_member(&dict, properties, *member);
    g_variant_dict_insert_value(&dict, "resolution", resolution);
    return make_json(&dict);
}

int packed_add_records(PackFile *file, const char *id, GVariant *properties, GVariant *resolution) {
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
    g_autofree char *digest = NULL;
    int r;

    g_variant_dict_insert(&dict, "version", "u", MANIFEST_VERSION);
    g_variant_dict_insert(&dict, "program", "s", "vmfirmwarectl " VERSION);
    g_variant_dict_insert(&dict, "id", "s", id);
    if (file->nvram_name) {
        r = digest_file(file->nvram, file->nvram_size, &digest);
        if (r < 0)
            return r;
        g_variant_dict_insert_value(
                &dict, "nvram",
                g_variant_new_parsed(
                        "{'file': <%s>, 'size': <%t>, 'sha256': <%s>}", file->nvram_name,
                        file->nvram_size, digest));
    }
    file->manifest = make_json(&dict);
    file->pin = make_pin(properties, resolution);
    return 0;
}

/* -- reading ------------------------------------------------------------------------------- */

typedef struct Reader {
    const char *archive; /* for messages */
    const char *file;
} Reader;

static gboolean refuse(const Reader *reader, const char *text, GError **error) {
    g_autofree char *valid = text_make_printable(text);

    return client_error_set(
            error, CLIENT_ERROR_FAILURE, "%s: %s: %s", reader->archive, reader->file, valid);
}

static gboolean bad_member(const Reader *reader, const char *member, GError **error) {
    g_autofree char *text = g_strdup_printf("member \"%s\" is missing or wrong", member);

    return refuse(reader, text, error);
}

static JsonNode *parse(const Reader *reader, GBytes *bytes, GError **error) {
    g_autoptr(GError) failure = NULL;
    gsize size;
    const char *text = g_bytes_get_data(bytes, &size);
    JsonNode *root = lexical_read_object(text, size, &failure);

    if (!root)
        (void)refuse(reader, failure->message, error);
    return root;
}

static const char *get_text(JsonNode *node) {
    const char *text =
            node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
            ? json_node_get_string(node)
            : NULL;

    return text && text_is_valid(text) ? text : NULL;
}

static gboolean read_text(
        const Reader *reader, JsonObject *object, const char *member, char **ret, GError **error) {
    const char *text = get_text(json_object_get_member(object, member));

    *ret = g_strdup(text);
    return text || bad_member(reader, member, error);
}

static JsonObject *get_object(JsonObject *object, const char *member) {
    JsonNode *node = json_object_get_member(object, member);

    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static gint64 get_number(JsonObject *object, const char *member) {
    JsonNode *node = json_object_get_member(object, member);

    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64
            ? json_node_get_int(node)
            : -1;
}

/* The NVRAM is the one that was packed: an archive may be damaged, or put together by hand. */
static gboolean check_nvram(
        const Reader *reader, JsonObject *manifest, Packed *packed, GError **error) {
    JsonObject *nvram = get_object(manifest, "nvram");
    const PackFile *file = &packed->file;
    g_autofree char *digest = NULL;
    const char *name, *stated;

    if (!nvram && !file->nvram_name)
        return TRUE;
    name = nvram ? get_text(json_object_get_member(nvram, "file")) : NULL;
    stated = nvram ? get_text(json_object_get_member(nvram, "sha256")) : NULL;
    if (!name || !stated || g_strcmp0(name, file->nvram_name) != 0)
        return bad_member(reader, "nvram", error);
    if (digest_file(file->nvram, file->nvram_size, &digest) < 0 || !g_str_equal(digest, stated))
        return refuse(reader, "the NVRAM is not the one that was packed: another SHA-256", error);
    packed->nvram_format = g_strdup(strchr(file->nvram_name, '.') + 1);
    return TRUE;
}

static gboolean read_manifest(const char *archive, Packed *packed, GError **error) {
    const Reader reader = {.archive = archive, .file = PACKFILE_MANIFEST_NAME};
    g_autoptr(JsonNode) root = parse(&reader, packed->file.manifest, error);
    JsonObject *manifest;
    gint64 version;

    if (!root)
        return FALSE;
    manifest = json_node_get_object(root);
    version = get_number(manifest, "version");
    if (version < 0)
        return bad_member(&reader, "version", error);
    if (version != MANIFEST_VERSION) {
        g_autofree char *text = g_strdup_printf(
                "version %" G_GINT64_FORMAT "; this program reads version %d", version,
                MANIFEST_VERSION);

        return refuse(&reader, text, error);
    }
    return check_nvram(&reader, manifest, packed, error);
}

/* Converts a requirement to the type of its key: a string, strings, a number or a truth value.
 * NULL: no requirement has such a value. */
static GVariant *make_requirement(JsonNode *node) {
    static const char *const signatures[] = {"s", "as", "b", "t"};
    GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;
    gboolean is_positive = type == G_TYPE_INT64 && json_node_get_int(node) >= 0;
    GVariant *value;
    guint i = JSON_NODE_HOLDS_ARRAY(node) ? 1 : type == G_TYPE_BOOLEAN ? 2 : is_positive ? 3 : 0;

    if (i == 0 && type != G_TYPE_STRING)
        return NULL;
    value = json_gvariant_deserialize(node, signatures[i], NULL);
    return value ? g_variant_ref_sink(value) : NULL;
}

static gboolean read_requirements(
        const Reader *reader, JsonObject *resolution, Packed *packed, GError **error) {
    JsonObject *requirements = get_object(resolution, "requirements");
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
    JsonObjectIter iter;
    const char *key;
    JsonNode *node;

    if (!requirements)
        return bad_member(reader, "requirements", error);
    json_object_iter_init(&iter, requirements);
    while (json_object_iter_next(&iter, &key, &node)) {
        g_autoptr(GVariant) value = make_requirement(node);

        if (!value)
            return bad_member(reader, key, error);
        g_variant_dict_insert_value(&dict, key, value);
    }
    packed->requirements = g_variant_ref_sink(g_variant_dict_end(&dict));
    return TRUE;
}

static gboolean read_pin(const char *archive, Packed *packed, GError **error) {
    const Reader reader = {.archive = archive, .file = PACKFILE_PIN_NAME};
    g_autoptr(JsonNode) root = parse(&reader, packed->file.pin, error);
    JsonObject *pin, *resolution;

    if (!root)
        return FALSE;
    pin = json_node_get_object(root);
    resolution = get_object(pin, "resolution");
    if (!resolution)
        return bad_member(&reader, "resolution", error);
    packed->resolution = json_node_ref(json_object_get_member(pin, "resolution"));
    return read_text(&reader, pin, "architecture", &packed->architecture, error) &&
            read_text(&reader, pin, "machine", &packed->machine, error) &&
            read_text(&reader, pin, "executable-digest", &packed->executable_digest, error) &&
            read_text(&reader, pin, "template-digest", &packed->template_digest, error) &&
            read_text(&reader, resolution, "name", &packed->firmware, error) &&
            read_text(&reader, resolution, "description", &packed->description, error) &&
            read_requirements(&reader, resolution, packed, error);
}

gboolean packed_read(int fd, const char *name, Packed *ret, GError **error) {
    g_auto(Packed) packed = PACKED_INIT;

    if (!packfile_read(fd, name, &packed.file, error) || !read_manifest(name, &packed, error) ||
        !read_pin(name, &packed, error))
        return FALSE;
    *ret = packed;
    packed = PACKED_INIT;
    return TRUE;
}

/* -- comparing ----------------------------------------------------------------------------- */

/* A member as text; "": there is none. */
static char *describe(JsonObject *object, const char *member) {
    JsonNode *node = object ? json_object_get_member(object, member) : NULL;

    return node ? json_to_string(node, FALSE) : g_strdup("");
}

static char *describe_image(JsonObject *resolution, const char *member) {
    JsonObject *image = get_object(resolution, member);
    g_autofree char *format = describe(image, "format");
    g_autofree char *size = describe(image, "size");

    return g_strconcat(format, " ", size, NULL);
}

static char *describe_flash(JsonObject *resolution) {
    JsonNode *node = json_object_get_member(resolution, "flash");
    JsonArray *units = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    GString *text = g_string_new(NULL);

    for (guint i = 0; units && i < json_array_get_length(units); i++) {
        JsonNode *unit = json_array_get_element(units, i);

        for (const FlashKey *key = flash_keys; JSON_NODE_HOLDS_OBJECT(unit) && key->name; key++)
            if (key->recordable) {
                g_autofree char *value = describe(json_node_get_object(unit), key->name);

                g_string_append_printf(text, "%u %s %s\n", i, key->name, value);
            }
    }
    return g_string_free(text, FALSE);
}

static gboolean lists(JsonArray *array, const char *word) {
    for (guint i = 0; i < json_array_get_length(array); i++)
        if (g_strcmp0(get_text(json_array_get_element(array, i)), word) == 0)
            return TRUE;
    return FALSE;
}

static char *describe_identity(JsonObject *resolution) {
    JsonNode *node = json_object_get_member(resolution, "features");
    GString *text = g_string_new(NULL);

    for (const char *const *feature = known_features; *feature; feature++)
        if (feature_is_identity(*feature) && node && JSON_NODE_HOLDS_ARRAY(node) &&
            lists(json_node_get_array(node), *feature))
            g_string_append_printf(text, "%s ", *feature);
    return g_string_free(text, FALSE);
}

typedef struct Comparison {
    JsonObject *packed;
    JsonObject *here;
    GPtrArray *differences;
} Comparison;

/* Takes the two descriptions, and adds NAME if they differ. */
static gboolean compare(Comparison *comparison, const char *name, char *packed, char *here) {
    gboolean is_same = g_str_equal(packed, here);

    if (!is_same)
        g_ptr_array_add(comparison->differences, g_strdup(name));
    g_free(packed);
    g_free(here);
    return is_same;
}

static gboolean compare_member(Comparison *comparison, const char *name) {
    return compare(
            comparison, name, describe(comparison->packed, name), describe(comparison->here, name));
}

/* Returns TRUE if format and size are the same. */
static gboolean compare_image(
        Comparison *comparison, const char *name, const char *packed, const char *here) {
    gboolean is_same =
            compare(comparison, name, describe_image(comparison->packed, name),
                    describe_image(comparison->here, name));

    if (is_same && *packed && *here && !g_str_equal(packed, here))
        g_ptr_array_add(comparison->differences, g_strdup(name));
    return is_same;
}

GStrv packed_compare(
        const Packed *packed, GVariant *resolution, const PackedDigests *digests,
        gboolean *ret_is_equivalent) {
    g_autoptr(JsonNode) here = json_gvariant_serialize(resolution);
    g_autoptr(GPtrArray) differences = g_ptr_array_new();
    Comparison c = {
            .packed = json_node_get_object(packed->resolution),
            .here = json_node_get_object(here),
            .differences = differences,
    };
    gboolean has_device, has_mode, has_executable, has_flash;
    g_autofree char *identity = describe_identity(c.packed);
    g_autofree char *identity_here = describe_identity(c.here);

    (void)compare_member(&c, "name");
    has_device = compare_member(&c, "device");
    has_mode = compare_member(&c, "mode");
    (void)compare_member(&c, "features");
    has_executable =
            compare_image(&c, "executable", packed->executable_digest, digests->executable);
    (void)compare_image(&c, "nvram-template", packed->template_digest, digests->template);
    has_flash = compare(&c, "flash", describe_flash(c.packed), describe_flash(c.here));
    *ret_is_equivalent = has_device && has_mode && has_executable && has_flash &&
            g_str_equal(identity, identity_here);
    g_ptr_array_add(differences, NULL);
    return (GStrv)g_ptr_array_free(g_steal_pointer(&differences), FALSE);
}
