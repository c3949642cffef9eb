/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/admission.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <syslog.h>
#include <unistd.h>

#include "base/file.h"
#include "bus/place.h"
#include "bus/senders.h"
#include "bus/strangers.h"
#include "core/request.h"
#include "service/log.h"

/* Limit of waiting calls: each holds its message, and up to 16 descriptors. */
#define MAX_WAITING 256
#define MAX_WAITING_SIZE (16 * 1024 * 1024)
#define MAX_WAITING_OF_UID 32
#define MAX_WAITING_SIZE_OF_UID (4 * 1024 * 1024)
/* The part of MAX_WAITING that is reserved for uid 0 and the service's own uid. */
#define RESERVED_WAITING 32

/* One call is served after at most this many messages have been read. */
#define READ_PER_TURN 64

/* libsystemd reads one message in each iteration of the event loop, and the iteration costs as much
 * as the message. While calls arrive faster than they are served, this many are read in one. */
#define READ_PER_ITERATION 16

/* Limit of an argument's length, except options: of the longest one, a reference or a path. */
#define MAX_ARGUMENT REQUEST_MAX_PATH

/* No object has a longer path. libsystemd looks up each prefix of a path: for one of 64 KiB, which
 * is the most that it accepts, that takes a second. */
#define MAX_PATH 1024

/* Limit of refusals in the send queue. */
#define MAX_QUEUED_REFUSALS 1024

/* Lower than the connection and all other sources: when work is done, the socket is empty or
 * congested. */
#define WORK_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

typedef struct User {
    uid_t uid;
    Pool waiting; /* never empty */
} User;

struct Admission {
    Bus *bus;
    sd_bus *connection; /* of BUS */
    Senders *senders;
    sd_bus_slot *filter;
    sd_event_source *more; /* enabled when a message has been read that was not served at once */
    sd_event_source *work; /* enabled while there is work and the bus accepts replies */
    FileFd work_fd;

    Strangers *strangers;
    GHashTable *users;   /* uid -> User */
    GHashTable *reading; /* uid -> gint64: monotonic time up to which the uid has used its share */
    GQueue turns;        /* of User, in the order of service */
    guint n_waiting;     /* waiting calls of all users */
    gsize size;          /* bytes of the waiting calls */
    guint n_read;        /* messages read since the last call was served */

    sd_bus_message *turn; /* the next call to serve, in the read queue of CONNECTION */
    uid_t turn_uid;
};

/* -- waiting calls -------------------------------------------------------------------- */

static gboolean is_from(const Waiting *waiting, const char *sender) {
    return g_str_equal(sd_bus_message_get_sender(waiting->message), sender);
}

static void user_free(gpointer data) {
    User *user = data;

    pool_clear(&user->waiting);
    g_free(user);
}

static Waiting *user_take(Admission *admission, User *user, GList *link) {
    Waiting *waiting = pool_take(&user->waiting, link);

    admission->n_waiting--;
    admission->size -= waiting->size;
    if (g_queue_is_empty(&user->waiting.calls)) {
        g_queue_remove(&admission->turns, user);
        g_hash_table_remove(admission->users, GUINT_TO_POINTER(user->uid));
    }
    return waiting;
}

static void refuse(
        Admission *admission, sd_bus_message *message, const char *name, const char *text) {
    const sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(name, text);
    uint64_t n;

    admission->bus->n_refused++;
    g_debug("%s: %s", sd_bus_message_get_sender(message), text);
    if (sd_bus_get_n_queued_write(admission->connection, &n) >= 0 && n < MAX_QUEUED_REFUSALS)
        (void)sd_bus_reply_method_error(message, &error);
}

static void refuse_as_too_many(Admission *admission, sd_bus_message *message) {
    refuse(admission, message, SD_BUS_ERROR_LIMITS_EXCEEDED,
           "too many calls that have not been served yet, or too large ones");
}

