/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/watch-plan.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdalign.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "util.h"

/* What a plan watches, by what the kernel reports: each test changes files, and looks whether any
 * of the events concerns the plan. */

typedef struct Fixture {
    TestDir *root;
    FileFd inotify;
    GHashTable *silent;
    WatchPlan *plan;
} Fixture;

static void fixture_clear(Fixture *f) {
    g_clear_pointer(&f->plan, watch_plan_free);
    g_clear_pointer(&f->silent, g_hash_table_unref);
    g_clear_pointer(&f->root, test_dir_free);
    file_fd_close(f->inotify);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

static void begin(Fixture *f) {
    f->root = test_dir_new();
    f->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    g_assert_cmpint(f->inotify, >=, 0);
    f->silent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    f->plan = watch_plan_new_for(f->inotify, f->silent);
}

static char *below(const Fixture *f, const char *name) {
    return g_build_filename(f->root, name, NULL);
}

static void add_file(Fixture *f, const char *name) {
    g_autofree char *path = below(f, name);

    watch_plan_add_file(f->plan, path);
}

static void add_directory(Fixture *f, const char *name) {
    g_autofree char *path = below(f, name);

    watch_plan_add_directory(f->plan, path);
}

static void make_directory(const Fixture *f, const char *name) {
    g_free(test_mkdir(f->root, name));
}

static void move(const Fixture *f, const char *from, const char *to) {
    g_autofree char *old_name = below(f, from);
    g_autofree char *new_name = below(f, to);

    g_assert_no_errno(g_rename(old_name, new_name));
}

/* TRUE when something that matters has happened since the last call. */
static gboolean has_changed(const Fixture *f) {
    alignas(struct inotify_event) char buffer[4096];
    gboolean found = FALSE;
    ssize_t size;

    while ((size = read(f->inotify, buffer, sizeof buffer)) > 0)
        for (const char *p = buffer; p < buffer + size;) {
            const struct inotify_event *event = (const struct inotify_event *)p;

            found |= watch_plan_concerns(f->plan, event->wd, event->len > 0 ? event->name : "");
            p += sizeof *event + event->len;
        }
    return found;
}

static void assert_all_watched(const Fixture *f) {
    int error;

    g_assert_null(watch_plan_get_unwatched(f->plan, &error));
}

static void assert_unwatched(const Fixture *f, int expected) {
    int error;

    g_assert_nonnull(watch_plan_get_unwatched(f->plan, &error));
    g_assert_cmpint(error, ==, expected);
}

/* -- ways -------------------------------------------------------------------------------- */

static void every_part_of_a_way_matters(void) {
    g_auto(Fixture) f = {};

    begin(&f);
    make_directory(&f, "a");
    make_directory(&f, "a/b");
    test_write_text(f.root, "a/b/file", "x");
    add_file(&f, "a/b/file");
    g_assert_false(has_changed(&f));
    move(&f, "a/b/file", "a/b/away");
    g_assert_true(has_changed(&f));
    move(&f, "a/b", "a/away");
    g_assert_true(has_changed(&f));
    move(&f, "a", "away");
    g_assert_true(has_changed(&f));
    assert_all_watched(&f);
}

static void what_is_beside_a_way_does_not(void) {
    g_auto(Fixture) f = {};

    begin(&f);
    make_directory(&f, "a");
    test_write_text(f.root, "a/file", "x");
    add_file(&f, "a/file");
    test_write_text(f.root, "a/other", "x");
    make_directory(&f, "b");
    move(&f, "b", "c");
    g_assert_false(has_changed(&f));
}

static void a_way_that_ends_early_is_watched_where_it_ends(void) {
    g_auto(Fixture) f = {};

    begin(&f);
    add_file(&f, "a/b/file");
    make_directory(&f, "b");
    g_assert_false(has_changed(&f));
    make_directory(&f, "a");
    g_assert_true(has_changed(&f));
    assert_all_watched(&f);
}

static void links_are_followed(void) {
    g_auto(Fixture) f = {};

    begin(&f);
    make_directory(&f, "a");
    make_directory(&f, "a/one");
    make_directory(&f, "a/two");
    test_write_text(f.root, "a/one/file", "x");
    test_link(f.root, "link", "./a/two/../one");
    add_file(&f, "link/file");
    test_write_text(f.root, "a/one/file", "y");
    g_assert_true(has_changed(&f));
    move(&f, "link", "away");
    g_assert_true(has_changed(&f));
    /* the kernel walks through it */
    move(&f, "a/two", "a/away");
    g_assert_true(has_changed(&f));
    test_write_text(f.root, "a/away/file", "x");
    g_assert_false(has_changed(&f));
}

static void links_in_a_circle_end(void) {
    g_auto(Fixture) f = {};

    begin(&f);
    test_link(f.root, "a", "b");
    test_link(f.root, "b", "a");
    add_file(&f, "a");
    move(&f, "b", "c");
    g_assert_true(has_changed(&f));
    assert_all_watched(&f);
}

/* -- contents ---------------------------------------------------------------------------- */

static void all_of_a_directory_matters(void) {
    g_auto(Fixture) f = {};

    begin(&f);
    make_directory(&f, "a");
    add_directory(&f, "a");
    test_write_text(f.root, "a/new", "x");
    g_assert_true(has_changed(&f));
    test_write_text(f.root, "a/new", "y");
    g_assert_true(has_changed(&f));
    make_directory(&f, "a/b");
    g_assert_true(has_changed(&f));
    test_write_text(f.root, "a/b/new", "x");
    g_assert_false(has_changed(&f));
}

static void a_file_with_another_name_is_watched_itself(void) {
    g_auto(Fixture) f = {};
    g_autofree char *path = NULL;
    g_autofree char *other = NULL;

    begin(&f);
    make_directory(&f, "a");
    make_directory(&f, "elsewhere");
    test_write_text(f.root, "a/file", "x");
    path = below(&f, "a/file");
    other = below(&f, "elsewhere/file");
    g_assert_no_errno(link(path, other));
    add_file(&f, "a/file");
    /* not test_write_text(), which may replace it */
    g_assert_no_errno(truncate(other, 0));
    g_assert_true(has_changed(&f));
}

/* -- mounts ------------------------------------------------------------------------------ */

static gboolean concerns_mount(const Fixture *f, const char *name) {
    g_autofree char *path = below(f, name);

    return watch_plan_concerns_mount(f->plan, path);
}

static void mounts_on_a_way_matter(void) {
    g_auto(Fixture) f = {};

    begin(&f);
    make_directory(&f, "a");
    make_directory(&f, "a/layer");
    make_directory(&f, "a/beside");
    test_link(f.root, "link", "a");
    test_write_text(f.root, "file", "x");
    add_directory(&f, "link/layer");
    add_file(&f, "file");
    g_assert_true(watch_plan_concerns_mount(f.plan, "/"));
    g_assert_true(watch_plan_concerns_mount(f.plan, f.root));
    g_assert_true(concerns_mount(&f, "a"));
    g_assert_true(concerns_mount(&f, "a/layer"));
    g_assert_true(concerns_mount(&f, "a/layer/x.json"));
    g_assert_true(concerns_mount(&f, "file"));
    g_assert_false(concerns_mount(&f, "a/beside"));
    g_assert_false(concerns_mount(&f, "a/layer/x/y"));
    g_assert_false(concerns_mount(&f, "other"));
    g_assert_false(watch_plan_concerns_mount(f.plan, "/proc"));
}

/* -- limits ------------------------------------------------------------------------------ */

/* -- what does not answer ----------------------------------------------------------------- */

static gboolean may_look_at(Fixture *f, const char *name) {
    g_autofree char *path = below(f, name);

    return watch_plan_add_file(f->plan, path);
}

static void what_is_silent_is_not_looked_at(void) {
    g_auto(Fixture) f = {};
    g_autofree char *link = NULL;
    g_autofree char *silent = NULL;
    g_autofree char *last = NULL;
    g_autofree char *in_hand = NULL;

    begin(&f);
    make_directory(&f, "a");
    make_directory(&f, "b");
    link = below(&f, "b/link");
    g_assert_no_errno(symlink("../a/file", link));
    silent = below(&f, "a");
    g_hash_table_add(f.silent, g_strdup(silent));

    g_assert_true(may_look_at(&f, "b/file"));
    last = below(&f, "b/file");
    in_hand = watch_plan_get_in_hand(f.plan);
    g_assert_cmpstr(in_hand, ==, last);

    g_assert_false(may_look_at(&f, "a/file"));
    g_assert_false(may_look_at(&f, "b/link"));
    g_assert_false(watch_plan_add_directory(f.plan, silent));
    (void)has_changed(&f);
    test_write_text(f.root, "a/file", "x");
    g_assert_false(has_changed(&f));
    g_assert_true(watch_plan_concerns_mount(f.plan, silent));
    assert_all_watched(&f);
}

/* -- limits ------------------------------------------------------------------------------- */

/* The watch is there already; it only gets more events. */
static void contents_are_watched_at_the_limit(void) {
    g_auto(Fixture) f = {};
    g_autofree char *path = NULL;

    begin(&f);
    make_directory(&f, "a");
    add_file(&f, "a/file");
    f.plan->max_directories = g_hash_table_size(f.plan->by_wd);
    assert_all_watched(&f);
    test_write_text(f.root, "a/file", "x");
    add_file(&f, "a/file");
    (void)has_changed(&f);
    path = below(&f, "a/file");
    g_assert_no_errno(truncate(path, 0));
    g_assert_true(has_changed(&f));
    assert_all_watched(&f);
}

static void what_is_beyond_the_limit_is_said(void) {
    g_auto(Fixture) f = {};

    begin(&f);
    make_directory(&f, "a");
    add_file(&f, "file");
    f.plan->max_directories = g_hash_table_size(f.plan->by_wd);
    add_file(&f, "other");
    assert_all_watched(&f);
    add_file(&f, "a/file");
    assert_unwatched(&f, ENOSPC);
}

static void without_inotify_nothing_is_watched(void) {
    g_auto(Fixture) f = {};

    begin(&f);
    watch_plan_free(f.plan);
    f.plan = watch_plan_new_for(-EMFILE, f.silent);
    add_file(&f, "a/file");
    assert_unwatched(&f, EMFILE);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(every_part_of_a_way_matters),
            TEST_CASE(what_is_beside_a_way_does_not),
            TEST_CASE(a_way_that_ends_early_is_watched_where_it_ends),
            TEST_CASE(links_are_followed),
            TEST_CASE(links_in_a_circle_end),
            TEST_CASE(all_of_a_directory_matters),
            TEST_CASE(a_file_with_another_name_is_watched_itself),
            TEST_CASE(mounts_on_a_way_matter),
            TEST_CASE(what_is_silent_is_not_looked_at),
            TEST_CASE(contents_are_watched_at_the_limit),
            TEST_CASE(what_is_beyond_the_limit_is_said),
            TEST_CASE(without_inotify_nothing_is_watched),
    };

    return test_main(argc, argv, "watch-plan", cases, G_N_ELEMENTS(cases));
}
