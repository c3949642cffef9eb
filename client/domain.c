/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "domain.h"

#include <string.h>

#include "core/architecture.h"
#include "error.h"
#include "keys.h"

/* Where a text or an attribute of the XML goes. */
typedef struct Field {
    const char *path;      /* of the element, below <domain> */
    const char *attribute; /* NULL: the element's text */
    gsize offset;          /* of the member of Domain */
    const char *yes;       /* the member is a flag, and set by this word; NULL: a string */
} Field;

#define TEXT(element, member) {element, NULL, G_STRUCT_OFFSET(Domain, member), NULL}
#define ATTRIBUTE(element, name, member) {element, name, G_STRUCT_OFFSET(Domain, member), NULL}
#define FLAG(element, name, word, member) {element, name, G_STRUCT_OFFSET(Domain, member), word}

static const Field fields[] = {
        TEXT("name", name),
        TEXT("uuid", uuid),
        ATTRIBUTE("os", "firmware", auto_firmware),
        ATTRIBUTE("os/type", "arch", architecture),
        ATTRIBUTE("os/type", "machine", machine),
        TEXT("os/loader", loader),
        ATTRIBUTE("os/loader", "type", loader_type),
        ATTRIBUTE("os/loader", "format", loader_format),
        FLAG("os/loader", "readonly", "yes", loader_readonly),
        FLAG("os/loader", "secure", "yes", loader_secure),
        FLAG("os/loader", "stateless", "yes", loader_stateless),
        TEXT("os/nvram", nvram),
        ATTRIBUTE("os/nvram", "type", nvram_type),
        ATTRIBUTE("os/nvram", "format", nvram_format),
        ATTRIBUTE("os/nvram", "template", nvram_template),
        ATTRIBUTE("os/nvram", "templateFormat", template_format),
        ATTRIBUTE("os/nvram/source", "file", nvram),
        ATTRIBUTE("os/nvram/source", "dev", nvram),
        ATTRIBUTE("os/varstore", "path", varstore),
        ATTRIBUTE("os/varstore", "template", varstore_template),
        FLAG("features/smm", "state", "on", has_smm),
};

typedef struct Reader {
    Domain *domain;
    GString *path; /* of the element that is open, below <domain> */
    guint depth;
    gboolean in_domain;
    gboolean is_done;
} Reader;

static void set_field(Domain *domain, const Field *field, const char *value) {
    gpointer member = G_STRUCT_MEMBER_P(domain, field->offset);

    if (field->yes) {
        *(gboolean *)member = g_str_equal(value, field->yes);
        return;
    }
    g_free(*(char **)member);
    *(char **)member = g_strdup(value);
}

static void on_start(
        GMarkupParseContext *context, const char *element, const char **names, const char **values,
        gpointer userdata, GError **error) {
    Reader *reader = userdata;

    if (!reader->in_domain) {
        reader->in_domain = !reader->is_done && g_str_equal(element, "domain");
        return;
    }
    reader->depth++;
    g_string_append_printf(reader->path, "/%s", element);
    /* <smm/> and <acpi/> are switched on by being there */
    if (g_str_equal(reader->path->str, "/features/smm"))
        reader->domain->has_smm = TRUE;
    if (g_str_equal(reader->path->str, "/features/acpi"))
        reader->domain->has_acpi = TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        for (guint j = 0; fields[i].attribute && names[j]; j++)
            if (g_str_equal(fields[i].path, reader->path->str + 1) &&
                g_str_equal(fields[i].attribute, names[j]))
                set_field(reader->domain, &fields[i], values[j]);
}

static void on_end(
        GMarkupParseContext *context, const char *element, gpointer userdata, GError **error) {
    Reader *reader = userdata;

    if (!reader->in_domain)
        return;
    if (reader->depth == 0) {
        reader->in_domain = FALSE;
        reader->is_done = TRUE;
        return;
    }
    reader->depth--;
    g_string_truncate(reader->path, reader->path->len - strlen(element) - 1);
}

static void on_text(
        GMarkupParseContext *context, const char *text, gsize length, gpointer userdata,
        GError **error) {
    Reader *reader = userdata;
    g_autofree char *value = g_strstrip(g_strndup(text, length));

    for (guint i = 0; reader->in_domain && *value && i < G_N_ELEMENTS(fields); i++)
        if (!fields[i].attribute && reader->path->len > 0 &&
            g_str_equal(fields[i].path, reader->path->str + 1))
            set_field(reader->domain, &fields[i], value);
}

static gboolean check(const Domain *domain, const char *name, gboolean found, GError **error) {
    const char *lacks = NULL;

    if (!found)
        lacks = "a <domain> element";
    else if (!domain->architecture)
        lacks = "the attribute arch of <os><type>";
    else if (!domain->machine)
        lacks = "the attribute machine of <os><type>";
    if (lacks)
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE,
                "%s: it lacks %s; 'virsh dumpxml DOMAIN' prints the XML of a domain", name, lacks);
    return lacks == NULL;
}

Domain *domain_new_from_xml(const char *name, const char *text, gsize length, GError **error) {
    static const GMarkupParser parser = {
            .start_element = on_start, .end_element = on_end, .text = on_text};
    g_autoptr(Domain) domain = g_new0(Domain, 1);
    g_autoptr(GString) path = g_string_new(NULL);
    Reader reader = {.domain = domain, .path = path};
    g_autoptr(GMarkupParseContext) context =
            g_markup_parse_context_new(&parser, G_MARKUP_TREAT_CDATA_AS_TEXT, &reader, NULL);
    g_autoptr(GError) failure = NULL;
    const char *architecture;

    if (!g_markup_parse_context_parse(context, text, (gssize)length, &failure) ||
        !g_markup_parse_context_end_parse(context, &failure)) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: it is no XML: %s", name,
                failure->message);
        return NULL;
    }
    if (!check(domain, name, reader.is_done, error))
        return NULL;
    architecture = architecture_from_name(domain->architecture);
    if (architecture != domain->architecture) {
        g_free(domain->architecture);
        domain->architecture = g_strdup(architecture);
    }
    return g_steal_pointer(&domain);
}

Domain *domain_new_from_file(const char *file, GError **error) {
    const char *name = g_str_equal(file, "-") ? "standard input" : file;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(GBytes) bytes = NULL;
    const char *text;
    gsize size;
    int r;

    if (!keys_open_content(file, &fd, error))
        return NULL;
    r = file_read_all(fd, DOMAIN_MAX_SIZE, &bytes);
    if (r < 0) {
        (void)client_error_set(
                error, CLIENT_ERROR_FAILURE, "%s: %s", name,
                r == -EFBIG ? "too large to be the XML of a domain" : g_strerror(-r));
        return NULL;
    }
    text = g_bytes_get_data(bytes, &size);
    return domain_new_from_xml(name, text ? text : "", size, error);
}

void domain_free(Domain *domain) {
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        if (!fields[i].yes) {
            char **member = G_STRUCT_MEMBER_P(domain, fields[i].offset);

            g_clear_pointer(member, g_free);
        }
    g_free(domain);
}
