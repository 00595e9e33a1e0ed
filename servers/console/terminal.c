#include "servers/console/terminal.h"

#include "libsys/text/string.h"
#include "libsys/wire/journal.h"

#define KEY_INTERRUPT 0x03U /* Ctrl-C */
#define KEY_SUSPEND 0x1aU   /* Ctrl-Z */
#define BELL 0x07U
#define XON 0x11U  /* to the other side: it may send, ... */
#define XOFF 0x13U /* ... or not */
#define HOLD_BACK_BYTES (TERMINAL_INPUT_BYTES / 4 * 3)
#define GO_ON_BYTES (TERMINAL_INPUT_BYTES / 4)

/* Is this byte sent on? XON and XOFF are the console's own: a program that prints them would stop the other side. */
static bool is_shown(uint8_t byte) { return byte != XON && byte != XOFF; }

/* Places that these bytes take in the output ring: a line feed takes two. */
static size_t places_for(const struct terminal *terminal, const uint8_t *bytes, size_t length) {
    size_t places = 0;
    uint8_t last = terminal->last_output;
    for (size_t i = 0; i < length; i++) {
        if (!is_shown(bytes[i]))
            continue;
        places += bytes[i] == '\n' && last != '\r' ? 2U : 1U;
        last = bytes[i];
    }
    return places;
}

static bool fits(const struct terminal *terminal, const uint8_t *bytes, size_t length) {
    return places_for(terminal, bytes, length) <= ring_free(&terminal->output);
}
_Static_assert(2 * CONSOLE_BYTES_MAX <= TERMINAL_OUTPUT_BYTES, "each write fits some time");

/* The output ring's end is going to change. Its free places need no note. */
static void note_output(const struct terminal *terminal) {
    journal_note(&terminal->output.added, sizeof terminal->output.added);
    journal_note(&terminal->last_output, sizeof terminal->last_output);
}

/* Add bytes to the output ring, which has room for them, and whose end is noted. */
static void add_output(struct terminal *terminal, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (!is_shown(bytes[i]))
            continue;
        if (bytes[i] == '\n' && terminal->last_output != '\r')
            ring_add(&terminal->output, '\r');
        ring_add(&terminal->output, bytes[i]);
        terminal->last_output = bytes[i];
    }
}

/* Show what is typed, if the output ring has room for it. Its end is noted. */
static void show(void *context, const uint8_t *bytes, size_t length) {
    if (fits(context, bytes, length))
        add_output(context, bytes, length);
}

/*
 * Let the UART fill its receive FIFO only while there is room: in raw mode keys that come too fast wait outside. In
 * foreground mode they don't, since Ctrl-C would wait, too.
 */
static void update_receive(struct terminal *terminal) {
    uart_receive(&terminal->uart, terminal->mode == CONSOLE_FOREGROUND || ring_free(&terminal->input) > 0);
}

static void show_key(struct terminal *terminal, uint8_t letter) {
    const uint8_t shown[] = {'^', letter, '\n'};
    show(terminal, shown, sizeof shown);
}

/* ---- queues of waiting clients ---- */

static void queue_init(struct terminal_queue *queue) {
    queue->count = 0;
    for (uint8_t i = 0; i < TERMINAL_WAITERS_MAX; i++)
        queue->order[i] = i;
}

/* Charge the places that are taken. */
static void queue_charge(struct terminal_queue *queue) {
    quota_init(&queue->quota, queue->owners, TERMINAL_WAITERS_MAX);
    for (size_t i = 0; i < queue->count; i++)
        quota_claim(&queue->quota, terminal_waiter(queue, i)->owner);
}

/* Note who waits in which order. A place that is free needs no note. */
static void queue_note(const struct terminal_queue *queue) {
    journal_note(&queue->count, offsetof(struct terminal_queue, waiters) - offsetof(struct terminal_queue, count));
}

/* Remove a waiter, before its answer. */
static void queue_remove(struct terminal_queue *queue, size_t i) {
    uint8_t place = queue->order[i];
    queue_note(queue);
    quota_give(&queue->quota, queue->waiters[place].owner);
    queue->count--;
    memmove(&queue->order[i], &queue->order[i + 1], queue->count - i);
    queue->order[queue->count] = place;
}

/*
 * Remove waiters whose process has ended or has taken its call back. A process that has taken a call back makes it
 * again: without this, its old places would add up.
 */
static void queue_forget_gone(const struct terminal *terminal, struct terminal_queue *queue) {
    for (size_t i = 0; i < queue->count;) {
        if (terminal->clients->waits(terminal->clients->context, terminal_waiter(queue, i)->reply))
            i++;
        else
            queue_remove(queue, i);
    }
    journal_settle(); /* their places are free, and may be filled without a note */
}

