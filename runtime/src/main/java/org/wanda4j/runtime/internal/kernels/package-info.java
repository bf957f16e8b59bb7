/// The arithmetic of decoding, on matrices where they are mapped: [RowKernels], a scalar reference and two implementations with the Vector
/// API.
package org.wanda4j.runtime.internal.kernels;
