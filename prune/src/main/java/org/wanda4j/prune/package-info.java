/// The main loop: block after block, stage after stage, linear after linear; its recipe and its journal.
package org.wanda4j.prune;
