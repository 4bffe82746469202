// An engine without a model, for measurements: `max_tokens` tokens for each request, at a fixed rate or as fast as
// they are taken, from one thread.
//
//   cc -O2 -o fake_engine fake_engine.c && ./fake_engine PORT [TOKENS_PER_SECOND_OF_A_STREAM=0 (no limit)]
//
// Serves GET /health and /v1/models (the model "fake"), POST /v1/completions and /v1/chat/completions. Every token is
// " tokN", so that a receiver can tell a lost, doubled or late one; usage comes last. It ends with its standard input
// and then prints {"requests":N,"tokens":N,"disconnects":N} (streams that were given up).
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

enum { CONNECTIONS_MAX = 16384, INPUT_MAX = 1 << 18, OUTPUT_MAX = 1 << 16, ROOM = 4096 };

struct connection {
  int fd, is_chat, is_streaming, is_writable, is_whole; // whole: the response is all in the buffer
  long prompt_tokens, tokens_asked, tokens_sent;
  double next; // when the next token is due
  char *input, *output;
  size_t input_size, output_size, output_sent;
};

static struct connection *connections[CONNECTIONS_MAX];
static int highest;
static double rate;
static long requests, tokens, disconnects;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void drop(struct connection *c) {
  disconnects += c->is_streaming;
  close(c->fd);
  connections[c->fd] = NULL;
  free(c->input);
  free(c->output);
  free(c);
}

static void put(struct connection *c, const char *bytes, size_t count) {
  memcpy(c->output + c->output_size, bytes, count);
  c->output_size += count;
}

// Sends what is buffered; -1 if the peer is gone.
static int flush(struct connection *c) {
  while (c->output_sent < c->output_size) {
    ssize_t sent = send(c->fd, c->output + c->output_sent, c->output_size - c->output_sent, MSG_NOSIGNAL);
    if (sent < 0) {
      c->is_writable = 0;
      return errno == EAGAIN ? 0 : -1;
    }
    c->output_sent += (size_t)sent;
  }
  c->output_sent = c->output_size = 0;
  return 0;
}

// One server-sent event as one HTTP chunk.
static void put_event(struct connection *c, const char *data) {
  char head[32];
  put(c, head, (size_t)sprintf(head, "%zx\r\n", strlen(data) + 8));
  put(c, "data: ", 6);
  put(c, data, strlen(data));
  put(c, "\n\n\r\n", 4);
}

static void put_choice(struct connection *c, const char *choice) {
  char data[1024];
  sprintf(data, "{\"id\":\"c-1\",\"object\":\"%s\",\"created\":1700000000,\"model\":\"fake\",\"choices\":[%s}]}",
          c->is_chat ? "chat.completion.chunk" : "text_completion", choice);
  put_event(c, data);
}

static void put_end(struct connection *c) {
  char data[512];
  sprintf(data, "{\"index\":0,%s,\"finish_reason\":\"length\"", c->is_chat ? "\"delta\":{}" : "\"text\":\"\"");
  put_choice(c, data);
  sprintf(data,
          "{\"id\":\"c-1\",\"object\":\"%s\",\"created\":1700000000,\"model\":\"fake\",\"choices\":[],\"usage\":"
          "{\"prompt_tokens\":%ld,\"completion_tokens\":%ld,\"total_tokens\":%ld}}",
          c->is_chat ? "chat.completion.chunk" : "text_completion", c->prompt_tokens, c->tokens_asked,
          c->tokens_asked + c->prompt_tokens);
  put_event(c, data);
  put_event(c, "[DONE]");
  put(c, "0\r\n\r\n", 5);
  c->is_whole = 1;
}

// Gives out the tokens that are due: paced, each with its own write, as an engine does.
static int pump(struct connection *c, double time) {
  char choice[128];
  while (c->is_streaming && c->is_writable && !c->is_whole && (rate == 0 || time >= c->next)) {
    if (OUTPUT_MAX - c->output_size < ROOM) {
      if (flush(c) < 0) return -1;
      if (OUTPUT_MAX - c->output_size < ROOM) break;
    }
    if (c->tokens_sent == c->tokens_asked) {
      put_end(c);
      break;
    }
    sprintf(choice, c->is_chat ? "{\"index\":0,\"delta\":{\"content\":\" tok%ld\"},\"finish_reason\":null"
                               : "{\"index\":0,\"text\":\" tok%ld\",\"finish_reason\":null",
            c->tokens_sent);
    put_choice(c, choice);
    c->tokens_sent++;
    tokens++;
    if (rate > 0) {
      c->next += 1 / rate;
      if (flush(c) < 0) return -1;
    }
  }
  if (flush(c) < 0) return -1;
  if (c->is_whole && c->output_size == 0) c->is_streaming = 0;
  return 0;
}

static void answer(struct connection *c, const char *status, const char *body) {
  char head[256];
  put(c, head, (size_t)sprintf(head, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                               status, strlen(body)));
  put(c, body, strlen(body));
}

