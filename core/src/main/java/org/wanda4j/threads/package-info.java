/// Work on several threads that has ended when its caller returns: memory that the threads used may be freed then.
///
/// Waiting is not ended early by an interruption, and no thread is interrupted, as that would close the file channel that it reads.
package org.wanda4j.threads;
