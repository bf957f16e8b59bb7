/// Training of what survives in a whole pruned model, its masks held.
package org.wanda4j.recover;
