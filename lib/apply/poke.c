/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/poke.h"
#include "base/file.h"
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define STACK (256 << 10)

struct pp_poke {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool done, left; /* under the lock */
	pid_t pid;
	int result;
	int keep_fd;
	bool hang;
	char *path, *text;
};

static void poke_free(struct pp_poke *poke)
{
	pthread_cond_destroy(&poke->ended);
	pthread_mutex_destroy(&poke->lock);
	free(poke->path);
	free(poke->text);
	free(poke);
}

/* ---- in the child ---- */

/* It keeps the lock of its device and nothing else: no lock, socket or pipe on which someone waits
 * for us. */
static int close_others(int keep)
{
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd <= 2; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			return -errno;
	if (keep > 3)
		close_range(3, (unsigned)keep - 1, 0);
	close_range(keep >= 3 ? (unsigned)keep + 1 : 3, ~0U, 0);
	return 0;
}

static void child_run(struct pp_poke *poke) __attribute__((noreturn, noinline));
static void child_run(struct pp_poke *poke)
{
	__atomic_store_n(&poke->pid, getpid(), __ATOMIC_RELAXED);
	int r = close_others(poke->keep_fd);
	while (poke->hang)
		pause();
	poke->result = r < 0 ? r : pp_file_poke(AT_FDCWD, poke->path, poke->text);
	_exit(0);
}

/* ---- the thread ---- */

static void *thread_run(void *data)
{
	struct pp_poke *poke = data;
	sigset_t all;
	sigfillset(&all); /* no handler of ours runs in the child */
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	pid_t pid = vfork();
	if (pid == 0)
		child_run(poke);
	if (pid < 0)
		poke->result = -errno;
	else
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	pthread_mutex_lock(&poke->lock);
	bool left = poke->left;
	poke->done = true;
	pthread_cond_signal(&poke->ended);
	pthread_mutex_unlock(&poke->lock);
	if (left)
		poke_free(poke);
	return NULL;
}

static int thread_start(struct pp_poke *poke)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r = pthread_attr_init(&attributes);
	if (r != 0)
		return -r;
	r = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (r == 0)
		r = pthread_attr_setstacksize(&attributes, STACK);
	if (r == 0)
		r = pthread_create(&thread, &attributes, thread_run, poke);
	pthread_attr_destroy(&attributes);
	return -r;
}

static int poke_init(struct pp_poke *poke)
{
	pthread_condattr_t attributes;
	int r = pthread_mutex_init(&poke->lock, NULL);
	if (r == 0)
		r = pthread_condattr_init(&attributes);
	if (r == 0) {
		r = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
		if (r == 0)
			r = pthread_cond_init(&poke->ended, &attributes);
		pthread_condattr_destroy(&attributes);
	}
	return -r;
}

int pp_poke_start(const struct pp_poke_order *order, struct pp_poke **ret_poke)
{
	struct pp_poke *poke = calloc(1, sizeof(*poke));
	if (!poke)
		return -ENOMEM;
	int r = poke_init(poke);
	if (r < 0) {
		free(poke);
		return r;
	}
	poke->result = -ECHILD;
	poke->keep_fd = order->keep_fd;
	poke->hang = order->hang;
	poke->path = strdup(order->path);
	poke->text = strdup(order->text);
	r = poke->path && poke->text ? thread_start(poke) : -ENOMEM;
	if (r < 0) {
		poke_free(poke);
		return r;
	}
	*ret_poke = poke;
	return 0;
}

bool pp_poke_wait(struct pp_poke *poke, int wait_ms, int *ret_result)
{
	struct timespec end;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += wait_ms / 1000;
	end.tv_nsec += wait_ms % 1000 * 1000000L;
	if (end.tv_nsec >= 1000000000L) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&poke->lock);
	int r = 0;
	while (!poke->done && r == 0)
		r = pthread_cond_timedwait(&poke->ended, &poke->lock, &end);
	bool done = poke->done;
	if (done)
		*ret_result = poke->result;
	pthread_mutex_unlock(&poke->lock);
	return done;
}

pid_t pp_poke_pid(struct pp_poke *poke)
{
	return __atomic_load_n(&poke->pid, __ATOMIC_RELAXED);
}

void pp_poke_leave(struct pp_poke *poke)
{
	pthread_mutex_lock(&poke->lock);
	bool done = poke->done;
	poke->left = true;
	pthread_mutex_unlock(&poke->lock);
	if (done)
		poke_free(poke);
}
