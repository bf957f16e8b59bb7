/// The main loop, and the methods that plug into it: importance, selection, weight update, allocation.
package org.wanda4j.prune;
