/* The arithmetic of spectral normalization on a CPU: float32 matrices [M, N], row after row in memory, one thread.

   The same numbers as workspace.py and division.py up to rounding, without the cost of calling an operation for each line of
   them, which in small networks is most of the work. Everything here is a function of its arguments. Compile with
   -O3 -fopenmp-simd; nothing is linked but the mathematics library. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__GLIBC__) && defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx512f", "fma", "default"))) /* chosen when loaded */
#else
#define WIDE
#endif

typedef int64_t whole;

enum { LINE = 16, BLOCK = 1024 }; /* numbers in a line of the cache; numbers asked for at once */

/* Ask early for numbers to read, or for room to write to: the processor's own foresight ends with each page of memory. */
static inline void will_read(const float *a, whole n) {
    for (whole j = 0; j < n; j += LINE) __builtin_prefetch(a + j, 0);
}

static inline void will_write(const float *a, whole n) {
    for (whole j = 0; j < n; j += LINE) __builtin_prefetch(a + j, 1);
}

static const double LITTLE = 1e-3;    /* as in small.py */
static const double CONVERGED = 2e-3; /* as in small.py */

/* y_i = W x_i for three vectors, reading W once: x [3, N], y [3, M]. Four rows at a time, so that x is read less often. */
WIDE static void three_products(whole m, whole n, const float *w, const float *x, float *y) {
    const float *x0 = x, *x1 = x + n, *x2 = x + 2 * n;
    whole i = 0;
    for (; i + 4 <= m; i += 4) {
        const float *a = w + i * n, *b = a + n, *c = b + n, *d = c + n;
        float a0 = 0, a1 = 0, a2 = 0, b0 = 0, b1 = 0, b2 = 0, c0 = 0, c1 = 0, c2 = 0, d0 = 0, d1 = 0, d2 = 0;
#pragma omp simd reduction(+ : a0, a1, a2, b0, b1, b2, c0, c1, c2, d0, d1, d2)
        for (whole j = 0; j < n; j++) {
            const float p = x0[j], q = x1[j], r = x2[j];
            a0 += a[j] * p, a1 += a[j] * q, a2 += a[j] * r, b0 += b[j] * p, b1 += b[j] * q, b2 += b[j] * r;
            c0 += c[j] * p, c1 += c[j] * q, c2 += c[j] * r, d0 += d[j] * p, d1 += d[j] * q, d2 += d[j] * r;
        }
        const float found[3][4] = {{a0, b0, c0, d0}, {a1, b1, c1, d1}, {a2, b2, c2, d2}};
        for (int k = 0; k < 3; k++) memcpy(y + k * m + i, found[k], sizeof found[k]);
    }
    for (; i < m; i++) {
        const float *a = w + i * n;
        float a0 = 0, a1 = 0, a2 = 0;
#pragma omp simd reduction(+ : a0, a1, a2)
        for (whole j = 0; j < n; j++) a0 += a[j] * x0[j], a1 += a[j] * x1[j], a2 += a[j] * x2[j];
        y[i] = a0, y[m + i] = a1, y[2 * m + i] = a2;
    }
}

/* x = W'u: u [M], x [N]. Eight rows at a time. */
WIDE static void back_product(whole m, whole n, const float *w, const float *u, float *x) {
    memset(x, 0, (size_t)n * sizeof *x);
    whole i = 0;
    for (; i + 8 <= m; i += 8) {
        const float *a = w + i * n, *b = a + n, *c = b + n, *d = c + n, *e = d + n, *f = e + n, *g = f + n, *h = g + n;
        const float *s = u + i;
#pragma omp simd
        for (whole j = 0; j < n; j++)
            x[j] += ((s[0] * a[j] + s[1] * b[j]) + (s[2] * c[j] + s[3] * d[j])) +
                    ((s[4] * e[j] + s[5] * f[j]) + (s[6] * g[j] + s[7] * h[j]));
    }
    for (; i < m; i++) {
        const float *a = w + i * n;
#pragma omp simd
        for (whole j = 0; j < n; j++) x[j] += u[i] * a[j];
    }
}

