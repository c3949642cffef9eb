/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sink.h"
#include "bus/names.h"
#include "offline-request.h"
#include "service/vm.h"
#include "vm/nvram.h"
#include "vm/policy.h"
#include "vm/vm-answer.h"
#include "vm/vm-assess.h"
#include "vm/vm-backups.h"
#include "vm/vm-condition.h"
#include "vm/vm-edit.h"
#include "vm/vm-ops.h"
#include "vm/vm-variables.h"
#include "vm/vmdir.h"

struct Directory {
    char *id;
    VMDirFlags flags;
    VMStore *store;
    DigestCache *digests;
    Pin *pin;
    char *fault; /* why the record cannot be read */
    guint max_backups;
    GArray *fds;  /* of FileFd: what the calls have returned */
    mode_t umask; /* the caller's */
};

static void close_all(GArray *fds) {
    for (guint i = 0; i < fds->len; i++)
        file_fd_close(g_array_index(fds, FileFd, i));
    g_array_unref(fds);
}

static gboolean has_vm(const VMStore *store, FileFd *ret) {
    return vmstore_open_vm(store, geteuid(), NULL, ret) >= 0;
}

/* At the beginning, and after a call that may have written another. */
static void read_pin(Directory *directory) {
    g_autoptr(GError) error = NULL;
    g_auto(FileFd) fd = FILE_FD_NONE;

    g_clear_pointer(&directory->pin, pin_unref);
    g_clear_pointer(&directory->fault, g_free);
    if (!has_vm(directory->store, &fd))
        return;
    directory->pin = vmstore_read_pin(fd, &error);
    if (!directory->pin)
        directory->fault = g_strdup(error->message);
}

Directory *directory_open(
        const Options *options, const Config *config, gboolean is_new, GError **error) {
    g_autoptr(Directory) directory = g_new0(Directory, 1);

    directory->id = options_get_directory(options);
    directory->fds = g_array_new(FALSE, FALSE, sizeof(FileFd));
    directory->digests = digest_cache_new();
    directory->max_backups = (guint)config->limits.backups;
    directory->umask = umask(0077);
    directory->flags = options_get(options, "no-lease") ? VMDIR_NO_LEASE : 0;
    directory->store =
            vmdir_open(directory->id, directory->flags | (is_new ? VMDIR_MAKE : 0), error);
    if (!directory->store)
        return NULL;
    read_pin(directory);
    return g_steal_pointer(&directory);
}

void directory_free(Directory *directory) {
    if (!directory)
        return;

    (void)umask(directory->umask);
    close_all(directory->fds);
    digest_cache_free(directory->digests);
    pin_unref(directory->pin);
    vmstore_free(directory->store);
    g_free(directory->fault);
    g_free(directory->id);
    g_free(directory);
}

const char *directory_get_architecture(const Directory *directory) {
    return directory->pin ? directory->pin->resolution->architecture : NULL;
}

/* -- calls ------------------------------------------------------------------------------- */

typedef struct Call {
    Directory *directory;
    VMOp op;
    VMResult result;
} Call;

static void call_clear(Call *call) {
    vm_op_clear(&call->op);
    vm_result_clear(&call->result);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Call, call_clear)

static void keep_fd(Directory *directory, FileFd *fd) {
    g_array_append_val(directory->fds, *fd);
    *fd = FILE_FD_NONE;
}

/* A descriptor of the reply: the caller borrows it. */
static GVariant *make_handle(Directory *directory, FileFd *fd) {
    GVariant *handle = g_variant_new_handle(*fd);

    keep_fd(directory, fd);
    return handle;
}

static char *make_path(const char *id) {
    g_autofree char *prefix = g_strdup_printf(BUS_VM_PATH "/%u", (unsigned)geteuid());
    g_autofree char *path = NULL;

    if (sd_bus_path_encode(prefix, id, &path) < 0)
        g_error("out of memory");
    return g_steal_pointer(&path);
}

