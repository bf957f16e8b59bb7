/// The only package that calls libtorch and BLAS: blocks, Gram matrices, matrices, training.
package org.wanda4j.torch;
