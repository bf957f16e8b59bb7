/// The layer-wise forward of calibration windows, and statistics of the inputs of linears.
package org.wanda4j.calibrate;
