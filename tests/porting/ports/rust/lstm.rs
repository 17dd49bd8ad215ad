// LSTM, forward and backward; the equations' numbers are those of the specification (triptych compare lstm).
// rustc -O lstm.rs && ./lstm lstm.safetensors numbers.safetensors
mod golden;
use golden::{Golden, Numbers};

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

// y (N, K) += x (N, D) @ W (D, K)
fn matmul(y: &mut [f64], x: &[f64], w: &[f64], [n, d, k]: [usize; 3]) {
    for (a, b, c) in places(n, d, k) {
        y[c] += x[a] * w[b];
    }
}

// d_x (N, D) += d_y (N, K) @ Wᵀ
fn matmul_x(d_x: &mut [f64], d_y: &[f64], w: &[f64], [n, d, k]: [usize; 3]) {
    for (a, b, c) in places(n, d, k) {
        d_x[a] += d_y[c] * w[b];
    }
}

// d_W (D, K) += xᵀ @ d_y (N, K)
fn matmul_w(d_w: &mut [f64], x: &[f64], d_y: &[f64], [n, d, k]: [usize; 3]) {
    for (a, b, c) in places(n, d, k) {
        d_w[b] += x[a] * d_y[c];
    }
}

fn places(n: usize, d: usize, k: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..n).flat_map(move |n| (0..d).flat_map(move |d_| (0..k).map(move |k_| (n * d + d_, d_ * k + k_, n * k + k_))))
}

#[derive(Clone)]
struct State {
    h: Vec<f64>,
    c: Vec<f64>,
}

struct Cache {
    state: State,
    i: Vec<f64>,
    f: Vec<f64>,
    g: Vec<f64>,
    o: Vec<f64>,
    tanh_c: Vec<f64>,
}

