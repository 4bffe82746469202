#include "CKernels.h"

#include <math.h>
#include <string.h>

// Each step is written once (steps.h), over vectors of eight floats that the compiler maps to what the target has,
// and is compiled once for each level. Contraction would round otherwise where a level can fuse.
#pragma STDC FP_CONTRACT OFF

typedef float lanes __attribute__((vector_size(32)));
typedef int32_t lanes_i __attribute__((vector_size(32)));

enum { LANES = 8, BLOCK = 32, BLOCK_BYTES = 2 + BLOCK, ROWS_AT_ONCE = 4 };

// A prepared block of a column: its scale, and its values in whole numbers of it.
typedef struct {
  float scale;
  int8_t values[BLOCK];
} column_block;

#if defined(__x86_64__)
#include <immintrin.h>
#endif

int ck_level_best(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
    return CK_AVX2;
#endif
  return CK_PORTABLE;
}

size_t ck_row_bytes(int type, size_t columns) {
  switch (type) {
  case CK_F32: return columns * 4;
  case CK_F16: return columns * 2;
  case CK_Q8_0: return columns % BLOCK == 0 ? columns / BLOCK * BLOCK_BYTES : 0;
  default: return 0;
  }
}

size_t ck_prepared_bytes(int type, size_t columns, size_t count) {
  return type == CK_Q8_0 ? columns / BLOCK * sizeof(column_block) * count : columns * 4 * count;
}

// IEEE 754 half to single, exact. No arithmetic on subnormal floats, which is slow: a subnormal half is given an
// exponent, which is then subtracted.
static inline float half(uint16_t bits) {
  const uint32_t exponent = (uint32_t)(bits & 0x7c00) << 13;
  uint32_t widened = ((uint32_t)(bits & 0x7fff) << 13) + (112u << 23);
  if (exponent == 0x1fu << 23) widened += 112u << 23;
  if (exponent == 0) widened += 1u << 23;
  float value;
  memcpy(&value, &widened, 4);
  if (exponent == 0) value -= 0x1p-14f;
  memcpy(&widened, &value, 4);
  widened |= (uint32_t)(bits & 0x8000) << 16;
  memcpy(&value, &widened, 4);
  return value;
}

static inline float half_at(const uint8_t *from) {
  uint16_t bits;
  memcpy(&bits, from, 2);
  return half(bits);
}

// What a level does its own way.
typedef struct {
  void (*multiply)(int, const uint8_t *, size_t, size_t, const void *, size_t, float *);
  void (*quantize)(const float *, size_t, column_block *);
  void (*rms_norm)(const float *, const float *, float, size_t, float *);
  void (*attend)(const float *, const float *, const float *, size_t, size_t, float, float *, float *);
  void (*swiglu)(float *, const float *, size_t);
  void (*exponentials)(ck_candidate *, size_t, float, float);
} steps;

// Vectors pass between the functions of one level only, all of them static: there is no ABI to keep.
#pragma clang diagnostic ignored "-Wpsabi"

#define LEVEL(name) name##_portable
#define LEVEL_HAS_AVX2 0
#include "steps.h"
#undef LEVEL
#undef LEVEL_HAS_AVX2

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define LEVEL(name) name##_avx2
#define LEVEL_HAS_AVX2 1
#include "steps.h"
#pragma clang attribute pop
#endif

static const steps *at(int level) {
#if defined(__x86_64__)
  if (level >= CK_AVX2) return &steps_of_avx2;
#endif
  (void)level;
  return &steps_of_portable;
}

// MARK: The interface

void ck_prepare(int level, int type, const float *input, size_t columns, size_t count, void *prepared) {
  if (type == CK_Q8_0)
    at(level)->quantize(input, columns * count, prepared);
  else
    memcpy(prepared, input, columns * count * sizeof(float));
}

void ck_multiply(int level, int type, const void *weights, size_t rows, size_t columns,
                 const void *prepared, size_t count, float *output) {
  at(level)->multiply(type, weights, rows, columns, prepared, count, output);
}

