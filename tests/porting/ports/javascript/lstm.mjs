// LSTM, forward and backward; the equations' numbers are those of the specification (triptych compare lstm).
// node lstm.mjs lstm.safetensors numbers.safetensors
import { read, write } from "./golden.mjs";

const [golden, numbers] = process.argv.slice(2);
const { tensors, cases } = read(golden);
const found = {};

const zeros = (n) => new Float64Array(n);
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// y (N, K) += x (N, D) @ W (D, K); with it its two ways back: d_x += d_y @ Wᵀ and d_W += xᵀ @ d_y
function each(N, D, K, visit) {
  for (let n = 0; n < N; n++)
    for (let d = 0; d < D; d++) for (let k = 0; k < K; k++) visit(n * D + d, d * K + k, n * K + k);
}
const matmul = (y, x, W, N, D, K) => each(N, D, K, (a, b, c) => (y[c] += x[a] * W[b]));
const matmulX = (dX, dY, W, N, D, K) => each(N, D, K, (a, b, c) => (dX[a] += dY[c] * W[b]));
const matmulW = (dW, x, dY, N, D, K) => each(N, D, K, (a, b, c) => (dW[b] += x[a] * dY[c]));

function lstm(label) {
  const get = (leaf) => tensors[`${label}/${leaf}`];
  const put = (leaf, shape, data) => (found[`${label}/${leaf}`] = { shape, data: data.slice() });
  const xs = get("args[1]"), [T, N, D] = xs.shape, W_h = get("args[0].W_h").data, H = get("args[0].W_h").shape[0];
  const W_x = get("args[0].W_x").data, b = get("args[0].b").data, mask = get("args[3]")?.data;
  const x = (t) => xs.data.slice(t * N * D, (t + 1) * N * D).map((v, k) => (!mask || mask[t * N + Math.floor(k / D)] ? v : 0)); // (1)
  const counts = (t, at) => !mask || mask[t * N + Math.floor(at / H)];
  const traced = (values, t, width) => {
    for (const [leaf, data] of Object.entries(values)) put(`trace/${leaf}/step ${t + 1}`, [N, width], data);
  };

  let state = { h: get("args[2].h").data, c: get("args[2].c").data };
  const cache = [], hs = zeros(T * N * H);
  for (let t = 0; t < T; t++) {
    const z = zeros(N * 4 * H).map((_, k) => b[k % (4 * H)]);
    matmul(z, x(t), W_x, N, D, 4 * H); // (1)
    matmul(z, state.h, W_h, N, H, 4 * H); // (1)
    const block = (k, f) => zeros(N * H).map((_, at) => f(z[Math.floor(at / H) * 4 * H + k * H + (at % H)]));
    const i = block(0, sigmoid), f = block(1, sigmoid), o = block(3, sigmoid); // (2)
    const g = block(2, Math.tanh); // (3)
    const c = i.map((_, at) => f[at] * state.c[at] + i[at] * g[at]); // (4)
    const tanhC = c.map(Math.tanh), h = o.map((gate, at) => gate * tanhC[at]); // (5)
    cache.push({ state, i, f, g, o, tanhC });
    state = { h: h.map((v, at) => (counts(t, at) ? v : state.h[at])), c: c.map((v, at) => (counts(t, at) ? v : state.c[at])) }; // (6)
    hs.set(state.h.map((v, at) => (counts(t, at) ? v : 0)), t * N * H); // (6)
    traced({ "1/z": z }, t, 4 * H);
    traced({ "2+3/i": i, "2+3/f": f, "2+3/g": g, "2+3/o": o, "4/c": c, "5/h": h }, t, H);
  }
  put("outputs[0]", [T, N, H], hs);
  put("outputs[1].h", [N, H], state.h);
  put("outputs[1].c", [N, H], state.c);

  const dW_x = zeros(D * 4 * H), dW_h = zeros(H * 4 * H), db = zeros(4 * H), dXs = zeros(T * N * D), dHs = get("cotangents[0]").data;
  let back = { h: get("cotangents[1].h").data, c: get("cotangents[1].c").data }; // what later steps give back to the state
  for (let t = T - 1; t >= 0; t--) {
    const { state, i, f, g, o, tanhC } = cache[t];
    const dH = back.h.map((v, at) => (counts(t, at) ? dHs[t * N * H + at] + v : 0)); // through (6)
    const dO = dH.map((v, at) => v * tanhC[at]); // through (5)
    const dC = dH.map((v, at) => v * o[at] * (1 - tanhC[at] ** 2) + (counts(t, at) ? back.c[at] : 0)); // through (5) (6)
    const dI = dC.map((v, at) => v * g[at]), dF = dC.map((v, at) => v * state.c[at]), dG = dC.map((v, at) => v * i[at]); // through (4)
    const blocks = [
      dI.map((v, at) => v * i[at] * (1 - i[at])), dF.map((v, at) => v * f[at] * (1 - f[at])), // through (2)
      dG.map((v, at) => v * (1 - g[at] ** 2)), dO.map((v, at) => v * o[at] * (1 - o[at])), // through (2) (3)
    ];
    const dZ = zeros(N * 4 * H);
    blocks.forEach((block, k) => block.forEach((v, at) => (dZ[Math.floor(at / H) * 4 * H + k * H + (at % H)] = v)));
    const h = back.h.map((v, at) => (counts(t, at) ? 0 : v)); // through (6)
    matmulX(h, dZ, W_h, N, H, 4 * H); // through (1)
    back = { h, c: back.c.map((v, at) => (counts(t, at) ? dC[at] * f[at] : v)) }; // through (4) (6)
    matmulW(dW_x, x(t), dZ, N, D, 4 * H); // through (1)
    matmulW(dW_h, state.h, dZ, N, H, 4 * H); // through (1)
    dZ.forEach((v, k) => (db[k % (4 * H)] += v)); // through (1)
    matmulX(dXs.subarray(t * N * D, (t + 1) * N * D), dZ, W_x, N, D, 4 * H); // through (1)
    traced({ "5/d_o": dO, "5/d_c": dC }, t, H);
    traced({ "2+3/d_z": dZ }, t, 4 * H);
  }
  put("grads[0].W_x", [D, 4 * H], dW_x);
  put("grads[0].W_h", [H, 4 * H], dW_h);
  put("grads[0].b", [4 * H], db);
  put("grads[1]", [T, N, D], dXs);
  put("grads[2].h", [N, H], back.h);
  put("grads[2].c", [N, H], back.c);
}

for (const [label, about] of Object.entries(cases)) if (about.function === "lstm") lstm(label);
write(numbers, found);
