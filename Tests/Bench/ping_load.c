// SPDX-License-Identifier: Apache-2.0
// Pings a server from one thread, so that the server alone is measured:
//
//     cc -O2 -o ping_load Tests/Bench/ping_load.c
//     ./ping_load PORT CONNECTIONS IN_FLIGHT SECONDS SERVER_PID
//
// It prints the replies per second, and the replies per second of the server's processor time.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 16, PING_BYTES = 24 };

typedef struct {
    int descriptor;
    uint64_t id;
    int count;
    uint8_t input[ROOM];
} connection;

static double seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int varint(uint8_t *out, uint64_t value) {
    int count = 0;
    for (; value > 127; value >>= 7) out[count++] = (uint8_t)(value | 128);
    out[count++] = (uint8_t)value;
    return count;
}

// A frame: the id, a deadline of 30 s, and an empty ping.
static int ping(uint8_t *out, uint64_t id) {
    uint8_t *message = out + 4;
    int count = 0;
    message[count++] = 0x08;
    count += varint(message + count, id);
    message[count++] = 0x10;
    count += varint(message + count, 30000);
    message[count++] = 0x5A;
    message[count++] = 0;
    memcpy(out, (uint8_t[]){0, 0, 0, (uint8_t)count}, 4);
    return count + 4;
}

static void send_all(connection *connection, const uint8_t *bytes, int count) {
    if (send(connection->descriptor, bytes, (size_t)count, MSG_NOSIGNAL) != count) fail("send");
}

static void open_connection(connection *connection, int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int one = 1;
    connection->descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->descriptor, (void *)&address, sizeof address) != 0) fail("connect");
    setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    // Hello under id 1: version 1, the client's name "c".
    static const uint8_t hello[] = {0, 0, 0, 9, 0x08, 1, 0x52, 5, 0x08, 1, 0x1A, 1, 'c'};
    send_all(connection, hello, sizeof hello);
    if (recv(connection->descriptor, connection->input, ROOM, 0) <= 0) fail("hello");
    connection->id = 2;
}

// Sends a ping for each reply that has arrived; returns the number of replies.
static int serve(connection *connection) {
    static uint8_t out[ROOM];
    int written = 0, replies = 0, start = 0;
    uint8_t *input = connection->input;
    ssize_t received =
        recv(connection->descriptor, input + connection->count, ROOM - connection->count, 0);
    if (received <= 0) fail("recv");
    connection->count += (int)received;
    while (connection->count - start >= 4) {
        int length = input[start + 2] << 8 | input[start + 3];
        if (connection->count - start < 4 + length) break;
        start += 4 + length;
        replies += 1;
        written += ping(out + written, connection->id++);
    }
    memmove(input, input + start, (size_t)(connection->count - start));
    connection->count -= start;
    if (written > 0) send_all(connection, out, written);
    return replies;
}

int main(int count, char **words) {
    if (count != 6) {
        fputs("ping_load PORT CONNECTIONS IN_FLIGHT SECONDS SERVER_PID\n", stderr);
        return 2;
    }
    int port = atoi(words[1]), connections = atoi(words[2]), in_flight = atoi(words[3]);
    if (in_flight * PING_BYTES > ROOM) return 2;
    clockid_t server;
    if (clock_getcpuclockid(atoi(words[5]), &server) != 0) fail("clock_getcpuclockid");
    int epoll = epoll_create1(0);
    connection *all = calloc((size_t)connections, sizeof *all);
    uint8_t out[ROOM];
    double server_start = seconds(server), start = seconds(CLOCK_MONOTONIC);
    for (int index = 0; index < connections; index++) {
        open_connection(&all[index], port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[index]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[index].descriptor, &event);
        int written = 0;
        for (int call = 0; call < in_flight; call++) {
            written += ping(out + written, all[index].id++);
        }
        send_all(&all[index], out, written);
    }
    double end = start + atof(words[4]), now = start;
    uint64_t replies = 0;
    while (now < end) {
        struct epoll_event events[64];
        int ready = epoll_wait(epoll, events, 64, 100);
        for (int index = 0; index < ready; index++) {
            replies += (uint64_t)serve(events[index].data.ptr);
        }
        now = seconds(CLOCK_MONOTONIC);
    }
    double time = now - start, server_time = seconds(server) - server_start;
    printf(
        "%dx%d: %.0f replies/s, %.0f per second of the server's processor time\n", connections,
        in_flight, (double)replies / time, (double)replies / server_time);
}
