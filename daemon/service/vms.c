/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/vms.h"

#include "base/error.h"
#include "service/log-vm.h"
#include "service/vm-load.h"
#include "service/vm-table.h"
#include "vm/assessment.h"

/* The queue of work without an owner; (uid_t)-1 is not a valid uid. */
#define NOBODYS_QUEUE ((uid_t) - 1)

struct VMs {
    sd_event *event;
    LiveCatalog *live;
    VMStore *store; /* NULL if FAULT is set */
    GError *fault;  /* why the state directory cannot be used */
    VMLoad *load;   /* NULL: the store has been read */
    VMsOpened opened;
    VMsLoaded loaded; /* NULL: has been called */
    gpointer load_userdata;
    DigestCache *digests;
    Jobs *jobs;
    Jobs *reads;
    SharedPins *pins; /* of the VMs; NULL: the store has not been read */
    VMTable *table;
    GHashTable *faults; /* uid of an owner whose directory could not be read → char*, why */
    gboolean assessment_waits;
    gboolean must_assess; /* the last assessment could not read anything */
    VMsObserver observer;
};

static void notify(const VMs *vms, const VM *vm, VMChange change, guint properties) {
    if (vms->observer.changed)
        vms->observer.changed(vm, change, properties, vms->observer.userdata);
}

static void tell(VMs *vms, const VM *vm, VMChange change, guint properties) {
    if (change != VM_CHANGE_STATE || properties & VM_PROPERTY_STATE)
        log_vm_change(vm, change);
    notify(vms, vm, change, properties);
}

/* Takes ownership of PIN, which is one of VMS->pins; NULL: FAULT says why there is none. */
static VM *add_vm(
        const VMs *vms, uid_t owner, const char *id, Pin *pin, const char *fault, guint64 size) {
    VM *vm = g_new0(VM, 1);

    vm->owner = owner;
    vm->id = g_strdup(id);
    vm->pin = pin;
    vm->fault = g_strdup(fault);
    vm->size = size;
    vm->store = vms->store;
    vm_table_add(vms->table, vm);
    return vm;
}

static guint set_condition(VM *vm, const VMCondition *condition) {
    const guint properties = vm_set_condition(vm, condition);

    if (properties & VM_PROPERTY_HEALTH)
        log_vm_health(vm);
    return properties;
}

/* -- assessment of all VMs ------------------------------------------------------------ */

static void assess_all(VMs *vms);

/* A job's. */
typedef struct Assessing {
    VMs *vms;
    Assessment *assessment;
} Assessing;

static gboolean start_assessment(gpointer data) {
    Assessing *assessing = data;
    VMs *vms = assessing->vms;
    g_autoptr(GPtrArray) list = vms_list(vms);

    vms->assessment_waits = FALSE;
    assessing->assessment = assessment_new(
            vms->store, vms->digests, live_catalog_get_catalog(vms->live),
            live_catalog_get_host_features(vms->live));
    for (guint i = 0; i < list->len; i++) {
        const VM *vm = list->pdata[i];
        Assessed *assessed = assessment_add(assessing->assessment, vm->owner, vm->id, vm->pin);

        assessed->n_assessed = vm->n_assessed;
        assessed->old_differences = vm->differences;
        assessed->condition = vm_condition_copy(&vm->condition);
    }
    return list->len > 0;
}

static void run_assessment(gpointer data) {
    assessment_run(((const Assessing *)data)->assessment);
}

static void finish_assessment(gpointer data) {
    const Assessing *assessing = data;
    const GPtrArray *all = assessing->assessment->all;
    VMs *vms = assessing->vms;
    guint n_seen = 0;

    vms->must_assess = FALSE;
    for (guint i = 0; i < all->len; i++) {
        const Assessed *assessed = all->pdata[i];
        VM *vm = vm_table_find(vms->table, assessed->owner, assessed->id);
        guint properties;

        if (!vm || vm->pin != assessed->pin)
            continue;
        n_seen++;
        vms->must_assess |= !assessed->is_assessed;
        /* a result that a call has found since is newer */
        if (vm->n_assessed != assessed->n_assessed)
            continue;
        if (assessed->has_condition)
            vms_set_condition(vms, vm->owner, vm->id, &assessed->condition);
        properties = assessed->is_assessed ? vm_set_differences(vm, assessed->differences) : 0;
        if (properties)
            tell(vms, vm, VM_CHANGE_STATE, properties);
    }
    /* others are new, or have a new id or pin */
    if (n_seen < vm_table_get_size(vms->table))
        assess_all(vms);
}

