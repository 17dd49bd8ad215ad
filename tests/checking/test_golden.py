"""Golden vectors in the place of the oracles: what is right for arguments that were rounded to float32."""

import pytest

from shared import backends, cases
from shared.cases import in_dtype
from shared.checking import golden
from shared.checking.answers import Answer, compare, expected, from_oracle

PATHS = ["generative/gan", "recurrent/lstm", "intro/mlp"]


@pytest.mark.skipif("torch" not in backends.installed(), reason="needs the oracles")
@pytest.mark.parametrize("path", PATHS)
def test_without_pytorch_rounded_arguments_have_an_answer_of_their_own(path, monkeypatch):
    """As exact as in float64: the fixture's is off by what rounding does to it, 1e-5 in gan_discriminate."""
    for case in cases.main_cases(path):
        single = in_dtype(case, "float32")
        wanted = from_oracle(single)
        with monkeypatch.context() as without:
            without.setattr(backends, "installed", lambda: ("numpy",))
            assert max(compare(expected(path, single), wanted)).error <= case.tolerance
            assert max(compare(expected(path, case), Answer(*golden.read(path, case)))).error == 0