/* <a, b> in double precision. */
WIDE static double inner(whole n, const float *a, const float *b) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (whole j = 0; j < n; j++) sum += (double)a[j] * b[j];
    return sum;
}

/* Inner products of three rows of n numbers. */
WIDE static void gram(whole n, const float *rows, double g[3][3]) {
    const float *x = rows, *y = rows + n, *z = rows + 2 * n;
    float xx = 0, xy = 0, xz = 0, yy = 0, yz = 0, zz = 0;
#pragma omp simd reduction(+ : xx, xy, xz, yy, yz, zz)
    for (whole j = 0; j < n; j++) {
        xx += x[j] * x[j], xy += x[j] * y[j], xz += x[j] * z[j];
        yy += y[j] * y[j], yz += y[j] * z[j], zz += z[j] * z[j];
    }
    const double found[3][3] = {{xx, xy, xz}, {xy, yy, yz}, {xz, yz, zz}};
    memcpy(g, found, sizeof found);
}

/* out = the combination of three rows of n numbers with the given shares. */
WIDE static void combine(whole n, const double *shares, const float *rows, float *out) {
    const float a = (float)shares[0], b = (float)shares[1], c = (float)shares[2];
    const float *x = rows, *y = rows + n, *z = rows + 2 * n;
#pragma omp simd
    for (whole j = 0; j < n; j++) out[j] = a * x[j] + b * y[j] + c * z[j];
}

/* news_i = the combinations of `back` and the three rows of the basis. */
WIDE static void bend(whole n, double mixer[3][4], const float *back, const float *basis, float *news) {
    float a[3][4];
    for (int i = 0; i < 12; i++) a[i / 4][i % 4] = (float)mixer[i / 4][i % 4];
#pragma omp simd
    for (whole j = 0; j < n; j++) {
        const float w = back[j], x = basis[j], y = basis[n + j], z = basis[2 * n + j];
        news[j] = a[0][0] * w;
        news[n + j] = a[1][1] * x + a[1][2] * y + a[1][3] * z;
        news[2 * n + j] = a[2][0] * w + a[2][1] * x + a[2][2] * y + a[2][3] * z;
    }
}

/* The rows of the basis = the lower triangular combinations of those of `news`. */
WIDE static void straighten(whole n, double mixer[3][3], const float *news, float *basis) {
    float a[3][3];
    for (int i = 0; i < 9; i++) a[i / 3][i % 3] = (float)mixer[i / 3][i % 3];
#pragma omp simd
    for (whole j = 0; j < n; j++) {
        const float x = news[j], y = news[n + j], z = news[2 * n + j];
        basis[j] = a[0][0] * x;
        basis[n + j] = a[1][0] * x + a[1][1] * y;
        basis[2 * n + j] = a[2][0] * x + a[2][1] * y + a[2][2] * z;
    }
}

/* Eigenvectors of a symmetric matrix by cyclic Jacobi rotations, Golub & Van Loan 2013, section 8.5: g becomes diagonal, and
   row k of `turns` the eigenvector of g[k][k]. */
static void eigen(double g[3][3], double turns[3][3]) {
    static const int planes[3][2] = {{0, 1}, {0, 2}, {1, 2}};
    for (int i = 0; i < 9; i++) turns[i / 3][i % 3] = i % 4 == 0;
    for (int turn = 0; turn < 24; turn++) {
        const int p = planes[turn % 3][0], q = planes[turn % 3][1], r = 3 - p - q;
        if (fabs(g[p][q]) <= 1e-17 * sqrt(fabs(g[p][p] * g[q][q]))) continue;
        const double ratio = (g[q][q] - g[p][p]) / (2 * g[p][q]);
        const double t = copysign(1, ratio) / (fabs(ratio) + sqrt(1 + ratio * ratio)), c = 1 / sqrt(1 + t * t), s = t * c;
        const double rp = g[r][p], rq = g[r][q];
        g[p][p] -= t * g[p][q], g[q][q] += t * g[p][q], g[p][q] = g[q][p] = 0;
        g[r][p] = g[p][r] = c * rp - s * rq, g[r][q] = g[q][r] = s * rp + c * rq;
        for (int k = 0; k < 3; k++) {
            const double x = turns[p][k], y = turns[q][k];
            turns[p][k] = c * x - s * y, turns[q][k] = s * x + c * y;
        }
    }
}

