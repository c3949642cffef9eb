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
#include "virsh.h"
#include "vm/vm-lock.h"

static Domain *read_domain(const char *name, GError **error) {
    const char *const words[] = {"dumpxml", "--inactive", "--domain", name, NULL};
    g_autofree char *text = NULL;

    if (g_str_equal(name, "-"))
        return domain_new_from_file(name, error);
    text = virsh_run(words, error);
    return text ? domain_new_from_xml(name, text, strlen(text), error) : NULL;
}

static gboolean check(const Domain *domain, const char *name, GError **error) {
    if (!domain->loader)
        return client_error_set(
                error, CLIENT_ERROR_FAILURE,
                "%s: the domain has no <loader>: libvirt chooses its firmware", name);
    if (!domain->nvram || access(domain->nvram, F_OK) < 0)
        return client_error_set(
                error, CLIENT_ERROR_FAILURE,
                "%s: the domain has no NVRAM yet%s%s; 'vmfirmwarectl prepare' makes one", name,
                domain->nvram ? ": " : "", domain->nvram ? domain->nvram : "");
    if (!domain->uuid)
        return client_error_set(error, CLIENT_ERROR_FAILURE, "%s: the domain has no <uuid>", name);
    return TRUE;
}

static gboolean check_is_shut_off(const Domain *domain, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r = file_open_regular(AT_FDCWD, domain->nvram, &fd, NULL);

    if (r < 0)
        return client_error_set(
                error, CLIENT_ERROR_FAILURE, "%s: %s", domain->nvram, g_strerror(-r));
    if (vm_lock_is_written_by_another(fd))
        return client_error_set(
                error, CLIENT_ERROR_FAILURE, "%s: a QEMU writes to it; shut the domain off first",
                domain->nvram);
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
    g_autoptr(Domain) domain = NULL;
    g_autofree char *own_id = NULL;
    GVariantDict keys = G_VARIANT_DICT_INIT(NULL);
    GVariant *options;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) resolution = NULL;

    if (!options_check(
                context->options,
                OPTIONS_REQUIREMENTS | OPTIONS_OWNER | OPTIONS_LIBVIRT | OPTIONS_DIRECTORY |
                        OPTIONS_MACHINES | OPTIONS_SOURCES,
                "import --libvirt", error))
        return FALSE;
    domain = read_domain(name, error);
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
