// Adam; the equations' numbers are those of the specification (triptych compare adam).
// cc -O2 adam.c -o adam -lm && ./adam adam.safetensors numbers.safetensors
#include "golden.h"

static Golden golden;
static const char *label;  // of the case at hand

static const char *named(const char *form, int t, const char *leaf) {
    static char name[300], part[200];
    snprintf(part, sizeof part, form, t, leaf);
    snprintf(name, sizeof name, "%s/%s", label, part);
    return name;
}

// One leaf of the parameters, with its moments.
typedef struct { const char *name; Tensor p, m, v; } Leaf;

static void adam_update(Leaf *leaf, Tensor g, long step, double lr, double beta1, double beta2, double eps) {
    double correction1 = 1 - pow(beta1, step), correction2 = 1 - pow(beta2, step);                      // (3)
    for (long k = 0; k < g.size; k++) {
        double *p = leaf->p.data + k, *m = leaf->m.data + k, *v = leaf->v.data + k;
        *m = beta1 * *m + (1 - beta1) * g.data[k];                                                      // (1)
        *v = beta2 * *v + (1 - beta2) * g.data[k] * g.data[k];                                          // (2)
        double m_hat = *m / correction1, sqrt_v_hat = sqrt(*v) / sqrt(correction2);                     // (3)
        *p -= lr * m_hat / (sqrt_v_hat + eps);                                                          // (4)
    }
}

static void run(void) {
    double beta1 = golden_number(golden, label, "beta1"), beta2 = golden_number(golden, label, "beta2");
    double eps = golden_number(golden, label, "eps");
    Leaf leaves[2];
    int n = 0;
    for (const char *names[] = {"W", "b"}, **next = names; next < names + 2; next++)
        if (golden_has(golden, named("args[%d]['%s']", 0, *next))) {
            Tensor p = golden_read(golden, named("args[%d]['%s']", 0, *next)), m = p, v = p;
            m.data = room(8 * p.size), v.data = room(8 * p.size);
            leaves[n++] = (Leaf){*next, p, m, v};
        }
    for (int t = 0; golden_has(golden, named("args[2][%d]%s", t, "")); t++) {
        double lr = *golden_read(golden, named("args[2][%d]%s", t, "")).data, step = t + 1;
        for (int k = 0; k < n; k++) {
            Leaf *leaf = &leaves[k];
            adam_update(leaf, golden_read(golden, named("args[1][%d]['%s']", t, leaf->name)), t + 1, lr, beta1, beta2, eps);
            put(named("outputs[%d][0]['%s']", t, leaf->name), 0, leaf->p.ndim, leaf->p.shape, leaf->p.data);
            put(named("outputs[%d][1].m['%s']", t, leaf->name), 0, leaf->m.ndim, leaf->m.shape, leaf->m.data);
            put(named("outputs[%d][1].v['%s']", t, leaf->name), 0, leaf->v.ndim, leaf->v.shape, leaf->v.data);
            put(named("trace/1/m/step %d, leaf %s", t + 1, leaf->name), 0, leaf->m.ndim, leaf->m.shape, leaf->m.data);
            put(named("trace/2/v/step %d, leaf %s", t + 1, leaf->name), 0, leaf->v.ndim, leaf->v.shape, leaf->v.data);
            put(named("trace/4/p/step %d, leaf %s", t + 1, leaf->name), 0, leaf->p.ndim, leaf->p.shape, leaf->p.data);
        }
        put(named("outputs[%d][1].step%s", t, ""), 1, 0, NULL, &step);
    }
}

int main(int argc, char **argv) {
    if (argc != 3) stop("usage", "adam GOLDEN NUMBERS");
    static const char *cases[] = {"run", "run zero gradients", "run tiny gradients"};
    golden = golden_open(argv[1]);
    for (int k = 0; k < 3; k++) label = cases[k], run();
    golden_write(argv[2]);
}