void ck_read_row(int type, const void *row, size_t columns, float *output) {
  const uint8_t *bytes = row;
  switch (type) {
  case CK_F32: memcpy(output, row, columns * sizeof(float)); break;
  case CK_F16:
    for (size_t i = 0; i < columns; i++) output[i] = half_at(bytes + 2 * i);
    break;
  default:
    for (size_t i = 0; i < columns; i++) {
      const uint8_t *block = bytes + i / BLOCK * BLOCK_BYTES;
      output[i] = half_at(block) * (float)(int8_t)block[2 + i % BLOCK];
    }
  }
}

void ck_rms_norm(int level, const float *input, const float *weights, float epsilon, size_t count,
                 float *output) {
  at(level)->rms_norm(input, weights, epsilon, count, output);
}

void ck_rotate(float *heads, size_t head_count, size_t head_size, const float *cosines,
               const float *sines, size_t pairs) {
  for (size_t h = 0; h < head_count; h++, heads += head_size) {
    for (size_t i = 0; i < pairs; i++) {
      float a = heads[2 * i], b = heads[2 * i + 1];
      heads[2 * i] = a * cosines[i] - b * sines[i];
      heads[2 * i + 1] = a * sines[i] + b * cosines[i];
    }
  }
}

void ck_attend(int level, const float *query, const float *keys, const float *values, size_t head_size,
               size_t positions, float scale, float *scores, float *output) {
  at(level)->attend(query, keys, values, head_size, positions, scale, scores, output);
}

void ck_swiglu(int level, float *gate, const float *up, size_t count) { at(level)->swiglu(gate, up, count); }

void ck_add(float *to, const float *from, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] += from[i];
}

size_t ck_largest(const float *values, size_t count) {
  size_t best = 0;
  float largest = -INFINITY;
  for (size_t i = 0; i < count; i++) {
    if (values[i] > largest) {
      largest = values[i];
      best = i;
    }
  }
  return best;
}

// MARK: Sampling

static int ranks_before(ck_candidate a, ck_candidate b) {
  return a.weight > b.weight || (a.weight == b.weight && a.token < b.token);
}

// Restores the heap (first ranks best) below `place`.
static void sift(ck_candidate *heap, size_t count, size_t place) {
  ck_candidate moving = heap[place];
  for (;;) {
    size_t child = 2 * place + 1;
    if (child >= count) break;
    if (child + 1 < count && ranks_before(heap[child + 1], heap[child])) child++;
    if (!ranks_before(heap[child], moving)) break;
    heap[place] = heap[child];
    place = child;
  }
  heap[place] = moving;
}

size_t ck_sample(int level, const float *logits, size_t count, float temperature, size_t top_k,
                 float top_p, double draw, ck_candidate *scratch) {
  if (top_k == 0 || top_k > count) top_k = count;
  for (size_t i = 0; i < count; i++) {
    float logit = logits[i];
    // What is not a number can never be drawn.
    scratch[i] = (ck_candidate){logit == logit ? logit : -INFINITY, (uint32_t)i};
  }
  float largest = logits[ck_largest(logits, count)];
  if (!(largest > -INFINITY && largest < INFINITY)) return ck_largest(logits, count);
  for (size_t i = count / 2; i-- > 0;) sift(scratch, count, i);
  // The chosen, best first, gather behind the shrinking heap: the best of all is last.
  size_t left = count;
  for (size_t taken = 0; taken < top_k; taken++) {
    ck_candidate best = scratch[0];
    left--;
    scratch[0] = scratch[left];
    if (left > 0) sift(scratch, left, 0);
    scratch[left] = best;
  }
  ck_candidate *chosen = scratch + left;
  at(level)->exponentials(chosen, top_k, largest, temperature);
  double total = 0;
  for (size_t i = top_k; i-- > 0;) total += chosen[i].weight;
  double kept = 0;
  size_t first = top_k;
  while (first > 0) {
    first--;
    kept += chosen[first].weight;
    if (kept >= top_p * total) break;
  }
  double target = draw * kept, passed = 0;
  for (size_t i = top_k; i-- > first;) {
    passed += chosen[i].weight;
    if (target < passed) return chosen[i].token;
  }
  return chosen[first].token;
}
