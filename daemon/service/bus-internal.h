/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus.h"
#include "request.h"
#include "resolution.h"

/* Shared by bus*.c. Functions return negative errno on failure, as libsystemd's callbacks do. */

struct Bus {
    sd_bus *connection;
    Manager *manager;
    VMs *vms;
    GHashTable *unfinished; /* uid -> number of its calls: see bus-admission.c */
    guint n_unfinished;
    GPtrArray *reloads;  /* calls of Reload that wait: see bus-reload.c */
    GPtrArray *calls;    /* of VMCall that wait for polkit: see bus-vm-call.c */
    GHashTable *exports; /* uid -> number of its exports: see bus-export.c */
    GPtrArray *running_exports;
};

/* bus-admission.c: who calls, and may he have one more call that takes time?
 * FIRMWARE_ERROR_LIMITS_EXCEEDED at once where not. */
int bus_get_sender_uid(sd_bus_message *message, uid_t *ret);
gboolean bus_admit(Bus *bus, uid_t uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void bus_release(Bus *bus, uid_t uid);
/* What is needed of a call to answer it later, without the descriptors that came with it: a caller
 * can send 16 with each, and a call that waits would hold them all. */
int bus_message_detach(sd_bus_message *message, sd_bus_message **ret);
/* ON_GONE is called when who sent MESSAGE has left the bus, and again and again as long as it returns
 * 0. *RET is the caller's even on failure. */
int bus_track_sender(
        sd_bus_message *message, sd_bus_track_handler_t on_gone, void *userdata,
        sd_bus_track **ret);
/* uid 0 and the service's own uid (on his own bus: the user) need not be asked about. */
gboolean bus_is_privileged(uid_t uid);

/* bus-error.c: the one place where a GError becomes a D-Bus error. Returns a negative errno. */
int bus_error_set(sd_bus_error *ret_error, const GError *error);

/* What the service's objects have, for bus-introspect.c as well. */
extern const sd_bus_vtable bus_manager_vtable[];
extern const sd_bus_vtable bus_firmware_vtable[];
extern const sd_bus_vtable bus_vm_vtable[];
extern const sd_bus_vtable bus_log_control_vtable[];

/* bus-manager.c */
int bus_manager_add(Bus *bus);
int bus_manager_emit_published(Bus *bus, const Publication *publication);

/* bus-log-control.c */
int bus_log_control_add(Bus *bus);

/* bus-reload.c */
int bus_method_reload(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
GPtrArray *bus_reloads_new(void) G_GNUC_WARN_UNUSED_RESULT;

/* bus-firmware.c */
int bus_firmware_add(Bus *bus);
int bus_firmware_emit_removed(Bus *bus, const CatalogChange *change);
int bus_firmware_emit_published(Bus *bus, const CatalogChange *change);
char *bus_firmware_path(const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* bus-request.c: reads "ss" and a{sv} of requirements; a wrong question sets RET_ERROR. */
int bus_read_request(
        sd_bus_message *message, RequestCall call, Request **ret, sd_bus_error *ret_error);
/* The a{sv} alone. */
int bus_read_options(sd_bus_message *message, Request *request, sd_bus_error *ret_error);
/* The h that NAME stands for. It lives as long as the message. */
int bus_read_fd(sd_bus_message *message, const char *name, int *ret, sd_bus_error *ret_error);

/* bus-resolution.c: appends the a{sv} of a resolution, with what REQUEST wants rendered. */
int bus_append_resolution(
        sd_bus_message *reply, const Resolution *resolution, const Request *request,
        sd_bus_error *ret_error);

/* bus-append.c: entries of an a{sv}, and lists. TYPE is of the entry's value, or of an element. */
int bus_open_entry(sd_bus_message *message, const char *key, const char *type);
int bus_close_entry(sd_bus_message *message);
typedef int (*BusAppendElement)(sd_bus_message *message, gconstpointer element);
int bus_append_array(
        sd_bus_message *message, const char *type, const GPtrArray *elements,
        BusAppendElement append);
int bus_append_string(sd_bus_message *message, const char *key, const char *value);
int bus_append_strv(sd_bus_message *message, const char *key, const char *const *values);
int bus_append_words(sd_bus_message *message, const char *key, const GPtrArray *words);
int bus_append_word_list(sd_bus_message *message, const GPtrArray *words);

/* -- VMs ---------------------------------------------------------------------------------- */

typedef struct VMCall VMCall;

/* What a method on VMs does, once its arguments are read and the caller may. */
typedef struct VMMethod {
    /* On the loop, when the owner's earlier work is done: finds the VM, sets up CALL->op. */
    gboolean (*start)(VMCall *call, GError **error);
    /* On a thread. */
    gboolean (*run)(VMOp *op, GError **error);
    /* On the loop: keeps the table, and replies. */
    int (*finish)(VMCall *call, sd_bus_error *ret_error);
} VMMethod;

struct VMCall {
    Bus *bus;
    const VMMethod *method;
    sd_bus_message *message;
    uid_t caller;
    uid_t owner; /* of the VM */
    char *id;
    uid_t new_owner; /* of a VM to be made from it; otherwise the owner */
    char *new_id;
    Request *request;
    int fd; /* what the caller sent; -1: none */

    gboolean is_admitted;
    gboolean is_abandoned; /* the caller has left the bus */
    sd_bus_track *track;
    sd_bus_slot *authorisation;
    Catalog *catalog;
    GStrv host_features;
    Pin *pin;
    VMOp op;
    GError *error;
};

/* bus-vm-call.c. Takes CALL: authorises it, queues it, replies. Sets RET_ERROR for what is refused
 * at once. */
VMCall *bus_vm_call_new(
        Bus *bus, const VMMethod *method, sd_bus_message *message, uid_t caller, uid_t owner,
        const char *id);
void bus_vm_call_free(VMCall *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VMCall, bus_vm_call_free)
int bus_vm_call_begin(VMCall *call, sd_bus_error *ret_error);
/* An id that a caller sent. */
int bus_check_id(const char *id, sd_bus_error *ret_error);
const VM *bus_find_vm(const Bus *bus, uid_t owner, const char *id, GError **error);
/* Its VM is there: sets CALL->pin. */
gboolean bus_vm_call_find(VMCall *call, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* FIRMWARE_ERROR_VM_EXISTS where it does. */
gboolean bus_vm_call_check_new(VMCall *call, uid_t owner, const char *id, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean bus_vm_call_check_limits(VMCall *call, uid_t owner, gboolean is_new, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* Before anything is changed: RESOLUTION, which it takes, can be rendered as CALL wants it. */
gboolean bus_vm_call_check_render(VMCall *call, Resolution *resolution, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* The firmware for CALL's request. It can be rendered. */
gboolean bus_vm_call_choose(VMCall *call, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* bus-resolution.c: the a{sv} of CALL's answer: that of its resolution, and what is the VM's own. */
int bus_append_vm_resolution(sd_bus_message *reply, const VMCall *call, sd_bus_error *ret_error);

/* bus-vms.c: the Manager's methods on VMs. */
int bus_method_prepare_vm(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int bus_method_import_vm(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int bus_method_get_vm(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int bus_method_list_vms(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);

/* bus-vm.c */
int bus_vm_add(Bus *bus);
char *bus_vm_path(uid_t owner, const char *id) G_GNUC_WARN_UNUSED_RESULT;
const char *bus_vm_get_state(const Bus *bus, const VM *vm);
int bus_vm_emit_changed(Bus *bus, const VM *vm, VMChange change, guint properties);

/* bus-export.c: sends the rest of an Export beside the event loop. Takes both descriptors. */
int bus_export_begin(Bus *bus, uid_t uid, int file, guint64 size, int lease, int *ret_pipe);
GPtrArray *bus_exports_new(void) G_GNUC_WARN_UNUSED_RESULT;
gboolean bus_export_admit(const Bus *bus, uid_t uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
