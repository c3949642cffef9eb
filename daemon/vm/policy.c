/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/policy.h"

#include "base/error.h"
#include "base/text.h"
#include "core/choice.h"
#include "core/render.h"

/* How many firmware an error names. */
#define MAX_TAKERS 3

/* -- existence and limits ---------------------------------------------------------------- */

gboolean policy_check_exists(
        const Pin *pin, const char *fault, uid_t owner, const char *id, GError **error) {
    if (pin)
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_NO_SUCH_VM, "uid %u has no VM \"%s\"%s%s",
            (unsigned)owner, id, fault ? " but a record that cannot be read: " : "",
            fault ? fault : "");
    return FALSE;
}

static gboolean check_exists(const VMOp *op, GError **error) {
    return policy_check_exists(op->pin, op->fault, op->owner, op->id, error);
}

static gboolean check_is_new(gboolean exists, uid_t owner, const char *id, GError **error) {
    if (!exists)
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_EXISTS, "uid %u has a VM \"%s\" already",
            (unsigned)owner, id);
    return FALSE;
}

/* A VM that is there keeps its id, whatever it is. */
static gboolean check_new_id(const char *id, GError **error) {
    if (text_is_printable(id))
        return TRUE;
    g_set_error_literal(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
            "id: has a format character or a separator of lines, which nobody sees");
    return FALSE;
}

/* A VM that is there may always take what it takes: then no change fails for its backups. */
static void set_room(VMOp *op, const PolicyFacts *facts) {
    guint64 others, room, size;
    guint n;

    if (!facts->get_usage)
        return;
    facts->get_usage(facts->userdata, op->owner, &n, &size);
    others = size - MIN(size, op->size);
    room = facts->max_size - MIN(facts->max_size, others);
    op->max_size = MAX(MAX(room, op->size), 1);
}

static gboolean check_limits(VMOp *op, const PolicyFacts *facts, GError **error) {
    guint64 size;
    guint n;

    if (!facts->get_usage)
        return TRUE;

    facts->get_usage(facts->userdata, op->new_owner, &n, &size);
    if (n >= facts->max_vms || size >= facts->max_size) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
                "VM %s: uid %u has %u VMs with %" G_GUINT64_FORMAT
                " bytes already; VMsPerUser= allows %u, BytesPerUser= %" G_GUINT64_FORMAT,
                op->id, (unsigned)op->new_owner, n, size, facts->max_vms, facts->max_size);
        return FALSE;
    }
    op->max_size = facts->max_size - size;
    return TRUE;
}

/* -- choosing firmware ----------------------------------------------------------------- */

gboolean policy_check_render(
        const VMOp *op, const Resolution *resolution, const Machine *machine, GError **error) {
    g_autoptr(Resolution) trial = NULL;
    g_auto(Rendering) rendering = {};

    if (op->request->render == 0)
        return TRUE;
    trial = resolution_copy(resolution);
    if (machine)
        resolution_set_qemu(trial, machine);
    if (descriptor_keeps_variables(trial->descriptor))
        resolution_set_nvram(trial, "/nvram", NULL);
    return rendering_make(trial, op->request->render, &rendering, error);
}

/* The caller's, or those that Rebind keeps. */
static gboolean has_store(const VMOp *op) {
    return op->source >= 0 || (op->pin && op->pin->has_nvram && !op->request->reset);
}

static gboolean choose(VMOp *op, GError **error) {
    const Request *request = op->request;
    g_autoptr(Resolution) resolution = NULL;
    SelectionInput input;

    input = selection_input(op->catalog, (const char *const *)op->host_features, request);
    input.has_store = has_store(op);
    op->machine = input.machine;
    op->file = choice_find(&input, error);
    if (!op->file)
        return FALSE;
    resolution = resolution_new(op->file, &op->machine, request);
    return policy_check_render(op, resolution, NULL, error);
}