/* Add a waiter. NULL: there is no place for it. */
static struct terminal_waiter *queue_add(const struct terminal *terminal, struct terminal_queue *queue, uint64_t badge,
                                         cap_t reply) {
    bool is_first = queue != &terminal->readers && IDENTITY_GROUP(badge) == terminal->foreground;
    uint32_t owner = is_first ? 0 : IDENTITY_PID(badge);
    if (quota_left(&queue->quota, owner) == 0)
        queue_forget_gone(terminal, queue);
    if (!quota_take(&queue->quota, owner))
        return NULL;
    struct terminal_waiter *waiter = &queue->waiters[queue->order[queue->count]];
    queue_note(queue);
    queue->count++;
    waiter->owner = owner;
    waiter->badge = badge;
    waiter->reply = reply;
    return waiter;
}

/* ---- keys ---- */

/*
 * Act on Ctrl-C and Ctrl-Z, in foreground mode. What was typed before, `ahead` bytes of the ring, was for the program
 * that the key stops, and is dropped.
 */
static bool act(struct terminal *terminal, uint8_t key, size_t ahead) {
    if (key != KEY_INTERRUPT && key != KEY_SUSPEND)
        return false;
    bool interrupts = key == KEY_INTERRUPT;
    JOURNAL_SET(terminal->input.taken, terminal->input.taken + ahead);
    cooked_clear(&terminal->line);
    note_output(terminal);
    show_key(terminal, interrupts ? 'C' : 'Z');
    JOURNAL_SET(terminal->due, terminal->due | (interrupts ? TERMINAL_INTERRUPT : TERMINAL_SUSPEND | TERMINAL_CANCEL));
    return true;
}

/*
 * Act on a Ctrl-C or Ctrl-Z that is in the ring when the mode changes: if it was typed right after Enter, while the
 * shell still had its prompt, it was meant for the command.
 */
static void act_on_ring(struct terminal *terminal) {
    for (size_t i = ring_used(&terminal->input); i > 0; i--)
        if (act(terminal, ring_peek(&terminal->input, i - 1), i))
            return;
}

static void received(void *context, uint8_t byte) {
    static const uint8_t bell = BELL;
    struct terminal *terminal = context;
    if (terminal->hung_up)
        JOURNAL_SET(terminal->hung_up, false);
    if (terminal->mode == CONSOLE_FOREGROUND && act(terminal, byte, ring_used(&terminal->input)))
        return;
    if (ring_free(&terminal->input) > 0) {
        journal_note(&terminal->input.added, sizeof terminal->input.added);
        ring_add(&terminal->input, byte);
        update_receive(terminal);
    } else {
        JOURNAL_SET(terminal->input_lost_count, terminal->input_lost_count + 1);
        note_output(terminal);
        show(terminal, &bell, 1);
    }
}

static void hung_up(void *context) {
    struct terminal *terminal = context;
    JOURNAL_SET(terminal->hung_up, true);
}

/*
 * Send XOFF or XON. A sender that obeys them loses nothing. If it does not, its bytes are dropped or held back once the
 * ring is full.
 */
static void tell_sender(struct terminal *terminal) {
    size_t used = ring_used(&terminal->input);
    bool hold = terminal->held_back ? used > GO_ON_BYTES : used >= HOLD_BACK_BYTES;
    if (hold == terminal->held_back || ring_free(&terminal->output) == 0)
        return;
    journal_note(&terminal->output.added, sizeof terminal->output.added);
    ring_add(&terminal->output, hold ? XOFF : XON);
    JOURNAL_SET(terminal->held_back, hold);
}

/* Set up what is not zero. A program that dies in it leaves nothing that another could not do again. */
static void begin(struct terminal *terminal, const struct uart_ports *ports) {
    _Static_assert(CONSOLE_RAW == 0, "the first mode");
    terminal->held_back = true;
    terminal->input = (struct ring){.bytes = terminal->input_bytes, .size = TERMINAL_INPUT_BYTES};
    terminal->output = (struct ring){.bytes = terminal->output_bytes, .size = TERMINAL_OUTPUT_BYTES};
    queue_init(&terminal->readers);
    queue_init(&terminal->writers);
    queue_init(&terminal->flushers);
    (void)uart_start(&terminal->uart, ports, &terminal->uart_user);
    terminal->begun = true;
}