static GVariant *write_resolution(Call *call, GError **error) {
    g_auto(Rendering) rendering = {};
    g_autoptr(GVariant) entries = NULL;
    g_auto(GVariantDict) dict = {};
    VariantSink *sink;

    if (!rendering_make(call->result.resolution, call->op.request->render, &rendering, error))
        return NULL;
    sink = variant_sink_new();
    sink_open_array(variant_sink_get_sink(sink), "{sv}");
    vm_answer_resolution_entries(variant_sink_get_sink(sink), &call->op, &call->result, &rendering);
    sink_close(variant_sink_get_sink(sink));
    entries = variant_sink_end(sink);
    g_variant_dict_init(&dict, entries);
    if (call->result.lease >= 0)
        g_variant_dict_insert_value(
                &dict, "lease", make_handle(call->directory, &call->result.lease));
    return g_variant_dict_end(&dict);
}

static GVariant *finish_prepare(Call *call, GError **error) {
    g_autofree char *path = make_path(call->op.id);
    GVariant *resolution = write_resolution(call, error);

    return resolution ? g_variant_new("(o@a{sv})", path, resolution) : NULL;
}

static GVariant *finish_resolution(Call *call, GError **error) {
    GVariant *resolution = write_resolution(call, error);

    return resolution ? g_variant_new("(@a{sv})", resolution) : NULL;
}

static GVariant *finish_plain(Call *call, GError **error) {
    return g_variant_new_tuple(NULL, 0);
}

static GVariant *finish_acquire(Call *call, GError **error) {
    return g_variant_new("(@h)", make_handle(call->directory, &call->result.lease));
}

static GVariant *finish_export(Call *call, GError **error) {
    keep_fd(call->directory, &call->result.lease);
    return g_variant_new(
            "(@ht)", make_handle(call->directory, &call->result.nvram), call->result.nvram_size);
}

static GVariant *finish_list_backups(Call *call, GError **error) {
    VariantSink *sink = variant_sink_new();
    g_autoptr(GVariant) backups = NULL;

    vm_answer_backups(variant_sink_get_sink(sink), call->result.backups);
    backups = variant_sink_end(sink);
    return g_variant_new("(@aa{sv})", backups);
}

static GVariant *finish_report(Call *call, GError **error) {
    g_autoptr(GVariant) report = NULL;
    VariantSink *sink = variant_sink_new();

    store_report_write(
            call->result.report, image_format_to_string(call->result.store_format),
            call->op.request->list, variant_sink_get_sink(sink));
    report = variant_sink_end(sink);
    return g_variant_new("(@a{sv})", report);
}

static GVariant *finish_changes(Call *call, GError **error) {
    g_autoptr(GVariant) result = NULL;
    VariantSink *sink = variant_sink_new();

    vm_answer_changes(variant_sink_get_sink(sink), &call->result);
    result = variant_sink_end(sink);
    return g_variant_new("(@a{sv})", result);
}

static gboolean run_prepare(const VMOp *op, VMResult *result, GError **error) {
    return op->pin ? vm_op_prepare(op, result, error) : vm_op_create(op, result, error);
}

typedef struct Method {
    const char *name;
    const char *type; /* of the arguments */
    RequestCall call;
    Policy decide;
    gboolean (*run)(const VMOp *op, VMResult *result, GError **error);
    GVariant *(*finish)(Call *call, GError **error);
} Method;

