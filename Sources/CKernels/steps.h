// The steps of one level. kernels.c includes this once for each, under that level's target, with `LEVEL(name)`
// defined as the level's own name for `name`: a vector must not pass between functions of two targets.

#define load LEVEL(load)
#define store LEVEL(store)
#define load_part LEVEL(load_part)
#define sum LEVEL(sum)
#define all LEVEL(all)
#define exponential LEVEL(exponential)
#define rms_norm LEVEL(rms_norm)
#define dot LEVEL(dot)
#define attend LEVEL(attend)
#define swiglu LEVEL(swiglu)
#define exponentials LEVEL(exponentials)
#define quantize LEVEL(quantize)
#define load_halves LEVEL(load_halves)
#define load_weights LEVEL(load_weights)
#define rows_of_floats LEVEL(rows_of_floats)
#define rows_of_blocks LEVEL(rows_of_blocks)
#define multiply LEVEL(multiply)

#define INLINE static inline __attribute__((always_inline))

INLINE lanes load(const float *from) {
  lanes value;
  memcpy(&value, from, sizeof value);
  return value;
}

INLINE void store(float *to, lanes value) { memcpy(to, &value, sizeof value); }

// The first `count` lanes from memory, zero in the rest.
INLINE lanes load_part(const float *from, size_t count) {
  lanes value = {0};
  memcpy(&value, from, count * sizeof(float));
  return value;
}

INLINE float sum(lanes v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

INLINE lanes all(float value) { return (lanes){value, value, value, value, value, value, value, value}; }

// e to the x. Within 2 units in the last place for -87.3 <= x <= 88; 0 below, e^88 above.
// Reduction x = n ln 2 + r with |r| <= ln(2)/2, then a polynomial (Cephes, expf.c).
INLINE lanes exponential(lanes x) {
  const lanes high = all(88.0f), low = all(-87.3f);
  lanes_i is_low = x < low;
  x = (lanes)(((lanes_i)x & ~(x > high)) | ((lanes_i)high & (x > high)));
  const lanes shifter = all(0x1.8p23f);
  lanes shifted = x * all(1.44269504088896341f) + shifter;
  lanes n = shifted - shifter;
  lanes r = x - n * all(0.693359375f);
  r = r - n * all(-2.12194440e-4f);
  lanes p = all(1.9875691500e-4f);
  p = p * r + all(1.3981999507e-3f);
  p = p * r + all(8.3334519073e-3f);
  p = p * r + all(4.1665795894e-2f);
  p = p * r + all(1.6666665459e-1f);
  p = p * r + all(5.0000001201e-1f);
  p = p * (r * r) + r + all(1.0f);
  lanes_i power = (__builtin_convertvector(n, lanes_i) + 127) << 23;
  lanes result = p * (lanes)power;
  return (lanes)((lanes_i)result & ~is_low);
}

static void rms_norm(const float *input, const float *weights, float epsilon, size_t count, float *output) {
  lanes squares = {0};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    lanes v = load(input + i);
    squares = squares + v * v;
  }
  lanes v = load_part(input + i, count - i);
  squares = squares + v * v;
  float scale = 1.0f / sqrtf(sum(squares) / (float)count + epsilon);
  for (i = 0; i < count; i++) output[i] = input[i] * scale * weights[i];
}

INLINE float dot(const float *a, const float *b, size_t count) {
  lanes total = {0};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) total = total + load(a + i) * load(b + i);
  if (i < count) total = total + load_part(a + i, count - i) * load_part(b + i, count - i);
  return sum(total);
}

