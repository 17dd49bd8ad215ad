"""A port that leaves its gradients to autodiff is told the first line whose derivative is wrong, though its values
are right."""

import re

import pytest

from shared import backends, catalogue
from shared.porting import check

# path, case, right line, the same values with another derivative, the value whose gradient shows it
DETACHED = [
    ("recurrent/lstm", "lstm", "c = f * state.c + i * g", "c = f.detach() * state.c + i * g", "f"),
    ("recurrent/lstm", "lstm", "h = o * tanh_c", "h = o * tanh_c.detach()", "tanh_c"),
    ("recurrent/gru", "gru", "n = tanh(a_n + r * u_n)", "n = tanh(a_n + r.detach() * u_n)", "r"),
    ("normalization/batch_norm", "batch_norm dense",
     "x_hat = centred * inv_std", "x_hat = centred * inv_std.detach()", "var"),
    ("recurrent/attention", "attention", "scores = hidden @ v", "scores = hidden.detach() @ v", "hidden"),
    ("generative/vae", "vae", "z = mu + sigma * eps", "z = mu + sigma.detach() * eps", "sigma"),
    ("generative/vae", "vae_loss", "elbo = log_p - kl", "elbo = log_p - kl.detach()", "kl"),
    ("intro/mlp", "mlp tanh", "z = a @ layer.W + layer.b", "z = a @ layer.W.detach() + layer.b", ""),
]  # fmt: skip


@pytest.mark.skipif("torch" not in backends.installed(), reason="needs torch")
@pytest.mark.parametrize(("path", "label", "old", "new", "name"), DETACHED)
def test_the_first_wrong_derivative_is_named(tmp_path, path, label, old, new, name):
    text = catalogue.source("torch", path).read_text()
    assert text.count(old) == 1 or path == "generative/vae"
    file = tmp_path / "port.py"
    file.write_text(text.replace(old, new))
    report = check.check(path, file, [label], say=lambda what: None)
    line = report["finding"]["line"]
    if not name:  # a parameter has no tagged line of its own: the leaf of the gradients is named
        assert "grads[0]" in line
        return
    found = re.search(r"the gradient of `(\w+)`.* the derivative of line (\d+)", line)
    assert found, line
    assert found[1] == name, line
    assert text.splitlines()[int(found[2]) - 1].strip().startswith(old.split(" = ")[0]) or name == "var", line


@pytest.mark.skipif("torch" not in backends.installed(), reason="needs torch")
def test_a_right_port_has_no_wrong_derivative(tmp_path):
    file = tmp_path / "port.py"
    file.write_text(catalogue.source("torch", "recurrent/gru").read_text())
    assert check.check("recurrent/gru", file, ["gru"], say=lambda what: None)["ok"]