/* Returns a call that can wait, or NULL if MESSAGE is too large; then it has been answered. */
static Waiting *make_waiting(Admission *admission, sd_bus_message *message) {
    gsize size = 0;
    int r = waiting_measure(message, MAX_WAITING_SIZE_OF_UID, &size);

    if (r == 0 || sd_bus_message_rewind(message, TRUE) < 0) {
        refuse_as_too_many(admission, message);
        return NULL;
    }
    /* the size of the rest is unknown; the method finds the same fault and reports it */
    return waiting_new(message, r < 0 ? MAX_WAITING_SIZE_OF_UID : size);
}

static void keep_of_user(Admission *admission, uid_t uid, Waiting *waiting) {
    User *user = g_hash_table_lookup(admission->users, GUINT_TO_POINTER(uid));
    gboolean is_privileged = bus_is_privileged(uid);
    guint n = is_privileged ? MAX_WAITING : MAX_WAITING - RESERVED_WAITING;
    gsize size = user ? user->waiting.size : 0;

    if (admission->n_waiting >= n || admission->size + waiting->size > MAX_WAITING_SIZE ||
        (user && !is_privileged && user->waiting.calls.length >= MAX_WAITING_OF_UID) ||
        size + waiting->size > MAX_WAITING_SIZE_OF_UID) {
        refuse_as_too_many(admission, waiting->message);
        waiting_free(waiting);
        return;
    }

    if (!user) {
        user = g_new0(User, 1);
        user->uid = uid;
        g_hash_table_insert(admission->users, GUINT_TO_POINTER(uid), user);
        g_queue_push_tail(&admission->turns, user);
    }
    pool_push(&user->waiting, waiting);
    admission->n_waiting++;
    admission->size += waiting->size;
    (void)sd_event_source_set_enabled(admission->work, SD_EVENT_ONESHOT);
}

static void keep_of_stranger(Admission *admission, const char *sender, Waiting *waiting) {
    GQueue refused = G_QUEUE_INIT;

    strangers_add(admission->strangers, sender, waiting, &refused);
    while ((waiting = g_queue_pop_head(&refused))) {
        refuse_as_too_many(admission, waiting->message);
        waiting_free(waiting);
    }
}

static void on_known(const char *name, uid_t uid, gpointer userdata) {
    Admission *admission = userdata;
    GQueue calls = G_QUEUE_INIT;

    strangers_take(admission->strangers, name, &calls);
    while (!g_queue_is_empty(&calls))
        keep_of_user(admission, uid, g_queue_pop_head(&calls));
}

/* Frees the places of a sender that has left the bus. */
static void on_gone(const char *name, gpointer userdata) {
    Admission *admission = userdata;
    GQueue calls = G_QUEUE_INIT;

    strangers_take(admission->strangers, name, &calls);
    g_queue_clear_full(&calls, (GDestroyNotify)waiting_free);
    for (GList *u = admission->turns.head, *next_user; u; u = next_user) {
        User *user = u->data;

        next_user = u->next;
        for (GList *l = user->waiting.calls.head, *next; l; l = next) {
            next = l->next;
            if (is_from(l->data, name))
                waiting_free(user_take(admission, user, l));
        }
    }
    bus_places_leave(admission->bus, name);
}

/* -- turns ------------------------------------------------------------------------------- */

/* Puts the next call into the connection's read queue, which is empty: no other code queues calls
 * there, and no call is synchronous. */
static void take_turn(Admission *admission) {
    User *user = g_queue_pop_head(&admission->turns);
    Waiting *waiting;

    g_queue_push_tail(&admission->turns, user);
    admission->n_read = 0;
    admission->turn_uid = user->uid;
    waiting = user_take(admission, user, user->waiting.calls.head);
    admission->turn = g_steal_pointer(&waiting->message);
    waiting_free(waiting);
    /* on failure the connection is lost */
    (void)sd_bus_enqueue_for_read(admission->connection, admission->turn);
}

static gboolean is_congested(const Admission *admission) {
    uint64_t n;

    return sd_bus_get_n_queued_write(admission->connection, &n) < 0 || n > 0;
}

