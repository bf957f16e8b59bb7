/// Work on several threads that has ended when its caller goes on: what the threads read and wrote may be freed then.
///
/// Nobody who waits here is woken early by an interruption, and no thread is interrupted: that would close the file that it
/// reads.
package org.wanda4j.threads;
