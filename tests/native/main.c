/* One libFuzzer program for all targets. NATIVE_TARGET names the target and NATIVE_CORES the folder of the cores. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "targets/targets.h"

static const struct {
  const char *name;
  target *run;
} targets[] = {
    {"softmax", target_softmax},
    {"linear", target_linear},
    {"state", target_state},
    {"weights", target_weights},
    {"gap", target_gap},
    {"feature_map", target_feature_map},
    {"pack", target_pack},
    {"random_features", target_random_features},
    {"dense", target_dense},
    {"dense_pack", target_dense_pack},
    {"layer_norm", target_layer_norm},
    {"sample", target_sample},
    {"linear_gradient", target_linear_gradient},
    {"softmax_gradient", target_softmax_gradient},
    {"weights_gradient", target_weights_gradient},
    {"adam", target_adam},
    {"distill", target_distill},
    {"memory", target_memory},
    {"pool", target_pool},
};

static target *chosen;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  const char *name = getenv("NATIVE_TARGET"), *folder = getenv("NATIVE_CORES");
  for (size_t i = 0; name && i < sizeof targets / sizeof *targets; i++)
    if (strcmp(targets[i].name, name) == 0) chosen = targets[i].run;
  if (!chosen || !folder) {
    fprintf(stderr, "NATIVE_CORES is to be a folder, and NATIVE_TARGET one of:");
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) fprintf(stderr, " %s", targets[i].name);
    fprintf(stderr, "\n");
    exit(2);
  }
  cores_load(folder);
  atexit(cores_unload);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  input in = {bytes, size};
  chosen(&in);
  return 0;
}