static void attend(const float *query, const float *keys, const float *values, size_t head_size,
                 size_t positions, float scale, float *scores, float *output) {
  float largest = -INFINITY;
  for (size_t p = 0; p < positions; p++) {
    float score = dot(query, keys + p * head_size, head_size) * scale;
    scores[p] = score;
    if (score > largest) largest = score;
  }
  lanes total = {0};
  size_t p = 0;
  for (; p + LANES <= positions; p += LANES) {
    lanes e = exponential(load(scores + p) - all(largest));
    store(scores + p, e);
    total = total + e;
  }
  if (p < positions) {
    size_t rest = positions - p;
    lanes e = exponential(load_part(scores + p, rest) - all(largest));
    for (size_t i = rest; i < LANES; i++) e[i] = 0;
    memcpy(scores + p, &e, rest * sizeof(float));
    total = total + e;
  }
  float scaled = 1.0f / sum(total);
  size_t i = 0;
  // Four vectors of the output at a time stay in registers while the positions go by.
  for (; i + 4 * LANES <= head_size; i += 4 * LANES) {
    lanes a = {0}, b = {0}, c = {0}, d = {0};
    for (p = 0; p < positions; p++) {
      const float *value = values + p * head_size + i;
      lanes weight = all(scores[p]);
      a = a + weight * load(value);
      b = b + weight * load(value + LANES);
      c = c + weight * load(value + 2 * LANES);
      d = d + weight * load(value + 3 * LANES);
    }
    store(output + i, a * all(scaled));
    store(output + i + LANES, b * all(scaled));
    store(output + i + 2 * LANES, c * all(scaled));
    store(output + i + 3 * LANES, d * all(scaled));
  }
  for (; i < head_size; i += LANES) {
    size_t width = head_size - i < LANES ? head_size - i : LANES;
    lanes a = {0};
    for (p = 0; p < positions; p++) a = a + all(scores[p]) * load_part(values + p * head_size + i, width);
    a = a * all(scaled);
    memcpy(output + i, &a, width * sizeof(float));
  }
}

static void swiglu(float *gate, const float *up, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    lanes g = load(gate + i);
    store(gate + i, g / (all(1) + exponential(-g)) * load(up + i));
  }
  if (i < count) {
    size_t rest = count - i;
    lanes g = load_part(gate + i, rest);
    g = g / (all(1) + exponential(-g)) * load_part(up + i, rest);
    memcpy(gate + i, &g, rest * sizeof(float));
  }
}

// Weights of candidates become e^((weight - largest) / temperature).
static void exponentials(ck_candidate *values, size_t count, float largest, float temperature) {
  for (size_t i = 0; i < count; i += LANES) {
    lanes v = {0};
    for (size_t j = 0; j < LANES && i + j < count; j++)
      v[j] = (values[i + j].weight - largest) / temperature;
    v = exponential(v);
    for (size_t j = 0; j < LANES && i + j < count; j++) values[i + j].weight = v[j];
  }
}

static void quantize(const float *input, size_t columns, column_block *output) {
  for (size_t b = 0; b < columns / BLOCK; b++, input += BLOCK, output++) {
    lanes_i top = {0};
    for (size_t i = 0; i < BLOCK; i += LANES) {
      // Magnitudes compare as integers do.
      lanes_i v = (lanes_i)load(input + i) & 0x7fffffff;
      top = (v & (v > top)) | (top & ~(v > top));
    }
    int32_t bits = 0;
    for (size_t i = 0; i < LANES; i++) bits = top[i] > bits ? top[i] : bits;
    float largest;
    memcpy(&largest, &bits, 4);
    // A block that holds infinity or no number has no scale: it becomes one that spoils the sum.
    output->scale = largest / 127.0f;
    float inverse = largest > 0 && largest < INFINITY ? 127.0f / largest : 0;
    const lanes shifter = all(0x1.8p23f);
    for (size_t i = 0; i < BLOCK; i += LANES) {
      lanes_i q = __builtin_convertvector(
          (load(input + i) * all(inverse) + shifter) - shifter, lanes_i);
      for (size_t j = 0; j < LANES; j++) output->values[i + j] = (int8_t)q[j];
    }
  }
}

INLINE lanes load_halves(const uint8_t *from, size_t count) {
#if LEVEL_HAS_AVX2
  if (count == LANES) return (lanes)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)from));
#endif
  lanes value = {0};
  for (size_t i = 0; i < count; i++) value[i] = half_at(from + 2 * i);
  return value;
}

INLINE lanes load_weights(int type, const uint8_t *row, size_t place, size_t count) {
  if (type == CK_F16) return load_halves(row + 2 * place, count);
  return load_part((const float *)(const void *)(row + 4 * place), count);
}