/* The next build of the catalog finds the file system that does not answer, and the next assessment
 * skips it. */
static gboolean abandon_assessment(gpointer data) {
    VMs *vms = ((const Assessing *)data)->vms;

    vms->must_assess = TRUE;
    live_catalog_look(vms->live);
    return TRUE;
}

static void free_assessment(gpointer data) {
    Assessing *assessing = data;

    assessment_free(assessing->assessment);
    g_free(assessing);
}

static void assess_all(VMs *vms) {
    static const JobFunctions functions = {
            .start = start_assessment,
            .run = run_assessment,
            .done = finish_assessment,
            .stalled = abandon_assessment,
            .free = free_assessment,
    };
    Assessing *assessing;

    /* an assessment that has not begun covers all later changes */
    if (vms->assessment_waits)
        return;
    vms->assessment_waits = TRUE;
    assessing = g_new0(Assessing, 1);
    assessing->vms = vms;
    jobs_add(vms->jobs, NOBODYS_QUEUE, NOBODYS_QUEUE, &functions, assessing);
}

/* -- the table as a whole ------------------------------------------------------------------ */

/* Adds the images of all pins, which the catalog may no longer name. */
static void list_images(GPtrArray *paths, gpointer userdata) {
    const VMs *vms = userdata;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    gpointer value;

    vm_table_begin(vms->table, &iter);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const VM *vm = value;
        const Descriptor *descriptor = vm->pin->resolution->descriptor;
        const char *images[] = {
                descriptor->executable.filename, descriptor->nvram_template.filename};

        for (guint i = 0; i < G_N_ELEMENTS(images); i++)
            if (images[i] && g_hash_table_add(seen, (gpointer)images[i]))
                g_ptr_array_add(paths, g_strdup(images[i]));
    }
}

static void on_rebuilt(gboolean differs, gpointer userdata) {
    VMs *vms = userdata;

    if (differs || vms->must_assess)
        assess_all(vms);
}

VMs *vms_new(sd_event *event, LiveCatalog *live) {
    VMs *vms = g_new0(VMs, 1);
    const LiveCatalogDependent dependent = {
            .list_files = list_images, .rebuilt = on_rebuilt, .userdata = vms};

    vms->event = event;
    vms->live = live;
    vms->digests = digest_cache_new();
    vms->jobs = jobs_new(event);
    vms->reads = jobs_new(event);
    vms->table = vm_table_new();
    vms->faults = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    live_catalog_set_dependent(live, &dependent);
    return vms;
}

void vms_free(VMs *vms) {
    if (!vms)
        return;

    vm_load_free(vms->load);
    live_catalog_set_dependent(vms->live, NULL);
    jobs_free(vms->jobs);
    jobs_free(vms->reads);
    vm_table_free(vms->table);
    g_hash_table_unref(vms->faults);
    shared_pins_free(vms->pins);
    digest_cache_free(vms->digests);
    vmstore_free(vms->store);
    g_clear_error(&vms->fault);
    g_free(vms);
}

void vms_set_observer(VMs *vms, const VMsObserver *observer) {
    vms->observer = *observer;
}

gboolean vms_check(const VMs *vms, GError **error) {
    if (vms->fault && error)
        *error = g_error_copy(vms->fault);
    return !vms->fault;
}

gboolean vms_check_known(const VMs *vms, uid_t owner, const char *id, GError **error) {
    const char *fault = g_hash_table_lookup(vms->faults, GUINT_TO_POINTER(owner));

    if (!fault || (id && vms_find(vms, owner, id)))
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "not all VMs of uid %u are known: %s",
            (unsigned)owner, fault);
    return FALSE;
}

