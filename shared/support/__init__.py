"""All that an implementation may import besides its framework and its siblings: copy three files and this folder.

shapes   the boundary check: annotations, enforced (`rules` and `arguments` are its parts)
blocks   elementwise formulas over trees, in NumPy block by block
sizes    sizes that tf.function does not know yet
erfc     the complementary error function, which NumPy lacks

Calls nothing of this project.
"""
