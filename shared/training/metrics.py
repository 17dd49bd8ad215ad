"""What training runs measure, in words: the unit of a metric, what it is, and which way is better.

A recipe's `evaluate` names its metrics; result.json and RESULTS.md have these names, the command line explains them.
"""

HIGHER, LOWER = "higher is better", "lower is better"
PERCENT = "%"  # of a share: 0.5 is printed as 50 %
NATS = "nats per digit"

# name: (unit, what it is, which way is better). "plain" before a name: of the network without the method.
KNOWN = {
    "accuracy": (PERCENT, "", ""),
    "mean_accuracy": (PERCENT, "with mean weights in place of drawn masks", HIGHER),
    "real_accuracy": (PERCENT, "real digits that the discriminator calls real", "50 % if it cannot tell"),
    "fake_accuracy": (PERCENT, "generated digits that it calls generated", "50 % if it cannot tell"),
    "test_loss": ("nats per example", "mean cross-entropy of the test set", LOWER),
    "test_margin": ("", "mean margin loss of the test set", LOWER),
    "gradient": ("", "length of the loss's gradient at the end: 0 at the optimum", LOWER),
    "r2": ("", "R², the share of the variance that is explained; at most 1", HIGHER),
    "distance": ("", "from the exact solution, relative to its largest weight", LOWER),
    "test_mse": ("", "mean squared error of the test sums", LOWER),
    "baseline_mse": ("", "the same error if every answer is 1, the mean", "to compare with"),
    "worst_error": ("", "largest error of a test sum", LOWER),
    "length": ("steps", "length of a sequence", ""),
    "bits": ("bits per letter", "cross-entropy of the test words", LOWER),
    "unigram_bits": ("bits per letter", "the same, foretold from how often each letter occurs", "to compare with"),
    "bigram_bits": ("bits per letter", "the same, foretold from the letter before", "to compare with"),
    "trigram_bits": ("bits per letter", "the same, foretold from the two letters before", "to compare with"),
    "invented": ("words", "that the network wrote", ""),
    "new": ("words", "of those, different and not in the dictionary", ""),
    "real": ("words", "of those that it wrote, in the dictionary", ""),
    "phoneme_error": (PERCENT, "sounds to insert, delete or replace, of all sounds", LOWER),
    "word_error": (PERCENT, "words with a wrong sound", LOWER),
    "squared_error": ("per image", "squared error of the reconstruction, summed over the pixels", LOWER),
    "pca_squared_error": ("per image", "the same of principal components, as many numbers", "to compare with"),
    "masked_squared_error": ("per image", "the same of the masked images, left as they are", "to compare with"),
    "distinct_codes": ("", "hidden states that stand for a pattern; 4 is perfect", HIGHER),
    "min_code_probability": ("", "p(its hidden state | pattern) of the worst pattern", HIGHER),
    "min_recall": ("", "p(right side | left side) of the worst pattern", HIGHER),
    "loss": ("nats", "mean of -log p over the patterns", LOWER),
    "data_entropy": ("nats", "the least that the loss can be", "to compare with"),
    "modes": ("", "clusters that the samples cover, of 8", HIGHER),
    "near": (PERCENT, "samples within three standard deviations of a cluster", HIGHER),
    "rarest": (PERCENT, "samples in the cluster that has the fewest", "12.5 % at best"),
    "commonest": (PERCENT, "samples in the cluster that has the most", "12.5 % at best"),
    "test_log_likelihood": (NATS, "mean log p of the test digits", HIGHER),
    "test_log_likelihood_low": (NATS, "the same at the low end of its error bar", ""),
    "test_log_likelihood_high": (NATS, "the same at the high end of its error bar", ""),
    "train_log_likelihood": (NATS, "mean log p of as many training digits", HIGHER),
    "log_z": ("nats", "estimate of log Z, what normalizes p", ""),
    "elbo": (NATS, "evidence lower bound (ELBO) on log p of the test digits", HIGHER),
    "map_elbo": (NATS, "the same of the small network with two latents, which draws the map", HIGHER),
    "bound": (NATS, "a tighter lower bound on log p, from many samples of each digit", HIGHER),
    "bound_elbo": (NATS, "the evidence lower bound of the same digits", "to compare with"),
}


def about(name: str) -> tuple[str, str, str]:
    """(unit, what it is, which way is better) of a metric; empty where nothing is known of it."""
    if name.startswith("plain_"):
        unit, what, _ = about(name.removeprefix("plain_"))
        return unit, f"{f'{what}, ' if what else ''}without the method", "to compare with"
    return KNOWN.get(name, ("", "", ""))


def number(name: str, value: float) -> str:
    """The value with its unit: `98.12 %`, `-98.21 nats per digit`."""
    unit = about(name)[0]
    return f"{100 * value:.2f} %" if unit == PERCENT else f"{value:.4g} {unit}".strip()


def in_words(name: str, value: float) -> str:
    """The value with its unit and, in brackets, what it is: `-98.21 nats per digit (evidence lower bound...)`."""
    told = "; ".join(filter(None, about(name)[1:]))
    return number(name, value) + (f" ({told})" if told else "")
