/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/nvram.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "util-vm.h"

/* What becomes a VM's NVRAM, and what does not fit; conversions by qemu-img are tested over the
 * bus. */

#define SIZE 4096

typedef struct Fixture {
    TestDir *dir;
    TestDir *root;
    VMStore *store;
    VMDraft *draft;
    Pin *pin;
} Fixture;

static Fixture fixture(const char *kind) {
    Fixture f = {.dir = test_dir_new(), .root = test_layers_new()};

    f.store = test_store(f.dir);
    f.draft = test_draft(f.store);
    f.pin = test_pin(f.root, test_pin_kind(kind), NULL);
    return f;
}

static void fixture_clear(Fixture *f) {
    pin_unref(f->pin);
    vmdraft_free(f->draft);
    vmstore_free(f->store);
    test_dir_free(f->root);
    test_dir_free(f->dir);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

static void assert_made(const Fixture *f, const NVRAMSource *source, guint64 max_size) {
    g_autoptr(GError) error = NULL;

    g_assert_true(nvram_make(f->draft, f->pin, source, max_size, &error));
    g_assert_no_error(error);
}

static void assert_refused(
        const Fixture *f, const NVRAMSource *source, guint64 max_size, FirmwareError code,
        const char *text) {
    g_autoptr(GError) error = NULL;

    g_assert_false(nvram_make(f->draft, f->pin, source, max_size, &error));
    g_assert_error(error, FIRMWARE_ERROR, (int)code);
    if (!strstr(error->message, text))
        g_error("\"%s\" is not in \"%s\"", text, error->message);
}

/* The file NAME of the draft: its size, and how it begins. */
static void assert_file(const Fixture *f, const char *name, guint64 size, const char *beginning) {
    g_autofree char *path = test_draft_path(f->draft, name);
    g_autofree char *content = NULL;
    gsize length;

    test_assert_mode(path, S_IFREG | 0600);
    g_assert_true(g_file_get_contents(path, &content, &length, NULL));
    g_assert_cmpuint(length, ==, size);
    g_assert_cmpint(memcmp(content, beginning, strlen(beginning)), ==, 0);
}

static void a_source_of_the_right_size_is_copied(void) {
    g_auto(Fixture) f = fixture("split");
    g_auto(FileFd) fd = test_memfd("template", SIZE);
    const NVRAMSource source = {.fd = fd, .format = IMAGE_FORMAT_RAW, .what = "it"};

    assert_made(&f, &source, 0);
    assert_file(&f, "nvram.raw", SIZE, "template");
}

static void other_sizes_do_not_fit(void) {
    static const guint64 sizes[] = {0, 1, 512, SIZE - 512, SIZE + 512, 2 * SIZE};
    g_auto(Fixture) f = fixture("split");

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_auto(FileFd) fd = test_memfd("", sizes[i]);
        const NVRAMSource source = {.fd = fd, .format = IMAGE_FORMAT_RAW, .what = "it"};
        g_autofree char *text = g_strdup_printf(
                "it has %" G_GUINT64_FORMAT " bytes, the firmware needs 4096", sizes[i]);

        assert_refused(&f, &source, 0, FIRMWARE_ERROR_NVRAM_MISMATCH, text);
    }
}

static void a_shorter_one_is_extended_by_a_hole_where_the_flash_is_fixed(void) {
    g_auto(Fixture) f = fixture("split-fixed");
    g_auto(FileFd) fd = test_memfd("template", SIZE);
    NVRAMSource source = {.fd = fd, .format = IMAGE_FORMAT_RAW, .what = "it"};
    g_autofree char *path = test_draft_path(f.draft, "nvram.raw");
    struct stat st;

    assert_refused(&f, &source, 0, FIRMWARE_ERROR_NVRAM_MISMATCH, "4096");
    source.may_be_shorter = TRUE;
    assert_made(&f, &source, 0);
    assert_file(&f, "nvram.raw", f.pin->nvram_size, "template");
    g_assert_no_errno(lstat(path, &st));
    g_assert_cmpint(st.st_blocks * 512, <, 1024 * 1024);
}

