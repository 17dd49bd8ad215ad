"""The sizes of TensorFlow's tensors, of which `tf.function` may not know all while it traces."""


def sizes(x) -> list:
    """x.shape as a list; in place of a size that is not known yet stands the number that it will be, as a tensor."""
    known = list(x.shape)
    if None not in known:
        return known
    import tensorflow as tf

    traced = tf.shape(x)
    return [traced[axis] if size is None else size for axis, size in enumerate(known)]
