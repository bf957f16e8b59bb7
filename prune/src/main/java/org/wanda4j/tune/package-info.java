/// Training of what survives in a pruned block.
package org.wanda4j.tune;
