/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/vm-load.h"

#include <unistd.h>

#include "vm/vm-owner.h"

static void loaded_vm_free(gpointer data) {
    LoadedVM *vm = data;

    g_free(vm->id);
    pin_unref(vm->pin);
    g_free(vm->fault);
    g_free(vm);
}

VMLoad *vm_load_new(
        const char *directory, void (*done)(gpointer userdata),
        gboolean (*stalled)(gpointer userdata), gpointer userdata) {
    VMLoad *load = g_new0(VMLoad, 1);

    load->vms = g_ptr_array_new_with_free_func(loaded_vm_free);
    load->pins = shared_pins_new();
    load->directory = g_strdup(directory);
    load->done = done;
    load->stalled = stalled;
    load->userdata = userdata;
    return load;
}

void vm_load_free(VMLoad *load) {
    if (!load)
        return;

    task_free(load->task);
    g_ptr_array_unref(load->vms);
    shared_pins_free(load->pins);
    g_free(load->directory);
    vmstore_free(load->store);
    g_clear_error(&load->fault);
    g_free(load);
}

typedef struct Adding {
    VMLoad *load;
    LoadedVM *vm;
} Adding;

static int add_file(int dir_fd, const VMFile *file, gpointer userdata) {
    const Adding *adding = userdata;

    vmfiles_add_size(file, &adding->vm->size);
    adding->load->is_misplaced |=
            vm_owner_is_misplaced(file, adding->vm->owner, adding->load->former);
    return 0;
}

static void on_vm(
        uid_t owner, const char *id, int dir_fd, const Pin *pin, const char *fault,
        gpointer userdata) {
    VMLoad *load = userdata;
    LoadedVM *vm = g_new0(LoadedVM, 1);
    Adding adding = {load, vm};

    vm->owner = owner;
    vm->id = g_strdup(id);
    vm->pin = pin ? shared_pins_add(load->pins, pin) : NULL;
    vm->fault = g_strdup(fault);
    if (dir_fd >= 0) {
        (void)vmfiles_visit(dir_fd, NULL, add_file, &adding);
        vm->last_prepared = vmstore_get_last_prepared(dir_fd);
    }
    g_ptr_array_add(load->vms, vm);
}

static void run(gpointer data) {
    VMLoad *load = data;
    g_autoptr(GError) error = NULL;

    load->store = vmstore_open(load->directory, &load->fault);
    if (!load->store)
        return;
    load->former = vm_owner_get_former(load->store);
    if (!vmstore_load(load->store, on_vm, load, &load->fault)) {
        g_clear_pointer(&load->store, vmstore_free);
        return;
    }
    if ((load->is_misplaced || load->former != geteuid()) &&
        !vm_owner_give_back(load->store, &error))
        g_warning("not all files of VMs are given back to their owners: %s", error->message);
}

static void on_done(gpointer data) {
    const VMLoad *load = data;

    load->done(load->userdata);
}

static gboolean on_stalled(gpointer data) {
    const VMLoad *load = data;

    return load->stalled(load->userdata);
}

void vm_load_start(VMLoad *load, sd_event *event) {
    static const TaskFunctions functions = {
            .run = run, .done = on_done, .stalled = on_stalled, .stall_sec = VM_LOAD_STALL_SEC};

    /* without a thread, it waits on the event loop: there is nothing to serve yet */
    if (task_start(event, &functions, load, &load->task) < 0) {
        run(load);
        on_done(load);
    }
}

VMStore *vm_load_take(VMLoad *load, GError **ret_fault) {
    *ret_fault = g_steal_pointer(&load->fault);
    return g_steal_pointer(&load->store);
}