static void what_the_owner_may_still_take_is_the_limit(void) {
    g_auto(Fixture) f = fixture("split");
    g_auto(FileFd) fd = test_memfd("template", SIZE);
    const NVRAMSource source = {.fd = fd, .format = IMAGE_FORMAT_RAW, .what = "it"};

    assert_refused(&f, &source, SIZE - 1, FIRMWARE_ERROR_LIMITS_EXCEEDED, "4095");
    assert_made(&f, &source, SIZE);
}

static void a_source_is_of_the_format_stated(void) {
    g_auto(Fixture) f = fixture("split");
    g_auto(FileFd) fd = test_memfd("template", SIZE);
    NVRAMSource source = {.fd = fd, .format = IMAGE_FORMAT_QCOW2, .what = "it"};

    assert_refused(&f, &source, 0, FIRMWARE_ERROR_NVRAM_MISMATCH, "it: not in the format qcow2");
    source.format = IMAGE_FORMAT_JSON;
    assert_refused(&f, &source, 0, FIRMWARE_ERROR_NVRAM_MISMATCH, "and the VM's NVRAM is");
}

static void make_foreign(guint8 header[TEST_QCOW2_SIZE]) {
    header[15] = TEST_QCOW2_SIZE; /* the offset of a backing file's name */
    header[19] = 1;               /* its length */
}

static void a_source_that_names_another_file_is_unusable(void) {
    g_auto(Fixture) f = fixture("split");
    guint8 header[TEST_QCOW2_SIZE];
    g_auto(FileFd) fd = memfd_create("test", MFD_CLOEXEC);
    const NVRAMSource source = {.fd = fd, .format = IMAGE_FORMAT_QCOW2, .what = "it"};

    test_qcow2_header(header, SIZE);
    make_foreign(header);
    g_assert_cmpint(write(fd, header, sizeof header), ==, sizeof header);
    g_assert_no_errno(ftruncate(fd, 65536));
    assert_refused(&f, &source, 0, FIRMWARE_ERROR_IMAGE_UNUSABLE, "it names another file");
}

/* What its owner writes into the file that is about to be copied; NULL: nothing. */
static const guint8 *next_header;

/* The first call of a copy. It takes the place of the C library's. */
int ioctl(int fd, unsigned long request, ...) {
    va_list arguments;
    int from;

    g_assert_cmpuint(request, ==, FICLONE);
    va_start(arguments, request);
    from = va_arg(arguments, int);
    va_end(arguments);
    if (next_header)
        g_assert_cmpint(pwrite(from, next_header, TEST_QCOW2_SIZE, 0), ==, TEST_QCOW2_SIZE);
    errno = EOPNOTSUPP;
    return -1;
}

/* It is converted by a program that would open the other file, or becomes another owner's. */
static void a_source_that_changes_after_its_check_is_unusable(void) {
    static const char *const kinds[] = {"split", "split-qcow2"};

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_auto(Fixture) f = fixture(kinds[i]);
        guint8 header[TEST_QCOW2_SIZE];
        g_auto(FileFd) fd = memfd_create("test", MFD_CLOEXEC);
        const NVRAMSource source = {.fd = fd, .format = IMAGE_FORMAT_QCOW2, .what = "it"};

        test_qcow2_header(header, SIZE);
        g_assert_cmpint(write(fd, header, sizeof header), ==, sizeof header);
        g_assert_no_errno(ftruncate(fd, 65536));
        make_foreign(header);
        next_header = header;
        assert_refused(&f, &source, 0, FIRMWARE_ERROR_IMAGE_UNUSABLE, "it names another file");
        next_header = NULL;
    }
}

