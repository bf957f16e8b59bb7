/// Sparsity patterns, masks, and the row kernels that score, select and remove.
package org.wanda4j.sparse;