/* 1 / sqrt(left), or 0 where that is little of the whole. */
static double inverse_root(double left, double of) { return left > LITTLE * of ? 1 / sqrt(left) : 0; }

/* What makes three vectors orthonormal, the first kept: their Gram matrix -> lower triangular. */
static void straight(double g[3][3], double mixer[3][3]) {
    memset(mixer, 0, 9 * sizeof(double));
    const double first = mixer[0][0] = inverse_root(g[0][0], g[0][0]), turn = g[0][1] * first;
    const double second = mixer[1][1] = inverse_root(g[1][1] - turn * turn, g[1][1]);
    mixer[1][0] = -turn * first * second;
    const double along = g[0][2] * first, across = mixer[1][0] * g[0][2] + second * g[1][2];
    const double third = mixer[2][2] = inverse_root(g[2][2] - along * along - across * across, g[2][2]);
    mixer[2][1] = -across * second * third;
    mixer[2][0] = -(along * first + across * mixer[1][0]) * third;
}

/* One iteration of subspace.py: -> the residual, or -1, and nothing changed, where squares leave the range of float32. */
static double iterate_once(whole m, whole n, const float *w, float *u, float *basis, float *room) {
    float *images = room, *back = room + 3 * m, *news = back + n;
    double g[3][3], turns[3][3];
    three_products(m, n, w, basis, images);
    gram(m, images, g);
    if (!(g[0][0] > 1e-30 && g[0][0] < 1e30)) return -1;
    for (int i = 0; i < 9; i++)
        if (!isfinite(g[i / 3][i % 3])) return -1;
    eigen(g, turns);
    int best = 0, last = 0;
    for (int k = 1; k < 3; k++) best = g[k][k] > g[best][best] ? k : best, last = g[k][k] <= g[last][last] ? k : last;
    const int next = 3 - best - last;
    const double value = sqrt(g[best][best]);
    const double shares[3] = {turns[best][0] / value, turns[best][1] / value, turns[best][2] / value};
    combine(m, shares, images, u);
    back_product(m, n, w, u, back);
    const double sigma = sqrt(inner(n, back, back)), lost = 1 - (value / sigma) * (value / sigma);
    const double residual = lost > 0 ? sqrt(lost) : 0, far = residual > CONVERGED ? 1 / residual : 0;
    double mixer[3][4] = {{1 / sigma, 0, 0, 0}, {0}, {-value / (sigma * sigma) * far}};
    for (int i = 0; i < 3; i++) mixer[1][1 + i] = turns[next][i], mixer[2][1 + i] = turns[best][i] * far;
    bend(n, mixer, back, basis, news);
    gram(n, news, g);
    straight(g, turns);
    straighten(n, turns, news, basis);
    return residual;
}

/* u'Wv: room [N]. */
double bilinear(whole m, whole n, const float *w, const float *u, const float *v, float *room) {
    back_product(m, n, w, u, room);
    return (float)inner(n, room, v);
}

/* out = the numbers of `in`, `by` times each. */
WIDE static void scale(whole n, const float *in, float by, float *out) {
    for (whole i = 0; i < n; i += BLOCK) {
        const whole end = i + BLOCK < n ? i + BLOCK : n;
        if (end + BLOCK <= n) will_write(out + end, BLOCK);
#pragma omp simd
        for (whole j = i; j < end; j++) out[j] = by * in[j];
    }
}

/* Iterate on each of `count` matrices until its residual is small enough, and normalize it while it is near: -> iterations in
   all, or -1, with nothing written but what is new, where squares leave the range of float32.

   sizes    [count, 2]: M, N
   weights  [count]
   tensors  [5, count]: vectors to start from [3, N] and coefficients; to be filled the normalized weights, and copies of u and
            of the vectors; these three may be 0
   found    for M + 3 N numbers of each matrix, to be filled with u [M] and vectors [3, N]
   numbers  [3, count]: to be filled with sigmas, residuals and factors
   room     for 3 M + 4 N numbers of the largest matrix */