char *policy_describe_takers(const VMOp *op, guint64 size) {
    g_autoptr(Request) request = request_copy_requirements(op->request);
    g_autoptr(Capabilities) takers = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    SelectionInput input;

    request->nvram_size = size;
    request->has_nvram_size = TRUE;
    g_clear_pointer(&request->firmware, g_free);
    input = (SelectionInput){.catalog = op->catalog,
                             .request = request,
                             .machine = op->machine,
                             .host_features = (const char *const *)op->host_features,
                             .has_store = has_store(op)};
    takers = selection_capabilities(&input);
    for (guint i = 0; i < MIN(takers->firmware->len, MAX_TAKERS); i++)
        g_string_append_printf(
                text, "%s%s", i > 0 ? ", " : "; firmware for that size: ",
                (const char *)takers->firmware->pdata[i]);
    if (text->len == 0)
        return g_strdup("; no firmware has that size");
    g_string_append(text, "; from there Rebind with convert moves the variables");
    return g_strdup(text->str);
}

/* Checks the chosen firmware against the NVRAM of the call. */
static gboolean check_choice(const VMOp *op, GError **error) {
    const Descriptor *descriptor = op->file->descriptor;

    if (op->source >= 0 && !descriptor_keeps_variables(descriptor)) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
                "%s: firmware %s keeps no variables",
                op->request->call == REQUEST_CALL_IMPORT_VM ? "nvram" : "nvram-template",
                op->file->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean create(VMOp *op, const PolicyFacts *facts, GError **error) {
    if (op->fault) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_EXISTS,
                "uid %u has a VM \"%s\" already, whose record cannot be read: %s",
                (unsigned)op->owner, op->id, op->fault);
        return FALSE;
    }
    return check_is_new(op->pin != NULL, op->owner, op->id, error) && check_new_id(op->id, error) &&
            check_limits(op, facts, error) && choose(op, error) && check_choice(op, error);
}

/* -- checking a pin ----------------------------------------------------------------- */

static gboolean conflict(const VMOp *op, const char *what, GError **error) {
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_CONFLICT, "VM %s is pinned to firmware %s: %s",
            op->id, op->pin->resolution->name, what);
    return FALSE;
}

/* The pin has the value PINNED for KEY, the call ASKED. */
static gboolean differs(
        const VMOp *op, const char *key, const char *pinned, const char *asked, GError **error) {
    g_autofree char *what = g_strdup_printf("its %s is %s, not %s", key, pinned, asked);

    return conflict(op, what, error);
}

/* The same of what the NVRAM is like. */
static gboolean nvram_differs(
        const VMOp *op, const char *key, const char *pinned, const char *asked, GError **error) {
    g_autofree char *help = g_strconcat(
            asked, op->pin->has_nvram ? "; Rebind with convert moves its variables" : "", NULL);

    return differs(op, key, pinned, help, error);
}

static gboolean check_machine(VMOp *op, GError **error) {
    const MachineTable *machines = op->catalog->machines;
    const Resolution *pinned = op->pin->resolution;
    const Request *request = op->request;
    Machine before;

    op->machine = machine_table_resolve_for(
            machines, pinned->architecture, request->machine, request->qemu_version);
    if (!g_str_equal(request->architecture, pinned->architecture))
        return differs(op, "architecture", pinned->architecture, request->architecture, error);
    if (g_str_equal(request->machine, op->pin->machine))
        return TRUE;
    before = machine_table_resolve_for(
            machines, pinned->architecture, op->pin->canonical, request->qemu_version);
    if (op->machine.board && op->machine.board == before.board &&
        descriptor_matches_machine(pinned->descriptor, pinned->architecture, op->machine.canonical))
        return TRUE;
    return differs(op, "machine", op->pin->machine, request->machine, error);
}

static char *format_time(guint64 usec) {
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc((gint64)(usec / G_USEC_PER_SEC));

    return time ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S UTC") : g_strdup("an unknown time");
}

/* "A record whose reference is another is not taken by a new VM in silence" */
static gboolean check_reference(const VMOp *op, const PolicyFacts *facts, GError **error) {
    const char *asked = op->request->reference;
    g_autofree char *recorded = NULL;
    g_autofree char *created = NULL;
    g_autofree char *last = NULL;

    if (!asked || !op->pin->reference || g_str_equal(asked, op->pin->reference) ||
        g_strcmp0(op->request->create, "adopt") == 0)
        return TRUE;
    recorded = facts->hides_reference ? g_strdup("that its owner gave")
                                      : g_strdup_printf("\"%s\"", op->pin->reference);
    created = format_time(op->pin->created);
    last = format_time(op->last_prepared);
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_CONFLICT,
            "VM %s has been kept since %s for the reference %s, and was last prepared %s; with "
            "create=adopt it takes the reference of the call",
            op->id, created, recorded, last);
    return FALSE;
}

