/// How sparsity is spread: which linears are pruned, and how much of each.
package org.wanda4j.allocate;
