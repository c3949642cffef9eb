/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/policy.h"

#include <string.h>

#include "base/error.h"
#include "util-vm.h"

/* What an operation on a VM may do, before anything is changed. */

#define KIB 1024

static const PolicyFacts no_limits = {};

/* "split" comes first, then one that keeps no variables, and one that keeps them in a store. */
static TestVM fixture(void) {
    TestDir *root = test_layers_new();

    test_write_sparse(root, "rom", 64 * KIB);
    test_write_text(root, "store.json", "{}");
    test_describe(root, "vendor/10-split.json", "features", "['secure-boot', 'amd-sev']", NULL);
    test_describe(
            root, "vendor/20-stateless.json", "mapping",
            "{'device': 'flash', 'mode': 'stateless',"
            " 'executable': {'filename': '/code.fd', 'format': 'raw'}}",
            NULL);
    test_describe(
            root, "vendor/30-store.json", "mapping",
            "{'device': 'memory', 'filename': '/rom', 'uefi-vars': {'template': '/store.json'}}",
            NULL);
    return test_vm_new(root);
}

/* Pinned to what the firmware NAME gives MACHINE. */
static void pin_to(TestVM *f, const char *name, const char *machine) {
    g_autoptr(Request) request = request_new(REQUEST_CALL_PIN, NULL, NULL, NULL);
    Machine resolved = machine_table_resolve(f->op.catalog->machines, "x86_64", machine);
    Pin values = {
            .machine = g_strdup(machine),
            .canonical = g_strdup(resolved.canonical),
            .resolution = resolution_new(test_find(f->op.catalog, name), &resolved, request),
            .executable_digest = g_strdup(""),
            .template_digest = g_strdup(""),
    };
    g_autoptr(Pin) pin = NULL;

    values.request = g_steal_pointer(&request);
    values.has_nvram = descriptor_keeps_variables(values.resolution->descriptor);
    values.nvram_format = g_str_equal(name, "30-store") ? IMAGE_FORMAT_JSON : IMAGE_FORMAT_RAW;
    pin = pin_new(&values);
    test_vm_set_pin(f, pin);
}

static void ask_to_prepare(TestVM *f, const char *machine) {
    test_vm_ask(f, REQUEST_CALL_PREPARE, "x86_64", machine);
}

static void assert_passes(TestVM *f, Policy policy, const char *firmware) {
    g_autoptr(GError) error = NULL;

    g_assert_true(policy(&f->op, &no_limits, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(f->op.file ? f->op.file->name : NULL, ==, firmware);
}

static void assert_refused_by(
        TestVM *f, Policy policy, const PolicyFacts *facts, FirmwareError code, const char *text) {
    g_autoptr(GError) error = NULL;

    g_assert_false(policy(&f->op, facts, &error));
    g_assert_error(error, FIRMWARE_ERROR, (int)code);
    if (!strstr(error->message, text))
        g_error("\"%s\" is not in \"%s\"", text, error->message);
}

static void assert_refused(TestVM *f, Policy policy, FirmwareError code, const char *text) {
    assert_refused_by(f, policy, &no_limits, code, text);
}

/* -- PrepareVM --------------------------------------------------------------------------- */

static void a_new_vm_gets_the_first_that_passes(void) {
    g_auto(TestVM) f = fixture();

    ask_to_prepare(&f, "q35");
    assert_passes(&f, policy_prepare, "10-split");
    g_assert_cmpstr(f.op.machine.canonical, ==, "pc-q35-10.0");
    test_vm_set(&f, "create", "new");
    assert_passes(&f, policy_prepare, "10-split");
    ask_to_prepare(&f, "q35");
    test_vm_set(&f, "firmware", "30-store");
    assert_passes(&f, policy_prepare, "30-store");
    ask_to_prepare(&f, "q35");
    test_vm_set(&f, "firmware", "none");
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_NO_MATCHING_FIRMWARE, "firmware");
}

static void create_says_whether_the_vm_may_exist(void) {
    g_auto(TestVM) f = fixture();

    ask_to_prepare(&f, "q35");
    test_vm_set(&f, "create", "never");
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_NO_SUCH_VM, "has no VM \"a\"");
    pin_to(&f, "10-split", "q35");
    assert_passes(&f, policy_prepare, NULL);
    ask_to_prepare(&f, "q35");
    test_vm_set(&f, "create", "new");
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_VM_EXISTS, "has a VM \"a\" already");
}

