/// Packing with weights that are rounded by what calibration text shows of their inputs.
package org.wanda4j.quantize;