static int on_work(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    Admission *admission = userdata;

    if (admission->n_waiting > 0 && !admission->turn && !is_congested(admission)) {
        take_turn(admission);
        /* a failure ends the connection, and its own event source reports the end as well */
        (void)sd_bus_process(admission->connection, NULL);
    }
    if (admission->n_waiting > 0)
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

static int on_more(sd_event_source *source, void *userdata) {
    Admission *admission = userdata;

    /* a failure is reported as in on_work() */
    for (guint i = 0; i < READ_PER_ITERATION; i++)
        if (sd_bus_process(admission->connection, NULL) <= 0)
            break;
    return 0;
}

/* libsystemd reads at most one message at a time from the socket. */
static gboolean is_all_read(const Admission *admission) {
    int n;

    return ioctl(sd_bus_get_fd(admission->connection), FIONREAD, &n) >= 0 && n == 0;
}

/* The number, from 1, of the first argument that is too long; 0: there is none. */
static guint find_long_argument(sd_bus_message *message) {
    gboolean is_long = FALSE;
    const char *argument;
    guint n = 0;
    char type;

    while (!is_long && sd_bus_message_peek_type(message, &type, NULL) > 0 && strchr("sog", type) &&
           sd_bus_message_read_basic(message, type, &argument) >= 0) {
        is_long = strlen(argument) > MAX_ARGUMENT;
        n++;
    }
    return sd_bus_message_rewind(message, TRUE) < 0 || is_long ? MAX(n, 1) : 0;
}

static void refuse_long_argument(Admission *admission, sd_bus_message *message, guint n) {
    g_autofree char *text = g_strdup_printf("argument %u has more than %d bytes", n, MAX_ARGUMENT);

    refuse(admission, message, SD_BUS_ERROR_INVALID_ARGS, text);
}

/* -- time for reading ---------------------------------------------------------------------- */

static gboolean may_read(const Admission *admission, uid_t uid) {
    const gint64 *until = g_hash_table_lookup(admission->reading, GUINT_TO_POINTER(uid));

    return !until || waiting_may_read(*until) || bus_is_privileged(uid);
}

static gboolean is_past(gpointer uid, gpointer until, gpointer now) {
    return *(const gint64 *)until <= *(const gint64 *)now;
}

/* Charges UID for the time since SINCE. */
static void charge_reading(Admission *admission, uid_t uid, gint64 since) {
    gint64 *until = g_hash_table_lookup(admission->reading, GUINT_TO_POINTER(uid));

    if (!until) {
        gint64 now = g_get_monotonic_time();

        (void)g_hash_table_foreach_remove(admission->reading, is_past, &now);
        until = g_new0(gint64, 1);
        g_hash_table_insert(admission->reading, GUINT_TO_POINTER(uid), until);
    }
    waiting_charge(until, since);
}

/* Lets libsystemd dispatch MESSAGE to its object. */
static int serve(Admission *admission, sd_bus_message *message, uid_t uid) {
    const char *interface = sd_bus_message_get_interface(message);

    if (log_get_max_level() >= LOG_DEBUG)
        /* the interface of a call is optional */
        g_debug("%s calls %s.%s of %s", sd_bus_message_get_sender(message),
                interface ? interface : "*", sd_bus_message_get_member(message),
                sd_bus_message_get_path(message));
    admission->bus->n_calls++;
    admission->bus->caller = uid;
    return 0;
}

/* Returns TRUE if the call can be served at once. If not, it waits, or has been refused. */
static gboolean receive(Admission *admission, sd_bus_message *message, uid_t *ret_uid) {
    const char *sender = sd_bus_message_get_sender(message);
    Waiting *waiting;
    guint n_long;
    gint64 since;
    int is_known;

    if (strlen(sd_bus_message_get_path(message)) > MAX_PATH) {
        refuse(admission, message, SD_BUS_ERROR_UNKNOWN_OBJECT, "no object has such a long path");
        return FALSE;
    }
    is_known = senders_find(admission->senders, sender, ret_uid);
    if (is_known < 0 ||
        !(is_known ? may_read(admission, *ret_uid)
                   : strangers_may_read(admission->strangers, sender))) {
        refuse_as_too_many(admission, message);
        return FALSE;
    }

    since = g_get_monotonic_time();
    n_long = find_long_argument(message);
    if (n_long > 0) {
        refuse_long_argument(admission, message, n_long);
        waiting = NULL;
    } else if (
            is_known && admission->n_waiting == 0 && !admission->turn && !is_congested(admission) &&
            is_all_read(admission)) {
        return TRUE;
    } else {
        waiting = make_waiting(admission, message);
    }
    if (is_known)
        charge_reading(admission, *ret_uid, since);
    else
        strangers_charge(admission->strangers, sender, since);

    if (waiting && is_known)
        keep_of_user(admission, *ret_uid, waiting);
    else if (waiting)
        keep_of_stranger(admission, sender, waiting);
    return FALSE;
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    Admission *admission = userdata;
    uid_t uid;

    if (message == admission->turn) {
        admission->turn = sd_bus_message_unref(admission->turn);
        return serve(admission, message, admission->turn_uid);
    }

    if (++admission->n_read >= READ_PER_TURN && admission->n_waiting > 0 && !admission->turn &&
        !is_congested(admission))
        take_turn(admission);
    if (!sd_bus_message_is_method_call(message, NULL, NULL))
        return 0;
    if (receive(admission, message, &uid))
        return serve(admission, message, uid);
    (void)sd_event_source_set_enabled(admission->more, SD_EVENT_ONESHOT);
    return 1;
}

int admission_new(Bus *bus, Admission **ret) {
    g_autoptr(Admission) admission = g_new0(Admission, 1);
    const SendersObserver observer = {.known = on_known, .gone = on_gone, .userdata = admission};
    int r;

    admission->bus = bus;
    admission->connection = bus->connection;
    admission->strangers = strangers_new(MAX_WAITING, MAX_WAITING_SIZE);
    admission->users = g_hash_table_new_full(NULL, NULL, NULL, user_free);
    admission->reading = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    /* a duplicate, because the event loop already polls the connection's own descriptor */
    admission->work_fd = fcntl(sd_bus_get_fd(bus->connection), F_DUPFD_CLOEXEC, 3);
    if (admission->work_fd < 0)
        return -errno;
    r = sd_event_add_io(
            sd_bus_get_event(bus->connection), &admission->work, admission->work_fd, EPOLLOUT,
            on_work, admission);
    if (r < 0)
        return r;
    r = sd_event_source_set_priority(admission->work, WORK_PRIORITY);
    if (r < 0)
        return r;
    r = sd_event_source_set_enabled(admission->work, SD_EVENT_OFF);
    if (r < 0)
        return r;
    r = sd_event_add_defer(sd_bus_get_event(bus->connection), &admission->more, on_more, admission);
    if (r < 0)
        return r;
    r = sd_event_source_set_enabled(admission->more, SD_EVENT_OFF);
    if (r < 0)
        return r;
    r = senders_new(bus->questions, &observer, &admission->senders);
    if (r < 0)
        return r;
    r = sd_bus_add_filter(bus->connection, &admission->filter, on_message, admission);
    if (r < 0)
        return r;

    *ret = g_steal_pointer(&admission);
    return 0;
}

void admission_free(Admission *admission) {
    if (!admission)
        return;

    sd_bus_slot_unref(admission->filter);
    senders_free(admission->senders);
    sd_event_source_unref(admission->more);
    sd_event_source_unref(admission->work);
    file_fd_close(admission->work_fd);
    strangers_free(admission->strangers);
    g_queue_clear(&admission->turns);
    g_hash_table_unref(admission->users);
    g_hash_table_unref(admission->reading);
    sd_bus_message_unref(admission->turn);
    g_free(admission);
}
