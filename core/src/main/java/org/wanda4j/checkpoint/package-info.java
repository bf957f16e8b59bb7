/// Hugging Face checkpoints as mapped tensors, packed or not, and outputs that appear whole or not at all.
package org.wanda4j.checkpoint;