static void a_pin_stays_where_another_would_be_chosen(void) {
    g_auto(TestVM) f = fixture();

    pin_to(&f, "20-stateless", "q35");
    ask_to_prepare(&f, "q35");
    assert_passes(&f, policy_prepare, NULL);
}

static void another_version_of_the_board_is_the_same_machine(void) {
    g_auto(TestVM) f = fixture();

    pin_to(&f, "10-split", "pc-q35-7.1");
    ask_to_prepare(&f, "pc-q35-7.2");
    assert_passes(&f, policy_prepare, NULL);
    g_assert_cmpstr(f.op.machine.canonical, ==, "pc-q35-7.2");
    ask_to_prepare(&f, "q35");
    assert_passes(&f, policy_prepare, NULL);
}

static void another_machine_is_a_conflict(void) {
    g_auto(TestVM) f = fixture();

    pin_to(&f, "10-split", "q35");
    ask_to_prepare(&f, "pc");
    assert_refused(
            &f, policy_prepare, FIRMWARE_ERROR_VM_CONFLICT,
            "VM a is pinned to firmware 10-split: its machine is q35, not pc");
    test_vm_ask(&f, REQUEST_CALL_PREPARE, "i386", "q35");
    assert_refused(
            &f, policy_prepare, FIRMWARE_ERROR_VM_CONFLICT, "its architecture is x86_64, not i386");
}

static void another_format_is_a_conflict_where_there_is_nvram(void) {
    g_auto(TestVM) f = fixture();

    pin_to(&f, "10-split", "q35");
    ask_to_prepare(&f, "q35");
    test_vm_set(&f, "nvram-format", "raw");
    assert_passes(&f, policy_prepare, NULL);
    test_vm_set_pin(&f, NULL);
    pin_to(&f, "20-stateless", "q35");
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_VM_CONFLICT, "(nvram-format)");
    pin_to(&f, "10-split", "q35");
    ask_to_prepare(&f, "q35");
    test_vm_set(&f, "nvram-format", "qcow2");
    assert_refused(
            &f, policy_prepare, FIRMWARE_ERROR_VM_CONFLICT, "its nvram-format is raw, not qcow2");
}

static void requirements_that_the_pin_does_not_satisfy_are_a_conflict(void) {
    g_auto(TestVM) f = fixture();

    pin_to(&f, "10-split", "q35");
    ask_to_prepare(&f, "q35");
    test_vm_set(&f, "firmware", "20-stateless");
    assert_refused(
            &f, policy_prepare, FIRMWARE_ERROR_VM_CONFLICT,
            "it does not satisfy the requirements (firmware)");
    ask_to_prepare(&f, "q35");
    test_vm_set_flag(&f, "host-supported");
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_VM_CONFLICT, "(host-lacks:amd-sev)");
}

static void a_vm_of_another_reference_is_a_conflict(void) {
    g_auto(TestVM) f = fixture();
    g_autoptr(Pin) named = NULL;

    pin_to(&f, "10-split", "q35");
    ask_to_prepare(&f, "q35");
    test_vm_set(&f, "reference", "a");
    assert_passes(&f, policy_prepare, NULL);

    named = pin_with(f.op.pin, NULL, NULL, "a");
    named->created = G_GUINT64_CONSTANT(1700000000123456);
    test_vm_set_pin(&f, named);
    f.op.last_prepared = G_GUINT64_CONSTANT(1800000000123456);
    assert_passes(&f, policy_prepare, NULL);
    ask_to_prepare(&f, "q35");
    assert_passes(&f, policy_prepare, NULL);
    test_vm_set(&f, "reference", "b");
    assert_refused(
            &f, policy_prepare, FIRMWARE_ERROR_VM_CONFLICT,
            "since 2023-11-14 22:13:20 UTC for the reference \"a\", and was last prepared "
            "2027-01-15 08:00:00 UTC");
    test_vm_set(&f, "create", "adopt");
    assert_passes(&f, policy_prepare, NULL);
    ask_to_prepare(&f, "q35");
    test_vm_set(&f, "reference", "");
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_VM_CONFLICT, "\"a\"");
    f.op.last_prepared = G_MAXUINT64;
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_VM_CONFLICT, "\"a\"");
}