whole iterate(whole count, const whole *sizes, float *const *weights, float *const *tensors, float *found, float *numbers,
              float *room, double enough, whole at_most) {
    float *const *starts = tensors, *const *coefficients = starts + count, *const *values = coefficients + count;
    float *const *home_us = values + count, *const *home_bases = home_us + count;
    float *u = found;
    whole done = 0;
    for (whole k = 0; k < count; k++) {
        const whole m = sizes[2 * k], n = sizes[2 * k + 1];
        float *basis = u + m;
        memcpy(basis, starts[k], (size_t)(3 * n) * sizeof(float));
        double residual = 2;
        for (whole i = 0; i < at_most && residual > enough; i++, done++) {
            residual = iterate_once(m, n, weights[k], u, basis, room);
            if (residual < 0) return -1;
        }
        const float sigma = (float)inner(n, room + 3 * m, basis), factor = *coefficients[k] / (sigma > 0 ? sigma : 1);
        numbers[k] = sigma, numbers[count + k] = (float)residual, numbers[2 * count + k] = factor;
        if (values[k]) scale(m * n, weights[k], factor, values[k]);
        u = basis + 3 * n;
    }
    u = found;
    for (whole k = 0; k < count; k++) {
        const whole m = sizes[2 * k], n = sizes[2 * k + 1];
        if (home_us[k]) memcpy(home_us[k], u, (size_t)m * sizeof(float));
        if (home_bases[k]) memcpy(home_bases[k], u + m, (size_t)(3 * n) * sizeof(float));
        u += m + 3 * n;
    }
    return done;
}

/* <a, b>, blocks of it in float32, read as four streams each. */
WIDE static double long_inner(whole n, const float *a, const float *b) {
    enum { QUARTER = BLOCK / 4 };
    double sum = 0;
    whole i = 0;
    for (; i + BLOCK <= n; i += BLOCK) {
        const float *p = a + i, *q = b + i;
        if (i + 2 * BLOCK <= n) will_read(p + BLOCK, BLOCK), will_read(q + BLOCK, BLOCK);
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
        for (whole j = 0; j < QUARTER; j++) {
            s0 += p[j] * q[j], s1 += p[j + QUARTER] * q[j + QUARTER];
            s2 += p[j + 2 * QUARTER] * q[j + 2 * QUARTER], s3 += p[j + 3 * QUARTER] * q[j + 3 * QUARTER];
        }
        sum += (double)s0 + s1 + s2 + s3;
    }
    return sum + inner(n - i, a + i, b + i);
}

/* out = (g - <g, s> / c * uv') c / sigma, where s is the normalized weight: g, s, out [M, N]. */
WIDE static void gradient(whole m, whole n, const float *g, const float *s, const float *u, const float *v, double sigma,
                          float factor, float *out) {
    const double share = -long_inner(m * n, g, s) / (sigma == 0 ? 1 : sigma);
    for (whole i = 0; i < m; i++) {
        const float *a = g + i * n, left = (float)(share * u[i]);
        float *o = out + i * n;
        if (i + 1 < m) will_write(o + n, n);
#pragma omp simd
        for (whole j = 0; j < n; j++) o[j] = factor * a[j] + left * v[j];
    }
}

/* The gradients of `count` weights.

   sizes    [count, 2]: M, N
   tensors  [5, count]: gradients of the normalized weights, those weights, u, v; and the gradients to fill
   numbers  [count, 2]: sigma, and c / sigma */
void gradients(whole count, const whole *sizes, float *const *tensors, const double *numbers) {
    float *const *results = tensors + count, *const *us = results + count, *const *vs = us + count, *const *outs = vs + count;
    for (whole k = 0; k < count; k++)
        gradient(sizes[2 * k], sizes[2 * k + 1], tensors[k], results[k], us[k], vs[k], numbers[2 * k],
                 (float)numbers[2 * k + 1], outs[k]);
}