VMStore *vms_get_store(const VMs *vms) {
    return vms->store;
}

Jobs *vms_get_jobs(const VMs *vms) {
    return vms->jobs;
}

Jobs *vms_get_reads(const VMs *vms) {
    return vms->reads;
}

const VM *vms_find(const VMs *vms, uid_t owner, const char *id) {
    const VM *vm = vm_table_find(vms->table, owner, id);

    return vm ? vm : vm_table_find_unreadable(vms->table, owner, id);
}

GPtrArray *vms_list(const VMs *vms) {
    return vm_table_list(vms->table);
}

void vms_get_usage(const VMs *vms, uid_t owner, guint *ret_n, guint64 *ret_size) {
    vm_table_get_usage(vms->table, owner, ret_n, ret_size);
}

/* -- loading ----------------------------------------------------------------------------- */

static void tell_loaded(VMs *vms) {
    VMsLoaded loaded = g_steal_pointer(&vms->loaded);

    loaded(vms->fault, vms->load_userdata);
}

static void take_loaded(VMs *vms, const LoadedVM *loaded) {
    Pin *pin = loaded->pin ? pin_ref(loaded->pin) : NULL;
    VM *vm;

    if (!loaded->id) {
        log_owner_unreadable(loaded->owner, loaded->fault);
        g_hash_table_replace(vms->faults, GUINT_TO_POINTER(loaded->owner), g_strdup(loaded->fault));
        return;
    }
    vm = add_vm(vms, loaded->owner, loaded->id, pin, loaded->fault, loaded->size);
    vm->last_prepared = loaded->last_prepared;
    if (loaded->pin) {
        notify(vms, vm, VM_CHANGE_ADDED, 0);
        return;
    }
    log_vm_unreadable(vm);
}

static void on_loaded(gpointer userdata) {
    VMs *vms = userdata;
    gboolean is_late = !vms->loaded;

    g_clear_error(&vms->fault);
    vms->store = vm_load_take(vms->load, &vms->fault);
    vms->pins = g_steal_pointer(&vms->load->pins);
    if (vms->store)
        for (guint i = 0; i < vms->load->vms->len; i++)
            take_loaded(vms, vms->load->vms->pdata[i]);
    g_clear_pointer(&vms->load, vm_load_free);
    if (vms->fault)
        g_critical("no call on VMs works: %s", vms->fault->message);
    else
        vms->opened(vms->load_userdata);

    if (!is_late) {
        tell_loaded(vms);
        return;
    }
    vms->must_assess = TRUE;
    live_catalog_look(vms->live);
}

/* The thread is not abandoned: its result is used whenever it comes. */
static gboolean on_load_stalled(gpointer userdata) {
    VMs *vms = userdata;

    vms->fault = g_error_new(
            FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "the state directory %s does not answer",
            live_catalog_get_config(vms->live)->state_directory);
    g_critical("no call on VMs works: %s", vms->fault->message);
    tell_loaded(vms);
    return TRUE;
}

void vms_load(VMs *vms, VMsOpened opened, VMsLoaded loaded, gpointer userdata) {
    vms->opened = opened;
    vms->loaded = loaded;
    vms->load_userdata = userdata;
    vms->load = vm_load_new(
            live_catalog_get_config(vms->live)->state_directory, on_loaded, on_load_stalled, vms);
    vm_load_start(vms->load, vms->event);
}

/* -- changes ------------------------------------------------------------------------------ */

void vms_begin(const VMs *vms, VMOp *op) {
    const VM *vm = vms_find(vms, op->owner, op->id);

    op->store = vms->store;
    op->digests = vms->digests;
    op->catalog = catalog_ref((Catalog *)live_catalog_get_catalog(vms->live));
    op->host_features = g_strdupv((GStrv)live_catalog_get_host_features(vms->live));
    if (!vm)
        return;
    op->pin = vm->pin ? pin_ref(vm->pin) : NULL;
    op->fault = g_strdup(vm->fault);
    op->differences = vm->differences;
    op->look = vm->condition.look ? vm_look_ref(vm->condition.look) : NULL;
    op->last_prepared = vm->last_prepared;
    op->size = vm->size;
}

