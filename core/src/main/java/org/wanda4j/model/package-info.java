/// What a decoder-only transformer is, as data; one short description a family.
package org.wanda4j.model;