static const Method methods[] = {
        {"PrepareVM", "(sssa{sv})", REQUEST_CALL_PREPARE, policy_prepare, run_prepare,
         finish_prepare},
        {"ImportVM", "(sssha{sv})", REQUEST_CALL_IMPORT_VM, policy_import_vm, vm_op_create,
         finish_prepare},
        {"Reset", "(a{sv})", REQUEST_CALL_RESET, policy_replace_nvram, vm_op_replace_nvram,
         finish_plain},
        {"Import", "(ha{sv})", REQUEST_CALL_IMPORT, policy_replace_nvram, vm_op_replace_nvram,
         finish_plain},
        {"Rebind", "(a{sv})", REQUEST_CALL_REBIND, policy_rebind, vm_op_rebind, finish_resolution},
        {"Export", "(a{sv})", REQUEST_CALL_EXPORT, policy_use, vm_op_export, finish_export},
        {"Acquire", "(a{sv})", REQUEST_CALL_ACQUIRE, policy_use, vm_op_acquire, finish_acquire},
        {"GetResolution", "(a{sv})", REQUEST_CALL_GET_RESOLUTION, policy_use, vm_op_get_resolution,
         finish_resolution},
        {"ListBackups", "(a{sv})", REQUEST_CALL_BARE, policy_use, vm_op_list_backups,
         finish_list_backups},
        {"Restore", "(ua{sv})", REQUEST_CALL_RESTORE, policy_replace_nvram, vm_op_restore,
         finish_plain},
        {"ReadVariables", "(a{sv})", REQUEST_CALL_READ_VARIABLES, policy_use, vm_op_read_variables,
         finish_report},
        {"ChangeVariables", "(aa{sv}a{sv})", REQUEST_CALL_CHANGE_VARIABLES, policy_replace_nvram,
         vm_op_change_variables, finish_changes},
        {"Remove", "(a{sv})", REQUEST_CALL_BARE, policy_remove, vm_op_remove, finish_plain},
};

static const Method *find_method(const char *name) {
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
        if (g_str_equal(methods[i].name, name))
            return &methods[i];
    return NULL;
}

/* Takes the arguments of METHOD, whose options are the last. */
static gboolean read_arguments(
        Call *call, const Method *method, GVariant *arguments, GError **error) {
    gsize n = g_variant_n_children(arguments);
    g_autoptr(GVariant) options = g_variant_get_child_value(arguments, n - 1);
    const char *architecture = NULL, *machine = NULL;
    VMOp *op = &call->op;

    if (g_str_has_prefix(method->type, "(sss")) {
        g_variant_get_child(arguments, 1, "&s", &architecture);
        g_variant_get_child(arguments, 2, "&s", &machine);
    }
    if (n > 1 && method->type[n - 1] == 'h') {
        gint32 fd;

        g_variant_get_child(arguments, n - 2, "h", &fd);
        op->source = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    }
    if (method->call == REQUEST_CALL_CHANGE_VARIABLES) {
        g_autoptr(GVariant) changes = g_variant_get_child_value(arguments, 0);

        op->changes = changes_read(changes, error);
        if (!op->changes)
            return FALSE;
    }
    op->request = offline_request_read(method->call, architecture, machine, options, error);
    if (!op->request)
        return FALSE;
    if (g_str_has_prefix(method->type, "(u")) {
        RequestValue index = {.type = REQUEST_VALUE_NUMBER};

        g_variant_get_child(arguments, 0, "u", &index.number);
        if (!request_set(op->request, "index", &index, error))
            return FALSE;
    }
    if (op->request->nvram_template >= 0) {
        op->source = op->request->nvram_template;
        op->request->nvram_template = FILE_FD_NONE;
    }
    return TRUE;
}

static void init_call(
        Call *call, Directory *directory, Catalog *catalog, char *const *host_features) {
    VMOp *op = &call->op;

    call->directory = directory;
    *op = VM_OP_INIT;
    call->result = VM_RESULT_INIT;
    op->store = directory->store;
    op->digests = directory->digests;
    op->max_backups = directory->max_backups;
    op->catalog = catalog_ref(catalog);
    op->host_features = g_strdupv((GStrv)host_features);
    op->owner = op->new_owner = geteuid();
    op->id = g_strdup(directory->id);
    op->pin = directory->pin ? pin_ref(directory->pin) : NULL;
    op->fault = g_strdup(directory->fault);
}