// Rows of floats or halves by one column.
INLINE void rows_of_floats(int type, const uint8_t *w, size_t stride, size_t rows, size_t columns,
                           const float *x, float *output) {
  lanes total[ROWS_AT_ONCE] = {{0}, {0}, {0}, {0}};
  size_t i = 0;
  for (; i + LANES <= columns; i += LANES) {
    lanes column = load(x + i);
    for (size_t r = 0; r < rows; r++)
      total[r] = total[r] + load_weights(type, w + r * stride, i, LANES) * column;
  }
  if (i < columns) {
    lanes column = load_part(x + i, columns - i);
    for (size_t r = 0; r < rows; r++)
      total[r] = total[r] + load_weights(type, w + r * stride, i, columns - i) * column;
  }
  for (size_t r = 0; r < rows; r++) output[r] = sum(total[r]);
}

// Rows of quantised blocks by one column. Lane j of a block's sum is that of its values 4j to 4j+3, which is
// what AVX2's instructions make; whole numbers add up exactly in any order.
INLINE void rows_of_blocks(const uint8_t *w, size_t stride, size_t rows, size_t columns,
                           const column_block *x, float *output) {
  lanes total[ROWS_AT_ONCE] = {{0}, {0}, {0}, {0}};
  for (size_t b = 0; b < columns / BLOCK; b++) {
    for (size_t r = 0; r < rows; r++) {
      const uint8_t *block = w + r * stride + b * BLOCK_BYTES;
#if LEVEL_HAS_AVX2
      uint16_t bits;
      memcpy(&bits, block, 2);
      float scale = _cvtsh_ss(bits);
      __m256i weights = _mm256_loadu_si256((const __m256i *)(const void *)(block + 2));
      __m256i column = _mm256_loadu_si256((const __m256i *)(const void *)x[b].values);
      // |w| by (x with w's sign): unsigned by signed, and 2 * 128 * 127 fits 16 bits.
      __m256i pairs =
          _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(column, weights));
      lanes products = (lanes)_mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#else
      float scale = half_at(block);
      const int8_t *weights = (const int8_t *)block + 2;
      lanes products;
      for (size_t j = 0; j < LANES; j++) {
        int32_t part = 0;
        for (size_t i = 4 * j; i < 4 * j + 4; i++) part += (int32_t)weights[i] * x[b].values[i];
        products[j] = (float)part;
      }
#endif
      total[r] = total[r] + all(scale * x[b].scale) * products;
    }
  }
  for (size_t r = 0; r < rows; r++) output[r] = sum(total[r]);
}

// Four rows at a time, each read once for all columns.
#define MULTIPLY_BY(rows_by_column)                                                                      \
  do {                                                                                                   \
    size_t r = 0;                                                                                        \
    for (; r + ROWS_AT_ONCE <= rows; r += ROWS_AT_ONCE)                                                  \
      for (size_t c = 0; c < count; c++) rows_by_column(ROWS_AT_ONCE);                                   \
    for (; r < rows; r++)                                                                                \
      for (size_t c = 0; c < count; c++) rows_by_column(1);                                              \
  } while (0)

static void multiply(int type, const uint8_t *w, size_t rows, size_t columns, const void *prepared,
                     size_t count, float *output) {
  const size_t stride = ck_row_bytes(type, columns);
  const float *floats = prepared;
  const column_block *blocks = prepared;
#define BY_F32(n)                                                                                        \
  rows_of_floats(CK_F32, w + r * stride, stride, n, columns, floats + c * columns, output + c * rows + r)
#define BY_F16(n)                                                                                        \
  rows_of_floats(CK_F16, w + r * stride, stride, n, columns, floats + c * columns, output + c * rows + r)
#define BY_Q8_0(n)                                                                                       \
  rows_of_blocks(w + r * stride, stride, n, columns, blocks + c * (columns / BLOCK), output + c * rows + r)
  switch (type) {
  case CK_F32: MULTIPLY_BY(BY_F32); break;
  case CK_F16: MULTIPLY_BY(BY_F16); break;
  default: MULTIPLY_BY(BY_Q8_0); break;
  }
#undef BY_F32
#undef BY_F16
#undef BY_Q8_0
}

static const steps LEVEL(steps_of) = {multiply, quantize, rms_norm, attend, swiglu, exponentials};

#undef MULTIPLY_BY
#undef INLINE
#undef load
#undef store
#undef load_part
#undef sum
#undef all
#undef exponential
#undef rms_norm
#undef dot
#undef attend
#undef swiglu
#undef exponentials
#undef quantize
#undef load_halves
#undef load_weights
#undef rows_of_floats
#undef rows_of_blocks
#undef multiply
