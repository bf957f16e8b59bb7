package org.wanda4j.text.jinja;

import java.util.List;

/// Keys, values or items of a map, which can be gone through and counted and have no places.
///
/// @param type what Python calls it
record View(String type, List<Object> items) {}