/* -- what cannot be kept ----------------------------------------------------------------- */

static void a_store_has_no_other_format(void) {
    g_auto(TestVM) f = fixture();

    ask_to_prepare(&f, "q35");
    test_vm_set(&f, "firmware", "30-store");
    test_vm_set(&f, "nvram-format", "qcow2");
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_NO_MATCHING_FIRMWARE, "(nvram-format)");
}

static void nvram_needs_firmware_that_keeps_it(void) {
    g_auto(TestVM) f = fixture();

    f.op.source = test_memfd("", 4096);
    ask_to_prepare(&f, "q35");
    assert_passes(&f, policy_prepare, "10-split");
    test_vm_set(&f, "firmware", "20-stateless");
    assert_refused(
            &f, policy_prepare, FIRMWARE_ERROR_INVALID_ARGS,
            "nvram-template: firmware 20-stateless keeps no variables");
    test_vm_ask(&f, REQUEST_CALL_IMPORT_VM, "x86_64", "q35");
    assert_passes(&f, policy_import_vm, "10-split");
    test_vm_set(&f, "firmware", "20-stateless");
    assert_refused(
            &f, policy_import_vm, FIRMWARE_ERROR_INVALID_ARGS,
            "nvram: firmware 20-stateless keeps no variables");
    /* a template is ignored once the VM exists */
    pin_to(&f, "20-stateless", "q35");
    ask_to_prepare(&f, "q35");
    assert_passes(&f, policy_prepare, NULL);
}

/* libvirt has no element for IGVM. */
static void what_cannot_be_rendered_is_refused(void) {
    static const char *const libvirt[] = {"libvirt", NULL};
    const RequestValue value = {.type = REQUEST_VALUE_STRINGS, .strings = libvirt};
    g_auto(TestVM) f = fixture();

    test_describe(
            f.root, "vendor/40-igvm.json", "mapping", "{'device': 'igvm', 'filename': '/rom'}",
            NULL);
    test_vm_reload(&f);
    ask_to_prepare(&f, "q35");
    test_vm_set(&f, "firmware", "40-igvm");
    assert_passes(&f, policy_prepare, "40-igvm");
    g_assert_true(request_set(f.op.request, "render", &value, NULL));
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_NOT_SUPPORTED, "");
    pin_to(&f, "40-igvm", "q35");
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_NOT_SUPPORTED, "");
    test_vm_set_pin(&f, NULL);
    pin_to(&f, "10-split", "q35");
    ask_to_prepare(&f, "q35");
    g_assert_true(request_set(f.op.request, "render", &value, NULL));
    assert_passes(&f, policy_prepare, NULL);
}

/* -- the other methods ------------------------------------------------------------------- */

static void what_uses_a_vm_needs_one(void) {
    static const Policy all[] = {policy_use,    policy_replace_nvram, policy_get_variable,
                                 policy_rebind, policy_rename,        policy_clone};
    g_auto(TestVM) f = fixture();

    f.op.new_id = g_strdup("b");
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        test_vm_ask(&f, REQUEST_CALL_REBIND, NULL, NULL);
        assert_refused(&f, all[i], FIRMWARE_ERROR_NO_SUCH_VM, "has no VM \"a\"");
    }
    pin_to(&f, "10-split", "q35");
    test_vm_ask(&f, REQUEST_CALL_BARE, NULL, NULL);
    assert_passes(&f, policy_use, NULL);
    assert_passes(&f, policy_replace_nvram, NULL);
    assert_passes(&f, policy_clone, NULL);
}