/* What QEMU keeps in a qcow2 beside the variables has a limit, too. */
static void an_image_is_no_larger_than_its_content_needs(void) {
    static const guint64 most = SIZE + NVRAM_MAX_METADATA_SIZE;
    g_auto(Fixture) f = fixture("split-qcow2");
    guint8 header[TEST_QCOW2_SIZE];
    g_auto(FileFd) fd = memfd_create("test", MFD_CLOEXEC);
    const NVRAMSource source = {.fd = fd, .format = IMAGE_FORMAT_QCOW2, .what = "it"};

    test_qcow2_header(header, SIZE);
    g_assert_cmpint(write(fd, header, sizeof header), ==, sizeof header);
    g_assert_no_errno(ftruncate(fd, most + 1));
    assert_refused(
            &f, &source, 0, FIRMWARE_ERROR_NVRAM_MISMATCH,
            "it has 16781313 bytes, and its content needs at most 16781312");
    g_assert_no_errno(ftruncate(fd, most));
    assert_made(&f, &source, 0);
    assert_file(&f, "nvram.qcow2", most, "QFI");
}

static void a_store_has_a_limit_and_no_fixed_size(void) {
    g_auto(Fixture) f = fixture("uefi-vars");
    g_auto(FileFd) fd = test_memfd("{}", 2);
    g_auto(FileFd) raw = test_memfd("x", SIZE);
    NVRAMSource source = {.fd = fd, .format = IMAGE_FORMAT_JSON, .what = "it"};

    assert_made(&f, &source, 0);
    assert_file(&f, "nvram.json", 2, "{}");
    source = (NVRAMSource){.fd = raw, .format = IMAGE_FORMAT_RAW, .what = "it"};
    assert_refused(&f, &source, 0, FIRMWARE_ERROR_NVRAM_MISMATCH, "and the VM's NVRAM is");
}

static void assert_not_taken(int fd, const char *fault) {
    g_autofree char *text = g_strdup_printf("nvram: %s", fault);
    g_autoptr(GError) error = NULL;

    g_assert_false(nvram_check_memfd("nvram", fd, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS);
    g_assert_cmpstr(error->message, ==, text);
}

static void a_caller_sends_a_sealed_memfd(void) {
    g_auto(FileFd) sealed = test_memfd("x", SIZE);
    g_auto(FileFd) largest = test_memfd("", NVRAM_MAX_FILE_SIZE);
    g_auto(FileFd) larger = test_memfd("", NVRAM_MAX_FILE_SIZE + 1);
    g_auto(FileFd) open_memfd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    g_auto(FileFd) half = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    g_auto(FileFd) file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    g_assert_no_errno(fcntl(half, F_ADD_SEALS, F_SEAL_WRITE));
    g_assert_true(nvram_check_memfd("nvram", sealed, NULL));
    g_assert_true(nvram_check_memfd("nvram", largest, NULL));
    assert_not_taken(larger, "larger than 256 MiB");
    assert_not_taken(open_memfd, "not sealed with F_SEAL_WRITE and F_SEAL_SHRINK");
    assert_not_taken(half, "not sealed with F_SEAL_WRITE and F_SEAL_SHRINK");
    assert_not_taken(file, "not a memfd");
    assert_not_taken(FILE_FD_NONE, "not a memfd");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_source_of_the_right_size_is_copied),
            TEST_CASE(other_sizes_do_not_fit),
            TEST_CASE(a_shorter_one_is_extended_by_a_hole_where_the_flash_is_fixed),
            TEST_CASE(what_the_owner_may_still_take_is_the_limit),
            TEST_CASE(a_source_is_of_the_format_stated),
            TEST_CASE(a_source_that_names_another_file_is_unusable),
            TEST_CASE(a_source_that_changes_after_its_check_is_unusable),
            TEST_CASE(an_image_is_no_larger_than_its_content_needs),
            TEST_CASE(a_store_has_a_limit_and_no_fixed_size),
            TEST_CASE(a_caller_sends_a_sealed_memfd),
    };

    return test_main(argc, argv, "nvram", cases, G_N_ELEMENTS(cases));
}