bool terminal_start(struct terminal *terminal, const struct uart_ports *ports, const struct terminal_clients *clients) {
    terminal->clients = clients;
    terminal->uart_user =
        (struct uart_user){.received = received, .hung_up = hung_up, .output = &terminal->output, .context = terminal};
    if (!terminal->begun)
        begin(terminal, ports);
    else
        uart_take_over(&terminal->uart, ports, &terminal->uart_user);
    queue_charge(&terminal->readers);
    queue_charge(&terminal->writers);
    queue_charge(&terminal->flushers);
    return terminal->uart.present;
}

bool terminal_write(struct terminal *terminal, const uint8_t *bytes, size_t length) {
    if (terminal->writers.count > 0 || !fits(terminal, bytes, length))
        return false;
    note_output(terminal);
    add_output(terminal, bytes, length);
    return true;
}

bool terminal_park_writer(struct terminal *terminal, uint64_t badge, cap_t reply, const uint8_t *bytes, size_t length) {
    struct terminal_waiter *writer = queue_add(terminal, &terminal->writers, badge, reply);
    if (writer == NULL)
        return false;
    writer->length = length;
    memcpy(terminal->writes[writer - terminal->writers.waiters], bytes, length);
    return true;
}

/* Make a line of the keys. They are many: so all that it changes is noted once. */
static void cook(struct terminal *terminal) {
    struct cooked *line = &terminal->line;
    cooked_note(line);
    journal_note(&terminal->input.taken, sizeof terminal->input.taken);
    note_output(terminal);
    while (!line->now.complete && ring_used(&terminal->input) > 0)
        cooked_key(line, ring_take(&terminal->input), show, terminal);
    line->now.complete |= terminal->hung_up;
}

/* Is there input for a reader of the present mode? Call it only if there is one: it makes a line of the keys. */
static bool has_input(struct terminal *terminal) {
    struct cooked *line = &terminal->line;
    bool more = ring_used(&terminal->input) > 0 || terminal->hung_up;
    if (terminal->mode == CONSOLE_RAW) {
        if (line->now.complete && cooked_left(line) == 0)
            cooked_clear(line); /* the shell must not get an end of input that no program took */
        return cooked_left(line) > 0 || more;
    }
    if (!line->now.complete && more)
        cook(terminal);
    return line->now.complete;
}

/* Copy input without taking it: the rest of a line first, also for a reader of keys, then what was typed later. */
static size_t copy_input(const struct terminal *terminal, uint8_t *bytes, size_t limit) {
    const struct cooked *line = &terminal->line;
    bool of_line = line->now.complete || cooked_left(line) > 0;
    size_t left = of_line ? cooked_left(line) : ring_used(&terminal->input);
    size_t length = left < limit ? left : limit;
    for (size_t i = 0; i < length; i++)
        bytes[i] = of_line ? line->bytes[line->now.taken + i] : ring_peek(&terminal->input, i);
    return length;
}

static void consume_input(struct terminal *terminal, size_t length) {
    if (terminal->line.now.complete || cooked_left(&terminal->line) > 0)
        cooked_consume(&terminal->line, length);
    else
        JOURNAL_SET(terminal->input.taken, terminal->input.taken + length);
}

bool terminal_read(struct terminal *terminal, enum console_mode mode, uint8_t *bytes, size_t limit,
                   size_t *ret_length) {
    /* No reader overtakes: while readers of this mode wait there is no input, see terminal_settle(). */
    if (mode != terminal->mode || !has_input(terminal))
        return false;
    *ret_length = copy_input(terminal, bytes, limit);
    consume_input(terminal, *ret_length);
    return true;
}

bool terminal_park_reader(struct terminal *terminal, uint64_t badge, cap_t reply, enum console_mode mode,
                          size_t limit) {
    struct terminal_waiter *reader = queue_add(terminal, &terminal->readers, badge, reply);
    if (reader == NULL)
        return false;
    reader->mode = mode;
    reader->length = limit;
    return true;
}

/* The oldest reader of the present mode; readers.count: there is none. */
static size_t find_reader(const struct terminal *terminal) {
    size_t i = 0;
    while (i < terminal->readers.count && terminal_waiter(&terminal->readers, i)->mode != terminal->mode)
        i++;
    return i;
}

/* Answer readers. Bytes for a reader that is gone go to the next. */
static void answer_readers(struct terminal *terminal) {
    uint8_t bytes[CONSOLE_BYTES_MAX];
    size_t i;
    while ((i = find_reader(terminal)) < terminal->readers.count && has_input(terminal)) {
        const struct terminal_waiter *reader = terminal_waiter(&terminal->readers, i);
        const struct cooked_counts before = terminal->line.now;
        uint64_t taken_before = terminal->input.taken;
        size_t length = copy_input(terminal, bytes, reader->length);
        consume_input(terminal, length);
        queue_remove(&terminal->readers, i);
        if (!terminal->clients->answer_read(terminal->clients->context, reader->reply, OK, bytes, length)) {
            terminal->line.now = before;
            terminal->input.taken = taken_before;
        }
    }
}