/* U+202E makes it look like "gnp.a" */
#define INVISIBLE "\xe2\x80\xaeng.a"

static void a_new_id_can_be_seen(void) {
    g_auto(TestVM) f = fixture();

    g_free(f.op.id);
    f.op.id = g_strdup(INVISIBLE);
    ask_to_prepare(&f, "q35");
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_INVALID_ARGS, "format character");
    pin_to(&f, "10-split", "q35");
    assert_passes(&f, policy_prepare, NULL);
    f.op.new_id = g_strdup("b");
    assert_passes(&f, policy_rename, NULL);
    g_free(f.op.new_id);
    f.op.new_id = g_strdup(INVISIBLE);
    assert_refused(&f, policy_rename, FIRMWARE_ERROR_INVALID_ARGS, "format character");
    assert_refused(&f, policy_clone, FIRMWARE_ERROR_INVALID_ARGS, "format character");
}

static void an_id_is_given_once(void) {
    const PolicyFacts taken = {.is_new_id_taken = TRUE};
    g_auto(TestVM) f = fixture();

    pin_to(&f, "10-split", "q35");
    f.op.new_id = g_strdup("b");
    test_vm_ask(&f, REQUEST_CALL_CLONE, NULL, NULL);
    assert_refused_by(&f, policy_clone, &taken, FIRMWARE_ERROR_VM_EXISTS, "VM \"b\" already");
    test_vm_ask(&f, REQUEST_CALL_IMPORT_VM, "x86_64", "q35");
    assert_refused(&f, policy_import_vm, FIRMWARE_ERROR_VM_EXISTS, "VM \"a\" already");
}

static void rebind_begins_with_the_pin(void) {
    g_auto(TestVM) f = fixture();

    pin_to(&f, "20-stateless", "pc-q35-7.1");
    test_vm_ask(&f, REQUEST_CALL_REBIND, NULL, NULL);
    assert_passes(&f, policy_rebind, "10-split");
    g_assert_cmpstr(f.op.request->architecture, ==, "x86_64");
    g_assert_cmpstr(f.op.request->machine, ==, "pc-q35-7.1");

    pin_to(&f, "10-split", "q35");
    test_vm_ask(&f, REQUEST_CALL_REBIND, NULL, NULL);
    test_vm_set(&f, "machine", "pc-q35-7.2");
    assert_passes(&f, policy_rebind, "10-split");
    g_assert_cmpstr(f.op.request->machine, ==, "pc-q35-7.2");

    /* a store's format says nothing about flash */
    pin_to(&f, "30-store", "q35");
    test_vm_ask(&f, REQUEST_CALL_REBIND, NULL, NULL);
    assert_passes(&f, policy_rebind, "10-split");
}

/* -- limits ------------------------------------------------------------------------------ */

typedef struct Usage {
    guint n;
    guint64 size;
} Usage;

static void get_usage(gconstpointer userdata, uid_t owner, guint *ret_n, guint64 *ret_size) {
    const Usage *usage = userdata;

    g_assert_cmpuint(owner, ==, 77);
    *ret_n = usage->n;
    *ret_size = usage->size;
}

static void limits_are_those_of_the_new_owner(void) {
    Usage usage = {.n = 2, .size = 10};
    const PolicyFacts facts = {
            .get_usage = get_usage, .userdata = &usage, .max_vms = 2, .max_size = 100};
    g_auto(TestVM) f = fixture();

    f.op.new_owner = 77;
    f.op.new_id = g_strdup("b");
    ask_to_prepare(&f, "q35");
    assert_refused_by(
            &f, policy_prepare, &facts, FIRMWARE_ERROR_LIMITS_EXCEEDED,
            "VM a: uid 77 has 2 VMs with 10 bytes already; VMsPerUser= allows 2, BytesPerUser= 100");
    pin_to(&f, "10-split", "q35");
    assert_refused_by(&f, policy_clone, &facts, FIRMWARE_ERROR_LIMITS_EXCEEDED, "uid 77");
    g_assert_true(policy_use(&f.op, &facts, NULL));

    usage = (Usage){.n = 1, .size = 100};
    assert_refused_by(&f, policy_clone, &facts, FIRMWARE_ERROR_LIMITS_EXCEEDED, "100");
    usage.size = 99;
    g_assert_true(policy_clone(&f.op, &facts, NULL));
    g_assert_cmpuint(f.op.max_size, ==, 1);
}