/* What the VM was pinned with; which file a link leads to is known only while the file is there. */
static gboolean is_as_pinned(const VMOp *op, const char *reason) {
    return g_str_equal(reason, "executable") &&
            g_strcmp0(op->request->executable, op->pin->request->executable) == 0;
}

/* Ignores nvram-template: it is for a new VM alone. */
static gboolean check_pin(VMOp *op, const PolicyFacts *facts, GError **error) {
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    const Resolution *pinned = op->pin->resolution;
    const char *format = image_format_to_string(op->pin->nvram_format);

    if (!check_reference(op, facts, error) || !check_machine(op, error))
        return FALSE;
    if (op->request->nvram_format && op->pin->has_nvram &&
        !g_str_equal(op->request->nvram_format, format))
        return nvram_differs(op, "nvram-format", format, op->request->nvram_format, error);
    if (op->request->has_nvram_size &&
        (!op->pin->has_nvram || op->request->nvram_size != op->pin->nvram_size)) {
        g_autofree char *asked = g_strdup_printf("%" G_GUINT64_FORMAT, op->request->nvram_size);
        g_autofree char *size = op->pin->has_nvram
                ? g_strdup_printf("%" G_GUINT64_FORMAT, op->pin->nvram_size)
                : g_strdup("none");

        return nvram_differs(op, "nvram-size", size, asked, error);
    }

    selection_check_requirements(
            op->request, op->catalog->images, pinned->name, pinned->descriptor,
            (const char *const *)op->host_features, reasons);
    for (guint i = 0; i < reasons->len; i++) {
        const char *reason = reasons->pdata[i];
        g_autofree char *text =
                g_strdup_printf("it does not satisfy the requirements (%s)", reason);

        if (!is_as_pinned(op, reason))
            return conflict(op, text, error);
    }
    return policy_check_render(op, pinned, &op->machine, error);
}

/* -- the rules --------------------------------------------------------------------------- */

gboolean policy_prepare(VMOp *op, const PolicyFacts *facts, GError **error) {
    const char *word = op->request->create;

    if (g_strcmp0(word, "new") != 0 && (op->pin || g_strcmp0(word, "never") == 0)) {
        set_room(op, facts);
        return check_exists(op, error) && check_pin(op, facts, error);
    }
    return create(op, facts, error);
}

gboolean policy_import_vm(VMOp *op, const PolicyFacts *facts, GError **error) {
    return create(op, facts, error);
}

gboolean policy_rebind(VMOp *op, const PolicyFacts *facts, GError **error) {
    Request *request = op->request;

    if (!policy_replace_nvram(op, facts, error))
        return FALSE;
    if (request->reset && request->convert) {
        g_set_error_literal(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
                "reset and convert exclude each other");
        return FALSE;
    }

    request->architecture = g_strdup(op->pin->resolution->architecture);
    if (!request->machine)
        request->machine = g_strdup(op->pin->machine);
    return choose(op, error);
}

gboolean policy_rename(VMOp *op, const PolicyFacts *facts, GError **error) {
    return check_exists(op, error) && check_new_id(op->new_id, error) &&
            check_is_new(facts->is_new_id_taken, op->new_owner, op->new_id, error);
}

gboolean policy_clone(VMOp *op, const PolicyFacts *facts, GError **error) {
    return policy_rename(op, facts, error) && check_limits(op, facts, error);
}

gboolean policy_replace_nvram(VMOp *op, const PolicyFacts *facts, GError **error) {
    set_room(op, facts);
    return check_exists(op, error);
}

gboolean policy_use(VMOp *op, const PolicyFacts *facts, GError **error) {
    return check_exists(op, error);
}

gboolean policy_read_store(VMOp *op, const PolicyFacts *facts, GError **error) {
    return TRUE;
}

gboolean policy_get_variable(VMOp *op, const PolicyFacts *facts, GError **error) {
    EfiGuid guid;

    if (!check_exists(op, error))
        return FALSE;
    if (efi_guid_parse(op->guid, &guid))
        return TRUE;
    g_set_error_literal(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
            "guid: not a GUID as in 8be4df61-93ca-11d2-aa0d-00e098032b8c");
    return FALSE;
}

gboolean policy_remove(VMOp *op, const PolicyFacts *facts, GError **error) {
    return op->fault || check_exists(op, error);
}
