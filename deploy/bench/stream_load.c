// Load on an OpenAI-compatible endpoint: streams over HTTP/1.1 connections that are kept, from one thread, with every
// token looked at: a client must see " tok0" to " tokN-1", once each and in their order, and then [DONE].
//
//   cc -O2 -o stream_load stream_load.c
//   ./stream_load -p PORT [-H host] [-P path] [-k key] [-m model] [-c connections] [-n requests] [-t max_tokens]
//                 [-b prompt_bytes] [-r requests_per_second: open loop, refused when no connection is free]
//                 [-d deadline_ms: what ended within it is counted] [-T seconds: when to stop]
//                 [-w ms: the longest that a request may wait for a slot, as x-switchyard-max-wait-ms]
//                 [-x connections -X seconds: so many are closed then, all at once, in the middle of their streams]
//
// Prints one line of JSON: requests that were ok, in time (ok within the deadline), refused (429 or 503), wrong
// (a token lost, doubled or out of order, or no end), failed (the rest), abandoned (closed by us), unfinished;
// milliseconds to the first token, of whole requests, to a refusal; what is rated is per second.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum part { SIZE, SIZE_END, DATA, DATA_END, TRAILER };

struct connection {
  int fd, is_connected, is_busy, is_retired; // retired: abandoned, and not opened again
  size_t request_sent;
  double began, first;
  char head[8192]; // of the response, and the beginning of the body
  size_t head_size;
  int has_head, is_chunked, status;
  long length, body_read; // of a body that is not chunked
  enum part part;
  size_t chunk_left;
  int line_is_empty; // in the trailer
  int matched, in_number, done_matched, is_done;
  long number, expected, faults;
};

static struct {
  const char *host, *path, *key, *model;
  int port, connections, tokens, prompt_bytes, abandoned, wait;
  long requests;
  double rate, deadline, seconds, abandon_after;
} given = {.host = "127.0.0.1", .path = "/v1/chat/completions", .key = "none", .model = "fake", .connections = 64,
           .tokens = 64, .prompt_bytes = 256, .requests = 1000, .deadline = 1e9, .seconds = 60, .abandon_after = 1e9};

struct times {
  double *values;
  long count;
};

static char *request;
static size_t request_size;
static struct times firsts, wholes, refusals;
static long issued, ok, in_time, refused, wrong, failed, abandoned, tokens;
static int epoll;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void complain(const char *what, const char *detail) {
  static int complaints;
  if (complaints++ < 5) fprintf(stderr, "stream_load: %s %.300s\n", what, detail);
}

static void connect_to_server(struct connection *c) {
  int yes = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)given.port)};
  inet_pton(AF_INET, given.host, &address.sin_addr);
  connect(c->fd, (void *)&address, sizeof address);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
  c->is_connected = 0;
}

