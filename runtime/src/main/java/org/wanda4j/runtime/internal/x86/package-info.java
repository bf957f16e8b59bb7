/// Kernels in machine code for x86-64 that Java itself assembles and calls, with instructions that the Vector API does not reach
/// (AVX-512 VNNI and BF16). [MachineKernels] is all that the rest of the program sees of it.
package org.wanda4j.runtime.internal.x86;
