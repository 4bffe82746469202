// The model that the built-in engine has without a file: a GGUF, embedded in the program.
#pragma once

#include <stddef.h>

// The file's first byte, aligned to 64. (A function: Swift imports no array of unknown length.)
const void *cm_model(void);

// How many bytes there are.
size_t cm_model_bytes(void);
