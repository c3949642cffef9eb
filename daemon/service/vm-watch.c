/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/vm-watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include "service/sd-cleanup.h"
#include "vm/vm-condition.h"

/* A VM is read one to two intervals after its NVRAM was closed: the holder of the lease may still
 * be about to notice the end of QEMU. It also limits the readings that an owner can cause. */
#define INTERVAL_USEC (1 * G_USEC_PER_SEC)

struct VMWatch {
    VMs *vms;
    sd_event_source *events;
    sd_event_source *timer; /* enabled while an array has elements */
    /* of int, numbers of watches: closed in this interval, and in the previous one */
    GArray *recent, *due;
};

/* -- one reading ------------------------------------------------------------------------- */

typedef struct Reading {
    VMs *vms;
    VMOp op;
    VMCondition condition;
} Reading;

static gboolean start_reading(gpointer data) {
    Reading *reading = data;

    vms_begin(reading->vms, &reading->op);
    return reading->op.pin != NULL;
}

static void run_reading(gpointer data) {
    Reading *reading = data;
    const VMOp *op = &reading->op;

    if (op->look)
        reading->condition.look = vm_look_ref(op->look);
    vm_read_condition(
            op->store, op->owner, op->id, op->pin, op->catalog->known, &reading->condition);
}

static void finish_reading(gpointer data) {
    Reading *reading = data;
    const VM *vm = vms_find(reading->vms, reading->op.owner, reading->op.id);

    if (vm && vm->pin == reading->op.pin)
        vms_set_condition(reading->vms, reading->op.owner, reading->op.id, &reading->condition);
}

static gboolean abandon_reading(gpointer data) {
    return TRUE;
}

static void free_reading(gpointer data) {
    Reading *reading = data;

    vm_op_clear(&reading->op);
    vm_condition_clear(&reading->condition);
    g_free(reading);
}

static void read_vm(VMs *vms, const VM *vm) {
    static const JobFunctions functions = {
            .start = start_reading,
            .run = run_reading,
            .done = finish_reading,
            .stalled = abandon_reading,
            .free = free_reading,
    };
    Reading *reading = g_new0(Reading, 1);

    reading->vms = vms;
    reading->op = VM_OP_INIT;
    reading->op.owner = vm->owner;
    reading->op.id = g_strdup(vm->id);
    jobs_add(vms_get_reads(vms), vm->owner, vm->owner, &functions, reading);
}

/* -- events ------------------------------------------------------------------------------ */

static gboolean has(const GArray *numbers, int number) {
    for (guint i = 0; i < numbers->len; i++)
        if (g_array_index(numbers, int, i) == number)
            return TRUE;
    return FALSE;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
    VMWatch *watch = userdata;
    g_autoptr(GPtrArray) list = vms_list(watch->vms);
    GArray *due = watch->due;

    for (guint i = 0; due->len > 0 && i < list->len; i++) {
        const VM *vm = list->pdata[i];

        if (vm->condition.watch > 0 && has(due, vm->condition.watch))
            read_vm(watch->vms, vm);
    }
    watch->due = watch->recent;
    watch->recent = due;
    g_array_set_size(watch->recent, 0);
    if (watch->due->len > 0) {
        (void)sd_event_source_set_time_relative(source, INTERVAL_USEC);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    return 0;
}

static int on_events(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
    VMWatch *watch = userdata;
    const gboolean is_idle = watch->recent->len == 0 && watch->due->len == 0;
    /* events of a watch on a file have no name */
    struct inotify_event events[64];
    gssize n = read(fd, events, sizeof events);

    for (gsize i = 0; n > 0 && i < (gsize)n / sizeof *events; i++)
        if (events[i].mask & IN_CLOSE_WRITE)
            g_array_append_val(watch->recent, events[i].wd);
    if (is_idle && watch->recent->len > 0) {
        (void)sd_event_source_set_time_relative(watch->timer, INTERVAL_USEC);
        (void)sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
    }
    return 0;
}

VMWatch *vm_watch_new(sd_event *event, VMs *vms) {
    g_autoptr(VMWatch) watch = g_new0(VMWatch, 1);
    int fd = vmstore_get_watch(vms_get_store(vms));

    watch->vms = vms;
    watch->recent = g_array_new(FALSE, FALSE, sizeof(int));
    watch->due = g_array_new(FALSE, FALSE, sizeof(int));
    if (fd < 0 || sd_event_add_io(event, &watch->events, fd, EPOLLIN, on_events, watch) < 0 ||
        sd_event_add_time_relative(event, &watch->timer, CLOCK_MONOTONIC, 0, 0, on_timer, watch) <
                0 ||
        sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF) < 0)
        return NULL;
    return g_steal_pointer(&watch);
}

void vm_watch_free(VMWatch *watch) {
    if (!watch)
        return;

    sd_event_source_unref(watch->events);
    sd_event_source_unref(watch->timer);
    g_array_unref(watch->recent);
    g_array_unref(watch->due);
    g_free(watch);
}