static void answer_whole(struct connection *c) {
  static char body[OUTPUT_MAX];
  size_t size = (size_t)sprintf(
      body, "{\"id\":\"c-1\",\"object\":\"%s\",\"created\":1700000000,\"model\":\"fake\",\"choices\":[{\"index\":0,%s",
      c->is_chat ? "chat.completion" : "text_completion",
      c->is_chat ? "\"message\":{\"role\":\"assistant\",\"content\":\"" : "\"text\":\"");
  for (long n = 0; n < c->tokens_asked && size < sizeof body - 2 * ROOM; n++, tokens++)
    size += (size_t)sprintf(body + size, " tok%ld", n);
  sprintf(body + size,
          "\"%s,\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":%ld,\"completion_tokens\":%ld,"
          "\"total_tokens\":%ld}}",
          c->is_chat ? "}" : "", c->prompt_tokens, c->tokens_asked, c->tokens_asked + c->prompt_tokens);
  answer(c, "200 OK", body);
}

static void begin(struct connection *c, const char *body, size_t size) {
  const char *limit = strstr(body, "\"max_tokens\""), *stream = strstr(body, "\"stream\"");
  if (!limit) limit = strstr(body, "\"max_completion_tokens\"");
  c->tokens_asked = limit ? strtol(strchr(limit, ':') + 1, NULL, 10) : 64;
  c->prompt_tokens = (long)size / 4;
  c->tokens_sent = c->is_whole = 0;
  c->is_streaming = stream && stream[8 + strspn(stream + 8, ": ")] == 't';
  if (!c->is_streaming) {
    answer_whole(c);
    return;
  }
  const char *head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  put(c, head, strlen(head));
  c->next = now();
}

// Takes one whole request off the input: 1 if there was one, 0 if not, -1 if the peer is gone.
static int take(struct connection *c) {
  if (c->is_streaming) return 0;
  c->input[c->input_size] = 0;
  char *head_end = strstr(c->input, "\r\n\r\n");
  if (!head_end) return 0;
  *head_end = 0;
  char *length = strcasestr(c->input, "content-length:");
  size_t head = (size_t)(head_end - c->input) + 4, body = length ? strtoul(length + 15, NULL, 10) : 0;
  if (c->input_size < head + body) {
    *head_end = '\r';
    return 0;
  }
  requests++;
  c->is_chat = strstr(c->input, "/chat/") != NULL;
  if (!strncmp(c->input, "POST ", 5)) {
    char after = c->input[head + body];
    c->input[head + body] = 0;
    begin(c, c->input + head, body);
    c->input[head + body] = after;
  } else if (!strncmp(c->input, "GET /v1/models ", 15)) {
    answer(c, "200 OK", "{\"object\":\"list\",\"data\":[{\"id\":\"fake\",\"object\":\"model\",\"created\":1700000000,"
                        "\"owned_by\":\"bench\",\"max_model_len\":8192}]}");
  } else {
    answer(c, strncmp(c->input, "GET /health ", 12) ? "404 Not Found" : "200 OK", "{}");
  }
  c->input_size -= head + body;
  memmove(c->input, c->input + head + body, c->input_size);
  return pump(c, now()) < 0 ? -1 : 1;
}

static int take_all(struct connection *c) {
  int taken;
  while ((taken = take(c)) > 0) {}
  return taken;
}

static int receive(struct connection *c) {
  while (c->input_size < INPUT_MAX) {
    ssize_t got = recv(c->fd, c->input + c->input_size, INPUT_MAX - c->input_size, 0);
    if (got < 0) return errno == EAGAIN ? 0 : -1;
    if (got == 0) return -1;
    c->input_size += (size_t)got;
  }
  return -1;
}

static void accept_all(int listener, int epoll) {
  int fd, yes = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    if (fd >= CONNECTIONS_MAX) {
      close(fd);
      continue;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct connection *c = calloc(1, sizeof *c);
    *c = (struct connection){.fd = fd, .is_writable = 1, .input = malloc(INPUT_MAX + 1), .output = malloc(OUTPUT_MAX)};
    connections[fd] = c;
    if (fd > highest) highest = fd;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

int main(int count, char **arguments) {
  if (count < 2) {
    fprintf(stderr, "usage: fake_engine PORT [TOKENS_PER_SECOND]\n");
    return 2;
  }
  rate = count > 2 ? atof(arguments[2]) : 0;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1, epoll = epoll_create1(0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) {
    perror("fake_engine");
    return 1;
  }
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  event.data.fd = 0;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event)) {
    fprintf(stderr, "fake_engine: standard input must be a pipe that its starter holds open\n");
    return 2;
  }
  for (;;) {
    int ready = epoll_wait(epoll, events, 256, rate > 0 ? 1 : -1);
    for (int n = 0; n < ready; n++) {
      int fd = events[n].data.fd;
      if (fd == 0) {
        printf("{\"requests\":%ld,\"tokens\":%ld,\"disconnects\":%ld}\n", requests, tokens, disconnects);
        return 0;
      }
      if (fd == listener) {
        accept_all(listener, epoll);
        continue;
      }
      struct connection *c = connections[fd];
      if (!c) continue;
      int is_dead = 0;
      if (events[n].events & EPOLLOUT) {
        c->is_writable = 1;
        is_dead = pump(c, now()) < 0;
      }
      if (is_dead || receive(c) < 0 || take_all(c) < 0) drop(c);
    }
    if (rate == 0) continue;
    double time = now();
    for (int fd = 0; fd <= highest; fd++) {
      struct connection *c = connections[fd];
      if (c && c->is_streaming && (pump(c, time) < 0 || take_all(c) < 0)) drop(c);
    }
  }
}
