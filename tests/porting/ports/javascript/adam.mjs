// Adam; the equations' numbers are those of the specification (triptych compare adam).
// node adam.mjs adam.safetensors numbers.safetensors
import { read, write } from "./golden.mjs";

const [golden, numbers] = process.argv.slice(2);
const { tensors, cases } = read(golden);
const found = {};

// One leaf: new values of p, m and v.
function update({ p, m, v }, g, step, { lr, beta1, beta2, eps }) {
  const correction1 = 1 - beta1 ** step, correction2 = 1 - beta2 ** step; // (3)
  m = m.map((x, k) => beta1 * x + (1 - beta1) * g[k]); // (1)
  v = v.map((x, k) => beta2 * x + (1 - beta2) * g[k] * g[k]); // (2)
  const mHat = m.map((x) => x / correction1), sqrtVHat = v.map((x) => Math.sqrt(x) / Math.sqrt(correction2)); // (3)
  p = p.map((x, k) => x - (lr * mHat[k]) / (sqrtVHat[k] + eps)); // (4)
  return { p, m, v };
}

function run(label, { static: options }) {
  const get = (leaf) => tensors[`${label}/${leaf}`];
  const names = ["W", "b"].filter((name) => get(`args[0]['${name}']`));
  const state = {};
  for (const name of names) {
    const p = get(`args[0]['${name}']`).data;
    state[name] = { p, m: p.map(() => 0), v: p.map(() => 0) };
  }
  for (let t = 0; get(`args[2][${t}]`); t++) {
    const lr = get(`args[2][${t}]`).data[0];
    for (const name of names) {
      const g = get(`args[1][${t}]['${name}']`);
      const { p, m, v } = (state[name] = update(state[name], g.data, t + 1, { lr, ...options }));
      const put = (leaf, data) => (found[`${label}/${leaf}`] = { shape: g.shape, data });
      put(`outputs[${t}][0]['${name}']`, p);
      put(`outputs[${t}][1].m['${name}']`, m);
      put(`outputs[${t}][1].v['${name}']`, v);
      put(`trace/1/m/step ${t + 1}, leaf ${name}`, m);
      put(`trace/2/v/step ${t + 1}, leaf ${name}`, v);
      put(`trace/4/p/step ${t + 1}, leaf ${name}`, p);
    }
    found[`${label}/outputs[${t}][1].step`] = { shape: [], data: [t + 1], whole: true };
  }
}

for (const [label, about] of Object.entries(cases))
  if (about.function === "run" && about.dtype === "float64") run(label, about);
write(numbers, found);
