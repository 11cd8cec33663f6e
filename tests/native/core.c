#define _GNU_SOURCE
#include "core.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

core scalar_core, vector_core, pooled_core;

static char folder_of_cores[4000];
static pthread_t workers[POOL_THREADS];

#define CORE_FIND(function) *(void **)&c->function = dlsym(c->library, #function);

static void load(core *c, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.so", folder_of_cores, name);
  c->name = name;
  c->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!c->library) {
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
  }
  CORE_FUNCTIONS(CORE_FIND)
}

static int has_pool(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s/pooled.so", folder_of_cores);
  return access(path, R_OK) == 0;
}

static void *run_worker(void *slot) {
  pooled_core.la_thread_run((int32_t)(intptr_t)slot);
  return NULL;
}

void cores_load(const char *folder) {
  snprintf(folder_of_cores, sizeof folder_of_cores, "%s", folder);
  load(&scalar_core, "scalar");
  load(&vector_core, "vector");
  if (!has_pool()) return;
  load(&pooled_core, "pooled");
  pooled_core.la_threads_set(POOL_THREADS, 1, 0);
  for (intptr_t slot = 1; slot < POOL_THREADS; slot++) pthread_create(&workers[slot], NULL, run_worker, (void *)slot);
}

void cores_unload(void) {
  if (!pooled_core.library) return;
  pooled_core.la_threads_quit();
  for (int slot = 1; slot < POOL_THREADS; slot++) pthread_join(workers[slot], NULL);
}

core *core_load_afresh(void) {
  static core afresh;
  if (!has_pool()) return NULL;
  if (!afresh.library) load(&afresh, "pooled-afresh");
  return &afresh;
}
