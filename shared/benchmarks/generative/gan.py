"""GAN: a step of both nets, each with its Adam, against stacks of layers; noise given, the fakes detached."""

from numpy_impl.generative.gan import GANParams
from shared import backends
from shared.benchmarks import FASTEST, LR, Benchmark, compiled, size
from shared.benchmarks.generative._nets import keras_stack, layers, torch_stack

FULL = {"N": 128, "D": 784, "H": 256, "Z": 64}
TINY = {"N": 6, "D": 5, "H": 4, "Z": 3}


def benchmarks(draw, N, D, H, Z):
    params = GANParams(layers(draw, Z, H, 2 * H, D), layers(draw, D, 2 * H, H, 1))
    batch = abs(draw(N, D)), draw(N, Z), draw(N, Z)
    yield Benchmark(
        "training step",
        ours=lambda path, backend, mode: _ours(path, params, batch, backend, mode),
        torch=lambda torch: _torch(torch, params, batch),
        keras=lambda keras, mode: _keras(keras, params, batch, mode),
        modes=dict(FASTEST),
        held=3 * size(params) + size(batch),
    )


def _ours(path, params, batch, backend, mode):
    adapter, gan = backends.get(backend), backends.module(backend, path)
    adam, relu = backends.module(backend, "optimizers/adam"), {"activation": "relu"}
    judged, fooled = map(adapter.value_and_grad, (gan.gan_discriminator_loss, gan.gan_generator_loss))

    def step(params, states, x, z, fresh):
        generator, discriminator = params
        x_hat = adapter.call(gan.gan_generate, (generator, z), relu)
        d_loss, grads = judged(discriminator, x, x_hat, **relu)
        discriminator, of_D = adam.adam_update(grads, states[1], discriminator, lr=LR)
        g_loss, grads = fooled(generator, discriminator, fresh, **relu)
        generator, of_G = adam.adam_update(grads, states[0], generator, lr=LR)
        return (d_loss, g_loss), (generator, discriminator), (of_G, of_D)

    step, batch = compiled(backend, step, mode), backends.to_backend(backend, batch)
    nets = tuple(backends.to_backend(backend, params))
    kept = [nets, tuple(map(adam.adam_init, nets))]

    def run():
        losses, *kept[:] = step(*kept, *batch)
        return losses, kept[0]

    return run


def _torch(torch, params, batch):
    G, D = torch_stack(torch, params.generator, torch.nn.Sigmoid()), torch_stack(torch, params.discriminator)
    of_G, of_D = (torch.optim.Adam(net.parameters(), lr=LR) for net in (G, D))
    bce, weights = torch.nn.BCEWithLogitsLoss(), [*G.parameters(), *D.parameters()]
    x, z, fresh = backends.to_backend("torch", batch)
    ones, zeros = torch.ones(len(x), 1), torch.zeros(len(x), 1)

    def step():
        d_loss = bce(D(x), ones) + bce(D(G(z).detach()), zeros)
        of_D.zero_grad()
        d_loss.backward()
        of_D.step()
        g_loss = bce(D(G(fresh)), ones)
        of_G.zero_grad()
        g_loss.backward(inputs=list(G.parameters()))
        of_G.step()
        return (d_loss, g_loss), [weight.mT if weight.ndim == 2 else weight for weight in weights]

    return step


def _keras(keras, params, batch, mode):
    import tensorflow as tf

    G, D = keras_stack(keras, params.generator, "sigmoid"), keras_stack(keras, params.discriminator)
    bce, weights = keras.losses.BinaryCrossentropy(from_logits=True), [net.trainable_variables for net in (G, D)]
    optimizers = [keras.optimizers.Adam(LR, epsilon=1e-8) for _ in weights]
    for optimizer, net in zip(optimizers, weights, strict=True):
        optimizer.build(net)

    def follow(i, tape, loss):
        optimizers[i].apply(tape.gradient(loss, [weight.value for weight in weights[i]]), weights[i])

    def step(x, z, fresh):
        ones, zeros = tf.ones([len(x), 1]), tf.zeros([len(x), 1])
        fake = G(z)
        with tf.GradientTape() as tape:
            d_loss = bce(ones, D(x)) + bce(zeros, D(fake))
        follow(1, tape, d_loss)
        with tf.GradientTape() as tape:
            g_loss = bce(ones, D(G(fresh)))
        follow(0, tape, g_loss)
        return d_loss, g_loss

    step, batch = compiled("tf", step, mode), backends.to_backend("tf", batch)
    return lambda: (step(*batch), weights)
