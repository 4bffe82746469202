// The arithmetic of the built-in engine, one function for each step of a Llama's forward pass.
//
// Every function gives the same bits at every level, on every machine: sums run over eight lanes in one
// fixed order, products and sums are rounded apart (no fused multiply-add), and the exponential is ours.
// So a stream that moves to another CPU goes on exactly, and a batch of columns equals one column at a time.
// The levels differ in speed only. Nothing here allocates, and no pointer needs alignment.
#pragma once

#include <stddef.h>
#include <stdint.h>

// How a matrix's weights rest in a file; the numbers are GGUF's (ggml.h, enum ggml_type).
enum { CK_F32 = 0, CK_F16 = 1, CK_Q8_0 = 8 };

// Instruction sets, best last.
enum { CK_PORTABLE = 0, CK_AVX2 = 1 };

// The best level that this CPU has.
int ck_level_best(void);

// Bytes of a row of `columns` weights; 0 if the type is unknown or cannot have such a row.
size_t ck_row_bytes(int type, size_t columns);

// Columns that a `ck_multiply` may have at once.
enum { CK_COLUMNS_MAX = 8 };

// Bytes of `count` columns prepared for a product with a matrix of this type.
size_t ck_prepared_bytes(int type, size_t columns, size_t count);

// Prepares columns of floats for products: quantised in blocks of 32 for Q8_0, as they are otherwise.
void ck_prepare(int level, int type, const float *input, size_t columns, size_t count, void *prepared);

// output[c * rows + r] = the product of the matrix's row r and column c, for `count` prepared columns.
void ck_multiply(int level, int type, const void *weights, size_t rows, size_t columns,
                 const void *prepared, size_t count, float *output);

// Writes a row's weights as floats: the embedding of a token.
void ck_read_row(int type, const void *row, size_t columns, float *output);

// output = input / sqrt(mean(input²) + epsilon) · weights.
void ck_rms_norm(int level, const float *input, const float *weights, float epsilon, size_t count,
                 float *output);

// Rotates pairs (2i, 2i + 1) of each head's first 2 · `pairs` values by the angles of `cosines`, `sines`.
void ck_rotate(float *heads, size_t head_count, size_t head_size, const float *cosines,
               const float *sines, size_t pairs);

// One head's attention over `positions` cached keys and values: `scores` is scratch of that many floats.
void ck_attend(int level, const float *query, const float *keys, const float *values, size_t head_size,
               size_t positions, float scale, float *scores, float *output);

// gate = gate · sigmoid(gate) · up.
void ck_swiglu(int level, float *gate, const float *up, size_t count);

// to += from.
void ck_add(float *to, const float *from, size_t count);

// The index of the largest value, the first of equals; values that are not numbers never win.
size_t ck_largest(const float *values, size_t count);

// A logit and its token.
typedef struct {
  float weight;
  uint32_t token;
} ck_candidate;

// Draws a token: the `top_k` most likely (0: all), of these the fewest that hold `top_p` of the probability,
// then by `draw`, a number from 0 up to but without 1. Equal logits rank by token. `temperature` > 0;
// `scratch` holds `count` candidates.
size_t ck_sample(int level, const float *logits, size_t count, float temperature, size_t top_k,
                 float top_p, double draw, ck_candidate *scratch);