static void a_vm_that_is_there_may_take_what_it_takes_and_what_is_left(void) {
    static const struct {
        guint64 all, vm, room;
    } cases[] = {{30, 10, 80}, {100, 10, 10}, {1000, 10, 10}, {95, 10, 15}, {10, 0, 90}};
    Usage usage = {.n = 9};
    const PolicyFacts facts = {
            .get_usage = get_usage, .userdata = &usage, .max_vms = 2, .max_size = 100};
    g_auto(TestVM) f = fixture();

    f.op.owner = 77;
    pin_to(&f, "10-split", "q35");
    ask_to_prepare(&f, "q35");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        usage.size = cases[i].all;
        f.op.size = cases[i].vm;
        g_assert_true(policy_replace_nvram(&f.op, &facts, NULL));
        g_assert_cmpuint(f.op.max_size, ==, cases[i].room);
        f.op.max_size = 0;
        g_assert_true(policy_prepare(&f.op, &facts, NULL));
        g_assert_cmpuint(f.op.max_size, ==, cases[i].room);
    }
    /* 0 would be no limit */
    f.op.size = 0;
    usage.size = 100;
    g_assert_true(policy_replace_nvram(&f.op, &facts, NULL));
    g_assert_cmpuint(f.op.max_size, ==, 1);
}

static void an_id_whose_record_cannot_be_read_can_only_be_removed(void) {
    g_auto(TestVM) f = fixture();

    f.op.fault = g_strdup("the fault");
    ask_to_prepare(&f, "q35");
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_VM_EXISTS, "the fault");
    assert_refused(&f, policy_import_vm, FIRMWARE_ERROR_VM_EXISTS, "the fault");
    assert_refused(&f, policy_use, FIRMWARE_ERROR_NO_SUCH_VM, "the fault");
    assert_refused(&f, policy_rebind, FIRMWARE_ERROR_NO_SUCH_VM, "the fault");
    test_vm_set(&f, "create", "new");
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_VM_EXISTS, "the fault");
    ask_to_prepare(&f, "q35");
    test_vm_set(&f, "create", "never");
    assert_refused(&f, policy_prepare, FIRMWARE_ERROR_NO_SUCH_VM, "the fault");
    assert_passes(&f, policy_remove, NULL);
    g_clear_pointer(&f.op.fault, g_free);
    assert_refused(&f, policy_remove, FIRMWARE_ERROR_NO_SUCH_VM, "uid");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_new_vm_gets_the_first_that_passes),
            TEST_CASE(create_says_whether_the_vm_may_exist),
            TEST_CASE(a_pin_stays_where_another_would_be_chosen),
            TEST_CASE(another_version_of_the_board_is_the_same_machine),
            TEST_CASE(another_machine_is_a_conflict),
            TEST_CASE(another_format_is_a_conflict_where_there_is_nvram),
            TEST_CASE(requirements_that_the_pin_does_not_satisfy_are_a_conflict),
            TEST_CASE(a_vm_of_another_reference_is_a_conflict),
            TEST_CASE(a_store_has_no_other_format),
            TEST_CASE(nvram_needs_firmware_that_keeps_it),
            TEST_CASE(what_cannot_be_rendered_is_refused),
            TEST_CASE(what_uses_a_vm_needs_one),
            TEST_CASE(a_new_id_can_be_seen),
            TEST_CASE(an_id_is_given_once),
            TEST_CASE(an_id_whose_record_cannot_be_read_can_only_be_removed),
            TEST_CASE(rebind_begins_with_the_pin),
            TEST_CASE(limits_are_those_of_the_new_owner),
            TEST_CASE(a_vm_that_is_there_may_take_what_it_takes_and_what_is_left),
    };

    return test_main(argc, argv, "policy", cases, G_N_ELEMENTS(cases));
}
