/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/digest-cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "util.h"

/* When a digest is read again, and when it is not: a digest that is remembered tells of content
 * that is not there any more, without its stamp. */

#define DIGEST_OF_A "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
#define DIGEST_OF_B "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"

typedef struct Fixture {
    TestDir *dir;
    char *path;
    DigestCache *cache;
} Fixture;

static void fixture_clear(Fixture *f) {
    digest_cache_free(f->cache);
    g_free(f->path);
    test_dir_free(f->dir);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

static Fixture fixture(void) {
    Fixture f = {.dir = test_dir_new(), .cache = digest_cache_new()};

    f.path = g_build_filename(f.dir, "file", NULL);
    test_write_text(f.dir, "file", "a");
    return f;
}

static void assert_digest(const Fixture *f, const char *expected) {
    g_auto(FileFd) fd = open(f->path, O_RDONLY | O_CLOEXEC);
    g_autofree char *digest = NULL;

    g_assert_cmpint(digest_cache_get(f->cache, f->path, fd, &digest), ==, 0);
    g_assert_cmpstr(digest, ==, expected);
}

/* Other bytes with the same mtime; the ctime tells. */
static void overwrite(const Fixture *f, const char *byte) {
    g_auto(FileFd) fd = open(f->path, O_WRONLY | O_CLOEXEC);
    struct stat st;

    g_assert_no_errno(fstat(fd, &st));
    g_assert_cmpint(pwrite(fd, byte, 1, 0), ==, 1);
    g_assert_no_errno(futimens(fd, (struct timespec[]){st.st_atim, st.st_mtim}));
}

static void a_file_that_is_overwritten_is_read_again(void) {
    g_auto(Fixture) f = fixture();

    assert_digest(&f, DIGEST_OF_A);
    overwrite(&f, "b");
    assert_digest(&f, DIGEST_OF_B);
}

static void another_file_under_the_path_is_read(void) {
    g_auto(Fixture) f = fixture();

    assert_digest(&f, DIGEST_OF_A);
    test_write_text(f.dir, "file", "b");
    assert_digest(&f, DIGEST_OF_B);
}

static void what_cannot_be_read_is_told(void) {
    g_auto(Fixture) f = fixture();
    g_auto(FileFd) fd = open(f.path, O_WRONLY | O_CLOEXEC);
    g_autofree char *digest = NULL;

    g_assert_cmpint(digest_cache_get(f.cache, f.path, FILE_FD_NONE, &digest), ==, -EBADF);
    g_assert_cmpint(digest_cache_get(f.cache, f.path, fd, &digest), ==, -EBADF);
    g_assert_null(digest);
}

/* A file of the distribution's is old: its stamp is trusted. */
static void a_trusted_stamp_spares_the_reading(void) {
    g_auto(Fixture) f = fixture();
    g_auto(FileFd) fd = open("/etc/os-release", O_RDONLY | O_CLOEXEC);
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
    g_auto(FileFd) blind = open(link, O_PATH | O_CLOEXEC);
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;
    g_autofree char *other = NULL;
    struct stat st;

    g_assert_no_errno(fstat(fd, &st));
    g_assert_cmpint(digest_cache_get(f.cache, "x", fd, &first), ==, 0);
    g_assert_true(digest_cache_has(f.cache, "x", &st, first));
    g_assert_false(digest_cache_has(f.cache, "x", &st, "another"));
    g_assert_false(digest_cache_has(f.cache, "y", &st, first));
    /* a descriptor that cannot be read from */
    g_assert_cmpint(digest_cache_get(f.cache, "x", blind, &second), ==, 0);
    g_assert_cmpstr(second, ==, first);
    g_assert_cmpint(digest_cache_get(f.cache, "y", blind, &other), ==, -EBADF);
}

static void as_many_as_the_limit_are_remembered(void) {
    g_auto(Fixture) f = fixture();
    g_auto(FileFd) fd = open("/etc/os-release", O_RDONLY | O_CLOEXEC);
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
    g_auto(FileFd) blind = open(link, O_PATH | O_CLOEXEC);
    g_autofree char *digest = NULL;

    for (guint i = 0; i <= DIGEST_CACHE_MAX_FILES; i++) {
        g_autofree char *path = g_strdup_printf("%u", i);
        g_autofree char *first = NULL;
        g_autofree char *second = NULL;

        g_assert_cmpint(digest_cache_get(f.cache, path, fd, &first), ==, 0);
        g_assert_cmpint(digest_cache_get(f.cache, path, blind, &second), ==, 0);
    }
    /* all were forgotten for the last one */
    g_assert_cmpint(digest_cache_get(f.cache, "0", blind, &digest), ==, -EBADF);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_file_that_is_overwritten_is_read_again),
            TEST_CASE(another_file_under_the_path_is_read),
            TEST_CASE(what_cannot_be_read_is_told),
            TEST_CASE(a_trusted_stamp_spares_the_reading),
            TEST_CASE(as_many_as_the_limit_are_remembered),
    };

    return test_main(argc, argv, "digest-cache", cases, G_N_ELEMENTS(cases));
}