fn lstm(golden: &Golden, label: &str, out: &mut Numbers) {
    let get = |leaf: &str| golden.read(&format!("{label}/{leaf}"));
    let (mut xs, w_x, w_h, b) = (get("args[1]"), get("args[0].W_x").data, get("args[0].W_h"), get("args[0].b").data);
    let (steps, n, d, h) = (xs.shape[0], xs.shape[1], xs.shape[2], w_h.shape[0]);
    let (size, z_size) = (n * h, n * 4 * h);
    let mask = golden.has(&format!("{label}/args[3]")).then(|| get("args[3]").data);
    if let Some(mask) = &mask {
        (0..xs.data.len()).filter(|&k| mask[k / d] == 0.0).for_each(|k| xs.data[k] = 0.0); // (1)
    }
    let counts = |t: usize, at: usize| mask.as_ref().is_none_or(|mask| mask[t * n + at / h] != 0.0);
    let place = |k: usize, at: usize| at / h * 4 * h + k * h + at % h; // of block k of z

    let mut state = State { h: get("args[2].h").data, c: get("args[2].c").data };
    let (mut cache, mut hs) = (vec![], vec![0.0; steps * size]);
    for t in 0..steps {
        let x = &xs.data[t * n * d..(t + 1) * n * d];
        let mut z: Vec<f64> = (0..z_size).map(|k| b[k % (4 * h)]).collect();
        matmul(&mut z, x, &w_x, [n, d, 4 * h]); // (1)
        matmul(&mut z, &state.h, &w_h.data, [n, h, 4 * h]); // (1)
        let block = |k: usize, f: fn(f64) -> f64| -> Vec<f64> { (0..size).map(|at| f(z[place(k, at)])).collect() };
        let (i, f, o) = (block(0, sigmoid), block(1, sigmoid), block(3, sigmoid)); // (2)
        let g = block(2, f64::tanh); // (3)
        let c: Vec<f64> = (0..size).map(|at| f[at] * state.c[at] + i[at] * g[at]).collect(); // (4)
        let tanh_c: Vec<f64> = c.iter().map(|c| c.tanh()).collect();
        let h_new: Vec<f64> = (0..size).map(|at| o[at] * tanh_c[at]).collect(); // (5)
        for (leaf, value) in [("2+3/i", &i), ("2+3/f", &f), ("2+3/g", &g), ("2+3/o", &o), ("4/c", &c), ("5/h", &h_new)] {
            out.put(format!("{label}/trace/{leaf}/step {}", t + 1), &[n, h], value);
        }
        out.put(format!("{label}/trace/1/z/step {}", t + 1), &[n, 4 * h], &z);
        let mut new = state.clone();
        for at in (0..size).filter(|&at| counts(t, at)) {
            (new.h[at], new.c[at], hs[t * size + at]) = (h_new[at], c[at], h_new[at]); // (6)
        }
        cache.push(Cache { state, i, f, g, o, tanh_c });
        state = new;
    }
    out.put(format!("{label}/outputs[0]"), &[steps, n, h], &hs);
    out.put(format!("{label}/outputs[1].h"), &[n, h], &state.h);
    out.put(format!("{label}/outputs[1].c"), &[n, h], &state.c);

    let d_hs = get("cotangents[0]").data;
    let mut back = State { h: get("cotangents[1].h").data, c: get("cotangents[1].c").data }; // what later steps give back
    let (mut d_w_x, mut d_w_h, mut d_b) = (vec![0.0; d * 4 * h], vec![0.0; h * 4 * h], vec![0.0; 4 * h]);
    let mut d_xs = vec![0.0; steps * n * d];
    for t in (0..steps).rev() {
        let Cache { state, i, f, g, o, tanh_c } = &cache[t];
        let (mut d_o, mut d_c, mut d_z) = (vec![0.0; size], vec![0.0; size], vec![0.0; z_size]);
        let mut next = back.clone(); // where a step does not count, all goes on to the step before
        for at in (0..size).filter(|&at| counts(t, at)) {
            let d_h = d_hs[t * size + at] + back.h[at]; // through (6)
            d_o[at] = d_h * tanh_c[at]; // through (5)
            d_c[at] = d_h * o[at] * (1.0 - tanh_c[at] * tanh_c[at]) + back.c[at]; // through (5) (6)
            let (d_i, d_f, d_g) = (d_c[at] * g[at], d_c[at] * state.c[at], d_c[at] * i[at]); // through (4)
            d_z[place(0, at)] = d_i * i[at] * (1.0 - i[at]); // through (2)
            d_z[place(1, at)] = d_f * f[at] * (1.0 - f[at]); // through (2)
            d_z[place(2, at)] = d_g * (1.0 - g[at] * g[at]); // through (3)
            d_z[place(3, at)] = d_o[at] * o[at] * (1.0 - o[at]); // through (2)
            (next.h[at], next.c[at]) = (0.0, d_c[at] * f[at]); // through (4) (6)
        }
        matmul_x(&mut next.h, &d_z, &w_h.data, [n, h, 4 * h]); // through (1)
        let step = t * n * d..(t + 1) * n * d;
        matmul_w(&mut d_w_x, &xs.data[step.clone()], &d_z, [n, d, 4 * h]); // through (1)
        matmul_w(&mut d_w_h, &state.h, &d_z, [n, h, 4 * h]); // through (1)
        d_z.iter().enumerate().for_each(|(k, x)| d_b[k % (4 * h)] += x); // through (1)
        matmul_x(&mut d_xs[step], &d_z, &w_x, [n, d, 4 * h]); // through (1)
        out.put(format!("{label}/trace/5/d_o/step {}", t + 1), &[n, h], &d_o);
        out.put(format!("{label}/trace/5/d_c/step {}", t + 1), &[n, h], &d_c);
        out.put(format!("{label}/trace/2+3/d_z/step {}", t + 1), &[n, 4 * h], &d_z);
        back = next;
    }
    out.put(format!("{label}/grads[0].W_x"), &[d, 4 * h], &d_w_x);
    out.put(format!("{label}/grads[0].W_h"), &[h, 4 * h], &d_w_h);
    out.put(format!("{label}/grads[0].b"), &[4 * h], &d_b);
    out.put(format!("{label}/grads[1]"), &[steps, n, d], &d_xs);
    out.put(format!("{label}/grads[2].h"), &[n, h], &back.h);
    out.put(format!("{label}/grads[2].c"), &[n, h], &back.c);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (golden, mut out) = (Golden::open(&arguments[1]), Numbers::default());
    for label in [
        "lstm", "lstm unequal lengths", "lstm all sizes one", "lstm fifty steps", "lstm two hundred steps", "lstm huge inputs",
        "lstm no sequences", "lstm a sequence of padding alone", "lstm a mask that hides everything",
        "lstm padding that is not a number",
    ] {
        lstm(&golden, label, &mut out);
    }
    out.write(&arguments[2]);
}