static GVariant *call_method(
        Call *call, const Method *method, GVariant *arguments, GError **error) {
    const PolicyFacts facts = {};

    if (!read_arguments(call, method, arguments, error) ||
        !method->decide(&call->op, &facts, error) || !method->run(&call->op, &call->result, error))
        return NULL;
    read_pin(call->directory);
    /* An answer tells what the store holds now, as the service's does. */
    vm_read_result(&call->op, &call->result);
    return method->finish(call, error);
}

/* The copy lives in another directory, which is its id. */
static GVariant *call_clone(Call *call, GVariant *arguments, GError **error) {
    VMOp *op = &call->op;
    g_autoptr(GVariant) options = g_variant_get_child_value(arguments, 1);
    g_autoptr(VMStore) store = NULL;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autofree char *path = NULL;
    PolicyFacts facts = {};
    const char *new_id;

    g_variant_get_child(arguments, 0, "&s", &new_id);
    op->new_id = g_canonicalize_filename(new_id, NULL);
    op->request = offline_request_read(REQUEST_CALL_CLONE, NULL, NULL, options, error);
    if (!op->request)
        return NULL;
    store = vmdir_open(op->new_id, VMDIR_MAKE | call->directory->flags, error);
    if (!store)
        return NULL;
    op->new_store = store;
    facts.is_new_id_taken = has_vm(store, &fd);
    path = make_path(op->new_id);
    return policy_clone(op, &facts, error) && vm_op_clone(op, &call->result, error)
            ? g_variant_new("(o)", path)
            : NULL;
}

/* -- reading ----------------------------------------------------------------------------- */

static GVariant *call_get_vm(Call *call, GError **error) {
    const VMOp *op = &call->op;
    g_autofree char *path = make_path(op->id);

    return policy_check_exists(op->pin, op->fault, op->owner, op->id, error)
            ? g_variant_new("(o)", path)
            : NULL;
}

static GVariant *call_get_all(Call *call, GError **error) {
    VMOp *op = &call->op;
    VMResult *result = &call->result;
    g_autoptr(GVariant) properties = NULL;
    VariantSink *variant_sink;
    Sink *sink;
    VM vm = {.owner = op->owner, .id = op->id, .pin = op->pin, .store = op->store};

    op->request = request_new(REQUEST_CALL_GET_RESOLUTION, NULL, NULL, NULL);
    if (!policy_check_exists(op->pin, op->fault, op->owner, op->id, error) ||
        !vm_assess(op, result, NULL, error))
        return NULL;
    vm_read_result(op, result);
    vm.differences = result->differences;
    vm.last_prepared = result->last_prepared;
    vm.condition = result->condition;

    variant_sink = variant_sink_new();
    sink = variant_sink_get_sink(variant_sink);
    sink_open_array(sink, "{sv}");
    for (const VMPropertyEntry *entry = vm_properties; entry->name; entry++) {
        sink_open_entry(sink, entry->name, entry->type);
        entry->write(sink, &vm);
        sink_close_entry(sink);
    }
    sink_close(sink);
    properties = variant_sink_end(variant_sink);
    return g_variant_new("(@a{sv})", properties);
}

GVariant *directory_call(
        Directory *directory, Catalog *catalog, char *const *host_features, const char *name,
        GVariant *arguments, GError **error) {
    const Method *method = find_method(name);
    g_auto(Call) call = {};

    init_call(&call, directory, catalog, host_features);
    if (method)
        return call_method(&call, method, arguments, error);
    if (g_str_equal(name, "Clone"))
        return call_clone(&call, arguments, error);
    if (g_str_equal(name, "GetVM"))
        return call_get_vm(&call, error);
    if (g_str_equal(name, "GetAll"))
        return call_get_all(&call, error);
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED, "VM %s: not in a directory",
            directory->id);
    return NULL;
}
