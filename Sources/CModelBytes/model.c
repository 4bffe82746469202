#include "CModelBytes.h"

// The compiler knows #embed in every mode, and notes that only C23 has it.
#pragma clang diagnostic ignored "-Wc23-extensions"

__attribute__((aligned(64))) static const unsigned char model[] = {
#embed "model.gguf"
};

const void *cm_model(void) { return model; }

size_t cm_model_bytes(void) { return sizeof model; }
