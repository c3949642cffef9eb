/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/stat.h>

#include "base/root.h"
#include "base/text.h"
#include "core/image.h"
#include "domain-pin.h"
#include "error.h"
#include "keys.h"
#include "sources.h"
#include "verbs.h"

/* The verb check-domain: what is wrong with the firmware of libvirt domains. */

/* One domain, and what was found out about it. */
typedef struct Check {
    Context *context;
    const FileRoot *root; /* of the domain's paths; may be NULL */
    char *file;           /* as it is shown */
    Domain *domain;
    GPtrArray *faults;    /* strings */
    GVariant *resolution; /* the answer for its loader; NULL: there is none */
    char *elements;       /* that would be right; NULL: none is known, or needed */
    struct stat nvram;    /* st_ino 0: the file is not there */
    guint64 nvram_size;   /* as the guest sees it; 0: unknown */
    ImageFormat nvram_format;
} Check;

static void check_free(Check *check) {
    g_clear_pointer(&check->domain, domain_free);
    g_clear_pointer(&check->faults, g_ptr_array_unref);
    g_clear_pointer(&check->resolution, g_variant_unref);
    g_free(check->elements);
    g_free(check->file);
    g_free(check);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Check, check_free)

G_GNUC_PRINTF(2, 3)
static void add_fault(Check *check, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    g_ptr_array_add(check->faults, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

static const char *display_name(const Check *check) {
    return check->domain->name ? check->domain->name : check->file;
}

/* -- questions -------------------------------------------------------------------------- */

static void add_string(GVariantDict *dict, const char *key, const char *value) {
    g_variant_dict_insert_value(dict, key, g_variant_new_string(value));
}

/* Selects for the machine of the domain. REQUIREMENTS is consumed. */
static GVariant *ask(const Check *check, GVariantDict *requirements, GError **error) {
    static const char *const forms[] = {"libvirt"};
    const Domain *domain = check->domain;
    g_auto(Reply) reply = {};

    add_string(
            requirements, "nvram-filename",
            domain->nvram ? domain->nvram
                          : (domain->varstore ? domain->varstore : "/path/to/nvram"));
    g_variant_dict_insert_value(requirements, "render", g_variant_new_strv(forms, 1));
    if (!connection_call_manager(
                check->context->connection, CALL_READ, check->file, "Select",
                g_variant_new(
                        "(ss@a{sv})", domain->architecture, domain->machine,
                        g_variant_dict_end(requirements)),
                "(oa{sv})", &reply, error))
        return NULL;
    return g_variant_get_child_value(reply.body, 1);
}

static void add_words(GVariantDict *dict, const char *key, const char *word) {
    g_variant_dict_insert_value(dict, key, g_variant_new_strv(&word, 1));
}

/* What the domain would get if it were new: for one whose own firmware cannot be used. */
static void suggest_another(Check *check) {
    GVariantDict requirements = G_VARIANT_DICT_INIT(NULL);
    g_autoptr(GVariant) resolution = NULL;

    add_string(&requirements, "interface", "uefi");
    if (check->domain->loader_secure)
        add_words(&requirements, "features", "secure-boot");
    else
        add_words(&requirements, "without-features", "requires-smm");
    if (check->nvram_size > 0)
        g_variant_dict_insert_value(
                &requirements, "nvram-size", g_variant_new_uint64(check->nvram_size));
    g_clear_pointer(&check->elements, g_free);
    resolution = ask(check, &requirements, NULL);
    if (resolution)
        (void)g_variant_lookup(resolution, "libvirt-xml", "s", &check->elements);
}

static void find_firmware(Check *check) {
    GVariantDict requirements = G_VARIANT_DICT_INIT(NULL);
    g_autoptr(GError) failure = NULL;
    const Domain *domain = check->domain;
    struct stat st;
    int r = root_stat(check->root, domain->loader, &st);

    if (r < 0) {
        add_fault(check, "loader %s: %s", domain->loader, g_strerror(-r));
        suggest_another(check);
        return;
    }
    add_string(&requirements, "executable", domain->loader);
    if (domain->loader_secure)
        add_words(&requirements, "features", "secure-boot");
    check->resolution = ask(check, &requirements, &failure);
    if (check->resolution) {
        (void)g_variant_lookup(check->resolution, "libvirt-xml", "s", &check->elements);
        return;
    }
    add_fault(check, "loader %s: %s", domain->loader, failure->message);
    suggest_another(check);
}

/* -- the variables ---------------------------------------------------------------------- */

/* The format that libvirt 9.2 and later takes where the XML says none is the loader's. */
static const char *nvram_format(const Domain *domain) {
    return domain->nvram_format ? domain->nvram_format : domain->loader_format;
}

static void look_at_nvram(Check *check) {
    const char *path = check->domain->nvram;
    const char *format = nvram_format(check->domain);
    g_auto(FileFd) fd = FILE_FD_NONE;
    ImageInfo info;

    /* libvirt makes one that is not there */
    if (!path || root_open_regular(check->root, path, &fd, &check->nvram) < 0)
        return;
    if (!image_format_from_string(format ? format : "raw", &check->nvram_format) ||
        image_probe_fd(fd, check->nvram_format, &info) < 0 || info.status != IMAGE_STATUS_OK) {
        add_fault(check, "nvram %s is no %s image", path, format ? format : "raw");
        return;
    }
    check->nvram_size = info.size;
}

static gboolean is_nvram(const Check *check, const char *path) {
    struct stat st;

    return check->nvram.st_ino != 0 && path && root_stat(check->root, path, &st) == 0 &&
            st.st_dev == check->nvram.st_dev && st.st_ino == check->nvram.st_ino;
}

static void check_nvram_file(Check *check) {
    const Domain *domain = check->domain;

    if (is_nvram(check, domain->loader))
        add_fault(
                check, "nvram %s is the loader itself: the guest would write into it",
                domain->nvram);
    if (is_nvram(check, domain->nvram_template))
        add_fault(
                check, "nvram %s is the template itself: all new domains would get its variables",
                domain->nvram);
}

/* -- the answer and the XML
 * ------------------------------------------------------------------------ */

static GVariant *get_unit(const Check *check, gsize number) {
    g_autoptr(GVariant) flash =
            g_variant_lookup_value(check->resolution, "flash", G_VARIANT_TYPE("aa{sv}"));

    return flash && number < g_variant_n_children(flash) ? g_variant_get_child_value(flash, number)
                                                         : NULL;
}

static void compare_format(
        Check *check, const char *element, const char *path, const char *format, GVariant *unit) {
    const char *wanted = "raw";

    (void)g_variant_lookup(unit, "format", "&s", &wanted);
    if (!g_str_equal(format ? format : "raw", wanted))
        add_fault(
                check, "%s %s: the format is %s; the XML says %s", element, path, wanted,
                format ? format : "raw, as it says nothing");
}

static void compare_variables(Check *check, GVariant *unit) {
    const Domain *domain = check->domain;
    guint64 size = 0;

    if (!domain->nvram && g_strcmp0(domain->nvram_type, "network") == 0)
        return;
    if (!domain->nvram) {
        add_fault(check, "there is no <nvram>, and the loader keeps variables in flash");
        return;
    }
    (void)g_variant_lookup(unit, "size", "t", &size);
    if (check->nvram_size > 0 && check->nvram_size != size) {
        add_fault(
                check,
                "nvram %s has %" G_GUINT64_FORMAT " bytes; the loader takes %" G_GUINT64_FORMAT
                ": what the guest stores would be lost",
                domain->nvram, check->nvram_size, size);
        suggest_another(check);
    }
    if (!domain->loader_readonly)
        add_fault(
                check, "loader %s is not readonly='yes': the guest would write into it",
                domain->loader);
    /* before libvirt 9.2 the default was raw, since then it is the loader's */
    if (!domain->nvram_format && g_strcmp0(domain->loader_format, "qcow2") == 0)
        add_fault(
                check,
                "nvram %s has no format: it is raw for libvirt before 9.2 and qcow2 since then",
                domain->nvram);
}

static void compare_flash(Check *check) {
    const Domain *domain = check->domain;
    g_autoptr(GVariant) code = get_unit(check, 0);
    g_autoptr(GVariant) variables = get_unit(check, 1);
    gboolean is_pflash = g_strcmp0(domain->loader_type, "pflash") == 0;

    if ((code != NULL) != is_pflash) {
        add_fault(
                check, "loader %s is for type='%s'; the XML says '%s'", domain->loader,
                code ? "pflash" : "rom", domain->loader_type ? domain->loader_type : "rom");
        return;
    }
    if (!code)
        return;
    compare_format(check, "loader", domain->loader, domain->loader_format, code);
    if (variables)
        compare_variables(check, variables);
    else if (domain->nvram)
        add_fault(
                check, "nvram %s: the loader keeps no variables in a file of its own",
                domain->nvram);
}

static void compare_secure_boot(Check *check) {
    const Domain *domain = check->domain;
    g_auto(GStrv) features = NULL;
    gboolean needs_smm;

    (void)g_variant_lookup(check->resolution, "features", "^as", &features);
    needs_smm = features && g_strv_contains((const char *const *)features, "requires-smm");
    if (needs_smm && !domain->has_smm)
        add_fault(check, "loader %s requires <smm state='on'/> in <features>", domain->loader);
    if (domain->loader_secure && !needs_smm)
        add_fault(
                check,
                "loader %s has secure='yes', and the firmware does not require SMM: a guest "
                "can write to its variables",
                domain->loader);
    if (needs_smm && !domain->loader_secure)
        add_fault(
                check,
                "loader %s lacks secure='yes': a guest can write to its Secure Boot variables",
                domain->loader);
}

/* -- printing --------------------------------------------------------------------------- */

static void check_domain(Check *check) {
    const Domain *domain = check->domain;

    /* libvirt chooses, or it is a domain without firmware of its own */
    if (!domain->loader)
        return;
    look_at_nvram(check);
    check_nvram_file(check);
    find_firmware(check);
    if (!check->resolution)
        return;
    compare_flash(check);
    compare_secure_boot(check);
}

/* The same domain, described twice. */
static gboolean is_same_domain(const Domain *a, const Domain *b) {
    return a->uuid && b->uuid && g_str_equal(a->uuid, b->uuid);
}

/* Two domains must not write to one file. */
static void check_sharing(GPtrArray *checks) {
    for (guint i = 0; i < checks->len; i++)
        for (guint j = 0; j < checks->len; j++) {
            Check *a = checks->pdata[i], *b = checks->pdata[j];
            gboolean is_same = a->domain->nvram && b->domain->nvram &&
                    (g_str_equal(a->domain->nvram, b->domain->nvram) ||
                     (a->nvram.st_ino != 0 && a->nvram.st_dev == b->nvram.st_dev &&
                      a->nvram.st_ino == b->nvram.st_ino));

            if (i != j && is_same && !is_same_domain(a->domain, b->domain))
                add_fault(
                        a, "nvram %s is that of domain %s, too", a->domain->nvram, display_name(b));
        }
}

static void print(const Check *check) {
    g_auto(GStrv) lines = NULL;

    for (guint i = 0; i < check->faults->len; i++)
        output_line("%s: %s", display_name(check), (const char *)check->faults->pdata[i]);
    if (check->faults->len == 0 || !check->elements)
        return;
    output_line("%s: the elements that would be right:", display_name(check));
    lines = g_strsplit(check->elements, "\n", -1);
    for (char **line = lines; *line; line++)
        if (**line)
            output_line("  %s", *line);
}

static GVariant *to_variant(const Check *check) {
    GVariantDict dict = G_VARIANT_DICT_INIT(NULL);

    add_string(&dict, "domain", display_name(check));
    g_variant_dict_insert_value(
            &dict, "faults",
            g_variant_new_strv(
                    (const char *const *)check->faults->pdata, (gssize)check->faults->len));
    if (check->faults->len > 0 && check->elements)
        add_string(&dict, "libvirt-xml", check->elements);
    return g_variant_dict_end(&dict);
}

static void print_all(Context *context, GPtrArray *checks) {
    GVariantBuilder array = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

    for (guint i = 0; i < checks->len; i++)
        if (context->options->json == JSON_OFF)
            print(checks->pdata[i]);
        else
            g_variant_builder_add_value(&array, to_variant(checks->pdata[i]));
    if (context->options->json != JSON_OFF)
        output_json(context->output, g_variant_builder_end(&array));
    else
        g_variant_builder_clear(&array);
}

static Check *check_new(Context *context, const FileRoot *root, const char *file, GError **error) {
    g_autoptr(Check) check = g_new0(Check, 1);

    check->context = context;
    check->root = root;
    check->file = text_make_valid(g_str_equal(file, "-") ? "standard input" : file);
    check->faults = g_ptr_array_new_with_free_func(g_free);
    check->domain = domain_new_from_file(file, error);
    return check->domain ? g_steal_pointer(&check) : NULL;
}

/* The exit status tells a caller, such as libvirt's hook, whether the domain may start. */
static gboolean check_pin(Context *context, char **arguments, GError **error) {
    g_autoptr(Check) check = NULL;
    g_autoptr(GError) failure = NULL;

    if (arguments[1])
        return client_error_set(error, CLIENT_ERROR_USAGE, "check-domain: --pinned takes one file");
    if (options_are_offline(context->options))
        return client_error_set(
                error, CLIENT_ERROR_USAGE,
                "check-domain: --pinned asks the service; leave --offline and its options out");
    check = check_new(context, NULL, arguments[0], error);
    if (!check)
        return FALSE;
    if (domain_check_pin(context, check->domain, &failure))
        return TRUE;
    if (g_error_matches(failure, CLIENT_ERROR, CLIENT_ERROR_MUST_NOT_START))
        failure->code = CLIENT_ERROR_NO_MATCH;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean verb_check_domain(Context *context, char **arguments, GError **error) {
    g_auto(SourcesRoot) root = SOURCES_ROOT_INIT;
    g_autoptr(GPtrArray) checks = g_ptr_array_new_with_free_func((GDestroyNotify)check_free);
    guint n_faulty = 0;

    if (options_get(context->options, "pinned"))
        return check_pin(context, arguments, error);
    if (!sources_open_root(context->options, &root, error))
        return FALSE;
    for (char **file = arguments; *file; file++) {
        Check *check = check_new(context, root.visitor.root, *file, error);

        if (!check)
            return FALSE;
        g_ptr_array_add(checks, check);
        check_domain(check);
    }
    check_sharing(checks);
    for (guint i = 0; i < checks->len; i++)
        n_faulty += ((Check *)checks->pdata[i])->faults->len > 0;
    print_all(context, checks);
    if (n_faulty > 0)
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE,
                "%s: %u of %u domains %s faulty firmware", context->what, n_faulty, checks->len,
                n_faulty == 1 ? "has" : "have");
    return n_faulty == 0;
}