static guint set_pin(VMs *vms, VM *vm, const Pin *pin) {
    g_autoptr(Pin) shared = shared_pins_add(vms->pins, pin);

    shared_pins_remove(vms->pins, vm->pin);
    return vm_set_pin(vm, shared);
}

gboolean vms_finish(VMs *vms, const VMOp *op, const VMResult *result) {
    const char *id = op->new_id ? op->new_id : op->id;
    VM *vm = vm_table_find(vms->table, op->new_owner, id);
    gboolean is_new = !vm && result->pin;
    gboolean is_pinned_anew = result->pin && op->request->call == REQUEST_CALL_REBIND;
    gboolean is_prepared = FALSE;
    guint properties = 0;

    if (is_new) {
        Pin *pin = shared_pins_add(vms->pins, result->pin);

        vm = add_vm(vms, op->new_owner, id, pin, NULL, result->size);
    }
    if (!vm)
        return FALSE;
    vm->size = result->size;
    if (!is_new && result->pin)
        properties |= set_pin(vms, vm, result->pin);
    is_pinned_anew |= properties != 0;
    properties |= set_condition(vm, &result->condition);
    if (result->is_assessed)
        properties |= vm_set_differences(vm, result->differences);
    /* it is unknown where the VM is gone */
    if (result->last_prepared && vm->last_prepared != result->last_prepared) {
        properties |= VM_PROPERTY_LAST_PREPARED;
        vm->last_prepared = result->last_prepared;
    }

    if (is_new)
        tell(vms, vm, VM_CHANGE_ADDED, 0);
    else if (is_pinned_anew)
        tell(vms, vm, VM_CHANGE_PIN, properties);
    else if (properties == VM_PROPERTY_LAST_PREPARED)
        is_prepared = TRUE;
    else if (properties)
        tell(vms, vm, VM_CHANGE_STATE, properties);
    if (result->is_created && op->request->call != REQUEST_CALL_IMPORT_VM)
        log_vm_expired(vm);
    vm->lacks_good_copy |= result->lacks_good_copy && log_vm_good_copy(vm);
    /* the result belongs to a catalog that has been replaced */
    if (result->is_assessed && op->catalog != live_catalog_get_catalog(vms->live))
        assess_all(vms);
    return is_prepared;
}

void vms_tell_prepared(const VMs *vms, uid_t owner, const char *id) {
    const VM *vm = vm_table_find(vms->table, owner, id);

    if (vm)
        notify(vms, vm, VM_CHANGE_STATE, VM_PROPERTY_LAST_PREPARED);
}

void vms_set_condition(VMs *vms, uid_t owner, const char *id, const VMCondition *condition) {
    VM *vm = vm_table_find(vms->table, owner, id);
    guint properties;

    g_assert(vm);
    properties = set_condition(vm, condition);
    if (properties)
        notify(vms, vm, VM_CHANGE_STATE, properties);
}

void vms_remove(VMs *vms, uid_t owner, const char *id) {
    const VM *vm = vms_find(vms, owner, id);

    if (!vm)
        return;
    /* a VM with an unreadable record was never visible on the bus */
    if (vm->pin) {
        tell(vms, vm, VM_CHANGE_REMOVED, 0);
        shared_pins_remove(vms->pins, vm->pin);
    } else {
        log_vm_change(vm, VM_CHANGE_REMOVED);
    }
    vm_table_remove(vms->table, vm);
}

void vms_rename(VMs *vms, uid_t owner, const char *id, const char *new_id) {
    g_autofree char *old_id = NULL;
    VM *vm = vm_table_find(vms->table, owner, id);

    if (!vm)
        return;
    notify(vms, vm, VM_CHANGE_REMOVED, 0);
    old_id = vm_table_rename(vms->table, vm, new_id);
    log_vm_renamed(vm, old_id);
    notify(vms, vm, VM_CHANGE_ADDED, 0);
}
