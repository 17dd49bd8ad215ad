// Adam; the equations' numbers are those of the specification (triptych compare adam).
// rustc -O adam.rs && ./adam adam.safetensors numbers.safetensors
mod golden;
use golden::{Golden, Numbers, Tensor};

struct Leaf {
    name: &'static str,
    p: Tensor,
    m: Vec<f64>,
    v: Vec<f64>,
}

struct Options {
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
}

fn update(leaf: &mut Leaf, g: &[f64], step: i32, o: &Options) {
    let (correction1, correction2) = (1.0 - o.beta1.powi(step), 1.0 - o.beta2.powi(step)); // (3)
    for (k, &g) in g.iter().enumerate() {
        let (p, m, v) = (&mut leaf.p.data[k], &mut leaf.m[k], &mut leaf.v[k]);
        *m = o.beta1 * *m + (1.0 - o.beta1) * g; // (1)
        *v = o.beta2 * *v + (1.0 - o.beta2) * g * g; // (2)
        let (m_hat, sqrt_v_hat) = (*m / correction1, v.sqrt() / correction2.sqrt()); // (3)
        *p -= o.lr * m_hat / (sqrt_v_hat + o.eps); // (4)
    }
}

fn run(golden: &Golden, label: &str, out: &mut Numbers) {
    let get = |leaf: String| golden.read(&format!("{label}/{leaf}"));
    let number = |keyword| golden.number(label, keyword);
    let mut leaves: Vec<Leaf> = vec![];
    for name in ["W", "b"] {
        if golden.has(&format!("{label}/args[0]['{name}']")) {
            let p = get(format!("args[0]['{name}']"));
            let n = p.data.len();
            leaves.push(Leaf { name, p, m: vec![0.0; n], v: vec![0.0; n] });
        }
    }
    let mut t = 0;
    while golden.has(&format!("{label}/args[2][{t}]")) {
        let lr = get(format!("args[2][{t}]")).data[0];
        let options = Options { lr, beta1: number("beta1"), beta2: number("beta2"), eps: number("eps") };
        let step = t + 1;
        for leaf in &mut leaves {
            let (name, g) = (leaf.name, get(format!("args[1][{t}]['{}']", leaf.name)));
            update(leaf, &g.data, step, &options);
            out.put(format!("{label}/outputs[{t}][0]['{name}']"), &g.shape, &leaf.p.data);
            out.put(format!("{label}/outputs[{t}][1].m['{name}']"), &g.shape, &leaf.m);
            out.put(format!("{label}/outputs[{t}][1].v['{name}']"), &g.shape, &leaf.v);
            out.put(format!("{label}/trace/1/m/step {step}, leaf {name}"), &g.shape, &leaf.m);
            out.put(format!("{label}/trace/2/v/step {step}, leaf {name}"), &g.shape, &leaf.v);
            out.put(format!("{label}/trace/4/p/step {step}, leaf {name}"), &g.shape, &leaf.p.data);
        }
        out.put_whole(format!("{label}/outputs[{t}][1].step"), step as i64);
        t += 1;
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (golden, mut out) = (Golden::open(&arguments[1]), Numbers::default());
    for label in ["run", "run zero gradients", "run tiny gradients"] {
        run(&golden, label, &mut out);
    }
    out.write(&arguments[2]);
}
