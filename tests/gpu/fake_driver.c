/* A libcuda.so.1 that knows CUDA up to FAKE_DRIVER_VERSION (13000: 13.0) and answers everything else with the
 * error FAKE_DRIVER_STATUS. As much of one as CUDA's runtime asks for when it counts the GPUs. */
#include <stdlib.h>
#include <string.h>

static int from_environment(const char* name) {
  const char* text = getenv(name);
  return text ? atoi(text) : 0;
}

static int fail(void) { return from_environment("FAKE_DRIVER_STATUS"); }

int cuDriverGetVersion(int* version) {
  *version = from_environment("FAKE_DRIVER_VERSION");
  return 0;
}

int cuInit(unsigned flags) {
  (void)flags;
  return fail();
}

int cuGetProcAddress_v2(const char* symbol, void** function, int version, unsigned long flags, void* status) {
  (void)version, (void)flags, (void)status;
  int (*found)(void) = fail;
  if (strcmp(symbol, "cuDriverGetVersion") == 0) found = (int (*)(void))cuDriverGetVersion;
  if (strncmp(symbol, "cuGetProcAddress", strlen("cuGetProcAddress")) == 0)
    found = (int (*)(void))cuGetProcAddress_v2;
  memcpy(function, &found, sizeof found);
  return 0;
}

int cuGetProcAddress(const char* symbol, void** function, int version, unsigned long flags) {
  return cuGetProcAddress_v2(symbol, function, version, flags, NULL);
}

int cuGetExportTable(const void** table, const void* id) {
  static int (*const functions[64])(void);
  (void)id;
  *table = functions;
  return fail();
}
