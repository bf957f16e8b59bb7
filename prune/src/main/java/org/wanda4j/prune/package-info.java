/// The main loop: block after block, stage after stage, linear after linear; what decides it, and what is kept of it.
package org.wanda4j.prune;
