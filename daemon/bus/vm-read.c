/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/vm-read.h"

#include "base/error.h"
#include "bus/error.h"
#include "bus/place.h"
#include "vm/vm-condition.h"

/* A VM as it was when the job began. */
typedef struct View {
    uid_t owner;
    Pin *pin;
    VMCondition condition;
    gboolean is_read; /* CONDITION is new */
    char id[];
} View;

static void view_free(gpointer data) {
    View *view = data;

    pin_unref(view->pin);
    vm_condition_clear(&view->condition);
    g_free(view);
}

VMRead *bus_vm_read_new(
        Bus *bus, sd_bus_message *message,
        int (*reply)(const VMRead *read, sd_bus_error *ret_error)) {
    VMRead *read = g_rc_box_new0(VMRead);

    read->bus = bus;
    read->message = sd_bus_message_ref(message);
    read->caller = bus->caller;
    read->reply = reply;
    return read;
}

static void clear_read(gpointer data) {
    VMRead *read = data;

    bus_place_free(read->place);
    sd_bus_message_unref(read->message);
    g_free(read->id);
    g_clear_pointer(&read->views, g_ptr_array_unref);
    known_certificates_unref(read->known);
}

static void unref_read(gpointer data) {
    g_rc_box_release_full(data, clear_read);
}

gboolean bus_vm_read_wants(const VMRead *read, const VM *vm) {
    if (read->id)
        return vm->owner == read->owner && g_str_equal(vm->id, read->id);
    return read->all || vm->owner == read->owner;
}

/* -- steps of a call ------------------------------------------------------------------ */

static void add_view(VMRead *read, const VM *vm) {
    const gsize size = strlen(vm->id) + 1;
    View *view = g_malloc0(sizeof *view + size);

    view->owner = vm->owner;
    (void)memcpy(view->id, vm->id, size);
    view->pin = pin_ref(vm->pin);
    view->condition = vm_condition_copy(&vm->condition);
    g_ptr_array_add(read->views, view);
}

static void list_views(VMRead *read) {
    g_autoptr(GPtrArray) list = NULL;
    const VM *vm;

    read->views = g_ptr_array_new_with_free_func(view_free);
    read->known = known_certificates_ref(live_catalog_get_catalog(read->bus->live)->known);
    if (read->id) {
        vm = vms_find(read->bus->vms, read->owner, read->id);
        if (vm && vm->pin)
            add_view(read, vm);
        return;
    }
    list = vms_list(read->bus->vms);
    for (guint i = 0; i < list->len; i++)
        if (bus_vm_read_wants(read, list->pdata[i]))
            add_view(read, list->pdata[i]);
}

static gboolean start_read(gpointer data) {
    VMRead *read = data;

    if (!read->views)
        list_views(read);
    return TRUE;
}

/* A list does not say what is in use. */
static void read_states(const VMRead *read) {
    VMStoreWalk walk;

    vmstore_walk_begin(&walk, vms_get_store(read->bus->vms));
    for (guint i = 0; i < read->views->len; i++) {
        View *view = read->views->pdata[i];

        if (view->owner != walk.uid)
            vmstore_walk_end_owner(&walk);
        view->is_read = vm_read_state(
                &walk, view->owner, view->id, view->pin, read->known, &view->condition);
    }
    vmstore_walk_end_owner(&walk);
}

static void read_conditions(const VMRead *read) {
    for (guint i = 0; i < read->views->len; i++) {
        View *view = read->views->pdata[i];

        vm_read_condition(
                vms_get_store(read->bus->vms), view->owner, view->id, view->pin, read->known,
                &view->condition);
        view->is_read = TRUE;
    }
}

static void run_read(gpointer data) {
    const VMRead *read = data;

    if (read->id || read->is_repeated)
        read_conditions(read);
    else
        read_states(read);
}

/* Applies the conditions to the table. Makes new views of VMs whose pin has changed, because their
 * conditions were read with the old pin. */
static void take_over(VMRead *read) {
    g_autoptr(GPtrArray) views = read->views;

    read->views = g_ptr_array_new_with_free_func(view_free);
    read->is_repeated = TRUE;
    for (guint i = 0; i < views->len; i++) {
        const View *view = views->pdata[i];
        const VM *vm;

        /* The NVRAM was the same file: an operation that has ended since has either kept it, or
         * replaced and read it later. The table need not be searched for each VM. */
        if (!view->is_read && view->pin->has_nvram)
            continue;
        vm = vms_find(read->bus->vms, view->owner, view->id);
        if (vm && vm->pin != view->pin)
            add_view(read, vm);
        else if (vm && view->is_read)
            vms_set_condition(read->bus->vms, view->owner, view->id, &view->condition);
    }
}

static void reply(const VMRead *read) {
    g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
    int r = read->reply(read, &error);

    if (r >= 0)
        return;
    if (!sd_bus_error_is_set(&error))
        (void)sd_bus_error_set_errno(&error, r);
    r = sd_bus_reply_method_error(read->message, &error);
    if (r < 0)
        g_debug("the condition of VMs cannot be sent: %s", g_strerror(-r));
}

static void queue_read(VMRead *read);

static void finish_read(gpointer data) {
    VMRead *read = data;

    take_over(read);
    if (read->views->len > 0)
        queue_read(g_rc_box_acquire(read));
    else
        reply(read);
}

/* A reading changes nothing, so it can be abandoned at once. */
static gboolean abandon_read(gpointer data) {
    VMRead *read = data;
    int r = sd_bus_reply_method_errorf(
            read->message, firmware_error_name(FIRMWARE_ERROR_IO),
            "the files of VMs in %s cannot be read: their file system does not answer",
            live_catalog_get_config(read->bus->live)->state_directory);

    if (r < 0)
        g_debug("an error cannot be sent: %s", g_strerror(-r));
    g_clear_pointer(&read->place, bus_place_free);
    return TRUE;
}

static void queue_read(VMRead *read) {
    static const JobFunctions functions = {
            .start = start_read,
            .run = run_read,
            .done = finish_read,
            .stalled = abandon_read,
            .free = unref_read,
    };

    jobs_add(vms_get_reads(read->bus->vms), read->caller, read->caller, &functions, read);
}

static void on_caller_gone(gpointer userdata) {
    VMRead *read = userdata;

    g_clear_pointer(&read->place, bus_place_free);
    jobs_remove(vms_get_reads(read->bus->vms), read->caller, read);
}

int bus_vm_read_begin(VMRead *read, sd_bus_error *ret_error) {
    g_autoptr(GError) error = NULL;
    g_autoptr(sd_bus_message) detached = NULL;
    int r;

    read->place = bus_admit(read->bus, read->message, on_caller_gone, read, &error);
    if (!read->place) {
        unref_read(read);
        return bus_error_set(ret_error, error);
    }
    r = bus_message_detach(read->message, &detached);
    if (r < 0) {
        unref_read(read);
        return r;
    }
    sd_bus_message_unref(read->message);
    read->message = g_steal_pointer(&detached);
    queue_read(read);
    return 1;
}