/* Send a reader away. It may be gone. */
static void refuse_read(struct terminal *terminal, size_t i, uint32_t status) {
    cap_t reply = terminal_waiter(&terminal->readers, i)->reply;
    queue_remove(&terminal->readers, i);
    (void)terminal->clients->answer_read(terminal->clients->context, reply, status, NULL, 0);
}

/*
 * A stopped program must not get what is typed for another: its reads are answered without bytes (E_CANCEL), and it
 * asks again when it goes on. A reader of a group that has lost the terminal has to wait until it has it again.
 */
static void refuse_readers(struct terminal *terminal) {
    for (size_t i = 0; i < terminal->readers.count;) {
        const struct terminal_waiter *reader = terminal_waiter(&terminal->readers, i);
        if (terminal_is_background(terminal, IDENTITY_GROUP(reader->badge)))
            refuse_read(terminal, i, P_BACKGROUND);
        else if ((terminal->due & TERMINAL_CANCEL) && reader->mode == CONSOLE_FOREGROUND)
            refuse_read(terminal, i, E_CANCEL);
        else
            i++;
    }
    if (terminal->due & TERMINAL_CANCEL)
        JOURNAL_SET(terminal->due, terminal->due & ~(uint64_t)TERMINAL_CANCEL);
}

void terminal_set_mode(struct terminal *terminal, enum console_mode mode) {
    JOURNAL_SET(terminal->mode, mode);
    if (mode == CONSOLE_FOREGROUND)
        act_on_ring(terminal);
}

void terminal_set_foreground(struct terminal *terminal, uint32_t group) {
    if (group == terminal->foreground)
        return;
    JOURNAL_SET(terminal->foreground, group);
    if (terminal->mode != CONSOLE_FOREGROUND)
        terminal_set_mode(terminal, CONSOLE_FOREGROUND);
}

/* Answer writers. The bytes of a writer that is gone are never sent: its write has not happened. */
static void answer_writers(struct terminal *terminal) {
    while (terminal->writers.count > 0) {
        const struct terminal_waiter *writer = terminal_waiter(&terminal->writers, 0);
        const uint8_t *bytes = terminal->writes[writer - terminal->writers.waiters];
        const size_t added_before = terminal->output.added;
        const uint8_t last_before = terminal->last_output;
        if (!fits(terminal, bytes, writer->length))
            return;
        note_output(terminal);
        add_output(terminal, bytes, writer->length);
        queue_remove(&terminal->writers, 0);
        if (!terminal->clients->answer_write(terminal->clients->context, writer->reply, writer->length)) {
            terminal->output.added = added_before;
            terminal->last_output = last_before;
        }
    }
}

void terminal_settle(struct terminal *terminal) {
    uint64_t signals = terminal->due & (TERMINAL_INTERRUPT | TERMINAL_SUSPEND);
    if (signals != 0)
        terminal->clients->raise(terminal->clients->context, signals, &terminal->due, terminal->due & ~signals);
    refuse_readers(terminal);
    answer_writers(terminal);
    answer_readers(terminal);
    update_receive(terminal);
    tell_sender(terminal);
    journal_settle();
    if (ring_used(&terminal->output) > 0)
        uart_transmit(&terminal->uart);
}

bool terminal_progress(struct terminal *terminal) {
    bool at_rest = uart_service(&terminal->uart);
    terminal_settle(terminal);
    return at_rest;
}

bool terminal_is_drained(struct terminal *terminal) {
    return ring_used(&terminal->output) == 0 && terminal->writers.count == 0 && uart_is_idle(&terminal->uart);
}

bool terminal_park_flusher(struct terminal *terminal, uint64_t badge, cap_t reply) {
    return queue_add(terminal, &terminal->flushers, badge, reply) != NULL;
}

bool terminal_answer_flushers(struct terminal *terminal) {
    struct terminal_queue *flushers = &terminal->flushers;
    bool drained = flushers->count == 0 || terminal_is_drained(terminal);
    while (drained && flushers->count > 0) {
        cap_t reply = terminal_waiter(flushers, 0)->reply;
        queue_remove(flushers, 0);
        terminal->clients->answer_flush(terminal->clients->context, reply);
    }
    return drained;
}
