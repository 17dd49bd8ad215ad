// LSTM, forward and backward; the equations' numbers are those of the specification (triptych compare lstm).
// cc -O2 lstm.c -o lstm -lm && ./lstm lstm.safetensors numbers.safetensors
#include "golden.h"

#define EACH(i, n) for (long i = 0; i < (n); i++)

static Golden golden;
static const char *label;  // of the case at hand

static const char *named(const char *leaf) {
    static char name[300];
    snprintf(name, sizeof name, "%s/%s", label, leaf);
    return name;
}

static Tensor get(const char *leaf) { return golden_read(golden, named(leaf)); }

static void out(const char *leaf, const double *data, int ndim, long a, long b, long c) {
    put(named(leaf), 0, ndim, (long[]){a, b, c}, data);
}

// One (N, width) value of step t, under its equation's name.
static void traced(const char *leaf, long t, const double *data, long N, long width) {
    char whole[100];
    snprintf(whole, sizeof whole, "trace/%s/step %ld", leaf, t + 1);
    out(whole, data, 2, N, width, 0);
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

// y (N, K) += x (N, D) @ W (D, K)
static void matmul(double *y, const double *x, const double *W, long N, long D, long K) {
    EACH(n, N) EACH(d, D) EACH(k, K) y[n * K + k] += x[n * D + d] * W[d * K + k];
}

// d_x (N, D) += d_y (N, K) @ Wᵀ
static void matmul_x(double *d_x, const double *d_y, const double *W, long N, long D, long K) {
    EACH(n, N) EACH(d, D) EACH(k, K) d_x[n * D + d] += d_y[n * K + k] * W[d * K + k];
}

// d_W (D, K) += xᵀ @ d_y (N, K)
static void matmul_W(double *d_W, const double *x, const double *d_y, long N, long D, long K) {
    EACH(n, N) EACH(d, D) EACH(k, K) d_W[d * K + k] += x[n * D + d] * d_y[n * K + k];
}

static void lstm(void) {
    Tensor W_x = get("args[0].W_x"), W_h = get("args[0].W_h"), b = get("args[0].b"), xs = get("args[1]");
    Tensor h_0 = get("args[2].h"), c_0 = get("args[2].c"), d_hs = get("cotangents[0]");
    int masked = golden_has(golden, named("args[3]"));
    Tensor mask = masked ? get("args[3]") : (Tensor){0};
    long T = xs.shape[0], N = xs.shape[1], D = xs.shape[2], H = W_h.shape[0], size = N * H;
    double *z = room(N * 4 * H * 8), *hs = room(T * size * 8);
    double *h = room((T + 1) * size * 8), *c = room((T + 1) * size * 8);  // the states, before every step and after the last
    double *gates[4], *tanh_c = room(T * size * 8);                        // i, f, g, o of all steps
    EACH(k, 4) gates[k] = room(T * size * 8);
    if (size) memcpy(h, h_0.data, size * 8), memcpy(c, c_0.data, size * 8);

    if (masked) EACH(k, T * N * D) if (!mask.data[k / D]) xs.data[k] = 0;                                    // (1)
    EACH(t, T) {
        double *before_h = h + t * size, *before_c = c + t * size, *new_h = before_h + size, *new_c = before_c + size;
        double *i = gates[0] + t * size, *f = gates[1] + t * size, *g = gates[2] + t * size, *o = gates[3] + t * size;
        EACH(n, N) EACH(k, 4 * H) z[n * 4 * H + k] = b.data[k];
        matmul(z, xs.data + t * N * D, W_x.data, N, D, 4 * H);                                              // (1)
        matmul(z, before_h, W_h.data, N, H, 4 * H);                                                         // (1)
        EACH(n, N) EACH(k, H) {
            long at = n * H + k;
            double *row = z + n * 4 * H + k;
            i[at] = sigmoid(row[0]), f[at] = sigmoid(row[H]), o[at] = sigmoid(row[3 * H]);                  // (2)
            g[at] = tanh(row[2 * H]);                                                                       // (3)
            new_c[at] = f[at] * before_c[at] + i[at] * g[at];                                               // (4)
            tanh_c[t * size + at] = tanh(new_c[at]);
            new_h[at] = o[at] * tanh_c[t * size + at];                                                      // (5)
        }
        traced("1/z", t, z, N, 4 * H), traced("2+3/i", t, i, N, H), traced("2+3/f", t, f, N, H);
        traced("2+3/g", t, g, N, H), traced("2+3/o", t, o, N, H), traced("4/c", t, new_c, N, H), traced("5/h", t, new_h, N, H);
        EACH(n, N) EACH(k, H) {
            long at = n * H + k;
            int counts = !masked || mask.data[t * N + n];
            if (!counts) new_h[at] = before_h[at], new_c[at] = before_c[at];                                // (6)
            hs[t * size + at] = counts ? new_h[at] : 0;                                                     // (6)
        }
    }
    out("outputs[0]", hs, 3, T, N, H), out("outputs[1].h", h + T * size, 2, N, H, 0), out("outputs[1].c", c + T * size, 2, N, H, 0);

    double *d_W_x = room(D * 4 * H * 8), *d_W_h = room(H * 4 * H * 8), *d_b = room(4 * H * 8), *d_xs = room(T * N * D * 8);
    double *back_h = get("cotangents[1].h").data, *back_c = get("cotangents[1].c").data;  // what later steps give back
    double *d_z = room(N * 4 * H * 8), *d_o = room(size * 8), *d_c = room(size * 8), *next_h = room(size * 8);
    for (long t = T - 1; t >= 0; t--) {
        double *i = gates[0] + t * size, *f = gates[1] + t * size, *g = gates[2] + t * size, *o = gates[3] + t * size;
        EACH(n, N) EACH(k, H) {
            long at = n * H + k;
            int counts = !masked || mask.data[t * N + n];
            double u = tanh_c[t * size + at], *row = d_z + n * 4 * H + k;
            double d_h = counts ? d_hs.data[t * size + at] + back_h[at] : 0;                                // through (6)
            d_o[at] = d_h * u;                                                                              // through (5)
            d_c[at] = d_h * o[at] * (1 - u * u) + (counts ? back_c[at] : 0);                                // through (5) (6)
            double d_i = d_c[at] * g[at], d_f = d_c[at] * c[t * size + at], d_g = d_c[at] * i[at];          // through (4)
            row[0] = d_i * i[at] * (1 - i[at]), row[H] = d_f * f[at] * (1 - f[at]);                         // through (2)
            row[2 * H] = d_g * (1 - g[at] * g[at]), row[3 * H] = d_o[at] * o[at] * (1 - o[at]);             // through (2) (3)
            next_h[at] = counts ? 0 : back_h[at];                                                           // through (6)
            back_c[at] = counts ? d_c[at] * f[at] : back_c[at];                                             // through (4) (6)
        }
        matmul_x(next_h, d_z, W_h.data, N, H, 4 * H);                                                       // through (1)
        if (size) memcpy(back_h, next_h, size * 8);
        matmul_W(d_W_x, xs.data + t * N * D, d_z, N, D, 4 * H);                                             // through (1)
        matmul_W(d_W_h, h + t * size, d_z, N, H, 4 * H);                                                    // through (1)
        EACH(n, N) EACH(k, 4 * H) d_b[k] += d_z[n * 4 * H + k];                                             // through (1)
        matmul_x(d_xs + t * N * D, d_z, W_x.data, N, D, 4 * H);                                             // through (1)
        traced("5/d_o", t, d_o, N, H), traced("5/d_c", t, d_c, N, H), traced("2+3/d_z", t, d_z, N, 4 * H);
    }
    out("grads[0].W_x", d_W_x, 2, D, 4 * H, 0), out("grads[0].W_h", d_W_h, 2, H, 4 * H, 0), out("grads[0].b", d_b, 1, 4 * H, 0, 0);
    out("grads[1]", d_xs, 3, T, N, D), out("grads[2].h", back_h, 2, N, H, 0), out("grads[2].c", back_c, 2, N, H, 0);
}

int main(int argc, char **argv) {
    if (argc != 3) stop("usage", "lstm GOLDEN NUMBERS");
    static const char *cases[] = {
        "lstm", "lstm unequal lengths", "lstm all sizes one", "lstm fifty steps", "lstm two hundred steps", "lstm huge inputs",
        "lstm no sequences", "lstm a sequence of padding alone", "lstm a mask that hides everything", "lstm padding that is not a number",
    };
    golden = golden_open(argv[1]);
    EACH(k, (long)(sizeof cases / sizeof *cases)) label = cases[k], lstm();
    golden_write(argv[2]);
}
