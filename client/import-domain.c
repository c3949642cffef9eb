/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "import-domain.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "domain.h"
#include "error.h"
#include "keys.h"
#include "render.h"

static gboolean set_failure(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean set_failure(GError **error, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    if (error)
        *error = g_error_new_valist(CLIENT_ERROR, CLIENT_ERROR_FAILURE, format, arguments);
    va_end(arguments);
    return FALSE;
}

/* The persistent XML of a domain, by virsh, which knows how to reach libvirt. */
static char *run_virsh(const char *domain, GError **error) {
    char *const words[] = {(char *)"virsh",    (char *)"dumpxml", (char *)"--inactive",
                           (char *)"--domain", (char *)domain,    NULL};
    g_autofree char *output = NULL;
    g_autofree char *errors = NULL;
    g_autoptr(GError) failure = NULL;
    int status;

    if (!g_spawn_sync(
                NULL, (char **)words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, &errors,
                &status, &failure)) {
        (void)set_failure(error, "--libvirt=%s: virsh: %s", domain, failure->message);
        return NULL;
    }
    if (!g_spawn_check_wait_status(status, NULL)) {
        (void)set_failure(error, "--libvirt=%s: %s", domain, g_strstrip(errors));
        return NULL;
    }
    return g_steal_pointer(&output);
}

static Domain *read_domain(const char *name, GError **error) {
    g_autoptr(GBytes) bytes = NULL;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autofree char *text = NULL;
    const char *data;
    gsize size;
    int r;

    if (!g_str_equal(name, "-")) {
        text = run_virsh(name, error);
        return text ? domain_new_from_xml(name, text, strlen(text), error) : NULL;
    }
    if (!keys_open_content(name, &fd, error))
        return NULL;
    r = file_read_all(fd, DOMAIN_MAX_SIZE, &bytes);
    if (r < 0) {
        (void)set_failure(error, "standard input: %s", g_strerror(-r));
        return NULL;
    }
    data = g_bytes_get_data(bytes, &size);
    return domain_new_from_xml("standard input", data ? data : "", size, error);
}

static gboolean check(const Domain *domain, const char *name, GError **error) {
    if (!domain->loader)
        return set_failure(
                error, "%s: the domain has no <loader>: libvirt chooses its firmware", name);
    if (!domain->nvram || access(domain->nvram, F_OK) < 0)
        return set_failure(
                error, "%s: the domain has no NVRAM yet%s%s; 'vmfirmwarectl prepare' makes one",
                name, domain->nvram ? ": " : "", domain->nvram ? domain->nvram : "");
    if (!domain->uuid)
        return set_failure(error, "%s: the domain has no <uuid>", name);
    return TRUE;
}

/* A QEMU that writes has an OFD read lock on byte 101 of the image (QEMU's block/file-posix.c). */
static gboolean check_is_shut_off(const Domain *domain, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 101, .l_len = 1};
    int r = file_open_regular(AT_FDCWD, domain->nvram, &fd, NULL);

    if (r < 0)
        return set_failure(error, "%s: %s", domain->nvram, g_strerror(-r));
    if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        return set_failure(
                error, "%s: a QEMU writes to it; shut the domain off first", domain->nvram);
    return TRUE;
}

static void add_keys(const Options *options, const Domain *domain, GVariantDict *keys) {
    static const char *const secure[] = {"secure-boot"};
    static const char *const forms[] = {"libvirt"};
    const char *format = domain->nvram_format ? domain->nvram_format : domain->loader_format;
    g_autofree char *reference =
            g_strdup_printf("qemu:///%s?%s", geteuid() == 0 ? "system" : "session", domain->uuid);

    g_variant_dict_insert(keys, "executable", "s", domain->loader);
    g_variant_dict_insert(keys, "format", "s", format ? format : "raw");
    g_variant_dict_insert(keys, "reference", "s", reference);
    g_variant_dict_insert_value(keys, "render", g_variant_new_strv(forms, 1));
    if (domain->loader_secure)
        g_variant_dict_insert_value(keys, "features", g_variant_new_strv(secure, 1));
    if (format && !options_get(options, "nvram-format"))
        g_variant_dict_insert(keys, "nvram-format", "s", format);
}

static void print(Context *context, const Domain *domain, GVariant *resolution) {
    g_auto(GStrv) lines = NULL;
    const char *xml = "";

    if (context->options->json != JSON_OFF) {
        render_resolution(context->output, context->options, resolution);
        return;
    }
    (void)g_variant_lookup(resolution, "libvirt-xml", "&s", &xml);
    lines = g_strsplit(xml, "\n", -1);
    for (char **line = lines; *line; line++)
        if (**line)
            output_line("%s", *line);
    (void)fflush(stdout);
    output_line(
            "<!-- Put these elements into the domain: virsh edit %s. Its NVRAM was copied; %s is"
            " no longer used. -->",
            domain->name ? domain->name : domain->uuid, domain->nvram);
}

gboolean import_domain(Context *context, const char *id, GError **error) {
    const char *name = options_get(context->options, "libvirt");
    g_autoptr(Domain) domain = read_domain(name, error);
    g_autofree char *own_id = NULL;
    GVariantDict keys = G_VARIANT_DICT_INIT(NULL);
    GVariant *options;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) resolution = NULL;

    if (!domain || !check(domain, name, error) || !check_is_shut_off(domain, error) ||
        !keys_open_content(domain->nvram, &fd, error))
        return FALSE;
    own_id = id ? g_strdup(id) : g_strconcat("libvirt:", domain->uuid, NULL);
    add_keys(context->options, domain, &keys);
    options =
            keys_from_options(context->options, OPTIONS_OWNER | OPTIONS_REQUIREMENTS, &keys, error);
    if (!options)
        return FALSE;
    if (!connection_call_manager(
                context->connection, CALL_CHANGE, context->what, "ImportVM",
                g_variant_new(
                        "(sssh@a{sv})", own_id, domain->architecture, domain->machine, fd, options),
                "(oa{sv})", &reply, error))
        return FALSE;
    resolution = g_variant_get_child_value(reply.body, 1);
    print(context, domain, resolution);
    return TRUE;
}
