// The network between the nodes of a chaos run: every IP packet between two of them crosses this one process, which
// loses, delays, reorders, doubles or holds it as it is told.
//
//   cc -O2 -o wire wire.c && ./wire SEED NAME=ADDRESS…
//
// Makes a TUN device for each NAME, says {"ready":true} and reads commands, one a line:
//
//   rule FROM TO loss=PERCENT delay=MS jitter=MS double=PERCENT hold=0|1    of this direction; what is not named is 0
//   clear                                                                   no rules
//   count                                                                   answers the counters of all directions
//
// Delay without jitter keeps the order; jitter lets packets overtake each other. What is held goes on, in its order,
// when the rule no longer holds it. It ends with its standard input.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>

enum { NODES_MAX = 32, PACKET_MAX = 2048, WAITING_MAX = 65536, BURST = 64 };

struct rule {
  int loss, delay, jitter, twice, hold; // percent, ms, ms, percent, flag
};

struct packet {
  double due;
  uint64_t number; // in order of arrival
  int from, to, size;
  unsigned char *bytes;
};

static struct { char name[IFNAMSIZ]; uint32_t address; int fd; } nodes[NODES_MAX];
static int node_count;
static struct rule rules[NODES_MAX][NODES_MAX];
static uint64_t last_sent[NODES_MAX][NODES_MAX];
static struct packet *waiting; // a heap, the next one due at its top
static int waiting_count;
static struct packet *held; // in order of arrival
static int held_count;
static uint64_t arrivals;
static struct { uint64_t passed, lost, delayed, reordered, doubled, held, overflowed; } counters;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int open_device(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) fail("/dev/net/tun");
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) < 0) fail(name);
  return fd;
}

static int node_named(const char *name) {
  for (int n = 0; n < node_count; n++)
    if (strcmp(nodes[n].name, name) == 0) return n;
  fprintf(stderr, "wire: no node is called %s\n", name);
  exit(1);
}

