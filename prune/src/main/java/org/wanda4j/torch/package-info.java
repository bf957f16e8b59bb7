/// The only package that knows libtorch and BLAS: blocks, Gram matrices, matrices, training.
package org.wanda4j.torch;
