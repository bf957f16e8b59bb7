/// The decoder: [Decoder] interprets an [org.wanda4j.model.Architecture], block by block, with keys and values in a [CachePool] and
/// the arithmetic of [org.wanda4j.runtime.internal.kernels.RowKernels].
package org.wanda4j.runtime.internal.decode;