static int is_sooner(const struct packet *a, const struct packet *b) {
  return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void push(struct packet packet) {
  int place = waiting_count++;
  for (; place > 0 && is_sooner(&packet, &waiting[(place - 1) / 2]); place = (place - 1) / 2)
    waiting[place] = waiting[(place - 1) / 2];
  waiting[place] = packet;
}

static struct packet pop(void) {
  struct packet top = waiting[0], last = waiting[--waiting_count];
  int place = 0;
  for (int child; (child = 2 * place + 1) < waiting_count; place = child) {
    if (child + 1 < waiting_count && is_sooner(&waiting[child + 1], &waiting[child])) child++;
    if (!is_sooner(&waiting[child], &last)) break;
    waiting[place] = waiting[child];
  }
  waiting[place] = last;
  return top;
}

// A device that is down or full loses the packet, as a cable does.
static void deliver(const struct packet *packet) {
  uint64_t *last = &last_sent[packet->from][packet->to];
  counters.reordered += packet->number < *last;
  if (packet->number > *last) *last = packet->number;
  counters.passed += write(nodes[packet->to].fd, packet->bytes, (size_t)packet->size) == packet->size;
}

static void keep(struct packet packet, const unsigned char *bytes, double due) {
  packet.bytes = malloc((size_t)packet.size);
  if (packet.bytes == NULL) fail("malloc");
  memcpy(packet.bytes, bytes, (size_t)packet.size);
  packet.due = due;
  push(packet);
}

static int happens(int percent) { return percent > 0 && random() % 100 < percent; }

static void take(int from, unsigned char *bytes, int size, double time) {
  uint32_t address;
  if (size < 20 || bytes[0] >> 4 != 4) return; // IPv6's own chatter
  memcpy(&address, bytes + 16, 4);
  for (int to = 0; to < node_count; to++) {
    if (nodes[to].address != address) continue;
    const struct rule *rule = &rules[from][to];
    struct packet packet = {.number = ++arrivals, .from = from, .to = to, .size = size, .bytes = bytes};
    if (happens(rule->loss)) {
      counters.lost++;
      return;
    }
    if (waiting_count + 2 >= WAITING_MAX || held_count + 1 >= WAITING_MAX) {
      counters.overflowed++;
      return;
    }
    if (rule->hold) {
      counters.held++;
      packet.bytes = malloc((size_t)size);
      if (packet.bytes == NULL) fail("malloc");
      memcpy(packet.bytes, bytes, (size_t)size);
      held[held_count++] = packet;
      return;
    }
    for (int copy = 0; copy <= happens(rule->twice); copy++) {
      counters.doubled += (uint64_t)copy;
      int delay = rule->delay + (rule->jitter > 0 ? (int)(random() % rule->jitter) : 0);
      if (delay > 0) {
        counters.delayed++;
        keep(packet, bytes, time + delay);
      } else {
        deliver(&packet);
      }
    }
    return;
  }
}

// What no rule holds any more goes on.
static void release_held(void) {
  int kept = 0;
  for (int n = 0; n < held_count; n++) {
    if (rules[held[n].from][held[n].to].hold) {
      held[kept++] = held[n];
    } else {
      deliver(&held[n]);
      free(held[n].bytes);
    }
  }
  held_count = kept;
}

static void command(char *line) {
  char *word = strtok(line, " \n");
  if (word == NULL) return;
  if (strcmp(word, "clear") == 0) {
    memset(rules, 0, sizeof rules);
    release_held();
  } else if (strcmp(word, "rule") == 0) {
    char *from = strtok(NULL, " \n"), *to = strtok(NULL, " \n");
    struct rule rule = {0};
    for (char *part; (part = strtok(NULL, " \n")) != NULL;) {
      sscanf(part, "loss=%d", &rule.loss);
      sscanf(part, "delay=%d", &rule.delay);
      sscanf(part, "jitter=%d", &rule.jitter);
      sscanf(part, "double=%d", &rule.twice);
      sscanf(part, "hold=%d", &rule.hold);
    }
    rules[node_named(from)][node_named(to)] = rule;
    release_held();
  } else if (strcmp(word, "count") == 0) {
    printf("{\"passed\":%lu,\"lost\":%lu,\"delayed\":%lu,\"reordered\":%lu,\"doubled\":%lu,\"held\":%lu,"
           "\"overflowed\":%lu}\n",
           counters.passed, counters.lost, counters.delayed, counters.reordered, counters.doubled, counters.held,
           counters.overflowed);
    fflush(stdout);
  } else {
    fprintf(stderr, "wire: no command is called %s\n", word);
    exit(1);
  }
}

static int read_commands(void) {
  static char input[65536];
  static size_t size;
  ssize_t count = read(0, input + size, sizeof input - 1 - size);
  if (count <= 0) return 0;
  size += (size_t)count;
  input[size] = 0;
  for (char *end; (end = strchr(input, '\n')) != NULL;) {
    *end = 0;
    size_t rest = size - (size_t)(end + 1 - input);
    command(input);
    memmove(input, end + 1, rest + 1);
    size = rest;
  }
  return 1;
}

int main(int count, char **words) {
  if (count < 3 || count - 2 > NODES_MAX) {
    fprintf(stderr, "usage: wire SEED NAME=ADDRESS…\n");
    return 2;
  }
  srandom((unsigned)strtoul(words[1], NULL, 10));
  waiting = calloc(WAITING_MAX, sizeof *waiting);
  held = calloc(WAITING_MAX, sizeof *held);
  for (int n = 2; n < count; n++) {
    char *address = strchr(words[n], '=');
    if (address == NULL) return 2;
    *address++ = 0;
    strncpy(nodes[node_count].name, words[n], IFNAMSIZ - 1);
    nodes[node_count].address = inet_addr(address);
    nodes[node_count].fd = open_device(words[n]);
    node_count++;
  }
  printf("{\"ready\":true}\n");
  fflush(stdout);
  struct pollfd polled[NODES_MAX + 1];
  for (int n = 0; n < node_count; n++) polled[n] = (struct pollfd){.fd = nodes[n].fd, .events = POLLIN};
  polled[node_count] = (struct pollfd){.fd = 0, .events = POLLIN};
  for (;;) {
    struct timespec wait = {0}, *timeout = NULL;
    if (waiting_count > 0) {
      double left = waiting[0].due - now();
      if (left > 0) wait = (struct timespec){(time_t)(left / 1e3), (long)(left * 1e6) % 1000000000L};
      timeout = &wait;
    }
    if (ppoll(polled, (nfds_t)node_count + 1, timeout, NULL) < 0 && errno != EINTR) fail("ppoll");
    double time = now();
    while (waiting_count > 0 && waiting[0].due <= time) {
      struct packet packet = pop();
      deliver(&packet);
      free(packet.bytes);
    }
    if (polled[node_count].revents && !read_commands()) return 0;
    for (int n = 0; n < node_count; n++) {
      if (!(polled[n].revents & POLLIN)) continue;
      unsigned char bytes[PACKET_MAX];
      for (int packet = 0; packet < BURST; packet++) {
        ssize_t size = read(nodes[n].fd, bytes, sizeof bytes);
        if (size <= 0) break;
        take(n, bytes, (int)size, time);
      }
    }
  }
}