static int send_rest(struct connection *c) {
  while (c->is_busy && c->request_sent < request_size) {
    ssize_t sent = send(c->fd, request + c->request_sent, request_size - c->request_sent, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == ENOTCONN ? 0 : -1;
    c->request_sent += (size_t)sent;
  }
  return 0;
}

// Begins the next request, if one is left.
static int begin(struct connection *c) {
  if (issued == given.requests) return 0;
  issued++;
  *c = (struct connection){.fd = c->fd, .is_connected = c->is_connected, .is_busy = 1, .began = now(), .length = -1};
  return send_rest(c);
}

// Looks for "tok" followed by digits ("tokens" is none) and for "[DONE]".
static void scan(struct connection *c, const char *bytes, size_t count) {
  for (size_t n = 0; n < count; n++) {
    char byte = bytes[n];
    int is_digit = byte >= '0' && byte <= '9';
    c->done_matched = byte == "[DONE]"[c->done_matched] ? c->done_matched + 1 : byte == '[';
    if (c->done_matched == 6) {
      c->is_done = 1;
      c->done_matched = 0;
    }
    if (c->matched == 3 && is_digit) {
      c->in_number = 1;
      c->number = byte - '0';
      c->matched = 0;
      continue;
    }
    if (c->in_number) {
      if (is_digit) {
        c->number = c->number * 10 + byte - '0';
        continue;
      }
      c->in_number = 0;
      c->faults += c->number != c->expected;
      c->expected = c->number + 1;
      if (c->first == 0) c->first = now();
    }
    c->matched = c->matched < 3 && byte == "tok"[c->matched] ? c->matched + 1 : byte == 't';
  }
}

static void add(struct times *times, double seconds) { times->values[times->count++] = seconds; }

static void finish(struct connection *c) {
  double spent = now() - c->began;
  c->is_busy = 0;
  if (c->status == 429 || c->status == 503) {
    refused++;
    add(&refusals, spent);
  } else if (c->status != 200) {
    failed++;
    complain("answered", c->head);
  } else if (c->faults || c->expected != given.tokens || !c->is_done) {
    char detail[96];
    sprintf(detail, "%ld of %d tokens, %ld out of order%s", c->expected, given.tokens, c->faults,
            c->is_done ? "" : ", no end");
    wrong++;
    complain("read", detail);
  } else {
    ok++;
    in_time += spent <= given.deadline;
    tokens += c->expected;
    add(&firsts, c->first - c->began);
    add(&wholes, spent);
  }
}

// Reads more of a body: 1 when it is complete, 0 if not yet, -1 if it is malformed.
static int read_body(struct connection *c, const char *bytes, size_t count) {
  if (!c->is_chunked) {
    scan(c, bytes, count);
    c->body_read += (long)count;
    return c->length >= 0 && c->body_read >= c->length;
  }
  for (size_t n = 0; n < count;) {
    char byte = bytes[n];
    if (c->part == DATA) {
      size_t piece = count - n < c->chunk_left ? count - n : c->chunk_left;
      scan(c, bytes + n, piece);
      n += piece;
      c->chunk_left -= piece;
      if (c->chunk_left == 0) c->part = DATA_END;
      continue;
    }
    n++;
    if (c->part == SIZE && byte != '\r' && byte != ';') {
      int digit = byte <= '9' ? byte - '0' : (byte | 32) - 'a' + 10;
      if (digit < 0 || digit > 15) return -1;
      c->chunk_left = c->chunk_left * 16 + (size_t)digit;
    } else if (c->part == SIZE) {
      c->part = SIZE_END;
    } else if (c->part == SIZE_END && byte == '\n') {
      c->part = c->chunk_left ? DATA : TRAILER;
      c->line_is_empty = 1;
    } else if (c->part == DATA_END && byte == '\n') {
      c->part = SIZE;
    } else if (c->part == TRAILER && byte == '\n') {
      if (c->line_is_empty) return 1;
      c->line_is_empty = 1;
    } else if (c->part == TRAILER && byte != '\r') {
      c->line_is_empty = 0;
    }
  }
  return 0;
}

// Reads more of a response, as `read_body` does.
static int read_response(struct connection *c, const char *bytes, size_t count) {
  if (!c->is_busy) return 0;
  if (!c->has_head) {
    size_t before = c->head_size, room = sizeof c->head - 1 - before, kept = count < room ? count : room;
    memcpy(c->head + before, bytes, kept);
    c->head_size += kept;
    c->head[c->head_size] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return kept < count ? -1 : 0;
    c->has_head = 1;
    c->status = atoi(c->head + 9);
    *end = 0;
    char *length = strcasestr(c->head, "content-length:");
    if (length) c->length = atol(length + 15);
    c->is_chunked = strcasestr(c->head, "transfer-encoding: chunked") != NULL;
    *end = '\r';
    size_t used = (size_t)(end - c->head) + 4 - before;
    bytes += used;
    count -= used;
    if (c->length == 0) return 1;
  }
  return count ? read_body(c, bytes, count) : 0;
}

// Reads all that there is: -1 if the connection is over.
static int receive(struct connection *c) {
  static char buffer[1 << 18];
  for (;;) {
    ssize_t got = recv(c->fd, buffer, sizeof buffer, 0);
    if (got < 0) return errno == EAGAIN || errno == ENOTCONN ? 0 : -1;
    if (got == 0) return -1;
    int end = read_response(c, buffer, (size_t)got);
    if (end < 0) return -1;
    if (end == 1) {
      finish(c);
      if (given.rate == 0 && begin(c) < 0) return -1;
    }
  }
}

static void lost(struct connection *c) {
  close(c->fd);
  if (c->is_busy && c->has_head && !c->is_chunked && c->length < 0) {
    finish(c); // such a body ends with its connection
  } else if (c->is_busy) {
    failed++;
    c->is_busy = 0;
    complain("connection lost after", c->has_head ? c->head : "nothing");
  }
  connect_to_server(c);
  if (given.rate == 0) begin(c);
}

static void abandon(struct connection *c) {
  close(c->fd);
  abandoned += c->is_busy;
  c->is_busy = 0;
  c->is_retired = 1;
}

static int ascending(const void *one, const void *other) {
  double a = *(const double *)one, b = *(const double *)other;
  return (a > b) - (a < b);
}

static void print_times(const char *name, struct times *times) {
  qsort(times->values, (size_t)times->count, sizeof(double), ascending);
  double shares[] = {.5, .99, 1}, ms[3] = {0};
  for (int n = 0; n < 3 && times->count; n++)
    ms[n] = times->values[(long)(shares[n] * (double)(times->count - 1) + .5)] * 1e3;
  printf(",\"%s\":{\"p50\":%.2f,\"p99\":%.2f,\"max\":%.2f}", name, ms[0], ms[1], ms[2]);
}

static void compose(void) {
  char *prompt = malloc((size_t)given.prompt_bytes + 1), *body = malloc((size_t)given.prompt_bytes + 512);
  for (int n = 0; n < given.prompt_bytes; n++) prompt[n] = "the quick brown fox "[n % 20];
  prompt[given.prompt_bytes] = 0;
  const char *form = strstr(given.path, "/chat/")
    ? "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}],\"max_tokens\":%d,\"stream\":true}"
    : "{\"model\":\"%s\",\"prompt\":\"%s\",\"max_tokens\":%d,\"stream\":true}";
  int size = sprintf(body, form, given.model, prompt, given.tokens);
  request = malloc((size_t)size + 1024);
  char wait[64] = "";
  if (given.wait) sprintf(wait, "x-switchyard-max-wait-ms: %d\r\n", given.wait);
  request_size = (size_t)sprintf(request,
                                 "POST %s HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\nContent-Type: "
                                 "application/json\r\n%sContent-Length: %d\r\n\r\n%s",
                                 given.path, given.host, given.port, given.key, wait, size, body);
}

static int options(int count, char **arguments) {
  int option;
  while ((option = getopt(count, arguments, "H:p:P:k:m:c:n:t:b:r:d:w:T:x:X:")) >= 0) switch (option) {
    case 'H': given.host = optarg; break;
    case 'p': given.port = atoi(optarg); break;
    case 'P': given.path = optarg; break;
    case 'k': given.key = optarg; break;
    case 'm': given.model = optarg; break;
    case 'c': given.connections = atoi(optarg); break;
    case 'n': given.requests = atol(optarg); break;
    case 't': given.tokens = atoi(optarg); break;
    case 'b': given.prompt_bytes = atoi(optarg); break;
    case 'r': given.rate = atof(optarg); break;
    case 'd': given.deadline = atof(optarg) / 1e3; break;
    case 'w': given.wait = atoi(optarg); break;
    case 'T': given.seconds = atof(optarg); break;
    case 'x': given.abandoned = atoi(optarg); break;
    case 'X': given.abandon_after = atof(optarg); break;
    default: return -1;
    }
  return given.port && given.abandoned <= given.connections ? 0 : -1;
}

int main(int count, char **arguments) {
  if (options(count, arguments) < 0) {
    fprintf(stderr, "stream_load: -p PORT is needed; the options are at the head of stream_load.c\n");
    return 2;
  }
  compose();
  struct times *all[] = {&firsts, &wholes, &refusals};
  for (int n = 0; n < 3; n++) all[n]->values = malloc(sizeof(double) * (size_t)given.requests);
  epoll = epoll_create1(0);
  struct connection *connections = calloc((size_t)given.connections, sizeof *connections);
  double began = now();
  for (int n = 0; n < given.connections; n++) {
    connect_to_server(&connections[n]);
    if (given.rate == 0) begin(&connections[n]);
  }
  struct epoll_event events[256];
  while (ok + refused + wrong + failed + abandoned < given.requests && now() - began < given.seconds) {
    if (now() - began >= given.abandon_after) {
      for (int n = 0; n < given.abandoned; n++) abandon(&connections[n]);
      given.abandon_after = 1e9;
    }
    // Arrivals do not wait for the server: what finds no free connection comes at the next turn, and is late by it.
    for (int n = 0; given.rate > 0 && n < given.connections && (double)issued < (now() - began) * given.rate; n++) {
      struct connection *c = &connections[n];
      if (c->is_connected && !c->is_busy && !c->is_retired && begin(c) < 0) lost(c);
    }
    int ready = epoll_wait(epoll, events, 256, given.rate > 0 ? 1 : 100);
    for (int n = 0; n < ready; n++) {
      struct connection *c = events[n].data.ptr;
      if (c->is_retired) continue;
      int is_lost = 0;
      if (events[n].events & EPOLLOUT) {
        c->is_connected = 1;
        is_lost = send_rest(c) < 0;
      }
      if (is_lost || receive(c) < 0) lost(c);
    }
  }
  double spent = now() - began;
  printf("{\"ok\":%ld,\"in_time\":%ld,\"refused\":%ld,\"wrong\":%ld,\"failed\":%ld,\"abandoned\":%ld,"
         "\"unfinished\":%ld,\"seconds\":%.3f,\"requests_per_second\":%.1f,\"tokens_per_second\":%.0f,\"tokens\":%ld",
         ok, in_time, refused, wrong, failed, abandoned, issued - ok - refused - wrong - failed - abandoned, spent,
         (double)ok / spent, (double)tokens / spent, tokens);
  print_times("first_token_ms", &firsts);
  print_times("whole_ms", &wholes);
  print_times("refusal_ms", &refusals);
  printf("}\n");
  return 0;
}
